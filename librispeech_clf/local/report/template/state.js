// What is filtered, selected and open, and who is told when it changes.

const state = {
  filters: new Map(), // column key -> {low, high} | {levels: Set} | {text}
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
  const low = filter.low ?? -Infinity;
  const high = filter.high ?? Infinity;
  return (row) => values[row] !== null && values[row] >= low && values[row] <= high;
}

function makeSearch(text) {
  const matches = makeMatcher(text);
  const texts = [payload.ids, payload.references, payload.hypotheses];
  return (row) => texts.some((values) => matches(values[row]));
}

// A test of texts by a regular expression, case ignored; what is none is taken as plain text.
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
  for (const [key, { low, high, levels, text }] of state.filters) {
    const told = levels ? [...levels].join(", ") : (text ?? `${low ?? ""} to ${high ?? ""}`);
    texts.push(`${describe(columns.get(key))}: ${told}`);
  }
  return texts;
}

function applyFilters() {
  const tests = [...state.filters].map(([key, filter]) => makeTest(key, filter));
  if (state.search.trim()) tests.push(makeSearch(state.search));
  if (state.errorsOnly) tests.push((row) => wordErrors(row) !== 0);
  if (state.only) tests.push((row) => state.only.rows.has(row));
  state.rows = tests.length ? allRows.filter((row) => tests.every((test) => test(row))) : allRows;
  tell("rows");
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
