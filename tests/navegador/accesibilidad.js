// Reads the page as it is drawn and names what somebody could not use. Run by
// accesibilidad.rs; the limits are those of WCAG 2.2 AA.
function comprobar() {
  const faltas = [];
  const todos = (selector) => [...document.querySelectorAll(selector)];
  const visible = (e) => e.checkVisibility({ checkOpacity: false, checkVisibilityCSS: true }) && e.getClientRects().length > 0;
  const quien = (e) => `<${e.tagName.toLowerCase()}${e.id ? ` #${e.id}` : ""}> "${(e.innerText || "").trim().slice(0, 30)}"`;
  const falta = (que, e) => faltas.push(e ? `${que}: ${quien(e)}` : que);

  // Language, title, landmarks, headings.
  if (document.documentElement.lang !== "es") falta("idioma");
  if (!document.title.trim()) falta("título");
  for (const [papel, selector, cuantos] of [["main", "main", 1], ["banner", "body > header", 1], ["h1", "h1", 1]]) {
    if (todos(selector).length !== cuantos) falta(`${papel}: ${todos(selector).length}`);
  }
  for (const nav of todos("nav")) if (!nav.getAttribute("aria-label")) falta("sin nombre", nav);
  let antes = 0;
  for (const titulo of todos("h1,h2,h3,h4,h5,h6")) {
    const nivel = Number(titulo.tagName[1]);
    if (nivel > antes + 1) falta(`salta de h${antes} a h${nivel}`, titulo);
    antes = nivel;
  }

  // Names, references, order.
  const nombre = (e) => e.getAttribute("aria-label") || (e.labels && [...e.labels].map((l) => l.textContent).join(" ")) || e.getAttribute("alt") || e.textContent;
  for (const e of todos("input:not([type='hidden']),button,a,select,textarea,[tabindex='0'],[role='img']")) {
    const por = (e.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id)?.textContent || "").join("");
    if (!(por || nombre(e) || "").trim()) falta("sin nombre", e);
    if (e.tabIndex > 0) falta("tabindex positivo", e);
  }
  for (const e of todos("img")) if (e.getAttribute("alt") === null) falta("sin alt", e);
  for (const e of todos("th")) if (!e.scope) falta("th sin scope", e);
  const ids = todos("[id]").map((e) => e.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) falta(`id repetido: ${id}`);
  for (const atributo of ["for", "aria-labelledby", "aria-describedby"]) {
    for (const e of todos(`[${atributo}]`)) {
      for (const id of e.getAttribute(atributo).split(" ")) if (!document.getElementById(id)) falta(`${atributo} a nadie`, e);
    }
  }

  // Size of what is pressed, and nothing wider than the window.
  for (const e of todos("button,nav a").filter(visible)) {
    const { width, height } = e.getBoundingClientRect();
    if (width < 24 || height < 24) falta(`pequeño ${Math.round(width)}×${Math.round(height)}`, e);
  }
  const raiz = document.scrollingElement;
  if (raiz.scrollWidth > raiz.clientWidth) falta(`ancho ${raiz.scrollWidth} de ${raiz.clientWidth}`);

  // Contrast of every visible text with what is behind it.
  const lienzo = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    lienzo.clearRect(0, 0, 1, 1);
    lienzo.fillStyle = color;
    lienzo.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = lienzo.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const sobre = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const fondo = (e) => {
    const capas = [];
    for (let x = e; x; x = x.parentElement) capas.push(rgba(getComputedStyle(x).backgroundColor));
    return capas.reverse().reduce((bajo, capa) => sobre(capa, bajo), [255, 255, 255, 1]);
  };
  const luz = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const caminante = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (caminante.nextNode()) {
    const e = caminante.currentNode.parentElement;
    if (!caminante.currentNode.textContent.trim() || ["SCRIPT", "STYLE", "NOSCRIPT"].includes(e.tagName) || !visible(e) || e.closest(".oculto,.salto")) continue;
    const estilo = getComputedStyle(e);
    const detras = fondo(e);
    const [a, b] = [luz(sobre(rgba(estilo.color), detras)), luz(detras)];
    const razon = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const px = parseFloat(estilo.fontSize);
    const minimo = px >= 24 || (px >= 18.66 && Number(estilo.fontWeight) >= 700) ? 3 : 4.5;
    if (razon < minimo) falta(`contraste ${razon.toFixed(2)}`, e);
  }
  return faltas;
}
