// Where the error rate counts characters or tokens: every "word" that the page writes, but transcripts.

const UNIT_NAMES = { characters: ["character", "CER"], tokens: ["token", "TER"] };
const TRANSCRIPTS = ".diff, .alignment, .id, input, script";
const unit = UNIT_NAMES[payload.description.units];

function nameUnit(text) {
  const inCase = (word) => (word[0] === "W" ? unit[0][0].toUpperCase() + unit[0].slice(1) : unit[0]);
  return text.replace(/\bWER\b/g, unit[1]).replace(/\b[Ww]ord(?=s?\b)/g, inCase);
}

function nameUnits(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = root.nodeType === Node.TEXT_NODE ? root : walker.nextNode(); node; node = walker.nextNode())
    if (/\b(WER|[Ww]ords?)\b/.test(node.data) && !node.parentElement?.closest(TRANSCRIPTS))
      node.data = nameUnit(node.data);
}

if (unit) {
  document.documentElement.dataset.units = payload.description.units;
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) nameUnits(node);
  }).observe(document.body, { childList: true, subtree: true });
  nameUnits(document.body);
}
