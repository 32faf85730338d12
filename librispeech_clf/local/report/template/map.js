// The latent maps: points on canvases, colored by any column; lasso or click to list utterances.

const MAP_NAMES = { latent: "Hidden states of the model", acoustic_statistics: "Acoustic statistics" };
const latentMaps = readMaps(payload.analysis.latent_maps);
const mapState = { color: null, views: [] };
const FARTHEST = 0.5;
const MISSING_COLOR = "--faint";
const WHOLE_MAP = { factor: 1, x: 0.5, y: 0.5 };

function readMaps(section) {
  return Object.entries(section ?? {})
    .map(([key, map]) => ({
      key,
      name: MAP_NAMES[key] ?? key.replaceAll("_", " "),
      method: map.method,
      rows: map.rows ?? [],
      points: map.points ?? [],
    }))
    .filter((map) => map.rows.length);
}

function showMap(panel) {
  mapState.color ??= columns.has("word_error_rate") ? "word_error_rate" : payload.columns[0]?.key;
  const legend = make("div");
  const list = make("div", { class: "card", id: "map-list" });
  const redraw = () => {
    const color = makeColors(columns.get(mapState.color));
    legend.replaceChildren(color.legend);
    for (const view of mapState.views) view.paint(color.of);
  };
  const accept = ({ kind }) => kind !== "text";
  const onchange = (key) => {
    mapState.color = key;
    showTab("map");
  };
  const tools = make(
    "div",
    { class: "toolbar" },
    labeled(
      "Color",
      makePicker("Color of the points", { accept, chosen: mapState.color, onchange, id: "map-color" }),
    ),
    legend,
    make(
      "span",
      { class: "note" },
      "Drag or click to select, scroll to zoom, double-click for all. Keys: arrows move, Enter opens.",
    ),
  );
  const boards = make("div", { class: "maps" });
  mapState.views = latentMaps.map((map) => new MapView(map, boards));
  panel.append(make("div", { class: "card" }, tools, boards), list);
  redraw();
  showSelected(list);
  return {
    rows: redraw,
    selected: () => {
      redraw();
      showSelected(list);
    },
    open: redraw,
    resize: redraw,
  };
}

// Color of a row as CSS, and the legend which explains it.
function makeColors(column) {
  const faint = style(MISSING_COLOR);
  if (column.kind === "category") return makeCategoryColors(column, faint);
  const present = column.values.filter((value) => value !== null);
  const sorted = Float64Array.from(present).sort();
  // To the data's ends, but for a few far outliers, which the legend then says.
  const [near, far] = [quantile(sorted, 0.02), quantile(sorted, 0.98)];
  const [least, most] = [sorted[0], sorted[sorted.length - 1]];
  const reach = FARTHEST * (far - near);
  const low = near - least <= reach ? least : near;
  const high = Math.max(most - far <= reach ? most : far, low + 1e-12);
  const ramp = makeRamp();
  const of = (row) =>
    column.values[row] === null ? faint : toCss(ramp((column.values[row] - low) / (high - low)));
  const show = (value) =>
    column.key.endsWith("_error_rate") ? formatShare(value) : formatNumber(value, column.unit);
  const stops = [0, 0.25, 0.5, 0.75, 1].map((share) => toCss(ramp(share)));
  const bar = make("span", {
    class: "ramp",
    style: `background:linear-gradient(90deg,${stops.join(",")})`,
  });
  const ends = [low > least ? `≤ ${show(low)}` : show(low), high < most ? `≥ ${show(high)}` : show(high)];
  return { of, legend: make("span", { class: "ramp-legend" }, ends[0], bar, ends[1]) };
}

function makeCategoryColors(column, faint) {
  const frequent = [...countLevels(column).entries()]
    .sort((left, right) => right[1] - left[1])
    .slice(0, 8)
    .map(([code]) => code)
    .sort((left, right) => left - right);
  const colors = new Map(frequent.map((code, index) => [code, style(CATEGORY_COLORS[index])]));
  const entries = frequent.map((code) => [column.levels[code], colors.get(code)]);
  if (column.levels.length > 8) entries.push([`${column.levels.length - 8} others`, faint]);
  return { of: (row) => colors.get(column.values[row]) ?? faint, legend: makeLegend(entries) };
}

class MapView {
  constructor(map, parent) {
    this.map = map;
    this.zoom = WHOLE_MAP;
    this.lasso = null;
    this.places = new Float64Array(payload.count * 2).fill(NaN);
    this.canvas = make("canvas", {
      tabindex: 0,
      role: "application",
      "aria-label": `${map.name}: map of ${map.rows.length} utterances`,
    });
    parent.append(
      make("figure", {}, this.canvas, make("figcaption", {}, `${map.name} · ${map.method ?? ""}`)),
    );
    this.measure();
    this.listen();
  }

  measure() {
    const horizontal = this.map.points.map((point) => point[0]);
    const vertical = this.map.points.map((point) => point[1]);
    const x = scale(Math.min(...horizontal), Math.max(...horizontal), 0, 1);
    const y = scale(Math.min(...vertical), Math.max(...vertical), 1, 0);
    this.map.rows.forEach((row, index) => {
      this.places.set([x(horizontal[index]), y(vertical[index])], 2 * row);
    });
  }

  // Place of a row on the canvas in CSS pixels.
  locate(row) {
    const { factor, x, y } = this.zoom;
    const margin = 14;
    return [
      margin + ((this.places[2 * row] - x) * factor + 0.5) * (this.width - 2 * margin),
      margin + ((this.places[2 * row + 1] - y) * factor + 0.5) * (this.height - 2 * margin),
    ];
  }

  paint(colorOf) {
    this.colorOf = colorOf ?? this.colorOf;
    const ratio = devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.canvas.width = this.width * ratio;
    this.canvas.height = this.height * ratio;
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    this.paintPoints(context);
    this.paintMarks(context);
    if (this.lasso) this.paintLasso(context);
  }

  paintPoints(context) {
    const shown = new Set(state.rows);
    const radius = payload.count > 1500 ? 2.6 : payload.count > 400 ? 3.4 : 4.2;
    context.fillStyle = style("--hidden-point");
    for (const row of allRows) if (!shown.has(row)) this.circle(context, row, radius * 0.7).fill();
    context.globalAlpha = 0.9;
    for (const row of state.rows) {
      context.fillStyle = this.colorOf(row);
      this.circle(context, row, radius).fill();
    }
    context.globalAlpha = 1;
  }

  // Begins a circle around a row; one that is not on the map gives an empty path.
  circle(context, row, radius) {
    const [x, y] = this.locate(row);
    context.beginPath();
    if (!Number.isNaN(x)) context.arc(x, y, radius, 0, 2 * Math.PI);
    return context;
  }

  paintMarks(context) {
    context.strokeStyle = style("--ink");
    context.lineWidth = 1.3;
    for (const row of state.selected) this.circle(context, row, 5.5).stroke();
    context.strokeStyle = style("--accent");
    context.lineWidth = 3;
    if (state.open !== null) this.circle(context, state.open, 8).stroke();
  }

  paintLasso(context) {
    context.beginPath();
    this.lasso.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.closePath();
    context.fillStyle = style("--lasso");
    context.fill();
    context.strokeStyle = style("--accent");
    context.lineWidth = 1.5;
    context.stroke();
  }

  nearest(x, y, limit) {
    let best = null;
    let distance = limit;
    for (const row of state.rows) {
      const [px, py] = this.locate(row);
      const candidate = Math.hypot(px - x, py - y);
      if (candidate < distance) [best, distance] = [row, candidate];
    }
    return best;
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.start(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.end(event));
    canvas.addEventListener("pointerleave", hideTooltip);
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("dblclick", () => {
      this.zoom = WHOLE_MAP;
      this.paint();
    });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  start(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.lasso = [[event.offsetX, event.offsetY]];
    hideTooltip();
  }

  move(event) {
    if (this.lasso) {
      this.lasso.push([event.offsetX, event.offsetY]);
      this.paint();
      return;
    }
    const row = this.nearest(event.offsetX, event.offsetY, 10);
    if (row === null) hideTooltip();
    else showTooltip(event, describeRow(row));
  }

  end(event) {
    const lasso = this.lasso;
    this.lasso = null;
    if (!lasso) return;
    const isClick = lasso.every(([x, y]) => Math.hypot(x - lasso[0][0], y - lasso[0][1]) < 5);
    if (!isClick) return select([...state.rows].filter((row) => isInside(lasso, this.locate(row))));
    const row = this.nearest(event.offsetX, event.offsetY, 12);
    select(row === null ? [] : [row]);
    if (row !== null) openUtterance(row);
  }

  wheel(event) {
    event.preventDefault();
    const { factor: before, x, y } = this.zoom;
    const factor = Math.min(40, Math.max(1, before * Math.exp(-event.deltaY * 0.0015)));
    const move = (from, aim) => from + aim / before - aim / factor;
    this.zoom =
      factor === 1
        ? WHOLE_MAP
        : {
            factor,
            x: move(x, event.offsetX / this.width - 0.5),
            y: move(y, event.offsetY / this.height - 0.5),
          };
    this.paint();
  }

  key(event) {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
      event.key
    ];
    if (event.key === "Enter" && state.selected.size) openUtterance([...state.selected][0]);
    if (!direction) return;
    event.preventDefault();
    const from = [...state.selected, ...state.rows].find((row) => !Number.isNaN(this.places[2 * row]));
    const next = from === undefined ? null : this.neighbor(from, direction);
    if (next !== null) select([next]);
  }

  // The nearest shown point in a direction, with distance across the direction counted twice.
  neighbor(from, [dx, dy]) {
    const [x, y] = this.locate(from);
    let best = null;
    let distance = Infinity;
    for (const row of state.rows) {
      const [px, py] = this.locate(row);
      const along = (px - x) * dx + (py - y) * dy;
      const cost = along + 2 * Math.abs((px - x) * dy + (py - y) * dx);
      if (row !== from && along > 0.5 && cost < distance) [best, distance] = [row, cost];
    }
    return best;
  }
}

// Even-odd rule.
function isInside(polygon, [x, y]) {
  let inside = false;
  for (let index = 0, last = polygon.length - 1; index < polygon.length; last = index++) {
    const [ax, ay] = polygon[index];
    const [bx, by] = polygon[last];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

function describeRow(row) {
  const column = columns.get(mapState.color);
  const lines = [payload.ids[row], shorten(payload.references[row], 80)];
  if (column) lines.push(`${describe(column)}: ${formatCell(column, row)}`);
  if (wordErrors(row) !== null) lines.push(`${wordErrors(row)} errors in ${referenceWords(row)} words`);
  return lines;
}

function showSelected(list) {
  const rows = [...state.selected].sort((left, right) => (wordErrors(right) ?? 0) - (wordErrors(left) ?? 0));
  if (!rows.length) {
    const note = "Nothing is selected. Drag around points on a map to list them here.";
    list.replaceChildren(make("h2", {}, "Selection"), makeNote(note));
    return;
  }
  const figure = figures[0];
  const result = figure && estimateRatio(rows, figure);
  const text = figure
    ? `${figure.label} ${formatFigure(figure, result.estimate)} (${formatInterval(figure, result)})`
    : "";
  list.replaceChildren(
    make("h2", {}, `Selection: ${rows.length} ${rows.length === 1 ? "utterance" : "utterances"}`),
    makeNote(text),
    make(
      "div",
      { class: "buttons" },
      makeButton("Keep only these", () => keepOnly(rows, "Selection on the map"), { id: "keep-selection" }),
      makeButton("Clear", () => select([]), { class: "quiet" }),
    ),
    makeTraits(rows) ?? "",
    makeUtteranceList(rows, [
      ["errors", (row) => String(wordErrors(row) ?? "–")],
      ["words", (row) => String(referenceWords(row) ?? "–")],
    ]),
  );
}
