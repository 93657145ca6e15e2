"""The report in a real browser, at the width of a desk and of a phone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tv2sim as tv
from tests.helpers.commands import CATALOGUE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.importorskip("playwright", reason="needs playwright, of the extra test")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

REAL = Path(__file__).parents[3] / "shared" / "data" / "tv2-video-metadata-ingest.txt"
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
    path = tmp_path_factory.mktemp("evil") / "report.html"
    return study.report(path, command=EVIL, author=EVIL, notes=EVIL, by="provider")


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a report of six strategies with long names, one of them with figures of five digits."""
    pools = {"2c": 10, "a pool of ten publishers, base stock": 11, "pool-of-400-with-a-long-unbroken-name": 400}
    strategies: list[tv.Strategy | str] = [
        *(tv.PART_2C.replace(name=name, prewarmed=size) for name, size in pools.items()),
        tv.PART_1.replace(name="One publisher for each video, started late"),
        "2a",
        "2c:12",
    ]
    study = tv.compare(CATALOGUE, strategies, replications=300, workers=2, progress=False)
    return study.report(tmp_path_factory.mktemp("six") / "report.html", title="Six", author="A.", date="today")


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    worlds = {"encoders": [5, 6, 8, 10], "requests_per_second": [1, 2]}
    study = tv.compare(CATALOGUE, scenario=worlds, replications=100, workers=2, progress=False)
    return study.report(tmp_path_factory.mktemp("grid") / "report.html")


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a report with a plan that has many rows, columns and settings."""
    study = tv.compare(CATALOGUE, ["2a", "2c"], replications=100, progress=False)
    prices = tv.Prices(starting=0.01, ready=0.02)
    plan = tv.plan(CATALOGUE, ["2c", "advance", "coverage"], target=0.99, prices=prices, progress=False)
    return study.report(tmp_path_factory.mktemp("planned") / "report.html", plan=plan)


class Opened:
    """A page, with what the browser complained of and what it asked for."""

    def __init__(
        self, browser: Browser, path: Path, width: int, *, javascript: bool = True, dark: bool = False
    ) -> None:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            java_script_enabled=javascript,
            reduced_motion="reduce",
            color_scheme="dark" if dark else "light",
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
@pytest.mark.parametrize("name", ["report", "evil", "six", "grid", "planned"])
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
    charts = opened.page.locator("figure svg").evaluate_all(widths)
    assert len(charts) >= 3
    assert min(charts) >= 320
    for chart in opened.page.locator("figure.broad svg").evaluate_all(widths):
        assert chart >= 500
    # what is wider than the page scrolls in a box of its own
    boxes = opened.page.locator(".box").evaluate_all("all => all.map(b => b.getBoundingClientRect().right)")
    assert max(boxes) <= width


@pytest.mark.parametrize("name", ["report", "six", "grid", "planned"])
def test_nothing_has_to_be_scrolled_sideways_on_a_desktop(
    browser: Browser, request: pytest.FixtureRequest, name: str
) -> None:
    opened = Opened(browser, request.getfixturevalue(name), 1280)
    for wide in opened.page.locator(".box").evaluate_all("all => all.map(b => b.scrollWidth - b.clientWidth)"):
        assert wide <= 0


@pytest.mark.parametrize("javascript", [True, False])
def test_names_are_shown_as_text(browser: Browser, evil: Path, javascript: bool) -> None:
    opened = Opened(browser, evil, 1280, javascript=javascript)
    assert EVIL in opened.page.locator("h1").inner_text()
    assert EVIL in opened.page.locator(".choices .take, .rules dt").all_inner_texts()
    assert EVIL in opened.page.locator("#notes ~ p").all_inner_texts()
    assert opened.page.locator("script").count() == 0
    assert opened.complaints == []


def test_the_first_screen_has_verdict_chart_and_table(browser: Browser, report: Path, grid: Path) -> None:
    """The contents of four strategies, of a grid of eight worlds, and what a phone shows of both."""
    shown = {
        (report, 1280): [".verdict", "header figure", "#strategies table", "nav"],
        (grid, 1280): [".verdict", "header figure", "#strategies", "nav"],
        (report, 360): [".verdict .says"],
        (grid, 360): [".verdict .says"],
    }
    for (path, width), selectors in shown.items():
        opened = Opened(browser, path, width)
        for selector in selectors:
            box = opened.page.locator(selector).bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < 800, (width, selector)
        style = "getComputedStyle(document.querySelector('.verdict')).borderLeftColor"
        assert opened.page.evaluate(style) == "rgb(0, 114, 178)"


@pytest.mark.parametrize("width", [1280, 360])
def test_of_a_long_rule_two_lines_are_shown_until_it_is_opened_or_printed(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    study = tv.compare(CATALOGUE, ["2c", "coverage"], replications=2, progress=False)
    opened = Opened(browser, study.report(tmp_path / "report.html"), width, javascript=False)
    rule = opened.page.locator("details.long .rule")

    def lines() -> float:
        box = rule.bounding_box()
        assert box is not None
        height = rule.evaluate("rule => parseFloat(getComputedStyle(rule).lineHeight)")
        return float(box["height"] / height)

    assert lines() == pytest.approx(2, abs=0.1)
    rule.click()
    assert lines() > 3
    rule.click()
    assert lines() == pytest.approx(2, abs=0.1)
    opened.page.emulate_media(media="print")
    assert lines() > 3


def test_text_and_charts_are_light_on_a_dark_page_but_not_in_print(browser: Browser, report: Path) -> None:
    opened = Opened(browser, report, 1280, dark=True)

    def colours() -> list[str]:
        return [
            str(opened.page.evaluate(f"getComputedStyle(document.querySelector({selector!r})).{what}"))
            for selector, what in (
                ("body", "backgroundColor"),
                ("body", "color"),
                ('figure:not(.light) svg [fill="#ffffff"]', "fill"),
                ('figure:not(.light) svg [fill="#222222"]', "fill"),
                ('figure.light svg [fill="#222222"]', "fill"),
            )
        ]

    dark, light = "rgb(21, 24, 28)", "rgb(228, 231, 234)"
    assert colours() == [dark, light, dark, light, "rgb(34, 34, 34)"]
    opened.page.emulate_media(media="print")
    assert colours()[1:] == ["rgb(27, 31, 36)", "rgb(255, 255, 255)", "rgb(34, 34, 34)", "rgb(34, 34, 34)"]


@pytest.mark.parametrize("name", ["report", "six", "grid", "planned"])
def test_nothing_is_cut_in_print(browser: Browser, request: pytest.FixtureRequest, name: str) -> None:
    opened = Opened(browser, request.getfixturevalue(name), 695)  # A4 less its margins
    opened.page.emulate_media(media="print")
    assert not opened.page.evaluate(OVERFLOWS)
    for wide in opened.page.locator(".box").evaluate_all("all => all.map(b => b.scrollWidth - b.clientWidth)"):
        assert wide <= 0
    assert opened.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
