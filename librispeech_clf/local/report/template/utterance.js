// One utterance: audio, waveform and spectrogram with the playhead, both alignments with times, metadata.

const utteranceElement = document.getElementById("utterance");
const OPERATION_NAMES = { "=": "correct", h: "heard", s: "substituted", d: "deleted", i: "inserted" };
const TIME_UNIT = 0.01;
let shownView = null;
let returnFocus = null;

new ResizeObserver(() => shownView && drawPictures(shownView)).observe(utteranceElement);

function showUtterance() {
  const row = state.open;
  const focused = utteranceElement.contains(document.activeElement) ? document.activeElement : null;
  if (row !== null && utteranceElement.hidden) returnFocus = rememberFocus();
  document.body.classList.toggle("has-utterance", row !== null);
  utteranceElement.hidden = row === null;
  stopPlaying();
  if (row === null) return leaveUtterance(focused);
  const player = make("div", { class: "player" });
  const pictures = make("div", { class: "pictures" });
  const view = { row, tokens: [], player, pictures, loop: null };
  shownView = view;
  utteranceElement.replaceChildren();
  fill(utteranceElement, {}, [
    make("div", { class: "stays" }, makeUtteranceHead(row), player),
    makeVerdict(row),
    pictures,
    makeAlignment(view, "Words", alignWords(row), payload.word_timings[row], "words"),
    unit ? null : makeAlignment(view, "Letters", alignLetters(row), payload.letter_timings[row], "letters"),
    makeSystems(row),
    listSimulated(row),
    makeNearest(row),
    makeNoteEditor(row),
    makeMetadata(row),
  ]);
  utteranceElement.scrollTop = 0;
  if (focused) (document.getElementById(focused.id) ?? utteranceElement.querySelector("h2")).focus();
  requestAudio(row, (block) => {
    if (shownView === view) showPlayer(view, block);
  });
}

// Closed by whoever looked into it: the focus goes back to where it came from.
function leaveUtterance(focused) {
  shownView = null;
  utteranceElement.replaceChildren();
  if (!focused) return;
  panelElement.focus({ preventScroll: true });
  returnFocus?.();
}

// Gives a function that focuses the same element of the section again, redrawn or not.
function rememberFocus(within = panelElement) {
  const element = document.activeElement;
  if (!element || !within.contains(element)) return null;
  const selector = element.id ? `#${CSS.escape(element.id)}` : makeSelector(element);
  const place = [...within.querySelectorAll(selector)].indexOf(element);
  return () => within.querySelectorAll(selector)[place]?.focus();
}

function makeSelector(element) {
  if (element.dataset.open) return `[data-open="${CSS.escape(element.dataset.open)}"]`;
  const label = element.getAttribute("aria-label");
  return label ? `${element.tagName}[aria-label="${CSS.escape(label)}"]` : element.tagName;
}

function focusUtterance() {
  utteranceElement.querySelector("h2")?.focus({ preventScroll: true });
}

function makeUtteranceHead(row) {
  const step = (offset) => () => {
    const order = sortRows(state.rows);
    const next = order[order.indexOf(row) + offset];
    if (next !== undefined) openUtterance(next);
  };
  const widen = () => document.body.classList.toggle("wide-utterance");
  const makeTool = (sign, name, title, onclick, id) =>
    makeButton(sign, onclick, { class: "quiet", "aria-label": name, title, id });
  return make(
    "header",
    {},
    make("h2", { tabindex: -1 }, payload.ids[row]),
    makeTool("←", "Previous utterance", "Previous (key p)", step(-1), "previous"),
    makeTool("→", "Next utterance", "Next (key n)", step(1), "next"),
    makeTool("⇔", "Wider or narrower", "Wider or narrower", widen, null),
    makeTool("×", "Close", "Close (Escape)", () => openUtterance(null), "close"),
  );
}

function makeVerdict(row) {
  if (payload.errors[row]) return make("p", { class: "failure" }, `Not evaluated: ${payload.errors[row]}`);
  const rates = figures
    .slice(0, 5)
    .filter((figure) => figure.key !== "sentence_error_rate")
    .map((figure) => [figure.short, formatFigure(figure, estimateRatio([row], figure).estimate)]);
  const facts = [genderColumn, speakerColumn, durationColumn]
    .filter((column) => column)
    .map((column) => [column.label, formatCell(column, row) + (column.unit ? ` ${column.unit}` : "")]);
  return make(
    "p",
    { class: "verdict" },
    [...rates, ...facts].map(([name, value]) => make("span", {}, `${name} `, make("strong", {}, value))),
  );
}

function makeSystems(row) {
  if (systems.length < 2) return null;
  return make(
    "section",
    { class: "aligned" },
    make("h3", {}, "Systems"),
    makeGrid(row, utteranceElement.clientWidth - 40, false),
  );
}

function makeMetadata(row) {
  const groups = Object.entries(GROUP_NAMES).map(([group, title]) => {
    const own = [...columns.values()].filter((column) => column.group === group && !TEXTS.has(column.key));
    if (!own.length) return null;
    return make(
      "details",
      { open: ["metric", "record", "corpus"].includes(group) },
      make("summary", {}, title),
      makeFacts(own.map((column) => [describe(column), formatCell(column, row)])),
    );
  });
  return make("section", { class: "metadata" }, make("h3", {}, "Metrics and metadata"), groups);
}

const TEXTS = new Set(["utterance_id", "reference", "hypothesis", "error"]);
