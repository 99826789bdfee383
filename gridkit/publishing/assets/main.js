// Putting the page together once the data is unpacked.

function latLngs([west, south, east, north]) {
  const corner = (x, y) => L.CRS.EPSG3857.unproject(L.point(x, y));
  return L.latLngBounds(corner(west, south), corner(east, north));
}

function readPeople({ counts, ...columns }, parts) {
  const names = Object.entries(columns).map(([name, where]) => [name, readWords(where, parts)]);
  return { first: sums(counts, 0, counts.length), ...Object.fromEntries(names) };
}

// Give an object a member that is made when it is first asked for.
function lazy(owner, name, make) {
  let made;
  Object.defineProperty(owner, name, {
    enumerable: true,
    get: () => (made === undefined ? (made = make()) : made),
  });
}

function readBase(base, read) {
  const made = {};
  for (const name of ["border", "water"]) if (base[name]) made[name] = read(base[name]);
  if (base.communities) {
    const { borders, middles, names } = base.communities;
    made.communities = { borders: read(borders), middles: read(middles), names };
  }
  if (base.streets) made.streets = base.streets.map((layer) => ({ ...layer }));
  for (const layer of made.streets || []) lazy(layer, "lines", () => read(layer.shapes));
  return made;
}

function readPage(buffer, map) {
  const parts = [], doc = openBlock(buffer, parts), read = (where) => readShapes(where, parts);
  const base = readBase(doc.base, read);
  const areas = doc.areas.map(({ shapes, ...area }) => Object.assign(readAreas(shapes, parts), area));
  const views = doc.views.map((v) => (v.image ? { ...v, picture: heatCanvas(v, parts) } : v));
  const on = { outlines: true, communities: true, streets: true, buildings: true, water: true };
  const marks = doc.marks ? readMarks(doc.marks, read) : null;
  const state = { view: 0, cell: null, item: null, split: 0, on };
  const dash = doc.dash ? readDash(doc.dash, areas[0].n) : null;
  return { doc, map, base, areas, views, marks, state, dash, parts, whole: false, printing: false };
}

// What the first picture does without: words, people, buildings, cases.
function readRest(page, buffer) {
  const { parts } = page, { base, areas, dash } = openBlock(buffer, parts);
  const read = (where) => readShapes(where, parts);
  if (base.buildings) lazy(page.base, "buildings", () => read(base.buildings));
  if (base.places) {
    const { names, points } = base.places;
    lazy(page.base, "places", () => ({ names: readWords(names, parts), points: read(points) }));
  }
  areas.forEach(({ people, middles, ...words }, k) => {
    const area = Object.assign(page.areas[k], words);
    lazy(area, "middles", () => read(middles));
    lazy(area, "people", () => people && readPeople(people, parts));
  });
  if (dash) readCases(page.dash, dash, page.areas[0], parts);
  page.whole = true;
}

function showWords(page) {
  const { doc } = page;
  byId("gk-title").textContent = doc.title;
  byId("gk-sub").textContent = doc.head.join(" · ");
  byId("gk-hint").textContent = doc.words.click;
  byId("gk-foot").replaceChildren(...doc.foot.map((line) => make("span", line)));
  byId("gk-side").setAttribute("aria-label", doc.words.panel);
  page.map.getContainer().setAttribute("aria-label", doc.words.map);
  if (doc.summary) {
    byId("gk-summary").replaceChildren(make("h2", doc.words.summary), facts(doc.summary));
    byId("gk-summary").hidden = false;
  }
}

function northArrow(word) {
  const control = L.control({ position: "topright" });
  control.onAdd = () => {
    const box = make("div", null, "gk-north"), ns = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(ns, "svg"), arrow = document.createElementNS(ns, "path");
    for (const [name, value] of Object.entries({ width: 14, height: 18, viewBox: "0 0 14 18" })) {
      svg.setAttribute(name, value);
    }
    arrow.setAttribute("d", "M7 0 13 17 7 13 1 17Z");
    arrow.setAttribute("fill", "#3c424a");
    svg.append(arrow);
    box.append(svg, make("span", word));
    return box;
  };
  return control;
}

function fitPage(page) {
  const { map, doc } = page, snap = map.options.zoomSnap;
  map.invalidateSize({ animate: false });
  map.options.zoomSnap = 0; // fill the window exactly; later zooming snaps again
  const below = byId("gk-time").hidden ? 12 : 72; // what lies over the lower edge
  const room = { paddingTopLeft: [12, 12], paddingBottomRight: [12, below] };
  map.fitBounds(latLngs(doc.bounds), { animate: false, ...room });
  map.options.zoomSnap = snap;
}

// On paper the map has a fixed size and a dense canvas; Leaflet must know before it is printed.
function listenToPrinter(page) {
  const around = (printing) => () => {
    const bounds = page.map.getBounds();
    page.printing = printing;
    document.documentElement.classList.toggle("gk-print", printing);
    page.map.invalidateSize({ animate: false });
    page.map.fitBounds(bounds, { animate: false });
    page.sheet._update();
  };
  window.addEventListener("beforeprint", around(true));
  window.addEventListener("afterprint", around(false));
}

// First the map with its cells, then what has to be counted or looked up.
function start(page) {
  const { map } = page;
  map.createPane("gridkit").style.zIndex = 250;
  map.getPane("gridkit").style.pointerEvents = "none";
  map.setMaxZoom(19);
  map.doubleClickZoom.disable();
  showWords(page);
  if (page.dash) makeRoom(page);
  fitPage(page);
  page.sheet = new Sheet(page);
  page.sheet.addTo(map);
  document.documentElement.dataset.gridkit = "drawn";
  afterPaint(async () => {
    await allRead();
    readRest(page, await window.gridkitUnpack("gk-more"));
    finish(page);
  });
}

// The second block stands at the end of the file.
function allRead() {
  if (document.readyState !== "loading") return undefined;
  return new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true }));
}

function finish(page) {
  const { map, doc } = page;
  if (page.dash) startDash(page);
  showLegend(page);
  showLayers(page);
  if (page.marks) showItems(page);
  page.sheet.compose();
  L.control.zoom({ zoomInTitle: doc.words.zoom_in, zoomOutTitle: doc.words.zoom_out }).addTo(map);
  L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
  northArrow(doc.words.north).addTo(map);
  showSlider(page);
  listen(page);
  listenToPrinter(page);
  new ResizeObserver(() => {
    map.invalidateSize({ animate: false });
    keepInView(page);
  }).observe(byId("gk-map"));
  byId("gk-old").remove();
  document.documentElement.dataset.gridkit = "ready";
}

// Act when what is drawn so far has been shown; a page in the background is not painted at all.
function afterPaint(act) {
  let done = false;
  const once = () => {
    if (!done) act();
    done = true;
  };
  requestAnimationFrame(() => setTimeout(once));
  setTimeout(once, 250);
}

if (window.gridkitData) start(readPage(await window.gridkitData, gridkitMap));
else byId("gk-old").classList.add("gk-now");
