// Make elements. Data enters the page only as text nodes and attributes, never as markup.

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  return fill(element, attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  return fill(element, attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

function makeButton(text, onclick, attributes = {}) {
  return make("button", { onclick, ...attributes }, text);
}

// A labeled menu of [value, text] pairs; `onchange` is told the value, as a number where the chosen one is.
function makeSelect(label, options, chosen, onchange, id = null) {
  const read = (value) => (typeof chosen === "number" ? Number(value) : value);
  const select = make("select", { id, "aria-label": label, onchange: () => onchange(read(select.value)) });
  const makeOption = ([value, text]) => make("option", { value, selected: value === chosen }, text);
  return labeled(label, fill(select, {}, options.map(makeOption)));
}

const GROUP_NAMES = {
  metric: "Metrics",
  systems: "Systems",
  corpus: "Custom columns",
  text: "Transcript",
  readability: "Readability",
  signal: "Signal",
  record: "Recording",
};

function labeled(text, control) {
  // A label would hand a click inside a picker's list on to its button.
  const tag = control.classList.contains("picker-frame") ? "div" : "label";
  return make(tag, { class: "labeled" }, make("span", {}, text), control);
}

function makeNote(text) {
  return make("p", { class: "note" }, text);
}

function makePanel(title, note, ...children) {
  return make("section", { class: "card" }, make("h2", {}, title), note ? makeNote(note) : null, children);
}

// The heading of a card that the filters do not change.
function overAll(title, hint = "Filters do not change this") {
  return [title, make("span", { class: "badge", title: hint }, "all utterances")];
}

function makeWidePanel(title, note, ...children) {
  const card = makePanel(title, note, ...children);
  card.classList.add("wide");
  return card;
}

// Names and values as a list in two columns.
function makeFacts(facts) {
  return make(
    "dl",
    { class: "facts" },
    facts.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
  );
}

function makeTable(headings, rows, { numeric = [] } = {}) {
  const makeLine = (tag, cells) => {
    const makeCell = (cell, index) => {
      const name = cell === "" ? "td" : tag;
      const look = { scope: name === "th" && "col", class: numeric.includes(index) && "number" };
      return make(name, look, cell);
    };
    return make("tr", {}, cells.map(makeCell));
  };
  const head = make("thead", {}, makeLine("th", headings));
  const lines = rows.map((cells) => makeLine("td", cells));
  const body = make("tbody", {}, lines);
  return make("div", { class: "scroll" }, make("table", {}, head, body));
}

function utteranceButton(row, text = payload.ids[row]) {
  return makeButton(text, () => openUtterance(row), { class: "link", "data-open": row });
}

const tooltip = document.getElementById("tooltip");

function showTooltip(event, lines) {
  tooltip.replaceChildren(...lines.map((line, index) => make(index ? "div" : "strong", {}, line)));
  tooltip.hidden = false;
  const { width, height } = tooltip.getBoundingClientRect();
  tooltip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
  tooltip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - height - 8))}px`;
}

function hideTooltip() {
  tooltip.hidden = true;
}

function download(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// Fills a frame with what is made from the first items, and a button for more.
function grow(frame, items, end, makeOf, step = 4 * end) {
  frame.replaceChildren(...makeOf(items.slice(0, end)));
  const more = () => grow(frame, items, end + step, makeOf, step);
  if (items.length > end)
    frame.append(makeButton(`Show more (${items.length - end} left)`, more, { class: "more" }));
}

const TABLE_ROW_HEIGHT = 28;

// A table that grows, each row made when it is shown.
function makeGrowingTable(headings, rows, { numeric = [], limit }) {
  if (!rows.length) return makeNote("None.");
  const frame = make("div", {});
  const makeOf = (some) => [
    makeTable(
      headings,
      some.map((makeCells) => makeCells()),
      { numeric },
    ),
  ];
  frame.grow = (spare) => grow(frame, rows, limit + Math.floor(spare / TABLE_ROW_HEIGHT), makeOf, 5 * limit);
  frame.grow(0);
  return frame;
}
