// The dashboard: filters, counts, what is shown of them, and the panels around the map.

const CHANGES = [-3, -2, 2, 3]; // standard deviations of a change by chance
const BARS = 12;

function readDash(dash, cells) {
  const { grid, spans } = dash, count = () => new Uint32Array(cells + 1);
  return {
    ...dash,
    kernel: gaussian(dash.bandwidth_m / grid.bin_m),
    filter: {
      from: 0, to: spans.labels.length, state: 0, categories: [], hours: Array(8).fill(true),
    },
    counts: {
      n: count(), pending: count(), late: count(), before: count(),
      squares: new Float32Array(grid.nx * grid.ny),
    },
    redraw() {}, // the slider may be moved before the cases are read
  };
}

function readCases(dash, { belongs, bounds, events, ...plain }, area, parts) {
  const { grid, filter } = Object.assign(dash, plain);
  dash.km2 = area.hectares.map((hectares) => hectares / 100);
  dash.base = area.load;
  filter.categories = Array(Math.max(1, dash.categories.length)).fill(true);
  lazy(dash, "data", () => readEvents(events, area.n, parts));
  lazy(dash, "land", () => readLand(parts[grid.land], grid.nx * grid.ny));
  lazy(dash, "belongs", () => {
    const read = ([kind, where]) => [kind, readWords(where, parts)];
    return Object.fromEntries(Object.entries(belongs).map(read));
  });
  lazy(dash, "sides", () => bounds && bounds.map((where) => readWords(where, parts)));
}

// The share of the kernel around each square that is land; 0 where there is none.
function readLand(bytes, n) {
  const land = new Float32Array(n);
  for (let p = 0; p < n; p++) land[p] = (bytes[p] + 256 * bytes[n + p]) / 65535;
  return land;
}

// ---- figures of the views ----

function figuresOf(page, layer) {
  const { dash } = page, { n, before } = dash.counts, cells = dash.km2.length;
  const made = new Float64Array(cells);
  if (layer.measure === "per_km2") {
    for (let i = 0; i < cells; i++) made[i] = n[i] / dash.km2[i];
  } else if (layer.measure === "rate") {
    // Drawn towards the rate of all as far as few live there; nothing where nobody does.
    let cases = 0, homes = 0;
    for (let i = 0; i < cells; i++) if (dash.base[i] > 0) (cases += n[i]), (homes += dash.base[i]);
    const prior = cases ? (dash.prior * homes) / cases : Infinity;
    for (let i = 0; i < cells; i++) {
      made[i] = dash.base[i] > 0 ? (cases ? (100 * (n[i] + dash.prior)) / (dash.base[i] + prior) : 0) : NaN;
    }
  } else {
    const told = dash.filter.from >= dash.filter.to - dash.filter.from;
    for (let i = 0; i < cells; i++) {
      made[i] = told ? (n[i] - before[i]) / Math.sqrt(n[i] + before[i] || 1) : NaN;
    }
  }
  return made;
}

function revalue(page, layer) {
  const { dash } = page;
  if (!layer.measure) return;
  if (layer.kind === "heat") return void reheat(page, layer);
  const made = figuresOf(page, layer);
  layer.values = made;
  if (layer.measure === "change") {
    const index = inClasses(made, CHANGES);
    const names = dash.words.changes.map((name, k) => name + " · " + index.filter((c) => c === k).length);
    Object.assign(layer, { index, names, breaks: [], range: [null, null] });
    return;
  }
  Object.assign(layer, classify(made, 5));
}

function reheat(page, layer) {
  const { counts, grid, kernel, land } = page.dash, { nx, ny, bin_m, to_screen } = grid;
  const sums = smooth(counts.squares, nx, ny, kernel), km2 = (bin_m * bin_m) / 1e6;
  for (let p = 0; p < sums.length; p++) sums[p] = land[p] > 0 ? sums[p] / (land[p] * km2) : 0;
  layer.place = to_screen;
  layer.stops = heatStops(sums);
  layer.picture = layer.stops.length ? heatPicture(layer, sums, nx, ny) : null;
}

function heatPicture(layer, sums, nx, ny) {
  const { stops, ramp } = layer, steps = 512, colours = new Uint32Array(steps + 1);
  const top = stops[stops.length - 1], last = stops.length - 1;
  for (let k = 0; k <= steps; k++) {
    const value = (top * k * k) / (steps * steps); // finer below, where most of the land is
    let at = 0;
    while (at < last - 1 && value >= stops[at + 1]) at++;
    const t = Math.min(1, (at + (value - stops[at]) / (stops[at + 1] - stops[at])) / last);
    const [r, g, b] = mix(ramp, t);
    colours[k] = (Math.round(255 * heatOpacity(t)) << 24) | (b << 16) | (g << 8) | r;
  }
  const canvas = layer.picture || document.createElement("canvas");
  canvas.width = nx;
  canvas.height = ny;
  const ctx = canvas.getContext("2d"), picture = ctx.createImageData(nx, ny);
  const out = new Uint32Array(picture.data.buffer);
  for (let p = 0; p < sums.length; p++) {
    if (sums[p] > 0) out[p] = colours[Math.min(steps, Math.round(steps * Math.sqrt(sums[p] / top)))];
  }
  ctx.putImageData(picture, 0, 0);
  return canvas;
}

// ---- starting and updating ----

// What stands above and over the map takes its room before the map is fitted into the rest.
function makeRoom(page) {
  document.body.classList.add("gk-dash");
  showGlance(page);
  showTime(page);
}

function startDash(page) {
  const { dash } = page;
  dash.update = () => {
    countEvents(dash.data, dash, dash.filter, dash.counts);
    revalue(page, page.views[page.state.view]);
    showTotals(page);
  };
  dash.redraw = () => {
    dash.update();
    showLegend(page);
    page.sheet.compose();
    if (page.state.cell) showCell(page, page.state.cell.areas, page.state.cell.i);
  };
  dash.showCell = (box, i) => showCases(page, box, i);
  dash.hits = (query) => lateHits(page, query);
  dash.update();
  showFilters(page);
  showRanking(page);
  showLate(page);
}

function spanText(page) {
  const { spans, filter, words } = page.dash, labels = spans.labels;
  const first = (filter.from === 0 && spans.older ? "≤ " : "") + labels[filter.from];
  return filter.to - filter.from === 1 ? first : first + " – " + labels[filter.to - 1];
}

function showTotals(page) {
  const { dash } = page, sum = (counts) => counts.reduce((a, b) => a + b, 0), text = grouped;
  const { n, pending, late } = dash.counts, words = [dash.words.shown.replace("{}", text(sum(n)))];
  if (dash.open) {
    words.push(dash.words.pending.replace("{}", text(sum(pending))));
    words.push(dash.words.late.replace("{}", text(sum(late))));
  }
  byId("gk-total").textContent = words.join(" · ");
}

// ---- panels ----

function showGlance(page) {
  const { glance, words } = page.dash, box = byId("gk-glance");
  const cards = glance.cards.map(({ label, value, change, tone }) => {
    const card = make("div", null, "gk-card"), arrow = { good: "✓ ", bad: "! " }[tone] || "";
    card.append(make("span", label), make("b", value));
    if (change) card.append(make("small", arrow + change, "gk-" + (tone || "flat")));
    return card;
  });
  const list = (heading, lines, none) => {
    const card = make("div", null, "gk-card gk-lines");
    card.append(make("span", heading));
    if (!lines.length) card.append(make("p", none));
    for (const { name, text } of lines) {
      const line = make("p");
      line.append(make("strong", name), document.createTextNode(" " + text));
      card.append(line);
    }
    return card;
  };
  const period = make("h2", glance.period);
  box.replaceChildren(period, ...cards,
    list(words.worse, glance.worse, words.none_worse), list(words.owes, glance.owes, words.none_owes));
  box.setAttribute("aria-label", words.glance);
  box.tabIndex = 0; // it scrolls sideways where there is little room
  box.hidden = false;
}

function select(label, options, change) {
  const row = make("label", null, "gk-select"), list = make("select");
  options.forEach((text, k) => {
    const option = make("option", text);
    option.value = k;
    list.append(option);
  });
  list.addEventListener("change", () => change(Number(list.value)));
  row.append(make("span", label), list);
  return row;
}

function showFilters(page) {
  const { dash } = page, { words, filter } = dash, box = byId("gk-filters");
  if (!dash.open) return;
  const chosen = { quarter: 0, kind: 0 };
  const hoursOf = (name) => (k) => {
    chosen[name] = k;
    filter.hours.forEach((_, h) => {
      const quarter = chosen.quarter === 0 || h % 4 === chosen.quarter - 1;
      filter.hours[h] = quarter && (chosen.kind === 0 || (h >= 4) === (chosen.kind === 2));
    });
    dash.redraw();
  };
  box.append(make("h2", words.filters));
  box.append(select(words.state, words.states, (k) => {
    filter.state = k;
    dash.redraw();
  }));
  box.append(select(words.hours, [words.all_hours, ...words.quarters], hoursOf("quarter")));
  box.append(select(words.days, words.day_kinds, hoursOf("kind")));
  if (dash.categories.length > 1) box.append(categoryChoices(dash));
  box.hidden = false;
}

function categoryChoices(dash) {
  const { words, filter } = dash, rows = make("details", null, "gk-fold"), list = make("div");
  const inputs = dash.categories.map((name, c) => {
    const row = choice("checkbox", "gk-category", name, true, (on) => {
      filter.categories[c] = on;
      dash.redraw();
    });
    list.append(row);
    return row.firstChild;
  });
  const all = (on) => {
    const button = make("button", on ? words.all : words.none, "gk-plain");
    button.type = "button";
    button.addEventListener("click", () => {
      inputs.forEach((input, c) => (input.checked = filter.categories[c] = on));
      dash.redraw();
    });
    return button;
  };
  rows.append(make("summary", words.categories), all(true), all(false), list);
  return rows;
}

// A window of some spans that ends where the slider stands.
function showTime(page) {
  const { dash } = page, { spans, words, filter } = dash, box = byId("gk-time"), last = spans.labels.length;
  if (last < 2) return;
  const lengths = [1, 3, 6, 12].filter((k) => k < last), slider = make("input"), label = make("output");
  let length = last, playing = 0;
  const move = (end, k) => {
    length = k;
    filter.to = Math.min(last, Math.max(end, k));
    filter.from = filter.to - k;
    slider.value = filter.to;
    lengthChoice.lastChild.value = k === last ? lengths.length : lengths.indexOf(k);
    label.textContent = spanText(page);
    slider.setAttribute("aria-valuetext", label.textContent);
    dash.redraw();
  };
  const lengthChoice = select(words.window, [...lengths.map((k) => words.lengths[k]), words.all_time],
    (k) => move(filter.to, k < lengths.length ? lengths[k] : last));
  lengthChoice.lastChild.value = lengths.length;
  Object.assign(slider, { type: "range", min: 1, max: last, value: last, name: "gk-end" });
  slider.setAttribute("aria-label", words.time);
  slider.addEventListener("input", () => move(Number(slider.value), length === last ? 1 : length));
  const play = make("button", "▶");
  play.type = "button";
  play.setAttribute("aria-label", words.play);
  const stop = () => {
    clearInterval(playing);
    playing = 0;
    play.textContent = "▶";
    play.setAttribute("aria-label", words.play);
  };
  play.addEventListener("click", () => {
    if (playing) return stop();
    const from = length === last || filter.to === last ? 0 : filter.to, k = length === last ? 1 : length;
    move(Math.max(from, k), k);
    play.textContent = "❚❚";
    play.setAttribute("aria-label", words.pause);
    playing = setInterval(() => (filter.to < last ? move(filter.to + 1, length) : stop()), 900);
  });
  label.textContent = spanText(page);
  box.replaceChildren(play, lengthChoice, slider, label);
  box.hidden = false;
  L.DomEvent.disableClickPropagation(box);
  dash.moveTime = move;
}

function showRanking(page) {
  const { dash } = page, { glance, words } = dash, box = byId("gk-ranking");
  if (!glance.ranking.length) return;
  const table = make("table"), wrap = make("div", null, "gk-wide");
  wrap.append(table);
  const fill = (k) => {
    const { label, rows } = glance.ranking[k], head = make("tr");
    for (const name of [label, ...glance.columns, words.change]) {
      const cell = make("th", name);
      cell.scope = "col";
      head.append(cell);
    }
    const body = rows.map((row) => {
      const line = make("tr"), name = make("th");
      name.scope = "row";
      const cells = cellsOf(page, glance.ranking[k].kind, row.code);
      if (cells.length) {
        const button = make("button", row.name, "gk-plain");
        button.type = "button";
        button.addEventListener("click", () => goToBounds(page, cells.map((i) => boundsOf(page.areas[0].shapes, i))));
        name.append(button);
      } else name.textContent = row.name;
      line.append(name, ...row.cells.map((text) => make("td", text)), make("td", row.change, "gk-" + (row.tone || "flat")));
      return line;
    });
    table.replaceChildren(make("thead"), make("tbody"));
    table.firstChild.append(head);
    table.lastChild.append(...body);
  };
  box.append(make("h2", words.ranking + (glance.period ? " · " + glance.period : "")));
  if (glance.ranking.length > 1) box.append(select(words.by, glance.ranking.map(({ label }) => label), fill));
  box.append(wrap);
  fill(0);
  box.hidden = false;
}

// The cells of a street or community.
function cellsOf(page, kind, code) {
  const own = code && page.dash.belongs[kind], k = own ? own.words.indexOf(code) : -1;
  return k < 0 ? [] : [...own.index.keys()].filter((i) => own.index[i] === k);
}

function showLate(page) {
  const { late, words } = page.dash, box = byId("gk-late");
  if (!late || !late.case.length) return;
  const list = make("ol"), fold = make("details", null, "gk-fold");
  late.case.forEach((id, k) => {
    const row = make("li"), button = make("button", null, "gk-item"), text = make("span", null, "gk-words");
    button.type = "button";
    text.append(make("span", id + " " + late.category[k], "gk-rule"));
    text.append(make("span", words.days_late.replace("{}", late.days[k]), "gk-verdict"));
    text.append(make("small", [late.unit[k], late.place[k], late.due[k]].filter(Boolean).join(" · ")));
    button.append(text);
    button.disabled = late.cell[k] < 0;
    button.addEventListener("click", () => chooseLate(page, k));
    row.append(button);
    list.append(row);
  });
  const heading = words.late_list.replace("{}", late.n) + (late.n > late.case.length ? words.late_first.replace("{}", late.case.length) : "");
  fold.append(make("summary", heading), list);
  box.append(fold);
  box.hidden = false;
}

function chooseLate(page, k) {
  goTo(page, 0, page.dash.late.cell[k]);
  showCell(page, 0, page.dash.late.cell[k]);
}

function* lateHits(page, query) {
  const { late } = page.dash;
  if (!late) return;
  for (let k = 0; k < late.case.length; k++) {
    if (late.cell[k] < 0 || !(late.case[k] + " " + late.place[k]).toLowerCase().includes(query)) continue;
    yield [late.case[k] + " " + late.category[k], late.place[k], () => chooseLate(page, k)];
  }
}

function showCases(page, box, i) {
  const { dash, doc } = page, { words, counts } = dash, told = countCell(dash.data, dash, dash.filter, i);
  const rows = [[words.cases, counts.n[i]]];
  if (dash.filter.from >= dash.filter.to - dash.filter.from) rows.push([words.before, counts.before[i]]);
  if (dash.open) rows.push([words.open_cases, counts.pending[i]], [words.late_cases, counts.late[i]]);
  const text = ([name, n]) => [name, numberText(n, doc.lang)];
  const when = dash.spans.labels.length > 1 ? " · " + spanText(page) : "";
  box.append(make("h3", words.cases + when), facts(rows.map(text)));
  box.append(make("h3", words.over_time), bars(dash, told.spans));
  const kinds = [...told.categories.entries()].filter(([, n]) => n && dash.categories.length);
  kinds.sort((a, b) => b[1] - a[1]);
  if (kinds.length) {
    box.append(make("h3", words.categories));
    box.append(facts(kinds.slice(0, 3).map(([c, n]) => [dash.categories[c], numberText(n, doc.lang)])));
  }
}

function sidesOfCell({ sides, words }, i) {
  return sides ? sides.map((side, k) => [words.sides[k], side.at(i)]) : [];
}

function bars({ spans, filter, words }, counts) {
  const ns = "http://www.w3.org/2000/svg", from = Math.max(0, spans.labels.length - BARS);
  const shown = [...counts.slice(from)], most = Math.max(1, ...shown), width = 264 / shown.length;
  const svg = document.createElementNS(ns, "svg");
  const add = (name, attributes, text) => {
    const element = document.createElementNS(ns, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    svg.append(element);
  };
  svg.setAttribute("viewBox", "0 0 264 78");
  svg.setAttribute("role", "img");
  svg.setAttribute("class", "gk-bars");
  const label = (k) => spans.labels[from + k];
  svg.setAttribute("aria-label", shown.map((n, k) => label(k) + " " + n).join(", "));
  shown.forEach((n, k) => {
    const high = (n / most) * 46, inside = from + k >= filter.from && from + k < filter.to;
    const x = k * width + width * 0.12;
    add("rect", { x, y: 62 - high, width: width * 0.76, height: high, fill: inside ? "#1d5fa6" : "#b8c4d2" });
    if (n) add("text", { x: (k + 0.5) * width, y: 58 - high, "text-anchor": "middle" }, n);
    if (shown.length <= 6 || k % 3 === 0 || k === shown.length - 1) {
      const anchor = k === 0 ? "start" : k === shown.length - 1 ? "end" : "middle";
      const at = k === 0 ? 0 : k === shown.length - 1 ? 264 : (k + 0.5) * width;
      if (k < shown.length - 3 || k === shown.length - 1) add("text", { x: at, y: 75, "text-anchor": anchor }, label(k));
    }
  });
  return svg;
}
