// Start: header, theme, tabs, keys. The open section alone is kept up to date.

const TABS = [
  { key: "overview", label: "Overview", show: showOverview },
  { key: "map", label: "Latent map", show: showMap, when: () => latentMaps.length },
  { key: "utterances", label: "Utterances", show: showTable },
  { key: "clusters", label: "Weak clusters", show: showClusters, when: () => clustering?.clusters?.length },
  { key: "dashboards", label: "Dashboards", show: showDashboards, when: () => figures.length },
  {
    key: "confusions",
    label: "Confusions",
    show: showConfusions,
    when: () => columns.has("word_error_rate"),
  },
  { key: "robustness", label: "Robustness", show: showRobustness, when: () => robustness.length },
  { key: "systems", label: "Systems", show: showSystems, when: () => isCompared },
].filter((tab) => !tab.when || tab.when());

const tabsElement = document.getElementById("tabs");
const panelElement = document.getElementById("panel");
let shownTab = null;
let reactions = {};
let drawnWidth = 0;

function buildTabs() {
  tabsElement.replaceChildren(
    ...TABS.map((tab) =>
      makeButton(tab.label, () => showTab(tab.key), {
        role: "tab",
        id: `tab-${tab.key}`,
        "aria-controls": "panel",
      }),
    ),
  );
  tabsElement.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const place = TABS.findIndex((tab) => tab.key === shownTab);
    const next = TABS[(place + step + TABS.length) % TABS.length];
    showTab(next.key);
    document.getElementById(`tab-${next.key}`).focus();
  });
}

function showTab(key) {
  const tab = TABS.find((candidate) => candidate.key === key) ?? TABS[0];
  shownTab = tab.key;
  for (const button of tabsElement.children) {
    const isShown = button.id === `tab-${tab.key}`;
    button.setAttribute("aria-selected", String(isShown));
    button.tabIndex = isShown ? 0 : -1;
  }
  hideTooltip();
  panelElement.setAttribute("aria-labelledby", `tab-${tab.key}`);
  panelElement.dataset.tab = tab.key;
  panelElement.replaceChildren();
  drawnWidth = panelElement.clientWidth;
  reactions = isEmpty() ? {} : (tab.show(panelElement) ?? {});
  tell("address");
}

function buildHeader() {
  document.getElementById("title").textContent = payload.title;
  document
    .getElementById("description")
    .append(
      ...Object.entries(payload.description).map(([name, value]) =>
        make("div", {}, make("dt", {}, name), make("dd", {}, value)),
      ),
    );
  listenToTheme();
  document.getElementById("skip").addEventListener("click", () => panelElement.focus());
  document.getElementById("filters-switch").addEventListener("click", () => toggleFilters());
}

function toggleFilters(open = !document.body.classList.contains("has-filters")) {
  document.body.classList.toggle("has-filters", open);
  document.getElementById("filters-switch").setAttribute("aria-expanded", String(open));
}

function repaint() {
  showTab(shownTab);
  if (shownView) drawPictures(shownView);
}

// What the space bar acts on itself.
const ACTED_BY_SPACE = "button, audio, summary, a, [role=button], [role=application]";

function listenToKeys() {
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (state.open !== null) openUtterance(null);
      else toggleFilters(false);
    }
    if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey)
      return;
    if (event.key === "/") {
      event.preventDefault();
      toggleFilters(true);
      document.getElementById("search").focus();
    }
    if (event.key === " " && state.open !== null && !event.target.closest(ACTED_BY_SPACE)) {
      event.preventDefault();
      toggleAudio();
    }
    const button = { l: "loop", n: "next", p: "previous" }[event.key];
    if (state.open !== null && button) document.getElementById(button)?.click();
  });
}

function isEmpty() {
  return payload.count > 0 && !state.rows.length;
}

// Says so where the filters leave nothing to show.
function showEmptiness() {
  const element = document.getElementById("empty");
  element.hidden = !isEmpty();
  panelElement.hidden = isEmpty();
  if (!isEmpty()) {
    if (shownTab && !panelElement.childElementCount) showTab(shownTab);
    return;
  }
  element.replaceChildren(
    make("h2", {}, "No utterance passes the filters"),
    makeNote(describeFilters().join(" · ")),
    makeButton("Clear all filters", resetFilters),
  );
}

let resizing = null;

function redraw() {
  clearTimeout(resizing);
  // An open list of columns would go with what it stands in.
  if (document.querySelector(":popover-open")) resizing = setTimeout(redraw, 300);
  else if (!isEmpty()) redrawBy("resize");
}

// The focus stays on what it was on.
function redrawBy(event) {
  const restore = rememberFocus();
  holdPlace(() => reactions[event]?.());
  restore?.();
}

// Redraws a section without a jump of the window; the open utterance stays in sight.
function holdPlace(render) {
  const place = scrollY;
  panelElement.style.minHeight = `${panelElement.offsetHeight}px`;
  render();
  panelElement.style.minHeight = "";
  scrollTo(0, place);
  const open =
    state.open !== null && panelElement.querySelector(`[data-open="${state.open}"], #row-${state.open}`);
  if (open) open.scrollIntoView({ block: "nearest" });
}

function listenToSize() {
  const react = () => {
    if (panelElement.clientWidth === drawnWidth) return;
    drawnWidth = panelElement.clientWidth;
    clearTimeout(resizing);
    resizing = setTimeout(redraw, 120);
  };
  new ResizeObserver(react).observe(panelElement);
  const bar = document.getElementById("bar");
  const header = document.querySelector(".top");
  const setHeight = (name, pixels) => document.documentElement.style.setProperty(name, `${pixels}px`);
  const measureTop = () => setHeight("--top", Math.max(0, header.getBoundingClientRect().bottom));
  addEventListener("scroll", measureTop, { passive: true });
  new ResizeObserver(measureTop).observe(header);
  const measure = () =>
    setHeight("--bar", getComputedStyle(bar).position === "sticky" ? bar.offsetHeight : 0);
  new ResizeObserver(measure).observe(bar);
}

function start() {
  buildHeader();
  listen("rows", showHeadline);
  buildFilters();
  buildTabs();
  listen("rows", showEmptiness);
  listen("rows", () => isEmpty() || redrawBy("rows"));
  listen("selected", () => reactions.selected?.());
  listen("open", showUtterance);
  listen("open", () => reactions.open?.());
  address.isApplying = true;
  applyFilters();
  showTab(TABS[0].key);
  address.isApplying = false;
  listenToAddress();
  applyAddress();
  listenToKeys();
  addEventListener("beforeprint", () => reactions.print?.());
  addEventListener("afterprint", redraw);
  listenToSize();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

start();
