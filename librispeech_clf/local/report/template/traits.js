// What a selection has in common: columns that set it apart from the others shown, with intervals.

const MOST_TRAITS = 6;
const MOST_TRAIT_LEVELS = 20;
const FEWEST_SELECTED = 5;

function makeTraits(rows) {
  const selected = new Set(rows);
  const others = [...state.rows].filter((row) => !selected.has(row));
  if (rows.length < FEWEST_SELECTED || others.length < FEWEST_SELECTED) return null;
  const traits = [...columns.values()]
    .filter(({ group, kind }) => group !== "metric" && kind !== "text")
    .flatMap((column) =>
      column.kind === "number" ? [compareMeans(column, rows, others)] : compareShares(column, rows, others),
    )
    .filter((trait) => trait && isApart(trait))
    .sort((one, other) => Math.abs(other.effect) - Math.abs(one.effect))
    .slice(0, MOST_TRAITS);
  const heading = make("h3", {}, "What they have in common");
  if (!traits.length)
    return make("div", {}, heading, makeNote("Nothing sets them apart from the others shown."));
  const cells = traits.map(({ name, here, there, format }) => [
    name,
    ...[here, there].map(
      (result) => `${format(result.estimate)} (${format(result.low)} to ${format(result.high)})`,
    ),
  ]);
  const note = "95 % intervals by speaker that do not overlap, the largest difference first; not corrected.";
  return make(
    "div",
    { id: "traits" },
    heading,
    makeNote(note),
    makeTable(["", "selected", "others shown"], cells),
  );
}

function isApart({ here, there }) {
  return here.low !== null && there.low !== null && (here.low > there.high || here.high < there.low);
}

function compareMeans(column, rows, others) {
  const { values } = column;
  const known = [...rows, ...others].map((row) => values[row]).filter((value) => value !== null);
  const mean = sum(known) / known.length;
  const spread = Math.sqrt(sum(known.map((value) => (value - mean) ** 2)) / known.length);
  if (!(spread > 0)) return null;
  const denominator = (row) => (values[row] === null ? null : 1);
  const metric = { scale: "linear", numerator: (row) => values[row], denominator };
  const [here, there] = [rows, others].map((of) => estimateRatio(of, metric));
  const effect = (here.estimate - there.estimate) / spread;
  return { name: describe(column), here, there, effect, format: (value) => formatNumber(value) };
}

function compareShares(column, rows, others) {
  if (column.levels.length > MOST_TRAIT_LEVELS) return [];
  return column.levels.map((level, code) => {
    const denominator = (row) => (column.values[row] < 0 ? null : 1);
    const metric = { scale: "share", numerator: (row) => Number(column.values[row] === code), denominator };
    const [here, there] = [rows, others].map((of) => estimateRatio(of, metric));
    const share = (here.estimate + there.estimate) / 2;
    const effect = (here.estimate - there.estimate) / Math.sqrt(share * (1 - share) || 1);
    return { name: `${describe(column)}: ${level}`, here, there, effect, format: formatShare };
  });
}
