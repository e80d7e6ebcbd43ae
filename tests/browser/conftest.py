"""A headless Chromium that cannot reach any network, and what it saw while a page was open."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1440,1000",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


class Browser:
    """Opens a page and tells what it asked for and complained about."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path):
        """Open a file, and wait until its scripts are through."""
        self.driver.get("about:blank")
        for kind in ("performance", "browser"):
            self.driver.get_log(kind)
        self.driver.get(Path(path).as_uri())
        self.wait(lambda: self.run("return document.documentElement.dataset.ready") == "yes")
        return self

    def wait(self, condition):
        """Wait until a condition holds."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 30).until(lambda _: condition())

    def run(self, script, *arguments):
        """Run a script in the page and return its value."""
        return self.driver.execute_script(script, *arguments)

    def requests(self):
        """List what was asked for since the page was opened, the page itself and inline data left out."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        urls = [
            a["request"]["url"]
            for a in asked
            if a.get("type") != "Document" or "://" not in a["request"]["url"]
        ]
        pages = [a["request"]["url"] for a in asked if a.get("type") == "Document"]
        return [u for u in urls if not u.startswith("data:")] + pages[1:]

    def complaints(self):
        """List errors and warnings of the console since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def texts(self, selector):
        """List the texts of all elements that a selector finds, shown or not."""
        return self.run(
            "return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent)", selector
        )


@pytest.fixture(scope="session")
def chromium():
    """Start Debian's Chromium, or say why there is none."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver_path = shutil.which("chromedriver")
    if not binary or not driver_path:
        if os.environ.get("CLUSTERMAP_NEEDS_BROWSER"):
            pytest.fail("the check needs a browser, and there is none")
        pytest.skip("no Chromium with its driver on PATH (Debian: apt-get install chromium chromium-driver)")
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="selenium is not installed (pip install selenium)"
    )
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(driver_path))
        yield Browser(driver)
        driver.quit()


@pytest.fixture(scope="session")
def hostile():
    """Texts that must never become markup; the same that the pages are checked with without a browser."""
    corpus = Path(__file__).resolve().parents[1] / "maps" / "hostile.json"
    return json.loads(corpus.read_text(encoding="utf-8"))
