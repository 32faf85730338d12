// Word error rate against the severity of each simulation.

const robustness = readRobustness(payload.analysis.robustness);

// One line per simulation: {name, xLabel, points: [{x, estimate, low, high}]}, from lists of records or records of lists.
function readRobustness(section) {
  if (!section) return [];
  const list = Array.isArray(section) ? section : section.points ?? section.curves ?? section.results ?? Object.entries(section).map(([simulation, points]) => ({ simulation, points }));
  const lines = new Map();
  for (const item of Array.isArray(list) ? list : []) {
    const points = item.points ?? [item];
    for (const point of Array.isArray(points) ? points : []) {
      const name = String(point.simulation ?? item.simulation ?? item.name ?? "simulation").replaceAll("_", " ");
      const rate = typeof point.rate === "object" && point.rate ? point.rate : point;
      const parameter = point.parameter ?? item.parameter ?? "severity";
      if (!lines.has(name)) lines.set(name, { name, xLabel: String(parameter).replaceAll("_", " "), points: [] });
      lines.get(name).points.push({ x: point.severity ?? point.value ?? point.x ?? 0, estimate: rate.rate ?? rate.word_error_rate ?? rate.estimate ?? null, low: rate.low ?? null, high: rate.high ?? null });
    }
  }
  return [...lines.values()];
}

function showRobustness(panel) {
  const board = make("div", { class: "board" });
  panel.append(make("p", { class: "note" }, "Simulated on the audio of the evaluated utterances. Not changed by the filters."), board);
  const render = () => {
    board.replaceChildren();
    for (const line of robustness) {
      const card = makePanel(line.name, null);
      board.append(card);
      card.append(drawLines([line], figures[0], { width: chartWidth(card), height: 250, xLabel: line.xLabel }));
    }
  };
  render();
  return { resize: render };
}
