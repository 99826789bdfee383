// Reading the block: gzip in base64; a JSON text, then parts of varints or pixels.

async function unpack(text) {
  const packed = atob(text);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const raw = new Uint8Array(await new Response(stream).arrayBuffer());
  const size = new DataView(raw.buffer).getUint32(0, true);
  const doc = JSON.parse(new TextDecoder().decode(raw.subarray(4, 4 + size)));
  let from = 4 + size;
  const parts = doc.parts.map((length) => raw.subarray(from, (from += length)));
  return { doc, parts };
}

// Shapes as flat arrays: shape i has rings first[i]..first[i+1], ring r vertices ring[r]..ring[r+1].
function readShapes(where, parts) {
  const bytes = parts[where.part];
  let at = 0;
  const next = () => {
    let value = 0, scale = 1, byte;
    do {
      byte = bytes[at++];
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte & 128);
    return value;
  };
  const step = () => {
    const value = next();
    return value % 2 ? -(value + 1) / 2 : value / 2;
  };
  const n = next();
  const first = new Uint32Array(n + 1);
  for (let i = 0; i < n; i++) first[i + 1] = first[i] + next();
  const ring = new Uint32Array(first[n] + 1);
  for (let r = 0; r < first[n]; r++) ring[r + 1] = ring[r] + next();
  const x = new Float64Array(ring[first[n]]), y = new Float64Array(x.length);
  for (let v = 0, px = 0, py = 0; v < x.length; v++) {
    x[v] = px += step();
    y[v] = py += step();
  }
  const shapes = { n, first, ring, x, y, x0: where.x0, y0: where.y0, step: where.step };
  shapes.box = boxes(shapes);
  return shapes;
}

function boxes(s) {
  const box = new Float64Array(4 * s.n);
  for (let i = 0; i < s.n; i++) {
    let west = Infinity, south = Infinity, east = -Infinity, north = -Infinity;
    for (let v = s.ring[s.first[i]]; v < s.ring[s.first[i + 1]]; v++) {
      west = Math.min(west, s.x[v]);
      east = Math.max(east, s.x[v]);
      south = Math.min(south, s.y[v]);
      north = Math.max(north, s.y[v]);
    }
    box.set([west, south, east, north], 4 * i);
  }
  return box;
}

// The median width of shapes, Web-Mercator metres.
function usualWidth(s) {
  const widths = [...Array(s.n).keys()].map((i) => s.box[4 * i + 2] - s.box[4 * i]);
  return widths.sort((a, b) => a - b)[s.n >> 1] * s.step;
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
