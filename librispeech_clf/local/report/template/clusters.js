// The clusters of the hidden states as cards: what they have in common, and which of them are weak.

const clustering = payload.analysis.clusters ?? null;
const SHOWN_TRAITS = 6;

function showClusters(panel) {
  const intro = make("p", { class: "note" });
  const board = make("div", { class: "board" });
  panel.append(intro, board);
  const { clusters, criterion, alpha, note } = clustering;
  const weak = clusters.filter((cluster) => cluster.is_weak).length;
  intro.append(
    `${weak || "None"} of ${clusters.length} clusters ${weak === 1 ? "is" : "are"} ` +
      "weak: worse than the rest, and found by the search itself or mostly within one of its findings " +
      `(chance of any false finding ${formatShare(alpha)}, see “What to look at first”). ${criterion}.` +
      (note ? ` ${capitalize(note)}.` : ""),
  );
  const render = () => board.replaceChildren(...clusters.map(makeClusterCard));
  render();
  return { rows: render };
}

function makeClusterCard(cluster) {
  const { rows } = cluster;
  const verdict = cluster.is_weak ? "weak" : cluster.untested ? "not tested" : "not significant";
  const title = cluster.name || "no distinguishing trait";
  const showOnMap = () => {
    select(rows);
    showTab("map");
  };
  return make(
    "article",
    { class: `card cluster${cluster.is_weak ? " flagged" : ""}` },
    make("h2", {}, `${cluster.number}. ${capitalize(title)}`, make("span", { class: "badge" }, verdict)),
    makeClusterFacts(cluster),
    makeShownRate(rows),
    makeClusterTraits(cluster.traits),
    makePageLink(`cluster-${cluster.number}`),
    make(
      "div",
      { class: "buttons" },
      makeButton("Keep only these", () => keepOnly(rows, `Cluster ${cluster.number}`)),
      latentMaps.length ? makeButton("Show on the map", showOnMap, { class: "quiet" }) : null,
    ),
  );
}

function makeClusterFacts(cluster) {
  const { rate, rest, difference, low, high, speakers } = cluster;
  const most = cluster.largest_speaker
    ? `, most by ${cluster.largest_speaker} (${formatShare(cluster.largest_speaker_share)})`
    : "";
  const points = low === null ? null : { effect_points: 100 * difference, low: 100 * low, high: 100 * high };
  return makeFacts(
    [
      [
        "utterances",
        `${rate.utterances ?? cluster.rows.length} of ${speakers} speaker${speakers === 1 ? "" : "s"}${most}`,
      ],
      ["word error rate", formatRange(rate, rate.rate)],
      ["all others", formatRange(rest, rest.rate)],
      points && ["difference", describeEffect(points)],
      ["p, corrected", cluster.untested ?? formatProbability(cluster.p, cluster.p_is_bound)],
      cluster.findings.length ? ["part of", cluster.findings.join("; ")] : null,
    ].filter((fact) => fact),
  );
}

function makeShownRate(rows) {
  const shown = new Set(state.rows);
  const members = rows.filter((row) => shown.has(row));
  if (members.length === rows.length || !figures.length) return null;
  const result = estimateRatio(members, figures[0]);
  return makeNote(
    `With the filters: ${members.length} utterances, ${formatFigure(figures[0], result.estimate)} ` +
      `(${formatInterval(figures[0], result)})`,
  );
}

// A trait in words, and the column whose medians are shown beside it where the words do not name it.
function nameTrait({ label, column, value }) {
  const known = value === null && columns.get(column);
  return [
    label,
    known && !label.endsWith(known.label) ? make("span", { class: "note" }, ` ${known.label}`) : null,
  ];
}

function makeClusterTraits(traits) {
  if (!traits?.length) return null;
  const show = (trait, value) =>
    trait.value === null ? formatNumber(value, trait.unit ?? "") : formatShare(value);
  const rows = traits
    .slice(0, SHOWN_TRAITS)
    .map((trait) => [nameTrait(trait), show(trait, trait.inside), show(trait, trait.outside)]);
  return makeTable(["in common", "here", "others"], rows, { numeric: [1, 2] });
}
