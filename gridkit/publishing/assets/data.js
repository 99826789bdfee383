// Reading a block: a JSON text, then parts of varints or pixels.

// Browsers before 2020 lack it.
if (!Element.prototype.replaceChildren) {
  Element.prototype.replaceChildren = function (...children) {
    this.textContent = "";
    this.append(...children);
  };
}

function openBlock(buffer, parts) {
  const raw = new Uint8Array(buffer), size = new DataView(buffer).getUint32(0, true);
  const doc = JSON.parse(new TextDecoder().decode(raw.subarray(4, 4 + size)));
  let from = 4 + size;
  for (const [k, length] of Object.entries(doc.parts)) parts[k] = raw.subarray(from, (from += length));
  return doc;
}

// All the varints of a part, which are below 2^32.
function readVarints(bytes) {
  const numbers = new Uint32Array(bytes.length);
  let n = 0;
  for (let at = 0; at < bytes.length; n++) {
    let byte = bytes[at++], value = byte & 127;
    for (let shift = 7; byte & 128; shift += 7) {
      byte = bytes[at++];
      value |= (byte & 127) << shift;
    }
    numbers[n] = value;
  }
  return numbers.subarray(0, n);
}

const signed = (z) => (z >>> 1) ^ -(z & 1); // undoes the zigzag

// A column of texts: text i is words[index[i]].
function readWords({ words, part }, parts) {
  const bytes = parts[part], planes = Math.max(1, Math.ceil(Math.log2(Math.max(words.length, 1)) / 8));
  const n = bytes.length / planes, index = new Uint32Array(n);
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < n; i++) index[i] |= bytes[p * n + i] << (8 * p);
  }
  return { words, index, at: (i) => words[index[i]] };
}

// Shapes as flat arrays: shape i has rings first[i]..first[i+1], ring r vertices ring[r]..ring[r+1].
function readShapes(where, parts) {
  const numbers = readVarints(parts[where.part]), n = numbers[0];
  const first = sums(numbers, 1, n), ring = sums(numbers, 1 + n, first[n]);
  const { x, y } = readLine(numbers, 1 + n + first[n]);
  return placed({ n, first, ring, x, y }, where);
}

// Areas come as the lines between them: drawn once instead of twice, they also know which area lies
// to their left and right (-1 for none). Rings are put together when they are asked for.
function readAreas(where, parts) {
  const numbers = readVarints(parts[where.part]), n = numbers[0];
  let at = 1;
  const take = (k) => sums(numbers, (at += k) - k, k);
  const first = take(n), pieces = take(first[n]), from = at;
  at += pieces[first[n]];
  const lines = numbers[at++], start = take(lines), { x, y } = readLine(numbers, at);
  const walked = new Int32Array(pieces[first[n]]);
  const left = new Int32Array(lines).fill(-1), right = new Int32Array(lines).fill(-1);
  for (let i = 0, p = 0, line = 0; i < n; i++) {
    for (; p < pieces[first[i + 1]]; p++) {
      walked[p] = line += signed(numbers[from + p]);
      (line & 1 ? right : left)[line >> 1] = i; // the area lies to the left of its rings
    }
  }
  const each = new Uint32Array(lines + 1);
  for (let k = 0; k <= lines; k++) each[k] = k;
  const borders = placed({ n: lines, first: each, ring: start, x, y }, where);
  const made = { n, lines: { ...borders, left, right } };
  lazy(made, "shapes", () => placed({ n, first, ...ringsOf(pieces, walked, borders) }, where));
  return made;
}

function ringsOf(pieces, walked, { ring: start, x, y }) {
  const ring = new Uint32Array(pieces.length);
  for (let r = 0; r + 1 < pieces.length; r++) {
    let size = 0;
    for (let p = pieces[r]; p < pieces[r + 1]; p++) {
      size += start[(walked[p] >> 1) + 1] - start[walked[p] >> 1] - 1;
    }
    ring[r + 1] = ring[r] + size;
  }
  const ax = new Int32Array(ring[ring.length - 1]), ay = new Int32Array(ax.length);
  let v = 0;
  for (let p = 0; p < walked.length; p++) {
    const line = walked[p] >> 1, low = start[line], high = start[line + 1] - 1;
    if (walked[p] & 1) for (let k = high; k > low; k--, v++) (ax[v] = x[k]), (ay[v] = y[k]);
    else for (let k = low; k < high; k++, v++) (ax[v] = x[k]), (ay[v] = y[k]);
  }
  return { ring, x: ax, y: ay };
}

// 0 and the sums of k numbers, one after another.
function sums(numbers, from, k) {
  const sum = new Uint32Array(k + 1);
  for (let i = 0; i < k; i++) sum[i + 1] = sum[i] + numbers[from + i];
  return sum;
}

function readLine(numbers, from) {
  const n = (numbers.length - from) / 2, x = new Int32Array(n), y = new Int32Array(n);
  for (let v = 0, px = 0, py = 0; v < n; v++) {
    x[v] = px += signed(numbers[from + 2 * v]);
    y[v] = py += signed(numbers[from + 2 * v + 1]);
  }
  return { x, y };
}

function placed(shapes, { x0, y0, step }) {
  return { ...shapes, x0, y0, step, box: boxes(shapes) };
}

function boxes(s) {
  const box = new Float64Array(4 * s.n);
  for (let i = 0; i < s.n; i++) {
    let west = Infinity, south = Infinity, east = -Infinity, north = -Infinity;
    for (let v = s.ring[s.first[i]]; v < s.ring[s.first[i + 1]]; v++) {
      const x = s.x[v], y = s.y[v];
      if (x < west) west = x;
      if (x > east) east = x;
      if (y < south) south = y;
      if (y > north) north = y;
    }
    const k = 4 * i;
    box[k] = west;
    box[k + 1] = south;
    box[k + 2] = east;
    box[k + 3] = north;
  }
  return box;
}

// Which shape holds a point of Web Mercator; -1 for none. Even-odd, so holes need no care.
function shapeAt(s, mx, my) {
  const x = (mx - s.x0) / s.step, y = (my - s.y0) / s.step;
  for (let i = 0; i < s.n; i++) {
    const k = 4 * i;
    if (x < s.box[k] || y < s.box[k + 1] || x > s.box[k + 2] || y > s.box[k + 3]) continue;
    let inside = false;
    for (let r = s.first[i]; r < s.first[i + 1]; r++) {
      for (let v = s.ring[r], w = s.ring[r + 1] - 1; v < s.ring[r + 1]; w = v++) {
        const crosses = s.y[v] > y !== s.y[w] > y;
        const edge = ((s.x[w] - s.x[v]) * (y - s.y[v])) / (s.y[w] - s.y[v]) + s.x[v];
        if (crosses && x < edge) inside = !inside;
      }
    }
    if (inside) return i;
  }
  return -1;
}
