"""What a strategy's fields are refused for, what a rule that decides once an instant sees, and known figures.

The fields one by one, by hand, are in `tests.engines.test_strategies_by_hand`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

import tv2sim as tv
from tests.helpers.micro_scenarios import PUBLISHERS, actual, literal, log, simulate
from tv2sim.engines.model import System
from tv2sim.engines.model.publisher import Publisher
from tv2sim.strategies.strategy import CONTRADICTIONS

# -- what is refused -----------------------------------------------------------------------------------------


class Levels(tv.Strategy):
    def pool_level(self, state: tv.PoolState) -> int:
        return 1


class Asked(tv.Strategy):
    def decide(self, state: tv.State) -> tv.Decision:
        return tv.Decision()


class Delays(tv.Strategy):
    def start_delay(self, video: tv.Video) -> float:
        return 1.0


class Prefers(tv.Strategy):
    def priority(self, video: tv.Video, deadline: float) -> float:
        return deadline


OWN: dict[str, Any] = {"starts_on": "encoded", "dedicated": True}
LEAD = tv.Lead(encoding=1)
REFUSED: list[tuple[type[tv.Strategy], dict[str, Any], str]] = [
    (tv.Strategy, {"dedicated": True}, "never starts a publisher"),
    (tv.Strategy, {**OWN, "dedicated_from": 0.5}, "says twice which videos have their own"),
    (tv.Strategy, {"starts_on": "queued", "dedicated_from": 0.5}, "at two moments: .*, not 'queued'"),
    (Delays, {"starts_on": "encoding_started", "lead": LEAD}, "says twice how long a start is delayed"),
    (tv.Strategy, {"starts_on": "encoded", "lead": LEAD}, r"lead=Lead\(encoding=1.0\), which is for "),
    (tv.Strategy, {"ready_at_start": True}, "no publisher at the start: give prewarmed"),
    (Prefers, {"queue_order": "deadline"}, "two orders of the queue"),
    (tv.Strategy, {"queue_order": "priority", "holds_back": 9}, "leave out queue_order='priority'"),
    (tv.Strategy, {"price": 60, "dispatch": "at_once"}, "dispatch='at_once', but a rule that decides"),
    (Asked, {"dispatch": "at_once"}, "dispatch='at_once', but a rule that decides"),
    (tv.Strategy, {"holds_back": True}, "holds_back=True, which takes its price from price"),
    (tv.Strategy, {**OWN, "price": 60}, "price, holds_back and decide have nothing to decide"),
    (tv.Strategy, {**OWN, "minimum": 3}, "no video uses a pool"),
    (tv.Strategy, {"price": 60, "headroom": 2}, "more than one rule of what the pool starts"),
    (Asked, {"price": 60}, "more than one rule of what the pool starts"),
    (Asked, {"discards_hopeless": True}, "answers what is held and discarded itself"),
    (Levels, {"headroom": 2}, r"headroom=\(2.0, 30.0\) and the hook pool_level"),
    (tv.Strategy, {"minimum": 3, "maximum": 2}, "minimum=3 above its maximum=2"),
    (tv.Strategy, {"prewarmed": 3, "maximum": 2}, "prewarmed=3 publishers, more than its maximum=2"),
    (tv.Strategy, {"forecast": None}, "has a forecast, which only the coverage rule uses"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values", "text"), REFUSED)
def test_a_contradiction_is_answered_with_one_sentence(
    kind: type[tv.Strategy], values: dict[str, Any], text: str
) -> None:
    with pytest.raises(tv.StrategyError, match=f"^strategy 'mine' .*{text}") as caught:
        kind("mine", **values)
    assert "\n" not in str(caught.value)
    assert not str(caught.value).endswith(".")


def test_each_contradiction_is_in_the_list() -> None:
    def first(kind: type[tv.Strategy], values: dict[str, Any]) -> int:
        with pytest.raises(tv.StrategyError) as caught:
            kind("mine", **values)
        starts = [text.partition("{")[0] for text in CONTRADICTIONS]
        return next(place for place, text in enumerate(starts) if f"'mine' {text}" in str(caught.value))

    assert {first(kind, values) for kind, values, _ in REFUSED} == set(range(len(CONTRADICTIONS)))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "a lead is given by encoding or timeout or both, or by quantile, or by table"),
        ({"encoding": 1, "quantile": 0.5}, "a lead is given by"),
        ({"quantile": 1}, "a lead's quantile, if not None, must be a number between 0 and 1, not 1"),
        ({"table": {6: 2}}, r"a lead's table, .* must give seconds by \(encoding time, timeout\)"),
    ],
)
def test_leads_that_are_none(values: dict[str, Any], text: str) -> None:
    with pytest.raises(tv.StrategyError, match=text):
        tv.Lead(**values)


# -- the hooks of videos and of the pool's level -----------------------------------------------------------


def test_a_video_chooses_its_moment_and_whether_the_publisher_is_its_own() -> None:
    """A start-up takes 3 s. v0 starts its own at 0; v1 one for the pool at 2.5, taken by v2, queued at 1.5."""

    class Chosen(tv.Strategy):
        def owns_publisher(self, video: tv.Video) -> bool:
            return video.publication_timeout == 9

        def start_moment(self, video: tv.Video) -> Any:
            return {9: "encoding_started", 8: "encoded", 7: None}[int(video.publication_timeout)]

    run = simulate([(1, 9), (2, 8), (0.5, 7)], Chosen(), 3, encoders=3, until=6)
    check_publishers(
        run,
        """
        cause  started  ready  assigned  ended  video  idle
            0      0      3        3       3      0     0
            1      2.5    5.5      5.5     5.5    2     0
        """,
    )


def test_a_video_delays_its_start() -> None:
    """To 0.5 s before the nominal end of its encoding."""

    class Later(tv.Strategy):
        def start_delay(self, video: tv.Video) -> float:
            return video.encoding_time - 0.5

    run = simulate([(4, 9), (2, 9)], Later(starts_on="encoding_started", dedicated=True), 1, encoders=2)
    check_publishers(
        run,
        """
        cause  started  ready  assigned  ended  video  idle
            1      2      3        3       3      1     0
            0      3.5    4.5      4.5     4.5    0     0
        """,
    )


def test_a_video_says_how_urgent_it_is() -> None:
    """All wait at 4, 8 and 12, when a publisher is ready: v2 has the longest encoding, v0 comes before v1."""

    class LongestFirst(tv.Strategy):
        def priority(self, video: tv.Video, deadline: float) -> float:
            return -video.encoding_time

    run = simulate([(1, 99), (1, 99), (2, 99)], LongestFirst(prewarmed=1), 4, encoders=3)
    assert run.videos["assigned"].tolist() == [8, 12, 4]


def test_the_level_of_the_pool_changes() -> None:
    """One up to 3, then two, as of the review of 4: v0 takes the first at 2, and the pool is filled up then."""

    class Grows(tv.Strategy):
        def pool_level(self, state: tv.PoolState) -> int:
            return 1 if state.time < 3 else 2

    run = simulate([(2, 9), (9, 99)], Grows(review_every=2), 1, until=5)
    check_publishers(
        run,
        """
        cause  started  ready  assigned  ended  video  idle
            -      0      1        2       2      0     1
            0      2      3        -       -      -     2
            -      4      5        -       -      -     0
        """,
    )


def check_publishers(run: tv.Run, table: str) -> None:
    assert actual(run.publishers, PUBLISHERS) == literal(table, PUBLISHERS)


# -- the hook decide -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deciding(tv.Strategy):
    """Asks a function, and writes down what it sees."""

    rule: Callable[[tv.State], tv.Decision] = lambda state: tv.Decision()
    states: list[tv.State] = field(default_factory=list)

    def decide(self, state: tv.State) -> tv.Decision:
        self.states.append(state)
        return self.rule(state)


def test_what_is_seen_at_the_end_of_an_instant() -> None:
    """v0 is encoded from 0 to 2, v1 from 2 on; two are started at 0 and ready at 3."""
    strategy = Deciding(
        rule=lambda state: tv.Decision(start=2 if not state.starting and not state.ready else 0)
    )
    run = simulate([(2, 9), (4, 5)], strategy, 3, until=3)
    at = {state.time: state for state in strategy.states}
    assert [state.time for state in strategy.states] == [0, 0.5, 2, 3]
    first, second, last = at[0], at[2], at[3]
    assert (first.waiting, first.starting, first.ready, first.rate) == ((), (), 0, 0)
    assert [(video.row, video.deadline, video.remaining) for video in first.encoding] == [(0, 9, 2)]
    assert [(video.row, video.deadline, video.remaining) for video in second.waiting] == [(0, 9, 0)]
    assert [(video.row, video.deadline, video.remaining) for video in second.encoding] == [(1, 7, 4)]
    assert (second.starting, second.rate) == ((2, 2), 0.5)
    assert second.mix == {(2, 9): 1, (4, 5): 1}
    assert (last.ready, last.starting, last.waiting[0].video.id) == (2, (), "v0")
    assert run.videos["assigned"].tolist()[0] == 3


def test_what_is_answered_is_done() -> None:
    """Four wait from 1 on, when two are ready: the second is given up, the last is served, the others held."""

    def rule(state: tv.State) -> tv.Decision:
        if state.time == 0:
            return tv.Decision(start=2)
        if state.time == 2.5:
            return tv.Decision(discard=[1], serve=[3, 0], hold=1, start=1)
        return tv.Decision(hold=2)

    run = simulate([(1, 9)] * 4, Deciding(rule=rule), 1, encoders=4, until=3)
    assert log(run, 2.5, "discarded", "assigned", "publisher_started") == [
        "discarded 1 -", "assigned 3 publisher 0", "publisher_started publisher 2",
    ]  # fmt: skip
    assert run.videos["outcome"].tolist() == ["unfinished", "failed", "unfinished", "published"]
    assert run.publishers["cause"].isna().all()


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (3, r"the answer of Deciding.decide must be a tv2sim.Decision, not 3"),
        (tv.Decision(serve=[0]), r"must serve rows of videos that are waiting, each once, not \[0\]"),
        (tv.Decision(discard=[1, 1]), r"must discard rows of videos that are waiting, each once, not \[1, 1\]"),
        (tv.Decision(serve=0), "must serve rows of videos that are waiting, each once, not 0"),  # type: ignore[arg-type]
        (tv.Decision(discard=[0.5]), r"must discard rows .* not \[0.5\]"),  # type: ignore[list-item]
        (tv.Decision(discard=[[0]]), r"must discard rows .* not \[\[0\]\]"),  # type: ignore[list-item]
        (tv.Decision(start=-1), "the answer of Deciding.decide's start must be a whole number of at least 0"),
    ],
)
def test_answers_that_are_none(answer: Any, text: str) -> None:
    with pytest.raises(tv.StrategyError, match=text):
        simulate([(1, 9)], Deciding(rule=lambda state: answer), 1)


# -- the coverage rule in the model --------------------------------------------------------------------------


def test_a_ready_publisher_is_held_back_for_a_more_urgent_video() -> None:
    """v0 waits from 1 on and is due at 30; v1, due at 3.5, is encoded at 2.5. One of one is ready at 1."""
    clips = [(1, 30), (2, 3)]
    for price, assigned in ((None, [1, 5]), (60, [5, 2.5])):
        strategy = tv.Strategy(prewarmed=1, queue_order="deadline", holds_back=price, ready_at_start=True)
        run = simulate(clips, strategy, 4 if price is None else 2.5, encoders=2)
        assert run.videos["assigned"].tolist() == assigned


def test_publishing_takes_time_before_the_deadline() -> None:
    """v0 has to be assigned by 9 - 3, so the start-up of 2 s begins at the review of 4; v1 is encoding."""
    strategy = tv.Strategy(price=60, forecast=None, review_every=0.5)
    run = simulate([(3, 9), (9, 99)], strategy, 2, encoders=2, publishing_time=3, until=9)
    assert run.videos["assigned"].tolist()[0] == 6
    assert run.videos["outcome"].tolist()[0] == "published"
    assert run.publishers["started"].tolist() == [4]


def test_start_ups_that_take_no_time() -> None:
    """Both are due at 2.00001. The first has a publisher 0.5 / 1000 before; the second is encoded at 2."""
    run = simulate([(1, 2.00001), (1.5, 1.50001)], tv.Strategy(price=60), 0, encoders=2)
    assert run.videos["assigned"].tolist() == [1.99951, 2]
    assert len(run.publishers) == 2


def test_the_rate_of_a_catalogue_counts_and_not_that_of_a_profile() -> None:
    records = [
        {"id": str(i), "encodingTime": 0, "publicationTimeout": 9, "submittedAt": i * 0.7} for i in range(30)
    ]
    profile = tv.Profile([(0, 1), (5, 2)], period=10)
    first, second = (
        tv.simulate(records, "coverage", tv.Scenario(encoders=None, requests_per_second=rate), seed=1)
        for rate in (1, profile)
    )
    assert first.videos.equals(second.videos)


def test_the_prewarmed_are_not_replaced_but_what_the_rule_starts() -> None:
    run = tv.simulate(tv.generate_catalogue(), tv.STRATEGIES["coverage"], seed=1)
    causes = run.publishers["cause"]
    assert causes.isna().all()
    assert (run.publishers["started"] == 0).sum() >= 8
    assert run.ending == "completed"
    assert 140 < len(run.publishers) < 175


def test_videos_are_due_earlier_by_the_publishing_time_once() -> None:
    """With a publishing time of 1 s and timeouts that are 1 s longer, the rule decides the same."""
    catalogue = tv.generate_catalogue(60)
    later = [msgspec.structs.replace(one, publication_timeout=one.publication_timeout + 1) for one in catalogue]
    at_once = tv.simulate(catalogue, "coverage", seed=2)
    busy = tv.simulate(later, "coverage", tv.Scenario(publishing_time=1), seed=2)
    for table, column in (("videos", "assigned"), ("publishers", "started")):
        assert getattr(busy, table)[column].tolist() == getattr(at_once, table)[column].tolist()
    assert at_once.summary["failed"] == busy.summary["failed"]


def test_a_catalogue_with_times_has_one_rate_whatever_the_profile() -> None:
    records = [
        {"id": f"v{i}", "encodingTime": 1, "publicationTimeout": 9, "submittedAt": 2 * i} for i in range(5)
    ]
    runs = [
        tv.simulate(records, "coverage", tv.Scenario(encoders=None, requests_per_second=rate))
        for rate in (2, tv.Profile([(0, 1), (3, 2)]))
    ]
    assert runs[0].publishers.equals(runs[1].publishers)


def test_start_ups_may_take_no_time() -> None:
    run = tv.simulate(tv.generate_catalogue(30), "coverage", tv.Scenario(startup_time=0))
    assert run.publishers["ready"].equals(run.publishers["started"])
    assert run.summary["published"] > 0
    assert run.summary["idle"] == 0


def test_an_arrival_in_the_first_microseconds_is_no_immense_rate() -> None:
    """One video at 74 µs counts as one in a second: start-ups of 4 s need 4 publishers, not 4 / 74e-6."""
    record = {"id": "a", "encodingTime": 1, "publicationTimeout": 9, "submittedAt": 0.000074}
    run = tv.simulate([record], tv.Strategy("pool", headroom=1), tv.Scenario(startup_time=4))
    assert len(run.publishers) == 4


def test_nothing_is_kept_of_a_publisher_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many are retired, die and serve; of the system, only those are left that have not ended."""
    made: list[System] = []
    begin = System.__init__

    def init(one: System, *arguments: Any) -> None:
        made.append(one)
        begin(one, *arguments)

    monkeypatch.setattr(System, "__init__", init)
    pool: dict[str, Any] = {"prewarmed": 5, "minimum": 1, "idle_time_to_live": 0.5}
    strategy = tv.Strategy(starts_on="encoding_started", **pool)
    scenario = tv.Scenario(faults=tv.Faults(startup=0.2, ready_lifetime="uniform(0, 2)"))
    run = tv.simulate(tv.generate_catalogue(60), strategy, scenario, seed=1)
    assert {"retired", "failed", "ended"} <= {*run.publishers["outcome"]}
    there = run.publishers["publisher"][run.publishers["ended"].isna()]
    gc.collect()
    assert made
    assert {one.number for one in gc.get_objects() if type(one) is Publisher} == set(there)


@pytest.mark.parametrize("name", tv.STRATEGIES)
def test_a_built_in_strategy_in_a_world_with_everything(name: str) -> None:
    """Each video has one outcome, no publisher serves two, and no retired one serves."""
    faults = tv.Faults(startup=0.1, ready_lifetime="exponential(30)", publishing=0.1, encoder_lifetime=100)
    world: dict[str, Any] = {
        "encoders": [1, 2, 1], "arrivals": "poisson", "publishing_time": "uniform(0, 1)", "faults": faults,
        "encoding_factor": "uniform(0.5, 1.5)", "max_publishers": 30, "provisioning_delay": 0.5,
        "broker": tv.Broker(latency=0.1, loss=0.1, redelivered_after=3),
    }  # fmt: skip
    run = tv.simulate(tv.generate_catalogue(40), name, tv.Scenario(**world), seed=2)
    events = run.events
    outcomes = events[events["event"].isin(["published", "failed", "discarded"])]
    assert sorted(outcomes["video"]) == list(range(40))
    served = events[events["event"] == "assigned"]["publisher"]
    assert served.is_unique
    retired = run.publishers[run.publishers["outcome"] == "retired"]["publisher"]
    assert not set(served) & set(retired)


# -- known figures -------------------------------------------------------------------------------------------

REAL = Path(__file__).parents[3] / "shared" / "data" / "tv2-video-metadata-ingest.txt"
ADVANCE: dict[str, Any] = {"starts_on": "encoding_started"}
DEADLINE: dict[str, Any] = {"queue_order": "deadline"}
LATE: dict[str, Any] = {"dispatch": "end_of_instant"}
KNOWN: list[tuple[dict[str, Any], float, float | None]] = [
    ({"prewarmed": 10, **DEADLINE}, 0.724, None),
    ({"prewarmed": 10, **DEADLINE, **LATE}, 0.385, None),
    *(
        ({"prewarmed": size, **ADVANCE, **LATE}, failed, idle)
        for size, failed, idle in zip(
            range(5), (16.01, 8.55, 3.47, 0.961, 0.191), (18.5, 46.1, 90.6, 150.3, 220.4), strict=True
        )
    ),
    *(
        ({"prewarmed": size, **ADVANCE, **DEADLINE}, failed, None)
        for size, failed in enumerate((5.71, 3.49, 1.68, 0.574, 0.144))
    ),
    ({"prewarmed": 4, **ADVANCE, **DEADLINE, "lead": tv.Lead(encoding=3, timeout=6)}, 0.535, 126.2),
    ({"prewarmed": 4, **ADVANCE, **DEADLINE, "lead": tv.Lead(encoding=2, timeout=5.5)}, 1.170, 79.9),
    *(
        ({"price": price, "forecast": REAL}, failed, idle)
        for price, failed, idle in (
            (20, 0.314, 25.7),
            (60, 0.115, 37.8),
            (100, 0.094, 40.6),
            (240, 0.046, 51.2),
            (1000, 0.0148, 76.0),
        )
    ),
    ({"prewarmed": "rate", "price": 60}, 0.123, 34.1),
    ({"prewarmed": "rate", "price": 240}, 0.062, 42.5),
    ({"prewarmed": "rate", "price": 1000}, 0.0286, 57.4),
    ({"prewarmed": 10, "holds_back": 100}, 0.0152, 173),
]


@pytest.mark.skipif(not REAL.exists(), reason="the real catalogue is not here")
@pytest.mark.slow
@pytest.mark.parametrize(("values", "failed", "idle"), KNOWN)
def test_known_figures(values: dict[str, Any], failed: float, idle: float | None) -> None:
    """Within three standard errors; the other program's are of 20,000 replications, and smaller."""
    count = 400 if "price" in values or "holds_back" in values else 20_000
    frame = tv.replicate(REAL, tv.Strategy(**values), replications=count, seed=3).frame
    for metric, known in (("failed", failed), ("idle", idle)):
        if known is not None:
            error = max(frame[metric].std(), known**0.5 if metric == "failed" else 0) / count**0.5
            assert abs(frame[metric].mean() - known) < 3 * error * (1 + count / 20_000) ** 0.5
