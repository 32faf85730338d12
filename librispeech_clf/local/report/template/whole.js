// The figures of all utterances, where the page holds a sample: shown, and marked, while nothing is filtered.

const { scope } = payload;
const whole = scope?.whole ?? null;

function isWhole() {
  return whole !== null && state.rows === allRows;
}

function readResult([estimate, low, high, units, count, bySpeaker, p]) {
  return { estimate, low, high, unit: bySpeaker ? "speakers" : "utterances", units, count, p };
}

function estimateShown(figure) {
  const known = isWhole() && (whole.figures[figure.key] ?? whole.systems?.pairs[figure.key]);
  return known ? readResult(known) : estimateRatio(state.rows, figure);
}

// A figure by category or bin of a column: {labels, edges, results}; null where it is of the shown rows.
function readSplit(key, figure) {
  const split = isWhole() ? whole.splits[key] : null;
  const results = split?.figures[figure.key]?.map(readResult);
  return results ? { ...split, results } : null;
}

function sumShown(key) {
  if (isWhole()) return whole.sums[key];
  return sum(Float64Array.from(state.rows, (row) => columns.get(key)?.values[row] ?? 0));
}

function mark(title, isMarked = isWhole()) {
  return isMarked ? overAll(title, "With filters, only of the sample") : title;
}

function makePageLink(key) {
  const [name, count, total] = whole?.pages[key] ?? [];
  const size = count < total ? `${count} with the most errors of ${total}` : `all ${total}`;
  return name ? make("a", { href: `pages/${key}.html` }, `${capitalize(name)}: ${size}`) : null;
}

function showScope() {
  const element = document.getElementById("scope");
  element.hidden = false;
  element.replaceChildren(state.rows === allRows ? scope.told : scope.filtered);
  if (!whole) element.append(" ", make("a", { href: "../index.html" }, "All utterances"));
}

function addPages(board) {
  if (!whole) return;
  const links = Object.keys(whole.pages).map((key) => make("p", {}, makePageLink(key)));
  board.prepend(makeWidePanel("Beyond the sample", scope.note, links));
}
