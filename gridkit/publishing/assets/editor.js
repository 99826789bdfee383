// The map of edit_cells: cells on a canvas in the metres of their own CRS. Text from the data is
// only ever drawn or put into text nodes. Nothing is fetched.

const COLOURS = { error: "#b2182b", warning: "#d9730d" };
const LETTERS = { error: "E", warning: "W", info: "i", not_checked: "–", ok: "✓" };
const REACH = 12; // pixels: how near a click or a drawn place counts as on something

function unpack(packed) {
  const view = (part, Kind) => new Kind(
    part.buffer.slice(part.byteOffset, part.byteOffset + part.byteLength));
  const paths = view(packed.paths, Uint32Array), sizes = view(packed.sizes, Uint32Array);
  const xy = view(packed.xy, Float32Array), shapes = [];
  let path = 0, at = 0;
  for (const count of paths) {
    const rings = [], box = [Infinity, Infinity, -Infinity, -Infinity], pen = new Path2D();
    for (let k = 0; k < count; k++, path++) {
      const ring = xy.subarray(2 * at, 2 * (at + sizes[path]));
      at += sizes[path];
      rings.push(ring);
      for (let v = 0; v < ring.length; v += 2) {
        const x = ring[v], y = ring[v + 1];
        if (v) pen.lineTo(x, y); else pen.moveTo(x, y);
        box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y);
        box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y);
      }
    }
    shapes.push({ rings, box, pen });
  }
  return shapes;
}

function holds(shape, x, y) {
  const [west, south, east, north] = shape.box;
  if (x < west || x > east || y < south || y > north) return false;
  let inside = false;
  for (const ring of shape.rings) {
    for (let v = 2; v < ring.length; v += 2) {
      const x1 = ring[v - 2], y1 = ring[v - 1], x2 = ring[v], y2 = ring[v + 1];
      if (y1 > y !== y2 > y && x < x1 + (x2 - x1) * (y - y1) / (y2 - y1)) inside = !inside;
    }
  }
  return inside;
}

function around(boxes) {
  const all = [Infinity, Infinity, -Infinity, -Infinity];
  for (const box of boxes) {
    all[0] = Math.min(all[0], box[0]); all[1] = Math.min(all[1], box[1]);
    all[2] = Math.max(all[2], box[2]); all[3] = Math.max(all[3], box[3]);
  }
  return all;
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

class Editor {
  constructor(model, root) {
    this.model = model;
    this.words = model.get("words");
    this.root = root;
    this.drawn = []; // lines in the making
    this.purpose = null; // what they are for: "split" or "redraw"
    this.lit = -1; // the finding that is pointed at
    this.build();
    const layers = Object.entries(model.get("ground"));
    this.ground = Object.fromEntries(layers.map(([name, packed]) => [name, unpack(packed)]));
    this.load();
    this.fit();
    this.hear(model);
  }

  hear(model) {
    this.heard = {
      "change:picture": () => { this.load(); this.stop(); },
      "change:selected": () => this.show(),
      "change:status": () => this.say(model.get("status")),
      "msg:custom": (said) => { if (said.border) this.take(said.border); },
    };
    for (const [what, act] of Object.entries(this.heard)) model.on(what, act);
    this.sizes = new ResizeObserver(() => this.resized());
    this.sizes.observe(this.canvas);
  }

  close() {
    for (const [what, act] of Object.entries(this.heard)) this.model.off(what, act);
    this.sizes.disconnect();
  }

  build() {
    this.root.className = "gk-editor";
    this.root.lang = document.documentElement.lang;
    const tools = element("div", "gk-tools"), stage = element("div", "gk-stage");
    const side = element("div", "gk-side"), foot = element("div", "gk-foot");
    this.buttons = {};
    const button = (name, act) => {
      const made = element("button", "", this.words[name]);
      made.type = "button";
      made.dataset.do = name;
      made.addEventListener("click", act);
      this.buttons[name] = made;
      tools.append(made);
    };
    const gap = () => tools.append(element("span", "gk-gap"));
    button("split", () => this.draw("split"));
    this.parts = element("input", "");
    Object.assign(this.parts, { type: "number", min: 2, max: 20, value: 2 });
    this.parts.setAttribute("aria-label", this.words.parts);
    button("divide", () => this.ask({ do: "split", n: Number(this.parts.value) }));
    tools.append(this.parts);
    button("merge", () => this.ask({ do: "merge" }));
    button("border", () => this.ask({ do: "border" }));
    button("redraw", () => this.draw("redraw"));
    const label = element("label", "", this.words.snap);
    this.snap = element("input", "");
    Object.assign(this.snap, { type: "checkbox", name: "snap" });
    label.prepend(this.snap);
    tools.append(label);
    gap();
    button("finish", () => this.finish());
    button("cancel", () => this.stop());
    gap();
    button("undo", () => this.ask({ do: "undo" }));
    button("redo", () => this.ask({ do: "redo" }));
    button("check", () => this.ask({ do: "check" }));
    button("fit", () => this.fit());
    this.reason = element("input", "");
    this.reason.placeholder = this.words.reason;
    this.reason.setAttribute("aria-label", this.words.reason);
    tools.append(this.reason);
    this.canvas = element("canvas", "gk-canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", this.words.map);
    stage.append(this.canvas);
    this.chosen = element("div", "gk-chosen");
    this.findings = element("div", "gk-findings");
    side.append(this.chosen, this.findings);
    this.status = element("div", "gk-status");
    this.status.setAttribute("role", "status");
    this.help = element("div", "gk-help");
    foot.append(this.status, this.help);
    this.root.append(tools, stage, side, foot);
    this.listen();
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (e) => this.press(e));
    canvas.addEventListener("pointermove", (e) => this.move(e));
    canvas.addEventListener("pointerup", (e) => this.release(e));
    canvas.addEventListener("dblclick", () => { if (this.purpose) this.finish(); });
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      this.zoom(Math.exp(-e.deltaY / 500), ...this.spot(e));
    }, { passive: false });
    canvas.addEventListener("keydown", (e) => {
      const step = 60 / this.scale;
      const keys = {
        ArrowLeft: () => { this.x -= step; }, ArrowRight: () => { this.x += step; },
        ArrowDown: () => { this.y -= step; }, ArrowUp: () => { this.y += step; },
        "+": () => this.zoom(1.3), "-": () => this.zoom(1 / 1.3),
        Escape: () => this.stop(), Enter: () => this.finish(),
      };
      if (keys[e.key]) { keys[e.key](); e.preventDefault(); e.stopPropagation(); this.paint(); }
    });
  }

  // ---- what Python says

  load() {
    const picture = this.model.get("picture");
    this.picture = picture;
    this.cells = unpack(picture.shapes);
    this.places = unpack(picture.places);
    this.lit = -1;
    this.reason.value = picture.reason;
    this.list();
    this.show();
  }

  say({ kind, text }) {
    this.status.textContent = text || "";
    this.status.dataset.kind = kind || "";
    this.root.dataset.answered = this.model.get("status").n;
  }

  ask(what) {
    this.say({ kind: "", text: this.words.working });
    this.model.send({ reason: this.reason.value.trim(), ...what });
  }

  take(border) {
    this.drawn = border;
    this.purpose = "redraw";
    this.moving = true;
    const at = (k) => border.flat().map((point) => point[k]);
    const box = [Math.min(...at(0)), Math.min(...at(1)), Math.max(...at(0)), Math.max(...at(1))];
    this.look(box);
    this.show();
  }

  // ---- drawing a line

  draw(purpose) {
    this.drawn = [[]];
    this.purpose = purpose;
    this.moving = false;
    this.canvas.focus();
    this.show();
  }

  finish() {
    const lines = this.drawn.filter((line) => line.length > 1);
    if (!this.purpose || !lines.length) return this.stop();
    this.ask({ do: this.purpose, lines, snap: this.snap.checked, reach_m: REACH / this.scale });
  }

  stop() {
    this.drawn = [];
    this.purpose = null;
    this.moving = false;
    this.show();
  }

  // ---- the hand

  spot(e) {
    const box = this.canvas.getBoundingClientRect();
    const across = e.clientX - box.x - box.width / 2, up = box.height / 2 - (e.clientY - box.y);
    return [this.x + across / this.scale, this.y + up / this.scale];
  }

  press(e) {
    this.canvas.setPointerCapture(e.pointerId);
    const [x, y] = this.spot(e);
    this.start = { px: e.clientX, py: e.clientY, x: this.x, y: this.y, far: false, grip: null };
    if (!this.moving) return;
    let best = REACH / this.scale;
    for (const line of this.drawn) {
      line.forEach((point, k) => {
        const away = Math.hypot(point[0] - x, point[1] - y);
        if (away < best) { best = away; this.start.grip = { line, k }; }
      });
    }
    if (!this.start.grip) this.start.grip = this.bend(x, y);
  }

  // A place between two handles becomes a handle.
  bend(x, y) {
    for (const line of this.drawn) {
      for (let k = 1; k < line.length; k++) {
        const [ax, ay] = line[k - 1], dx = line[k][0] - ax, dy = line[k][1] - ay;
        const t = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy);
        if (t < 0 || t > 1 || Math.hypot(ax + t * dx - x, ay + t * dy - y) > REACH / this.scale) continue;
        line.splice(k, 0, [x, y]);
        return { line, k };
      }
    }
    return null;
  }

  move(e) {
    const start = this.start;
    if (!start) {
      if (this.purpose && !this.moving) { this.hover = this.spot(e); this.paint(); }
      return;
    }
    start.far ||= Math.hypot(e.clientX - start.px, e.clientY - start.py) > 4;
    if (!start.far) return;
    if (start.grip) {
      start.grip.line[start.grip.k] = this.spot(e);
    } else {
      this.x = start.x - (e.clientX - start.px) / this.scale;
      this.y = start.y + (e.clientY - start.py) / this.scale;
    }
    this.paint();
  }

  release(e) {
    const start = this.start;
    this.start = null;
    if (!start || start.far) return;
    const spot = this.spot(e);
    if (this.purpose && !this.moving) {
      const line = this.drawn[0], last = line.at(-1);
      const twice = last && Math.hypot(last[0] - spot[0], last[1] - spot[1]) < 3 / this.scale;
      if (!twice) line.push(spot); // the second click of a double click draws nothing
      this.paint();
    } else if (!this.purpose) {
      this.pick(spot, e.shiftKey || e.ctrlKey || e.metaKey);
    }
  }

  pick([x, y], more) {
    const k = this.cells.findIndex((cell) => holds(cell, x, y));
    const before = this.model.get("selected");
    let codes = more ? before : [];
    if (k >= 0) {
      const code = this.picture.codes[k];
      codes = more && before.includes(code) ? before.filter((c) => c !== code) : [...codes, code];
    }
    this.model.set("selected", codes); // at once; Python confirms it, or puts it right
    this.ask({ do: "select", codes });
  }

  zoom(factor, x = this.x, y = this.y) {
    this.scale *= factor;
    this.x = x + (this.x - x) / factor;
    this.y = y + (this.y - y) / factor;
    this.paint();
  }

  fit(box = around(this.cells.map((cell) => cell.box))) {
    const width = this.canvas.clientWidth || 600, height = this.canvas.clientHeight || 400;
    this.x = (box[0] + box[2]) / 2;
    this.y = (box[1] + box[3]) / 2;
    this.scale = 0.92 * Math.min(width / (box[2] - box[0] || 1), height / (box[3] - box[1] || 1));
    this.paint();
  }

  look([west, south, east, north]) {
    const room = 0.3 * Math.max(east - west, north - south) + 30;
    this.fit([west - room, south - room, east + room, north + room]);
  }

  resized() {
    if (!this.seen && this.canvas.clientWidth) { this.seen = true; this.fit(); }
    this.paint();
  }

  // ---- what is shown beside the map

  show() {
    const codes = this.model.get("selected"), place = new Map();
    this.picture.codes.forEach((code, k) => place.set(code, k));
    this.marked = codes.map((code) => place.get(code)).filter((k) => k !== undefined);
    const sum = (values) => this.marked.reduce((total, k) => total + (values[k] ?? NaN), 0);
    const area = sum(this.picture.areas), load = sum(this.picture.loads), w = this.words;
    const lines = [`${w.area}: ${w.hectares.replace("{}", (area / 1e4).toFixed(2))}`];
    if (!Number.isNaN(load)) lines.push(`${w.load}: ${+load.toFixed(1)}`);
    const title = element("h4", "", w.selected.replace("{}", codes.length));
    const texts = codes.length ? [...lines, codes.slice(0, 12).join(", ")] : [];
    this.chosen.replaceChildren(title, ...texts.map((text) => element("p", "", text)));
    const busy = Boolean(this.purpose), n = codes.length, on = this.buttons;
    on.split.disabled = on.divide.disabled = busy || n !== 1;
    on.merge.disabled = on.redraw.disabled = busy || n < 2;
    on.border.disabled = busy || n !== 2;
    on.finish.disabled = on.cancel.disabled = !busy;
    on.undo.disabled = busy || !this.picture.undo;
    on.redo.disabled = busy || !this.picture.redo;
    on.split.setAttribute("aria-pressed", this.purpose === "split");
    on.redraw.setAttribute("aria-pressed", this.purpose === "redraw" && !this.moving);
    on.border.setAttribute("aria-pressed", Boolean(this.moving));
    this.snap.disabled = !this.ground?.streets;
    this.root.dataset.mode = busy && !this.moving ? "draw" : "select";
    this.help.textContent = !busy ? w.help_select : this.moving ? w.help_move : w.help_draw;
    this.paint();
  }

  list() {
    const items = this.picture.findings.map((finding, k) => {
      const item = element("li", ""), made = element("button", "");
      const severity = finding.severity, box = this.places[k].box;
      made.type = "button";
      made.dataset.severity = severity;
      made.disabled = !Number.isFinite(box[0]);
      made.append(
        element("span", "gk-rule", `${LETTERS[severity]} ${this.words[severity]} · ${finding.rule}`),
        element("p", "", `${finding.principle}: ${finding.detail}`),
        element("p", "", ["error", "warning"].includes(severity) ? finding.remedy : ""),
      );
      made.addEventListener("click", () => {
        this.lit = k;
        this.look(box);
      });
      item.append(made);
      return item;
    });
    const list = element("ul", "");
    list.append(...items);
    const scope = `${this.words.findings} (${this.words[this.picture.scope]})`;
    this.findings.replaceChildren(element("h4", "", scope), list);
  }

  // ---- the picture

  paint() {
    this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.render(); });
  }

  render() {
    const { canvas, scale } = this, ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    canvas.dataset.view = `${this.x} ${this.y} ${scale}`; // where the middle is; pixels a metre
    const g = canvas.getContext("2d"), s = scale * ratio;
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, canvas.width, canvas.height);
    g.setTransform(s, 0, 0, -s, canvas.width / 2 - this.x * s, canvas.height / 2 + this.y * s);
    const px = 1 / scale, stroke = (shapes, colour, wide, dash = []) => {
      g.strokeStyle = colour;
      g.lineWidth = wide * px;
      g.setLineDash(dash.map((d) => d * px));
      for (const shape of shapes) g.stroke(shape.pen);
    };
    g.lineJoin = "round";
    g.fillStyle = "#f3f1e7";
    for (const cell of this.cells) g.fill(cell.pen, "evenodd");
    g.fillStyle = "#c9dfea";
    for (const water of this.ground.water || []) g.fill(water.pen, "evenodd");
    stroke(this.ground.streets || [], "#cfc9b8", 1.5);
    const marked = this.marked.map((k) => this.cells[k]);
    g.fillStyle = "rgba(31, 78, 121, .25)";
    for (const cell of marked) g.fill(cell.pen, "evenodd");
    stroke(this.cells, "#6b6b66", 1);
    stroke(this.ground.communities || [], "#6a3d9a", 2.2, [8, 4]);
    stroke(marked, "#1f4e79", 3);
    [...this.picture.findings.entries()].reverse().forEach(([k, finding]) => { // the worst on top
      const colour = COLOURS[finding.severity];
      if (colour) stroke([this.places[k]], colour, k === this.lit ? 5 : 2.5, [6, 3]);
      else if (k === this.lit) stroke([this.places[k]], "#444", 3, [2, 3]);
    });
    this.label(g, px, ratio);
    this.sketch(g, px);
  }

  label(g, px, ratio) {
    const { scale, canvas } = this, middle = [canvas.width / 2, canvas.height / 2];
    const put = (text, x, y, colour, size) => {
      const at = [middle[0] + (x - this.x) * scale * ratio, middle[1] - (y - this.y) * scale * ratio];
      g.font = `600 ${size * ratio}px sans-serif`;
      g.strokeStyle = "#fff";
      g.lineWidth = 3 * ratio;
      g.strokeText(text, ...at);
      g.fillStyle = colour;
      g.fillText(text, ...at);
    };
    g.save();
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.setLineDash([]);
    g.textAlign = "center";
    g.textBaseline = "middle";
    this.cells.forEach((cell, k) => {
      const [west, south, east, north] = cell.box, wide = (east - west) / px;
      const code = this.picture.codes[k], short = code.length > 6 ? `…${code.slice(-4)}` : code;
      if (wide > 46) put(wide > 130 ? code.slice(0, 24) : short, (west + east) / 2, (south + north) / 2, "#333", 11);
    });
    this.picture.findings.forEach((finding, k) => {
      const colour = COLOURS[finding.severity];
      if (!colour) return;
      for (const ring of this.places[k].rings) {
        put(LETTERS[finding.severity], ring[0], ring[1], colour, 14);
      }
    });
    g.restore();
  }

  sketch(g, px) {
    g.setLineDash([]);
    g.strokeStyle = "#c2185b";
    g.lineWidth = 2.5 * px;
    for (const line of this.drawn) {
      const points = !this.moving && this.hover && line.length ? [...line, this.hover] : line;
      g.beginPath();
      points.forEach(([x, y], k) => (k ? g.lineTo(x, y) : g.moveTo(x, y)));
      g.stroke();
      g.fillStyle = "#fff";
      for (const [x, y] of line) {
        g.beginPath();
        g.arc(x, y, (this.moving ? 5 : 3.5) * px, 0, 2 * Math.PI);
        g.fill();
        g.stroke();
      }
    }
  }
}

export default {
  render({ model, el }) {
    const root = document.createElement("div");
    el.append(root);
    const editor = new Editor(model, root);
    return () => editor.close();
  },
};
