"""What the tests of a replay's page share: replays to look at, and a browser that looks."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tv2sim as tv
from tests.helpers.commands import CATALOGUE
from tests.realtime.test_server import wait_until
from tv2sim.realtime.clock import Speed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
OVERFLOWS = "document.documentElement.scrollWidth > window.innerWidth"
SAMPLED = """async () => {
  const found = [];
  for (let frame = 0; frame < 30; frame += 1) {
    await new Promise(requestAnimationFrame);
    found.push(%s);
  }
  return found;
}"""


@contextmanager
def chromium(config: Path) -> Iterator[Browser]:
    """Start a browser that keeps what it has to keep in a folder of the test."""
    os.environ.setdefault("XDG_CONFIG_HOME", str(config))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # without a profile of ours, playwright gives it a fresh one
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


class Theatre:
    """Starts replays, opens their pages, and ends both."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._replays: list[tv.Replay] = []

    def replay(
        self,
        catalogue: Any = CATALOGUE,
        strategy: tv.Strategy | str = "2c",
        scenario: tv.Scenario | None = None,
        *,
        speed: Speed = 1,
        **options: Any,
    ) -> tv.Replay:
        """Start a replay: slow, so that whoever looks is there before it is over."""
        options = {"port": 0} | options
        handle = tv.replay(catalogue, strategy, scenario, speed=speed, block=False, **options)
        self._replays.append(handle)
        return handle

    def opened(self, url: str | None, width: int = 1280, **options: Any) -> Opened:
        """Open a page, and wait until it shows something."""
        options = {"reduced_motion": "reduce"} | options
        context = self._browser.new_context(viewport={"width": width, "height": 900}, **options)
        return Opened(context.new_page(), str(url))

    def close(self) -> None:
        """End it all."""
        for context in self._browser.contexts:
            context.close()
        for handle in self._replays:
            handle.stop()


class Opened:
    """A page, with what the browser complained of and what it asked for."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        page.set_default_timeout(60_000)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(url)
        page.locator("main").wait_for()

    def phase(self, says: str) -> None:
        """Wait until the page says how it stands."""
        self.page.locator("#phase").get_by_text(says, exact=True).wait_for()

    def counters(self) -> dict[str, int]:
        """Return the counters, by the names that they have in the stats line."""
        names = self.page.locator("[data-count]").evaluate_all("all => all.map(one => one.dataset.count)")
        return dict(zip(names, map(int, self.texts("[data-count]")), strict=True))

    def curves(self) -> list[str]:
        """Return the curves of the charts."""
        paths = self.page.locator(".curve").evaluate_all("all => all.map(one => one.getAttribute('d'))")
        return [str(path) for path in paths]

    def videos(self, place: str) -> list[int]:
        """Return the videos that are shown at a place."""
        return [int(text) for text in self.texts(f"#{place} .chip .face")]

    def texts(self, selector: str) -> list[str]:
        """Return the texts of elements."""
        return self.page.locator(selector).all_inner_texts()

    def overflows(self) -> bool:
        """Say whether the page is wider than the window."""
        return bool(self.page.evaluate(OVERFLOWS))

    def sampled(self, expression: str) -> list[Any]:
        """Return what an expression has for a value in each of thirty frames."""
        return list(self.page.evaluate(SAMPLED % expression))


def pause_at(handle: tv.Replay, holds: Callable[[tv.Replay], bool], speed: Speed = 100) -> None:
    """Let time go on until something holds, and keep it there."""
    handle.speed = speed
    while True:
        handle.resume()
        wait_until(lambda: holds(handle))
        handle.pause()
        time.sleep(0.02)
        if holds(handle):  # it may have passed by
            return
