// An old run and this one over the same utterances: change with a paired interval, utterances which got
// better or worse.

const runNames = payload.analysis.comparison?.names ?? ["Old run", "This run"];
const otherErrors = makeOtherSum(["word_substitutions", "word_deletions", "word_insertions"]);

function makeOtherSum(keys) {
  const parts = keys.map((key) => payload.other?.metrics[key]);
  if (parts.some((part) => !part)) return () => null;
  return (row) => (parts.some((part) => part[row] === null) ? null : sum(parts.map((part) => part[row])));
}

function pairedFigures() {
  const both = (row) => wordErrors(row) !== null && otherErrors(row) !== null;
  const make = (key, label, numerator) => ({
    key,
    label,
    short: label,
    percent: true,
    numerator: (row) => (both(row) ? numerator(row) : null),
    denominator: referenceWords,
  });
  return {
    first: make("first", runNames[0], otherErrors),
    second: make("second", runNames[1], wordErrors),
    difference: {
      ...make("difference", "Change in points", (row) => wordErrors(row) - otherErrors(row)),
      points: true,
      scale: "linear",
    },
  };
}

function showComparison(panel) {
  const board = make("div", { class: "board" });
  const changes = make("div", { class: "board" });
  panel.append(board);
  const repaint = addPairedMaps(panel);
  panel.append(changes);
  const render = () => {
    const paired = pairedFigures();
    const rows = Object.values(paired).map((figure) => {
      const result = estimateRatio(state.rows, figure, speakerOf);
      return [figure.label, formatFigure(figure, result.estimate), formatInterval(figure, result)];
    });
    const changed = [...state.rows].map((row) => [row, paired.difference.numerator(row) ?? 0]);
    board.replaceChildren(
      makePanel(
        "Word error rate of both runs",
        "Change from the old run to this one, below zero: improvement. Its interval is paired, by speaker.",
        makeTable(["", "WER", "95 % interval"], rows, { numeric: [1, 2] }),
      ),
      ...makeTests(),
    );
    const worse = changed.filter(([, change]) => change > 0).sort((left, right) => right[1] - left[1]);
    const better = changed.filter(([, change]) => change < 0).sort((left, right) => left[1] - right[1]);
    changes.replaceChildren(
      makeChanges("Worse in this run", worse),
      makeChanges("Better in this run", better),
    );
  };
  render();
  return {
    rows: () => {
      render();
      repaint();
    },
    selected: repaint,
    open: repaint,
    resize: repaint,
  };
}

// The same latent space of both runs side by side, coloured by each run's own word errors per word.
function addPairedMaps(panel) {
  const first = latentMaps.find((map) => otherMaps.some((other) => other.key === map.key));
  if (!first) return () => {};
  const second = otherMaps.find((map) => map.key === first.key);
  const boards = make("div", { class: "maps" });
  const note = "Coloured by word error rate, 0 % to 50 %; the selection is shared.";
  const card = makePanel("Latent maps of both runs", note, boards);
  card.classList.add("paired");
  panel.append(card);
  const views = [
    [{ ...second, name: runNames[0] }, otherErrors],
    [{ ...first, name: runNames[1] }, wordErrors],
  ].map(([map, errors]) => [new MapView(map, boards), errors]);
  const repaint = () => {
    const ramp = makeRamp();
    const faint = style(MISSING_COLOUR);
    for (const [view, errors] of views)
      view.paint((row) =>
        errors(row) === null ? faint : toCss(ramp((2 * errors(row)) / Math.max(referenceWords(row), 1))),
      );
  };
  repaint();
  return repaint;
}

function makeTests() {
  const { word, character } = payload.analysis.comparison ?? {};
  return [
    ["words", word],
    ["letters", character],
  ]
    .filter(([, unit]) => unit)
    .map(([name, unit]) => {
      const facts = [
        ["change in points", formatPoints(unit.difference)],
        [
          "95 % interval",
          unit.low === null ? "–" : `${formatPoints(unit.low)} to ${formatPoints(unit.high)}`,
        ],
        [`p-value, matched pairs by ${unit.resampled}`, formatProbability(unit.p_value)],
        ["probability that this run is better", formatShare(unit.probability_of_improvement)],
      ];
      return makePanel(
        `Tests by ${name}, over all utterances`,
        "This run minus the old one. Not changed by the filters.",
        makeFacts(facts),
      );
    });
}

function makeChanges(title, changes) {
  const facts = [
    ["errors, old run", (row) => String(otherErrors(row))],
    ["this run", (row) => String(wordErrors(row))],
  ];
  const both = (row) => [
    make("div", { class: "of-run" }, make("span", {}, "old"), makeDiff(row, alignWords(row, payload.other))),
    make("div", { class: "of-run" }, make("span", {}, "this"), makeDiff(row)),
  ];
  const rows = changes.map(([row]) => row);
  const list = makeUtteranceList(rows, facts, { body: both });
  return makeWidePanel(`${title}: ${changes.length}`, null, list);
}
