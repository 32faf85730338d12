// The utterance table: text first, then as many columns as fit, the others in the text's head line. Only
// chunks of rows near the window exist as elements; sorting by any column; keyboard.

const CHUNK_ROWS = 20;
const ROW_ESTIMATE = 58;
const COLUMN_WIDTH = 92;
const PLAY_WIDTH = 38;
const NARROWEST_TEXT = 380;
const SHORT_LABELS = { word_error_rate: "WER", character_error_rate: "CER", ctc_loss: "loss" };
const USUAL_SORT = payload.columns[0]?.key ?? "utterance_id"; // the word error rate where there is one
const tableState = { sort: { key: USUAL_SORT, descending: true }, keys: chooseColumns(), cursor: 0 };

function chooseColumns() {
  const wanted = [
    columns.get("word_error_rate"),
    ...systems.slice(1, 5).map(({ key }) => columns.get(key)),
    columns.get("character_error_rate"),
    columns.get("ctc_loss"),
    columns.get("confidence"),
    durationColumn,
    speakerColumn,
    genderColumn,
  ];
  return [...new Set(wanted.filter((column) => column).map((column) => column.key))];
}

function labelOf(key) {
  const system = systems.slice(1).find((other) => other.key === key);
  return system?.name ?? SHORT_LABELS[key] ?? describe(columns.get(key));
}

// Rows in the table's order; missing values last, equal ones in the order of the results.
function sortRows(rows) {
  const column = columns.get(tableState.sort.key);
  if (!column) return [...rows];
  const sign = tableState.sort.descending ? -1 : 1;
  const { values, kind } = column;
  const isMissing = (row) =>
    values[row] === null || values[row] === "" || (kind === "category" && values[row] < 0);
  return [...rows].sort((left, right) => {
    if (isMissing(left) || isMissing(right)) return isMissing(left) - isMissing(right) || left - right;
    if (values[left] === values[right]) return left - right;
    return (values[left] < values[right] ? -1 : 1) * sign;
  });
}

function showTable(panel) {
  const view = { chunks: [] };
  view.tools = make("div", { class: "toolbar" });
  view.head = make("div", { role: "row", class: "thead" });
  view.body = make("div", { class: "tbody", role: "rowgroup" });
  view.grid = make(
    "div",
    { class: "grid-table", role: "grid", tabindex: 0, id: "table", "aria-label": "Utterances" },
    view.head,
    view.body,
  );
  view.grid.addEventListener("keydown", (event) => moveCursor(event, view));
  panel.append(view.tools, view.grid);
  sortAnew(view);
  return {
    rows: () => sortAnew(view),
    open: () => followOpen(view),
    resize: () => refreshTable(view),
    print: () => {
      view.observer.disconnect();
      for (const chunk of view.chunks) fillChunk(view, chunk);
    },
  };
}

function sortAnew(view) {
  view.rows = sortRows(state.rows);
  tableState.cursor = 0;
  view.tools.replaceChildren(...makeTableTools(view));
  refreshTable(view);
}

function refreshTable(view) {
  const room = view.grid.clientWidth - PLAY_WIDTH - NARROWEST_TEXT;
  const count = Math.max(0, Math.min(tableState.keys.length, Math.floor(room / COLUMN_WIDTH)));
  view.keys = tableState.keys.slice(0, count);
  view.extra = tableState.keys.slice(count);
  view.grid.style.setProperty(
    "--template",
    `${PLAY_WIDTH}px minmax(0, 1fr) ${view.keys.map(() => `${COLUMN_WIDTH}px`).join(" ")}`,
  );
  view.grid.setAttribute("aria-rowcount", view.rows.length + 1);
  view.head.replaceChildren(
    make("div", { role: "columnheader" }, make("span", { class: "unseen" }, "Play")),
    make(
      "div",
      { role: "columnheader" },
      systems.length > 1 ? "reference over systems" : "reference over hypothesis",
      makeDiffLegend(),
    ),
    ...view.keys.map((key) => makeHeading(key, view)),
  );
  makeChunks(view);
}

function makeTableTools(view) {
  const { sort } = tableState;
  const turn = () => {
    sortBy(sort.key, view);
    document.getElementById("sort-order").focus();
  };
  const order = makeButton(sort.descending ? "↓" : "↑", turn, {
    id: "sort-order",
    "aria-label": sort.descending ? "Descending, sort ascending" : "Ascending, sort descending",
  });
  const onchange = (key) => sortBy(key, view);
  return [
    labeled("Sort by", makePicker("Sort by", { chosen: sort.key, onchange, id: "sort-key" })),
    order,
    makeColumnChooser(view),
    make(
      "span",
      { class: "note" },
      "Keys: arrows, page and home move, Enter opens, Space plays, n and p step, s sorts by the next column.",
    ),
  ];
}

function makeHeading(key, view) {
  const { sort } = tableState;
  const column = columns.get(key);
  const order = sort.key === key ? (sort.descending ? "descending" : "ascending") : "none";
  const mark = order === "none" ? "" : sort.descending ? " ↓" : " ↑";
  return make(
    "div",
    { role: "columnheader", "aria-sort": order, class: column.kind === "number" ? "number" : null },
    makeButton(labelOf(key) + mark, () => sortBy(key, view, { focus: true }), {
      title: describe(column),
      "data-key": key,
    }),
  );
}

function sortBy(key, view, { focus = false } = {}) {
  const { sort } = tableState;
  const descending = sort.key === key ? !sort.descending : columns.get(key).kind === "number";
  tableState.sort = { key, descending };
  sortAnew(view);
  tell("address");
  if (focus) view.head.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

// Chunks of rows; those near the window are filled, the others keep the height that they had or may have.
function makeChunks(view) {
  view.observer?.disconnect();
  view.observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries)
        (isIntersecting ? fillChunk : emptyChunk)(view, view.chunks[Number(target.dataset.chunk)]);
    },
    { rootMargin: "700px 0px" },
  );
  view.chunks = [];
  for (let start = 0; start < view.rows.length; start += CHUNK_ROWS) {
    const end = Math.min(start + CHUNK_ROWS, view.rows.length);
    const element = make("div", {
      role: "presentation",
      "data-chunk": view.chunks.length,
      style: `height:${(end - start) * ROW_ESTIMATE}px`,
    });
    view.chunks.push({ start, end, element, filled: false });
  }
  view.body.replaceChildren(...view.chunks.map((chunk) => chunk.element));
  if (view.chunks.length) fillChunk(view, view.chunks[0]);
  for (const { element } of view.chunks) view.observer.observe(element);
}

function fillChunk(view, chunk) {
  if (chunk.filled) return;
  chunk.filled = true;
  chunk.element.style.height = "";
  for (let place = chunk.start; place < chunk.end; place += 1) chunk.element.append(makeRow(place, view));
}

function emptyChunk(view, chunk) {
  if (!chunk.filled || !chunk.element.isConnected) return;
  chunk.filled = false;
  chunk.element.style.height = `${chunk.element.offsetHeight}px`;
  chunk.element.replaceChildren();
}

function makeRow(place, view) {
  const row = view.rows[place];
  const numbers = view.keys.map((key) => {
    const column = columns.get(key);
    return make(
      "div",
      { role: "gridcell", class: column.kind === "number" ? "number" : "value" },
      formatCell(column, row),
    );
  });
  const extra = view.extra.map((key) =>
    make("span", {}, `${labelOf(key)} `, make("b", {}, formatCell(columns.get(key), row))),
  );
  const text = make(
    "div",
    { role: "gridcell", class: "text" },
    make("div", { class: "row-head" }, make("span", { class: "id" }, payload.ids[row]), extra),
    makeSaid(row, view.grid.clientWidth - PLAY_WIDTH - 30 - COLUMN_WIDTH * view.keys.length),
  );
  const line = make(
    "div",
    {
      role: "row",
      id: `row-${row}`,
      class: "trow",
      "aria-rowindex": place + 2,
      "data-row": row,
      onclick: () => {
        if (!getSelection().isCollapsed) return;
        moveTo(place, view);
        openUtterance(row);
      },
    },
    make("div", { role: "gridcell", class: "play-cell" }, makePlayButton(row)),
    text,
    numbers,
  );
  markRow(line, place, view);
  return line;
}

function markRow(line, place, view) {
  const row = view.rows[place];
  line.classList.toggle("cursor", place === tableState.cursor);
  line.classList.toggle("open", row === state.open);
  line.classList.toggle("failed", Boolean(payload.errors[row]));
  line.setAttribute("aria-selected", String(row === state.open));
}

function markOpen(view) {
  for (const line of view.body.querySelectorAll(".trow"))
    markRow(line, Number(line.getAttribute("aria-rowindex")) - 2, view);
}

// The cursor goes to the open row, which n and p step on.
function followOpen(view) {
  const place = view.rows.indexOf(state.open);
  if (place < 0) markOpen(view);
  else moveTo(place, view);
}

function moveCursor(event, view) {
  if (event.target !== view.grid || !view.rows.length) return;
  const { cursor } = tableState;
  const last = view.rows.length - 1;
  const page = 8;
  const target = {
    ArrowDown: cursor + 1,
    ArrowUp: cursor - 1,
    PageDown: cursor + page,
    PageUp: cursor - page,
    Home: 0,
    End: last,
  }[event.key];
  if (event.key === "Enter") openUtterance(view.rows[cursor]);
  if (event.key === " " && state.open === null) {
    event.preventDefault();
    if (hasAudio(view.rows[cursor])) togglePlay(view.rows[cursor]);
  }
  if (event.key === "s" && tableState.keys.length) {
    const next = (tableState.keys.indexOf(tableState.sort.key) + 1) % tableState.keys.length;
    sortBy(tableState.keys[next], view);
  }
  if (target === undefined) return;
  event.preventDefault();
  moveTo(Math.max(0, Math.min(last, target)), view);
  if (state.open !== null) openUtterance(view.rows[tableState.cursor], { focus: false });
}

function moveTo(place, view) {
  tableState.cursor = place;
  const chunk = view.chunks[Math.floor(place / CHUNK_ROWS)];
  fillChunk(view, chunk);
  markOpen(view);
  const line = chunk.element.children[place - chunk.start];
  view.grid.setAttribute("aria-activedescendant", line.id);
  line.scrollIntoView({ block: "nearest" });
}

function makeColumnChooser(view) {
  const chosen = new Set(tableState.keys);
  const onchange = (key) => {
    if (!chosen.delete(key)) chosen.add(key);
    tableState.keys = [...chosen];
    refreshTable(view);
    tell("address");
  };
  const accept = (column) => !TEXTS.has(column.key);
  return makePicker("Columns", { chosen, onchange, accept, text: "Columns…", id: "table-columns" });
}
