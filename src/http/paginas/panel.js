// The panel: listens to /panel/eventos and draws each picture of the library that comes.
// It computes nothing that the carga has not said, but for what has gone: whom it has seen and
// does not see any more it goes on showing, as fallen.
"use strict";

const por = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
// A picture comes at least every two seconds; longer silence means that the carga is gone.
const SILENCIO_MS = 3000;
// Long enough to read why the page goes away.
const AVISO_MS = 1500;
// A fallen actor is shown for as long as somebody may ask where it went.
const MEMORIA_MS = 15 * 60 * 1000;
const NOMBRES = { prestamo: "Préstamo", devolucion: "Devolución", renovacion: "Renovación", consulta: "Consulta", estado: "Estado" };
const vistos = new Map();
const ritmos = [];
let ultimo = 0;

// An element with its attributes and children; texts are never read as HTML.
function el(nombre, atributos = {}, ...hijos) {
  const nuevo = document.createElement(nombre);
  for (const [clave, valor] of Object.entries(atributos)) {
    if (valor !== undefined && valor !== null) nuevo.setAttribute(clave, valor);
  }
  nuevo.append(...hijos.filter((hijo) => hijo !== null && hijo !== undefined));
  return nuevo;
}

// Puts the children in only when they differ: nothing blinks and no selection is lost.
function poner(destino, hijos) {
  const nuevo = el("div", {}, ...hijos);
  if (destino.innerHTML !== nuevo.innerHTML) destino.replaceChildren(...nuevo.childNodes);
}

function decir(destino, texto) {
  if (destino.textContent !== texto) destino.textContent = texto;
}

const vacio = (texto) => [el("li", { class: "vacio" }, texto)];
const corto = (extremo) => extremo.replace("tcp://", "");
const numero = (n) => (n >= 100 ? Math.round(n) : Math.round(n * 10) / 10).toLocaleString("es");
const entero = (n) => Number(n || 0).toLocaleString("es");
const plural = (n, uno, varios) => `${entero(n)} ${n === 1 ? uno : varios}`;

function lapso(ms) {
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h`;
}

function veredicto(cuadro, caidos) {
  const avisos = cuadro.avisos || [];
  const tono = !cuadro.en_orden ? "mal" : avisos.length || caidos.length ? "aviso" : "bien";
  por("veredicto").dataset.tono = tono;
  const [primero, ...resto] = cuadro.problemas;
  const cuantos = resto.length ? `${cuadro.problemas.length} problemas` : primero;
  decir(por("frase"), cuadro.en_orden ? cuadro.resumen : `Atención: ${cuantos}.`);
  const lista = resto.length ? cuadro.problemas : [];
  poner(por("problemas"), [...lista, ...(cuadro.en_orden ? [] : avisos)].map((texto) => el("li", {}, texto)));
  const sigue = por("sigue");
  sigue.hidden = cuadro.en_orden;
  decir(sigue, cuadro.sigue.length ? `Se siguen atendiendo: ${cuadro.sigue.join(", ")}.` : "Ahora no se puede decidir ninguna operación.");
  const ausentes = por("ausentes");
  ausentes.hidden = caidos.length === 0;
  if (caidos.length) decir(ausentes, `Ya no se ve a ${caidos.map((c) => c.nombre).join(", ")}; los demás hacen su trabajo.`);
  document.title = `${tono === "bien" ? "" : "⚠ "}Panel · Biblioteca`;
}

// Those that were there and are not any more; one that comes back is there again.
function recordar(actores) {
  const ahora = Date.now();
  for (const actor of actores) vistos.set(actor.nombre, { actor, visto: ahora });
  const caidos = [];
  for (const [nombre, { actor, visto }] of vistos) {
    if (visto === ahora) continue;
    if (ahora - visto > MEMORIA_MS) vistos.delete(nombre);
    else caidos.push({ ...actor, caido_ms: ahora - visto });
  }
  return caidos;
}

function pieza(tono, nombre, detalle) {
  return el("div", { class: "pieza", "data-tono": tono }, el("span", {}, nombre, el("small", {}, detalle)));
}

function renglon(tono, nombre, detalle) {
  return el("p", { class: "renglon", "data-tono": tono }, el("span", {}, nombre), el("small", {}, detalle));
}

function etapa(titulo, ...piezas) {
  return el("li", { class: "etapa" }, el("h3", {}, titulo), ...piezas);
}

function actores(vivos, ...piezas) {
  return el("li", { class: "etapa actores" }, el("h3", {}, `Actores · ${vivos} en pie`), ...piezas);
}

function tramo(cuanto, unidad, paso) {
  const dibujo = document.createElementNS(SVG, "svg");
  const ancho = matchMedia("(min-width: 66.01rem)").matches;
  dibujo.setAttribute("viewBox", ancho ? "0 0 60 20" : "0 0 20 40");
  dibujo.setAttribute("aria-hidden", "true");
  const linea = ancho ? "M4 10H54" : "M10 3V36";
  for (const [clase, d] of [["", linea], ["corre", linea], ["", ancho ? "M48 4l7 6-7 6" : "M4 30l6 7 6-7"]]) {
    const trazo = document.createElementNS(SVG, "path");
    trazo.setAttribute("class", clase);
    trazo.setAttribute("d", d);
    dibujo.append(trazo);
  }
  const vivo = paso > 50 ? 3 : paso > 5 ? 2 : paso > 0 ? 1 : null;
  return el("li", { class: "tramo", "data-paso": vivo }, el("span", {}, el("strong", {}, numero(cuanto)), ` ${unidad}`), dibujo);
}

function piezasDeActores(actores, caidos) {
  const pcs = new Map();
  for (const actor of [...actores, ...caidos]) {
    const [pc, nombre] = actor.nombre.split(/\/(.*)/s);
    if (!pcs.has(pc)) pcs.set(pc, []);
    pcs.get(pc).push({ ...actor, corto: nombre || actor.nombre });
  }
  return [...pcs].sort(([a], [b]) => a.localeCompare(b)).flatMap(([pc, suyos]) => [
    el("div", { class: "pc" }, el("h4", {}, pc), ...suyos.sort((a, b) => a.corto.localeCompare(b.corto)).map((actor) => {
      const nombre = actor.corto.replace(/^actor-(\w+)-(\d+)$/, (_, tema, n) => `${NOMBRES[tema] || tema} ${n}`);
      if (actor.caido_ms !== undefined) return renglon("mal", nombre, `caído hace ${lapso(actor.caido_ms)}`);
      const ve = actor.almacenamientos.some((enlace) => enlace.listo);
      return renglon(ve ? "bien" : "aviso", nombre, ve ? entero(actor.en_curso) : "no ve la base");
    })),
  ]);
}

function flujo(cuadro, caidos) {
  const suma = (lista, campo) => lista.reduce((total, cosa) => total + (cosa[campo] || 0), 0);
  const { ritmo } = cuadro;
  const curso = suma(cuadro.actores, "en_curso");
  const cargas = cuadro.cargas.map((carga) => {
    if (!carga.responde) return pieza("mal", "no responde", corto(carga.extremo));
    const bien = carga.edad_max_ms !== null;
    return pieza(bien ? "bien" : "aviso", carga.nodo, `${corto(carga.extremo)}`);
  });
  const estados = { listo: ["bien", "tiene la base"], en_espera: ["bien", "en espera, para relevar"], no_listo: ["aviso", "no está listo"] };
  const almacenes = cuadro.almacenamientos.map((almacen) => {
    if (!almacen.responde) return pieza("mal", "no responde", corto(almacen.extremo));
    const [tono, dicho] = estados[almacen.estado];
    return pieza(tono, almacen.nodo, almacen.en_cola ? `${dicho} · ${entero(almacen.en_cola)} en cola` : dicho);
  });
  poner(por("flujo"), [
    etapa("Solicitantes", el("p", {}, el("strong", {}, entero(suma(cuadro.cargas, "esperan"))), "esperan respuesta")),
    tramo(ritmo.pedidas, "pedidos/s", ritmo.pedidas),
    etapa("Cargas", ...cargas),
    tramo(ritmo.entregadas, "entregas/s", ritmo.entregadas),
    actores(cuadro.actores.length, ...(cuadro.actores.length + caidos.length ? piezasDeActores(cuadro.actores, caidos) : [el("p", {}, "Ninguno a la vista")])),
    tramo(curso, "en curso", curso || ritmo.entregadas),
    etapa("Almacenamientos", ...almacenes),
    tramo(ritmo.decididas, "decididas/s", ritmo.decididas),
    etapa("Base", ...servidores(cuadro).map((s) => pieza(s.tono, s.papel, s.nombre))),
  ]);
}

// The database's servers; before an almacenamiento tells of them, its file.
function servidores(cuadro) {
  const tonos = { archivo: "bien", primario: "bien", réplica: "bien", inalcanzable: "mal", rechazado: "mal", sin_sitio: "mal" };
  const deArchivo = (papel) => papel === "archivo" || papel === "sin_sitio";
  const lista = cuadro.bases || [];
  if (lista.length) {
    return lista.map((s) => ({ ...s, tono: tonos[s.papel] || "aviso", nombre: deArchivo(s.papel) ? s.nombre.split("/").pop() : s.nombre, ruta: s.nombre }));
  }
  const duenos = cuadro.almacenamientos.filter((almacen) => almacen.estado === "listo");
  if (!duenos.length) return [{ tono: "mal", papel: "sin dueño", nombre: "nadie la tiene abierta" }];
  return duenos.map((almacen) => ({ tono: "bien", papel: "archivo", nombre: almacen.archivo.split("/").pop(), ruta: almacen.archivo }));
}

const numerico = (valor) => typeof valor === "number";

function base(cuadro) {
  const tamano = (bytes) => (bytes ? `${numero(bytes / 1048576)} MB` : null);
  poner(por("base"), servidores(cuadro).map((s) => {
    const detalles = [
      s.ruta || s.nombre,
      s.linea ? `línea de tiempo ${s.linea}` : null,
      tamano(s.bytes),
      s.wal_bytes ? `WAL de ${tamano(s.wal_bytes)}` : null,
      s.replicacion ? `${s.sincrona ? "síncrona" : "asíncrona"}, ${s.replicacion}` : null,
      numerico(s.retraso_ms) ? `retraso ${entero(s.retraso_ms)} ms` : null,
      numerico(s.retraso_bytes) ? `le faltan ${entero(s.retraso_bytes)} bytes` : null,
      s.detalle || null,
    ];
    return el("li", {}, el("div", { class: "fila" }, el("span", {}, s.papel), el("span", { class: "marbete", "data-tono": s.tono }, s.tono === "bien" ? "presta" : "no presta")),
      el("small", {}, detalles.filter(Boolean).join(" · ")));
  }));
}

function colas(cuadro) {
  poner(por("colas"), cuadro.cargas.map((carga) => {
    const dato = (valor) => el("td", { class: "num" }, carga.responde ? valor : "—");
    const apartadas = carga.apartadas ? ` (${entero(carga.apartadas)} apartadas)` : "";
    return el("tr", {}, el("th", { scope: "row" }, carga.nodo || corto(carga.extremo)), dato(entero(carga.esperan)), dato(entero(carga.en_cola)),
      dato(entero(carga.encoladas) + apartadas), dato(carga.encoladas ? lapso(carga.edad_max_ms) : "—"));
  }));
}

// An open breaker lets a probe through after cortacircuitos.abierto_s: from when it was first
// seen open, at most that is left.
const abiertos = new Map();
function cortacircuitos(cuadro) {
  const ahora = Date.now();
  const lineas = [];
  let cerrados = 0;
  for (const actor of cuadro.actores) {
    for (const enlace of actor.almacenamientos) {
      const clave = `${actor.nombre} ${enlace.extremo}`;
      if (enlace.cortacircuitos === "CERRADO") {
        cerrados += 1;
        abiertos.delete(clave);
        continue;
      }
      if (enlace.cortacircuitos === "MEDIO_ABIERTO") abiertos.delete(clave);
      else if (!abiertos.has(clave)) abiertos.set(clave, ahora);
      const desde = abiertos.get(clave);
      const falta = desde === undefined ? null : Math.max(0, cuadro.abierto_s * 1000 - (ahora - desde));
      const cuenta = falta === null ? "deja pasar una prueba" : `prueba en ${lapso(falta)} como mucho`;
      lineas.push(el("li", {}, el("div", { class: "fila" }, el("span", {}, actor.nombre), el("span", { class: "marbete", "data-tono": falta === null ? "aviso" : "mal" }, enlace.cortacircuitos)),
        el("small", {}, `para ${corto(enlace.extremo)} · ${cuenta}`)));
    }
  }
  const todos = el("li", {}, el("div", { class: "fila" }, el("span", {}, plural(cerrados, "cerrado: pasa todo", "cerrados: pasa todo")), el("span", { class: "marbete", "data-tono": "bien" }, "CERRADO")));
  poner(por("corta"), cerrados + lineas.length ? [...lineas, ...(cerrados ? [todos] : [])] : vacio("Ningún actor a la vista."));
}

const hora = (fecha) => (fecha.match(/T(\d\d:\d\d:\d\d)/) || [])[1] || fecha;
const dia = (fecha) => fecha.slice(0, 10);
const hechos = (cuadro, campo) => cuadro.cargas.flatMap((carga) => (carga.actividad ? carga.actividad[campo] : []));
const masNueva = (a, b) => b.fecha.localeCompare(a.fecha);

function ultimas(cuadro) {
  const filas = hechos(cuadro, "ultimas").sort(masNueva).slice(0, 10).map((o) => {
    const bien = o.estado === "CONFIRMADO";
    return el("tr", {}, el("td", {}, hora(o.fecha)), el("td", {}, NOMBRES[o.operacion]), el("td", { title: o.ejemplar || o.isbn }, o.ejemplar || o.isbn || "—"), el("td", { title: o.usuario }, o.usuario || "—"),
      el("td", {}, el("span", { class: "marbete", "data-tono": bien ? "bien" : "aviso", title: o.mensaje }, bien ? "Confirmada" : o.codigo || o.estado)));
  });
  poner(por("ultimas"), filas.length ? filas : [el("tr", {}, el("td", { colspan: 5, class: "vacio" }, "Ninguna todavía."))]);
  const faltas = hechos(cuadro, "faltas").sort(masNueva).map((o) =>
    el("li", {}, el("div", { class: "fila" }, el("span", {}, `${NOMBRES[o.operacion]} de ${o.usuario || o.ejemplar || "—"}`), el("span", {}, hora(o.fecha))),
      el("small", {}, `${dia(o.fecha)} · ${o.codigo} · ${o.mensaje}`)));
  const total = cuadro.cargas.reduce((suma, carga) => suma + (carga.actividad ? carga.actividad.faltas_total : 0), 0);
  if (total > faltas.length) faltas.push(el("li", { class: "vacio" }, `y ${entero(total - faltas.length)} más: biblioteca auditar --excepciones`));
  poner(por("faltas"), faltas.length ? faltas : vacio("Ninguna."));
}

function ritmo(cuadro) {
  decir(por("ritmo"), numero(cuadro.ritmo.decididas));
  ritmos.push([Date.now(), cuadro.ritmo.decididas]);
  while (ritmos.length && Date.now() - ritmos[0][0] > 60000) ritmos.shift();
  const alto = Math.max(1, ...ritmos.map(([, r]) => r));
  const puntos = ritmos.map(([cuando, r]) => `${(300 - ((Date.now() - cuando) * 300) / 60000).toFixed(1)} ${(56 - (r / alto) * 52).toFixed(1)}`);
  if (puntos.length > 1) {
    document.querySelector("#curva .linea").setAttribute("d", `M${puntos.join("L")}`);
    document.querySelector("#curva .area").setAttribute("d", `M${puntos[0].split(" ")[0]} 60L${puntos.join("L")}L300 60Z`);
  }
  const suma = (campo, que) => cuadro.cargas.reduce((total, carga) => total + (carga.actividad ? carga.actividad[campo][que] : 0), 0);
  const rechazos = ["prestamo", "devolucion", "renovacion"].reduce((total, que) => total + suma("rechazadas", que), 0);
  poner(por("cuentas"), [["Préstamos", suma("confirmadas", "prestamo")], ["Devoluciones", suma("confirmadas", "devolucion")], ["Renovaciones", suma("confirmadas", "renovacion")], ["Rechazos", rechazos]]
    .map(([nombre, cuantas]) => el("div", {}, el("dt", {}, nombre), el("dd", {}, entero(cuantas)))));
}

function dibujar(cuadro) {
  const caidos = recordar(cuadro.actores);
  veredicto(cuadro, caidos);
  flujo(cuadro, caidos);
  colas(cuadro);
  cortacircuitos(cuadro);
  base(cuadro);
  ultimas(cuadro);
  ritmo(cuadro);
}

function enlace(vida, texto) {
  por("enlace").dataset.vida = vida;
  decir(por("enlace"), texto);
}

function perdida() {
  enlace("rota", "Sin noticias de esta carga");
  por("veredicto").dataset.tono = "mal";
  decir(por("frase"), "Esta carga no responde; lo que se ve es lo último que dijo.");
}

// Whoever may not look any more comes in again.
function terminar() {
  enlace("rota", "La sesión terminó");
  decir(por("frase"), "La sesión terminó: hay que entrar otra vez.");
  setTimeout(() => location.assign("/entrar?a=/"), AVISO_MS);
}

async function rechazado() {
  try {
    return (await fetch("/v1/openapi.json")).status === 401;
  } catch {
    return false;
  }
}

// The browser connects again by itself; a refusal (too many panels, no session) it takes as
// final.
function escuchar() {
  const fuente = new EventSource("/panel/eventos");
  fuente.addEventListener("message", (suceso) => {
    ultimo = Date.now();
    enlace("viva", "En vivo");
    dibujar(JSON.parse(suceso.data));
  });
  fuente.addEventListener("fin", () => {
    fuente.close();
    ultimo = 0;
    terminar();
  });
  fuente.addEventListener("error", async () => {
    if (fuente.readyState === EventSource.CLOSED) {
      ultimo = 0;
      if (await rechazado()) return terminar();
      perdida();
      setTimeout(escuchar, SILENCIO_MS);
    }
  });
}

// What this window keeps (a desk's tokens, what was done there) goes with its session.
if (por("salir")) por("salir").addEventListener("submit", () => sessionStorage.clear());
escuchar();
setInterval(() => {
  if (ultimo && Date.now() - ultimo > SILENCIO_MS) perdida();
}, 500);
