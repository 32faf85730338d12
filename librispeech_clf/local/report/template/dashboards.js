// Dashboards: a chosen metric against chosen metadata, the standard panels, and the corrected correlations.

const dashboardState = {
  figure: figures[0]?.key,
  column: null,
  bins: 8,
  edges: "quantile",
  allGroups: false,
};
const USUAL_DASHBOARD = { ...dashboardState };
const MOST_COLUMNS = 12;
const FIRST_GROUPS = 12;
const CARD_BINS = 6;

// Custom columns first, then what most often explains errors.
function standardColumns() {
  const standard = [
    ...groupings
      .map(({ column }) => column)
      .filter((column) => column !== genderColumn)
      .slice(0, SHOWN_GROUPINGS),
    findColumn("readability_dale_chall_score", "dale_chall_score", "dale_chall"),
    findColumn("text_word_count", "word_count"),
    durationColumn,
    findColumn("signal_to_noise_ratio_db"),
    findColumn("words_per_second"),
    genderColumn,
    speakerColumn,
  ];
  return [...new Set(standard)].filter((column) => column);
}

function showDashboards(panel) {
  USUAL_DASHBOARD.column ??= standardColumns()[0]?.key ?? payload.columns[0]?.key;
  dashboardState.column ??= USUAL_DASHBOARD.column;
  const explorer = make("div", { class: "card", id: "explorer" });
  const rest = make("div", {});
  panel.append(explorer, rest);
  const render = () => {
    const column = columns.get(dashboardState.column);
    const figure = findFigure(dashboardState.figure);
    explorer.replaceChildren(makeDashboardTools(render));
    const split = column.kind === "category" ? column.key : `${column.key} ${dashboardState.bins}`;
    if (dashboardState.edges === "quantile" && readSplit(split, figure))
      explorer.append(make("h2", {}, mark(figure.short)));
    const chart = make("div", {});
    explorer.append(chart);
    const size = { width: Math.max(300, explorer.clientWidth - 32), height: 300, count: dashboardState.bins };
    chart.append(...drawAgainst(column, figure, size));
    rest.replaceChildren(make("h2", { class: "between" }, `${figure.label} against other metadata`));
    const board = new Lanes(rest);
    for (const other of standardColumns()) addStandardCard(board, other, figure, render);
    board.finish();
    rest.append(make("h2", { class: "between" }, `All metrics against ${describe(column)}`));
    const metrics = new Lanes(rest);
    for (const other of figures) addStandardCard(metrics, column, other, render);
    metrics.finish();
    addCorrelations(metrics);
  };
  render();
  return { rows: render, resize: render };
}

function makeDashboardTools(render) {
  const { figure, column: chosen, bins, edges } = dashboardState;
  const change = (key) => (value) => {
    dashboardState[key] = value;
    render();
    tell("address");
  };
  const accept = ({ kind }) => kind !== "text";
  const metrics = figures.map(({ key, label }) => [key, label]);
  const counts = [4, 6, 8, 10, 15, 20].map((count) => [count, count]);
  const kinds = Object.entries({ quantile: "same count", equal: "same width" });
  return make(
    "div",
    { class: "toolbar" },
    makeSelect("Metric", metrics, figure, change("figure")),
    labeled("against", makePicker("Metadata", { accept, chosen, onchange: change("column"), id: "against" })),
    makeSelect("Bins", counts, bins, change("bins")),
    makeSelect("Edges", kinds, edges, change("edges")),
  );
}

// The chart of a metric against a column, and a sentence with the rank correlation of the shown utterances.
function drawAgainst(column, figure, { width, height, count, spare = 0 }) {
  const rows = findRowsBeside(column);
  const overall = estimateShown(figure);
  const xLabel = describe(column);
  if (column.kind === "category") {
    const groups = estimateGroups(rows, column, figure);
    if (groups.length > MOST_COLUMNS)
      return [makeLongChart(groups, figure, { width, overall, column, spare })];
    const look = { width, height, overall, xLabel, categorical: true, column };
    return [drawBins(groups, figure, look), makeNote(`${groups.length} groups. Dashed: all shown.`)];
  }
  const edgesOf = dashboardState.edges === "equal" ? equalEdges : quantileEdges;
  const bins = estimateBins(rows, column, figure, count, edgesOf);
  return [
    drawBins(bins, figure, { width, height, overall, xLabel, column }),
    makeNote(describeCorrelation(column, figure)),
  ];
}

// Many groups as lines, the highest first, with a button for all.
function makeLongChart(groups, figure, { width, overall, column, spare }) {
  groups.sort((left, right) => (right.result.estimate ?? 0) - (left.result.estimate ?? 0));
  const frame = make("div", {});
  const look = { width, overall, labelWidth: 150, column, spare };
  const makeOf = (some) => {
    dashboardState.allGroups = some.length > FIRST_GROUPS;
    const note = makeNote(`${groups.length} groups, the highest first. Dashed: all shown.`);
    return [note, drawIntervals(some, figure, look)];
  };
  grow(frame, groups, dashboardState.allGroups ? groups.length : FIRST_GROUPS, makeOf, groups.length);
  return frame;
}

function describeCorrelation(column, figure) {
  const pairs = [...state.rows]
    .map((row) => [column.values[row], figure.numerator(row), figure.denominator(row)])
    .filter(([value, numerator, denominator]) => value !== null && numerator !== null && denominator > 0);
  const correlation = correlateRanks(
    pairs.map(([value]) => value),
    pairs.map(([, numerator, denominator]) => numerator / denominator),
  );
  const text =
    correlation === null
      ? "no rank correlation"
      : `Spearman's rank correlation over utterances ${correlation.toFixed(2).replace("-", "−")}`;
  return `${text} (${pairs.length} utterances shown). Dashed: all shown.`;
}

function addStandardCard(board, column, figure, render) {
  const enlarge = () => {
    Object.assign(dashboardState, { column: column.key, figure: figure.key });
    render();
    tell("address");
    document.getElementById("explorer").scrollIntoView({ block: "nearest" });
  };
  const name = `Enlarge ${figure.label} against ${column.label}`;
  const choose = makeButton("Enlarge", enlarge, { class: "quiet", "aria-label": name });
  const isOfAll = readSplit(column.kind === "category" ? column.key : `${column.key} ${CARD_BINS}`, figure);
  const card = makePanel(mark([`${figure.short} against ${column.label}`, choose], isOfAll));
  board.append(card);
  addChart(card, (width, spare) =>
    make("div", {}, drawAgainst(column, figure, { width, height: 220 + spare, count: CARD_BINS, spare })),
  );
}

function addCorrelations(board) {
  const tested = [...(payload.analysis.associations ?? [])].sort(
    (left, right) => left.p_corrected - right.p_corrected || Math.abs(right.value) - Math.abs(left.value),
  );
  if (!tested.length) return;
  const cells = tested.map(({ metric, against, kind, value, low, high, groups, p_corrected: p }) => {
    const sort = kind === "spearman" ? "rank correlation" : `difference ${groups.join(" − ")}`;
    return [
      nameColumn(metric),
      nameColumn(against),
      sort,
      formatNumber(value),
      low === null ? "–" : `${formatNumber(low)} – ${formatNumber(high)}`,
      formatProbability(p),
    ];
  });
  const note = "Tests treat a speaker's utterances as dependent; p is corrected for the number of tests.";
  const headings = ["metric", "metadata", "kind", "value", "95 % interval", "corrected p"];
  const table = makeTable(headings, cells, { numeric: [3, 4, 5] });
  const card = makeWidePanel(overAll("Associations"), note, table);
  card.classList.add("associations");
  board.append(card);
}

function nameColumn(key) {
  const column = columns.get(key);
  return column ? describe(column) : String(key ?? "").replaceAll("_", " ");
}
