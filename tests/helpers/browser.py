"""A headless browser that opens report pages."""

import contextlib
import shutil
from dataclasses import dataclass

import pytest


@dataclass
class Browser:
    """A headless Chromium with the page open."""

    driver: object

    def open(self, path) -> None:
        """Open a page from disk and wait until it is ready."""
        from selenium.webdriver.support.ui import WebDriverWait

        self.driver.get(path.as_uri())
        WebDriverWait(self.driver, 60).until(
            lambda driver: self.run("return document.documentElement.dataset.ready")
        )

    def run(self, script: str, *arguments):
        """Run JavaScript in the page and give its result."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str, seconds: float = 20.0):
        """Wait until JavaScript gives something true, and give it."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda driver: self.run(script))

    def follow(self, path, state: str) -> None:
        """Open a page with a state in its address, in a document of its own."""
        self.driver.get("about:blank")
        self.driver.get(path.as_uri() + state)
        self.wait("return document.documentElement.dataset.ready", 60)

    def show(self, section: str) -> None:
        """Open a section by its tab."""
        self.run(f"document.getElementById('tab-{section}').click()")

    def click(self, selector: str, index: int = 0) -> None:
        """Click an element."""
        self.run("document.querySelectorAll(arguments[0])[arguments[1]].click()", selector, index)

    def text(self, selector: str) -> str:
        """Give the text that an element shows."""
        return self.run("return document.querySelector(arguments[0]).innerText", selector)

    def texts(self, selector: str) -> list[str]:
        """Give the texts of all elements."""
        return self.run(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector
        )

    def count(self, selector: str) -> int:
        """Count elements."""
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def box(self, selector: str) -> dict:
        """Give an element's place in the window, in CSS pixels."""
        return self.run(
            "return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()", selector
        )

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
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def wait_for_count(self, count: int) -> None:
        """Wait until the page shows this number of utterances."""
        self.wait(f"return document.getElementById('count').textContent.startsWith('{count} of')")

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
    started = Browser(driver)
    started.downloads = downloads
    yield started
    driver.quit()
