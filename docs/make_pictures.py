"""Take the README's picture: the demo's map, opened in a browser without a network."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from selenium import webdriver

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 1440, 900
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def main(page: str = "out/hvm/map.html", picture: str = "docs/pictures/hvm_map.png") -> int:
    """Open the page and keep what it shows."""
    options = webdriver.ChromeOptions()
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*FLAGS, f"--window-size={WIDTH},{HEIGHT}", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
        try:
            browser.get((ROOT / page).as_uri())
            time.sleep(2)
            target = ROOT / picture
            target.parent.mkdir(parents=True, exist_ok=True)
            browser.save_screenshot(str(target))
        finally:
            browser.quit()
    print(f"{picture}: {WIDTH} × {HEIGHT}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
