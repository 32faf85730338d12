// The utterance table: only the visible rows exist as elements; sorting by any column; keyboard.

const ROW_HEIGHT = 30;
const WIDTHS = { utterance_id: 150, reference: 420, hypothesis: 420, error: 300 };
const tableState = { sort: { key: "word_error_rate", descending: true }, keys: chooseColumns(), cursor: 0 };

function chooseColumns() {
  const wanted = [
    columns.get("utterance_id"), columns.get("word_error_rate"), columns.get("character_error_rate"), columns.get("ctc_loss"), columns.get("confidence"),
    durationColumn, findColumn("text_word_count", "word_count"), speakerColumn, genderColumn, columns.get("error"), columns.get("reference"), columns.get("hypothesis"),
  ];
  return [...new Set(wanted.filter((column) => column).map((column) => column.key))];
}

// Rows in the table's order; missing values last, equal ones in the order of the results.
function sortRows(rows) {
  const column = columns.get(tableState.sort.key);
  if (!column) return [...rows];
  const sign = tableState.sort.descending ? -1 : 1;
  const { values, kind } = column;
  const isMissing = (row) => values[row] === null || values[row] === "" || (kind === "category" && values[row] < 0);
  return [...rows].sort((left, right) => {
    if (isMissing(left) || isMissing(right)) return isMissing(left) - isMissing(right) || left - right;
    if (values[left] === values[right]) return left - right;
    return (values[left] < values[right] ? -1 : 1) * sign;
  });
}

function showTable(panel) {
  const view = { rows: sortRows(state.rows) };
  view.head = make("div", { role: "row", class: "thead" });
  view.body = make("div", { class: "tbody", role: "rowgroup" });
  view.grid = make("div", { class: "grid-table", role: "grid", tabindex: 0, id: "table", "aria-label": "Utterances" }, view.head, view.body);
  view.grid.addEventListener("scroll", () => paintRows(view));
  view.grid.addEventListener("keydown", (event) => moveCursor(event, view));
  panel.append(make("div", { class: "toolbar" }, makeColumnChooser(view), make("span", { class: "note" }, "Click a heading to sort. Keys: arrows, page and home move, Enter opens, s sorts by the next column.")), view.grid);
  refreshTable(view);
  return { rows: () => { view.rows = sortRows(state.rows); tableState.cursor = 0; view.grid.scrollTop = 0; refreshTable(view); }, open: () => paintRows(view), resize: () => paintRows(view) };
}

function refreshTable(view) {
  const template = tableState.keys.map((key) => `${WIDTHS[key] ?? (columns.get(key).kind === "number" ? 104 : 100)}px`).join(" ");
  view.grid.style.setProperty("--template", template);
  view.grid.setAttribute("aria-rowcount", view.rows.length + 1);
  view.head.replaceChildren(...tableState.keys.map((key) => makeHeading(key, view)));
  view.body.style.height = `${view.rows.length * ROW_HEIGHT}px`;
  paintRows(view);
}

function makeHeading(key, view) {
  const { sort } = tableState;
  const column = columns.get(key);
  const order = sort.key === key ? (sort.descending ? "descending" : "ascending") : "none";
  const mark = order === "none" ? "" : sort.descending ? " ↓" : " ↑";
  const button = make("button", { title: describe(column), "data-key": key, onclick: () => sortBy(key, view) }, describe(column) + mark);
  const filter = make("button", { class: "quiet", title: "Filter by this column", "aria-label": `Filter by ${describe(column)}`, onclick: () => { openFilters(); addCard(column).querySelector("input")?.focus(); } }, "▾");
  return make("div", { role: "columnheader", "aria-sort": order, class: column.kind === "number" ? "number" : null }, button, filter);
}

function sortBy(key, view) {
  const { sort } = tableState;
  const descending = sort.key === key ? !sort.descending : columns.get(key).kind === "number";
  tableState.sort = { key, descending };
  view.rows = sortRows(state.rows);
  tableState.cursor = 0;
  refreshTable(view);
  view.head.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

function paintRows(view) {
  const first = Math.max(0, Math.floor(view.grid.scrollTop / ROW_HEIGHT) - 8);
  const last = Math.min(view.rows.length, first + Math.ceil(view.grid.clientHeight / ROW_HEIGHT) + 16);
  const lines = [];
  for (let place = first; place < last; place += 1) lines.push(makeRow(place, view));
  view.body.replaceChildren(...lines);
}

function makeRow(place, view) {
  const row = view.rows[place];
  const cells = tableState.keys.map((key) => {
    const column = columns.get(key);
    const text = formatCell(column, row);
    return make("div", { role: "gridcell", class: column.kind === "number" ? "number" : null, title: text.length > 16 ? text : null }, text);
  });
  const isOpen = row === state.open;
  return make("div", {
    role: "row", class: `trow${place === tableState.cursor ? " cursor" : ""}${isOpen ? " open" : ""}${payload.errors[row] ? " failed" : ""}`, "aria-rowindex": place + 2, "aria-selected": String(isOpen), "data-row": row,
    style: `top:${place * ROW_HEIGHT}px`, onclick: () => { tableState.cursor = place; openUtterance(row); },
  }, cells);
}

function moveCursor(event, view) {
  if (event.target !== view.grid) return;
  const page = Math.max(1, Math.floor(view.grid.clientHeight / ROW_HEIGHT) - 2);
  const last = view.rows.length - 1;
  const { cursor } = tableState;
  const target = { ArrowDown: cursor + 1, ArrowUp: cursor - 1, PageDown: cursor + page, PageUp: cursor - page, Home: 0, End: last }[event.key];
  if (event.key === "Enter" && view.rows.length) openUtterance(view.rows[cursor]);
  if (event.key === "s") {
    const next = (tableState.keys.indexOf(tableState.sort.key) + 1) % tableState.keys.length;
    sortBy(tableState.keys[next], view);
    view.grid.focus({ preventScroll: true });
  }
  if (target === undefined || last < 0) return;
  event.preventDefault();
  tableState.cursor = Math.max(0, Math.min(last, target));
  showCursor(view);
  if (state.open !== null) openUtterance(view.rows[tableState.cursor]);
}

function showCursor(view) {
  const top = tableState.cursor * ROW_HEIGHT;
  const visible = view.grid.clientHeight - view.head.offsetHeight - ROW_HEIGHT;
  if (top < view.grid.scrollTop) view.grid.scrollTop = top;
  if (top > view.grid.scrollTop + visible) view.grid.scrollTop = top - visible;
  paintRows(view);
}

function makeColumnChooser(view) {
  const list = make("div", { class: "chooser" });
  for (const { label, options } of columnOptions(() => true)) {
    list.append(make("strong", {}, label), ...options.map((option) => {
      const box = make("input", { type: "checkbox", checked: tableState.keys.includes(option.value) });
      box.addEventListener("change", () => {
        tableState.keys = box.checked ? [...tableState.keys, option.value] : tableState.keys.filter((key) => key !== option.value);
        refreshTable(view);
      });
      return make("label", { class: "check" }, box, option.label);
    }));
  }
  return make("details", { class: "columns" }, make("summary", {}, "Columns"), list);
}
