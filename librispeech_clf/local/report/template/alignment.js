// Words and letters of one utterance, reference above hypothesis, with times and confidence.

const LINE_S = 4;
const ALIGNMENT_NOTES = {
  words: [
    "Reference above, hypothesis below",
    ", with its start time and a bar for its confidence. " +
      "Click to listen from there, or to loop the word where Loop is on.",
  ],
  letters: ["Spaces shown as ␣", "; the stronger the line below a letter, the more confident it is."],
};

function makeAlignment(view, title, pairs, timings, kind) {
  const makeList = (some) =>
    make(
      "div",
      { class: `alignment ${kind}`, dir: "auto" },
      some.map((pair) => makePair(view, pair, timings, kind)),
    );
  const lines = kind === "words" ? splitByTime(pairs, timings) : [];
  const list =
    lines.length > 1
      ? make(
          "div",
          { class: "time-lines" },
          lines.map(({ start, of }) => makeTimeLine(view, start, makeList(of))),
        )
      : makeList(pairs);
  if (!pairs.length) list.append(makeNote("Neither reference nor hypothesis has text."));
  const [plain, timed] = ALIGNMENT_NOTES[kind];
  const note = makeNote(plain + (timings.length ? timed : "."));
  return make("section", { class: "aligned" }, make("h3", {}, title, makeDiffLegend()), note, list);
}

// The pairs in lines of a few seconds of the time axis; a pair without a time stays with the one before it.
function splitByTime(pairs, timings) {
  const lines = [];
  for (const pair of pairs) {
    const start = pair.hypothesisAt === null || !timings.length ? -1 : timings[3 * pair.hypothesisAt];
    const line = start < 0 ? null : Math.floor((start * TIME_UNIT) / LINE_S) * LINE_S;
    const last = lines[lines.length - 1];
    if (last && (line === null || line <= last.start)) last.of.push(pair);
    else lines.push({ start: line ?? 0, of: [pair] });
  }
  return lines;
}

function makeTimeLine(view, start, list) {
  const end = start + LINE_S;
  const title = `Zoom to ${start} to ${end} s`;
  const zoom = () => view.picture && zoomTo(view, start, end);
  return make("div", { class: "time-line" }, makeButton(`${start} s`, zoom, { class: "quiet", title }), list);
}

// Words of a calibrated model have a chance of being right.
function describeSureness(confidence, kind) {
  const calibrated = payload.analysis.reliability?.calibrated || columns.has("calibrated_confidence");
  if (kind === "words" && calibrated) return `${formatShare(confidence / 1000)} chance of being right`;
  return `uncalibrated confidence ${(confidence / 1000).toFixed(3)}`;
}

function makePair(view, pair, timings, kind) {
  const at = pair.hypothesisAt;
  const [start, duration, confidence] =
    at === null || !timings.length ? [-1, -1, -1] : timings.slice(3 * at, 3 * at + 3);
  const name = OPERATION_NAMES[pair.operation];
  const times =
    start < 0
      ? ""
      : `, ${(start * TIME_UNIT).toFixed(2)} to ${((start + duration) * TIME_UNIT).toFixed(2)} s`;
  const sure = confidence < 0 || confidence === undefined ? "" : `, ${describeSureness(confidence, kind)}`;
  const isHeard = pair.operation === "h";
  const reference = isHeard ? "" : spell(pair.reference ?? NOTHING);
  const hypothesis = spell(pair.hypothesis ?? NOTHING);
  const texts = isHeard ? hypothesis : `reference ${reference}, hypothesis ${hypothesis}`;
  const label = `${name}: ${texts}${times}${sure}`;
  const element = make(
    "button",
    { class: `pair op-${name}`, title: label, tabindex: kind === "letters" ? -1 : null },
    make("span", { class: "reference" }, reference),
    make(
      "span",
      {
        class: "hypothesis",
        style: kind === "letters" && confidence >= 0 ? `--sure:${confidence / 10}%` : null,
      },
      hypothesis,
    ),
  );
  if (kind === "words") {
    element.append(make("span", { class: "time" }, start < 0 ? " " : (start * TIME_UNIT).toFixed(2)));
    if (confidence >= 0)
      element.append(make("span", { class: "confidence", style: `width:${confidence / 10}%` }));
  }
  if (start >= 0) {
    const token = { element, kind, start: start * TIME_UNIT, end: (start + duration) * TIME_UNIT, pair };
    element.addEventListener("click", () => listenTo(view, token));
    view.tokens.push(token);
  }
  return element;
}
