// Words and letters most often substituted, deleted and inserted, counted on the shown utterances.

const LONGEST_LIST = 40;
let alignedRows = null;

// Alignments of all rows, read once.
function readAlignments() {
  alignedRows ??= { words: Array.from(allRows, alignWords), letters: Array.from(allRows, alignLetters) };
  return alignedRows;
}

function countConfusions(rows, aligned) {
  const counts = {
    substituted: new Map(),
    deleted: new Map(),
    inserted: new Map(),
    seen: new Map(),
    wrong: new Map(),
  };
  const add = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);
  for (const row of rows) {
    for (const { operation, reference, hypothesis } of aligned[row]) {
      if (reference !== null) add(counts.seen, reference);
      if (operation === "s") add(counts.substituted, `${reference}\u0000${hypothesis}`);
      if (operation === "d") add(counts.deleted, reference);
      if (operation === "i") add(counts.inserted, hypothesis);
      if (operation === "s" || operation === "d") add(counts.wrong, reference);
    }
  }
  return counts;
}

function byCount(map) {
  return [...map].sort((left, right) => right[1] - left[1] || (left[0] < right[0] ? -1 : 1));
}

function showConfusions(panel) {
  const board = make("div", { class: "board" });
  panel.append(
    make(
      "p",
      { class: "note" },
      "Counted on the shown utterances, by the alignment which also gives the error rates. " +
        "Click a word to show the utterances where it was wrong.",
    ),
    board,
  );
  const render = () => {
    const aligned = readAlignments();
    const words = countConfusions(state.rows, aligned.words);
    const letters = countConfusions(state.rows, aligned.letters);
    board.replaceChildren(
      ...makeLists("Words", words, aligned.words),
      ...makeAccuracy(words),
      makeLetterMatrix(letters),
      ...makeLists("Letters", letters, aligned.letters),
    );
    addWordGroups(board, aligned.words);
  };
  render();
  return { rows: render, resize: render };
}

function makeLists(title, counts, aligned) {
  const spell = (text) => (text === " " ? "␣" : text);
  const find = (test, label) => () =>
    keepOnly(
      [...state.rows].filter((row) => aligned[row].some(test)),
      label,
    );
  const substituted = byCount(counts.substituted)
    .slice(0, LONGEST_LIST)
    .map(([key, count]) => {
      const [reference, hypothesis] = key.split("\u0000");
      const open = find(
        (pair) => pair.operation === "s" && pair.reference === reference && pair.hypothesis === hypothesis,
        `${spell(reference)} as ${spell(hypothesis)}`,
      );
      return [
        make("button", { class: "link", onclick: open }, `${spell(reference)} → ${spell(hypothesis)}`),
        String(count),
      ];
    });
  const single = (map, operation, side, verb) =>
    byCount(map)
      .slice(0, LONGEST_LIST)
      .map(([text, count]) => {
        const open = find(
          (pair) => pair.operation === operation && pair[side] === text,
          `${spell(text)} ${verb}`,
        );
        return [make("button", { class: "link", onclick: open }, spell(text)), String(count)];
      });
  const total = (map) => sum([...map.values()]);
  return [
    makeListCard(
      `${title} substituted`,
      total(counts.substituted),
      ["reference → hypothesis", "times"],
      substituted,
    ),
    makeListCard(
      `${title} deleted`,
      total(counts.deleted),
      ["reference", "times"],
      single(counts.deleted, "d", "reference", "deleted"),
    ),
    makeListCard(
      `${title} inserted`,
      total(counts.inserted),
      ["hypothesis", "times"],
      single(counts.inserted, "i", "hypothesis", "inserted"),
    ),
  ];
}

function makeListCard(title, total, headings, rows) {
  const card = makePanel(
    title,
    `${total} in all`,
    rows.length ? makeTable(headings, rows, { numeric: [1] }) : make("p", { class: "note" }, "None."),
  );
  card.classList.add("list");
  return card;
}

function makeAccuracy(counts) {
  const rows = byCount(counts.wrong)
    .slice(0, LONGEST_LIST)
    .map(([word, wrong]) => [
      word,
      String(wrong),
      String(counts.seen.get(word)),
      formatShare(wrong / counts.seen.get(word)),
    ]);
  const card = makePanel(
    "Words most often wrong",
    "Substituted or deleted.",
    makeTable(["word", "wrong", "spoken", "share"], rows, { numeric: [1, 2, 3] }),
  );
  card.classList.add("list");
  return [card];
}

// Letters of the reference against letters of the hypothesis; hits are left out, colour by the share of
// the row.
function makeLetterMatrix(counts) {
  const pairs = [...counts.substituted].map(([key, count]) => [...key.split("\u0000"), count]);
  for (const [letter, count] of counts.deleted) pairs.push([letter, "∅", count]);
  for (const [letter, count] of counts.inserted) pairs.push(["∅", letter, count]);
  const letters = [...new Set(pairs.flatMap(([reference, hypothesis]) => [reference, hypothesis]))].sort();
  const card = fill(
    makePanel(
      "Letter confusions",
      "Rows: reference; columns: hypothesis; ∅ is nothing, ␣ a space. Correct letters are left out.",
    ),
    { class: "card wide" },
    [],
  );
  if (!letters.length) return fill(card, {}, [make("p", { class: "note" }, "None.")]);
  const size = 20;
  const side = letters.length * size + 30;
  const svg = makeChart(side, side, "Letter confusions");
  const ramp = makeRamp();
  const most = Math.max(...pairs.map(([, , count]) => count));
  const spell = (letter) => (letter === " " ? "␣" : letter);
  letters.forEach((letter, index) => {
    svg.append(
      draw("text", { x: 18, y: 24 + index * size + 15, "text-anchor": "end", class: "tick" }, spell(letter)),
      draw(
        "text",
        { x: 24 + (index + 0.5) * size, y: 15, "text-anchor": "middle", class: "tick" },
        spell(letter),
      ),
    );
  });
  svg.append(
    draw("rect", {
      x: 24,
      y: 22,
      width: letters.length * size,
      height: letters.length * size,
      class: "frame",
    }),
  );
  for (const [reference, hypothesis, count] of pairs) {
    const cell = draw("rect", {
      x: 24 + letters.indexOf(hypothesis) * size + 0.5,
      y: 22 + letters.indexOf(reference) * size + 0.5,
      width: size - 1,
      height: size - 1,
      fill: toCss(ramp(0.12 + 0.88 * Math.sqrt(count / most))),
    });
    svg.append(onHover(cell, [`${spell(reference)} → ${spell(hypothesis)}`, `${count} times`]));
  }
  return fill(card, {}, [svg]);
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
  for (const text of payload.references)
    for (const word of splitWords(text)) spokenCounts.set(word, (spokenCounts.get(word) ?? 0) + 1);
  return spokenCounts;
}

function nameFrequency(word) {
  const count = countSpoken().get(word);
  return FREQUENCIES.findIndex(([low, high]) => count >= low && count <= high);
}

function addWordGroups(board, aligned) {
  const lengths = (word) => Math.min(Array.from(word).length, 14);
  const nameLength = (length) => (length === 14 ? "14+" : String(length));
  addWordCard(board, aligned, {
    title: "Words wrong by their length",
    xLabel: "letters of the word",
    groupOf: lengths,
    nameOf: nameLength,
  });
  const nameBin = (bin) => {
    const [low, high] = FREQUENCIES[bin];
    return high === Infinity ? `${low}+` : low === high ? String(low) : `${low}–${high}`;
  };
  addWordCard(board, aligned, {
    title: "Words wrong by their frequency",
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
    return { name: nameOf(group), result: estimateRatio([...ofRows.keys()], metric, speakerOf) };
  });
  const card = makePanel(
    title,
    "Substituted or deleted, of the words spoken; counts are utterances with such a word.",
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
