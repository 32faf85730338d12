// Dashboards: a chosen metric against chosen metadata, the standard panels, and the corrected correlations.

const dashboardState = { figure: figures[0]?.key, column: null, bins: 8, edges: "quantile" };
const MOST_GROUPS = 24;

function standardColumns() {
  return [
    findColumn("readability_dale_chall_score", "dale_chall_score", "dale_chall"),
    findColumn("text_word_count", "word_count"),
    durationColumn,
    findColumn("signal_to_noise_ratio_db"),
    findColumn("words_per_second"),
    genderColumn,
    speakerColumn,
  ].filter((column) => column);
}

function showDashboards(panel) {
  dashboardState.column ??= standardColumns()[0]?.key ?? payload.columns[0]?.key;
  const explorer = make("div", { class: "card", id: "explorer" });
  const rest = make("div", {});
  panel.append(explorer, rest);
  const render = () => {
    explorer.replaceChildren(makeDashboardTools(render));
    const chart = make("div", {});
    explorer.append(chart);
    const width = Math.max(300, explorer.clientWidth - 32);
    chart.append(...drawAgainst(columns.get(dashboardState.column), width, 300, dashboardState.bins));
    rest.replaceChildren();
    const board = new Lanes(rest);
    for (const column of standardColumns()) addStandardCard(board, column, render);
    board.finish();
    addCorrelations(board);
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
    labelled("Metric", makeSelect("Metric", options, dashboardState.figure, change("figure"))),
    labelled(
      "against",
      makeSelect(
        "Metadata",
        columnOptions((column) => column.kind !== "text"),
        dashboardState.column,
        change("column"),
      ),
    ),
    labelled(
      "Bins",
      makeSelect(
        "Number of bins",
        [4, 6, 8, 10, 15, 20].map((count) => ({ value: String(count), label: String(count) })),
        String(dashboardState.bins),
        change("bins", Number),
      ),
    ),
    labelled(
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

// The chart of the metric against a column, and a sentence with the rank correlation of the shown utterances.
function drawAgainst(column, width, height, count) {
  const figure = findFigure(dashboardState.figure);
  const overall = estimateRatio(state.rows, figure, speakerOf);
  if (column.kind === "category") {
    const all = estimateGroups(state.rows, column, figure);
    const groups = all.sort((left, right) => right.result.count - left.result.count).slice(0, MOST_GROUPS);
    if (groups.length > 6)
      groups.sort((left, right) => (right.result.estimate ?? 0) - (left.result.estimate ?? 0));
    const note =
      all.length > MOST_GROUPS
        ? `The ${MOST_GROUPS} most frequent of ${all.length}.`
        : `${all.length} groups.`;
    return [
      drawBins(groups, figure, { width, height, overall, xLabel: describe(column), categorical: true }),
      makeNote(note),
    ];
  }
  const bins = estimateBins(
    state.rows,
    column,
    figure,
    count,
    dashboardState.edges === "equal" ? equalEdges : quantileEdges,
  );
  return [
    drawBins(bins, figure, { width, height, overall, xLabel: describe(column) }),
    makeNote(describeCorrelation(column, figure)),
  ];
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

function addStandardCard(board, column, render) {
  const figure = findFigure(dashboardState.figure);
  const choose = make(
    "button",
    {
      class: "quiet",
      onclick: () => {
        dashboardState.column = column.key;
        render();
        document.getElementById("explorer").scrollIntoView({ block: "nearest" });
      },
    },
    "Enlarge",
  );
  const card = makePanel([`${figure.short} against ${column.label}`, choose]);
  board.append(card);
  addChart(card, (width, spare) => make("div", {}, drawAgainst(column, width, 220 + spare, 6)));
}

function addCorrelations(board) {
  const tested = [...(payload.analysis.dashboards ?? [])].sort(
    (left, right) =>
      (left.association.p_corrected ?? 1) - (right.association.p_corrected ?? 1) ||
      Math.abs(right.association.value) - Math.abs(left.association.value),
  );
  if (!tested.length) return;
  const cells = tested.map(({ metric, against, association }) => {
    const { kind, value, low, high, groups, p_corrected: p } = association;
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
    "Not changed by the filters. Tested with a speaker's utterances as dependent; p-values corrected " +
    "for the number of tests.";
  const headings = ["metric", "metadata", "kind", "value", "95 % interval", "corrected p"];
  const table = makeTable(headings, cells, { numeric: [3, 4, 5] });
  const card = makeWidePanel("Associations over all utterances", note, table);
  card.classList.add("associations");
  board.append(card);
}

function nameColumn(key) {
  const column = columns.get(key);
  return column ? describe(column) : String(key ?? "").replaceAll("_", " ");
}
