"""A headless browser that opens report pages."""

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Browser:
    """A headless Chromium with the page open."""

    driver: object
    downloads: Path
    keys: type
    """Keys without a letter, by name."""

    @property
    def actions(self):
        """Make a chain of what a hand does with mouse and keys."""
        from selenium.webdriver import ActionChains

        return ActionChains(self.driver, duration=20)

    def open(self, path, state: str = "") -> None:
        """Open a page from disk with a state in its address, in a document of its own, until it is ready."""
        self.driver.get("about:blank")
        self.driver.get(path.as_uri() + state)
        self.wait("return document.documentElement.dataset.ready", 60)

    def go(self, state: str) -> None:
        """Give the open page a state by its address."""
        if self.hash != state:
            self.run(
                "return new Promise((done) => { addEventListener('hashchange', () => done(), {once: true});"
                " location.hash = arguments[0] })",
                state,
            )

    def reset(self, path, state: str = "") -> None:
        """Give a page a state by its address alone where it is open."""
        if self.driver.current_url.partition("#")[0] == path.as_uri():
            self.go("")
            self.go(state)
        else:
            self.open(path, state)

    def run(self, script: str, *arguments):
        """Run JavaScript in the page and give its result."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str, seconds: float = 20.0):
        """Wait until JavaScript gives something true, and give it."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda driver: self.run(script))

    @property
    def hash(self) -> str:
        """The state in the page's address."""
        return self.run("return location.hash")

    def back(self, expected: str) -> None:
        """Go back, until the address holds a state."""
        self.run("history.back()")
        self.wait(f"return location.hash === '{expected}'")

    def show(self, section: str) -> None:
        """Open a section by its tab."""
        self.click(f"#tab-{section}")

    def find(self, selector: str):
        """Find an element to act on by `actions` or keys."""
        return self.driver.find_element("css selector", selector)

    def click(self, selector: str, index: int = 0) -> None:
        """Click an element, be it drawn or not."""
        self.run(
            "document.querySelectorAll(arguments[0])[arguments[1]]"
            ".dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))",
            selector,
            index,
        )

    def click_text(self, selector: str, text: str) -> None:
        """Click the first of some elements that begins with a text."""
        self.click(selector, [shown.startswith(text) for shown in self.texts(selector)].index(True))

    def ask(self, selector: str, question: str):
        """Evaluate JavaScript about `e`, an element."""
        return self.run(f"const e = document.querySelector(arguments[0]); return {question}", selector)

    def read(self, selector: str, name: str = "textContent"):
        """Read a property of an element."""
        return self.ask(selector, f"e.{name}")

    def text(self, selector: str) -> str:
        """Give the text that an element shows."""
        return self.ask(selector, "e.innerText")

    def box(self, selector: str) -> dict:
        """Give an element's place in the window, in CSS pixels."""
        return self.ask(selector, "e.getBoundingClientRect().toJSON()")

    def is_visible(self, selector: str) -> bool:
        """Tell whether an element is drawn."""
        return self.ask(selector, "e.checkVisibility()")

    def look(self, selector: str, name: str) -> str:
        """Read a computed style of an element."""
        return self.ask(selector, f"getComputedStyle(e).{name}")

    def texts(self, selector: str, name: str = "textContent") -> list[str]:
        """Give the texts, or another property, of all elements."""
        elements = "[...document.querySelectorAll(arguments[0])]"
        return self.run(f"return {elements}.map((e) => e.{name})", selector)

    def count(self, selector: str) -> int:
        """Count elements."""
        return len(self.texts(selector, "tagName"))

    def enter(self, selector: str, value: str) -> None:
        """Type a value into an input, or choose it in a menu."""
        self.run(
            "const input = document.querySelector(arguments[0]); input.value = arguments[1];"
            "for (const kind of ['input', 'change'])"
            " input.dispatchEvent(new Event(kind, {bubbles: true}))",
            selector,
            value,
        )

    def press(self, *keys: str) -> None:
        """Press keys where the focus is."""
        self.actions.send_keys(*keys).perform()

    def rest(self, milliseconds: int = 300) -> None:
        """Let the page draw what it draws later."""
        self.run(f"return new Promise((done) => setTimeout(done, {milliseconds}))")

    def wait_for_count(self, count: int) -> None:
        """Wait until the page shows this number of utterances."""
        self.wait(f"return document.getElementById('count').textContent.startsWith('{count} of')")

    def list_sections(self) -> list[str]:
        """List the sections that the page has."""
        return [name.removeprefix("tab-") for name in self.texts("[role=tab]", "id")]

    def export(self) -> Path:
        """Export through the button; give the file."""
        path = self.downloads / "utterances.csv"
        path.unlink(missing_ok=True)
        self.click("#export")
        for _ in range(400):
            if path.exists():
                break
            self.rest(50)
        return path

    @contextlib.contextmanager
    def sized(self, width: int, height: int):
        """Give the window a size in CSS pixels, and its own size back."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        yield
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    @contextlib.contextmanager
    def own_tab(self):
        """Work in a tab with a history of its own."""
        before = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        yield
        self.driver.close()
        self.driver.switch_to.window(before)

    def problems(self) -> list[str]:
        """Give the console's errors since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Start headless Chromium; skip where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver_path:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    downloads = tmp_path_factory.mktemp("downloads")
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
        "--autoplay-policy=no-user-gesture-required", "--disable-dev-shm-usage", "--window-size=1440,900",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
    yield Browser(driver, downloads, webdriver.Keys)
    driver.quit()
