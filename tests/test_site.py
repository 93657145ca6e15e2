"""The documentation as a site: it is built without a warning, and looked at in a browser."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright", reason="needs playwright, of the extra test")
pytest.importorskip("myst_nb", reason="needs Sphinx, of the extra docs")

from tests.helpers.pages import CHROMIUM, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

ROOT = Path(__file__).parent.parent
TOO_WIDE = """() => {
  const scrolls = one => ["auto", "scroll"].includes(getComputedStyle(one).overflowX);
  const inABox = one => one.localName !== "article" && (scrolls(one) || inABox(one.parentElement));
  const right = document.documentElement.clientWidth + 1;
  return [...document.querySelectorAll("article *")]
    .filter(one => one.getBoundingClientRect().right > right && !inABox(one.parentElement))
    .map(one => one.outerHTML.slice(0, 200));
}"""
"""What sticks out of the window, unless it scrolls in a box of its own. (The theme hides it: the page itself
does not become wider.)"""
BROKEN = "[...document.images].filter(one => one.complete && !one.naturalWidth).map(one => one.src)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site with the command that the documentation names, into a folder of the test."""
    folder = tmp_path_factory.mktemp("build") / "site"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", ".", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=240, check=False)
    # examples may be the first that call a compiled function
    told = [line for line in done.stderr.splitlines() if not line.startswith("tv2sim: compiling ")]
    assert (done.returncode, told) == (0, [])
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("config")) as browser:
        yield browser


def fetched(url: str) -> list[str]:
    """Return an address, unless it is of a file of the site or of a picture within a page."""
    return [] if url.startswith(("file:", "data:")) else [url]


WIDTHS = [*(pytest.param(width, marks=pytest.mark.slow) for width in (1640, 1280)), 390]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_and_nothing_is_complained_of(site: Path, browser: Browser, width: int) -> None:
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda one: complaints.extend(fetched(one.url)))
    pages = [*site.glob("docs/**/*.html"), *site.glob("notebooks/*.html")]
    assert len(pages) > 30
    for path in pages:
        page.goto(path.as_uri())
        assert page.evaluate(TOO_WIDE) == [], path.name
        assert page.evaluate(BROKEN) == [], path.name
        assert complaints == [], path.name


def test_the_address_of_the_site_leads_to_the_start(site: Path, browser: Browser) -> None:
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.wait_for_url("**/docs/index.html")
    assert page.locator("h1").inner_text().startswith("tv2sim")


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("on_time_rate", "Metrics"),
        ("publisher_ended", "Events"),
        ("queue-capacity", "Command line"),
        ("replicate", "tv2sim.replicate"),
        ("tutorial", "Tutorial: compare strategies in ten minutes"),
    ],
)
def test_what_is_searched_for_is_found(site: Path, browser: Browser, words: str, title: str) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((site / "docs" / "tutorial.html").as_uri())
    page.locator(".sidebar-search").fill(words)
    page.locator(".sidebar-search").press("Enter")
    page.locator("#search-results li a").get_by_text(title, exact=True).first.wait_for()
    page.wait_for_load_state("networkidle")
    assert complaints == []


def test_the_reference_has_what_the_package_has(site: Path) -> None:
    import tv2sim as tv
    from tv2sim.cli.options import COMMANDS
    from tv2sim.results.event_kinds import EVENTS
    from tv2sim.results.metrics import METRICS

    reference = site / "docs" / "reference"
    text = "".join(page.read_text(encoding="utf-8") for page in reference.glob("*.html"))
    modules = {"policies", "queueing"}
    missing = [name for name in tv.__all__ if f'id="{"module-" * (name in modules)}tv2sim.{name}"' not in text]
    assert not missing
    assert all(f'id="tv2sim.plots.{name}"' in text for name in tv.plots.__all__)
    assert all(f'id="tv2sim.policies.{name}"' in text for name in tv.policies.__all__)
    for name in [*METRICS, *EVENTS, *COMMANDS]:
        assert f">{name}<" in text or f">tv2sim {name}<" in text, name


def test_the_reference_has_the_text_of_each_field_and_hook(site: Path) -> None:
    import dataclasses

    import tv2sim as tv
    from tv2sim.strategies import HOOKS

    pages = {path.stem: path.read_text(encoding="utf-8") for path in (site / "docs/reference").glob("*.html")}

    def words(text: str) -> str:
        return " ".join(re.findall(r"\w+", re.sub(r":\w+:`", "`", text)))

    shown = {name: words(html.unescape(re.sub("<[^>]+>", "", page))) for name, page in pages.items()}
    for kind, page in ((tv.Strategy, "strategies"), (tv.Lead, "strategies"), (tv.Scenario, "scenario")):
        for field in dataclasses.fields(kind):
            assert words(field.metadata["help"]) in shown[page], field.name
    for hook in HOOKS:
        assert words(str(getattr(tv.Strategy, hook).__doc__)) in shown["strategies"], hook
