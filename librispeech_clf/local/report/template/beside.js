// The systems side by side: rates, pairwise differences, where two differ, what each alone gets wrong.

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
    const board = make("div", { class: "board pair" }, makePairCard(first, second));
    panel.append(makeRates(), makeMatrix(choose), board);
    addWhere(board, first, second);
    panel.append(makeWordComparison(first, second, render), ...makeChanges(first, second));
  };
  render();
  return { rows: render, resize: render };
}

function makeRates() {
  const speeds = payload.analysis.speed?.systems;
  const rows = systems.map((system) => {
    const known = isWhole() ? whole.systems.rates[system.name] : null;
    const figure = makeRate("", "", system.errors, system.words);
    const letters = makeRate("", "", system.letters, system.characters);
    const total = (of) =>
      sum(Float64Array.from(state.rows, (row) => (system.errors(row) === null ? 0 : of(row))));
    const words = known?.words ?? total(system.words);
    const kinds = known?.kinds ?? system.kinds.map(total);
    const result = known ? readResult(known.word) : estimateRatio(state.rows, figure);
    return [
      system.name,
      formatFigure(figure, result.estimate),
      formatInterval(figure, result),
      formatShare(known ? known.letters : estimateRatio(state.rows, letters).estimate),
      ...kinds.map((count) => `${count} (${formatShare(words ? count / words : null)})`),
      String(result.count),
      ...(speeds ? [speeds[system.name] ? `${speeds[system.name]} ×` : "–"] : []),
    ];
  });
  const headings = [
    "system",
    "WER",
    "95 % interval",
    "CER",
    ...COUNTED,
    "utterances",
    ...(speeds ? ["speed"] : []),
  ];
  const timed =
    " Speed: seconds of audio per second of the whole evaluation, known only for runs of this tool.";
  const table = makeTable(headings, rows, { numeric: [1, 2, 3, 4, 5, 6, 7, 8] });
  const card = makeWidePanel(mark("Systems"), describeBest() + (speeds ? timed : ""), table);
  card.id = "systems-table";
  return card;
}

// How good the best system of each utterance would be, and what no system gets right.
function describeBest() {
  const told = "The best system for each utterance would give a word error rate of";
  if (isWhole()) return `${told} ${formatShare(whole.systems.oracle)}.`;
  const errorsOf = (row) => systems.map((system) => system.errors(row));
  const shared = [...state.rows].filter((row) => !errorsOf(row).includes(null));
  const chosen = shared.map((row) => [row, errorsOf(row).indexOf(Math.min(...errorsOf(row)))]);
  const words = sum(chosen.map(([row, place]) => systems[place].words(row)));
  const best = sum(chosen.map(([row, place]) => systems[place].errors(row)));
  const missed = shared
    .filter((row) => errorsOf(row).some((errors) => errors))
    .flatMap(alignSystems)
    .filter(({ reference }) => reference)
    .map(({ cells }) => cells.filter((cell) => cell.operation !== "=").length)
    .filter((count) => count);
  const all = missed.filter((count) => count === systems.length).length;
  const share = formatShare(missed.length ? all / missed.length : null);
  return (
    `${told} ${formatShare(words ? best / words : null)}; ` +
    `of ${missed.length} reference words that some system gets wrong, all get ${all} wrong (${share}).`
  );
}

function makeMatrix(choose) {
  const pairs = systems.flatMap((second, right) =>
    systems
      .slice(0, right)
      .map((first, left) => ({ left, right, ...comparePair(state.rows, first, second) })),
  );
  const corrected = correctAll(pairs.map(({ p }) => p));
  const makeCell = (row, column) => {
    const [left, right] = [Math.min(row, column), Math.max(row, column)];
    const place = pairs.findIndex((pair) => pair.left === left && pair.right === right);
    const { estimate, low, high } = pairs[place]?.result ?? { estimate: null };
    if (estimate === null) return "–";
    const sign = row === right ? 1 : -1;
    const value = formatPoints(sign * estimate);
    const ends = sign > 0 ? [low, high] : [-high, -low];
    const told = low === null ? "no interval" : ends.map(formatPoints).join(" to ");
    const p = corrected[place];
    const kind = p === null || p >= 0.05 ? "" : sign * estimate < 0 ? "better" : "worse";
    const chance = `p ${formatProbability(p)}`;
    const title = `${systems[row].name} minus ${systems[column].name}: ${value} points, ${told}, ${chance}`;
    const lines = systems.length > 8 ? [] : [told, chance];
    return makeButton(
      [make("strong", {}, value), lines.map((line) => make("span", {}, line))],
      () => choose(column, row),
      { class: `cell ${kind}`, title },
    );
  };
  const rows = systems.map(({ name }, row) => [name, ...systems.map((_, column) => makeCell(row, column))]);
  const note =
    "Word error rate of the row minus that of the column, in points, with its paired 95 % interval by " +
    "speaker and its p, corrected by Holm over all pairs; colored where p is below 0.05. Choose a cell to " +
    "see where the two differ.";
  const table = makeTable(["", ...systems.map(({ name }) => name)], rows);
  const card = makeWidePanel(mark("Differences"), note, table);
  card.classList.add("matrix");
  return card;
}

function makePairCard(first, second) {
  const { figure, result, p } = comparePair(state.rows, first, second);
  const [right, wrong] = [{ high: 0 }, { low: 1e-9 }];
  const sort = () => {
    tableState.sort = { key: "systems apart", descending: true };
    showTab("utterances");
  };
  // A button that filters by ranges of columns, with the number of utterances in them.
  const filter = (text, ...ranges) => {
    const tests = ranges.map(([key, range]) => makeTest(key, range));
    const count = state.rows.filter((row) => tests.every((test) => test(row))).length;
    const apply = () => {
      for (const [key, range] of ranges) {
        state.filters.set(key, range);
        addCard(columns.get(key));
        rebuildCard(columns.get(key));
      }
      applyFilters();
    };
    return makeButton(`${text}: ${count}`, apply);
  };
  const alone = (one, other) =>
    filter(`${one.name} right, ${other.name} wrong`, [one.key, right], [other.key, wrong]);
  const card = makePanel(
    `${second.name} against ${first.name}`,
    "Below zero: fewer errors. The buttons filter the utterances.",
    makeFacts([
      ["difference in points", formatPoints(result.estimate)],
      ["95 % interval", formatInterval(figure, result)],
      ["p of this pair alone", formatProbability(p)],
    ]),
    make(
      "div",
      { class: "buttons" },
      alone(first, second),
      alone(second, first),
      filter("all wrong: a suspect reference", ["systems right", right]),
      makeButton("Sort by disagreement", sort),
    ),
  );
  card.id = "pair";
  return card;
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
    "By change, improvements first; dashed: all shown. p, by Holm over the groups, is given below 0.05. " +
    "Choose one to show only its utterances.";
  const card = makePanel(`Where ${second.name} differs from ${first.name}`, note);
  card.id = "where";
  board.append(card);
  const overall = estimateRatio(state.rows, figure);
  if (!found.length) card.append(makeNote("No column divides the utterances into groups."));
  else
    addChart(card, (width, spare) =>
      drawIntervals(found, figure, { width, spare, overall, labelWidth: 190 }),
    );
}

function makeChanges(first, second) {
  const change = (row) => subtract(second.errors(row), first.errors(row)) ?? 0;
  const facts = [first, second].map(({ name, errors }) => [
    `errors of ${name}`,
    (row) => String(errors(row)),
  ]);
  const list = (title, sign) => {
    const rows = [...state.rows].filter((row) => sign * change(row) > 0);
    rows.sort((one, other) => sign * (change(other) - change(one)));
    const shown = makeUtteranceList(rows, facts, { body: (row) => makeSaid(row), limit: LISTED_CHANGES });
    return makeWidePanel(`${title}: ${rows.length}`, null, shown);
  };
  return [list(`${second.name} is better`, -1), list(`${second.name} is worse`, 1)];
}
