// Class breaks from what is shown: as `classify` and `heat_stops` in Python make them.

const HEAT_SHARES = [0.35, 0.6, 0.78, 0.9, 0.97];

const roundTo = (value, digits = 2) => (value === 0 ? 0 : Number(value.toPrecision(digits)));

function quantile(ordered, share) {
  const at = share * (ordered.length - 1), low = Math.floor(at);
  const high = Math.min(low + 1, ordered.length - 1);
  return ordered[low] + (ordered[high] - ordered[low]) * (at - low);
}

// How many of the ordered numbers are not above a value.
function countUpTo(ordered, value) {
  let low = 0, high = ordered.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ordered[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// About as many values in each class, at round breaks; NaN has none, which is class -1.
function classify(values, n) {
  const ordered = values.filter((v) => v === v).sort();
  if (!ordered.length) return { breaks: [], index: Array(values.length).fill(-1), range: [null, null] };
  const cuts = [...Array(n - 1).keys()].map((k) => roundTo(quantile(ordered, (k + 1) / n)));
  const breaks = [];
  let below = 0;
  for (const cut of [...new Set(cuts)].sort((a, b) => a - b)) {
    const place = countUpTo(ordered, cut);
    if (below < place && place < ordered.length) {
      breaks.push(cut);
      below = place;
    }
  }
  return { breaks, index: inClasses(values, breaks), range: [ordered[0], ordered[ordered.length - 1]] };
}

function inClasses(values, breaks) {
  return Array.from(values, (value) => {
    if (value !== value) return -1;
    let k = 0;
    while (k < breaks.length && value > breaks[k]) k++;
    return k;
  });
}

// Values at which the legend of a heat map is labelled: 0, round breaks, the top.
function heatStops(values) {
  let top = 0, found = 0;
  for (let p = 0; p < values.length; p++) {
    if (values[p] > top) top = values[p];
    if (values[p] > 0) found++;
  }
  if (!found) return [];
  const every = Math.ceil(found / 8000), sample = new Float64Array(Math.ceil(found / every));
  for (let p = 0, seen = 0; p < values.length; p++) {
    if (values[p] > 0 && seen++ % every === 0) sample[(seen - 1) / every] = values[p];
  }
  sample.sort();
  const last = roundTo(top, 3), inner = new Set(HEAT_SHARES.map((share) => roundTo(quantile(sample, share))));
  return [0, ...[...inner].sort((a, b) => a - b).filter((b) => b < last), last];
}
