// Words in tables that can be sorted by their headings and searched: all words of the shown utterances, with
// what they were heard as; and how often each of two systems gets a word right.

const LISTED_WORDS = 30;
const HEARD_AS = 3;
const wordState = { sort: "wrong", descending: true, search: "" };
const pairState = { sort: "change", descending: false, search: "", least: 10 };

// `columns`: [key of a record, heading], the first a word; `state` says how the table is sorted and searched.
function makeWordCard(title, note, { columns, words, state, makeCells, id, tools = [] }) {
  const count = make("span", { class: "note", role: "status" });
  const body = make("div", {});
  const render = () => {
    const matches = makeMatcher(state.search);
    const found = sortWords(
      words.filter(({ word }) => matches(word)),
      state,
    );
    count.textContent = `${found.length} of ${words.length} words`;
    const rows = found.map((record) => () => makeCells(record));
    const headings = columns.map(([key, label]) => makeHeadingButton(key, label));
    const numeric = columns.flatMap(([key], place) => (TEXT_KEYS.has(key) ? [] : [place]));
    body.replaceChildren(makeGrowingTable(headings, rows, { numeric, limit: LISTED_WORDS }));
  };
  const makeHeadingButton = (key, label) => {
    const isSorted = state.sort === key;
    const sign = isSorted ? (state.descending ? " ↓" : " ↑") : "";
    const sort = () => {
      state.descending = isSorted ? !state.descending : !TEXT_KEYS.has(key);
      state.sort = key;
      render();
      body.querySelector(`[data-word-key=${key}]`).focus({ preventScroll: true });
    };
    return makeButton(label + sign, sort, {
      class: "sort",
      "data-word-key": key,
      "aria-pressed": `${isSorted}`,
    });
  };
  const search = make("input", {
    type: "search",
    id: `${id}-search`,
    value: state.search,
    placeholder: "Word or expression",
    oninput: () => {
      state.search = search.value;
      render();
    },
  });
  render();
  const bar = make("div", { class: "toolbar" }, labeled("Search", search), tools, count);
  const card = makeWidePanel(title, note, bar, body);
  card.classList.add("words-card");
  card.id = `${id}-card`;
  return card;
}

const TEXT_KEYS = new Set(["word", "heard"]);

function sortWords(words, { sort, descending }) {
  const sign = descending ? -1 : 1;
  return words.sort((left, right) => {
    const [a, b] = [left[sort] ?? -1, right[sort] ?? -1];
    if (a !== b) return (a < b ? -1 : 1) * sign;
    return right.spoken - left.spoken || (left.word < right.word ? -1 : 1);
  });
}

// One record per word of the references or hypotheses.
function listWords(counts) {
  const heard = new Map();
  for (const [key, count] of counts.substituted) {
    const [reference, hypothesis] = key.split("\u0000");
    addTo(heard, reference, [hypothesis, count]);
  }
  const words = new Set([...counts.seen.keys(), ...counts.inserted.keys()]);
  return [...words].map((word) => {
    const [spoken, wrong] = [counts.seen.get(word) ?? 0, counts.wrong.get(word) ?? 0];
    const others = (heard.get(word) ?? []).sort((left, right) => right[1] - left[1]);
    const first = others
      .slice(0, HEARD_AS)
      .map(([other, count]) => (count > 1 ? `${other} ${count}` : other));
    return {
      word,
      spoken,
      wrong,
      share: spoken ? wrong / spoken : null,
      deleted: counts.deleted.get(word) ?? 0,
      inserted: counts.inserted.get(word) ?? 0,
      heard: first.join(", ") + (others.length > HEARD_AS ? ", …" : ""),
    };
  });
}

function makeWordTable(counts, aligned) {
  const makeCells = ({ word, spoken, wrong, share, deleted, inserted, heard }) => {
    const hasIt = (pair) => pair.reference === word || pair.hypothesis === word;
    const isWrong = wrong || inserted;
    const test = isWrong ? (pair) => pair.operation !== "=" && hasIt(pair) : hasIt;
    const link = makePairsLink(word, aligned, test, isWrong ? `${word} wrong` : word);
    return [
      link,
      String(spoken),
      String(wrong),
      formatShare(share),
      String(deleted),
      String(inserted),
      heard,
    ];
  };
  const keys = ["word", "spoken", "wrong", "share", "deleted", "inserted"];
  const columns = [...keys.map((key) => [key, key]), ["heard", "heard as"]];
  const words = listWords(counts);
  const note = "Wrong: substituted or deleted. Choose a word to see its utterances.";
  return makeWordCard(mark("Words"), note, { columns, words, state: wordState, makeCells, id: "word" });
}

// Per reference word how often each of two systems gets it right, where both recognized the utterance.
function compareWords(...pair) {
  const words = new Map();
  for (const row of state.rows) {
    if (pair.some((system) => system.errors(row) === null)) continue;
    const said = pair.map((system) => alignWords(row, system).filter(({ reference }) => reference !== null));
    said[0].forEach(({ reference: word }, place) => {
      const found = words.get(word) ?? { word, spoken: 0, right: [0, 0], rows: [new Set(), new Set()] };
      const right = said.map((pairs) => Number(pairs[place].operation === "="));
      right.forEach((count, side) => (found.right[side] += count));
      found.spoken += 1;
      found.rows[right[0] === right[1] ? 0 : 1].add(row);
      words.set(word, found);
    });
  }
  return [...words.values()].map(({ right, ...found }) => {
    const [first, second] = right.map((count) => count / found.spoken);
    return { ...found, first, second, change: second - first };
  });
}

function makeWordComparison(first, second, render) {
  const makeCells = ({ word, spoken, rows, ...found }) => {
    const show = () => showRows(rows[1].size ? rows[1] : rows[0], rows[1].size ? `${word} differs` : word);
    const shares = [formatShare(found.first), formatShare(found.second), formatPoints(found.change)];
    return [makeButton(word, show, { class: "link" }), String(spoken), ...shares];
  };
  const names = { first: first.name, second: second.name, change: "change" };
  const columns = [["word", "word"], ["spoken", "spoken"], ...Object.entries(names)];
  const words = compareWords(first, second).filter(({ spoken }) => spoken >= pairState.least);
  const counts = [1, 2, 5, 10, 20, 50].map((count) => [count, count]);
  const least = makeSelect("Spoken at least", counts, pairState.least, (count) => {
    pairState.least = count;
    render();
  });
  const note =
    "How often each gets a word right, and the change in points. Choose a word to see where they differ.";
  const look = { columns, words, state: pairState, makeCells, id: "pair-word", tools: least };
  return makeWordCard(`Words: ${second.name} against ${first.name}`, note, look);
}
