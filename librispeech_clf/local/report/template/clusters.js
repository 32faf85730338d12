// Weak clusters as cards in words; the rate of each card follows the filters.

const clustering = payload.analysis.clusters ?? null;

function showClusters(panel) {
  const intro = make("p", { class: "note" });
  const board = make("div", { class: "board" });
  panel.append(intro, board);
  const flagged = clustering.clusters.filter((cluster) => cluster.flagged);
  const verdict = flagged.length
    ? `${flagged.length} of ${clustering.clusters.length} clusters are significantly worse than the rest`
    : `None of ${clustering.clusters.length} clusters is significantly worse than the rest`;
  intro.append(
    `${verdict} (chance of any false alarm ${clustering.alpha}, tested with ${clustering.tested_by} as ` +
      `units, corrected). ${clustering.criterion ?? ""}. ${clustering.note ?? ""}`,
  );
  const render = () => board.replaceChildren(...clustering.clusters.map(makeClusterCard));
  render();
  return { rows: render };
}

function makeClusterCard(cluster) {
  const rows = cluster.rows.filter((row) => row >= 0);
  const verdict = cluster.flagged ? "weak" : cluster.untested ? "not tested" : "not significant";
  return make(
    "article",
    { class: `card cluster${cluster.flagged ? " flagged" : ""}` },
    make("h2", {}, `Cluster ${cluster.number}`, make("span", { class: "badge" }, verdict)),
    make("p", { class: "finding" }, `${capitalize(cluster.sentence)}.`),
    makeClusterFacts(cluster),
    makeShownRate(rows),
    makeClusterMetadata(cluster),
    make(
      "div",
      { class: "buttons" },
      make("button", { onclick: () => keepOnly(rows, `Cluster ${cluster.number}`) }, "Keep only these"),
      latentMaps.length
        ? make(
            "button",
            {
              class: "quiet",
              onclick: () => {
                select(rows);
                showTab("map");
              },
            },
            "Show on the map",
          )
        : null,
    ),
  );
}

function makeClusterFacts(cluster) {
  const { rate, rest } = cluster;
  const facts = [
    ["word error rate", formatRange(rate, rate.rate)],
    ["all others", formatRange(rest, rest.rate)],
    ["corrected p-value", cluster.untested ?? formatProbability(cluster.p_corrected)],
    [
      "speakers",
      cluster.largest_speaker
        ? `${cluster.speakers}, most by ${cluster.largest_speaker} ` +
          `(${formatShare(cluster.largest_speaker_share)})`
        : String(cluster.speakers),
    ],
  ];
  return makeFacts(facts);
}

function makeShownRate(rows) {
  const shown = new Set(state.rows);
  const members = rows.filter((row) => shown.has(row));
  if (members.length === rows.length || !figures.length) return null;
  const result = estimateRatio(members, figures[0], speakerOf);
  return makeNote(
    `With the filters: ${members.length} utterances, ${formatFigure(figures[0], result.estimate)} ` +
      `(${formatInterval(figures[0], result)})`,
  );
}

function makeClusterMetadata(cluster) {
  if (!cluster.metadata?.length) return null;
  const show = (item, value) =>
    item.kind === "categorical" ? formatShare(value) : formatNumber(value, item.unit ?? "");
  const rows = cluster.metadata
    .slice(0, 12)
    .map((item) => [
      item.phrase,
      show(item, item.inside),
      show(item, item.outside),
      formatNumber(item.effect),
      formatProbability(item.p_corrected),
    ]);
  return makeTable(["what sets it apart", "here", "others", "effect", "p"], rows, { numeric: [1, 2, 3, 4] });
}
