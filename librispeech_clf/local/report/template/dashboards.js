// Dashboards: a chosen metric against chosen metadata, the standard panels, and the corrected correlations.

const dashboardState = {
  figure: figures[0]?.key,
  column: null,
  bins: 8,
  edges: "quantile",
  allGroups: false,
};
const MOST_COLUMNS = 12;
const FIRST_GROUPS = 12;
const CARD_BINS = 6;

// One's own columns first, then what explains errors most often.
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
  dashboardState.column ??= standardColumns()[0]?.key ?? payload.columns[0]?.key;
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
  const change =
    (key, convert = (value) => value) =>
    (value) => {
      dashboardState[key] = convert(value);
      render();
    };
  const options = figures.map(({ key, label }) => ({ value: key, label }));
  return make(
    "div",
    { class: "toolbar" },
    labeled("Metric", makeSelect("Metric", options, dashboardState.figure, change("figure"))),
    labeled(
      "against",
      makePicker("Metadata", {
        accept: (column) => column.kind !== "text",
        chosen: dashboardState.column,
        onchange: change("column"),
        id: "against",
      }),
    ),
    labeled(
      "Bins",
      makeSelect(
        "Number of bins",
        [4, 6, 8, 10, 15, 20].map((count) => ({ value: String(count), label: String(count) })),
        String(dashboardState.bins),
        change("bins", Number),
      ),
    ),
    labeled(
      "Edges",
      makeSelect(
        "Edges of the bins",
        [
          { value: "quantile", label: "same count" },
          { value: "equal", label: "same width" },
        ],
        dashboardState.edges,
        change("edges"),
      ),
    ),
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
  const show = (end) => {
    const look = { width, overall, labelWidth: 150, column, spare };
    frame.replaceChildren(
      makeNote(`${groups.length} groups, the highest first. Dashed: all shown.`),
      drawIntervals(groups.slice(0, end), figure, look),
    );
    if (groups.length > end) frame.append(makeMore(groups.length - end, () => showAll(true)));
  };
  const showAll = (isAll) => {
    dashboardState.allGroups = isAll;
    show(isAll ? groups.length : FIRST_GROUPS);
  };
  showAll(dashboardState.allGroups);
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
    document.getElementById("explorer").scrollIntoView({ block: "nearest" });
  };
  const name = `Enlarge ${figure.label} against ${column.label}`;
  const choose = make("button", { class: "quiet", "aria-label": name, onclick: enlarge }, "Enlarge");
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
  const note =
    "Tested with a speaker's utterances as dependent; p-values corrected " + "for the number of tests.";
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
