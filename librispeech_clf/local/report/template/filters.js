// The filter side: search, errors only, one card per filtered column, what is kept, and the export.

const filtersElement = document.getElementById("filters");
const filterCards = make("div", { class: "filter-cards" });
const keptNote = make("div", { class: "kept", hidden: true });
const countNote = make("p", { class: "note", id: "count", role: "status" });
const searchNote = make("p", { class: "note", id: "search-note", role: "status", hidden: true });
const shownCards = new Set();
const SHOWN_FILTERS = 6;

function buildFilters() {
  const search = make("input", {
    type: "search",
    id: "search",
    placeholder: "Id, words or expression",
    title: "A regular expression, case ignored",
    "aria-label": "Search ids, references and hypotheses by a regular expression",
    oninput: () => {
      state.search = search.value;
      applyFiltersSoon();
    },
  });
  const errors = make("input", {
    type: "checkbox",
    id: "errors-only",
    onchange: () => {
      state.errorsOnly = errors.checked;
      applyFilters();
    },
  });
  filtersElement.append(
    make(
      "h2",
      {},
      "Filters",
      makeButton("×", () => toggleFilters(false), {
        class: "quiet only-narrow",
        id: "close-filters",
        "aria-label": "Close the filters",
      }),
    ),
    countNote,
    labeled("Search", search),
    searchNote,
    columns.has("word_error_rate")
      ? make("label", { class: "check" }, errors, "Only utterances with errors")
      : "",
    keptNote,
    filterCards,
    makeAdder(),
    make(
      "div",
      { class: "buttons" },
      makeButton("Clear all", resetFilters, { id: "clear-filters" }),
      makeButton("Export CSV", exportRows, { id: "export" }),
    ),
  );
  const own = groupings.slice(0, SHOWN_FILTERS).map(({ column }) => column);
  for (const column of [...own, genderColumn, durationColumn, columns.get("word_error_rate")])
    if (column) addCard(column);
  listen("rows", () => showCounts(search, errors));
}

function resetFilters() {
  clearFilters();
  for (const key of [...shownCards]) rebuildCard(columns.get(key));
}

function showCounts(search, errors) {
  const unit = headline.get(figures[0]?.key)?.unit ?? "speakers";
  const shown = `${state.rows.length} of ${payload.count} utterances shown`;
  countNote.textContent = `${shown}. 95\u00a0% intervals by ${unit.slice(0, -1)}.`;
  if (search.value !== state.search) search.value = state.search;
  errors.checked = state.errorsOnly;
  searchNote.hidden = !state.search.trim() || readExpression(state.search.trim()) !== null;
  searchNote.textContent = "Not a regular expression; searched as plain text.";
  keptNote.hidden = !state.only;
  if (state.only)
    keptNote.replaceChildren(
      make("span", {}, `${state.only.label} (${state.only.rows.size})`),
      makeButton("×", () => keepOnly(null), { class: "quiet", "aria-label": "Show all again" }),
    );
}

function makeAdder() {
  const onchange = (key) => setTimeout(() => addCard(columns.get(key)).querySelector("input")?.focus());
  return makePicker("Add a filter", { chosen: null, onchange, text: "Add a filter…", id: "add-filter" });
}

function addCard(column) {
  if (!shownCards.has(column.key)) {
    shownCards.add(column.key);
    filterCards.append(makeCard(column));
  }
  return findCard(column);
}

function findCard(column) {
  return [...filterCards.children].find((card) => card.dataset.key === column.key);
}

function rebuildCard(column) {
  const restore = rememberFocus(filterCards);
  findCard(column)?.replaceWith(makeCard(column));
  restore?.();
}

function removeCard(column) {
  findCard(column).remove();
  shownCards.delete(column.key);
  setFilter(column.key, null);
}

function makeCard(column) {
  const body = { number: makeRange, category: makeChoices, text: makeContains }[column.kind](column);
  const name = `Remove the filter ${describe(column)}`;
  const remove = makeButton("×", () => removeCard(column), { class: "quiet", "aria-label": name });
  return make(
    "fieldset",
    { class: "filter", "data-key": column.key },
    make("legend", {}, describe(column)),
    remove,
    body,
  );
}

function makeRange(column) {
  const present = column.values.filter((value) => value !== null);
  const edges = equalEdges(present, 24);
  const current = state.filters.get(column.key) ?? {};
  const update = () => {
    const [from, to] = [low, high].map(({ value }) => (value === "" ? null : Number(value)));
    setFilter(column.key, from === null && to === null ? null : { low: from, high: to });
  };
  const low = makeNumberInput(`${describe(column)} at least`, edges[0], current.low, update);
  const high = makeNumberInput(`${describe(column)} at most`, edges.at(-1), current.high, update);
  const takeOut = (bin) => () => toggleChoice(column, bin);
  const chosen = (current.bins ?? []).map((bin) =>
    makeButton(`${describeBin(bin)} ×`, takeOut(bin), { class: "chip", title: "Take out" }),
  );
  return make(
    "div",
    {},
    drawSpark(column, edges, countBins(edges, present)),
    make("div", { class: "range" }, low, make("span", {}, "to"), high),
    chosen.length ? make("div", { class: "chips" }, chosen) : null,
  );
}

function makeNumberInput(label, end, value, oninput) {
  const placeholder = end === undefined ? "" : String(Number(end.toPrecision(4)));
  return make("input", { type: "number", step: "any", "aria-label": label, placeholder, value, oninput });
}

function drawSpark(column, edges, counts) {
  const most = Math.max(...counts, 1);
  const svg = draw("svg", {
    viewBox: `0 0 ${counts.length * 10} 28`,
    preserveAspectRatio: "none",
    class: "spark",
  });
  counts.forEach((count, index) => {
    const choice = { low: edges[index], high: edges[index + 1], open: index + 1 < counts.length };
    const area = { x: index * 10, y: 0, width: 10, height: 28 };
    const bar = drawChoice(count ? makeChoice(column, { name: describeBin(choice), choice }) : {}, area);
    const height = (count / most) * 28;
    bar.append(drawRect(index * 10, 28 - height, 9, height, null));
    svg.append(onHover(bar, [describeBin(choice), `${count} utterances`]));
  });
  return svg;
}

function makeChoices(column) {
  const counts = countLevels(column);
  const chosen = new Set(state.filters.get(column.key)?.levels ?? []);
  const list = make("div", { class: "choices" });
  column.levels.forEach((level, code) => {
    const onchange = () => {
      if (!chosen.delete(level)) chosen.add(level);
      setFilter(column.key, chosen.size ? { levels: new Set(chosen) } : null);
    };
    const box = make("input", { type: "checkbox", checked: chosen.has(level), onchange });
    list.append(
      make(
        "label",
        { class: "check" },
        box,
        make("span", {}, level),
        make("span", { class: "count" }, String(counts[code])),
      ),
    );
  });
  return list;
}

function makeContains(column) {
  return make("input", {
    type: "search",
    "aria-label": `${describe(column)} contains`,
    placeholder: "contains",
    value: state.filters.get(column.key)?.text,
    oninput: ({ target }) => setFilter(column.key, target.value ? { text: target.value } : null),
  });
}

// A cell by RFC 4180; text which a spreadsheet would run as a formula gets an apostrophe in front.
function toCsvCell(value) {
  if (value === null) return "";
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function makeCsv(rows) {
  const order = ["utterance_id", "note", "reference", "hypothesis"];
  const keys = [...order, ...[...columns.keys()].filter((key) => !order.includes(key))];
  const lines = [keys.map(toCsvCell).join(",")];
  for (const row of rows) lines.push(keys.map((key) => toCsvCell(valueAt(columns.get(key), row))).join(","));
  return `${lines.join("\r\n")}\r\n`;
}

function exportRows() {
  download("utterances.csv", "\ufeff" + makeCsv(sortRows(state.rows)), "text/csv;charset=utf-8");
}
