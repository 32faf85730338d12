// The systems side by side: rates, differences of every two, where two differ, what each gets wrong alone.

const besideState = { first: 0, second: 1 };
const LISTED_CHANGES = 10;

function showSystems(panel) {
  const render = () => {
    panel.replaceChildren();
    const [first, second] = [systems[besideState.first], systems[besideState.second]];
    const choose = (left, right) => {
      Object.assign(besideState, { first: left, second: right });
      render();
      tell("address");
      panel.querySelector("#pair")?.scrollIntoView({ block: "nearest" });
    };
    panel.append(makeRates(), makeMatrix(choose));
    const board = make("div", { class: "board pair" }, makePairCard(first, second, choose));
    panel.append(board);
    addWhere(board, first, second);
    panel.append(makeWordComparison(first, second, render), ...makeChanges(first, second));
  };
  render();
  return { rows: render, resize: render };
}

function makeRates() {
  const speeds = payload.analysis.speed?.systems ?? {};
  const isTimed = Object.keys(speeds).length > 0;
  const rows = systems.map((system) => {
    const figure = makeRate(system.name, "WER", system.errors, system.words);
    const letters = makeRate(system.name, "CER", system.letters, system.characters);
    const known = isWhole() ? whole.systems.rates[system.name] : null;
    const words =
      known?.words ?? sum(state.rows.map((row) => (system.errors(row) === null ? 0 : system.words(row))));
    const kinds =
      known?.kinds ?? system.kinds.map((of) => sum(Array.from(state.rows, (row) => of(row) ?? 0)));
    const result = known ? readResult(known.word) : estimateRatio(state.rows, figure);
    return [
      system.name,
      formatFigure(figure, result.estimate),
      formatInterval(figure, result),
      formatShare(known ? known.letters : estimateRatio(state.rows, letters).estimate),
      ...kinds.map((count) => `${count} (${formatShare(words ? count / words : null)})`),
      String(result.count),
      ...(isTimed ? [speeds[system.name] ? `${speeds[system.name]} ×` : "–"] : []),
    ];
  });
  const headings = [
    "system",
    "WER",
    "95 % interval",
    "CER",
    "substitutions",
    "deletions",
    "insertions",
    "utterances",
    ...(isTimed ? ["speed"] : []),
  ];
  const timed =
    " Speed: seconds of audio a second, of the whole evaluation, known of runs of this tool alone.";
  const card = makeWidePanel(
    mark("Systems"),
    describeBest() + (isTimed ? timed : ""),
    makeTable(headings, rows, { numeric: [1, 2, 3, 4, 5, 6, 7, 8] }),
  );
  card.id = "systems-table";
  return card;
}

// How good the best of each utterance would be, and what no system gets right.
function describeBest() {
  const told = "The best system of each utterance would have a word error rate of";
  if (isWhole()) return `${told} ${formatShare(whole.systems.oracle)}.`;
  const shared = [...state.rows].filter((row) => systems.every((system) => system.errors(row) !== null));
  const words = sum(shared.map((row) => referenceWords(row)));
  const best = sum(shared.map((row) => Math.min(...systems.map((system) => system.errors(row)))));
  let wrong = 0;
  let all = 0;
  for (const row of shared)
    for (const { reference, cells } of systems.some((system) => system.errors(row))
      ? alignSystems(row)
      : []) {
      if (!reference) continue;
      const right = cells.filter((cell) => cell?.operation === "=").length;
      wrong += right < cells.length;
      all += right === 0;
    }
  const oracle = formatShare(words ? best / words : null);
  const share = formatShare(wrong ? all / wrong : null);
  return (
    `${told} ${oracle}; ` +
    `of ${wrong} reference words that a system gets wrong, all get ${all} wrong (${share}).`
  );
}

function makeMatrix(choose) {
  const pairs = systems.flatMap((first, left) =>
    systems
      .slice(left + 1)
      .map((second, index) => ({ left, right: left + 1 + index, ...comparePair(state.rows, first, second) })),
  );
  const corrected = correctAll(pairs.map(({ p }) => p));
  const cells = new Map();
  pairs.forEach(({ left, right, result }, index) => {
    cells.set(`${left} ${right}`, { result, p: corrected[index], sign: 1 });
    cells.set(`${right} ${left}`, { result, p: corrected[index], sign: -1 });
  });
  const makeCell = (row, column) => {
    const cell = cells.get(`${row} ${column}`);
    if (!cell || cell.result.estimate === null) return "–";
    const { result, p, sign } = cell;
    const value = -sign * result.estimate;
    const ends = sign > 0 ? [-(result.high ?? 0), -(result.low ?? 0)] : [result.low, result.high];
    const told = result.low === null ? "no interval" : `${formatPoints(ends[0])} to ${formatPoints(ends[1])}`;
    const kind = p === null || p >= 0.05 ? "" : value < 0 ? "better" : "worse";
    const pair = `${systems[row].name} minus ${systems[column].name}`;
    const title = `${pair}: ${formatPoints(value)} points, ${told}, p ${formatProbability(p)}`;
    const isNarrow = systems.length > 8;
    const lines = isNarrow ? [] : [told, `p ${formatProbability(p)}`];
    return makeButton(
      [make("strong", {}, formatPoints(value)), lines.map((line) => make("span", {}, line))],
      () => choose(column, row),
      { class: `cell ${kind}`, title },
    );
  };
  const rows = systems.map((system, row) => [
    system.name,
    ...systems.map((_, column) => makeCell(row, column)),
  ]);
  const note =
    "Word error rate of the row minus that of the column, in points, with its paired 95 % interval by " +
    "speaker and its p, corrected by Holm over all pairs; colored if below 0.05. Choose a cell to " +
    "see where the two differ.";
  const card = makeWidePanel(
    mark("Differences"),
    note,
    makeTable(["", ...systems.map(({ name }) => name)], rows),
  );
  card.classList.add("matrix");
  return card;
}

function makePairCard(first, second, choose) {
  const options = systems.map(({ name }, index) => [index, name]);
  const { figure, result, p } = comparePair(state.rows, first, second);
  const alone = (right, wrong) => (row) => right.errors(row) === 0 && wrong.errors(row) > 0;
  const count = (test) => [...state.rows].filter(test).length;
  const filter = (text, test, ranges) => makeButton(`${text}: ${count(test)}`, () => filterRates(ranges));
  const keys = [besideState.first, besideState.second].map(
    (index) => systemKeys[index - 1] ?? "word_error_rate",
  );
  const [right, wrong] = [{ high: 0 }, { low: 1e-9 }];
  const everyone = (row) => systems.every((system) => system.errors(row));
  const card = makePanel(
    `${second.name} against ${first.name}`,
    "Below zero: fewer errors. The buttons filter the utterances.",
    make(
      "div",
      { class: "toolbar" },
      makeSelect("System", options, besideState.second, (index) => choose(besideState.first, index)),
      makeSelect("against", options, besideState.first, (index) => choose(index, besideState.second)),
    ),
    makeFacts([
      ["difference in points", formatPoints(result.estimate)],
      ["95 % interval", formatInterval(figure, result)],
      ["p of this pair alone", formatProbability(p)],
    ]),
    make(
      "div",
      { class: "buttons" },
      filter(`${first.name} right, ${second.name} wrong`, alone(first, second), [
        [keys[0], right],
        [keys[1], wrong],
      ]),
      filter(`${second.name} right, ${first.name} wrong`, alone(second, first), [
        [keys[1], right],
        [keys[0], wrong],
      ]),
      filter("all wrong: a reference to doubt", everyone, [["systems right", right]]),
      makeButton("They disagree most", () => showSorted("systems apart")),
    ),
  );
  card.id = "pair";
  return card;
}

function filterRates(ranges) {
  for (const [key, range] of ranges) {
    state.filters.set(key, range);
    addCard(columns.get(key));
    rebuildCard(columns.get(key));
  }
  applyFilters();
}

function showSorted(key) {
  tableState.sort = { key, descending: true };
  showTab("utterances");
}

// Groups of few categories, and of length, by how much the two systems differ in them; each filters.
function addWhere(board, first, second) {
  const figure = pairFigure(first, second);
  const grouped = [...columns.values()].filter(
    ({ kind, group, levels }) =>
      kind === "category" && group !== "text" && levels.length > 1 && levels.length <= 12,
  );
  const label = (column, groups, prefix = `${column.label}: `) =>
    groups.map((group) => ({ ...group, column, name: prefix + group.name, p: findP(group.result) }));
  const found = grouped.flatMap((column) => label(column, estimateGroups(state.rows, column, figure)));
  if (durationColumn)
    found.push(...label(durationColumn, estimateBins(state.rows, durationColumn, figure, 5), ""));
  correctAll(found.map(({ p }) => p)).forEach((p, index) => {
    if (p !== null && p < 0.05) found[index].name += ` · p ${formatProbability(p)}`;
  });
  found.sort((left, right) => (left.result.estimate ?? 0) - (right.result.estimate ?? 0));
  const note =
    "By change, improvements first; dashed: all shown. p, by Holm over the groups, where it is below 0.05. " +
    "Choose one to show only its utterances.";
  const card = makePanel(`Where ${second.name} differs from ${first.name}`, note);
  card.id = "where";
  board.append(card);
  const overall = estimateRatio(state.rows, figure);
  if (!found.length) card.append(makeNote("No column puts the utterances into groups."));
  else
    addChart(card, (width, spare) =>
      drawIntervals(found, figure, { width, spare, overall, labelWidth: 190 }),
    );
}

function makeChanges(first, second) {
  const change = (row) => subtract(second.errors(row), first.errors(row)) ?? 0;
  const changed = [...state.rows].map((row) => [row, change(row)]).filter(([, by]) => by);
  const list = (title, sign) => {
    const rows = changed
      .filter(([, change]) => sign * change > 0)
      .sort((one, other) => sign * (other[1] - one[1]));
    const facts = [first, second].map((system) => [
      `errors of ${system.name}`,
      (row) => String(system.errors(row)),
    ]);
    const shown = makeUtteranceList(
      rows.map(([row]) => row),
      facts,
      { body: (row) => makeSaid(row), limit: LISTED_CHANGES },
    );
    return makeWidePanel(`${title}: ${rows.length}`, null, shown);
  };
  return [list(`${second.name} is better`, -1), list(`${second.name} is worse`, 1)];
}
