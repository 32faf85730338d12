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
    if (shown.has(row)) addTo(groups, simulation.severity[place], place);
  });
  return [...groups].map(([severity, places]) => ({
    x: severity,
    ...estimateRatio(places, metric, (place) => speakerOf(simulation.row[place])),
  }));
}

// The rate of the unchanged recordings of the shown utterances that were simulated; null without single
// utterances.
function estimateRecordings(simulation) {
  if (simulation.points) return null;
  const simulated = new Set(simulation.row);
  const rows = state.rows.filter((row) => simulated.has(row));
  const result = estimateRatio(rows, figures[0]);
  return result.estimate === null ? null : result;
}

function showRobustness(panel) {
  const note = payload.simulated.length
    ? "Over the shown utterances that were simulated. Dashed: their unchanged recordings."
    : "Over all utterances; filters do not change this.";
  const render = () => {
    panel.replaceChildren(makeNote(note));
    const board = new Lanes(panel);
    for (const simulation of robustness) {
      const hear = (severity) => () => {
        Object.assign(listening, { simulation: robustness.indexOf(simulation), severity });
        render();
        panel.querySelector(".listening")?.scrollIntoView({ block: "start" });
      };
      const points = estimateCurve(simulation).map((point) =>
        payload.simulated.length ? { ...point, open: hear(point.x) } : point,
      );
      const name = nameSimulation(simulation);
      const overall = estimateRecordings(simulation);
      const card = makePanel(
        name,
        overall && `${overall.count} unchanged recordings: ${formatFigure(figures[0], overall.estimate)}`,
      );
      board.append(card);
      if (!points.length) card.append(makeNote(NONE_SIMULATED));
      else
        addChart(card, (width, spare) =>
          drawLines([{ name, points }], figures[0], {
            width,
            height: 250 + spare,
            xLabel: simulation.severity_name,
            overall,
          }),
        );
    }
    board.finish();
    if (payload.simulated.length) board.append(makeListening(render));
  };
  render();
  return { rows: render, resize: render };
}

const NONE_SIMULATED = "No shown utterance was simulated.";
const listening = { simulation: 0, severity: null };

// The simulated utterances of a simulation and severity, each playable beside its recording, worst first.
function makeListening(render) {
  const simulation = payload.simulated[listening.simulation];
  const severities = [...new Set(simulation.severity)];
  if (!severities.includes(listening.severity)) listening.severity = severities[severities.length - 1];
  const choose = (key) => (value) => {
    listening[key] = value;
    render();
  };
  const shown = new Set(state.rows);
  const places = simulation.row
    .map((_, place) => place)
    .filter((place) => simulation.severity[place] === listening.severity && shown.has(simulation.row[place]));
  places.sort((left, right) => simulation.errors[right] - simulation.errors[left]);
  const names = payload.simulated.map((one, index) => [index, nameSimulation(one)]);
  const levels = severities.map((severity) => [severity, formatTick(severity)]);
  const tools = make(
    "div",
    { class: "toolbar" },
    makeSelect("Simulation", names, listening.simulation, choose("simulation")),
    makeSelect(simulation.severity_name, levels, listening.severity, choose("severity")),
  );
  const lines = places.map((place) => makeSimulated(simulation, place));
  const list = lines.length ? make("div", { class: "ulist" }, lines) : makeNote(NONE_SIMULATED);
  const note = "Most errors first, reference over what the model heard.";
  const card = makeWidePanel("Simulated utterances", note, tools, list);
  card.classList.add("listening");
  return card;
}

function nameSimulation({ simulation }) {
  return simulation.replaceAll("_", " ").replace(":", ": ");
}

function makeSimulated(simulation, place) {
  const row = simulation.row[place];
  const severity = `${simulation.severity_name} ${formatTick(simulation.severity[place])}`;
  const condition = `${nameSimulation(simulation)}, ${severity}`;
  const pairs = alignWords(row, simulation, place);
  const facts = [condition, `errors ${simulation.errors[place]}, unchanged ${wordErrors(row) ?? "–"}`];
  const told = facts.map((fact) => make("span", {}, fact));
  const play = makePlayButton(simulation.audio + place, `${payload.ids[row]}, ${condition}`);
  return makeListed(row, told, makeDiff(row, pairs), play);
}

// The simulated recordings of one utterance, for its panel.
function listSimulated(row) {
  const lines = payload.simulated.flatMap((simulation) =>
    simulation.row.flatMap((of, place) => (of === row ? [makeSimulated(simulation, place)] : [])),
  );
  return lines.length
    ? make("details", { class: "simulated" }, make("summary", {}, `Simulated: ${lines.length}`), lines)
    : null;
}
