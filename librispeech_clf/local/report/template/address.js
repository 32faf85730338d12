// The page's state in its address: Back works, and a link shows what its sender saw.

const DASHBOARD_KEYS = ["figure", "column", "bins", "edges"];
const TYPING_MS = 2000;
const TYPED = /^(search|selected|filter\.)/;
const address = { written: "", at: 0, isTyping: false, isApplying: false };

function describeState() {
  const parts = new URLSearchParams();
  const put = (key, value, usual) => {
    if (value !== null && value !== undefined && value !== "" && value !== usual) parts.append(key, value);
  };
  put("tab", shownTab, TABS[0].key);
  put("utterance", state.open === null ? null : payload.ids[state.open]);
  put("search", state.search.trim());
  put("errors", state.errorsOnly ? "1" : null);
  for (const [key, filter] of state.filters) {
    for (const value of describeFilter(filter)) put(`filter.${key}`, value);
  }
  if (state.only) {
    put("only", describeRows(state.only.rows));
    put("label", state.only.label);
  }
  put("selected", state.selected.size ? describeRows(state.selected) : null);
  put("sort", `${tableState.sort.descending ? "-" : ""}${tableState.sort.key}`, `-${USUAL_SORT}`);
  put("color", mapState.color, "word_error_rate");
  put("system", systems[besideState.second]?.name, systems[1]?.name);
  put("against", systems[besideState.first].name, systems[0].name);
  for (const key of DASHBOARD_KEYS) put(`dashboard.${key}`, dashboardState[key], USUAL_DASHBOARD[key]);
  if (String(tableState.keys) !== String(chooseColumns()))
    for (const key of tableState.keys.length ? tableState.keys : ["-"]) put("column", key);
  put("theme", chosenTheme);
  return parts.toString();
}

function describeFilter({ low, high, bins, levels, text }) {
  if (levels) return levels;
  if (text !== undefined) return [text];
  return (bins ?? [{ low, high }]).map((bin) => `${bin.low ?? ""}..${bin.open ? "<" : ""}${bin.high ?? ""}`);
}

// Row numbers as ranges: "0-4,7".
function describeRows(rows) {
  const sorted = [...rows].sort((left, right) => left - right);
  const ranges = [];
  for (const row of sorted) {
    const last = ranges[ranges.length - 1];
    if (last && last[1] === row - 1) last[1] = row;
    else ranges.push([row, row]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(",");
}

function readRows(text) {
  const rows = [];
  for (const range of text ? text.split(",") : []) {
    const [first, last = first] = range.split("-").map(Number);
    const end = Math.min(last, payload.count - 1);
    for (let row = Math.max(first, 0); row <= end; row += 1) rows.push(row);
  }
  return rows;
}

// What is typed within two seconds is one step back.
function writeAddress() {
  if (address.isApplying) return;
  const text = describeState();
  if (text === address.written) return;
  const isTyping = differsByTyping(text, address.written);
  const goesOn = isTyping && address.isTyping && Date.now() - address.at < TYPING_MS;
  address.written = text;
  address.isTyping = isTyping;
  address.at = Date.now();
  if (goesOn) location.replace(`#${text}`);
  else location.hash = text;
}

function differsByTyping(text, other) {
  const rest = (of) => [...new URLSearchParams(of)].filter(([key]) => !TYPED.test(key)).join("\n");
  return rest(text) === rest(other);
}

function applyAddress() {
  const text = location.hash.slice(1);
  if (text === address.written) return;
  address.written = text;
  address.isApplying = true;
  const parts = new URLSearchParams(text);
  readFilters(parts);
  readAppearance(parts);
  applyFilters();
  state.selected = new Set(readRows(parts.get("selected") ?? ""));
  const row = payload.ids.indexOf(parts.get("utterance"));
  state.open = row < 0 ? null : row;
  tell("open"); // first, so that the section is drawn at the width that the panel leaves
  showTab(parts.get("tab") ?? TABS[0].key);
  address.isApplying = false;
}

function readFilters(parts) {
  state.search = parts.get("search") ?? "";
  state.errorsOnly = parts.has("errors");
  const only = parts.get("only");
  state.only = only === null ? null : { rows: new Set(readRows(only)), label: parts.get("label") ?? "Kept" };
  state.filters.clear();
  for (const name of new Set(parts.keys())) {
    const column = name.startsWith("filter.") && columns.get(name.slice("filter.".length));
    if (!column) continue;
    state.filters.set(column.key, readFilter(column, parts.getAll(name)));
    addCard(column);
  }
  for (const key of shownCards) rebuildCard(columns.get(key));
}

function readFilter(column, values) {
  if (column.kind === "category") return { levels: new Set(values) };
  if (column.kind === "text") return { text: values[0] };
  const bins = values.map((value) => {
    const [low, high = null] = value
      .replace("<", "")
      .split("..")
      .map((end) => (end && Number.isFinite(Number(end)) ? Number(end) : null));
    return { low, high, open: value.includes("<") };
  });
  return bins.length > 1 || bins[0].open ? { bins } : { low: bins[0].low, high: bins[0].high };
}

function readAppearance(parts) {
  const [, sign, key] = (parts.get("sort") ?? `-${USUAL_SORT}`).match(/^(-?)(.*)$/);
  if (columns.has(key)) tableState.sort = { key, descending: sign === "-" };
  const color = parts.get("color") ?? "word_error_rate";
  mapState.color = columns.has(color) ? color : null;
  const places = ["against", "system"].map((key) => systems.findIndex(({ name }) => name === parts.get(key)));
  [besideState.first, besideState.second] = places.map((place, usual) => (place < 0 ? usual : place));
  for (const key of DASHBOARD_KEYS) {
    const value = parts.get(`dashboard.${key}`);
    const known = { figure: findFigure(value)?.key === value, column: columns.has(value) };
    const isKnown = value !== null && (known[key] ?? true);
    const chosen = key === "bins" ? Number(value) || USUAL_DASHBOARD.bins : value;
    dashboardState[key] = isKnown ? chosen : USUAL_DASHBOARD[key];
  }
  const keys = parts.getAll("column");
  tableState.keys = keys.length ? keys.filter((name) => columns.has(name)) : chooseColumns();
  const theme = parts.get("theme");
  applyTheme(theme === "dark" || theme === "light" ? theme : null);
}

function listenToAddress() {
  for (const event of ["rows", "selected", "open", "address"]) listen(event, writeAddress);
  addEventListener("hashchange", applyAddress);
}
