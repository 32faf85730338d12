// Lists of utterances, and cards in lanes that leave no holes.

const LANE_WIDTH = 345;
const LANE_GAP = 14;

// Utterances with a play button, facts in the head line, reference over hypothesis below; `limit` at first.
function makeUtteranceList(rows, facts, { limit = 25, body = makeDiff } = {}) {
  const list = make("div", { class: "ulist" });
  const makeLine = (row) => {
    const told = facts.map(([name, of]) => make("span", {}, `${name} `, make("b", {}, of(row))));
    return makeListed(row, told, body(row));
  };
  grow(list, rows, limit, (some) => some.map(makeLine));
  return rows.length ? list : makeNote("None.");
}

function makeListed(row, told, body, play = makePlayButton(row)) {
  return make(
    "div",
    { class: "urow" },
    make("div", { class: "play-cell" }, play),
    make("div", { class: "text" }, make("div", { class: "row-head" }, utteranceButton(row), told), body),
  );
}

// Cards side by side in lanes, wide ones below; the last of each lane fills it up.
class Lanes {
  constructor(panel) {
    const count = Math.max(1, Math.floor((panel.clientWidth - LANE_GAP) / (LANE_WIDTH + LANE_GAP)));
    this.lanes = Array.from({ length: count }, () => make("div", { class: "lane" }));
    this.row = make("div", { class: "lanes" }, this.lanes);
    this.element = make("div", { class: "board masonry" }, this.row);
    this.order = [];
    panel.append(this.element);
  }

  append(...cards) {
    for (const card of cards) {
      if (!card.classList.contains("wide")) this.order.push(card);
      (card.classList.contains("wide") ? this.element : this.lanes[0]).append(card);
    }
  }

  // Puts a card above the lanes.
  prepend(card) {
    this.element.prepend(card);
  }

  finish() {
    this.deal();
    for (const lane of this.lanes) if (!lane.childElementCount) lane.remove();
    this.fillUp();
    this.row.classList.add("finished");
  }

  // Deals the cards out, the highest first, each into the shortest lane, which keeps their order.
  deal() {
    const heights = new Map(this.order.map((card) => [card, card.offsetHeight + LANE_GAP]));
    const lanes = this.lanes.map(() => []);
    const height = (lane) => sum(lane.map((card) => heights.get(card)));
    for (const card of this.order.toSorted((one, other) => heights.get(other) - heights.get(one))) {
      lanes.reduce((best, lane) => (height(lane) < height(best) ? lane : best)).push(card);
    }
    const place = (card) => this.order.indexOf(card);
    for (const lane of lanes) lane.sort((one, other) => place(one) - place(other));
    lanes.sort((one, other) => place(one[0]) - place(other[0]));
    lanes.forEach((lane, index) => this.lanes[index].replaceChildren(...lane));
  }

  // What can grow takes what its lane lacks.
  fillUp() {
    const tallest = Math.max(...this.lanes.map((lane) => lane.offsetHeight));
    for (const lane of this.lanes) {
      const growing = [...lane.children].filter((card) => card.grow);
      const heights = growing.map((card) => card.offsetHeight);
      const spare = tallest - lane.offsetHeight;
      growing.forEach((card, index) => card.grow((spare * heights[index]) / sum(heights)));
    }
  }
}

// A card's chart, drawn at a width with some pixels of height to spare.
function addChart(card, drawWith) {
  const chart = drawWith(chartWidth(card), 0);
  card.append(chart);
  card.grow = (spare) => chart.replaceWith(drawWith(chartWidth(card), spare)); // lanes may have gone
}
