// Charts as SVG: intervals by group, metric against bins, histograms, shares and lines.

const CATEGORY_COLORS = ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7"];
const RAMP = ["--r0", "--r1", "--r2", "--r3", "--r4"];

// A color of the theme as rgb(…).
function style(name) {
  tooltip.style.borderColor = `var(${name})`;
  return getComputedStyle(tooltip).borderTopColor;
}

function parseColor(text) {
  return text
    .match(/[\d.]+/g)
    .map(Number)
    .slice(0, 3);
}

// A function from a share in [0, 1] to [red, green, blue], between the theme's five anchors.
function makeRamp() {
  const anchors = RAMP.map((name) => parseColor(style(name)));
  return (share) => {
    const place = Math.min(Math.max(share, 0), 1) * (anchors.length - 1);
    const below = Math.min(Math.floor(place), anchors.length - 2);
    return anchors[below].map((part, index) =>
      Math.round(part + (anchors[below + 1][index] - part) * (place - below)),
    );
  };
}

function toCss([red, green, blue]) {
  return `rgb(${red},${green},${blue})`;
}

// About `count` round numbers which cover low to high.
function makeTicks(low, high, count) {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const ticks = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9; tick += step)
    ticks.push(Number(tick.toPrecision(12)));
  return ticks;
}

function scale(low, high, from, to) {
  const cut = (value) => Math.min(Math.max(value, low), high);
  return (value) => (high > low ? from + ((cut(value) - low) / (high - low)) * (to - from) : (from + to) / 2);
}

function formatTick(value, figure) {
  const text = String(Number((figure?.percent ? value * 100 : value).toPrecision(6))).replace("-", "−");
  return figure?.percent ? `${text} %` : text;
}

function makeChart(width, height, label) {
  return draw("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "group",
    "aria-label": label,
    class: "chart",
  });
}

function drawText(text, x, y, anchor = "middle", name = "tick") {
  return draw("text", { x, y, "text-anchor": anchor, class: name }, text);
}

function drawStroke(x1, x2, y1, y2, name) {
  return draw("line", { x1, x2, y1, y2, class: name });
}

function drawRect(x, y, width, height, name) {
  return draw("rect", { x, y, width, height, class: name });
}

function onHover(element, lines) {
  element.addEventListener("pointermove", (event) => showTooltip(event, lines));
  element.addEventListener("pointerleave", hideTooltip);
  return element;
}

const WHISKER_REACH = 4; // of the largest estimate; a whisker beyond it ends at the edge of the chart

function rangeOf(results) {
  const largest = Math.max(...results.map(({ estimate }) => Math.abs(estimate ?? 0)));
  const reach = WHISKER_REACH * largest || Infinity;
  const values = results
    .flatMap((result) => [result.estimate, result.low, result.high])
    .filter((value) => value !== null && value !== undefined)
    .map((value) => Math.min(Math.max(value, -reach), reach));
  if (!values.length) return [0, 1];
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (low >= 0) return [0, high > 0 ? high * 1.05 : 1];
  const margin = (high - low || Math.abs(high) || 1) * 0.08;
  return [low - margin, high + margin];
}

function describeResult(figure, result) {
  const interval = result.low === null ? "no interval" : `95 % interval ${formatInterval(figure, result)}`;
  return [
    `${figure.label}: ${formatFigure(figure, result.estimate)}`,
    `${interval} (${describeUnits(result)})`,
    `${result.count} utterances`,
  ];
}

function describeUnits({ units, unit, low }) {
  if (units === 1) return `a single ${unit.slice(0, -1)}`;
  return low !== null && units < FEWEST_SPEAKERS ? `few ${unit}: ${units}` : `${units} ${unit}`;
}

function shorten(text, letters) {
  return text.length > letters ? `${text.slice(0, letters - 1)}…` : text;
}

// One line per group: dot at the estimate, whisker over the interval, number of utterances at the right.
function drawIntervals(groups, figure, { width, overall, labelWidth, column, spare }) {
  const rowHeight = 24 + Math.min(spare / Math.max(groups.length, 1), 60);
  labelWidth = Math.min(labelWidth, Math.max(...groups.map((group) => group.name.length), 1) * 7.4 + 4);
  const height = groups.length * rowHeight + 26;
  const svg = makeChart(width, height, `${figure.label} by group`);
  const [low, high] = rangeOf([...groups.map((group) => group.result), ...(overall ? [overall] : [])]);
  const right = width - 52;
  const x = scale(low, high, labelWidth + 8, right);
  for (const tick of makeTicks(low, high, Math.max(2, Math.floor((right - labelWidth) / 75)))) {
    svg.append(drawStroke(x(tick), x(tick), 0, height - 22, "grid"));
    svg.append(drawText(formatTick(tick, figure), x(tick), height - 6));
  }
  if (overall && overall.estimate !== null)
    svg.append(drawStroke(x(overall.estimate), x(overall.estimate), 0, height - 22, "overall"));
  groups.forEach((group, index) =>
    svg.append(drawInterval(group, figure, { x, y: (index + 0.5) * rowHeight, labelWidth, width, column })),
  );
  return svg;
}

function makeClickable(name, act) {
  const choose = () => {
    hideTooltip(); // what it is about may go
    act();
  };
  const onkeydown = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose();
  };
  return { class: "clickable", tabindex: 0, role: "button", "aria-label": name, onclick: choose, onkeydown };
}

// A group, bin or bar that filters by what it stands for; chosen, or dim where others are.
function makeChoice(column, { name, choice }) {
  if (!column || choice === undefined) return {};
  const isChosen = holdsChoice(column.key, choice);
  const attributes = makeClickable(`${describe(column)}: ${name}`, () => toggleChoice(column, choice));
  attributes.class += isChosen ? " chosen" : state.filters.has(column.key) ? " dim" : "";
  return { ...attributes, "aria-pressed": String(isChosen) };
}

// A group of a chart over an area that is named, focused and pressed; a click on anything in it counts.
function drawChoice({ class: name, onclick, ...attributes }, area) {
  return draw("g", { class: name, onclick }, draw("rect", { ...area, ...attributes, class: "hit" }));
}

function drawInterval({ name, choice, result, column: own }, figure, { x, y, labelWidth, width, column }) {
  const area = { x: 0, y: y - 12, width, height: 24 };
  const line = drawChoice(makeChoice(own ?? column, { name, choice }), area);
  line.append(drawText(shorten(name, Math.floor(labelWidth / 6.6)), labelWidth, y + 4, "end", null));
  if (result.low !== null) line.append(drawStroke(x(result.low), x(result.high), y, y, "whisker"));
  if (result.estimate !== null)
    line.append(draw("circle", { cx: x(result.estimate), cy: y, r: 4, class: "dot" }));
  line.append(drawText(String(result.count), width - 2, y + 4, "end"));
  return onHover(line, [name, ...describeResult(figure, result)]);
}

// Ticks of a vertical scale with their lines, and the line of the whole.
function drawScale(svg, figure, { low, high, count, y, left, right, overall }) {
  for (const tick of makeTicks(low, high, count)) {
    svg.append(drawStroke(left, right, y(tick), y(tick), "grid"));
    svg.append(drawText(formatTick(tick, figure), left - 6, y(tick) + 4, "end"));
  }
  if (overall && overall.estimate !== null)
    svg.append(drawStroke(left, right, y(overall.estimate), y(overall.estimate), "overall"));
}

// A metric against bins, with intervals above and the number of utterances below.
function drawBins(
  bins,
  figure,
  { width, height, overall = null, xLabel, categorical = false, column = null },
) {
  const svg = makeChart(width, height, `${figure.label} against ${xLabel}`);
  const left = 56;
  const right = width - 10;
  const countTop = height - (categorical ? 66 : 62);
  const bottom = countTop - 8;
  const [low, high] = rangeOf([...bins.map((bin) => bin.result), ...(overall ? [overall] : [])]);
  const y = scale(low, high, bottom, 8);
  drawScale(svg, figure, { low, high, count: 4, y, left, right, overall });
  const step = (right - left) / Math.max(bins.length, 1);
  const most = Math.max(...bins.map((bin) => bin.result.count), 1);
  bins.forEach((bin, index) =>
    svg.append(drawBin(bin, figure, { x: left + (index + 0.5) * step, y, step, countTop, most, column })),
  );
  drawBinLabels(svg, bins, { left, step, y: countTop + 40, categorical });
  svg.append(drawText("count", left - 6, countTop + 24, "end"));
  svg.append(drawText(xLabel, (left + right) / 2, height - 3, "middle", "axis"));
  return svg;
}

function drawBin(bin, figure, { x, y, step, countTop, most, column }) {
  const { result } = bin;
  const area = { x: x - step / 2, y: 0, width: step, height: countTop + 28 };
  const group = drawChoice(bin.open ? makeClickable(bin.name, bin.open) : makeChoice(column, bin), area);
  if (result.low !== null) group.append(drawStroke(x, x, y(result.low), y(result.high), "whisker"));
  if (result.estimate !== null)
    group.append(draw("circle", { cx: x, cy: y(result.estimate), r: 4, class: "dot" }));
  const size = (result.count / most) * 24;
  group.append(drawRect(x - step * 0.36, countTop + 26 - size, step * 0.72, size, "count"));
  return onHover(group, [bin.name, ...describeResult(figure, result)]);
}

// Bin edges under the lines between bins, or category names under the bins, as many as fit.
function drawBinLabels(svg, bins, { left, step, y, categorical }) {
  const places = categorical
    ? bins.map((bin, index) => [left + (index + 0.5) * step, bin.name])
    : makeEdgeLabels(bins, left, step);
  const widest = Math.max(...places.map(([, text]) => Math.min(text.length, 14) * 6.4), 1) + 8;
  const every = Math.max(1, Math.ceil(widest / step));
  places.forEach(([x, text], index) => {
    if (index % every === 0) svg.append(drawText(shorten(text, 14), x, y));
  });
}

function makeEdgeLabels(bins, left, step) {
  const edges = bins.length ? [...bins.map((bin) => bin.low), bins[bins.length - 1].high] : [];
  return edges.map((edge, index) => [left + index * step, formatTick(Number(edge.toPrecision(3)))]);
}

function drawHistogram(edges, counts, { width, height, label, format, column }) {
  const svg = makeChart(width, height, label);
  const left = 40;
  const bottom = height - 36;
  const most = Math.max(...counts, 1);
  const y = scale(0, most, bottom, 6);
  const step = (width - left - 12) / counts.length;
  drawScale(svg, null, { low: 0, high: most, count: 3, y, left, right: width - 12 });
  counts.forEach((count, index) => {
    const isLast = index === counts.length - 1;
    const name = `${format(edges[index])} ${isLast ? "and over" : `to ${format(edges[index + 1])}`}`;
    const choice = { low: edges[index], high: isLast ? null : edges[index + 1], open: !isLast };
    const [x, wide] = [left + index * step, Math.max(step - 1, 1)];
    const group = drawChoice(makeChoice(column, { name, choice }), { x, y: 0, width: step, height: bottom });
    group.append(drawRect(x + 0.5, y(count), wide, bottom - y(count), "bar"));
    svg.append(onHover(group, [name, `${count} utterances`]));
  });
  const every = Math.ceil(edges.length / Math.max(2, Math.floor(width / 70)));
  edges.forEach((edge, index) => {
    if (index % every === 0) svg.append(drawText(format(edge), left + index * step, bottom + 15));
  });
  svg.append(drawText(label, (left + width) / 2, height - 4, "middle", "axis"));
  return svg;
}

// Lines with intervals over a numeric axis: [{name, points: [{x, estimate, low, high}]}].
function drawLines(lines, figure, { width, height, xLabel, overall }) {
  const svg = makeChart(width, height, `${figure.label} against ${xLabel}`);
  const points = lines.flatMap((line) => line.points);
  const [low, high] = rangeOf([...points, ...(overall ? [overall] : [])]);
  const horizontal = points.map((point) => point.x);
  const [left, bottom] = [56, height - 42];
  const x = scale(Math.min(...horizontal), Math.max(...horizontal), left + 14, width - 24);
  const y = scale(low, high, bottom, 10);
  drawScale(svg, figure, { low, high, count: 5, y, left, right: width - 10, overall });
  const ticks = [...new Set(horizontal)].sort((one, other) => one - other);
  for (const tick of thinOut(ticks, x)) svg.append(drawText(formatTick(tick), x(tick), bottom + 18));
  lines.forEach((line, index) =>
    svg.append(drawLine(line, figure, { x, y, color: `var(${CATEGORY_COLORS[index % 8]})` })),
  );
  svg.append(drawText(xLabel, (left + width) / 2, height - 4, "middle", "axis"));
  return svg;
}

// Drops the ticks which would overlap the one before.
function thinOut(ticks, x) {
  const kept = [];
  for (const tick of ticks) if (!kept.length || x(tick) - x(kept[kept.length - 1]) >= 34) kept.push(tick);
  return kept;
}

function drawLine({ name, points }, figure, { x, y, color }) {
  const known = points.filter((point) => point.estimate !== null).sort((left, right) => left.x - right.x);
  const group = draw("g", { style: `stroke:${color};fill:${color}` });
  group.append(
    draw("polyline", {
      points: known.map((point) => `${x(point.x)},${y(point.estimate)}`).join(" "),
      class: "line",
    }),
  );
  for (const point of known) {
    const hasInterval = point.low !== null && point.low !== undefined;
    if (hasInterval) group.append(drawStroke(x(point.x), x(point.x), y(point.low), y(point.high), "line"));
    const dot = draw("circle", { cx: x(point.x), cy: y(point.estimate), r: 4.5 });
    group.append(
      onHover(
        point.open ? fill(dot, makeClickable(`${name}, ${formatTick(point.x)}`, point.open), []) : dot,
        [
          name,
          `${formatTick(point.x)}: ${formatFigure(figure, point.estimate)}`,
          hasInterval ? `95 % interval ${formatInterval(figure, point)}` : "",
        ],
      ),
    );
  }
  return group;
}

function makeLegend(entries) {
  return make(
    "ul",
    { class: "legend" },
    entries.map(([name, color]) =>
      make("li", {}, make("span", { class: "swatch", style: `background:${color}` }), name),
    ),
  );
}
