// Cells that tile the land as numbers of pixels: drawn once for a view, then only coloured anew.

const OUTLINE = [107, 107, 115];

// For each pixel the number of its cell plus 1, or 0. Where a line crosses a row of pixels, one cell
// ends and the next begins: sums of these steps along the row are the cells.
function cellNumbers({ n, lines: s }, view, ratio, numbers) {
  const width = Math.round(view.size.x * ratio), height = Math.round(view.size.y * ratio);
  if (numbers.length === width * height) numbers.fill(0);
  else numbers = new Int32Array(width * height);
  const k = s.step * view.scale * ratio, bx = view.x(s.x0) * ratio, by = view.y(s.y0) * ratio;
  for (let i = 0; i < s.n; i++) {
    if (!inRows(s, i, view)) continue;
    const step = s.left[i] - s.right[i]; // what a line that runs down the screen has to its east
    let px = bx + k * s.x[s.ring[i]], py = by - k * s.y[s.ring[i]];
    for (let v = s.ring[i] + 1; v < s.ring[i + 1]; v++) {
      const x = bx + k * s.x[v], y = by - k * s.y[v], down = y > py, sign = down ? step : -step;
      const top = Math.max(0, Math.ceil((down ? py : y) - 0.5));
      const bottom = Math.min(height, Math.ceil((down ? y : py) - 0.5));
      const slope = (x - px) / (y - py);
      for (let row = top; row < bottom; row++) {
        const column = Math.ceil(px + (row + 0.5 - py) * slope - 0.5);
        if (column < width) numbers[row * width + Math.max(0, column)] += sign;
      }
      px = x;
      py = y;
    }
  }
  for (let row = 0, p = 0; row < height; row++) {
    for (let column = 0, sum = 0; column < width; column++, p++) numbers[p] = sum += numbers[p];
  }
  return { numbers, width, height, n };
}

// Whether a line reaches into the rows on the screen, and not only east of it.
function inRows(s, i, view) {
  const k = 4 * i, box = s.box;
  return view.x(s.x0 + box[k] * s.step) < view.size.x &&
    view.y(s.y0 + box[k + 3] * s.step) < view.size.y && view.y(s.y0 + box[k + 1] * s.step) > 0;
}

// Only the borders, thin and grey: for heat that shows through.
function outlineCells({ numbers, width, height }, canvas) {
  canvas.width = width;
  canvas.height = height;
  const ctx = canvas.getContext("2d"), picture = ctx.createImageData(width, height);
  const out = new Uint32Array(picture.data.buffer), ink = (96 << 24) | (80 << 16) | (84 << 8) | 90;
  for (let p = 0, last = width * (height - 1); p < last; p++) {
    const cell = numbers[p];
    if (cell !== numbers[p + 1] || cell !== numbers[p + width]) out[p] = ink;
  }
  ctx.putImageData(picture, 0, 0);
  return canvas;
}

// Colour the pixels by cell; where two cells meet, the colour is drawn towards grey.
function colourCells({ numbers, width, height, n }, layer, outlined, canvas) {
  const plain = new Uint32Array(n + 1), rim = new Uint32Array(n + 1);
  const inks = [layer.none, ...layer.colours].map((c) => [1, 3, 5].map((k) => parseInt(c.slice(k, k + 2), 16)));
  const packed = (rgb) => (255 << 24) | (rgb[2] << 16) | (rgb[1] << 8) | rgb[0];
  const grey = inks.map((rgb) => rgb.map((c, k) => Math.round(c * 0.45 + OUTLINE[k] * 0.55)));
  for (let i = 0; i < n; i++) {
    const ink = layer.index[i] + 1;
    plain[i + 1] = packed(inks[ink]);
    rim[i + 1] = packed(grey[ink]);
  }
  canvas.width = width;
  canvas.height = height;
  const ctx = canvas.getContext("2d"), picture = ctx.createImageData(width, height);
  const out = new Uint32Array(picture.data.buffer);
  for (let p = 0, last = width * (height - 1); p < last; p++) {
    const cell = numbers[p];
    if (cell <= 0 || cell > n) continue;
    const meets = outlined && (cell !== numbers[p + 1] || cell !== numbers[p + width]);
    out[p] = meets ? rim[cell] : plain[cell];
  }
  ctx.putImageData(picture, 0, 0);
  return canvas;
}
