// What to look at first: slices, clusters and speakers that stand out, each with its utterances to hear.

const findings = payload.analysis.search ?? null;
const findingState = { open: new Set() };

function addFindings(board) {
  if (!findings) return;
  const scope = `${findings.candidates_tested} slices, clusters and groups of speakers were tested`;
  const told = findings.findings.length
    ? `${scope}; chance of any false finding ${formatShare(findings.alpha).replace(" ", "\u00a0")}. ` +
      (whole ? "" : "Their utterances are from the whole run.")
    : `Nothing stands out: ${scope}.`;
  const note = findings.note ? makeNote(findings.note) : null;
  const card = makeWidePanel(
    overAll("What to look at first"),
    told,
    note,
    findings.findings.map(makeFinding),
  );
  card.id = "findings";
  board.prepend(card);
}

function makeFinding(finding, index) {
  const { rows } = finding;
  const body = make("div", { class: "finding-body" });
  const show = () => {
    const isOpen = findingState.open.has(index);
    head.setAttribute("aria-expanded", isOpen);
    body.replaceChildren(...(isOpen ? makeFindingBody(finding, rows) : []));
  };
  const toggle = () => {
    if (!findingState.open.delete(index)) findingState.open.add(index);
    show();
  };
  const effect = make("span", { class: "effect" }, describeEffect(finding));
  const head = makeButton([make("span", {}, capitalize(finding.name)), effect], toggle, {
    class: "finding-head",
  });
  show();
  const keep = makeRowsButton(rows, finding.name);
  const page = makePageLink(`finding-${index + 1}`);
  return make("div", { class: "finding" }, head, makeFindingFacts(finding), keep, page, body);
}

function describeEffect({ effect_points: effect, low, high }) {
  const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;
  return `${signed(effect)} points${low === null ? "" : ` (${signed(low)} to ${signed(high)})`}`;
}

function makeFindingFacts(finding) {
  const speakers = `${finding.speakers} speaker${finding.speakers === 1 ? "" : "s"}`;
  const rates = `WER ${formatShare(finding.error_rate)} against ${formatShare(finding.rest_error_rate)}`;
  const size = `${finding.utterances} utterances of ${speakers}`;
  const where = finding.where && finding.where !== finding.name ? finding.where : null;
  const others = finding.also_differs.length ? `also: ${finding.also_differs.join(", ")}` : null;
  return make(
    "p",
    { class: "note facts-line" },
    [rates, size, `p ${formatProbability(finding.p, finding.p_is_bound)}`, where, others]
      .filter((fact) => fact)
      .join(" · "),
  );
}

function makeFindingBody(finding, rows) {
  const examples = whole
    ? rows.toSorted((left, right) => wordErrors(right) - wordErrors(left)).slice(0, 5)
    : finding.examples.map((name) => payload.ids.indexOf(name)).filter((row) => row >= 0);
  const facts = [
    ["errors", (row) => String(wordErrors(row))],
    ["words", (row) => String(referenceWords(row))],
  ];
  const note = whole
    ? `The ${examples.length} with the most errors, of ${rows.length} in the sample:`
    : `The ${examples.length} with the most errors beyond the others' rate, of ${rows.length}:`;
  return [makeNote(note), makeUtteranceList(examples, facts)];
}

function makeRowsButton(rows, label) {
  const text = whole ? "Show those of the sample" : "Show the utterances";
  return makeButton(text, () => showRows(rows, label), { class: "quiet" });
}

// The utterances in the table, and nothing else.
function showRows(rows, label) {
  keepOnly(rows, label);
  showTab("utterances");
  scrollTo(0, 0);
}
