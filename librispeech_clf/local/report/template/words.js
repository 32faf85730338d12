// All words of the shown utterances: spoken, wrong, and as what they were heard; sortable, searchable.

const WORD_COLUMNS = [
  { key: "word", label: "word" },
  { key: "spoken", label: "spoken" },
  { key: "wrong", label: "wrong" },
  { key: "share", label: "share" },
  { key: "deleted", label: "deleted" },
  { key: "inserted", label: "inserted" },
  { key: "heard", label: "heard as" },
];
const wordState = { sort: "wrong", descending: true, search: "" };
const LISTED_WORDS = 30;
const HEARD_AS = 3;

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
    return {
      word,
      spoken,
      wrong,
      share: spoken ? wrong / spoken : null,
      deleted: counts.deleted.get(word) ?? 0,
      inserted: counts.inserted.get(word) ?? 0,
      heard:
        others
          .slice(0, HEARD_AS)
          .map(([other, count]) => (count > 1 ? `${other} ${count}` : other))
          .join(", ") + (others.length > HEARD_AS ? ", …" : ""),
    };
  });
}

function makeWordTable(counts, aligned) {
  const words = listWords(counts);
  const search = make("input", {
    type: "search",
    id: "word-search",
    value: wordState.search,
    placeholder: "Word or expression",
    "aria-label": "Search words by a regular expression",
  });
  const count = make("span", { class: "note", role: "status" });
  const body = make("div", {});
  const render = () => {
    const matches = makeMatcher(wordState.search);
    const found = sortWords(words.filter(({ word }) => matches(word)));
    count.textContent = `${found.length} of ${words.length} words`;
    const rows = found.map((record) => () => makeWordCells(record, aligned));
    const headings = WORD_COLUMNS.map((column) => makeWordHeading(column, render));
    body.replaceChildren(makeGrowingTable(headings, rows, { numeric: [1, 2, 3, 4, 5], limit: LISTED_WORDS }));
  };
  search.addEventListener("input", () => {
    wordState.search = search.value;
    render();
  });
  render();
  const note = "Wrong: substituted or deleted. Choose a word to see its utterances.";
  const card = makeWidePanel(
    mark("Words"),
    note,
    make("div", { class: "toolbar" }, labeled("Search", search), count),
    body,
  );
  card.classList.add("words-card");
  return card;
}

function sortWords(words) {
  const { sort, descending } = wordState;
  const sign = descending ? -1 : 1;
  return words.sort((left, right) => {
    const [a, b] = [left[sort] ?? -1, right[sort] ?? -1];
    if (a !== b) return (a < b ? -1 : 1) * sign;
    return right.spoken - left.spoken || (left.word < right.word ? -1 : 1);
  });
}

function makeWordHeading({ key, label }, render) {
  const isSorted = wordState.sort === key;
  const mark = isSorted ? (wordState.descending ? " ↓" : " ↑") : "";
  const sort = () => {
    wordState.descending = isSorted ? !wordState.descending : !["word", "heard"].includes(key);
    wordState.sort = key;
    render();
    document.querySelector(`.words-card [data-word-key=${key}]`).focus({ preventScroll: true });
  };
  return make(
    "button",
    { class: "sort", "data-word-key": key, "aria-pressed": String(isSorted), onclick: sort },
    label + mark,
  );
}

function makeWordCells(record, aligned) {
  const { word, spoken, wrong, share, deleted, inserted, heard } = record;
  const hasIt = (pair) => pair.reference === word || pair.hypothesis === word;
  const test = wrong || inserted ? (pair) => pair.operation !== "=" && hasIt(pair) : hasIt;
  const label = wrong || inserted ? `${word} wrong` : word;
  const link = make("button", { class: "link", onclick: () => openPairs(aligned, test, label) }, word);
  return [link, String(spoken), String(wrong), formatShare(share), String(deleted), String(inserted), heard];
}
