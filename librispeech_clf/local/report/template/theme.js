// Light or dark: as the reader chose, or else as the system is set; `data-theme` always holds which.

const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
let chosenTheme = null;

function applyTheme(chosen) {
  chosenTheme = chosen;
  document.documentElement.dataset.theme = chosen ?? (systemIsDark.matches ? "dark" : "light");
}

function listenToTheme() {
  document.getElementById("theme-switch").addEventListener("click", () => {
    applyTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    repaint();
    tell("address");
  });
  systemIsDark.addEventListener("change", () => {
    applyTheme(chosenTheme);
    repaint();
  });
}

applyTheme(null);
