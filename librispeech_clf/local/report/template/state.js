// What is filtered, selected and open, and who is told when it changes.

const state = {
  filters: new Map(), // column key -> {low, high} | {bins: [{low, high, open}]} | {levels: Set} | {text}
  search: "",
  errorsOnly: false,
  only: null, // {rows: Set, label}: kept from the map or a cluster
  rows: allRows,
  selected: new Set(),
  open: null,
};

const listeners = { rows: [], selected: [], open: [], address: [] };

function listen(event, listener) {
  listeners[event].push(listener);
}

function tell(event) {
  for (const listener of listeners[event]) listener();
}

function makeTest(key, filter) {
  const column = columns.get(key);
  const { values } = column;
  if (filter.levels) {
    const codes = new Set(column.levels.map((level, code) => (filter.levels.has(level) ? code : -2)));
    return (row) => codes.has(values[row]);
  }
  if (filter.text !== undefined) {
    const matches = makeMatcher(filter.text);
    return (row) => matches(values[row]);
  }
  const bins = (filter.bins ?? [filter]).map(({ low, high, open }) => [
    low ?? -Infinity,
    high ?? Infinity,
    open,
  ]);
  return (row) =>
    values[row] !== null &&
    bins.some(([low, high, open]) => values[row] >= low && (open ? values[row] < high : values[row] <= high));
}

function makeSearch(text) {
  const matches = makeMatcher(text);
  const texts = [payload.ids, payload.references, payload.hypotheses];
  return (row) => texts.some((values) => matches(values[row]));
}

// A test of texts by a regular expression, case ignored; an invalid one is taken as plain text.
function makeMatcher(text) {
  const expression = readExpression(text.trim());
  const wanted = text.trim().toLowerCase();
  return expression ? (value) => expression.test(value) : (value) => value.toLowerCase().includes(wanted);
}

function readExpression(text) {
  try {
    return new RegExp(text, "iu");
  } catch {
    return null;
  }
}

// The filters in words, one text each.
function describeFilters() {
  const texts = [];
  if (state.search.trim()) texts.push(`search: ${state.search.trim()}`);
  if (state.errorsOnly) texts.push("only utterances with errors");
  if (state.only) texts.push(`${state.only.label} (${state.only.rows.size})`);
  for (const [key, { low, high, bins, levels, text }] of state.filters) {
    const ranges = (bins ?? [{ low, high }]).map(describeBin);
    const told = levels ? [...levels] : text === undefined ? ranges : [text];
    texts.push(`${describe(columns.get(key))}: ${told.join(", ")}`);
  }
  return texts;
}

function describeBin({ low, high, open }) {
  const [from, to] = [low, high].map((end) => (end === null || end === undefined ? "" : formatNumber(end)));
  if (!from || !to) return from ? `from ${from}` : `up to ${to}`;
  return low === high ? from : `${from} to ${open ? "under " : ""}${to}`;
}

// The rows that pass all filters; all but those of one column, where its own chart shows what can be chosen.
function findRows(besides = null) {
  const tests = [...state.filters]
    .filter(([key]) => key !== besides)
    .map(([key, filter]) => makeTest(key, filter));
  if (state.search.trim()) tests.push(makeSearch(state.search));
  if (state.errorsOnly) tests.push((row) => wordErrors(row) !== 0);
  if (state.only) tests.push((row) => state.only.rows.has(row));
  return tests.length ? allRows.filter((row) => tests.every((test) => test(row))) : allRows;
}

function findRowsBeside(column) {
  return state.filters.has(column.key) ? findRows(column.key) : state.rows;
}

function applyFilters() {
  state.rows = findRows();
  tell("rows");
}

// Whether a column's filter holds a level, or a bin.
function holdsChoice(key, choice) {
  const filter = state.filters.get(key);
  return filter?.levels?.has(choice) ?? readBins(filter).some((bin) => isSameBin(bin, choice));
}

function readBins(filter) {
  if (!filter || filter.levels || filter.text !== undefined) return [];
  return filter.bins ?? [{ low: filter.low ?? null, high: filter.high ?? null }];
}

function isSameBin(one, other) {
  return one.low === other.low && one.high === other.high && Boolean(one.open) === Boolean(other.open);
}

// Adds a level or a bin to a column's filter, or takes it out again.
function toggleChoice(column, choice) {
  const filter = state.filters.get(column.key);
  const isOut = holdsChoice(column.key, choice);
  const chosen = {};
  if (column.kind === "category") {
    const levels = [...(filter?.levels ?? [])];
    chosen.levels = new Set(isOut ? levels.filter((level) => level !== choice) : [...levels, choice]);
  } else {
    const bins = readBins(filter);
    chosen.bins = isOut ? bins.filter((bin) => !isSameBin(bin, choice)) : [...bins, choice];
  }
  if (chosen.levels?.size || chosen.bins?.length) state.filters.set(column.key, chosen);
  else state.filters.delete(column.key);
  addCard(column);
  rebuildCard(column);
  applyFilters();
}

let waiting = null;

// Recomputes once typing or dragging pauses.
function applyFiltersSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(applyFilters, 80);
}

function setFilter(key, filter) {
  if (filter) state.filters.set(key, filter);
  else state.filters.delete(key);
  applyFiltersSoon();
}

function keepOnly(rows, label) {
  state.only = rows ? { rows: new Set(rows), label } : null;
  applyFilters();
}

function clearFilters() {
  state.filters.clear();
  state.search = "";
  state.errorsOnly = false;
  state.only = null;
  applyFilters();
}

function select(rows) {
  state.selected = new Set(rows);
  tell("selected");
}

// Opens an utterance and puts the focus into its panel; null closes it.
function openUtterance(row, { focus = true } = {}) {
  state.open = row;
  tell("open");
  if (row !== null && focus) focusUtterance();
}
