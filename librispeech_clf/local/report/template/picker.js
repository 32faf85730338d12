// A searchable list of columns in groups, behind a button that names the chosen one.

let pickerCount = 0;

// `chosen` is a key, or a set of keys where several are; `onchange` is told the key that was picked.
function makePicker(label, { chosen, onchange, accept = () => true, text = null, id = null }) {
  const number = (pickerCount += 1);
  const isMany = chosen instanceof Set;
  const isChosen = (key) => (isMany ? chosen.has(key) : key === chosen);
  const shown = text ?? (columns.has(chosen) ? describe(columns.get(chosen)) : "Choose…");
  const list = make("div", {
    class: "picker-list",
    role: "listbox",
    id: `picker-${number}`,
    "aria-label": label,
    "aria-multiselectable": isMany ? "true" : null,
  });
  const search = make("input", {
    type: "search",
    placeholder: "Search",
    role: "combobox",
    autocomplete: "off",
    "aria-label": `Search: ${label}`,
    "aria-expanded": "true",
    "aria-controls": list.id,
  });
  const box = make("div", { class: "picker-box", popover: "auto" }, search, list);
  const button = make(
    "button",
    { class: "picker", id, "aria-haspopup": "listbox", "aria-label": `${label}: ${shown}` },
    shown,
  );
  let active = 0;
  const options = () => [...list.querySelectorAll("[role=option]")];
  const pick = (key) => {
    if (!isMany) box.hidePopover();
    onchange(key);
    if (!isMany && id) document.getElementById(id)?.focus({ preventScroll: true });
    if (isMany)
      for (const option of options()) option.setAttribute("aria-selected", isChosen(option.dataset.key));
  };
  const mark = (place) => {
    const all = options();
    active = Math.max(0, Math.min(place, all.length - 1));
    all.forEach((option, index) => option.classList.toggle("active", index === active));
    search.setAttribute("aria-activedescendant", all[active]?.id ?? "");
    all[active]?.scrollIntoView({ block: "nearest" });
  };
  const render = () => {
    const words = search.value.toLowerCase().split(/\s+/);
    const fits = (column) => accept(column) && words.every((word) => column.search.includes(word));
    list.replaceChildren(...makePickerGroups(number, fits, isChosen, pick));
    mark(search.value ? 0 : options().findIndex((option) => isChosen(option.dataset.key)));
  };
  search.addEventListener("input", render);
  search.addEventListener("keydown", (event) => {
    event.stopPropagation();
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (step) mark(active + step);
    else if (event.key === "Enter") options()[active]?.click();
    else if (event.key === "Escape") box.hidePopover();
    else return;
    event.preventDefault();
  });
  button.addEventListener("click", () => {
    if (box.matches(":popover-open")) return;
    search.value = "";
    button.focus(); // where the browser gives the focus back to
    box.showPopover();
    render();
    const { left, bottom, top } = button.getBoundingClientRect();
    const { width, height } = box.getBoundingClientRect();
    box.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
    box.style.top = `${bottom + 4 + height > innerHeight ? Math.max(8, top - height - 4) : bottom + 4}px`;
    search.focus();
  });
  box.addEventListener("toggle", (event) => {
    if (event.newState === "closed" && box.contains(document.activeElement)) button.focus();
  });
  return make("span", { class: "picker-frame" }, button, box);
}

function makePickerGroups(number, fits, isChosen, pick) {
  let count = 0;
  const groups = Object.entries(GROUP_NAMES).map(([group, label]) => {
    const found = [...columns.values()].filter((column) => column.group === group && fits(column));
    const makeOption = (column) =>
      make(
        "div",
        {
          role: "option",
          id: `picker-${number}-${(count += 1)}`,
          "data-key": column.key,
          "aria-selected": String(isChosen(column.key)),
          onclick: () => pick(column.key),
        },
        describe(column),
      );
    if (!found.length) return null;
    const heading = make("strong", { "aria-hidden": "true" }, label);
    return make("div", { role: "group", "aria-label": label }, heading, found.map(makeOption));
  });
  return groups.some((group) => group) ? groups.filter((group) => group) : [makeNote("No such column.")];
}
