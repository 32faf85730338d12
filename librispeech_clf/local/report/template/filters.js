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
  });
  search.addEventListener("input", () => {
    state.search = search.value;
    applyFiltersSoon();
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
      make(
        "button",
        {
          class: "quiet only-narrow",
          id: "close-filters",
          "aria-label": "Close the filters",
          onclick: () => toggleFilters(false),
        },
        "×",
      ),
    ),
    countNote,
    labeled("Search", search),
    searchNote,
    make("label", { class: "check" }, errors, "Only utterances with errors"),
    keptNote,
    filterCards,
    makeAdder(),
    make(
      "div",
      { class: "buttons" },
      make("button", { id: "clear-filters", onclick: resetFilters }, "Clear all"),
      make("button", { id: "export", onclick: exportRows }, "Export CSV"),
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
  countNote.textContent = `${shown}. 95\u00a0% intervals by ${unit}.`;
  if (search.value !== state.search) search.value = state.search;
  errors.checked = state.errorsOnly;
  searchNote.hidden = !state.search.trim() || readExpression(state.search.trim()) !== null;
  searchNote.textContent = "No regular expression, searched as it stands.";
  keptNote.hidden = !state.only;
  if (state.only)
    keptNote.replaceChildren(
      make("span", {}, `${state.only.label} (${state.only.rows.size})`),
      make("button", { class: "quiet", "aria-label": "Show all again", onclick: () => keepOnly(null) }, "×"),
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
  findCard(column)?.replaceWith(makeCard(column));
}

function removeCard(column) {
  findCard(column).remove();
  shownCards.delete(column.key);
  setFilter(column.key, null);
}

function makeCard(column) {
  const body = { number: makeRange, category: makeChoices, text: makeContains }[column.kind](column);
  const remove = make(
    "button",
    {
      class: "quiet",
      "aria-label": `Remove the filter ${describe(column)}`,
      onclick: () => removeCard(column),
    },
    "×",
  );
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
  const low = makeNumberInput(`${describe(column)} at least`, edges[0], current.low);
  const high = makeNumberInput(`${describe(column)} at most`, edges[edges.length - 1], current.high);
  const update = () => {
    const filter = {
      low: low.value === "" ? null : Number(low.value),
      high: high.value === "" ? null : Number(high.value),
    };
    setFilter(column.key, filter.low === null && filter.high === null ? null : filter);
  };
  low.addEventListener("input", update);
  high.addEventListener("input", update);
  const chosen = (current.bins ?? []).map((bin) =>
    make(
      "button",
      { class: "chip", title: "Take out", onclick: () => toggleChoice(column, bin) },
      `${describeBin(bin)} ×`,
    ),
  );
  return make(
    "div",
    {},
    drawSpark(column, edges, countBins(edges, present)),
    make("div", { class: "range" }, low, make("span", {}, "to"), high),
    chosen.length ? make("div", { class: "chips" }, chosen) : null,
  );
}

function makeNumberInput(label, placeholder, value) {
  return make("input", {
    type: "number",
    step: "any",
    "aria-label": label,
    placeholder:
      placeholder === undefined ? "" : formatTick(Number(placeholder.toPrecision(4))).replace("−", "-"),
    value,
  });
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
    bar.append(draw("rect", { x: index * 10, width: 9, y: 28 - height, height }));
    svg.append(onHover(bar, [describeBin(choice), `${count} utterances`]));
  });
  return svg;
}

function makeChoices(column) {
  const counts = countLevels(column);
  const chosen = new Set(state.filters.get(column.key)?.levels ?? []);
  const list = make("div", { class: "choices" });
  column.levels.forEach((level, code) => {
    const box = make("input", { type: "checkbox", checked: chosen.has(level) });
    box.addEventListener("change", () => {
      if (box.checked) chosen.add(level);
      else chosen.delete(level);
      setFilter(column.key, chosen.size ? { levels: new Set(chosen) } : null);
    });
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
  const input = make("input", {
    type: "search",
    "aria-label": `${describe(column)} contains`,
    placeholder: "contains",
    value: state.filters.get(column.key)?.text,
  });
  input.addEventListener("input", () => setFilter(column.key, input.value ? { text: input.value } : null));
  return input;
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
  download("utterances.csv", makeCsv(sortRows(state.rows)), "text/csv;charset=utf-8");
}
