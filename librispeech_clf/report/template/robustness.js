// Word error rate against the severity of each simulation, on the shown utterances.

const robustness = payload.simulated.length ? payload.simulated : readCurves(payload.analysis.robustness);

// Curves without single utterances, as computed over all of them: {simulation, points: [{severity, word}]}.
function readCurves(curves) {
  return (curves ?? []).map((curve) => ({
    simulation: curve.simulation,
    severity_name: "severity",
    points: curve.points.map(({ severity, word }) => ({
      x: severity,
      estimate: word.rate,
      low: word.low,
      high: word.high,
    })),
  }));
}

function estimateCurve(simulation) {
  if (simulation.points) return simulation.points;
  const shown = new Set(state.rows);
  const metric = {
    numerator: (place) => simulation.errors[place],
    denominator: (place) => simulation.words[place],
  };
  const groups = new Map();
  simulation.row.forEach((row, place) => {
    if (!shown.has(row)) return;
    const severity = simulation.severity[place];
    if (!groups.has(severity)) groups.set(severity, []);
    groups.get(severity).push(place);
  });
  return [...groups].map(([severity, places]) => ({
    x: severity,
    ...estimateRatio(places, metric, (place) => speakerOf(simulation.row[place])),
  }));
}

// The rate of the recordings as they are, of the shown utterances that were simulated; null without single
// utterances.
function estimateRecordings(simulation) {
  if (simulation.points) return null;
  const simulated = new Set(simulation.row);
  const result = estimateRatio(
    state.rows.filter((row) => simulated.has(row)),
    figures[0],
    speakerOf,
  );
  return result.estimate === null ? null : result;
}

function showRobustness(panel) {
  const board = make("div", { class: "board" });
  const note = payload.simulated.length
    ? "Of the shown utterances that were simulated. Dashed: their recordings as they are."
    : "Over all utterances, not changed by the filters.";
  panel.append(make("p", { class: "note" }, note), board);
  const render = () => {
    board.replaceChildren();
    for (const simulation of robustness) {
      const points = estimateCurve(simulation);
      const name = simulation.simulation.replaceAll("_", " ");
      const overall = estimateRecordings(simulation);
      const card = makePanel(
        name,
        overall && `${overall.count} recordings as they are: ${formatFigure(figures[0], overall.estimate)}`,
      );
      board.append(card);
      if (!points.length) card.append(make("p", { class: "note" }, "No shown utterance was simulated."));
      else
        card.append(
          drawLines([{ name, points }], figures[0], {
            width: chartWidth(card),
            height: 250,
            xLabel: simulation.severity_name,
            overall,
          }),
        );
    }
  };
  render();
  return { rows: render, resize: render };
}
