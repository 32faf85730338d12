// The payload, its columns by key, and what each figure is a ratio of.

const payload = JSON.parse(document.getElementById("data").textContent);
const columns = new Map();
payload.columns.forEach(addColumn);
const allRows = Int32Array.from({ length: payload.count }, (_, row) => row);

addTextColumn("utterance_id", "utterance", payload.ids);
addTextColumn("reference", "reference", payload.references);
addTextColumn("hypothesis", "hypothesis", payload.hypotheses);
if (payload.errors.some((reason) => reason)) addTextColumn("error", "failure", payload.errors);

function addTextColumn(key, label, values) {
  addColumn({ key, label, kind: "text", group: "text", unit: "", values });
}

function addColumn(column) {
  column.search = `${column.label} ${column.key} ${column.unit}`.toLowerCase();
  columns.set(column.key, column);
}

// Adds to the list of a key.
function addTo(lists, key, value) {
  if (!lists.has(key)) lists.set(key, []);
  lists.get(key).push(value);
}

// A cell as number, text, or null where missing.
function valueAt(column, row) {
  const value = column.values[row];
  if (column.kind === "category") return value < 0 ? null : column.levels[value];
  return value === "" ? null : value;
}

function capitalize(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

// How often each level of a categorical column occurs.
function countLevels(column) {
  const counts = column.levels.map(() => 0);
  for (const code of column.values) if (code >= 0) counts[code] += 1;
  return counts;
}

function describe(column) {
  return column.unit ? `${column.label} (${column.unit})` : column.label;
}

function findColumn(...endings) {
  for (const ending of endings) {
    for (const column of columns.values())
      if (column.key === ending || column.key.endsWith(`_${ending}`)) return column;
  }
  return null;
}

// Custom columns with few values, and numbers with their bounds: {column, labels, ranges}.
const groupings = payload.groups
  .map((grouping) => ({ ...grouping, column: columns.get(grouping.column) }))
  .filter(({ column }) => column);
const speakerColumn = findColumn("speaker_id");
const genderColumn = findColumn("gender");
const durationColumn = findColumn("signal_duration_s", "duration_s");
const speakerOf = speakerColumn ? (row) => speakerColumn.values[row] : () => -1;

function addUp(keys) {
  const parts = keys.map((key) => columns.get(key));
  if (parts.some((part) => !part)) return () => null;
  return (row) => {
    let total = 0;
    for (const part of parts) {
      if (part.values[row] === null) return null;
      total += part.values[row];
    }
    return total;
  };
}

const wordErrors = addUp(["word_substitutions", "word_deletions", "word_insertions"]);
const referenceWords = addUp(["word_hits", "word_substitutions", "word_deletions"]);
const characterErrors = addUp(["character_substitutions", "character_deletions", "character_insertions"]);
const referenceCharacters = addUp(["character_hits", "character_substitutions", "character_deletions"]);
const alignedWords = addUp(["word_hits", "word_substitutions", "word_deletions", "word_insertions"]);
const isScored = (row) => (wordErrors(row) === null ? null : 1);
const isWrong = (row) => (wordErrors(row) === null ? null : Number(wordErrors(row) > 0));

// Every figure is a sum over a sum; a mean is a sum over the number of utterances which have a value.
const figures = [
  makeRate("word_error_rate", "WER", wordErrors, referenceWords),
  makeRate("character_error_rate", "CER", characterErrors, referenceCharacters),
  makeRate("sentence_error_rate", "SER", isWrong, isScored, "share"),
  makeMean("ctc_loss", "CTC loss", "loss"),
  makeMean("confidence", "Confidence", "confidence"),
  makeRate("match_error_rate", "MER", wordErrors, alignedWords, "share"),
  makeMean("word_information_lost", "Word information lost, mean", "WIL", true),
  makeMean("word_information_preserved", "Word information preserved, mean", "WIP", true),
  makeMean("calibrated_confidence", "Chance of a word being right, mean", "chance", true),
  ...["word", "character"].flatMap((unit) =>
    ["substitution", "deletion", "insertion"].map((kind) =>
      makeRate(
        `${unit}_${kind}_rate`,
        `${unit} ${kind}s`,
        addUp([`${unit}_${kind}s`]),
        unit === "word" ? referenceWords : referenceCharacters,
      ),
    ),
  ),
].filter(
  ({ numerator, denominator }) =>
    numerator && allRows.some((row) => numerator(row) !== null && denominator(row) !== null),
);

function makeRate(key, short, numerator, denominator, scale = "rate") {
  const label = capitalize(key.replaceAll("_", " "));
  return { key, label, short, numerator, denominator, scale, percent: true };
}

function makeMean(key, label, short, percent = false) {
  const column = columns.get(key);
  if (!column || column.kind !== "number") return { key, label, short, numerator: null };
  return {
    key,
    label,
    short,
    percent,
    scale: percent ? "share" : "rate",
    numerator: (row) => column.values[row],
    denominator: (row) => (column.values[row] === null ? null : 1),
  };
}

function findFigure(key) {
  return figures.find((figure) => figure.key === key) ?? figures[0];
}

function formatNumber(value, unit = "") {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  const digits = Number.isInteger(value) ? 0 : size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
  const text = (size && size < 0.001 ? value.toPrecision(3) : value.toFixed(digits)).replaceAll("-", "−");
  return unit ? `${text} ${unit}` : text;
}

function formatCell(column, row) {
  const value = valueAt(column, row);
  if (value === null) return "–";
  if (column.kind !== "number") return value;
  return column.key.endsWith("_error_rate") ? formatShare(value) : formatNumber(value);
}

function formatShare(value) {
  if (value === 0) return "0 %";
  return value === null || value === undefined
    ? "–"
    : `${(value * 100).toFixed(value >= 0.9995 ? 0 : value < 0.1 ? 2 : 1)} %`;
}

// A difference of two shares in points, with its sign.
function formatPoints(value) {
  if (value === null || value === undefined) return "–";
  return `${value < 0 ? "−" : "+"}${Math.abs(value * 100).toFixed(2)}`;
}

function formatFigure(figure, value) {
  if (figure.points) return formatPoints(value);
  return figure.percent ? formatShare(value) : formatNumber(value);
}

function formatInterval(figure, result) {
  if (result.low === null) return "no interval";
  const join = figure.points ? "to" : "–";
  return `${formatFigure(figure, result.low).replace(" %", "")} ${join} ${formatFigure(figure, result.high)}`;
}

function formatProbability(value, isBound = false) {
  if (value === null || value === undefined) return "–";
  return value < 0.001 ? "< 0.001" : `${isBound ? "≤ " : ""}${value.toFixed(3)}`;
}

// Reads "12=1s3=" into one record per aligned pair; reference or hypothesis is null where the pair has none.
function readAlignment(operations, reference, hypothesis) {
  const pairs = [];
  let referenceAt = 0;
  let hypothesisAt = 0;
  for (const [, count, operation] of operations.matchAll(/(\d+)([=sdih])/g)) {
    for (let step = 0; step < Number(count); step += 1) {
      const isInsertion = operation === "i" || operation === "h";
      const isDeletion = operation === "d";
      pairs.push({
        operation,
        reference: isInsertion ? null : reference[referenceAt++],
        hypothesis: isDeletion ? null : hypothesis[hypothesisAt],
        hypothesisAt: isDeletion ? null : hypothesisAt++,
      });
    }
  }
  return pairs;
}

function splitWords(text) {
  return text.split(/\s+/).filter((word) => word);
}

// The words of a reference over those heard: by this run, by the other one, or of a simulation at a place.
function alignWords(row, heard = payload, place = row) {
  return readAlignment(
    heard.word_operations[place],
    splitWords(payload.references[row]),
    splitWords(heard.hypotheses[place]),
  );
}

function alignLetters(row) {
  return readAlignment(
    payload.letter_operations[row],
    Array.from(payload.references[row].trim()),
    Array.from(payload.hypotheses[row].trim()),
  );
}
