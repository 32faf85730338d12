// Texts and boxes of the page that overlap, are cut, or lie outside the window; one line each.
const visible = (element) => element.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true });
const problems = [];
const { scrollWidth } = document.documentElement;
if (scrollWidth > innerWidth) problems.push(`the page is ${scrollWidth} wide`);

const texts = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const { textContent, parentElement: parent } = walker.currentNode;
  if (!textContent.trim() || !visible(parent)) continue;
  if (parent.closest("script, style, noscript, option, .skip, .unseen, #tooltip")) continue;
  const range = document.createRange();
  range.selectNodeContents(walker.currentNode);
  const name = `${parent.tagName.toLowerCase()}.${parent.getAttribute("class") ?? ""} "${textContent.trim().slice(0, 40)}"`;
  for (const box of range.getClientRects()) if (box.width > 1) texts.push({ box, name });
}
for (const { box, name } of texts) {
  if (box.left < -1 || box.right > innerWidth + 1) problems.push(`outside: ${name}`);
}
texts.sort((one, other) => one.box.top - other.box.top);
for (let first = 0; first < texts.length; first += 1) {
  const one = texts[first];
  for (let next = first + 1; next < texts.length && texts[next].box.top < one.box.bottom - 3; next += 1) {
    const other = texts[next];
    const wide = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
    const high = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
    if (wide > 2 && high > 4) problems.push(`overlap: ${one.name} and ${other.name}`);
  }
}

for (const element of document.body.querySelectorAll("*")) {
  if (!visible(element) || element.closest("svg, select, #tooltip, input, .unseen")) continue;
  const { overflowX, overflowY } = getComputedStyle(element);
  const label = `${element.tagName.toLowerCase()}#${element.id}.${element.className}`;
  if (overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1)
    problems.push(`cut: ${label}`);
  const scrolls = overflowY !== "visible" && element.scrollHeight > element.clientHeight + 1;
  if (scrolls && element.closest("main")) problems.push(`scrolls inside the page: ${label}`);
}
return problems;
