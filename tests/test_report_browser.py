"""The report in a real browser, at the width of a desk and of a phone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tv2sim as tv
from tests.commands import CATALOGUE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.importorskip("playwright", reason="needs playwright, of the extra test")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

REAL = Path(__file__).parent.parent.parent / "shared" / "data" / "tv2-video-metadata-ingest.txt"
EVIL = "<script>alert(1)</script>\"'"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
OVERFLOWS = "document.documentElement.scrollWidth > window.innerWidth"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    os.environ.setdefault("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # without a profile of ours, playwright gives it a fresh one
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = tv.compare(REAL if REAL.exists() else CATALOGUE, replications=1000, workers=2, progress=False)
    return study.report(tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    catalogue = tv.read_catalogue(tv.generate_catalogue(60), name=EVIL)
    strategies: list[tv.Strategy | str] = [
        "1",
        tv.PART_2C.replace(name=EVIL),
        tv.PART_2C.replace(name="x" * 120),
    ]
    study = tv.compare({EVIL: catalogue, "other": catalogue}, strategies, replications=10, progress=False)
    return study.report(tmp_path_factory.mktemp("evil") / "report.html", command=EVIL)


class Opened:
    """A page, with what the browser complained of and what it asked for."""

    def __init__(self, browser: Browser, path: Path, width: int, *, javascript: bool = True) -> None:
        context = browser.new_context(
            viewport={"width": width, "height": 800}, java_script_enabled=javascript, reduced_motion="reduce"
        )
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("name", ["report", "evil"])
def test_nothing_overflows_and_nothing_is_complained_of(
    browser: Browser, request: pytest.FixtureRequest, name: str, width: int
) -> None:
    opened = Opened(browser, request.getfixturevalue(name), width)
    assert not opened.page.evaluate(OVERFLOWS)
    assert opened.complaints == []
    others = [url for url in opened.requests if not url.startswith("data:")]
    assert len(others) == 1  # the file itself
    # every chart is there, and large enough that its text can be read
    widths = "all => all.map(chart => chart.getBoundingClientRect().width)"
    assert opened.page.locator("figure svg").count() >= 6
    assert min(opened.page.locator("figure svg").evaluate_all(widths)) >= 320
    assert min(opened.page.locator("figure:not(.narrow) svg").evaluate_all(widths)) >= 500
    # what is wider than the page scrolls in a box of its own
    boxes = opened.page.locator(".box").evaluate_all("all => all.map(b => b.getBoundingClientRect().right)")
    assert max(boxes) <= width


@pytest.mark.parametrize("javascript", [True, False])
def test_names_are_shown_as_text(browser: Browser, evil: Path, javascript: bool) -> None:
    opened = Opened(browser, evil, 1280, javascript=javascript)
    assert EVIL in opened.page.locator("h1").inner_text()
    assert EVIL in opened.page.locator("#strategies ~ .box tbody th").all_inner_texts()
    assert opened.page.locator("script").count() == 0
    assert opened.complaints == []


def test_the_style_is_applied_and_the_verdict_is_on_the_first_screen(browser: Browser, report: Path) -> None:
    for width in (1280, 360):
        opened = Opened(browser, report, width)
        box = opened.page.locator(".verdict .says").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 800
        style = "getComputedStyle(document.querySelector('.verdict')).borderLeftColor"
        assert opened.page.evaluate(style) == "rgb(0, 114, 178)"


def test_no_chart_is_cut_in_print(browser: Browser, report: Path) -> None:
    opened = Opened(browser, report, 700)  # A4 less its margins
    opened.page.emulate_media(media="print")
    assert not opened.page.evaluate(OVERFLOWS)
    for wide in opened.page.locator(".box").evaluate_all("all => all.map(b => b.scrollWidth - b.clientWidth)"):
        assert wide <= 0
    assert opened.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
