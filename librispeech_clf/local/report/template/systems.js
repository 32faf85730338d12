// The systems of the run: what each recognizer says of the same utterances. The first is the main one, whose
// words all other sections tell of. Their figures become columns, which filter, sort, color and export as
// all others do.

const COUNTED = ["substitutions", "deletions", "insertions"];
const systems = [{ name: payload.system, heard: payload }, ...payload.systems.map(readSystem)].map(addSums);

function readSystem(heard) {
  return { name: heard.name, heard, counts: heard.counts };
}

function addSums(system) {
  const of = (unit) =>
    COUNTED.map((kind) => system.counts?.[`${unit}_${kind}`] ?? columns.get(`${unit}_${kind}`)?.values ?? []);
  const add = (parts) => (row) => {
    const counts = parts.map((part) => part[row] ?? null);
    return counts.includes(null) || referenceWords(row) === null ? null : sum(counts);
  };
  const words = of("word");
  const kinds = words.map((part) => add([part]));
  return { ...system, kinds, errors: add(words), letters: add(of("character")), ...readUnits(system.counts) };
}

// Reference words and characters of a system: of several references, the nearest to its text counts.
function readUnits(counts) {
  const count = (unit, usual) => (row) =>
    counts?.[`${unit}_hits`]
      ? counts[`${unit}_hits`][row] + counts[`${unit}_substitutions`][row] + counts[`${unit}_deletions`][row]
      : usual(row);
  return { words: count("word", referenceWords), characters: count("character", referenceCharacters) };
}

// Word errors per reference word of a system, as jiwer has it where there is none.
function rateOf(system, row) {
  const errors = system.errors(row);
  return errors === null ? null : errors / Math.max(system.words(row), 1);
}

function addSystemColumn(key, label, of) {
  const values = Array.from(allRows, of);
  addColumn({ key, label, kind: "number", group: "systems", unit: "", values });
}

const systemKeys = systems.slice(1).map(({ name }) => `systems ${name} word_error_rate`);

if (systems.length > 1) {
  systems.slice(1).forEach((system, index) => {
    addSystemColumn(systemKeys[index], `word error rate of ${system.name}`, (row) => rateOf(system, row));
  });
  for (const system of systems.slice(1)) {
    const change = (row) => subtract(rateOf(system, row), rateOf(systems[0], row));
    addSystemColumn(`systems ${system.name} change`, `${system.name} minus ${systems[0].name}`, change);
  }
  const known = (row) => systems.map((system) => rateOf(system, row)).filter((rate) => rate !== null);
  addSystemColumn(
    "systems right",
    "systems without an error",
    (row) => known(row).filter((rate) => !rate).length,
  );
  addSystemColumn("systems apart", "disagreement of the systems", (row) => {
    const rates = known(row);
    return rates.length ? Math.max(...rates) - Math.min(...rates) : null;
  });
}

function subtract(left, right) {
  return left === null || right === null ? null : left - right;
}

// The second system's rate minus the first's, over the utterances that both recognized.
function pairFigure(first, second) {
  const key = `${second.name} minus ${first.name}`;
  // Rates over other words are put on those of the first system of the run.
  const scaled = [first, second].map((system) => {
    const rows = system.counts?.word_hits ? [...state.rows].filter((row) => system.errors(row) !== null) : [];
    const own = sum(rows.map(system.words));
    const scale = own ? sum(rows.map(referenceWords)) / own : 1;
    return (row) => (system.errors(row) === null ? null : scale * system.errors(row));
  });
  const numerator = (row) => subtract(scaled[1](row), scaled[0](row));
  return {
    key,
    label: key,
    short: key,
    numerator,
    denominator: referenceWords,
    percent: true,
    points: true,
    scale: "linear",
  };
}

// A paired difference with its two-sided p, of the t that its interval was made with.
function comparePair(rows, first, second) {
  const figure = pairFigure(first, second);
  const result = rows === state.rows ? estimateShown(figure) : estimateRatio(rows, figure);
  return { figure, result, p: result.p ?? findP(result) };
}

function findP({ estimate, low, high, units }) {
  if (low === null) return null;
  const error = (high - low) / 2 / findStudentQuantile(units - 1);
  return error > 0 ? findTail(estimate / error, units - 1) : Number(estimate === 0);
}

// Two-sided probability of Student's t, whole degrees of freedom: Abramowitz & Stegun, 26.7.3 and 26.7.4.
function findTail(t, freedom) {
  const angle = Math.atan(Math.abs(t) / Math.sqrt(freedom));
  const square = Math.cos(angle) ** 2;
  const isOdd = freedom % 2 === 1;
  let term = isOdd ? Math.cos(angle) : 1;
  let total = freedom === 1 ? 0 : term;
  for (let step = isOdd ? 3 : 2; step < freedom; step += 2) {
    term *= ((step - 1) / step) * square;
    total += term;
  }
  const inside = Math.sin(angle) * total;
  return Math.max(0, 1 - (isOdd ? (2 / Math.PI) * (angle + inside) : inside));
}

// Holm's correction of a family of p-values; null where there is none.
function correctAll(values) {
  const order = [...values.keys()].filter((place) => values[place] !== null);
  order.sort((left, right) => values[left] - values[right]);
  const corrected = values.map(() => null);
  let most = 0;
  order.forEach((place, rank) => {
    most = Math.max(most, Math.min(1, values[place] * (order.length - rank)));
    corrected[place] = most;
  });
  return corrected;
}

// What all systems make of an utterance, in columns: {reference, cells}; a cell per system is {text,
// operation} or null.
function alignSystems(row) {
  const words = splitWords(payload.references[row]);
  const lines = systems.map(({ heard, errors }) => {
    const line = { words: words.map(() => null), gaps: Array.from({ length: words.length + 1 }, () => []) };
    let at = 0;
    for (const { operation, reference, hypothesis } of errors(row) === null ? [] : alignWords(row, heard)) {
      if (reference === null) line.gaps[at].push({ text: hypothesis, operation });
      else line.words[at++] = { text: hypothesis ?? NOTHING, operation };
    }
    return line;
  });
  return Array.from({ length: words.length + 1 }, (_, at) => {
    const depth = Math.max(...lines.map(({ gaps }) => gaps[at].length));
    const inserted = Array.from({ length: depth }, (_, place) => ({
      reference: "",
      cells: lines.map(({ gaps }) => gaps[at][place] ?? null),
    }));
    const word =
      at < words.length ? [{ reference: words[at], cells: lines.map((line) => line.words[at]) }] : [];
    return [...inserted, ...word];
  }).flat();
}

const SAID_LETTER = 9.2;

// Reference and systems as rows of one grid, in lines as wide as there is room; systems that say the same
// share a row where they are merged. A line that all get right is its reference alone.
function makeGrid(row, room, isMerged = true) {
  const groups = new Map();
  systems.forEach((system, index) => {
    const said = system.errors(row) === null ? null : system.heard.hypotheses[row];
    addTo(groups, isMerged ? said : index, index);
  });
  const rows = [...groups.values()].map((members) => ({
    name: members.map((index) => systems[index].name).join(", "),
    rate: formatShare(rateOf(systems[members[0]], row)),
    index: members[0],
  }));
  const name = room < 500 ? 80 : 130;
  const lines = [];
  let left = 0;
  for (const column of alignSystems(row)) {
    const width =
      Math.max(column.reference.length, ...column.cells.map((cell) => cell?.text.length ?? 0)) + 1;
    if (!lines.length || left < width) {
      lines.push([]);
      left = Math.max(20, Math.floor((room - name) / SAID_LETTER));
    }
    lines[lines.length - 1].push(column);
    left -= width;
  }
  const makeHead = (text, rate) =>
    make("th", { scope: "row", title: text, style: `width:${name - 6}px` }, make("span", {}, text), rate);
  const makeCell = (cell, reference) => {
    if (!cell) return make("td");
    const kind = OPERATION_NAMES[cell.operation];
    return make(
      "td",
      {},
      make("span", { class: `said op-${kind}`, title: `${kind}: ${reference} → ${cell.text}` }, cell.text),
    );
  };
  const isRight = (line) => line.every(({ cells }) => cells.every((cell) => cell?.operation === "="));
  const makeLine = (line) => [
    make(
      "tr",
      { class: "said-reference" },
      makeHead("reference"),
      line.map(({ reference }) => make("td", {}, reference)),
    ),
    (isRight(line) ? [] : rows).map(({ name, rate, index }) =>
      make(
        "tr",
        {},
        makeHead(name, room < 500 ? null : make("b", {}, rate)),
        line.map(({ reference, cells }) => makeCell(cells[index], reference || NOTHING)),
      ),
    ),
  ];
  return make(
    "div",
    { class: "said-grid" },
    lines.map((line) => make("table", {}, make("tbody", {}, makeLine(line)))),
    systems
      .filter(({ heard }) => heard.nearest?.[row])
      .map(({ name, heard }) => makeNote(`${name} is scored over: ${heard.nearest[row]}`)),
  );
}

// The text of a list's row: reference over hypothesis, or over all systems where one of them errs.
function makeSaid(row, room = panelElement.clientWidth - 90) {
  const isWrong = systems.some((system) => system.errors(row) !== 0);
  return systems.length > 1 && !payload.errors[row] && isWrong ? makeGrid(row, room) : makeDiff(row);
}
