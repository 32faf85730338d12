// What an utterance is like: the nearest ones in its panel; duplicates and leakage in the overview.

function makeNearest(row) {
  const rows = payload.nearest?.rows[row] ?? [];
  if (!rows.length) return null;
  const place = MAP_NAMES[payload.nearest.space].toLowerCase();
  const figure = figures[0];
  const facts = figure
    ? [[figure.short, (near) => formatFigure(figure, estimateRatio([near], figure).estimate)]]
    : [];
  if (speakerColumn) facts.push(["speaker", (near) => formatCell(speakerColumn, near)]);
  return make(
    "details",
    { class: "nearest", open: true },
    make("summary", {}, `Most similar: the ${rows.length} nearest in the ${place}`),
    makeUtteranceList(rows, facts),
  );
}

function addDoubles(board) {
  const doubles = payload.doubles ?? [];
  if (!doubles.length) return;
  const across = doubles.filter(({ splits }) => splits.length > 1).length;
  const rows = doubles.map(({ kind, rows: of, splits }) => () => [
    kind,
    make(
      "span",
      { class: "twins" },
      of.slice(0, 6).map((row) => utteranceButton(row)),
    ),
    splits.join(", "),
    of.length,
  ]);
  const note =
    `${across} of ${doubles.length} are in two splits. Duplicates count twice; across splits they leak. ` +
    "Only what was evaluated is compared.";
  const table = makeGrowingTable(["what", "utterances", "splits", "number"], rows, {
    numeric: [3],
    limit: 8,
  });
  const card = makeWidePanel(overAll(`Duplicates and leakage: ${doubles.length}`), note, table);
  card.id = "doubles";
  card.append(
    makeRowsButton(
      doubles.flatMap((double) => double.rows),
      "Duplicates",
    ),
  );
  board.append(card);
}
