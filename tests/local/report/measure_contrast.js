// Texts of the page whose contrast is below 4.5 (WCAG 2.1, 1.4.3), or 3 where they are large; one line each.
const parse = (text) => {
  const [red, green, blue, alpha = 1] = text.match(/[\d.]+/g).map(Number);
  return [red, green, blue, alpha];
};
const blend = (over, under) =>
  over.slice(0, 3).map((part, index) => part * over[3] + under[index] * (1 - over[3]));
const luminance = (color) => {
  const [red, green, blue] = color
    .map((part) => part / 255)
    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const ground = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((under, over) => blend(over, under), [255, 255, 255]);
};
const opacity = (element) => {
  let share = 1;
  for (let at = element; at; at = at.parentElement) share *= Number(getComputedStyle(at).opacity);
  return share;
};

const problems = new Set();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const text = walker.currentNode.textContent.trim();
  if (!text || !element.checkVisibility({ checkVisibilityCSS: true })) continue;
  if (element.closest("script, style, noscript, option, .skip, #tooltip")) continue;
  const look = getComputedStyle(element);
  const [red, green, blue, alpha] = parse(element.closest("svg") ? look.fill : look.color);
  const under = ground(element.closest("svg") ?? element);
  const over = blend([red, green, blue, alpha * opacity(element)], under);
  const [light, dark] = [luminance(over), luminance(under)].sort((one, other) => other - one);
  const ratio = (light + 0.05) / (dark + 0.05);
  const isLarge =
    parseFloat(look.fontSize) >= 24 || (parseFloat(look.fontSize) >= 18.66 && look.fontWeight >= 700);
  if (ratio < (isLarge ? 3 : 4.5) - 0.005)
    problems.add(
      `${ratio.toFixed(2)}: ${element.tagName}.${element.getAttribute("class")} "${text.slice(0, 20)}"`,
    );
}
return [...problems];
