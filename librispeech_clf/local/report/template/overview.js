// Headline figures and the overview: by group, by length, kinds of errors, speakers, worst utterances.

const headlineElement = document.getElementById("headline");
const TILE_COUNT = 5;
const SHOWN_SPEAKERS = 8;
const SHOWN_GROUPINGS = 12; // the others: dashboards, filters
const SHOWN_WORST = 12;
const ANY = { low: 1, high: null };
const overviewState = { allSpeakers: false };
let headline = new Map();

function computeHeadline() {
  headline = new Map(figures.map((figure) => [figure.key, estimateShown(figure)]));
}

function showHeadline() {
  computeHeadline();
  const tiles = figures.slice(0, TILE_COUNT).map((figure) => makeTile(figure, headline.get(figure.key)));
  headlineElement.replaceChildren(...tiles, makeSizeTile());
  if (scope) showScope();
}

function makeTile(figure, result) {
  const { estimate, low, high, unit } = result;
  const data = { "data-value": estimate ?? "", "data-low": low ?? "", "data-high": high ?? "" };
  const names = ["label", "short"].map((key) => make("span", { class: key }, figure[key]));
  const title = `95 % interval by ${unit.slice(0, -1)}: ${describeUnits(result)}`;
  return make(
    "div",
    { class: "tile", "data-figure": figure.key, ...data },
    make("span", { class: "name", title: figure.label }, names),
    make("strong", {}, formatFigure(figure, estimate)),
    make("span", { class: "interval", title }, low === null ? "no interval" : formatInterval(figure, result)),
  );
}

function makeSizeTile() {
  const { count, speakers, words, seconds } = isWhole() ? whole.size : measureSize();
  const told = seconds >= 5400 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 60).toFixed(1)} min`;
  const length = durationColumn ? ` · ${told}` : "";
  return make(
    "div",
    { class: "tile" },
    make("span", { class: "name" }, `${speakers} speaker${speakers === 1 ? "" : "s"}${length}`),
    make("strong", {}, String(count)),
    make("span", { class: "interval" }, `utterances, ${words} words`),
  );
}

function measureSize() {
  const speakers = speakerColumn
    ? new Set([...state.rows].map((row) => speakerColumn.values[row]).filter((code) => code >= 0)).size
    : 0;
  const words = sum(state.rows.map((row) => referenceWords(row) ?? 0));
  const seconds = sum(Float64Array.from(state.rows, (row) => durationColumn?.values[row] ?? 0));
  return { count: state.rows.length, speakers, words, seconds };
}

function groupRows(rows, column) {
  const groups = new Map();
  for (const row of rows) {
    const value = valueAt(column, row);
    if (value !== null) addTo(groups, value, row);
  }
  return [...groups].sort((left, right) => column.levels.indexOf(left[0]) - column.levels.indexOf(right[0]));
}

function estimateGroups(rows, column, figure) {
  const split = readSplit(column.key, figure);
  if (split) return split.labels.map((name, place) => ({ name, choice: name, result: split.results[place] }));
  return groupRows(rows, column).map(([name, members]) => ({
    name,
    choice: name,
    result: estimateRatio(members, figure),
  }));
}

// Bins of a numeric column with the metric in each: {name, low, high, result}.
function estimateBins(rows, column, figure, count, edgesOf = quantileEdges) {
  const known = [...rows].filter((row) => column.values[row] !== null);
  const values = known.map((row) => column.values[row]);
  const split = edgesOf === quantileEdges ? readSplit(`${column.key} ${count}`, figure) : null;
  const edges = split?.edges ?? edgesOf(values, count);
  const members = edges.slice(1).map(() => []);
  for (const row of known) members[findBin(edges, column.values[row])].push(row);
  return members
    .map((of, bin) => ({
      name: `${formatNumber(edges[bin])} to ${formatNumber(edges[bin + 1], column.unit)}`,
      low: edges[bin],
      high: edges[bin + 1],
      choice: { low: edges[bin], high: edges[bin + 1], open: bin + 2 < edges.length },
      result: split?.results[bin] ?? estimateRatio(of, figure),
    }))
    .filter((bin) => bin.result.count || bin.low < bin.high);
}

function showOverview(panel) {
  const render = () => {
    panel.replaceChildren();
    if (!figures.length) panel.append(makeNote("No utterance was scored."));
    const board = new Lanes(panel);
    if (isCompared) board.prepend(makeRates());
    if (figures.length)
      for (const add of [
        addPages,
        addGroupCards,
        addKindsCard,
        addErrorKinds,
        addLengthCard,
        addSpreadCard,
        addSpeakersCard,
        addSpeed,
        addTerms,
        addWorstCard,
        addSuspicious,
        addReliability,
        addDoubles,
      ])
        if (columns.has("word_error_rate") || [addSpeed, addDoubles].includes(add)) add(board, render);
    for (const { title, note, head, rows } of payload.analysis.tables ?? [])
      board.append(makeWidePanel(overAll(title), note, makeTable(head, rows, { numeric: [1, 2, 3, 4, 5] })));
    addFailures(board);
    if (columns.has("word_error_rate")) addFindings(board);
    board.finish();
  };
  render();
  return { rows: render, resize: render };
}

// Width of a chart inside a card of the board.
function chartWidth(card) {
  return Math.max(260, card.clientWidth - 32);
}

// A chart of the first figure by group, the whole dashed.
function addIntervals(card, groups, column) {
  const [figure] = figures;
  const overall = headline.get(figure.key);
  addChart(card, (width, spare) =>
    drawIntervals(groups, figure, { width, spare, overall, labelWidth: 150, column }),
  );
}

// The groups of a grouping as findings.json has them: categories, or numbers cut at the same bounds.
function estimateGrouping(rows, { column, labels, ranges }, figure) {
  if (!ranges.length) return estimateGroups(rows, column, figure);
  const split = readSplit(`${column.key} groups`, figure);
  const bins = ranges.map(([low, high], bin) => ({ name: labels[bin], choice: { low, high, open: true } }));
  return bins.map((bin, place) => {
    const isInside = makeTest(column.key, { bins: [bin.choice] });
    return {
      ...bin,
      result: split?.results[place] ?? estimateRatio(rows.filter(isInside), figure),
    };
  });
}

function addGroupCards(board) {
  const further = [findColumn("subset"), columns.get("split")].filter(
    (column, index, all) =>
      column &&
      all.indexOf(column) === index &&
      new Set(column.values).size > 1 &&
      column.levels.length <= 12,
  );
  const shown = groupings.slice(0, SHOWN_GROUPINGS);
  for (const grouping of [...shown, ...further.map((column) => ({ column, ranges: [] }))]) {
    const { column } = grouping;
    const note = "Dashed: all shown. At the right: utterances. Choose a group to see only it.";
    const card = makePanel(mark(`Word error rate by ${describe(column)}`), note);
    board.append(card);
    addIntervals(card, estimateGrouping(findRowsBeside(column), grouping, figures[0]), column);
  }
}

function addLengthCard(board) {
  const column = durationColumn ?? findColumn("text_word_count", "word_count");
  if (!column) return;
  const card = makePanel(mark("Word error rate by length"), "Groups of about the same number of utterances.");
  board.append(card);
  addIntervals(card, estimateBins(findRowsBeside(column), column, figures[0], 5), column);
}

function addKindsCard(board) {
  const card = makePanel(mark("Kinds of errors"), "Counts, and shares of the reference's words or letters.");
  board.append(card);
  for (const unit of ["word", "character"]) {
    const [hits, ...counts] = ["hits", "substitutions", "deletions", "insertions"].map((kind) => [
      kind,
      sumShown(`${unit}_${kind}`),
    ]);
    const length = hits[1] + counts[0][1] + counts[1][1];
    const errors = Math.max(1, sum(counts.map(([, count]) => count)));
    const bars = counts.map(([kind, count]) => {
      const choice = makeChoice(columns.get(`${unit}_${kind}`), { name: "1 or more", choice: ANY });
      return make("span", {
        ...choice,
        class: `share ${kind} ${choice.class ?? ""}`,
        style: `width:${(100 * count) / errors}%`,
        title: `Only utterances with ${unit} ${kind}`,
      });
    });
    const told = counts.map(([kind, count]) => {
      const share = formatShare(length ? count / length : null);
      return make("span", {}, make("i", { class: `swatch ${kind}` }), `${kind} ${count} (${share})`);
    });
    const name = counts.map(([kind, count]) => `${count} ${kind}`).join(", ");
    card.append(
      make(
        "div",
        { class: "kinds" },
        unit === "word" ? "Words" : "Letters",
        make("div", { class: "shares", role: "group", "aria-label": name }, bars),
        make("span", { class: "counts" }, told),
      ),
    );
  }
}

function addSpreadCard(board) {
  const column = columns.get("word_error_rate");
  if (!column) return;
  const card = makePanel(
    mark("Utterances by their word error rate"),
    "Rates of 100 % or more are in the last bar.",
  );
  board.append(card);
  const edges = Array.from({ length: 21 }, (_, index) => index / 20);
  const values = [...findRowsBeside(column)]
    .map((row) => column.values[row])
    .filter((value) => value !== null)
    .map((value) => Math.min(value, 1));
  addChart(card, (width, spare) =>
    drawHistogram(edges, isWhole() ? whole.spread : countBins(edges, values), {
      width,
      height: 180 + spare,
      column,
      label: "word error rate of the utterance",
      format: (value) => `${Math.round(value * 100)} %`,
    }),
  );
}

function addSpeakersCard(board, render) {
  if (!speakerColumn) return;
  const groups = estimateGroups(findRowsBeside(speakerColumn), speakerColumn, figures[0]);
  groups.sort((left, right) => (right.result.estimate ?? 0) - (left.result.estimate ?? 0));
  const card = makePanel(
    mark("Speakers, highest word error rate first", readSplit(speakerColumn.key, figures[0])),
    `${groups.length} speaker${groups.length === 1 ? "" : "s"}; a single one has no interval. ` +
      "Choose one or more to see only them.",
  );
  board.append(card);
  const { allSpeakers: isAll } = overviewState;
  addIntervals(card, isAll ? groups : groups.slice(0, SHOWN_SPEAKERS), speakerColumn);
  if (groups.length <= SHOWN_SPEAKERS) return;
  const toggle = () => {
    overviewState.allSpeakers = !isAll;
    render();
  };
  card.append(makeButton(isAll ? "Show fewer" : `Show all ${groups.length}`, toggle, { class: "more" }));
}

function addWorstCard(board) {
  const column = columns.get("word_error_rate");
  if (!column) return;
  const worst = [...state.rows]
    .filter((row) => wordErrors(row))
    .sort(
      (left, right) => wordErrors(right) - wordErrors(left) || column.values[right] - column.values[left],
    );
  const list = makeUtteranceList(
    worst,
    [
      ["errors", (row) => String(wordErrors(row))],
      ["WER", (row) => formatShare(column.values[row])],
    ],
    { limit: SHOWN_WORST },
  );
  board.append(makeWidePanel("Most errors", "Reference over hypothesis.", list));
}

function addFailures(board) {
  const failed = [...state.rows].filter((row) => payload.errors[row]);
  if (!failed.length) return;
  const groups = new Map();
  // As group_failures in analysis/summary.py: one reason, but for names, numbers, paths and what is quoted.
  for (const row of failed) {
    const reason = payload.errors[row].replaceAll(payload.ids[row], "…");
    addTo(groups, reason.replaceAll(/\[[^\]]*\]|'[^'\s][^']*'|"[^"]*"|\S*[/\d]\S*/g, "…"), row);
  }
  const sorted = [...groups.values()].sort((left, right) => right.length - left.length);
  const cells = sorted.slice(0, 50).map((rows) => {
    const keep = () => keepOnly(rows, "not evaluated");
    const all = makeButton(String(rows.length), keep, { class: "quiet" });
    return [utteranceButton(rows[0]), rows.length > 1 ? all : "1", payload.errors[rows[0]]];
  });
  const table = makeTable(["utterance", "alike", "reason"], cells, { numeric: [1] });
  board.append(makeWidePanel(`Not evaluated: ${failed.length}`, "These utterances are in no figure.", table));
}
