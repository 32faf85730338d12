// Reference over hypothesis: what is right stands once, under each wrong word of the reference what was
// heard.

const NOTHING = "∅";

function makeDiff(row, pairs = alignWords(row)) {
  if (payload.errors[row])
    return make(
      "div",
      { class: "diff", dir: "auto" },
      payload.references[row],
      make("p", { class: "failure" }, payload.errors[row]),
    );
  const line = make("div", { class: "diff", dir: "auto" });
  let right = [];
  const flush = () => {
    if (right.length) line.append(`${right.join(" ")} `);
    right = [];
  };
  for (const pair of pairs) {
    if ("=h".includes(pair.operation)) right.push(pair.hypothesis);
    else {
      flush();
      line.append(makeWrong(pair), " ");
    }
  }
  flush();
  return line;
}

function makeWrong({ operation, reference, hypothesis }) {
  const name = OPERATION_NAMES[operation];
  return make(
    "span",
    { class: `wrong op-${name}`, title: `${name}: ${reference ?? NOTHING} → ${hypothesis ?? NOTHING}` },
    make("del", {}, reference ?? NOTHING),
    make("ins", {}, hypothesis ?? NOTHING),
  );
}

function makeDiffLegend() {
  const names = Object.values(OPERATION_NAMES).slice(2);
  return make(
    "span",
    { class: "key" },
    names.map((name) => make("span", { class: `pair op-${name}` }, name)),
  );
}
