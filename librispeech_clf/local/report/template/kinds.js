// Kinds of word errors, recall of terms, references that may be wrong, speed of the run; over all utterances.

const LISTED_TERMS = 10;
const LISTED_SUSPICIOUS = 5;

function addErrorKinds(board) {
  const kinds = (payload.analysis.error_kinds ?? []).filter((kind) => kind.errors);
  if (!kinds.length) return;
  const note =
    "Errors and their share of all word errors (95 %). Choose a kind to see only utterances with it.";
  board.append(
    makePanel(
      overAll("What the word errors are"),
      note,
      make("div", { class: "error-kinds" }, kinds.map(makeKind)),
    ),
  );
}

function makeKind(kind) {
  const spell = (text) => text || NOTHING;
  const told = kind.examples.slice(0, 3).map(([reference, hypothesis, count]) => {
    const pair = `${spell(reference)} → ${spell(hypothesis)}`;
    return count > 1 ? `${pair} ${count}` : pair;
  });
  const isKept = state.only?.label === kind.name;
  const toggle = () => keepOnly(isKept ? null : kind.rows, kind.name);
  return make(
    "div",
    { title: kind.meaning },
    makeButton(kind.name, toggle, { class: "link", "aria-pressed": String(isKept) }),
    make("span", { class: "share" }, `${kind.errors} · ${formatRange(kind, kind.share)}`),
    make("div", { class: "note" }, told.join(", ")),
  );
}

function formatRange({ low, high }, value) {
  if (value === null) return "–";
  const interval = low === null ? "" : ` (${formatShare(low).replace(" %", "")} – ${formatShare(high)})`;
  return `${formatShare(value)}${interval}`;
}

function addTerms(board) {
  const terms = payload.analysis.terms ?? [];
  if (!terms.length) return;
  const rows = terms.map((item) => () => [
    item.term ?? make("strong", {}, "all terms"),
    String(item.occurrences),
    String(item.recognized),
    String(item.added),
    formatRange(item, item.recall),
  ]);
  const headings = ["term", "spoken", "recognized", "added", "recall (95 %)"];
  const table = makeGrowingTable(headings, rows, { numeric: [1, 2, 3, 4], limit: LISTED_TERMS + 1 });
  const note = "Added: heard where the reference does not have it.";
  board.append(makeWidePanel(overAll("Recall of terms"), note, table));
}

function addSuspicious(board) {
  const found = new Map(
    (payload.analysis.suspect_references ?? []).map((item) => [payload.ids.indexOf(item.utterance_id), item]),
  );
  found.delete(-1);
  if (whole || !found.size) return;
  const rows = [...found.keys()];
  const facts = [["", (row) => found.get(row).reasons.join(", ")]];
  const card = makeWidePanel(
    overAll(`References that may be wrong: ${found.size}`),
    "Listen to these before blaming the model; the most suspicious come first.",
    makeUtteranceList(rows, facts, { limit: LISTED_SUSPICIOUS }),
    makeRowsButton(rows, "References that may be wrong"),
  );
  card.id = "suspicious";
  board.append(card);
}

// The share of words that are right against their confidence, with the line where both agree.
function addReliability(board) {
  const found = payload.analysis.reliability;
  if (!found) return;
  const { calibrated, error, uncalibrated_error: before } = found;
  const told = calibrated
    ? `Calibrated on ${calibrated}. Expected calibration error ${formatShare(error)}, ` +
      `before ${formatShare(before)}.`
    : `Uncalibrated: not a chance of being right. Expected calibration error ${formatShare(error)}.`;
  const card = makePanel(overAll("Word confidence"), `${told} Of ${found.words} words.`);
  const points = found.bins.map(({ confidence, right: estimate, low, high }) => ({
    x: Math.round(confidence * 100) / 100,
    estimate,
    low,
    high,
  }));
  const agreeing = [0, 1].map((x) => ({ x, estimate: x, low: null, high: null }));
  board.append(card);
  addChart(card, (width, spare) =>
    drawLines(
      [
        { name: "Words", points },
        { name: "Perfect calibration", points: agreeing },
      ],
      { label: "Share of words that are right", percent: true },
      { width, height: 220 + spare, xLabel: "confidence of the word" },
    ),
  );
}

function addSpeed(board) {
  const { audio_s: audio, systems: _, ...stages } = payload.analysis.speed ?? {};
  if (!audio) return;
  const rows = Object.entries(stages).map(([stage, { seconds, times_real_time: times }]) => [
    stage,
    formatNumber(seconds, "s"),
    `${formatNumber(times)} ×`,
  ]);
  const table = makeTable(["stage", "took", "times real time"], rows, { numeric: [1, 2] });
  board.append(makePanel(overAll("Speed of the run"), `${(audio / 60).toFixed(1)} min of audio.`, table));
}
