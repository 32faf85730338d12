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

function makeSelect(label, options, chosen, onchange) {
  const select = make("select", { "aria-label": label, onchange: () => onchange(select.value) });
  const makeOption = ({ value, label }) => make("option", { value, selected: value === chosen }, label);
  return fill(select, {}, options.map(makeOption));
}

const GROUP_NAMES = {
  metric: "Metrics",
  systems: "Systems",
  corpus: "Own columns",
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
function overAll(title, hint = "The filters do not change it") {
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
  const makeLine = (tag, attributes, cells) =>
    make(
      "tr",
      {},
      cells.map((cell, index) =>
        make(
          cell === "" ? "td" : tag,
          { ...attributes, class: numeric.includes(index) ? "number" : null },
          cell,
        ),
      ),
    );
  const head = make("thead", {}, makeLine("th", { scope: "col" }, headings));
  const body = make(
    "tbody",
    {},
    rows.map((cells) => makeLine("td", {}, cells)),
  );
  return make("div", { class: "scroll" }, make("table", {}, head, body));
}

function utteranceButton(row, text = payload.ids[row]) {
  return make("button", { class: "link", "data-open": row, onclick: () => openUtterance(row) }, text);
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

function makeMore(left, onclick) {
  return make("button", { class: "more", onclick }, `Show more, ${left} are left`);
}

const TABLE_ROW_HEIGHT = 28;

// A table of the first rows, each made when it is shown, and a button for more.
function makeGrowingTable(headings, rows, { numeric = [], limit }) {
  if (!rows.length) return makeNote("None.");
  const frame = make("div", {});
  const show = (end) => {
    const shown = rows.slice(0, end).map((makeCells) => makeCells());
    frame.replaceChildren(makeTable(headings, shown, { numeric }));
    if (rows.length > end) frame.append(makeMore(rows.length - end, () => show(end + 5 * limit)));
  };
  frame.grow = (spare) => show(limit + Math.floor(spare / TABLE_ROW_HEIGHT));
  show(limit);
  return frame;
}
