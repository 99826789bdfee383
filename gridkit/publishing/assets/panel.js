// The panel beside the map. Words reach the page only through textContent.

const byId = (id) => document.getElementById(id);

function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined && text !== null) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function numberText(value, lang) {
  if (Math.abs(value) >= 1e6) {
    return new Intl.NumberFormat(lang === "zh" ? "zh-CN" : "en", { notation: "compact" }).format(value);
  }
  return grouped(Number(value.toPrecision(4)));
}

// A number with its thousands apart; Intl takes as long to start as the map to be drawn.
function grouped(value) {
  const [whole, part] = String(value).split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (part ? "." + part : "");
}

function ticks(values, lang) {
  const row = make("div", null, "gk-ticks");
  values.forEach((value, k) => {
    const tick = make("span", value === null ? "" : numberText(value, lang));
    tick.style.left = (100 * k) / Math.max(1, values.length - 1) + "%";
    row.append(tick);
  });
  return row;
}

function showLegend(page) {
  const { doc } = page, layer = page.views[page.state.view], box = byId("gk-legend");
  box.replaceChildren(make("h2", doc.words.legend));
  if (!layer) return;
  if (page.marks) box.append(swatches(page));
  if (layer.kind === "plain") return;
  box.append(make("p", layer.unit || layer.label, "gk-title"));
  const bar = make("div", null, "gk-bar");
  if (layer.stops) {
    const colours = [...Array(13).keys()].map((k) => {
      const t = k / 12;
      return `rgba(${mix(layer.ramp, t).join(",")},${heatOpacity(t).toFixed(2)})`;
    });
    bar.style.background = `linear-gradient(to right, ${colours.join(",")})`;
    box.append(bar, ticks(layer.stops, doc.lang));
  } else if (layer.names) {
    layer.names.forEach((name, k) => {
      const row = make("p", null, "gk-none"), swatch = make("i");
      swatch.style.background = layer.colours[k];
      row.append(swatch, make("span", name));
      box.append(row);
    });
  } else if (layer.colours.length) {
    for (const colour of layer.colours) {
      const block = make("i");
      block.style.background = colour;
      bar.append(block);
    }
    const ends = layer.colours.length === 1 && layer.range[0] === layer.range[1]
      ? [layer.range[0]] : [layer.range[0], ...layer.breaks, layer.range[1]];
    box.append(bar, ticks(ends, doc.lang));
  }
  if (layer.index.some((c) => c < 0)) {
    const none = make("p", null, "gk-none"), swatch = make("i");
    swatch.style.background = layer.none;
    none.append(swatch, make("span", doc.words.no_data));
    box.append(none);
  }
}

function choice(type, name, text, checked, change) {
  const row = make("label", null, "gk-choice"), input = make("input");
  input.type = type;
  input.name = name;
  input.checked = checked;
  input.addEventListener("change", () => change(input.checked));
  row.append(input, make("span", text));
  return row;
}

function showLayers(page) {
  const { doc, state, base } = page, box = byId("gk-layers");
  box.replaceChildren(make("h2", doc.words.layers));
  const mixed = page.views.some((layer) => layer.kind !== "plain");
  page.views.forEach((layer, k) => {
    if (layer.kind === "plain" && !mixed) return; // nothing to choose: the slider shows both
    box.append(choice("radio", "gk-view", layer.label, k === state.view, () => {
      state.view = k;
      if (page.dash) page.dash.update();
      showLegend(page);
      page.sheet.draw();
    }));
  });
  const checks = make("div", null, "gk-checks");
  const there = (name) => (name === "outlines" ? page.views.length > 0 : name in base);
  for (const name of ["outlines", "communities", "streets", "buildings", "water"]) {
    if (!there(name)) continue;
    checks.append(choice("checkbox", "gk-on-" + name, doc.words[name], state.on[name], (on) => {
      state.on[name] = on;
      page.sheet.draw();
    }));
  }
  box.append(checks);
}

function facts(rows) {
  const list = make("dl", null, "gk-facts");
  for (const [name, value] of rows) {
    if (value !== null && value !== undefined && value !== "") {
      list.append(make("dt", name), make("dd", value));
    }
  }
  return list;
}

function showPeople(box, area, i, words) {
  if (!area.people) return;
  const { first, role, name, phone, responsible_unit: unit, slot } = area.people;
  box.append(make("h3", words.people));
  for (let p = first[i]; p < first[i + 1]; p++) {
    const row = make("div", null, "gk-person"), held = name.at(p) || words.vacant;
    row.append(make("span", role.at(p), "gk-role"), make("span", held));
    row.append(make("span", phone.at(p), "gk-phone"));
    const more = [unit.at(p), slot.at(p)].filter(Boolean).join(" · ");
    if (more) row.append(make("small", more));
    box.append(row);
  }
}

function showCell(page, areas, i) {
  const { doc, state } = page, area = page.areas[areas], words = doc.words, box = byId("gk-cell");
  if (state.item !== null) chooseItem(page, null);
  state.cell = { areas, i };
  const close = make("button", "×", "gk-close");
  close.type = "button";
  close.setAttribute("aria-label", words.close);
  close.addEventListener("click", () => closeCell(page));
  const name = area.names ? area.names[i] : "";
  box.replaceChildren(close, make("h2", name || words.cell + " " + area.codes[i]));
  box.append(facts([
    [words.cell, name ? area.codes[i] : null],
    [words.community, area.communities && area.communities[i]],
    [words.area, words.hectares.replace("{}", numberText(area.hectares[i], doc.lang))],
    [words.load, area.load && area.load[i] !== null && numberText(area.load[i], doc.lang)],
    ...(page.dash ? sidesOfCell(page.dash, i) : []),
  ].filter((row) => row[1] !== false)));
  const told = (v) => v.kind === "cells" && v.label !== words.load && (v.measure || v.values.length);
  const shown = page.views.filter((v) => v.areas === areas && told(v));
  showPeople(box, area, i, words); // the hint promises them
  if (page.dash) page.dash.showCell(box, i);
  const figure = (view) => {
    const value = view.measure ? figuresOf(page, view)[i] : view.values[i];
    return value === null || value !== value ? words.no_data : numberText(value, doc.lang);
  };
  const rows = [
    ...Object.entries(area.figures).map(([label, values]) => [label, values[i]]),
    ...shown.map((view) => [view.label, figure(view)]),
  ];
  if (rows.length) box.append(make("h3", words.figures), facts(rows));
  box.hidden = false;
  byId("gk-hint").hidden = true;
  byId("gk-side").scrollTop = 0;
  openSheet(true);
  page.sheet.compose();
}

function closeCell(page) {
  page.state.cell = null;
  byId("gk-cell").hidden = true;
  byId("gk-hint").hidden = false;
  openSheet(false);
  page.sheet.compose();
}

function openSheet(open) {
  byId("gk-side").classList.toggle("gk-open", open);
  document.body.classList.toggle("gk-opened", open);
  byId("gk-grip").setAttribute("aria-expanded", String(open));
}

// What matches in each cell, as a function of its number: its code (""), its name, its community or
// one of its people; undefined where nothing does.
function matcher(area, query) {
  const fits = (word) => word && word.toLowerCase().includes(query);
  const named = area.people && area.people.name.words.map(fits);
  return (i) => {
    if (fits(area.codes[i])) return "";
    for (const words of [area.names, area.communities]) if (words && fits(words[i])) return words[i];
    if (!named) return undefined;
    const { first, name, role } = area.people;
    for (let p = first[i]; p < first[i + 1]; p++) {
      if (named[name.index[p]]) return name.at(p) + " " + role.at(p);
    }
    return undefined;
  };
}

const MOST_HITS = 10;

// What the search finds: cells, then streets, places and cases, each with what a choice does.
function* hitsOf(page, query) {
  for (const [areas, area] of page.areas.entries()) {
    const match = matcher(area, query);
    for (let i = 0; i < area.codes.length; i++) {
      const found = match(i);
      if (found === undefined) continue;
      const more = found || (area.names && area.names[i]) || (area.communities && area.communities[i]);
      yield [area.codes[i], more, () => (goTo(page, areas, i), showCell(page, areas, i))];
    }
  }
}

function* placesOf(page, query) {
  const seen = new Set(), { streets, places } = page.base, { words } = page.doc;
  for (const layer of streets || []) {
    for (const name of layer.names) {
      if (seen.has(name) || !name.toLowerCase().includes(query)) continue;
      seen.add(name);
      yield [name, words.streets, () => goToStreet(page, name)];
    }
  }
  if (places) {
    const fits = places.names.words.map((word) => word.toLowerCase().includes(query));
    for (let i = 0; i < places.points.n; i++) {
      if (fits[places.names.index[i]]) {
        yield [places.names.at(i), words.buildings, () => goToBounds(page, [boundsOf(places.points, i)])];
      }
    }
  }
  if (page.dash) yield* page.dash.hits(query);
}

function showHits(page, query) {
  const { doc } = page, box = byId("gk-hits");
  box.replaceChildren();
  box.hidden = !query;
  if (!query) return;
  const add = ([name, more, choose]) => {
    const hit = make("button", name);
    hit.type = "button";
    if (more) hit.append(make("small", more));
    hit.addEventListener("click", () => {
      box.hidden = true;
      choose();
    });
    box.append(hit);
  };
  // Places keep room even where many cells fit: half of the list.
  const places = [], cells = [];
  for (const hit of placesOf(page, query)) if (places.push(hit) >= MOST_HITS) break;
  const room = MOST_HITS - Math.min(places.length, MOST_HITS / 2);
  for (const hit of hitsOf(page, query)) if (cells.push(hit) >= room) break;
  [...cells, ...places].slice(0, MOST_HITS).forEach(add);
  if (!box.childElementCount) box.append(make("p", doc.words.none_found));
}

function goToStreet(page, name) {
  const found = page.base.streets.flatMap(({ lines, names }) =>
    names.flatMap((one, i) => (one === name ? [boundsOf(lines, i)] : [])));
  goToBounds(page, found);
}

function goToBounds(page, found) {
  const bounds = found.filter(Boolean).reduce((all, one) => all.extend(one), L.latLngBounds([]));
  if (bounds.isValid()) page.map.fitBounds(bounds, { maxZoom: 17, padding: [60, 60], animate: false });
}

function boundsOf(s, i) {
  const box = s.box.subarray(4 * i, 4 * i + 4);
  if (box[0] > box[2]) return null;
  const metres = (k, from) => from + box[k] * s.step;
  return latLngs([metres(0, s.x0), metres(1, s.y0), metres(2, s.x0), metres(3, s.y0)]);
}

function goTo(page, areas, i) {
  const bounds = boundsOf(page.areas[areas].shapes, i);
  if (bounds) page.map.fitBounds(bounds, { maxZoom: 17, padding: [60, 60], animate: false });
}

// When the sheet opens on a phone the map shrinks: the chosen cell must not slip out of it.
function keepInView(page) {
  if (page.printing) return;
  if (page.state.item !== null) goToItem(page);
  if (!page.state.cell) return;
  const { areas, i } = page.state.cell, { middles } = page.areas[areas], v = middles.ring[middles.first[i]];
  const x = middles.x0 + middles.x[v] * middles.step, y = middles.y0 + middles.y[v] * middles.step;
  const middle = L.CRS.EPSG3857.unproject(L.point(x, y));
  page.map.panInside(middle, { padding: [50, 50], animate: false });
}

function listen(page) {
  const query = byId("gk-query");
  query.placeholder = page.doc.words.search;
  query.setAttribute("aria-label", page.doc.words.search);
  query.addEventListener("input", () => showHits(page, query.value.trim().toLowerCase()));
  query.addEventListener("focus", () => showHits(page, query.value.trim().toLowerCase()));
  query.addEventListener("keydown", (event) => {
    const first = byId("gk-hits").querySelector("button");
    if (event.key === "Enter" && first) first.click();
    if (event.key === "ArrowDown" && first) first.focus(), event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    byId("gk-hits").hidden = true;
    if (page.state.item !== null) chooseItem(page, null);
    if (page.state.cell) closeCell(page);
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".gk-find")) byId("gk-hits").hidden = true;
  });
  const side = byId("gk-side");
  byId("gk-grip").setAttribute("aria-label", page.doc.words.panel);
  byId("gk-grip").addEventListener("click", () => openSheet(!side.classList.contains("gk-open")));
  page.map.on("click", (event) => {
    const at = L.CRS.EPSG3857.project(event.latlng), layer = layerAt(page, event.containerPoint.x);
    const i = layer ? shapeAt(page.areas[layer.areas].shapes, at.x, at.y) : -1;
    if (i >= 0) showCell(page, layer.areas, i);
    else if (page.state.cell) closeCell(page);
  });
}
