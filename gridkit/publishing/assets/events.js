// Cases as whole numbers: counting those that pass the filters, and smoothing them to a density.

const ALL = 1, PENDING = 2, LATE = 4, BEFORE = 8; // what a case counts for
const REACH = 4; // bandwidths after which the kernel is cut

function readEvents({ n, part, planes }, cells, parts) {
  const numbers = readVarints(parts[part]), group = sums(numbers, 0, cells + 1);
  const groups = group[cells + 1], square = new Int32Array(groups);
  for (let g = 0, at = 0; g < groups; g++) square[g] = at += signed(numbers[cells + 1 + g]);
  const first = sums(numbers, cells + 1 + groups, groups);
  const [span, what, hour] = planes.map((k) => parts[k]);
  return { n, cells, group, square, first, span, what, hour };
}

// Which spans, kinds and hours count, as bits; kinds are category × 3 + state.
function sieve(dash, filter) {
  const { from, to, categories, state, hours } = filter, length = to - from;
  const span = dash.spans.labels.map((_, s) => {
    if (s >= from && s < to) return ALL | PENDING | LATE;
    return s >= from - length && s < from ? BEFORE : 0;
  });
  const what = [];
  categories.forEach((on, c) => {
    for (let how = 0; how < 3; how++) {
      const wanted = on && how >= state ? ALL | BEFORE : 0;
      what.push(wanted | (on && how > 0 ? PENDING : 0) | (on && how > 1 ? LATE : 0));
    }
  });
  return [span, what, hours.map((on) => (on ? 15 : 0))].map((bits) => Uint8Array.from(bits));
}

// Counts of each cell (the last is none) and of each square.
function countEvents(events, dash, filter, counts) {
  const { cells, group, square, first, span, what, hour } = events;
  const [spans, kinds, hours] = sieve(dash, filter);
  for (const one of Object.values(counts)) one.fill(0);
  for (let cell = 0; cell <= cells; cell++) {
    let n = 0, pending = 0, late = 0, before = 0;
    for (let g = group[cell]; g < group[cell + 1]; g++) {
      let here = 0;
      for (let e = first[g]; e < first[g + 1]; e++) {
        const bits = spans[span[e]] & kinds[what[e]] & hours[hour[e]];
        here += bits & 1;
        pending += (bits >> 1) & 1;
        late += (bits >> 2) & 1;
        before += bits >> 3;
      }
      n += here;
      if (square[g] >= 0) counts.squares[square[g]] += here;
    }
    counts.n[cell] = n;
    counts.pending[cell] = pending;
    counts.late[cell] = late;
    counts.before[cell] = before;
  }
}

// How many cases of one cell passed in each span, and of each category, whatever span is chosen.
function countCell(events, dash, filter, cell) {
  const [, kinds, hours] = sieve(dash, filter);
  const spans = new Uint32Array(dash.spans.labels.length);
  const categories = new Uint32Array(Math.max(1, dash.categories.length));
  const { group, first, span, what, hour } = events;
  for (let e = first[group[cell]]; e < first[group[cell + 1]]; e++) {
    if (!(kinds[what[e]] & hours[hour[e]] & ALL)) continue;
    spans[span[e]]++;
    if (span[e] >= filter.from && span[e] < filter.to) categories[Math.floor(what[e] / 3)]++;
  }
  return { spans, categories };
}

function gaussian(sigma) {
  const reach = Math.floor(REACH * sigma + 0.5), kernel = new Float64Array(2 * reach + 1);
  let sum = 0;
  for (let k = -reach; k <= reach; k++) sum += kernel[k + reach] = Math.exp(-(k * k) / (2 * sigma * sigma));
  return kernel.map((weight) => weight / sum);
}

// Smooth a grid both ways; what lies beyond its rim counts as nothing.
function smooth(grid, nx, ny, kernel) {
  const reach = kernel.length >> 1, across = new Float32Array(nx * ny), both = new Float32Array(nx * ny);
  for (let row = 0; row < ny; row++) {
    for (let x = 0; x < nx; x++) {
      const value = grid[row * nx + x];
      if (!value) continue; // most squares are empty: hand out what there is
      const low = Math.max(0, x - reach), high = Math.min(nx - 1, x + reach);
      for (let to = low; to <= high; to++) across[row * nx + to] += value * kernel[to - x + reach];
    }
  }
  for (let row = 0; row < ny; row++) {
    const low = Math.max(0, row - reach), high = Math.min(ny - 1, row + reach);
    for (let from = low; from <= high; from++) {
      const weight = kernel[from - row + reach], a = row * nx, b = from * nx;
      for (let x = 0; x < nx; x++) both[a + x] += across[b + x] * weight;
    }
  }
  return both;
}
