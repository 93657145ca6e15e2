"""What theory says of strategies: the known values, every case of tiny systems, and simulations."""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import import_module
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tv2sim as tv
from tests.benchmarks.theory import lines
from tests.helpers.sizes import examples
from tests.theory.test_wider_theory import irwin_hall, within
from tv2sim.base.random_numbers import Purpose
from tv2sim.base.ticks import to_ticks
from tv2sim.engines.model import run_model
from tv2sim.engines.model.draws import Draw, Draws
from tv2sim.results.facts import VIDEO_OUTCOMES
from tv2sim.results.metrics import Setting, summary
from tv2sim.theory import queueing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tv2sim.results.facts import Facts

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "tv2-video-metadata-ingest.txt"
real = pytest.mark.skipif(not REAL.exists(), reason="the real catalogue is absent")
AHEAD = tv.Strategy("ahead", starts_on="encoding_started")
WARM = tv.PART_2C.replace(name="warm", ready_at_start=True)


@cache
def catalogue(name: str) -> tv.Catalogue:
    return tv.read_catalogue(REAL) if name == "real" else tv.generate_catalogue()


both = pytest.mark.parametrize("name", [pytest.param("real", marks=real), "shipped"])


def videos(*times: tuple[float, float]) -> tv.Catalogue:
    """Return videos with these encoding times and timeouts."""
    return tv.Catalogue(
        tv.Video(f"v{row}", encoding_time=encoding, publication_timeout=timeout)
        for row, (encoding, timeout) in enumerate(times)
    )


# -- every case of tiny systems ------------------------------------------------------------------------------

TINY = videos((2, 4.5), (1, 3), (3, 4), (0.5, 6), (1, 1.5))
SAMPLES = (1.0, 3.5)
ADVANCES = [
    AHEAD,
    AHEAD.replace(prewarmed=1),
    AHEAD.replace(prewarmed=1, ready_at_start=True),
    AHEAD.replace(prewarmed=1, lead=tv.Lead(encoding=1, timeout=2)),
]


class Given(Draws):
    """Draws with given start-up times, in ticks: of the first publisher of each video and of each slot."""

    def __init__(self, of_videos: Sequence[float], of_slots: Sequence[float]) -> None:
        super().__init__(0, 0)
        self._given = {Purpose.STARTUP_FOR_VIDEO: of_videos, Purpose.STARTUP_OF_SLOT: of_slots}

    def ticks(self, name: str, time: tv.Distribution | float, purpose: Purpose) -> Draw:
        given, drawn = self._given.get(purpose, ()), super().ticks(name, time, purpose)
        return lambda entity, further: (
            drawn(entity, further) if further or entity >= len(given) else given[entity]
        )


def every_run(
    some: tv.Catalogue, strategy: tv.Strategy, scenario: tv.Scenario
) -> Iterator[tuple[tuple[float, ...], Facts]]:
    """Yield each combination of start-up times, of the slots and of the videos, and the run that it gives."""
    slots = strategy.prewarmed
    for times in product(SAMPLES, repeat=slots + len(some)):
        ticks = [to_ticks(time) for time in times]
        yield times, run_model(some, strategy, scenario, Given(ticks[slots:], ticks[:slots]))


def failed(facts: Facts) -> list[bool]:
    return [VIDEO_OUTCOMES[outcome] == "failed" for outcome in facts.videos["outcome"]]


WORLDS = {
    "usual": tv.Scenario(),
    "two encoders": tv.Scenario(encoders=2),
    "provisioning": tv.Scenario(provisioning_delay=0.5),
    "publishing": tv.Scenario(publishing_time=0.5),
    "publishing that does not count": tv.Scenario(publishing_time=0.5, deadline="assigned"),
    "speeds": tv.Scenario(encoders=[1.0, 0.5]),
    "factor": tv.Scenario(encoding_factor=2),
    "a profile": tv.Scenario(requests_per_second=tv.Profile([(0, 1.0), (1, 3.0)])),
    "not encoded": tv.Scenario(encoders=None),
}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("strategy", ADVANCES, ids=str)
@pytest.mark.full
def test_advance_order_is_the_mean_of_all_runs(world: str, strategy: tv.Strategy) -> None:
    scenario = WORLDS[world].replace(startup_time=tv.Empirical(SAMPLES))
    found = queueing.advance_order(TINY, strategy, scenario)
    runs = [facts for _, facts in every_run(TINY, strategy, scenario)]
    assert found.fails.tolist() == np.mean([failed(facts) for facts in runs], axis=0).tolist()
    assert 0 < found.failed < 5
    assert found.failed + found.published == 5
    assert found.on_time.tolist() == (1 - found.fails).tolist()
    if scenario.publishing_time:
        assert np.isnan(found.idle)
    else:
        idle = [summary(Setting(TINY, strategy, scenario), facts)["idle"] for facts in runs]
        assert found.idle == pytest.approx(np.mean(idle), abs=1e-4)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("strategy", [tv.PART_2C, WARM], ids=lambda one: one.name)
@pytest.mark.full
def test_the_bound_counts_the_same_in_all_runs(world: str, strategy: tv.Strategy) -> None:
    scenario = WORLDS[world].replace(startup_time=tv.Empirical(SAMPLES))
    strategy = strategy.replace(prewarmed=2)
    bound = queueing.failed_bound(TINY, strategy, scenario)
    times, runs = zip(*every_run(TINY, strategy, scenario), strict=True)
    slots, of_videos = np.split(np.array(times), [2], axis=1)
    must_fail = bound.of(0 * slots if strategy.ready_at_start else slots, of_videos)
    assert bound.failed == pytest.approx(must_fail.mean(), abs=1e-12)
    counts = [sum(failed(facts)) for facts in runs]
    assert (must_fail <= counts).all()
    assert must_fail.any()
    one_by_one = [_must_fail(facts, row, strategy, scenario) for row, facts in zip(times, runs, strict=True)]
    assert must_fail.tolist() == one_by_one


def _must_fail(facts: Facts, times: tuple[float, ...], strategy: tv.Strategy, scenario: tv.Scenario) -> int:
    """Count the videos k with N_k <= k, as the definition is written, in seconds."""
    slots, startup = [0.0 if strategy.ready_at_start else time for time in times[:2]], times[2:]
    later = scenario.provisioning_delay
    begun = 0.0 if strategy.ready_at_start else later
    encoded, started = (facts.videos[column] / 1e6 for column in ("encoded", "encoding_started"))
    held = scenario.publishing_time if scenario.deadline == "published" else 0.0
    assert isinstance(held, float)
    order, count = sorted(range(len(TINY)), key=lambda row: (encoded[row], row)), 0
    for k, row in enumerate(order):
        due = started[row] + TINY.publication_timeout[row] - held + 1e-9
        ready = sum(begun + time <= due for time in slots)
        ready += sum(encoded[j] + later + startup[j] <= due for j in order[:k])
        count += ready <= k or encoded[row] > due
    return count


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    "strategy",
    [tv.PART_1, tv.PART_2A, tv.PART_2B, tv.PART_2A.replace(name="lead", lead=tv.Lead(encoding=1))],
    ids=lambda one: one.name,
)
def test_own_publishers_are_the_mean_of_all_runs(world: str, strategy: tv.Strategy) -> None:
    scenario = WORLDS[world].replace(startup_time=tv.Empirical(SAMPLES))
    found = queueing.on_time_probability(TINY, strategy, scenario)
    runs = [failed(facts) for _, facts in every_run(TINY, strategy, scenario)]
    assert found.fails.tolist() == np.mean(runs, axis=0).tolist()
    table = queueing.classification(TINY, [strategy], scenario)
    classes = ["never" if all(of) else "sometimes" if any(of) else "always" for of in zip(*runs, strict=True)]
    assert table[strategy.name].tolist() == classes


# -- publishers of a video's own -------------------------------------------------------------------------------


@both
def test_the_known_numbers_of_the_parts(name: str) -> None:
    published = [queueing.on_time_probability(catalogue(name), part).published for part in ("1", "2a", "2b")]
    assert published == [62.25, 128.0, 62.25]


def test_one_video_by_hand() -> None:
    """U(2, 6): the first has 3 s for the start-up under part 1, 5 s under part 2a; the other is too long."""
    some = videos((2, 5), (6, 5.5))
    assert queueing.on_time_probability(some, "1").on_time.tolist() == [0.25, 0]
    assert queueing.on_time_probability(some, "2a").on_time.tolist() == [0.75, 0]
    late = tv.Scenario(provisioning_delay=0.5, publishing_time=1)
    assert queueing.on_time_probability(some, "2a", late).on_time.tolist() == [0.375, 0]


def test_a_start_up_that_fails_by_hand() -> None:
    """Each start-up takes 2 s, and one that has failed is replaced 0.5 s later: 1, 2 or 3 fit into 7 s."""
    some = videos((1, 3), (1, 2.9), (0, 4.5), (0, 7), (0, 6.999999))
    scenario = tv.Scenario(startup_time=2, faults=tv.Faults(startup=0.25, noticed_after=0.5))
    found = queueing.on_time_probability(some, "1", scenario)
    assert found.on_time == pytest.approx([0.75, 0, 1 - 1 / 16, 1 - 1 / 64, 1 - 1 / 16], abs=1e-12)
    assert found.error < 1e-12


@pytest.mark.parametrize("timeout", [4.00025, 4.000269, 4.00027, 4.0003])
def test_what_is_rounded_is_rounded_to_the_same_side(timeout: float) -> None:
    """Two start-ups take 4.00027 s; the grid, for a timeout of 8 s, has steps of .0001 s."""
    scenario = tv.Scenario(startup_time=2.00009, faults=tv.Faults(startup=0.25, noticed_after=0.00009))
    found = queueing.on_time_probability(videos((0, timeout), (0, 8)), "1", scenario)
    assert abs(found.on_time[0] - (0.9375 if timeout >= 4.00027 else 0.75)) <= found.error + 1e-12


@pytest.mark.parametrize(("fails", "noticed"), [(0.1, 0.0), (0.3, 0.7), (0.9, 0.25)])
def test_start_ups_that_fail_take_sums_of_uniform_times(fails: float, noticed: float) -> None:
    some = tv.generate_catalogue()
    scenario = tv.Scenario(faults=tv.Faults(startup=fails, noticed_after=noticed))
    found = queueing.on_time_probability(some, "1", scenario)
    expected = [
        sum(
            (1 - fails) * fails ** (k - 1) * irwin_hall(k, (video.slack - (k - 1) * noticed - 2 * k) / 4)
            for k in range(1, 12)
        )
        for video in some
    ]
    assert np.abs(found.on_time - expected).max() <= found.error + 1e-12
    assert 0 < found.error < 1e-4


def test_exponential_start_ups_that_fail_are_exponential() -> None:
    """A geometric number of exponential times, noticed at once, is an exponential time (Feller)."""
    scenario = tv.Scenario(startup_time=tv.Exponential(1), faults=tv.Faults(startup=0.75))
    found = queueing.on_time_probability(tv.generate_catalogue(), "2a", scenario)
    exact = queueing.on_time_probability(
        tv.generate_catalogue(), "2a", tv.Scenario(startup_time="exponential(4)")
    )
    assert np.abs(found.on_time - exact.on_time).max() <= found.error + 1e-12
    assert found.error < 1e-4


def test_a_finer_grid_has_a_smaller_error(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = []
    for points in (2**10, 2**13, 2**16):
        monkeypatch.setattr("tv2sim.theory.expected._POINTS", points)
        scenario = tv.Scenario(faults=tv.Faults(startup=0.2, noticed_after=0.123))
        errors.append(queueing.on_time_probability(tv.generate_catalogue(), "1", scenario).error)
    assert errors[0] > 5 * errors[1] > 25 * errors[2] > 0


SIMULATED: dict[str, tuple[str, tv.Scenario]] = {
    "exponential": ("1", tv.Scenario(startup_time=tv.Exponential(2))),
    "poisson arrivals": ("2a", tv.Scenario(arrivals="poisson", startup_time=tv.LogNormal(4, 0.3))),
    "failing": ("2a", tv.Scenario(faults=tv.Faults(startup=0.3, noticed_after=0.5), provisioning_delay=0.2)),
    "failing, part 2b": ("2b", tv.Scenario(startup_time=1.5, faults=tv.Faults(startup=0.4))),
}


@pytest.mark.parametrize("case", SIMULATED)
def test_own_publishers_agree_with_simulations(case: str) -> None:
    strategy, scenario = SIMULATED[case]
    expected = queueing.on_time_probability(tv.generate_catalogue(), strategy, scenario).published
    reps = tv.replicate(tv.generate_catalogue(), strategy, scenario, replications=300, progress=False)
    assert within(reps.values("published"), expected)
    assert not within(reps.values("published"), 1.05 * expected)


def test_the_classes_of_the_shipped_catalogue() -> None:
    table = queueing.classification(tv.generate_catalogue())
    assert list(table.columns) == ["id", "encoding_time", "publication_timeout", "1", "2a", "2b"]
    assert table["1"].value_counts().to_dict() == {"never": 59, "sometimes": 62, "always": 33}
    assert (table["1"] <= table["2a"]).all()
    assert table["1"].equals(table["2b"].rename("1"))
    slack = table["publication_timeout"] - table["encoding_time"]
    assert ((slack <= 2) == (table["1"] == "never")).all()


def test_with_failing_start_ups_no_video_is_always_in_time() -> None:
    scenario = tv.Scenario(faults=tv.Faults(startup=1e-9))
    before = queueing.classification(tv.generate_catalogue())["2a"]
    after = queueing.classification(tv.generate_catalogue(), ["2a"], scenario)["2a"]
    assert (before == "always").any()
    assert after.tolist() == before.replace({"always": "sometimes"}).tolist()


# -- advance order ---------------------------------------------------------------------------------------------

KNOWN = [
    ({"prewarmed": 0}, 15.984, 18.5), ({"prewarmed": 1}, 8.561, 46.1), ({"prewarmed": 2}, 3.476, 90.6),
    ({"prewarmed": 3}, 0.968, 150.3), ({"prewarmed": 4}, 0.1886, 220.4),
    ({"prewarmed": 4, "lead": tv.Lead(encoding=3, timeout=6)}, 0.927, 126.2),
    ({"prewarmed": 4, "lead": tv.Lead(encoding=2, timeout=5.5)}, 2.469, 79.9),
    ({"prewarmed": 3, "lead": tv.Lead(encoding=3, timeout=5)}, 4.372, 54.3),
]  # fmt: skip


@real
@pytest.mark.parametrize(("change", "expected", "idle"), KNOWN, ids=str)
def test_the_known_numbers_of_advance_order(change: dict[str, Any], expected: float, idle: float) -> None:
    found = queueing.advance_order(catalogue("real"), AHEAD.replace(**change))
    assert found.failed == pytest.approx(expected, abs=5e-4)
    assert found.idle == pytest.approx(idle, abs=0.1)
    assert found.error == found.idle_error == 0


@pytest.mark.parametrize("replications", [2000, pytest.param(100_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("change", [change for change, *_ in KNOWN[1::2]], ids=str)
def test_advance_order_agrees_with_simulations(change: dict[str, Any], replications: int) -> None:
    strategy = AHEAD.replace(**change)
    found = queueing.advance_order(catalogue("shipped"), strategy)
    reps = tv.replicate(
        catalogue("shipped"), strategy, replications=replications, metrics=["failed", "idle"], progress=False
    )
    assert within(reps.values("failed"), found.failed)
    assert within(reps.values("idle"), found.idle)
    assert not within(reps.values("idle"), 1.02 * found.idle)


OTHERS: dict[str, tuple[tv.Strategy, tv.Scenario]] = {
    "failing": (
        AHEAD.replace(prewarmed=4),
        tv.Scenario(
            faults=tv.Faults(startup=0.1, noticed_after=0.5),
            provisioning_delay=0.25,
            publishing_queue_capacity=None,
        ),
    ),
    "exponential": (
        AHEAD.replace(prewarmed=4),
        tv.Scenario(startup_time="exponential(4)", publishing_queue_capacity=None),
    ),
    "warm": (AHEAD.replace(prewarmed=2, ready_at_start=True), tv.Scenario(encoders=5)),
    "at the end of instants": (AHEAD.replace(prewarmed=2, dispatch="end_of_instant"), tv.Scenario()),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_advance_orders_agree_with_simulations(case: str) -> None:
    strategy, scenario = OTHERS[case]
    found = queueing.advance_order(catalogue("shipped"), strategy, scenario)
    reps = tv.replicate(catalogue("shipped"), strategy, scenario, replications=200, progress=False)
    assert within(reps.values("failed"), found.failed)
    assert within(reps.values("idle"), found.idle)
    assert not within(reps.values("idle"), 1.1 * found.idle)
    assert (found.error > 0) == (found.idle_error > 0) == (case == "failing")
    assert found.error < 1e-3
    assert found.idle_error < 0.1


# -- the bound -----------------------------------------------------------------------------------------------

BOUNDS = {
    "real": {9: 3.353, 10: 1.2005, 11: 0.3027, 12: 0.04307, 13: 0.00395},
    "shipped": {9: 4.245, 10: 1.312, 11: 0.2903, 12: 0.03402, 13: 0.00222},
}


@both
def test_the_known_bounds(name: str) -> None:
    for size, expected in BOUNDS[name].items():
        found = queueing.failed_bound(catalogue(name), f"2c:{size}")
        assert found.failed == pytest.approx(expected, rel=3e-4, abs=5e-6)


def test_the_bound_takes_less_than_a_fifth_of_a_second() -> None:
    queueing.failed_bound(catalogue("shipped"))
    begun = perf_counter()
    queueing.failed_bound(catalogue("shipped"), "2c:12")
    assert perf_counter() - begun < 0.2


@both
@pytest.mark.parametrize("size", [6, 10, 12])
@pytest.mark.parametrize("replications", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
@pytest.mark.full
def test_in_no_replication_fewer_fail(name: str, size: int, replications: int) -> None:
    strategy = f"2c:{size}"
    bound = queueing.failed_bound(catalogue(name), strategy)
    must_fail = bound.of_replications(1, range(replications))
    reps = tv.replicate(
        catalogue(name), strategy, replications=replications, metrics=["failed"], progress=False
    )
    failed = reps.values("failed")
    assert (must_fail <= failed).all()
    assert (must_fail == failed).mean() > (0.02 if size > 6 else -1)
    assert within(must_fail.astype(float), bound.failed)
    if size < 12:
        assert not within(must_fail.astype(float), 1.02 * bound.failed)


MORE_BOUNDS: dict[str, tuple[tv.Strategy, tv.Scenario]] = {
    "warm": (WARM.replace(prewarmed=9), tv.Scenario()),
    "failing": (
        tv.PART_2C.replace(prewarmed=13),
        tv.Scenario(
            faults=tv.Faults(startup=0.2, noticed_after=0.5),
            provisioning_delay=0.25,
            publishing_queue_capacity=None,
        ),
    ),
    "exponential": (
        tv.PART_2C.replace(prewarmed=12),
        tv.Scenario(startup_time="exponential(4)", publishing_queue_capacity=None),
    ),
    "publishing": (tv.PART_2C, tv.Scenario(publishing_time=0.75, encoders=8)),
}


@pytest.mark.parametrize("case", MORE_BOUNDS)
@pytest.mark.full
def test_other_bounds(case: str) -> None:
    strategy, scenario = MORE_BOUNDS[case]
    bound = queueing.failed_bound(catalogue("shipped"), strategy, scenario)
    must_fail = bound.of_replications(1, range(20_000))
    reps = tv.replicate(catalogue("shipped"), strategy, scenario, replications=200, progress=False)
    assert (must_fail[:200] <= reps.values("failed")).all()
    assert within(must_fail.astype(float), bound.failed)
    assert not within(must_fail.astype(float), 1.1 * bound.failed)
    assert (must_fail[:200] > 0).mean() > 0.1
    assert bound.error < 1e-3
    assert bound.of_replications(1, range(150, 200)).tolist() == must_fail[150:200].tolist()


def test_draws_are_the_same_where_the_kernel_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    strategy, scenario = MORE_BOUNDS["failing"]
    bound = queueing.failed_bound(catalogue("shipped"), strategy, scenario)
    import_module("tv2sim.engines.kernel")
    compiled = bound.of_replications(3, range(40, 60))
    monkeypatch.delitem(sys.modules, "tv2sim.engines.kernel", raising=False)
    assert bound.of_replications(3, range(40, 60)).tolist() == compiled.tolist()


def test_a_deadline_met_exactly_is_in_time() -> None:
    """A pool of one; the first is encoded at 1 s and due at 3 s, the second at 1.5 s and due at 4 s."""
    some = videos((1, 3), (1, 3.5))
    bound = queueing.failed_bound(some, "2c:1")
    # the second takes the publisher that the first one brings at 1 s
    for slot, video, expected in ((3, 3, 0), (3.000001, 3, 1), (3, 3.000001, 1), (3.000001, 3.000001, 2)):
        assert bound.of([[slot]], [[video, 9]]).tolist() == [expected]
        run = run_model(
            some, tv.PART_2C.replace(prewarmed=1), tv.Scenario(),
            Given([video * 1e6, 9e6], [slot * 1e6]),
        )  # fmt: skip
        assert sum(failed(run)) >= expected


def test_the_tables_of_the_page_can_be_made() -> None:
    made = lines(catalogue("shipped"), 500)
    page = (ROOT / "docs" / "background" / "theory.md").read_text(encoding="utf-8")
    index = [cell.lstrip("0 ") for line in made if line.startswith("| Index") for cell in line.split("|")[2:-1]]
    assert len(index) == 5
    assert f"| Shipped catalogue | {' | '.join(cell.strip() for cell in index)} |" in page
    assert len([line for line in made if re.match(r"\| (9|1\d) ", line)]) == 10


def test_no_videos() -> None:
    none = tv.Catalogue([])
    assert queueing.on_time_probability(none, "1").published == 0
    assert queueing.classification(none).empty
    assert queueing.advance_order(none, AHEAD).idle == queueing.failed_bound(none).failed == 0
    assert queueing.failed_bound(none).of_replications(1, range(3)).tolist() == [0, 0, 0]
    assert queueing.certificate(none, "2c")


def test_many_videos_and_many_publishers() -> None:
    """More videos and replications than are taken at once, and numbers of publishers of more than 8 bits."""
    many, strategy = tv.generate_catalogue(1500), tv.PART_2C.replace(prewarmed=300)
    quick = tv.Scenario(encoders=400, requests_per_second=100, publishing_queue_capacity=None)
    bound = queueing.failed_bound(many, strategy, quick)
    must_fail = bound.of_replications(1, range(100))
    reps = tv.replicate(many, strategy, quick, replications=100, metrics=["failed"], progress=False)
    assert (must_fail <= reps.values("failed")).all()
    assert within(must_fail.astype(float), bound.failed)
    assert not within(must_fail.astype(float), 1.15 * bound.failed)


def test_shapes_that_do_not_fit() -> None:
    bound = queueing.failed_bound(catalogue("shipped"))
    for slots, of_videos in (
        ([1.0] * 10, [[1.0] * 154]),
        ([[1.0] * 10], [[1.0] * 153]),
        ([[1.0] * 9], [[1.0] * 154]),
    ):
        with pytest.raises(
            tv.InputError, match="a row for each replication, of 10 and of 154 seconds, not the"
        ):
            bound.of(slots, of_videos)
    assert bound.of_replications(1, range(0)).tolist() == []
    with pytest.raises(tv.InputError, match="seed"):
        bound.of_replications(-1, range(1))


# -- certificates --------------------------------------------------------------------------------------------


@both
def test_the_known_certificates(name: str) -> None:
    certified = {"real": 15, "shipped": 14}[name]
    for size in range(certified - 3, certified + 3):
        found = queueing.certificate(catalogue(name), WARM.replace(prewarmed=size))
        assert bool(found) == found.holds == (size >= certified)


def test_a_certificate_by_hand() -> None:
    """All start-ups take 6 s: the pool's are ready at 6, when the second video, due at 6.5, is encoded."""
    some = videos((2, 6), (5.5, 6))
    found = queueing.certificate(some, tv.PART_2C.replace(prewarmed=2))
    assert found == queueing.Certificate("2c", 6.0, 0, None, None, 0.0)
    assert re.match("under 2c no video can fail: each is in time .* 6 s, the latest with 0 s left$", str(found))
    found = queueing.certificate(some, tv.PART_2C.replace(prewarmed=1))
    assert found == queueing.Certificate("2c", 6.0, 1, 1, "v1", 5.5)
    assert re.match(
        "under 2c it is not proven .* 6 s, 1 video fails, the first .* 'v1', 5.5 s late$", str(found)
    )


def test_publishers_of_its_own_and_a_pool_are_certified_together() -> None:
    some = videos((6, 7), (1, 3), (6, 6), (1, 3))
    mixed = tv.Strategy("mixed", dedicated_from=1, prewarmed=3, ready_at_start=True)
    assert queueing.certificate(some, mixed)
    assert queueing.certificate(some, mixed.replace(prewarmed=1)).id == "v3"
    assert queueing.certificate(some, "2a").id == "v1"
    assert queueing.certificate(some, tv.PART_2C, tv.Scenario(startup_time=2))
    # v1, due at 3.5 s, takes the publisher that was started at 0
    assert queueing.certificate(some, AHEAD, tv.Scenario(startup_time=3.5))
    assert queueing.certificate(some, AHEAD, tv.Scenario(startup_time=3.500001)).late == 1e-6


KINDS = st.lists(
    st.tuples(st.sampled_from([0.5, 1, 2, 4]), st.sampled_from([3, 4, 6, 8])), min_size=1, max_size=8
)


@settings(max_examples=examples(60))
@given(KINDS, st.integers(1, 8), st.sampled_from([WARM, tv.PART_2C, AHEAD]), st.integers(1, 3))
@pytest.mark.full
def test_what_is_certified_never_fails(
    kinds: list[tuple[float, float]], size: int, strategy: tv.Strategy, encoders: int
) -> None:
    some, strategy = videos(*kinds), strategy.replace(prewarmed=size)
    scenario = tv.Scenario(encoders=encoders, startup_time="uniform(1, 3)")
    found = queueing.certificate(some, strategy, scenario)
    reps = tv.replicate(some, strategy, scenario, replications=20, metrics=["failed"], progress=False)
    if found:
        assert not reps.values("failed").any()
    assert (reps.values("failed") <= found.failed).all()
    bound = queueing.advance_order if strategy.starts_on else queueing.failed_bound
    assert (bound(some, strategy, scenario).failed == 0) >= found.holds


# -- what is refused -----------------------------------------------------------------------------------------


class Decides(tv.Strategy):
    def decide(self, state: tv.State) -> tv.Decision:
        return tv.Decision()


class Levels(tv.Strategy):
    def pool_level(self, state: tv.PoolState) -> int:
        return 3


FORMULAS: dict[str, tuple[Callable[..., Any], tv.Strategy]] = {
    "on_time_probability": (queueing.on_time_probability, tv.PART_1),
    "classification": (lambda some, one, world=None: queueing.classification(some, [one], world), tv.PART_1),
    "advance_order": (queueing.advance_order, AHEAD),
    "failed_bound": (queueing.failed_bound, tv.PART_2C),
    "certificate": (queueing.certificate, tv.PART_2C),
}  # fmt: skip

WORLDS_REFUSED: dict[str, dict[str, Any]] = {
    "a cut-off, until=60": {"until": 60},
    "a broker, latency=": {"broker": tv.Broker(latency=0.1)},
    "a client that tries again, hand_over=after=": {"hand_over": tv.RetryLater(after=1)},
    "a limit of publishers, max_publishers=12": {"max_publishers": 12},
    "ready publishers that die, ready_lifetime=60": {"faults": tv.Faults(ready_lifetime=60)},
    "publishing that fails, publishing=0.1": {"faults": tv.Faults(publishing=0.1)},
    "encoders that die, encoder_lifetime=90": {"faults": tv.Faults(encoder_lifetime=90)},
    "encoding times that are drawn, encoding_factor=uniform(1, 2)": {"encoding_factor": "uniform(1, 2)"},
    "publishing times that are drawn, publishing_time=uniform(0, 2)": {"publishing_time": "uniform(0, 2)"},
    "encodings at random times, arrivals='poisson'": {"arrivals": "poisson", "encoders": [1, 2]},
}


@pytest.mark.parametrize("sentence", WORLDS_REFUSED)
@pytest.mark.parametrize("formula", FORMULAS)
def test_worlds_that_no_formula_covers(formula: str, sentence: str) -> None:
    call, strategy = FORMULAS[formula]
    with pytest.raises(tv.ScenarioError) as caught:
        call(catalogue("shipped"), strategy, tv.Scenario(**WORLDS_REFUSED[sentence]))
    assert str(caught.value).startswith(f"{formula} does not cover {sentence}")
    assert str(caught.value).endswith(": simulate it instead, or leave that out")


POOLS_REFUSED: dict[str, tv.Strategy] = {
    "whose pool changes its size": tv.STRATEGIES["adaptive"].replace(queue_order="fifo"),
    "whose pool changes its size ": tv.PART_2C.replace(minimum=12),
    "whose pool changes its size  ": Levels(),
    "whose pool changes its size   ": Decides(),
    "whose pool changes its size    ": tv.STRATEGIES["coverage"],
    "whose queue is in the order of deadline": tv.PART_2C.replace(queue_order="deadline"),
    "whose queue is in the order of priority": tv.PART_2C.replace(queue_order="priority"),
    "which gives videos up": tv.PART_2C.replace(discards_hopeless=True),
    "which starts publishers for the pool when an encoding ends": tv.Strategy(starts_on="encoded"),
    "whose pool has no publishers, prewarmed=0": tv.PART_2C.replace(prewarmed=0),
}


@pytest.mark.parametrize("what", POOLS_REFUSED)
@pytest.mark.parametrize("formula", ["failed_bound", "advance_order", "certificate"])
def test_pools_that_no_formula_covers(formula: str, what: str) -> None:
    call, _ = FORMULAS[formula]
    strategy = POOLS_REFUSED[what]
    with pytest.raises(tv.StrategyError) as caught:
        call(catalogue("shipped"), strategy)
    assert f"{formula} does not cover strategy {strategy.name!r}, {what.strip()}" in str(caught.value)


def test_strategies_of_another_kind() -> None:
    some = catalogue("shipped")
    for call, strategy, sentence in (
        (queueing.on_time_probability, "2c", "strategy '2c', whose videos share publishers"),
        (queueing.failed_bound, "1", "strategy '1', with publishers of a video's own"),
        (
            queueing.failed_bound,
            AHEAD,
            "strategy 'ahead', which starts publishers because of videos: advance_or",
        ),
        (queueing.advance_order, "1", "strategy '1', with publishers of a video's own"),
        (queueing.advance_order, "2c", "strategy '2c', which starts no publisher when an encoding starts"),
    ):
        with pytest.raises(tv.StrategyError) as caught:
            call(some, strategy)
        assert sentence in str(caught.value)


class Some(tv.Strategy):
    def start_moment(self, video: tv.Video) -> Any:
        return "encoding_started" if video.encoding_time > 3 else None


def test_a_pool_for_which_some_videos_start_publishers() -> None:
    with pytest.raises(tv.StrategyError, match="because of some videos"):
        queueing.certificate(catalogue("shipped"), Some(prewarmed=3))


@pytest.mark.parametrize("formula", ["failed_bound", "advance_order", "certificate"])
def test_arrivals_at_random_matter_where_videos_share_publishers(formula: str) -> None:
    call, strategy = FORMULAS[formula]
    with pytest.raises(tv.ScenarioError, match="encodings at random times, arrivals='poisson'"):
        call(catalogue("shipped"), strategy, tv.Scenario(arrivals="poisson"))


@pytest.mark.parametrize("formula", ["failed_bound", "advance_order", "certificate"])
def test_a_queue_that_may_become_full(formula: str) -> None:
    call, strategy = FORMULAS[formula]
    for scenario in (tv.Scenario(publishing_queue_capacity=3), tv.Scenario(startup_time="uniform(2, 200)")):
        with pytest.raises(tv.ScenarioError, match="a queue that may become full, publishing_queue_capacity="):
            call(catalogue("shipped"), strategy, scenario)
        call(catalogue("shipped"), strategy, scenario.replace(publishing_queue_capacity=None))


def test_start_ups_that_fail_may_fill_any_queue() -> None:
    faults = tv.Faults(startup=0.1)
    with pytest.raises(tv.ScenarioError, match="publishing_queue_capacity=100"):
        queueing.failed_bound(catalogue("shipped"), "2c", tv.Scenario(faults=faults))
    queueing.failed_bound(catalogue("shipped"), "2c", tv.Scenario(faults=faults, publishing_queue_capacity=154))


class NotAtOne(tv.Distribution):
    mean = 4.0

    def quantile(self, u: Any) -> Any:
        if (u == 1).any():
            raise ValueError("not at 1")
        return 2 + 4 * u


@pytest.mark.parametrize(
    "time",
    [tv.Exponential(4), tv.LogNormal(4, 1), tv.Gamma(2, 2), "scipy.stats.expon(0, 4)", NotAtOne()],
    ids=["exponential", "lognormal", "gamma", "SciPy's", "not at 1"],
)
def test_no_certificate_without_an_upper_end(time: Any) -> None:
    with pytest.raises(tv.ScenarioError, match="start-up times without an upper end, startup_time="):
        queueing.certificate(catalogue("shipped"), "2a", tv.Scenario(startup_time=time))


def test_no_certificate_where_start_ups_fail() -> None:
    with pytest.raises(tv.ScenarioError, match="start-ups that fail, startup="):
        queueing.certificate(catalogue("shipped"), "2a", tv.Scenario(faults=tv.Faults(startup=0.1)))


def test_other_arguments_are_checked_as_everywhere() -> None:
    with pytest.raises(tv.StrategyError, match="a strategy is one of"):
        queueing.failed_bound(catalogue("shipped"), "3")
    with pytest.raises(tv.ScenarioError, match="scenario must be a"):
        queueing.failed_bound(catalogue("shipped"), "2c", "usual")  # type: ignore[arg-type]
    with pytest.raises(tv.CatalogueError):
        queueing.failed_bound("no such file")
    with pytest.raises(tv.CatalogueError, match="has no encodingTime"):
        queueing.failed_bound(tv.Catalogue([tv.Video("a", publication_timeout=3)]))
