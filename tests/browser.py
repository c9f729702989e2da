"""A real browser, as tests of pages share it: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.own_folder import FOLDER, ROOT

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from playwright.sync_api import BrowserContext

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PICTURES = ROOT / "docs" / "screenshots"
SECONDS = 30


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", action="store_true", help="write docs/screenshots/*.png anew")


@pytest.fixture(scope="session")
def browser() -> Iterator[BrowserContext]:
    """Chromium, installed when missing, with a profile and a home of its own in the checkout."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - fast tests do without

    from sandbox.slurm.packages import install_missing  # noqa: PLC0415 - the same

    install_missing(lambda line: sys.stderr.write(f"{line}\n"), {"chromium": "chromium"})
    profile = FOLDER / "browser"
    shutil.rmtree(profile, ignore_errors=True)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            env={"HOME": str(profile), "PATH": os.environ["PATH"]},  # it writes to ~/.config and ~/.cache
            args=CHROMIUM_ARGUMENTS,
            viewport={"width": 1280, "height": 800},
        )
        yield context
        context.close()


@pytest.fixture
def page(browser: Any) -> Any:
    opened = browser.new_page()
    opened.set_default_timeout(SECONDS * 1000)
    yield opened
    opened.close()


@pytest.fixture
def shoot(page: Any, pytestconfig: pytest.Config) -> Callable[..., None]:
    """Save what is to be seen, when that was asked for."""

    def save(name: str, *, whole: bool = False) -> None:
        if pytestconfig.getoption("screenshots"):
            PICTURES.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=PICTURES / f"{name}.png", full_page=whole)

    return save


def see(page: Any, *texts: str | re.Pattern[str], seconds: float = SECONDS) -> None:
    """The page's body shows them all (an empty page has a normal title too)."""
    from playwright.sync_api import expect  # noqa: PLC0415 - the same

    for text in texts:
        expect(page.locator("body")).to_contain_text(text, timeout=seconds * 1000)
