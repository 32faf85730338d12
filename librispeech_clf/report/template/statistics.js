// Statistics on plain arrays: ratios of sums, bootstrap over speakers, histograms, rank correlation.

const REPLICATES = 2000;
const FEWEST_SPEAKERS = 5;
const SEED = 20240229;

// Mulberry32: a seeded generator of numbers in [0, 1), so that the same rows give the same interval.
function makeGenerator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function quantile(sorted, share) {
  const place = (sorted.length - 1) * share;
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

// Sums a metric over the rows, per unit of resampling; an utterance of an unknown speaker (-1) is a unit of its own.
function sumByUnit(rows, metric, speakerOf) {
  const places = new Map();
  const numerators = [];
  const denominators = [];
  let count = 0;
  for (const row of rows) {
    const denominator = metric.denominator(row);
    const numerator = metric.numerator(row);
    if (numerator === null || denominator === null) continue;
    count += 1;
    const known = speakerOf(row);
    const speaker = known >= 0 ? known : `utterance ${row}`;
    if (!places.has(speaker)) {
      places.set(speaker, numerators.length);
      numerators.push(0);
      denominators.push(0);
    }
    numerators[places.get(speaker)] += numerator;
    denominators[places.get(speaker)] += denominator;
  }
  const speakers = [...places.keys()].filter((key) => typeof key === "number").length;
  return { numerators, denominators, speakers, count };
}

function sum(values) {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

// Ratio of sums with its 95 % percentile interval (Bisani & Ney 2004, resampling speakers instead of utterances).
// Returns {estimate, low, high, unit, units, count}; low and high are null where there is nothing to resample.
function estimateRatio(rows, metric, speakerOf, replicates = REPLICATES) {
  let sums = sumByUnit(rows, metric, speakerOf);
  let unit = "speakers";
  if (sums.speakers < FEWEST_SPEAKERS) {
    sums = sumByUnit(rows, metric, () => -1);
    unit = "utterances";
  }
  const { numerators, denominators } = sums;
  const units = numerators.length;
  const total = sum(denominators);
  const result = { estimate: divide(sum(numerators), total, units), low: null, high: null, unit, units, count: sums.count };
  if (units < 2 || total <= 0) return result;
  const ratios = resampleRatios(numerators, denominators, replicates);
  if (!ratios.length) return result;
  result.low = quantile(ratios, 0.025);
  result.high = quantile(ratios, 0.975);
  return result;
}

// Errors without reference units count absolutely, as jiwer has it.
function divide(numerator, denominator, units) {
  if (!units) return null;
  return denominator > 0 ? numerator / denominator : numerator;
}

function resampleRatios(numerators, denominators, replicates) {
  const generator = makeGenerator(SEED);
  const units = numerators.length;
  const ratios = new Float64Array(replicates);
  let kept = 0;
  for (let replicate = 0; replicate < replicates; replicate += 1) {
    let numerator = 0;
    let denominator = 0;
    for (let draw = 0; draw < units; draw += 1) {
      const chosen = Math.floor(generator() * units);
      numerator += numerators[chosen];
      denominator += denominators[chosen];
    }
    if (denominator > 0) ratios[kept++] = numerator / denominator;
  }
  return ratios.subarray(0, kept).sort();
}

// Edges of bins with about the same number of values, equal edges merged.
function quantileEdges(values, bins) {
  const sorted = Float64Array.from(values).sort();
  if (!sorted.length) return [];
  const edges = [];
  for (let bin = 0; bin <= bins; bin += 1) {
    const edge = quantile(sorted, bin / bins);
    if (!edges.length || edge > edges[edges.length - 1]) edges.push(edge);
  }
  return edges.length > 1 ? edges : [edges[0], edges[0]];
}

function equalEdges(values, bins) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low === Infinity) return [];
  return low === high ? [low, low] : Array.from({ length: bins + 1 }, (_, bin) => low + ((high - low) * bin) / bins);
}

// Number of the bin of a value; bins are closed below and open above, the last one closed on both sides.
function findBin(edges, value) {
  let low = 0;
  let high = edges.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (value >= edges[middle]) low = middle;
    else high = middle - 1;
  }
  return low;
}

function countBins(edges, values) {
  const counts = new Array(Math.max(edges.length - 1, 0)).fill(0);
  for (const value of values) counts[findBin(edges, value)] += 1;
  return counts;
}

function rank(values) {
  const order = values.map((_, index) => index).sort((left, right) => values[left] - values[right]);
  const ranks = new Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end + 1 < order.length && values[order[end + 1]] === values[order[start]]) end += 1;
    for (let place = start; place <= end; place += 1) ranks[order[place]] = (start + end) / 2;
    start = end + 1;
  }
  return ranks;
}

// Spearman's rank correlation; null for under three pairs or a constant.
function correlateRanks(left, right) {
  if (left.length < 3) return null;
  const a = rank(left);
  const b = rank(right);
  const mean = (left.length - 1) / 2;
  let covariance = 0;
  let varianceA = 0;
  let varianceB = 0;
  for (let index = 0; index < a.length; index += 1) {
    covariance += (a[index] - mean) * (b[index] - mean);
    varianceA += (a[index] - mean) ** 2;
    varianceB += (b[index] - mean) ** 2;
  }
  return varianceA && varianceB ? covariance / Math.sqrt(varianceA * varianceB) : null;
}
