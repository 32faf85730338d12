// Statistics on plain arrays: ratios of sums, jackknife over speakers, histograms, rank correlation.

const FEWEST_SPEAKERS = 5;
const TAIL = 0.025;
const HIGHEST = 100;

function quantile(sorted, share) {
  const place = (sorted.length - 1) * share;
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

// Sums a metric over the rows, per unit; an utterance of an unknown speaker (-1) is a unit of its own.
function sumByUnit(rows, metric, unitOf) {
  const places = new Map();
  const numerators = [];
  const denominators = [];
  let count = 0;
  for (const row of rows) {
    const denominator = metric.denominator(row);
    const numerator = metric.numerator(row);
    if (numerator === null || denominator === null) continue;
    count += 1;
    const known = unitOf(row);
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

// Ratio of sums with its 95 % interval, the speaker as the unit; utterances where no speaker is known. Of a
// metric with `minus`, its ratio less that one's. Returns {estimate, low, high, unit, units, count}; low and
// high are null where there is no interval.
function estimateRatio(rows, metric, unitOf = speakerOf) {
  const metrics = metric.minus ? [metric, metric.minus] : [metric];
  let unit = "speakers";
  let parts = metrics.map((part) => sumByUnit(rows, part, unitOf));
  if (parts[0].speakers < 1) {
    unit = "utterances";
    parts = metrics.map((part) => sumByUnit(rows, part, () => -1));
  }
  const [sums, minus] = parts;
  const units = sums.numerators.length;
  const [low, high] = minus
    ? findDifference(sums, minus)
    : findInterval(sums.numerators, sums.denominators, metric.scale ?? "rate");
  const ratios = parts.map((part) => divide(sum(part.numerators), sum(part.denominators), units));
  const estimate = ratios.reduce(subtract);
  return { estimate, low, high, unit, units, count: sums.count };
}

function countPositive(values) {
  return values.filter((value) => value > 0).length;
}

function subtract(left, right) {
  return left === null || right === null ? null : left - right;
}

// The interval of a difference of two ratios over the same units, as compare_paired of analysis/rates.py.
function findDifference(sums, minus) {
  const kept = [...sums.numerators.keys()].filter((unit) =>
    [sums, minus].some(({ numerators, denominators }) => numerators[unit] || denominators[unit]),
  );
  const counts = [sums, minus].map(({ denominators }) => countPositive(denominators));
  if (Math.min(...counts) < 2) return [null, null];
  const leaveOut = (of) => {
    const [numerators, denominators] = [of.numerators, of.denominators].map((values) =>
      kept.map((unit) => values[unit]),
    );
    const [whole, total] = [sum(numerators), sum(denominators)];
    return [whole / total, ...numerators.map((one, index) => (whole - one) / (total - denominators[index]))];
  };
  const [ratios, others] = [sums, minus].map(leaveOut);
  const [value, ...without] = ratios.map((ratio, index) => ratio - others[index]);
  const squares = sum(without.map((one) => (one - value) ** 2));
  const error = Math.sqrt(((kept.length - 1) / kept.length) * squares);
  const half = findStudentQuantile(kept.length - 1) * error;
  return [value - half, value + half];
}

// The intervals of analysis/rates.py, which gives sources and reasons.
function findInterval(allNumerators, allDenominators, scale) {
  const kept = [...allNumerators.keys()].filter((unit) => allNumerators[unit] || allDenominators[unit]);
  const [numerators, denominators] = [allNumerators, allDenominators].map((of) =>
    kept.map((unit) => of[unit]),
  );
  const count = kept.length;
  if (countPositive(denominators) < 2) return [null, null];
  const total = sum(denominators);
  const whole = sum(numerators);
  const value = whole / total;
  const without = numerators.map((numerator, index) => (whole - numerator) / (total - denominators[index]));
  const variance = ((count - 1) / count) * sum(without.map((one) => (one - value) ** 2));
  const mixed =
    numerators.some((numerator) => numerator < 0) && numerators.some((numerator) => numerator > 0);
  if (scale === "linear" || (scale === "rate" && mixed)) {
    const half = findStudentQuantile(count - 1) * Math.sqrt(variance);
    return [value - half, value + half];
  }
  const effective = 1 / sum(denominators.map((denominator) => (denominator / total) ** 2));
  const quantile = findStudentQuantile(Math.max(1, effective - 1));
  if (scale === "share") return findWilson(Math.min(Math.max(value, 0), 1), variance, quantile, total);
  const sizes = without.map(Math.abs);
  const [low, high] = findLogInterval(Math.abs(value), sizes, denominators, quantile);
  return value < 0 ? [-high, -low] : [low, high];
}

function findLogInterval(value, without, denominators, quantile) {
  const total = sum(denominators);
  if (value === 0) return [0, -Math.log(TAIL) / total];
  const count = denominators.length;
  const changes = without.map((one, index) =>
    Math.log(Math.max(one, 0.5 / (total - denominators[index])) / value),
  );
  const error = Math.sqrt(((count - 1) / count) * sum(changes.map((change) => change ** 2)));
  const reach = Math.min(quantile * error + (error ** 2 * (quantile ** 2 + 1)) / 2, Math.log(HIGHEST));
  const high = countPositive(denominators) >= FEWEST_SPEAKERS ? Math.exp(reach) : 1 + reach;
  return [value * Math.exp(-quantile * error), value * high];
}

function findWilson(share, variance, quantile, units) {
  const count = variance > 0 && share > 0 && share < 1 ? (share * (1 - share)) / variance : units;
  const square = quantile ** 2 / count;
  const middle = (share + square / 2) / (1 + square);
  const half = Math.sqrt(share * (1 - share) * square + square ** 2 / 4) / (1 + square);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

// The 97.5 % quantile of Student's t, by bisection.
const studentQuantiles = new Map();

function findStudentQuantile(freedom) {
  if (!studentQuantiles.has(freedom)) {
    let [low, high] = [1.9, 12.8];
    while (high - low > 1e-12) {
      const middle = (low + high) / 2;
      if (findStudentTail(middle, freedom) > TAIL) low = middle;
      else high = middle;
    }
    studentQuantiles.set(freedom, (low + high) / 2);
  }
  return studentQuantiles.get(freedom);
}

// P(T > t): half of the incomplete beta function at freedom / (freedom + t²), by its power series.
function findStudentTail(t, freedom) {
  const y = t ** 2 / (freedom + t ** 2);
  let term = 1;
  let series = 1;
  for (let index = 1; term > 1e-17; index += 1) {
    term *= (((freedom - 1) / 2 + index) / (0.5 + index)) * y;
    series += term;
  }
  const density = Math.sqrt(y) * (1 - y) ** (freedom / 2) * findGammaRatio(freedom / 2);
  return 0.5 - (density * series) / Math.sqrt(Math.PI);
}

// Γ(a + 1/2) / Γ(a), by its expansion for large a and the recurrence.
function findGammaRatio(start) {
  let [factor, a] = [1, start];
  for (; a < 50; a += 1) factor *= a / (a + 0.5);
  const series = 1 - 1 / (8 * a) + 1 / (128 * a ** 2) + 5 / (1024 * a ** 3) - 21 / (32768 * a ** 4);
  return factor * Math.sqrt(a) * series;
}

// Errors without reference units count absolutely, as in jiwer.
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
