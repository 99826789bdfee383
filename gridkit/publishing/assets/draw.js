// Drawing: one canvas under the map's other layers, redrawn whole when the map has moved.

const HALF = 20037508.342789244; // half the Web-Mercator world, metres
const HALO = "rgba(255,255,255,.92)";
const FONT = getComputedStyle(document.body).fontFamily;

// A view turns Web-Mercator metres into pixels of the canvas.
function viewOf(map, corner, size) {
  const zoom = map.getZoom();
  const scale = (256 * 2 ** zoom) / (2 * HALF);
  const origin = map.getPixelOrigin().add(corner);
  const ground = Math.cos((map.getCenter().lat * Math.PI) / 180);
  return {
    zoom, scale, size,
    key: [zoom, origin.x, origin.y, size.x, size.y].join(),
    metre: scale / ground,
    x: (mx) => (mx + HALF) * scale - origin.x,
    y: (my) => (HALF - my) * scale - origin.y,
  };
}

function onScreen(s, i, view) {
  const k = 4 * i, box = s.box;
  return box[k] <= box[k + 2] &&
    view.x(s.x0 + box[k] * s.step) < view.size.x && view.x(s.x0 + box[k + 2] * s.step) > 0 &&
    view.y(s.y0 + box[k + 3] * s.step) < view.size.y && view.y(s.y0 + box[k + 1] * s.step) > 0;
}

// Add a shape to a path; vertices nearer than 0.6 px to the last one drawn are left out.
function trace(path, s, i, view, closed) {
  const k = s.step * view.scale, bx = view.x(s.x0), by = view.y(s.y0);
  for (let r = s.first[i]; r < s.first[i + 1]; r++) {
    const start = s.ring[r], end = s.ring[r + 1];
    let lastX = 0, lastY = 0;
    for (let v = start; v < end; v++) {
      const px = bx + k * s.x[v], py = by - k * s.y[v];
      if (v === start) path.moveTo(px, py);
      else if (v < end - 1 && Math.abs(px - lastX) < 0.6 && Math.abs(py - lastY) < 0.6) continue;
      else path.lineTo(px, py);
      lastX = px;
      lastY = py;
    }
    if (closed) path.closePath();
  }
}

// The shapes on screen as paths of some hundred vertices each: one path of thousands takes browsers
// thirty times as long, and so does a path for each shape. With `batch` 1 each has its own.
const BATCH = 500;
function pathsOf(s, view, closed, wanted = () => true, batch = BATCH) {
  const paths = [];
  let room = 0;
  for (let i = 0; i < s.n; i++) {
    if (!wanted(i) || !onScreen(s, i, view)) continue;
    if (room <= 0) {
      paths.push(new Path2D());
      room = batch;
    }
    trace(paths[paths.length - 1], s, i, view, closed);
    room -= s.ring[s.first[i + 1]] - s.ring[s.first[i]];
  }
  return paths;
}

function fill(ctx, paths, colour) {
  ctx.fillStyle = colour;
  for (const path of paths) ctx.fill(path, "evenodd");
}

function stroke(ctx, paths, colour, width, dash = []) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.setLineDash(dash);
  for (const path of paths) ctx.stroke(path);
  ctx.setLineDash([]);
}

function mix(colours, t) {
  const at = t * (colours.length - 1), k = Math.min(colours.length - 2, Math.floor(at));
  const channel = (c, j) => parseInt(c.slice(1 + 2 * j, 3 + 2 * j), 16);
  return [0, 1, 2].map((j) => {
    const a = channel(colours[k], j), b = channel(colours[k + 1], j);
    return Math.round(a + (b - a) * (at - k));
  });
}

// Where there is nothing the ground shows through; colour gathers quickly above that.
const heatOpacity = (t) => 0.88 * Math.min(1, t * 3.2);

function heatCanvas(view, parts) {
  const { part, width, height } = view.image;
  const colours = new Uint8ClampedArray(4 * 256);
  for (let b = 1; b < 256; b++) {
    const t = (b - 1) / 254;
    colours.set([...mix(view.ramp, t), Math.round(255 * heatOpacity(t))], 4 * b);
  }
  const picture = new ImageData(width, height);
  parts[part].forEach((b, p) => picture.data.set(colours.subarray(4 * b, 4 * b + 4), 4 * p));
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}

// A picture lies between its bounds, north up, or where its own six numbers put it, south first.
function drawHeat(ctx, layer, border, view) {
  ctx.save();
  ctx.clip(border, "evenodd");
  ctx.imageSmoothingEnabled = true;
  if (layer.image) {
    ctx.imageSmoothingQuality = "high";
    const [west, south, east, north] = layer.image.bounds, x = view.x(west), y = view.y(north);
    ctx.drawImage(layer.picture, x, y, view.x(east) - x, view.y(south) - y);
  } else {
    const [a, b, c, d, e, f] = layer.place, k = view.scale;
    ctx.imageSmoothingQuality = a * k < 6 ? "low" : "high"; // small squares need no finer mixing
    ctx.transform(a * k, -d * k, b * k, -e * k, view.x(c), view.y(f));
    ctx.drawImage(layer.picture, 0, 0);
  }
  ctx.restore();
}

// Cells narrower than this, in pixels, are outlined in the picture itself.
const NARROW = 26;

function drawCells(ctx, page, layer, view) {
  const area = page.areas[layer.areas];
  ctx.globalAlpha = 0.82;
  if (area.tiles) {
    const outlined = page.state.on.outlines && inPicture(page, layer, view);
    const picture = colourCells(page.sheet.numbers(layer.areas, view), layer, outlined, page.sheet.scratch);
    ctx.drawImage(picture, 0, 0, view.size.x, view.size.y);
  } else {
    for (let c = -1; c < layer.colours.length; c++) {
      const paths = pathsOf(area.shapes, view, true, (i) => layer.index[i] === c);
      fill(ctx, paths, c < 0 ? layer.none : layer.colours[c]);
    }
  }
  ctx.globalAlpha = 1;
}

const narrow = (area, view) => area.usual * view.scale < NARROW;

// Whether the outlines of a layer are part of its picture, not lines over it.
function inPicture(page, layer, view) {
  const area = page.areas[layer.areas];
  return area.tiles && narrow(area, view) && (layer.kind === "cells" || (layer.kind === "heat" && !layer.image));
}

// Outlines in the colour of each class, the higher classes on top.
function drawRims(ctx, { shapes, lines }, layer, view) {
  const width = Math.max(1, Math.min(2.6, (view.zoom - 12) * 0.7));
  stroke(ctx, pathsOf(lines, view, false), "rgba(255,255,255,.7)", width + 1.4);
  for (let c = -1; c < layer.colours.length; c++) {
    const paths = pathsOf(shapes, view, true, (i) => layer.index[i] === c);
    stroke(ctx, paths, c < 0 ? layer.none : layer.colours[c], width);
  }
}

function drawStreets(ctx, streets, view, paths) {
  const shown = streets.filter((s) => view.zoom >= s.zoom);
  const width = (s) => {
    const least = s.zoom < 11 ? 1.6 : s.zoom < 13 ? 1.1 : 0.6;
    return Math.max(least, Math.min(s.width_m * view.metre, 22));
  };
  // Round corners cost most of the time, and no one sees them on thin lines.
  [ctx.lineCap, ctx.lineJoin] = view.zoom < 13 ? ["butt", "bevel"] : ["round", "round"];
  const path = (s) => paths.get(s) || paths.set(s, pathsOf(s.lines, view, false)).get(s);
  if (view.zoom >= 13) {
    for (const s of shown) {
      if (s.kind !== "rail") stroke(ctx, path(s), "#b8b1a5", width(s) + 1.2);
    }
  }
  for (const s of shown) {
    if (s.kind === "rail") {
      stroke(ctx, path(s), "rgba(90,90,95,.75)", 1.6);
      stroke(ctx, path(s), "#fff", 0.9, [6, 6]);
    } else {
      stroke(ctx, path(s), s.zoom < 11 ? "rgba(255,252,240,.95)" : "rgba(255,255,255,.9)", width(s));
    }
  }
  [ctx.lineCap, ctx.lineJoin] = ["butt", "miter"];
}

// Labels never lie over one another: the first to claim a place keeps it.
function labeller(ctx, view) {
  const taken = [];
  const free = (box) => {
    const [a, b, c, d] = box;
    if (c < 0 || d < 0 || a > view.size.x || b > view.size.y) return false;
    if (taken.some((t) => a < t[2] && c > t[0] && b < t[3] && d > t[1])) return false;
    return taken.push(box) > 0;
  };
  return (text, x, y, style) => {
    const { size, colour, weight = 400, angle = 0, pad = 4, limit = Infinity, box } = style;
    const words = text.length > 18 ? text.slice(0, 17) + "…" : text;
    ctx.font = `${weight} ${size}px ${FONT}`;
    const width = ctx.measureText(words).width;
    if (width > limit) return false;
    const w = (Math.abs(Math.cos(angle)) * width + Math.abs(Math.sin(angle)) * size) / 2 + pad;
    const h = (Math.abs(Math.sin(angle)) * width + Math.abs(Math.cos(angle)) * size) / 2 + pad;
    if (!free([x - w, y - h, x + w, y + h])) return false;
    ctx.save();
    ctx.translate(x, y);
    ctx.rotate(angle);
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    if (box) {
      ctx.fillStyle = box;
      ctx.fillRect(-width / 2 - 4, -size / 2 - 3, width + 8, size + 6);
    } else {
      ctx.strokeStyle = HALO;
      ctx.lineWidth = 3.4;
      ctx.strokeText(words, 0, 0);
    }
    ctx.fillStyle = colour;
    ctx.fillText(words, 0, 0);
    ctx.restore();
    return true;
  };
}

function labelMiddles(label, names, middles, view, style, limitOf) {
  for (let i = 0; i < middles.n; i++) {
    const v = middles.ring[middles.first[i]];
    if (v === undefined || middles.first[i] === middles.first[i + 1] || !names[i]) continue;
    const x = view.x(middles.x0 + middles.x[v] * middles.step);
    const y = view.y(middles.y0 + middles.y[v] * middles.step);
    label(names[i], x, y, limitOf ? { ...style, limit: limitOf(i) } : style);
  }
}

// A street's name along its longest straight piece, once in a neighbourhood.
function labelStreets(label, streets, view) {
  const seen = [];
  for (const layer of streets) {
    const s = layer.lines;
    if (layer.width_m < 10 && view.zoom < 16.5) continue;
    for (let i = 0; i < s.n; i++) {
      const name = layer.names[i];
      if (!name || !onScreen(s, i, view)) continue;
      let best = null, most = 15 * name.length;
      for (let v = s.ring[s.first[i]]; v < s.ring[s.first[i + 1]] - 1; v++) {
        const ax = view.x(s.x0 + s.x[v] * s.step), ay = view.y(s.y0 + s.y[v] * s.step);
        const bx = view.x(s.x0 + s.x[v + 1] * s.step), by = view.y(s.y0 + s.y[v + 1] * s.step);
        const length = Math.hypot(bx - ax, by - ay);
        if (length > most) [best, most] = [[ax, ay, bx, by], length];
      }
      if (!best) continue;
      const [ax, ay, bx, by] = best, x = (ax + bx) / 2, y = (ay + by) / 2;
      if (seen.some((o) => o.name === name && Math.hypot(o.x - x, o.y - y) < 420)) continue;
      let angle = Math.atan2(by - ay, bx - ax);
      if (Math.abs(angle) > Math.PI / 2) angle += Math.PI;
      if (label(name, x, y, { size: 12, colour: "#5d5648", angle })) seen.push({ name, x, y });
    }
  }
}

function paint(ctx, view, page, part) {
  paintGround(ctx, view, page);
  paintLayer(ctx, view, page, part);
  paintAbove(ctx, view, page, part);
  drawChosen(ctx, view, page, part);
}

function paintGround(ctx, view, page) {
  const { base, state } = page;
  if (page.doc.online) return; // tiles are the ground
  if (base.border) fill(ctx, pathsOf(base.border, view, true), "#faf8f3");
  if (base.water && state.on.water) fill(ctx, pathsOf(base.water, view, true), "#bcd9ea");
}

function paintLayer(ctx, view, page, { layer }) {
  if (!layer) return;
  if (layer.kind === "cells") drawCells(ctx, page, layer, view);
  if (layer.kind === "plain") fill(ctx, pathsOf(page.areas[layer.areas].shapes, view, true), layer.none);
  if (layer.picture && page.base.border) {
    const land = pathsOf(page.base.border, view, true, () => true, Infinity)[0];
    drawHeat(ctx, layer, land || new Path2D(), view);
  }
  if (layer.kind === "heat" && page.state.on.outlines && inPicture(page, layer, view)) {
    const numbers = page.sheet.numbers(layer.areas, view);
    if (!numbers.outlines) numbers.outlines = outlineCells(numbers, make("canvas"));
    ctx.drawImage(numbers.outlines, 0, 0, view.size.x, view.size.y);
  }
}

function paintAbove(ctx, view, page, { layer, side }) {
  const { base, state } = page, on = state.on;
  if (on.buildings && view.zoom >= 14.5 && base.buildings) {
    const paths = pathsOf(base.buildings, view, true);
    fill(ctx, paths, "rgba(96,84,68,.22)");
    if (view.zoom >= 16) stroke(ctx, paths, "rgba(96,84,68,.35)", 0.6);
  }
  if (base.streets && on.streets) drawStreets(ctx, base.streets, view, new Map());
  if (layer && on.outlines) drawOutlines(ctx, page, layer, view);
  if (base.communities && on.communities) {
    const paths = pathsOf(base.communities.borders, view, false);
    if (view.zoom < 13) stroke(ctx, paths, "rgba(91,74,120,.8)", 0.9);
    else {
      stroke(ctx, paths, HALO, 3.6);
      stroke(ctx, paths, "#5b4a78", 1.6, [7, 4]);
    }
  }
  if (base.border) stroke(ctx, pathsOf(base.border, view, true), "#3d3550", 2.2);
  if (page.marks) drawMarks(ctx, page, view, side);
  drawLabels(ctx, page, layer, view, side);
}

function drawOutlines(ctx, page, layer, view) {
  if (inPicture(page, layer, view)) return;
  const area = page.areas[layer.areas], borders = area.lines, width = view.zoom < 14 ? 0.6 : 1;
  if (layer.kind === "heat" && layer.image) drawRims(ctx, area, layer, view);
  else if (layer.kind === "heat") stroke(ctx, pathsOf(borders, view, false), "rgba(90,84,80,.38)", width);
  else {
    // Opaque: borders that two paths share must not come out darker than others.
    stroke(ctx, pathsOf(borders, view, false), layer.kind === "plain" ? "#a8a59e" : "#6b6b73", width);
  }
}

function outline(ctx, shapes, chosen, view, colour, width) {
  const paths = pathsOf(shapes, view, true, (i) => i === chosen);
  stroke(ctx, paths, "#fff", width + 2.8);
  stroke(ctx, paths, colour, width);
}

function drawChosen(ctx, view, page, { layer }) {
  const { cell } = page.state;
  if (!cell || !layer || layer.areas !== cell.areas) return;
  const { areas, i } = cell;
  outline(ctx, page.areas[areas].shapes, i, view, "#0b57c2", 3.2);
}

function drawLabels(ctx, page, layer, view, side) {
  const { base, state } = page, label = labeller(ctx, view);
  if (page.marks) drawBadges(ctx, label, page, view, side);
  if (base.communities && state.on.communities && view.zoom >= 12.5) {
    const size = view.zoom < 14 ? 12 : 14;
    const style = { size, colour: "#43325f", weight: 600 };
    labelMiddles(label, base.communities.names, base.communities.middles, view, style);
  }
  if (base.streets && state.on.streets && view.zoom >= 14.5) labelStreets(label, base.streets, view);
  if (layer && state.on.outlines) {
    const area = page.areas[layer.areas];
    if (!page.whole || area.usual * view.scale < 62) return; // no room for most cells' numbers yet
    const { shapes, middles, labels } = area;
    const room = (i) => 0.4 * (shapes.box[4 * i + 2] - shapes.box[4 * i]) * shapes.step * view.scale;
    labelMiddles(label, labels, middles, view, { size: 11.5, colour: "#3a3f47", pad: 1 }, room);
  }
}

const Sheet = L.Renderer.extend({
  options: { pane: "gridkit", padding: 0.1 },
  initialize(page) {
    L.Renderer.prototype.initialize.call(this, {});
    this.page = page;
    this.scratch = document.createElement("canvas");
  },
  _initContainer() {
    this._container = document.createElement("canvas");
  },
  _destroyContainer() {
    this._container.remove();
    delete this._container;
  },
  _update() {
    if (this._map._animatingZoom && this._bounds) return;
    L.Renderer.prototype._update.call(this);
    const size = this._bounds.getSize();
    const ratio = this.page.printing ? 3 : Math.min(2, window.devicePixelRatio || 1);
    this._container.width = Math.round(size.x * ratio);
    this._container.height = Math.round(size.y * ratio);
    this._container.style.width = size.x + "px";
    this._container.style.height = size.y + "px";
    L.DomUtil.setPosition(this._container, this._bounds.min);
    this.ratio = ratio;
    this.draw();
  },
  draw() {
    this.kept = null;
    this.paint(false);
  },
  // Draw again after a change of colours only: what lies under and over the layer is kept.
  compose() {
    this.paint(Boolean(this.page.dash));
  },
  paint(keeping) {
    const ctx = this._container.getContext("2d"), size = this._bounds.getSize();
    const view = viewOf(this._map, this._bounds.min, size);
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ctx.clearRect(0, 0, size.x, size.y);
    const atLayer = (x) => this._map.containerPointToLayerPoint([x, 0]).x - this._bounds.min.x;
    const parts = sidesOf(this.page, size, atLayer);
    if (keeping) return this.stack(ctx, view, parts[0]);
    for (const part of parts) {
      if (part.to <= part.from) continue;
      ctx.save();
      ctx.beginPath();
      ctx.rect(part.from, 0, part.to - part.from, size.y);
      ctx.clip();
      paint(ctx, view, this.page, part);
      ctx.restore();
    }
  },
  stack(ctx, view, part) {
    if (!this.kept) {
      this.kept = [paintGround, paintAbove].map((paintOne) => this.apart(paintOne, view, part));
    }
    const lay = (sheet) => ctx.drawImage(sheet, 0, 0, view.size.x, view.size.y);
    lay(this.kept[0]);
    paintLayer(ctx, view, this.page, part);
    lay(this.kept[1]);
    drawChosen(ctx, view, this.page, part);
  },
  apart(paintOne, view, part) {
    const canvas = document.createElement("canvas"), ctx = canvas.getContext("2d");
    canvas.width = this._container.width;
    canvas.height = this._container.height;
    ctx.scale(this.ratio, this.ratio);
    paintOne(ctx, view, this.page, part);
    return canvas;
  },
  // The number of its cell for each pixel, kept while the view stays.
  numbers(areas, view) {
    const known = this.cells;
    if (known && known.areas === areas && known.at === view.key) return known;
    const made = cellNumbers(this.page.areas[areas], view, this.ratio, known ? known.numbers : []);
    return (this.cells = { ...made, areas, at: view.key });
  },
});
