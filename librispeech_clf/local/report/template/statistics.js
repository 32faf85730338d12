// Statistics on plain arrays: ratios of sums, jackknife over speakers, histograms, rank correlation.

const FEWEST_SPEAKERS = 5;
const COUNT_PER_SQUARE = 1.25;
const STRETCH = 1.5;
const LARGEST = 100;
const NO_ERROR = 3.6888794541139363;
// 97.5 % quantiles of Student's t, by degrees of freedom, as in analysis/jackknife.py.
const FREEDOM = [...Array.from({ length: 30 }, (_, index) => index + 1), 40, 60, 120, Infinity];
const QUANTILES = [
  12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139,
  2.200985, 2.178813, 2.160369, 2.144787, 2.13145, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963, 2.079614,
  2.073873, 2.068658, 2.063899, 2.059539, 2.055529, 2.051831, 2.048407, 2.04523, 2.042272, 2.021075, 2.000298,
  1.97993, 1.959964,
];

function quantile(sorted, share) {
  const place = (sorted.length - 1) * share;
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

// Sums a metric over the rows, per unit; an utterance of an unknown speaker (-1) is a unit of its own.
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

// Ratio of sums with its 95 % interval, the speaker as the unit; utterances where no speaker is known.
// Returns {estimate, low, high, unit, units, count}; low and high are null where there is no interval.
function estimateRatio(rows, metric, speakerOf) {
  let sums = sumByUnit(rows, metric, speakerOf);
  let unit = "speakers";
  if (sums.speakers < 1) {
    sums = sumByUnit(rows, metric, () => -1);
    unit = "utterances";
  }
  const { numerators, denominators } = sums;
  const units = numerators.length;
  const [low, high] = findInterval(numerators, denominators, metric.scale ?? "log") ?? [null, null];
  return {
    estimate: divide(sum(numerators), sum(denominators), units),
    low,
    high,
    unit,
    units,
    count: sums.count,
  };
}

// The arithmetic of analysis/jackknife.py: sources and reasons are told there.
function findInterval(allNumerators, allDenominators, scale) {
  const numerators = allNumerators.filter((_, index) => allDenominators[index] > 0);
  const denominators = allDenominators.filter((denominator) => denominator > 0);
  const count = denominators.length;
  if (count < 2) return null;
  const total = sum(denominators);
  const whole = sum(numerators);
  const value = whole / total;
  const squares = numerators.map(
    (numerator, index) => ((whole - numerator) / (total - denominators[index]) - value) ** 2,
  );
  const error = Math.sqrt(((count - 1) / count) * sum(squares));
  const freedom = Math.max(1, 1 / sum(denominators.map((denominator) => (denominator / total) ** 2)) - 1);
  const quantile = findStudentQuantile(freedom);
  const mixed =
    numerators.some((numerator) => numerator < 0) && numerators.some((numerator) => numerator > 0);
  if (scale === "linear" || (scale === "log" && mixed)) {
    const half = error && findCriticalScore(numerators, denominators, value / error) * error;
    return [value - half, value + half];
  }
  if (scale === "share" && value > 0.5) {
    const [low, high] = findLogInterval(1 - value, error, quantile, total, count);
    return [Math.max(0, 1 - high), 1 - low];
  }
  const [low, high] = findLogInterval(Math.abs(value), error, quantile, total, count);
  if (value < 0) return [-high, -low];
  return [low, scale === "share" ? Math.min(high, 1) : high];
}

// The 95 % quantile of a difference's t, whose changes may be those of a few speakers.
function findCriticalScore(numerators, denominators, score) {
  const count = denominators.length;
  const total = sum(denominators);
  const squares = numerators.map((numerator, index) => (numerator / (total - denominators[index])) ** 2);
  const reached = (count * score ** 2) / (count - 1 + score ** 2);
  const worth = (3 * sum(squares) ** 2) / sum(squares.map((square) => square ** 2)) - 2;
  const counted = Math.min(count, Math.max(2, worth, COUNT_PER_SQUARE * reached));
  const quantile = findStudentQuantile(counted - 1);
  const limit = (counted * quantile ** 2) / (counted - 1 + quantile ** 2);
  return Math.sqrt((limit * (count - 1)) / (count - limit));
}

function findLogInterval(value, error, quantile, total, count) {
  if (value === 0) return [0, NO_ERROR / total];
  const relative = error / value;
  const stretched = quantile * relative * (1 + STRETCH * relative);
  const high = count >= FEWEST_SPEAKERS ? Math.min(Math.exp(stretched), LARGEST) : 1 + stretched;
  return [value * Math.exp(-quantile * relative), value * high];
}

function findStudentQuantile(freedom) {
  const above = FREEDOM.findIndex((candidate) => candidate >= freedom);
  if (above === 0) return QUANTILES[0];
  const [low, high] = [1 / FREEDOM[above], 1 / FREEDOM[above - 1]];
  return QUANTILES[above] + ((QUANTILES[above - 1] - QUANTILES[above]) * (1 / freedom - low)) / (high - low);
}

// Errors without reference units count absolutely, as jiwer has it.
function divide(numerator, denominator, units) {
  if (!units) return null;
  return denominator > 0 ? numerator / denominator : numerator;
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
  return low === high
    ? [low, low]
    : Array.from({ length: bins + 1 }, (_, bin) => low + ((high - low) * bin) / bins);
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
  for (let start = 0; start < order.length;) {
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
