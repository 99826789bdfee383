// Marked places, the list that explains them, and the slider between two editions.

const HATCHES = {
  slash: [[0, 8, 8, 0], [-2, 2, 2, -2], [6, 10, 10, 6]],
  backslash: [[0, 0, 8, 8], [-2, 6, 2, 10], [6, -2, 10, 2]],
  bars: [[0, 2, 8, 2], [0, 6, 8, 6]],
  dots: [],
  none: [],
};
HATCHES.cross = [...HATCHES.slash, ...HATCHES.backslash];

function hatch(ctx, style) {
  const tile = make("canvas"), pen = tile.getContext("2d"), fine = 3; // sharp on dense screens
  tile.width = tile.height = 8 * fine;
  pen.scale(fine, fine);
  pen.strokeStyle = pen.fillStyle = style.colour;
  pen.globalAlpha = 0.22;
  pen.fillRect(0, 0, 8, 8);
  pen.globalAlpha = 0.85;
  pen.lineWidth = 1.1;
  for (const [a, b, c, d] of HATCHES[style.hatch]) {
    pen.beginPath();
    pen.moveTo(a, b);
    pen.lineTo(c, d);
    pen.stroke();
  }
  if (style.hatch === "dots") {
    for (const [x, y] of [[2, 2], [6, 6]]) pen.fillRect(x - 0.9, y - 0.9, 1.8, 1.8);
  }
  const pattern = ctx.createPattern(tile, "repeat");
  pattern.setTransform(new DOMMatrix().scale(1 / fine));
  return pattern;
}

function readMarks(marks, read) {
  const side = (where) => where && { shapes: read(where.shapes), middles: read(where.middles) };
  return { ...marks, now: side(marks.now), old: side(marks.old) };
}

function drawMarks(ctx, page, view, side) {
  const { marks, state } = page, { shapes } = marks[side];
  const width = view.zoom < 14 ? 1.2 : 2;
  for (let k = marks.styles.length - 1; k >= 0; k--) { // the gravest kind comes first: on top
    // Findings may lie over one another: in one path the even-odd rule would cancel both.
    const style = marks.styles[k], own = (i) => marks.kind[i] === k;
    const paths = pathsOf(shapes, view, true, own, 1);
    fill(ctx, paths, hatch(ctx, style));
    stroke(ctx, paths, style.colour, width);
  }
  // Where the old border ran stays visible beside the new one.
  if (side === "now" && marks.old) {
    stroke(ctx, pathsOf(marks.old.shapes, view, true), "#24282e", width, [5, 4]);
  }
  if (state.item !== null) outline(ctx, shapes, state.item, view, "#111", width + 1.4);
}

// One badge for each part of a place; where another badge stands already, or for parts too small
// to be seen, a dot: no place is ever without a sign.
function drawBadges(ctx, label, page, view, side) {
  const { marks, state } = page, { middles } = marks[side];
  const order = [...Array(middles.n).keys()].sort((a, b) => marks.kind[a] - marks.kind[b]);
  if (state.item !== null) order.unshift(state.item);
  for (const i of order) {
    const style = marks.styles[marks.kind[i]];
    if (!style) continue;
    for (let v = middles.ring[middles.first[i]]; v < middles.ring[middles.first[i + 1]]; v++) {
      const x = view.x(middles.x0 + middles.x[v] * middles.step);
      const y = view.y(middles.y0 + middles.y[v] * middles.step);
      const look = { size: 11, colour: "#fff", weight: 700, box: style.colour };
      if (x < 0 || y < 0 || x > view.size.x || y > view.size.y) continue;
      if (label(marks.badges[i], x, y, look)) continue;
      const dot = new Path2D();
      dot.arc(x, y, 3, 0, 2 * Math.PI);
      fill(ctx, [dot], style.colour);
    }
  }
}

function swatches(page) {
  const { marks, doc } = page, box = make("div", null, "gk-swatches");
  marks.styles.forEach((style, k) => {
    if (!marks.kind.includes(k)) return;
    const row = make("span"), sample = make("canvas"), pen = sample.getContext("2d");
    sample.width = 52;
    sample.height = 32;
    pen.scale(2, 2);
    pen.fillStyle = hatch(pen, style);
    pen.fillRect(0, 0, 26, 16);
    pen.strokeStyle = style.colour;
    pen.lineWidth = 2;
    pen.strokeRect(1, 1, 24, 14);
    row.append(sample, badge(style.sign, style), make("span", style.label));
    box.append(row);
  });
  if (marks.old) {
    const row = make("span");
    row.append(make("i", null, "gk-dashed"), make("span", doc.words.old_border));
    box.append(row);
  }
  return box;
}

function badge(text, style) {
  const mark = make("b", text, "gk-badge");
  if (style) mark.style.background = style.colour;
  return mark;
}

function showItems(page) {
  const { doc, marks } = page, box = byId("gk-items"), list = make("ol");
  doc.items.forEach((item, i) => {
    const row = make("li"), head = make("button", null, "gk-item"), more = make("div", null, "gk-more");
    head.type = "button";
    head.setAttribute("aria-expanded", "false");
    const words = make("span", null, "gk-words");
    words.append(make("span", item.title, "gk-rule"), make("span", item.verdict, "gk-verdict"));
    if (item.note) words.append(make("small", item.note));
    head.append(badge(marks.badges[i], marks.styles[marks.kind[i]]), words);
    for (const [name, text] of item.rows) more.append(make("h4", name), make("p", text));
    head.addEventListener("click", () => chooseItem(page, page.state.item === i ? null : i));
    row.append(head, more);
    list.append(row);
  });
  box.replaceChildren(make("h2", doc.items_heading), list);
  if (doc.items_rest) box.append(make("p", doc.items_rest));
  box.hidden = !doc.items.length;
}

function chooseItem(page, i) {
  page.state.item = i;
  document.querySelectorAll(".gk-item").forEach((head, k) => {
    head.setAttribute("aria-expanded", String(k === i));
  });
  openSheet(i !== null);
  if (i !== null) {
    goToItem(page);
    document.querySelectorAll(".gk-item")[i].scrollIntoView({ block: "nearest" });
  }
  page.sheet.draw();
}

function goToItem(page) {
  const { marks, state, map } = page, bounds = L.latLngBounds([]);
  for (const side of [marks.now, marks.old]) {
    const box = side && boundsOf(side.shapes, state.item);
    if (box) bounds.extend(box);
  }
  if (!bounds.isValid()) return;
  const below = page.doc.compare ? 72 : 40; // the slider covers the lower edge
  const room = { paddingTopLeft: [40, 40], paddingBottomRight: [40, below] };
  map.fitBounds(bounds, { maxZoom: 18, animate: false, ...room });
}

// What the canvas shows from left to right: one view, or the edition before beside that after.
function sidesOf(page, size, atLayer) {
  const { views, state, map } = page;
  if (!page.doc.compare) {
    return [{ layer: views[state.view], side: "now", from: 0, to: size.x }];
  }
  const at = atLayer(state.split * map.getSize().x);
  return [
    { layer: views[0], side: "old", from: 0, to: at },
    { layer: views[1], side: "now", from: at, to: size.x },
  ];
}

function layerAt(page, x) {
  const { views, state, map } = page;
  if (!page.doc.compare) return views[state.view];
  return views[x < state.split * map.getSize().x ? 0 : 1];
}

function showSlider(page) {
  const { doc, state, views, map } = page;
  if (!doc.compare) return;
  const box = byId("gk-swipe"), line = byId("gk-line"), slider = make("input");
  slider.type = "range";
  slider.min = 0;
  slider.max = 100;
  slider.setAttribute("aria-label", doc.compare);
  const move = (percent) => {
    slider.value = percent;
    state.split = percent / 100;
    line.style.left = percent + "%";
    page.sheet.draw();
  };
  const end = (label, percent) => {
    const button = make("button", label);
    button.type = "button";
    button.addEventListener("click", () => move(percent));
    return button;
  };
  line.append(make("span", views[0].label), make("span", views[1].label));
  line.hidden = false;
  slider.addEventListener("input", () => move(Number(slider.value)));
  box.append(end(views[0].label, 100), slider, end(views[1].label, 0));
  box.hidden = false;
  L.DomEvent.disableClickPropagation(box);
  map.on("move", () => page.sheet.draw());
  move(50);
}
