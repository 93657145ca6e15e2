"""The page of a replay in a real browser, at the width of a desk and of a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright", reason="needs playwright, of the extra test")
pytest.importorskip("uvicorn", reason="needs the extra replay")

from playwright.sync_api import expect

import tv2sim as tv
from tests.helpers.commands import CATALOGUE, video
from tests.helpers.pages import CHROMIUM, Opened, Theatre, chromium, pause_at
from tests.realtime.test_server import address, token, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

REAL = Path(__file__).parents[3] / "shared" / "data" / "tv2-video-metadata-ingest.txt"
EVIL = "<script>alert(1)</script>\"'"
FINISHED = "Finished: every video has its outcome"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("config")) as browser:
        yield browser


@pytest.fixture
def theatre(browser: Browser) -> Iterator[Theatre]:
    theatre = Theatre(browser)
    yield theatre
    theatre.close()


# -- what it shows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("catalogue", "keep_running"), [(CATALOGUE, True), (REAL, False)], ids=["shipped", "real"]
)
def test_the_counters_end_at_those_of_the_run(theatre: Theatre, catalogue: Path, keep_running: bool) -> None:
    if not catalogue.exists():
        pytest.skip("the real catalogue is not here")
    handle = theatre.replay(catalogue, keep_running=keep_running)
    opened = theatre.opened(handle.url)
    opened.phase("Running")
    handle.speed = 200
    run = handle.wait(60)
    opened.phase(FINISHED)
    counters = opened.counters()
    assert {name: counters[name] for name in run.stats} == dict(run.stats)
    assert counters["published"] + counters["publish_failed"] == 154
    assert counters["publishers_started"] == len(run.publishers)
    assert opened.texts("#time") == [f"{run.end:.1f} s"]
    assert opened.texts("#rate-of") == [f"{run.stats['published']} of 154 videos published in time"]
    if keep_running:
        late = theatre.opened(handle.url)
        late.phase(FINISHED)
        assert late.counters() == counters
        assert late.curves() == opened.curves()
        handle.stop()
    # the end is no reason to ask again
    opened.page.wait_for_timeout(1200)
    opened.phase(FINISHED)
    assert opened.page.locator("#controls, #hint").locator("visible=true").count() == 0
    assert opened.complaints == []
    host, port = address(handle)
    assert {url.partition("#")[0].rpartition("/")[0] for url in opened.requests} == {f"http://{host}:{port}"}
    assert len([url for url in opened.requests if url.endswith("/events")]) == 1


def test_it_fits_on_a_desk_and_on_a_phone_and_a_late_viewer_sees_the_same(theatre: Theatre) -> None:
    handle = theatre.replay(keep_running=True)
    early = {width: theatre.opened(handle.url, width) for width in (1280, 360)}
    pause_at(handle, lambda handle: handle.time > 30)
    for width, opened in early.items():
        late = theatre.opened(handle.url, width)
        for one in (opened, late):
            one.phase("Paused")
            assert not one.overflows()
            assert one.counters() | dict(handle.stats) == one.counters()
            assert one.texts("#time") == [f"{handle.time:.1f} s"]
        assert late.curves() == opened.curves()
        assert all(len(curve) > 20 for curve in late.curves())
        assert sorted(late.texts(".chip")) == sorted(opened.texts(".chip"))
        assert late.texts("#events li") == opened.texts("#events li")
    handle.speed = "max"
    handle.resume()
    for opened in early.values():
        opened.phase(FINISHED)
        assert not opened.overflows()
        assert opened.complaints == []


def test_every_video_is_where_it_is(theatre: Theatre) -> None:
    small = tv.Scenario(publishing_queue_capacity=2, publishing_time=0.5)
    handle = theatre.replay(CATALOGUE, tv.PART_2C.replace(name="pool of 5", prewarmed=5), small)
    opened = theatre.opened(handle.url)
    pause_at(handle, lambda handle: handle.time > 30)
    pause_at(handle, lambda handle: handle.snapshot().pipeline.publishers_busy > 0, 5)
    now = handle.snapshot().pipeline
    opened.phase("Paused")
    expect(opened.page.locator("#busy-count")).to_have_text(str(now.publishers_busy))
    assert opened.videos("encoders") == [one.video.row for one in now.encoders if one.video is not None]
    assert opened.videos("queue") == [one.row for one in now.queue]
    assert opened.videos("busy") == [one.video.row for one in now.publishers if one.video is not None]
    assert set(opened.videos("published")) == {one.row for one in now.published}
    assert set(opened.videos("failed")) == {one.row for one in now.failed}
    blocked = sum(one.blocked for one in now.encoders)
    assert opened.page.locator(".slot.blocked").count() == blocked > 0
    assert opened.texts("#encoders-count") == [f"{now.encoders_busy} of 10 busy, {blocked} blocked"]
    assert opened.page.locator("#starting .token").count() == now.publishers_starting
    first, chip = now.queue[0], opened.page.locator("#queue .chip").first
    assert str(chip.get_attribute("title")).startswith(f"video {first.row}: {first.title} ({first.provider})")
    assert chip.get_attribute("role") == "listitem"
    assert first.title in str(chip.text_content())


def lanes(opened: Opened) -> list[str]:
    """Return the names of the levels that have lanes, without their values."""
    names = opened.page.locator("#levels .name").evaluate_all(
        "all => all.map(one => one.firstChild.textContent)"
    )
    return [str(name).strip() for name in names]


def test_what_fails_is_shown_where_something_can_fail(theatre: Theatre) -> None:
    faults = tv.Faults(startup=0.2, publishing=0.2, encoder_lifetime="exponential(15)", encoder_repair=8)
    scenario = tv.Scenario(encoders=6, publishing_time=1, faults=faults)
    handle = theatre.replay(CATALOGUE, "2c", scenario, speed=20)
    opened = theatre.opened(handle.url)
    pause_at(handle, lambda handle: handle.snapshot().pipeline.encoders_down > 0, 20)
    now = handle.snapshot().pipeline
    opened.phase("Paused")
    expect(opened.page.locator("#encoders-count")).to_contain_text(f"{now.encoders_down} down")
    assert opened.page.locator(".slot.down").count() == now.encoders_down
    counters = opened.counters()
    assert {name: counters[name] for name in now.further} == now.further
    assert list(now.further)[1:] == ["start-ups failed", "publications failed", "encodings lost"]
    assert lanes(opened) == [
        "encoders busy", "encoders down", "publishing queue", "publishers starting", "publishers ready",
        "publishers busy",
    ]  # fmt: skip
    assert opened.complaints == []


def test_an_encoder_that_is_down_says_so_also_with_a_video(theatre: Theatre) -> None:
    faults = tv.Faults(encoder_lifetime="exponential(12)", encoder_repair=6)
    scenario = tv.Scenario(encoders=6, publishing_queue_capacity=0, publishing_time=1, faults=faults)
    handle = theatre.replay(CATALOGUE, "2c:2", scenario, speed=20)
    opened = theatre.opened(handle.url)

    def kept() -> list[int]:
        return [one.number for one in handle.snapshot().pipeline.encoders if one.blocked and one.down]

    pause_at(handle, lambda _: bool(kept()), 20)
    opened.phase("Paused")
    slot = opened.page.locator(".slot").nth(kept()[0])
    expect(slot).to_contain_text(f"encoder {kept()[0]}: down, with")
    expect(slot.locator(".left")).to_have_text("down")


def test_without_an_encoding_stage_none_is_shown(theatre: Theatre) -> None:
    handle = theatre.replay(CATALOGUE, "2c", tv.Scenario(encoders=None))
    opened = theatre.opened(handle.url)
    expect(opened.page.locator(".stage.encoders")).to_be_hidden()
    assert lanes(opened) == ["publishing queue", "publishers starting", "publishers ready"]
    assert opened.complaints == []


@pytest.mark.parametrize("strategy", ["1", "2a"])
def test_videos_with_publishers_of_their_own_wait_beside_the_queue(theatre: Theatre, strategy: str) -> None:
    handle = theatre.replay(CATALOGUE, strategy)
    opened = theatre.opened(handle.url, color_scheme="dark")
    pause_at(handle, lambda handle: handle.snapshot().pipeline.beside_total > 1, 5)
    now = handle.snapshot().pipeline
    opened.phase("Paused")
    expect(opened.page.locator("#beside-count")).to_have_text(str(now.beside_total))
    assert opened.videos("beside") == [one.row for one in now.beside]
    assert opened.texts("#queue-count") == ["0"]
    # and it is dark
    ground = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", ground))) < 40


def test_of_a_large_system_forty_are_shown(theatre: Theatre) -> None:
    large = tv.Scenario(encoders=60, requests_per_second=20)
    pool = tv.PART_2C.replace(name="pool of 2", prewarmed=2)
    handle = theatre.replay(tv.generate_catalogue(600), pool, large)
    opened = theatre.opened(handle.url, 360)
    pause_at(handle, lambda handle: handle.snapshot().pipeline.queue_total > 50)
    total = handle.snapshot().pipeline.queue_total
    opened.phase("Paused")
    expect(opened.page.locator("#queue-more")).to_have_text(f"and {total - 40} more")
    assert len(opened.videos("queue")) == opened.page.locator(".slot").count() == 40
    assert opened.texts("#encoders-more") == ["and 20 more"]
    assert not opened.overflows()
    assert opened.complaints == []


def test_names_are_shown_as_text(theatre: Theatre) -> None:
    videos = [video(number, title=EVIL * (1 + 9 * number), encoding=9) for number in range(3)]
    catalogue = tv.read_catalogue(videos, name=EVIL * 9)
    handle = theatre.replay(catalogue, tv.PART_2C.replace(name=EVIL * 9), seed=2**64 - 1)
    for width in (1280, 360):
        opened = theatre.opened(handle.url, width)
        opened.page.locator("#events li").first.wait_for()
        assert opened.texts("#catalogue") == [EVIL * 9]
        assert opened.texts("#seed") == [f"seed {2**64 - 1}"]
        assert opened.page.locator(".slot .name").first.text_content() == EVIL
        assert EVIL in str(opened.page.locator(".chip").first.get_attribute("title"))
        assert opened.page.locator("script").count() == 1
        assert not opened.overflows()
        assert opened.complaints == []


# -- how it moves ------------------------------------------------------------------------------------------


def test_time_goes_on_between_what_it_is_told(theatre: Theatre) -> None:
    one = tv.read_catalogue([video(0, encoding=60, timeout=99)])
    handle = theatre.replay(one, "1", speed=2)
    opened = theatre.opened(handle.url, reduced_motion="no-preference")
    done = opened.sampled("document.querySelector('.track div').getBoundingClientRect().width")
    assert done == sorted(done)
    assert len(set(done)) > 15  # and it is told something once in a second
    handle.pause()
    opened.phase("Paused")
    assert set(opened.sampled("document.querySelector('#time').textContent")) == {f"{handle.time:.1f} s"}


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_videos_glide_unless_that_is_not_wanted(theatre: Theatre, motion: str) -> None:
    opened = theatre.opened(theatre.replay(speed=5).url, reduced_motion=motion)
    gliding = max(max(opened.sampled("document.getAnimations().length")) for _ in range(2))
    assert (gliding > 0) == (motion == "no-preference")


# -- how it is steered -------------------------------------------------------------------------------------


def test_its_buttons_steer_the_replay(theatre: Theatre) -> None:
    handle = theatre.replay()
    opened = theatre.opened(handle.url, 360)
    button, speed = opened.page.locator("#pause"), opened.page.get_by_label("Speed")
    for control in (*opened.page.get_by_role("button").all(), speed):
        box = control.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
    button.click()
    wait_until(lambda: handle.paused)
    opened.phase("Paused")
    expect(button).to_have_text("Resume")
    speed.select_option("50 ×")
    wait_until(lambda: handle.speed == 50)
    handle.speed = 3.0
    expect(speed.locator("option:checked")).to_have_text("3 ×")
    button.press("Enter")
    wait_until(lambda: not handle.paused)
    opened.phase("Running")
    speed.select_option("max")
    opened.phase(FINISHED)
    assert str(handle.speed) == "max"
    assert opened.complaints == []


def test_it_is_started_over_and_played_again_on_every_page(theatre: Theatre) -> None:
    handle = theatre.replay(keep_running=True)
    desk, phone = theatre.opened(handle.url), theatre.opened(handle.url, 360)
    pause_at(handle, lambda handle: handle.time > 30)
    desk.phase("Paused")
    handle.speed = 1
    desk.page.get_by_role("button", name="Start over").click()
    for opened in (desk, phone):
        opened.phase("Running")
        expect(opened.page.locator("#time")).to_have_text(re.compile("^[0-9]([.][0-9])? s$"))
    handle.speed = "max"
    run = handle.wait(60)
    again = phone.page.get_by_role("button", name="Play again")
    for opened in (desk, phone):
        opened.phase(FINISHED)
        assert opened.counters()["published"] == run.stats["published"]
        assert opened.texts("#in-words") == [tv.PART_2C.in_words()]
        expect(opened.page.locator("#pause")).to_be_hidden()
    phone.page.get_by_label("Speed").select_option("1 ×")
    wait_until(lambda: handle.speed == 1)
    again.click()
    for opened in (desk, phone):
        opened.phase("Running")
        expect(opened.page.locator('[data-count="client_submitted"]')).to_have_text(re.compile("^[0-9]{1,2}$"))
        assert not opened.overflows()
    wait_until(lambda: 0 < handle.time < run.end)
    handle.stop()
    for opened in (desk, phone):
        opened.phase("Stopped")
        expect(opened.page.get_by_role("button")).to_have_count(0)
        assert opened.complaints == []


def test_without_the_token_there_is_nothing_to_steer_with(theatre: Theatre) -> None:
    handle = theatre.replay()
    opened = theatre.opened(str(handle.url).partition("#")[0])
    button, hint = opened.page.get_by_role("button", name="Pause"), opened.page.locator("#hint")
    opened.phase("Running")
    expect(opened.page.get_by_role("button")).to_have_count(0)
    expect(hint).to_have_text("View only. To pause it, open the address that the replay has printed.")
    # the address can be completed later; with a wrong token it is refused, and says so
    opened.page.evaluate("location.hash = 'token=wrong'")
    button.click()
    expect(hint).to_contain_text("has refused")
    assert not handle.paused
    opened.page.evaluate(f"location.hash = 'token={token(handle)}'")
    button.click()
    wait_until(lambda: handle.paused)


def test_where_nothing_can_be_steered_it_does_not_say_how(theatre: Theatre) -> None:
    opened = theatre.opened(theatre.replay(host="0.0.0.0").url)
    expect(opened.page.get_by_role("button")).to_have_count(0)
    expect(opened.page.locator("#hint")).to_have_text("View only.")


def test_it_says_when_the_connection_is_lost_and_comes_back(theatre: Theatre) -> None:
    handle = theatre.replay()
    opened = theatre.opened(handle.url)
    opened.phase("Running")
    server = handle._server
    assert server is not None
    server._loop.call_soon_threadsafe(server._cut_off)
    opened.phase("Connection lost, trying again")
    opened.phase("Running")
    handle.stop()
    opened.phase("Stopped")
