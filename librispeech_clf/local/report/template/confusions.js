// Words and letters most often substituted, deleted and inserted, counted on the shown utterances.

const LISTED = 10;
let alignedRows = null;

// Alignments of all rows, read once.
function readAlignments() {
  alignedRows ??= {
    words: Array.from(allRows, (row) => (isScored(row) ? alignWords(row) : [])),
    letters: Array.from(allRows, (row) => (isScored(row) ? alignLetters(row) : [])),
  };
  return alignedRows;
}

function addOne(counts, key) {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function countConfusions(rows, aligned) {
  const kinds = ["substituted", "deleted", "inserted", "seen", "wrong"];
  const counts = Object.fromEntries(kinds.map((kind) => [kind, new Map()]));
  for (const row of rows) {
    for (const { operation, reference, hypothesis } of aligned[row]) {
      if (reference !== null) addOne(counts.seen, reference);
      if (operation === "s") addOne(counts.substituted, `${reference}\u0000${hypothesis}`);
      if (operation === "d") addOne(counts.deleted, reference);
      if (operation === "i") addOne(counts.inserted, hypothesis);
      if (operation === "s" || operation === "d") addOne(counts.wrong, reference);
    }
  }
  return counts;
}

// Of all utterances the most frequent ones, counted before the page was written.
function countShown(kind, aligned) {
  if (!isWhole()) return countConfusions(state.rows, aligned[kind]);
  const { totals, ...counts } = whole.confusions[kind];
  const read = ([name, pairs]) => [
    name,
    new Map(pairs.map(([of, count]) => [[of].flat().join("\u0000"), count])),
  ];
  return { ...Object.fromEntries(Object.entries(counts).map(read)), totals };
}

function byCount(map) {
  return [...map].sort((left, right) => right[1] - left[1] || (left[0] < right[0] ? -1 : 1));
}

function showConfusions(panel) {
  const note =
    "Counted on the shown utterances, with as many errors as the error rates have. " +
    "Choose a pair or a word to see its utterances.";
  const render = () => {
    const aligned = readAlignments();
    const words = countShown("words", aligned);
    const letters = countShown("letters", aligned);
    panel.replaceChildren(makeNote(note));
    const first = new Lanes(panel);
    first.append(...makeLists("Words", words, aligned.words));
    first.finish();
    panel.append(makeWordTable(words, aligned.words));
    if (unit) return;
    const second = new Lanes(panel);
    addWordGroups(second, aligned.words);
    second.append(...makeLists("Letters", letters, aligned.letters));
    second.finish();
    addLetterMatrix(panel, letters, aligned.letters);
  };
  render();
  return { rows: render, resize: render };
}

function spell(text) {
  return text === " " ? "␣" : text;
}

// Opens the utterances with such a pair.
function openPairs(aligned, test, label) {
  showRows(
    [...state.rows].filter((row) => aligned[row].some(test)),
    label,
  );
}

function makePairsLink(text, aligned, test, label) {
  return makeButton(text, () => openPairs(aligned, test, label), { class: "link" });
}

function makeLists(title, counts, aligned) {
  const total = (verb) => counts.totals?.[verb] ?? sum([...counts[verb].values()]);
  const link = (text, test, label) => makePairsLink(text, aligned, test, label);
  const pairs = byCount(counts.substituted).map(([key, count]) => () => {
    const [reference, hypothesis] = key.split("\u0000");
    const test = (pair) =>
      pair.operation === "s" && pair.reference === reference && pair.hypothesis === hypothesis;
    const [from, to] = [spell(reference), spell(hypothesis)];
    return [link(`${from} → ${to}`, test, `${from} as ${to}`), String(count)];
  });
  const single = (verb, side) => {
    const rows = byCount(counts[verb]).map(([text, count]) => () => {
      const test = (pair) => OPERATION_NAMES[pair.operation] === verb && pair[side] === text;
      return [link(spell(text), test, `${spell(text)} ${verb}`), String(count)];
    });
    return makeListCard(`${title} ${verb}`, total(verb), side, rows);
  };
  return [
    makeListCard(`${title} substituted`, total("substituted"), "reference → hypothesis", pairs),
    single("deleted", "reference"),
    single("inserted", "hypothesis"),
  ];
}

function makeListCard(title, total, heading, rows) {
  const table = makeGrowingTable([heading, "times"], rows, { numeric: [1], limit: LISTED });
  const card = makePanel(mark(title), `${total} in all`, table);
  card.classList.add("list");
  card.grow = card.lastChild.grow ?? null;
  return card;
}

// Letters of the reference against letters of the hypothesis; hits are left out, color by the count.
function addLetterMatrix(panel, counts, aligned) {
  const pairs = [...counts.substituted].map(([key, count]) => [...key.split("\u0000"), count]);
  for (const [letter, count] of counts.deleted) pairs.push([letter, NOTHING, count]);
  for (const [letter, count] of counts.inserted) pairs.push([NOTHING, letter, count]);
  const note =
    `Rows: reference; columns: hypothesis; ${NOTHING} is nothing, ␣ a space. ` +
    "Correct letters are left out. Click a cell to see its utterances.";
  const card = makeWidePanel(mark("Letter confusions"), note);
  card.classList.add("matrix");
  panel.append(card);
  if (!pairs.length) return card.append(makeNote("None."));
  const width = chartWidth(card);
  const [letters, all] = chooseLetters(pairs, Math.floor((width - 26) / SMALLEST_CELL));
  if (letters.size < all)
    card.append(makeNote(`The ${letters.size} of ${all} letters that are confused most.`));
  const isShown = ([reference, hypothesis]) => letters.has(reference) && letters.has(hypothesis);
  card.append(drawMatrix(pairs.filter(isShown), width, aligned));
}

const SMALLEST_CELL = 9;

// The letters of the most frequent confusions, as many as there is room for, and how many there are.
function chooseLetters(pairs, most) {
  const chosen = new Set();
  for (const [reference, hypothesis] of pairs.toSorted((left, right) => right[2] - left[2])) {
    const both = new Set([...chosen, reference, hypothesis]);
    if (both.size <= most) both.forEach((letter) => chosen.add(letter));
  }
  return [chosen, new Set(pairs.flatMap(([reference, hypothesis]) => [reference, hypothesis])).size];
}

function drawMatrix(pairs, width, aligned) {
  const letters = [...new Set(pairs.flatMap(([reference, hypothesis]) => [reference, hypothesis]))].sort();
  const [edge, size] = [24, Math.min(24, (width - 26) / letters.length)];
  const side = letters.length * size + edge + 2;
  const svg = makeChart(side, side, "Letter confusions");
  svg.style.fontSize = `${Math.min(12, Math.max(8, size * 0.8))}px`;
  const ramp = makeRamp();
  const most = Math.max(...pairs.map(([, , count]) => count));
  letters.forEach((letter, index) => {
    const middle = edge + (index + 0.5) * size;
    svg.append(
      drawText(spell(letter), edge - 6, middle + 4, "end", "letter"),
      drawText(spell(letter), middle, edge - 8, "middle", "letter"),
    );
  });
  svg.append(drawRect(edge, edge - 2, letters.length * size, letters.length * size + 2, "frame"));
  for (const [reference, hypothesis, count] of pairs) {
    const text = `${spell(reference)} → ${spell(hypothesis)}`;
    const same = (letter, of) => (letter === NOTHING ? null : letter) === of;
    const test = (pair) =>
      pair.operation !== "=" && same(reference, pair.reference) && same(hypothesis, pair.hypothesis);
    const [x, y] = [hypothesis, reference].map((letter) => edge + letters.indexOf(letter) * size + 0.5);
    const look = makeClickable(`${text}, ${count} times`, () => openPairs(aligned, test, text));
    look.fill = toCss(ramp(0.12 + 0.88 * Math.sqrt(count / most)));
    svg.append(onHover(fill(drawRect(x, y, size - 1, size - 1, null), look, []), [text, `${count} times`]));
  }
  return svg;
}

const FREQUENCIES = [
  [1, 1],
  [2, 2],
  [3, 5],
  [6, 10],
  [11, 50],
  [51, Infinity],
];
let spokenCounts = null;

// How often all references hold each word.
function countSpoken() {
  if (spokenCounts) return spokenCounts;
  spokenCounts = new Map();
  for (const text of payload.references) for (const word of splitWords(text)) addOne(spokenCounts, word);
  return spokenCounts;
}

function nameFrequency(word) {
  const count = countSpoken().get(word);
  return FREQUENCIES.findIndex(([low, high]) => count >= low && count <= high);
}

function addWordGroups(board, aligned) {
  addWordCard(board, aligned, {
    title: "Wrong words by length",
    xLabel: "letters of the word",
    groupOf: (word) => Math.min(Array.from(word).length, 14),
    nameOf: (length) => (length === 14 ? "14+" : String(length)),
  });
  const nameBin = (bin) => {
    const [low, high] = FREQUENCIES[bin];
    return high === Infinity ? `${low}+` : low === high ? String(low) : `${low}–${high}`;
  };
  addWordCard(board, aligned, {
    title: "Wrong words by frequency",
    xLabel: "times in all references",
    groupOf: nameFrequency,
    nameOf: nameBin,
  });
}

function addWordCard(board, aligned, { title, xLabel, groupOf, nameOf }) {
  const figure = { key: "wrong", label: "Share of words wrong", percent: true };
  const bins = groupWords(aligned, groupOf).map(([group, ofRows]) => {
    const metric = {
      scale: "share",
      numerator: (row) => ofRows.get(row)[0],
      denominator: (row) => ofRows.get(row)[1],
    };
    const isWrong = ({ operation, reference }) =>
      (operation === "s" || operation === "d") && groupOf(reference) === group;
    const open = () => openPairs(aligned, isWrong, `${title}: ${nameOf(group)}`);
    return { name: nameOf(group), open, result: estimateRatio([...ofRows.keys()], metric) };
  });
  const card = makePanel(
    title,
    "Share of spoken words substituted or deleted; counts are utterances with one. Choose a bar to see them.",
  );
  board.append(card);
  card.append(drawBins(bins, figure, { width: chartWidth(card), height: 240, xLabel, categorical: true }));
}

// Per group of words, per row: [wrong, spoken].
function groupWords(aligned, groupOf) {
  const groups = new Map();
  for (const row of state.rows) {
    for (const { operation, reference } of aligned[row]) {
      if (reference === null) continue;
      const group = groupOf(reference);
      if (!groups.has(group)) groups.set(group, new Map());
      const ofRows = groups.get(group);
      const [wrong, spoken] = ofRows.get(row) ?? [0, 0];
      ofRows.set(row, [wrong + (operation === "=" ? 0 : 1), spoken + 1]);
    }
  }
  return [...groups].sort((left, right) => left[0] - right[0]);
}
