// The systems of the run: what each recognizer says for the same utterances. The first is the main one, whose
// words all other sections show. Their figures become columns, which filter, sort, color and export like any
// other.

const COUNTED = ["substitutions", "deletions", "insertions"];
const mainSystem = {
  name: payload.system,
  hypotheses: payload.hypotheses,
  word_operations: payload.word_operations,
};
const systems = [mainSystem, ...payload.systems].map(addFigures);

// Counts of an utterance: kinds of word errors, errors, reference words, ...; null where there is none.
function addFigures(system, index) {
  const add = (unit, kinds) => {
    const keys = kinds.map((kind) => `${unit}_${kind}`);
    const parts = keys.map((key) => (system.counts ? system.counts[key] : columns.get(key)?.values) ?? []);
    return (row) => {
      const counts = parts.map((part) => part[row] ?? null);
      return counts.includes(null) || referenceWords(row) === null ? null : sum(counts);
    };
  };
  // Of several references, the nearest to a system's text counts.
  const count = (unit, usual) =>
    system.counts?.[`${unit}_hits`] ? add(unit, ["hits", "substitutions", "deletions"]) : usual;
  return {
    ...system,
    key: index ? `systems ${system.name} word_error_rate` : "word_error_rate",
    kinds: COUNTED.map((kind) => add("word", [kind])),
    errors: add("word", COUNTED),
    letters: add("character", COUNTED),
    words: count("word", referenceWords),
    characters: count("character", referenceCharacters),
  };
}

// Word errors per reference word of a system; where there is none, as jiwer counts.
function rateOf(system, row) {
  const errors = system.errors(row);
  return errors === null ? null : errors / Math.max(system.words(row), 1);
}

// Whether there is more than one, and what they can be measured by.
const isCompared = systems.length > 1 && columns.has("word_error_rate");

if (isCompared) {
  const [main, ...others] = systems;
  const add = (key, label, of) =>
    addColumn({ key, label, kind: "number", group: "systems", unit: "", values: Array.from(allRows, of) });
  for (const system of others)
    add(system.key, `word error rate of ${system.name}`, (row) => rateOf(system, row));
  for (const system of others)
    add(`systems ${system.name} change`, `${system.name} minus ${main.name}`, (row) =>
      subtract(rateOf(system, row), rateOf(main, row)),
    );
  const known = (row) => systems.map((system) => rateOf(system, row)).filter((rate) => rate !== null);
  add("systems right", "systems without an error", (row) =>
    known(row).length ? known(row).filter((rate) => !rate).length : null,
  );
  add("systems apart", "disagreement of the systems", (row) =>
    known(row).length ? Math.max(...known(row)) - Math.min(...known(row)) : null,
  );
}

// The second system's rate minus the first's, over the utterances that both recognized.
function pairFigure(first, second) {
  const ofBoth = (errors) => (row) =>
    first.errors(row) === null || second.errors(row) === null ? null : errors(row);
  const label = `${second.name} minus ${first.name}`;
  const minus = { numerator: ofBoth(first.errors), denominator: first.words };
  return { ...makeRate(label, label, ofBoth(second.errors), second.words), label, minus, points: true };
}

// A paired difference with its two-sided p, from the t that its interval was made with.
function comparePair(rows, first, second) {
  const figure = pairFigure(first, second);
  const result = rows === state.rows ? estimateShown(figure) : estimateRatio(rows, figure);
  return { figure, result, p: result.p ?? findP(result) };
}

function findP({ estimate, low, high, units }) {
  if (low === null) return null;
  const error = (high - low) / 2 / findStudentQuantile(units - 1);
  if (!(error > 0)) return Number(estimate === 0);
  const most = 300 * Math.sqrt(units - 1); // beyond it the tail's series is long, and nothing is left of it
  return 2 * findStudentTail(Math.min(Math.abs(estimate) / error, most), units - 1);
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
  const places = [...words, ""].map((reference) => ({
    reference,
    cells: systems.map(() => null),
    inserted: [],
  }));
  systems.forEach((system, index) => {
    let at = 0;
    let depth = 0;
    for (const { operation, reference, hypothesis } of alignWords(row, system)) {
      const cell = { text: hypothesis ?? NOTHING, operation };
      if (reference === null) {
        const { inserted } = places[at];
        inserted[depth] ??= { reference: "", cells: systems.map(() => null) };
        inserted[depth++].cells[index] = cell;
      } else {
        places[at++].cells[index] = cell;
        depth = 0;
      }
    }
  });
  return places.flatMap(({ inserted, ...place }, at) =>
    at < words.length ? [...inserted, place] : inserted,
  );
}

const SAID_LETTER = 9.2;
const RIGHT_TO_LEFT =
  /^\P{L}*[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

// Reference and systems as rows of one grid, in lines as wide as there is room; systems that say the same
// share a row where they are merged. A line that all get right is its reference alone.
function makeGrid(row, room, isMerged = true) {
  const groups = new Map();
  systems.forEach((system, index) => {
    const isKnown = system.errors(row) !== null || system.word_operations[row];
    const said = isKnown ? system.hypotheses[row] : null;
    addTo(groups, isMerged ? said : index, index);
  });
  const width = room < 500 ? 80 : 130;
  const lines = [];
  let left = 0;
  for (const column of alignSystems(row)) {
    const letters =
      Math.max(column.reference.length, ...column.cells.map((cell) => cell?.text.length ?? 0)) + 1;
    if (!lines.length || left < letters) {
      lines.push([]);
      left = Math.max(20, Math.floor((room - width) / SAID_LETTER));
    }
    lines[lines.length - 1].push(column);
    left -= letters;
  }
  const makeRow = (attributes, title, rate, cells) => {
    const head = { scope: "row", title, style: `width:${width - 6}px` };
    const told = cells.map((cell) => make("td", {}, cell));
    return make("tr", attributes, make("th", head, make("span", {}, title), rate), told);
  };
  const makeCell = (cell, reference) => {
    const kind = OPERATION_NAMES[cell?.operation];
    const title = `${kind}: ${reference || NOTHING} → ${cell?.text}`;
    return cell && make("span", { class: `said op-${kind}`, title }, cell.text);
  };
  const makeSystem = (line, members) => {
    const name = members.map((index) => systems[index].name).join(", ");
    const rate = room < 500 ? null : make("b", {}, formatShare(rateOf(systems[members[0]], row)));
    const cells = line.map(({ reference, cells }) => makeCell(cells[members[0]], reference));
    return makeRow({}, name, rate, cells);
  };
  const makeLine = (line) => {
    const isRight = line.every(({ cells }) => cells.every((cell) => cell?.operation === "="));
    const reference = makeRow(
      { class: "said-reference" },
      "reference",
      null,
      line.map((column) => column.reference),
    );
    const said = isRight ? [] : [...groups.values()].map((members) => makeSystem(line, members));
    return make("table", {}, make("tbody", {}, reference, said));
  };
  const notes = systems
    .filter(({ nearest }) => nearest?.[row])
    .map(({ name, nearest }) => makeNote(`${name} is scored over: ${nearest[row]}`));
  const dir = RIGHT_TO_LEFT.test(payload.references[row] || payload.hypotheses[row]) ? "rtl" : null;
  return make("div", { class: "said-grid", dir }, lines.map(makeLine), notes);
}

// The text of a list's row: reference over hypothesis, or over all systems where one of them errs.
function makeSaid(row, room = panelElement.clientWidth - 90) {
  const isWrong = systems.some((system) => system.errors(row) !== 0);
  return systems.length > 1 && !payload.errors[row] && isWrong ? makeGrid(row, room) : makeDiff(row);
}
