// The desk: two fields and Enter. It decides nothing: a rule's no comes from the library, and
// what was sent is followed by pendientes.js until its outcome is known.
"use strict";

const por = (id) => document.getElementById(id);
const ficha = JSON.parse(document.querySelector('meta[name="ficha"]').content);
const cargas = new Cargas([location.origin, ...ficha.otras.filter((otra) => otra !== location.origin)], terminarSesion);
const pendientes = new Pendientes(cargas, avisar);
const VERBOS = { prestamo: "Prestar", devolucion: "Devolver", renovacion: "Renovar" };
const NOMBRES = { prestamo: "Préstamo", devolucion: "Devolución", renovacion: "Renovación" };
const TECLAS = { F2: "prestamo", F3: "devolucion", F4: "renovacion" };
const HECHAS = "biblioteca.hechas";
const HECHAS_MAX = 12;
// What was typed when the session ended, for when it is back.
const BORRADOR = "biblioteca.borrador";
const CAMPOS = ["usuario", "libro", "palabras"];
// Long enough to read why the page goes away.
const AVISO_MS = 1500;
let terminada = false;
let ultimaPropia = null;
// The carga that wants a token.
let pide = null;

function el(nombre, atributos = {}, ...hijos) {
  const nuevo = document.createElement(nombre);
  for (const [clave, valor] of Object.entries(atributos)) {
    if (valor !== undefined && valor !== null) nuevo.setAttribute(clave, valor);
  }
  nuevo.append(...hijos.filter((hijo) => hijo !== null && hijo !== undefined));
  return nuevo;
}

function decir(tono, titular, detalle) {
  // The last thing that is said.
  if (terminada) return;
  por("resultado").dataset.tono = tono;
  por("titular").textContent = titular;
  por("detalle").textContent = detalle || "";
}

// A due date is a day of the library's calendar, whatever this PC's zone is.
function dia(fecha, largo = "long") {
  const [ano, mes, numero] = fecha.slice(0, 10).split("-").map(Number);
  const este = ano === new Date().getFullYear() ? {} : { year: "numeric" };
  return new Date(ano, mes - 1, numero).toLocaleDateString("es", { weekday: largo, day: "numeric", month: largo, ...este });
}

const modo = () => document.querySelector('input[name="operacion"]:checked').value;

function ponerModo(tipo) {
  document.querySelector(`input[value="${tipo}"]`).checked = true;
  por("enviar").textContent = VERBOS[tipo];
  document.querySelector('label[for="usuario"]').textContent = tipo === "devolucion" ? "Usuario (solo si se devuelve por ISBN)" : "Usuario";
}

function enfocar() {
  const primero = modo() === "devolucion" || por("usuario").value ? "libro" : "usuario";
  por(primero).focus();
}

// A scanned text is a copy's code or, if there is no such copy, an ISBN.
async function libroDe(texto) {
  const ejemplar = await cargas.leer(`/v1/ejemplares/${encodeURIComponent(texto)}`);
  if (ejemplar.estado === "CONFIRMADO") return { ejemplar: texto, titulo: ejemplar.datos.titulo };
  const libro = ejemplar.estado === "RECHAZADO" ? await cargas.leer(`/v1/libros/${encodeURIComponent(texto)}`) : ejemplar;
  if (libro.estado === "CONFIRMADO") return { isbn: texto, titulo: libro.datos.titulo };
  return { falta: libro };
}

async function operar() {
  const tipo = modo();
  const usuario = por("usuario").value.trim();
  const texto = por("libro").value.trim();
  if (!usuario && tipo !== "devolucion") return por("usuario").focus();
  if (!texto) return por("libro").focus();
  // Emptied at once: a second click has nothing to send.
  por("libro").value = "";
  decir("espera", "Un momento…", `${VERBOS[tipo]} ${texto}`);
  const libro = await libroDe(texto);
  if (libro.falta) return sinLibro(libro.falta, texto);
  if (tipo === "devolucion" && !libro.ejemplar && !usuario) {
    por("libro").value = texto;
    por("usuario").focus();
    return decir("aviso", "¿De qué usuario?", `Por ISBN hay que decir quién devuelve «${libro.titulo}».`);
  }
  const quien = tipo === "devolucion" && libro.ejemplar ? {} : { usuario };
  const cual = libro.ejemplar ? { ejemplar: libro.ejemplar } : { isbn: libro.isbn };
  enviar(tipo, { ...quien, ...cual, sede: ficha.sede }, libro.titulo);
}

// The branch goes with it: the carga that takes over may be another branch's.
function enviar(tipo, cuerpo, titulo) {
  const entrega = pendientes.entregar(tipo, cuerpo, titulo);
  ultimaPropia = JSON.stringify([tipo, cuerpo]);
  // Most are decided before anybody reads that they are waited for.
  setTimeout(contarPendientes, 1000);
  enfocar();
  return entrega;
}

function sinLibro(respuesta, texto) {
  if (respuesta.estado === "SIN_PERMISO") {
    por("libro").value = texto;
    return pedirToken(respuesta.url);
  }
  por("libro").focus();
  if (respuesta.estado === "RECHAZADO") return decir("mal", "No está en el catálogo", `Ningún ejemplar ni libro es «${texto}».`);
  por("libro").value = texto;
  decir("mal", "Nadie responde", respuesta.mensaje || "Ninguna carga contesta. No se envió nada; repita en un momento.");
}

// What was sent is on this browser's disk with its op_id, and goes on after coming in again.
function terminarSesion() {
  if (terminada) return;
  decir("aviso", "La sesión terminó", "Hay que entrar otra vez. Lo escrito y lo enviado se conservan.");
  terminada = true;
  setTimeout(() => {
    const escrito = Object.fromEntries(CAMPOS.map((id) => [id, por(id).value]));
    sessionStorage.setItem(BORRADOR, JSON.stringify({ ...escrito, modo: modo() }));
    location.assign("/entrar?a=/mostrador");
  }, AVISO_MS);
}

function recuperar() {
  const borrador = JSON.parse(sessionStorage.getItem(BORRADOR) || "null");
  sessionStorage.removeItem(BORRADOR);
  if (!borrador) return;
  for (const id of CAMPOS) por(id).value = borrador[id];
  ponerModo(borrador.modo);
  enfocar();
}

function pedirToken(url) {
  if (terminada || pide === url) return;
  pide = url;
  por("entrada").hidden = false;
  decir("aviso", "Hace falta el token", `La carga ${new URL(url).host} pide el token de este mostrador.`);
  por("token").focus();
}

// Every step of every operation, also of those from before a reload.
function avisar(operacion, respuesta) {
  const propia = JSON.stringify([operacion.tipo, operacion.cuerpo]) === ultimaPropia;
  const cosa = `«${operacion.libro}»`;
  contarPendientes();
  decirCarga();
  if (respuesta.estado === "SIN_PERMISO") return pedirToken(respuesta.url);
  if (respuesta.estado === "INSISTE") {
    if (propia && !pide) decir("aviso", "Sin respuesta todavía", `${NOMBRES[operacion.tipo]} de ${cosa}: se sigue intentando. No hace falta repetir.`);
    return;
  }
  const [tono, titular, detalle] = frases(operacion, respuesta, cosa);
  const rechazoTardio = respuesta.tarde && respuesta.estado === "RECHAZADO";
  if (propia || rechazoTardio || operacion.dudosa) decir(tono, titular, detalle);
  if (respuesta.estado !== "ENCOLADO") {
    apuntar({ tono, titular, detalle, tipo: operacion.tipo, hora: new Date().toLocaleTimeString("es") });
    const usuario = (respuesta.datos && respuesta.datos.usuario) || operacion.cuerpo.usuario;
    if (usuario && (!por("usuario").value.trim() || por("usuario").value.trim() === usuario)) verPrestamos(usuario);
  }
}

function frases({ tipo, cuerpo }, respuesta, cosa) {
  const datos = respuesta.datos || {};
  const quien = datos.usuario || cuerpo.usuario;
  const pie = [cosa, datos.ejemplar ? `ejemplar ${datos.ejemplar}` : null, quien ? `usuario ${quien}` : null].filter(Boolean).join(" · ");
  if (respuesta.estado === "ENCOLADO") return ["bien", "Recibido", `${pie}. Está anotado; se confirma enseguida.`];
  if (respuesta.estado === "CONFIRMADO") {
    if (tipo === "prestamo") return ["bien", `Prestado hasta el ${dia(datos.fecha_devolucion)}`, pie];
    if (tipo === "renovacion") return ["bien", `Renovado hasta el ${dia(datos.nueva_fecha_devolucion)}`, `${pie} · renovación ${datos.renovaciones}`];
    return ["bien", "Devuelto", pie];
  }
  if (respuesta.estado === "RECHAZADO" || respuesta.estado === "INVALIDO") {
    const titular = (respuesta.mensaje || "No se puede").split(":")[0];
    const aqui = respuesta.tarde ? "Se había recibido, pero al decidirla una regla dijo que no. " : "";
    return ["mal", titular, `${aqui}${pie}${otraSede(datos)}`];
  }
  return ["mal", "No se pudo", `${pie}. ${respuesta.mensaje || "Nadie pudo atenderla."} No quedó hecha.`];
}

function otraSede(datos) {
  const libres = Object.entries(datos.sedes || {}).filter(([sede, hay]) => hay.disponibles > 0 && sede !== datos.sede);
  return libres.length ? `. Hay en ${libres.map(([sede, hay]) => `${sede} (${hay.disponibles})`).join(", ")}` : "";
}

function contarPendientes() {
  const cuantas = pendientes.lista().length;
  por("pendientes").hidden = cuantas === 0;
  if (cuantas) por("pendientes").textContent = cuantas === 1 ? "Una operación espera su resultado." : `${cuantas} operaciones esperan su resultado.`;
}

function decirCarga() {
  const propia = cargas.url === location.origin;
  por("enlace").dataset.vida = propia ? "viva" : "espera";
  const texto = propia ? `${ficha.sede} · ${ficha.nodo}` : `${ficha.sede} · atiende ${new URL(cargas.url).host}`;
  if (por("enlace").textContent !== texto) por("enlace").textContent = texto;
}

function apuntar(hecha) {
  const hechas = [hecha, ...JSON.parse(sessionStorage.getItem(HECHAS) || "[]")].slice(0, HECHAS_MAX);
  sessionStorage.setItem(HECHAS, JSON.stringify(hechas));
  verHechas();
}

function verHechas() {
  const hechas = JSON.parse(sessionStorage.getItem(HECHAS) || "[]");
  if (!hechas.length) return;
  por("hechas").replaceChildren(...hechas.map((hecha) => el("li", {},
    el("div", { class: "fila" }, el("span", {}, `${hecha.hora} · ${NOMBRES[hecha.tipo]}: ${hecha.titular}`), el("span", { class: "marbete", "data-tono": hecha.tono }, hecha.tono === "bien" ? "hecha" : "no")),
    el("small", {}, hecha.detalle))));
}

async function verPrestamos(usuario) {
  const respuesta = await cargas.leer(`/v1/usuarios/${encodeURIComponent(usuario)}/prestamos`);
  const datos = respuesta.datos || {};
  const lista = datos.prestamos || [];
  por("dequien").textContent = respuesta.estado === "SIN_PERMISO" ? "Hace falta el token de este mostrador." : datos.nombre ? `${datos.nombre} (${usuario}). ${respuesta.mensaje}.` : `${respuesta.mensaje || "Nadie responde"}.`;
  const hoy = new Date().toISOString().slice(0, 10);
  por("prestamos").replaceChildren(...lista.map((prestado) => {
    const vencido = prestado.fecha_devolucion.slice(0, 10) < hoy;
    const accion = (tipo) => {
      const boton = el("button", { type: "button" }, VERBOS[tipo], el("span", { class: "oculto" }, ` ${prestado.titulo}`));
      boton.addEventListener("click", () => {
        const cuerpo = tipo === "devolucion" ? { ejemplar: prestado.ejemplar } : { usuario, ejemplar: prestado.ejemplar };
        enviar(tipo, { ...cuerpo, sede: ficha.sede }, prestado.titulo);
      });
      return boton;
    };
    return el("li", {}, el("div", { class: "fila" }, el("strong", {}, prestado.titulo), el("span", { class: "marbete", "data-tono": vencido ? "mal" : "bien" }, `${vencido ? "venció" : "vence"} el ${dia(prestado.fecha_devolucion, "short")}`)),
      el("small", {}, `${prestado.ejemplar} · ${prestado.sede}${prestado.renovaciones ? ` · renovado ${prestado.renovaciones} ${prestado.renovaciones === 1 ? "vez" : "veces"}` : ""}`),
      el("div", { class: "acciones" }, accion("renovacion"), accion("devolucion")));
  }));
}

async function buscar() {
  const palabras = por("palabras").value.trim();
  if (!palabras) return;
  por("hallados").textContent = "Buscando…";
  let respuesta = await cargas.leer(`/v1/libros?titulo=${encodeURIComponent(palabras)}`);
  let libros = (respuesta.datos && respuesta.datos.libros) || [];
  if (respuesta.estado === "CONFIRMADO" && !libros.length && !/\s/.test(palabras)) {
    const uno = await cargas.leer(`/v1/libros/${encodeURIComponent(palabras)}`);
    if (uno.estado === "CONFIRMADO") [respuesta, libros] = [uno, [uno.datos]];
  }
  por("hallados").textContent = respuesta.mensaje ? `${respuesta.mensaje}.` : "Nadie responde; repita en un momento.";
  por("libros").replaceChildren(...libros.map((libro) => {
    const usar = el("button", { type: "button" }, "Usar", el("span", { class: "oculto" }, ` ${libro.titulo}`));
    usar.addEventListener("click", () => {
      por("libro").value = libro.isbn;
      por(por("usuario").value || modo() === "devolucion" ? "libro" : "usuario").focus();
    });
    const sedes = Object.entries(libro.sedes).map(([sede, hay]) => el("span", { class: "marbete", "data-tono": hay.disponibles ? "bien" : "aviso" }, `${sede}: ${hay.disponibles} de ${hay.total}`));
    return el("li", {}, el("div", { class: "fila" }, el("strong", {}, libro.titulo), usar), el("small", {}, [libro.autor, libro.isbn].filter(Boolean).join(" · ")), el("div", { class: "sedes" }, ...sedes));
  }));
}

por("operar").addEventListener("submit", (suceso) => {
  suceso.preventDefault();
  operar();
});
por("usuario").addEventListener("keydown", (suceso) => {
  if (suceso.key !== "Enter") return;
  const usuario = por("usuario").value.trim();
  if (usuario) verPrestamos(usuario);
  if (por("libro").value.trim()) return;
  suceso.preventDefault();
  if (usuario) por("libro").focus();
});
por("operar").addEventListener("change", (suceso) => {
  if (suceso.target.name !== "operacion") return;
  ponerModo(suceso.target.value);
});
por("buscar").addEventListener("submit", (suceso) => {
  suceso.preventDefault();
  buscar();
});
por("entrar").addEventListener("submit", (suceso) => {
  suceso.preventDefault();
  sessionStorage.setItem(ficheroDe(pide), por("token").value.trim());
  pide = null;
  por("token").value = "";
  por("entrada").hidden = true;
  decir("espera", "Listo para seguir", "");
  enfocar();
});
document.addEventListener("keydown", (suceso) => {
  if (suceso.key === "Escape") {
    por("usuario").value = "";
    por("libro").value = "";
    por("prestamos").replaceChildren();
    por("dequien").textContent = "Aparecen al escribir un usuario.";
    decir("espera", "Listo para empezar", "Escanee el carné de un usuario.");
    return enfocar();
  }
  const tipo = TECLAS[suceso.key];
  if (!tipo && suceso.key !== "F6") return;
  suceso.preventDefault();
  if (!tipo) return por("palabras").select();
  ponerModo(tipo);
  enfocar();
});

// What this window keeps (tokens, what was done here) goes with its session.
if (por("salir")) por("salir").addEventListener("submit", () => sessionStorage.clear());
ponerModo(modo());
recuperar();
decirCarga();
verHechas();
contarPendientes();
// What a reload left open is told as if it had been asked for now.
for (const { tipo, cuerpo } of pendientes.lista()) ultimaPropia = JSON.stringify([tipo, cuerpo]);
pendientes.reanudar();
