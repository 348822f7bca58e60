// Delivery: an operation's op_id is on this browser's disk before it is sent, and stays there
// until its outcome is known. So a double click, a reload or a carga's death repeats the same
// operation, which never takes effect twice.
"use strict";

const PREFIJO = "biblioteca.operacion.";
const RUTAS = { prestamo: "/v1/prestamos", devolucion: "/v1/devoluciones", renovacion: "/v1/renovaciones" };
// A carga answers within 2.5 s whatever is dead; one that does not is taken for dead.
const RESPUESTA_MS = 4000;
// Certainly not applied for this long: somebody has to be told, and may try again later.
const INSISTIR_MS = 20000;
const PAUSA_MAX_MS = 2000;
const espera = (ms) => new Promise((sigue) => setTimeout(sigue, ms));

// Each carga has tokens of its own; what a desk typed is forgotten with its window.
const ficheroDe = (url) => `biblioteca.token.${url}`;

// The cargas, the one that answered last first.
class Cargas {
  // `alTerminar()` hears that the page's own carga wants somebody to come in again.
  constructor(urls, alTerminar) {
    this.urls = urls;
    this.alTerminar = alTerminar;
    this.actual = 0;
  }

  get url() {
    return this.urls[this.actual];
  }

  siguiente() {
    this.actual = (this.actual + 1) % this.urls.length;
  }

  // One attempt at the current carga; nothing readable is `SIN_RED`, one that wants a token
  // `SIN_PERMISO`. After both the next carga has its turn.
  async pedir(ruta, opciones = {}) {
    const url = this.url;
    const token = sessionStorage.getItem(ficheroDe(url));
    const headers = { ...opciones.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    let respuesta = { estado: "SIN_RED" };
    try {
      const vuelta = await fetch(url + ruta, { ...opciones, headers, signal: AbortSignal.timeout(RESPUESTA_MS) });
      const json = await vuelta.json();
      if (json.estado) respuesta = { ...json, mensaje: json.mensaje || json.detail };
      else if (vuelta.status === 401 || vuelta.status === 403) respuesta = { estado: "SIN_PERMISO" };
      else if (vuelta.status >= 400 && vuelta.status < 500 && vuelta.status !== 429) respuesta = { estado: "INVALIDO", mensaje: json.detail };
    } catch {
      // Refused, broken off, too late or not JSON: nobody can tell what became of it.
    }
    const falta = ["SIN_RED", "SIN_PERMISO", "NO_DISPONIBLE", "DESCONOCIDO"].includes(respuesta.estado);
    if (falta && url === this.url) this.siguiente();
    if (respuesta.estado === "SIN_PERMISO" && url === location.origin) this.alTerminar();
    return { ...respuesta, url };
  }

  // A read, free to repeat: from the first carga that answers.
  async leer(ruta) {
    let respuesta;
    for (let vez = 0; vez < 2 * this.urls.length; vez += 1) {
      respuesta = await this.pedir(ruta);
      if (["CONFIRMADO", "RECHAZADO", "INVALIDO"].includes(respuesta.estado)) break;
      if (vez >= this.urls.length - 1) await espera(300);
    }
    return respuesta;
  }
}

class Pendientes {
  // `avisar(operacion, respuesta)` hears every step: INSISTE while nobody has said anything,
  // ENCOLADO once it is on a carga's disk, and the outcome last.
  constructor(cargas, avisar) {
    this.cargas = cargas;
    this.avisar = avisar;
    this.enCurso = new Set();
  }

  // What this browser sent and does not know the outcome of.
  lista() {
    return Object.keys(localStorage).filter((clave) => clave.startsWith(PREFIJO)).map((clave) => JSON.parse(localStorage.getItem(clave))).sort((a, b) => a.desde - b.desde);
  }

  guardar(operacion) {
    localStorage.setItem(PREFIJO + operacion.op_id, JSON.stringify(operacion));
  }

  // The same again while the first is under way is the first.
  entregar(tipo, cuerpo, libro) {
    const igual = this.lista().find((o) => o.tipo === tipo && JSON.stringify(o.cuerpo) === JSON.stringify(cuerpo));
    const operacion = igual || { op_id: opId(), tipo, cuerpo, libro, desde: Date.now(), dudosa: false, encolada: false };
    this.guardar(operacion);
    return this.llevar(operacion);
  }

  // After a reload.
  reanudar() {
    for (const operacion of this.lista()) this.llevar({ ...operacion, dudosa: true });
  }

  async llevar(operacion) {
    if (this.enCurso.has(operacion.op_id)) return;
    this.enCurso.add(operacion.op_id);
    const inicio = Date.now();
    for (let vez = 0; ; vez += 1) {
      const respuesta = operacion.encolada ? await this.preguntar(operacion) : await this.enviar(operacion);
      const definitiva = ["CONFIRMADO", "RECHAZADO", "INVALIDO"].includes(respuesta.estado);
      const rendida = !operacion.dudosa && !operacion.encolada && Date.now() - inicio > INSISTIR_MS;
      if (definitiva || rendida) {
        localStorage.removeItem(PREFIJO + operacion.op_id);
        this.enCurso.delete(operacion.op_id);
        this.avisar(operacion, respuesta);
        return;
      }
      if (respuesta.estado === "ENCOLADO" && !operacion.encolada) {
        operacion.encolada = true;
        this.guardar(operacion);
        this.avisar(operacion, respuesta);
      } else if (!operacion.encolada) {
        if (["SIN_RED", "DESCONOCIDO"].includes(respuesta.estado)) operacion.dudosa = true;
        this.guardar(operacion);
        this.avisar(operacion, { ...respuesta, estado: respuesta.estado === "SIN_PERMISO" ? "SIN_PERMISO" : "INSISTE" });
      }
      const pausa = Math.min(PAUSA_MAX_MS, 150 * 2 ** Math.min(vez, 4));
      await espera(pausa * (0.5 + Math.random() / 2));
    }
  }

  enviar({ op_id, tipo, cuerpo }) {
    return this.cargas.pedir(RUTAS[tipo], {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": op_id },
      body: JSON.stringify(cuerpo),
    });
  }

  // What became of a queued one: the stored answer, once there is one; not being known at
  // some carga proves nothing.
  async preguntar({ op_id }) {
    const respuesta = await this.cargas.pedir(`/v1/operaciones/${encodeURIComponent(op_id)}`);
    const guardada = respuesta.estado === "CONFIRMADO" ? respuesta.datos : null;
    if (guardada && ["CONFIRMADO", "RECHAZADO"].includes(guardada.estado)) return { ...guardada, tarde: true };
    return { estado: "ENCOLADO" };
  }
}

// A UUID; `randomUUID` is there only over HTTPS and on this PC.
function opId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
