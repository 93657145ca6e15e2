"""Strategies: what the data accept, and the hooks by five rules that are not built in, by hand.

Runs are without chance. A clip is (encoding time, timeout); one encoder and 2 requests/s unless a test says
otherwise.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import tv2sim as tv
from tests.engines.test_reference import PARTS, Case, cases, records, strategy_of
from tests.helpers.micro_scenarios import check, log, simulate
from tests.helpers.sizes import examples
from tv2sim.base.checks import shown
from tv2sim.results.event_kinds import log_of
from tv2sim.strategies import HOOKS, MOMENTS, Moment, as_strategy, policies
from tv2sim.strategies.builtin import ADAPTIVE, ADVANCE, COVERAGE, JUST_IN_TIME, SLACK_AWARE

TABLES = ("videos", "publishers", "events", "levels")
WHOLE_FROM_0 = "a whole number of at least 0"
PREWARMED = f"{WHOLE_FROM_0} and at most 1000000000"


def refused(**values: object) -> str:
    with pytest.raises(tv.StrategyError) as caught:
        tv.Strategy(**values)  # type: ignore[arg-type]
    return str(caught.value)


def same(one: tv.Run, other: tv.Run) -> None:
    """Hold two runs against each other: the same in every table."""
    for name in TABLES:
        assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
    assert (one.end, one.ending) == (other.end, other.ending)


# -- the data -------------------------------------------------------------------------------------------------


class TestData:
    def test_the_parts(self) -> None:
        def data(strategy: tv.Strategy) -> tuple[object, ...]:
            return (strategy.name, strategy.starts_on, strategy.dedicated, strategy.prewarmed)

        assert data(tv.PART_1) == ("1", "encoded", True, 0)
        assert data(tv.PART_2A) == ("2a", "encoding_started", True, 0)
        assert data(tv.PART_2B) == ("2b", "queued", True, 0)
        assert data(tv.PART_2C) == ("2c", None, False, 10)

    def test_they_are_there_by_name(self) -> None:
        assert dict(tv.STRATEGIES) == {
            "1": tv.PART_1,
            "2a": tv.PART_2A,
            "2b": tv.PART_2B,
            "2c": tv.PART_2C,
            "advance": ADVANCE,
            "just in time": JUST_IN_TIME,
            "slack aware": SLACK_AWARE,
            "adaptive": ADAPTIVE,
            "coverage": COVERAGE,
        }
        assert all(strategy.name == name for name, strategy in tv.STRATEGIES.items())

    def test_the_built_in_ones_cannot_be_exchanged(self) -> None:
        with pytest.raises(TypeError):
            tv.STRATEGIES["1"] = tv.PART_2C  # type: ignore[index]
        with pytest.raises(TypeError):
            del tv.STRATEGIES["1"]  # type: ignore[attr-defined]
        with pytest.raises(AttributeError):
            tv.STRATEGIES.clear()  # type: ignore[attr-defined]

    @pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(tv.Strategy)])
    def test_it_is_immutable(self, name: str) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(tv.PART_2C, name, getattr(tv.PART_2C, name))

    @pytest.mark.parametrize("value", [-1, 2.0, 2.5, math.nan, math.inf, True, "10", None])
    def test_prewarmed(self, value: object) -> None:
        assert refused(prewarmed=value) == f"prewarmed must be {PREWARMED}, not {value!r}"

    @pytest.mark.parametrize("value", ["", "published", "ENCODED", 1, True, ["encoded"], ("encoded", "queued")])
    def test_starts_on(self, value: object) -> None:
        assert refused(starts_on=value) == (
            f"starts_on must be one of None, 'encoding_started', 'encoded', 'queued', not {value!r}"
            + ": did you mean encoded?" * (value == "ENCODED")
        )

    @pytest.mark.parametrize("value", ["no", "", None, 2, 0.5, math.nan, []])
    def test_dedicated(self, value: object) -> None:
        message = refused(dedicated=value, starts_on="encoded")
        assert message == f"dedicated must be one of False, True, not {value!r}"

    @pytest.mark.parametrize("value", [0, -1.5, math.nan, math.inf, True, "5", 1e-300, 0.9e-6])
    def test_review_every(self, value: object) -> None:
        """One so small that time does not advance would be made for ever."""
        message = refused(review_every=value)
        accepted = "a finite number of at least 1e-06"
        assert message == f"review_every, if not None, must be {accepted}, not {value!r}"
        assert tv.Strategy(review_every=1e-6).review_every == 1e-6

    def test_review_every_that_is_too_long(self) -> None:
        message = refused(review_every=2**32 + 1)
        assert message == "review_every, if not None, must be at most 4294967296 s, not 4294967297"

    @pytest.mark.parametrize("value", [np.array([1, 2]), np.array([])])
    @pytest.mark.parametrize("field", ["starts_on", "dedicated", "prewarmed", "review_every", "name"])
    def test_an_array(self, field: str, value: object) -> None:
        message = refused(**{field: value})
        assert field in message
        assert message.endswith(f"not {value!r}")

    @pytest.mark.parametrize("value", [1, None, b"2c", ["2c"]])
    def test_name(self, value: object) -> None:
        assert refused(name=value) == f"a strategy's name must be a string, not {value!r}"

    def test_numpy_numbers_are_numbers(self) -> None:
        strategy = tv.Strategy(prewarmed=np.int64(3), review_every=np.float32(0.5))  # type: ignore[arg-type]
        assert (strategy.prewarmed, strategy.review_every) == (3, 0.5)
        assert (type(strategy.prewarmed), type(strategy.review_every)) == (int, float)
        assert tv.Strategy("x", "encoded", np.True_).dedicated is True  # type: ignore[arg-type]

    def test_a_dedicated_one_that_never_starts_a_publisher(self) -> None:
        message = refused(name="mine", dedicated=True)
        assert "'mine' is dedicated but never starts a publisher" in message
        assert "give starts_on a moment" in message

    def test_the_name_of_the_class_is_the_name_of_the_strategy(self) -> None:
        class JustInTime(tv.Strategy):
            pass

        assert JustInTime().name == "JustInTime"
        assert JustInTime("mine").name == "mine"
        assert tv.Strategy().name == "Strategy"

    def test_equal_data_are_equal_strategies_but_not_of_another_class(self) -> None:
        class Same(tv.Strategy):
            pass

        assert tv.Strategy("2c", prewarmed=10) == tv.PART_2C
        assert hash(tv.Strategy("2c", prewarmed=10)) == hash(tv.PART_2C)
        assert Same("2c", prewarmed=10) != tv.PART_2C

    def test_as_data(self) -> None:
        assert tv.PART_2A.to_dict() == {
            "kind": "strategy",
            "name": "2a",
            "starts_on": "encoding_started",
            "dedicated": True,
            "prewarmed": 0,
            "review_every": None,
            "dedicated_from": None,
            "lead": None,
            "ready_at_start": False,
            "queue_order": "fifo",
            "dispatch": None,
            "discards_hopeless": False,
            "price": None,
            "holds_back": None,
            "forecast": "online",
            "minimum": None,
            "maximum": None,
            "headroom": None,
            "idle_time_to_live": None,
            "starts_at_most": None,
        }


class TestClasses:
    def test_a_field_in_the_body_of_the_class_is_refused(self) -> None:
        """It would be ignored: the inherited ``__init__`` knows the base class's defaults."""

        class Mine(tv.Strategy):
            prewarmed = 5

        with pytest.raises(tv.StrategyError) as caught:
            Mine()
        message = str(caught.value)
        assert "prewarmed = 5 in the body of Mine has no effect" in message
        assert "Mine(prewarmed=5)" in message

    def test_in_a_dataclass_it_is_the_default(self) -> None:
        @dataclass(frozen=True)
        class Mine(tv.Strategy):
            prewarmed: int = 5

        class Further(Mine):
            pass

        assert (Mine().prewarmed, Further().prewarmed, Mine(prewarmed=6).prewarmed) == (5, 5, 6)
        assert len(simulate([(1, 9)], Mine(), 2).publishers) == 6

    def test_a_method_for_a_hook_is_all_it_takes(self) -> None:
        class Two(tv.Strategy):
            def pool_level(self, state: tv.PoolState) -> int:
                return 2

        assert len(simulate([(1, 9)], Two(), 2).publishers) == 3


class TestReplace:
    def test_it_changes_what_is_named_and_nothing_else(self) -> None:
        changed = tv.PART_2C.replace(prewarmed=12)
        assert changed == tv.Strategy("2c", prewarmed=12)
        assert tv.PART_2C.prewarmed == 10
        assert changed.replace(name="12").name == "12"

    def test_an_unknown_name_is_quoted_and_the_known_ones_are_listed(self) -> None:
        with pytest.raises(tv.StrategyError) as caught:
            tv.PART_2C.replace(prewarm=12)  # type: ignore[call-arg]
        names = ", ".join(field.name for field in dataclasses.fields(tv.Strategy))
        assert str(caught.value) == (f"strategy '2c' has no 'prewarm'; it has {names}: did you mean prewarmed?")

    def test_the_new_value_is_checked(self) -> None:
        with pytest.raises(
            tv.StrategyError,
            match="prewarmed must be a whole number of at least 0 and at most 1000000000, not -1",
        ):
            tv.PART_2C.replace(prewarmed=-1)

    def test_ones_own_stays_ones_own(self) -> None:
        class Mine(tv.Strategy):
            pass

        changed = Mine(prewarmed=3).replace(prewarmed=4)
        assert changed == Mine(prewarmed=4)
        assert type(changed) is Mine

    def test_fields_of_ones_own_can_be_changed_as_well(self) -> None:
        @dataclass(frozen=True)
        class Patient(tv.Strategy):
            patience: float = 6.0

        changed = Patient(prewarmed=3).replace(patience=8.0)  # type: ignore[call-arg]
        assert changed == Patient(prewarmed=3, patience=8.0)
        assert changed.to_dict()["patience"] == 8.0


class TestByName:
    @pytest.mark.parametrize("name", ["1", "2a", "2b", "2c"])
    def test_the_built_in_ones(self, name: str) -> None:
        assert as_strategy(name) is tv.STRATEGIES[name]

    def test_a_strategy_is_itself(self) -> None:
        mine = tv.Strategy("mine", prewarmed=3)
        assert as_strategy(mine) is mine

    @pytest.mark.parametrize("size", [8, 1, 0, 10**9])
    def test_a_pool_of_another_size(self, size: int) -> None:
        named = f"2c:{size}"
        assert as_strategy(named) == tv.PART_2C.replace(name=named, prewarmed=size)
        catalogue = tv.generate_catalogue(20)
        if size < 10:
            assert tv.simulate(catalogue, named).strategy == as_strategy(named)
            study = tv.compare(catalogue, ["2c", named], replications=2, progress=False)
            assert [cell.strategy for cell in study.cells] == ["2c", named]

    @pytest.mark.parametrize("value", ["1:8", "2a:8", "2c:", "2c:-1", "2c:8.0", "2c: 8", "2c:8:8", "2c:٨"])
    def test_a_pool_of_no_size(self, value: str) -> None:
        with pytest.raises(tv.StrategyError) as caught:
            as_strategy(value)
        assert str(caught.value) == f"a strategy with another pool is written like 2c:8, not {value!r}"

    def test_a_pool_that_is_too_large(self) -> None:
        with pytest.raises(tv.StrategyError, match=f"prewarmed must be {PREWARMED}, not 1000000001"):
            as_strategy("2c:1000000001")
        with pytest.raises(tv.StrategyError, match=f"prewarmed must be {PREWARMED}, not {10**23}$"):
            as_strategy(f"2c:{10**23}")

    @pytest.mark.parametrize("value", ["3", "2C", "", 1, None, int, ["1"], {}])
    def test_any_other_is_quoted_and_the_known_ones_are_named(self, value: object) -> None:
        for ask in (as_strategy, lambda it: tv.simulate(tv.generate_catalogue(1), it)):
            with pytest.raises(tv.StrategyError) as caught:
                ask(value)
            assert str(caught.value) == (
                f"a strategy is one of {', '.join(tv.STRATEGIES)}, one of {', '.join(policies.__all__)} with "
                f"its settings in brackets, or a tv2sim.Strategy of your own, not {value!r}"
                + ": did you mean 2c?"
                * (value == "2C")
            )

    def test_a_class_in_place_of_a_strategy_is_said_to_be_one(self) -> None:
        with pytest.raises(tv.StrategyError, match=r"Strategy is a class: .* Strategy\(\)"):
            as_strategy(tv.Strategy)


def test_names_like_those_of_hooks_are_fields_as_others() -> None:
    @dataclass(frozen=True)
    class Delayed(tv.Strategy):
        start_delays: tuple[float, ...] = (1.0, 2.0)

        def start_delay(self, video: tv.Video) -> float:
            return self.start_delays[0]

    assert Delayed(start_delays=(3.0,), starts_on="encoded").start_delay(tv.Video("a", "", "", 1, 2)) == 3


# -- in words -------------------------------------------------------------------------------------------------

POOL = "the pool serves videos first come, first served"


@dataclass(frozen=True)
class Everything(tv.Strategy):
    """Overrides every hook."""

    patience: float = 6.0

    def start_moment(self, video: tv.Video) -> Moment | None:
        return "encoded"

    def owns_publisher(self, video: tv.Video) -> bool:
        return False

    def start_delay(self, video: tv.Video) -> float:
        return 0.0

    def priority(self, video: tv.Video, deadline: float) -> float:
        return deadline

    def pool_level(self, state: tv.PoolState) -> int:
        return int(self.prewarmed)


@dataclass(frozen=True)
class Deciding(tv.Strategy):
    """Overrides the hook that no other one for the pool goes together with."""

    def decide(self, state: tv.State) -> tv.Decision:
        return tv.Decision()


class TestInWords:
    @pytest.mark.parametrize(
        ("strategy", "words"),
        [
            ("1", "Each video has its own publisher, started when the encoding ends."),
            ("2a", "Each video has its own publisher, started when the encoding starts."),
            ("2b", "Each video has its own publisher, started when the video reaches the publishing stage."),
            (
                "2c:1",
                f"A pool of 1 publisher is started at time 0, and each one that takes a video is replaced; "
                f"{POOL}.",
            ),
            (tv.Strategy("x"), "No publisher is ever started."),
            (
                tv.Strategy("x", "encoded"),
                f"For each video, a publisher of the pool is started when the encoding ends; {POOL}.",
            ),
            (
                tv.Strategy("x", "queued", prewarmed=1000),
                f"For each video, a publisher of the pool is started when the video reaches the publishing "
                f"stage; a pool of 1,000 publishers is started at time 0, and refilled when fewer are starting "
                f"or ready; {POOL}.",
            ),
            (
                tv.Strategy("x", "encoded", True, 5),
                "Each video has its own publisher, started when the encoding ends; a pool of 5 publishers is "
                "started at time 0; no video uses the pool.",
            ),
            (
                Everything("x", "queued", True, 5, review_every=2.5),
                "For a video, a publisher is started when start_moment says, delayed by start_delay; it serves "
                "that video alone if owns_publisher says so; the pool is filled up to pool_level at time 0, at "
                "each step of a video and every 2.5 s; the pool serves videos in the order of priority; the "
                "rule is Everything(starts_on='queued', dedicated=True, prewarmed=5, patience=6.0).",
            ),
        ],
    )
    def test_sentences(self, strategy: tv.Strategy | str, words: str) -> None:
        assert as_strategy(strategy).in_words() == words

    def test_every_field_but_the_name_changes_the_words(self) -> None:
        values: dict[str, Any] = {
            "starts_on": "queued", "dedicated": True, "prewarmed": 7, "review_every": 7.0,
            "dedicated_from": 0.5, "lead": tv.Lead(encoding=2), "ready_at_start": True,
            "queue_order": "deadline", "dispatch": "end_of_instant", "discards_hopeless": True,
            "price": 60, "holds_back": 60,
            "forecast": None, "minimum": 3, "maximum": 9, "headroom": 1.5, "idle_time_to_live": 30,
            "starts_at_most": 2,
        }  # fmt: skip
        needs: dict[str, dict[str, Any]] = {
            "dedicated": {"starts_on": "encoded"}, "review_every": {"headroom": 2}, "forecast": {"price": 60},
            "lead": {"starts_on": "encoding_started"}, "ready_at_start": {"prewarmed": 2},
        }  # fmt: skip
        assert list(values) == [field.name for field in dataclasses.fields(tv.Strategy)][1:]
        for name, value in values.items():
            usual = tv.Strategy(**{"prewarmed": 3} | needs.get(name, {}))
            assert usual.replace(**{name: value}).in_words() != usual.in_words(), name

    @pytest.mark.parametrize("hook", HOOKS)
    def test_every_hook_that_is_overridden_is_named(self, hook: str) -> None:
        overrides = Deciding if hook == "decide" else Everything
        own = type("Own", (tv.Strategy,), {hook: getattr(overrides, hook)})
        assert hook in own(starts_on="encoded", prewarmed=2).in_words()

    def test_the_hooks_are_the_methods_that_are_asked_about_videos_and_the_pool(self) -> None:
        methods = {name for name in vars(tv.Strategy) if inspect.isfunction(getattr(tv.Strategy, name))}
        public = {name for name in methods if not name.startswith("_")}
        assert public == {*HOOKS, "starts", "sized", "prewarms", "knowledge", "in_words", "replace", "to_dict"}

    @settings(max_examples=examples(100))
    @given(st.sets(st.sampled_from(sorted(HOOKS))), st.sampled_from(MOMENTS), st.booleans(), st.integers(0, 3))
    def test_any_combination_is_one_sentence(
        self, hooks: set[str], starts_on: Moment | None, dedicated: bool, prewarmed: int
    ) -> None:
        own = type("Own", (tv.Strategy,), {hook: getattr(Everything, hook) for hook in hooks})
        try:
            words = own("x", starts_on, dedicated, prewarmed).in_words()
        except tv.StrategyError:  # dedicated, but never starts a publisher
            return
        assert words[0].isupper()
        assert words.endswith(".")
        assert words.count(". ") == 0
        assert "None" not in words
        assert "  " not in words


# -- five further rules, each a short class -------------------------------------------------------------------


class SharedStarts(tv.Strategy):
    """Publishers started when encoding starts, but shared by all."""

    def start_moment(self, video: tv.Video) -> Moment | None:
        return "encoding_started"


class TestSharedStarts:
    def test_tables(self) -> None:
        """Start-up 2, two encoders: v1, encoded first, takes the publisher that v0 has caused."""
        # v0 0 -> 4, v1 0.5 -> 1.5; p0 ready at 2 takes v1; p1 ready at 2.5 takes v0 at 4.
        check(
            simulate([(4, 4), (1, 1.5)], SharedStarts(), 2, encoders=2),
            videos="""
                offered encoder encoding_started encoded queued publisher assigned published outcome
                0       0       0                4       4      1         4        4         published
                0.5     1       0.5              1.5     1.5    0         2        2         published
            """,
            publishers="""
                cause started ready assigned ended video idle
                0     0       2     2        2     1     0
                1     0.5     2.5   4        4     0     1.5
            """,
            end=4,
        )

    @settings(max_examples=25)
    @given(cases())
    def test_it_is_the_same_as_the_data_that_say_so(self, case: Case) -> None:
        same(
            run_case(case, SharedStarts("x", prewarmed=1)),
            run_case(case, tv.Strategy("x", "encoding_started", prewarmed=1)),
        )


@dataclass(frozen=True)
class OwnIfItCanWait(tv.Strategy):
    """Own publishers for videos that can wait, and pool publishers for those that can't."""

    patience: float = 6.0

    def owns_publisher(self, video: tv.Video) -> bool:
        return video.slack >= self.patience

    def start_moment(self, video: tv.Video) -> Moment | None:
        return "encoded" if self.owns_publisher(video) else None


class TestOwnIfItCanWait:
    def test_tables(self) -> None:
        """Pool of 1, start-up 3, four encoders: v0 and v2 have slack 8 and 7, v1 and v3 slack 3 and 4."""
        # v0 0 -> 1: own p1 1 -> 4.     v1 0.5 -> 2.5: waits for p0, ready at 3; p2 in its place 3 -> 6.
        # v2 1 -> 3: own p3 3 -> 6.     v3 1.5 -> 2.5: waits for p2 at 6; p4 in its place, not ready.
        # At 3 v2's encoding ends (1) before p0 is ready (2): p2 is started for v2, p3 in the place of p0.
        check(
            simulate([(1, 9), (2, 5), (2, 9), (1, 5)], OwnIfItCanWait(prewarmed=1), 3, encoders=4),
            videos="""
                offered encoder encoding_started encoded queued publisher assigned published outcome
                0       0       0                1       1      1         4        4         published
                0.5     1       0.5              2.5     2.5    0         3        3         published
                1       2       1                3       3      2         6        6         published
                1.5     3       1.5              2.5     2.5    3         6        6         published
            """,
            publishers="""
                cause started ready assigned ended video idle
                -     0       3     3        3     1     0
                0     1       4     4        4     0     0
                2     3       6     6        6     2     0
                1     3       6     6        6     3     0
                3     6       -     -        -     -     0
            """,
            end=6,
        )

    def test_those_that_can_wait_take_no_place_in_the_queue(self) -> None:
        """No room at all, pool of 1, start-up 3: v0 leaves its encoder at 1, v1 only at 3, with p0."""
        run = simulate([(1, 9), (1, 3)], OwnIfItCanWait(prewarmed=1), 3, encoders=2, capacity=0)
        assert run.videos["queued"].tolist() == [1, 3]
        assert run.videos["assigned"].tolist() == [4, 3]
        assert run.levels["publishing_queue"].max() == 0

    def test_all_patient_is_part_1_and_none_is_part_2c(self) -> None:
        catalogue = tv.generate_catalogue(50)
        run = tv.simulate(catalogue, OwnIfItCanWait(patience=-99))
        assert_frame_equal(run.videos, tv.simulate(catalogue, "1").videos)
        run = tv.simulate(catalogue, OwnIfItCanWait(patience=99, prewarmed=10))
        assert_frame_equal(run.videos, tv.simulate(catalogue, "2c").videos)


class EarliestDeadlineFirst(tv.Strategy):
    """The video whose timeout ends first is served first."""

    def priority(self, video: tv.Video, deadline: float) -> float:
        return deadline


def served(run: tv.Run) -> list[int]:
    """List the videos in the order in which publishers took them."""
    return [int(video) for video in run.events.loc[run.events["event"] == "assigned", "video"]]


class TestEarliestDeadlineFirst:
    def test_tables(self) -> None:
        """Pool of 1, start-up 5, four encoders: all four wait at 5, with deadlines 20, 9.5, 13 and 10."""
        check(
            simulate([(1, 20), (1, 9), (1, 12), (1, 8.5)], EarliestDeadlineFirst(prewarmed=1), 5, encoders=4),
            videos="""
                offered encoder encoding_started encoded queued publisher assigned published outcome
                0       0       0                1       1      3         20       20        published
                0.5     1       0.5              1.5     1.5    0         5        5         published
                1       2       1                2       2      2         15       15        failed
                1.5     3       1.5              2.5     2.5    1         10       10        published
            """,
            publishers="""
                cause started ready assigned ended video idle
                -     0       5     5        5     1     0
                1     5       10    10       10    3     0
                3     10      15    15       15    2     0
                2     15      20    20       20    0     0
                0     20      -     -        -     -     0
            """,
            end=20,
        )

    def test_the_deadline_counts_from_the_start_of_the_encoding(self) -> None:
        """One encoder: v1's has to wait until 4. Its deadline is 4 + 5 = 9, v0's 0 + 8; offered at 0.5."""
        # by the offer it would be 5.5, before v0
        run = simulate([(4, 8), (1, 5)], EarliestDeadlineFirst(prewarmed=1), 7)
        assert served(run) == [0, 1]

    def test_equal_deadlines_are_served_in_order_of_arrival(self) -> None:
        """Deadlines 9, 9, 9 and 4.5; encoded at 3, 1.5, 2 and 2.5; a publisher at 4, 8, 12 and 16."""
        run = simulate([(3, 9), (1, 8.5), (1, 8), (1, 3)], EarliestDeadlineFirst(prewarmed=1), 4, encoders=4)
        assert served(run) == [3, 1, 2, 0]
        assert run.videos["assigned"].tolist() == [16, 8, 12, 4]

    def test_arrivals_at_one_instant_are_in_catalogue_order(self) -> None:
        """Both are encoded at 2, with deadline 9; v1 on encoder 1."""
        run = simulate([(2, 9), (1.5, 8.5)], EarliestDeadlineFirst(prewarmed=1), 4, encoders=2)
        assert served(run) == [0, 1]

    def test_one_that_finds_a_publisher_ready_takes_it(self) -> None:
        """v0 with the late deadline is encoded at 1, when p0 is ready and v1 is not there yet."""
        run = simulate([(1, 50), (1, 2)], EarliestDeadlineFirst(prewarmed=1), 0.5, encoders=2)
        assert run.videos["assigned"].tolist() == [1, 1.5]

    def test_a_blocked_encoder_is_no_part_of_the_queue(self) -> None:
        """Room for one: v0 waits, v1 and v2 keep their encoders and are admitted in turn."""
        strategy = EarliestDeadlineFirst(prewarmed=1)
        run = simulate([(1, 20), (1, 9), (1, 2)], strategy, 5, encoders=3, capacity=1)
        assert served(run) == [0, 1, 2]
        assert run.videos["queued"].tolist() == [1, 5, 10]

    def test_negative_priorities_and_numpy_floats(self) -> None:
        class Reversed(tv.Strategy):
            def priority(self, video: tv.Video, deadline: float) -> float:
                return np.float32(-deadline)  # type: ignore[return-value]

        run = simulate([(1, 4), (1, 8), (1, 6)], Reversed(prewarmed=1), 5, encoders=3)
        assert served(run) == [1, 2, 0]

    def test_without_an_answer_of_its_own_it_is_first_in_first_out(self) -> None:
        class Constant(tv.Strategy):
            def priority(self, video: tv.Video, deadline: float) -> float:
                return 7.0

        for encoders in (3, 10):
            scenario = tv.Scenario(encoders=encoders)
            catalogue = tv.generate_catalogue()
            same(
                tv.simulate(catalogue, Constant(prewarmed=8), scenario),
                tv.simulate(catalogue, tv.Strategy("Constant", prewarmed=8), scenario),
            )

    @settings(max_examples=40)
    @given(cases(), st.integers(1, 3))
    def test_no_video_overtakes_one_with_an_earlier_deadline(self, case: Case, prewarmed: int) -> None:
        run = run_case(case, EarliestDeadlineFirst(prewarmed=prewarmed))
        videos = run.videos.dropna(subset="assigned")
        deadline = videos["encoding_started"] + videos["publication_timeout"]
        for one, other in itertools.permutations(videos.index, 2):
            if deadline[one] < deadline[other] and videos["queued"][one] < videos["assigned"][other]:
                assert videos["assigned"][one] <= videos["assigned"][other]


@dataclass(frozen=True)
class Delayed(tv.Strategy):
    """Publishers started some time after the moment."""

    delay: float = 0.0

    def start_delay(self, video: tv.Video) -> float:
        return self.delay


class JustInTime(tv.Strategy):
    """Publishers ready when the encoding ends, if starting takes 2 s."""

    def start_delay(self, video: tv.Video) -> float:
        return max(0, video.encoding_time - 2)


class TestDelayedStarts:
    def test_just_in_time(self) -> None:
        """Start-up 2, two encoders: v0 0 -> 5, so p1 at 3; v1 0.5 -> 1.5, so p0 at once, at 0.5."""
        check(
            simulate([(5, 5), (1, 2)], JustInTime("jit", "encoding_started", True), 2, encoders=2),
            videos="""
                offered encoder encoding_started encoded queued publisher assigned published outcome
                0       0       0                5       5      1         5        5         published
                0.5     1       0.5              1.5     1.5    0         2.5      2.5       published
            """,
            publishers="""
                cause started ready assigned ended video idle
                1     0.5     2.5   2.5      2.5   1     0
                0     3       5     5        5     0     0
            """,
            end=5,
        )

    def test_a_start_after_the_encoding(self) -> None:
        """Delay 5, start-up 1: v0 is encoded at 2 and waits beside the queue until p0 is ready at 6."""
        check(
            simulate([(2, 6)], Delayed("late", "encoding_started", True, delay=5), 1, capacity=0),
            videos="""
                offered encoder encoding_started encoded queued publisher assigned published outcome
                0       0       0                2       2      0         6        6         published
            """,
            publishers="""
                cause started ready assigned ended video idle
                0     5       6     6        6     0     0
            """,
            end=6,
        )

    def test_a_delay_that_ends_with_everything_else_comes_last(self) -> None:
        """At 2 v0's encoding ends, p0 of v0 is ready, v1 is handed over and takes p1's order from 0."""
        # One encoder, delay 2 from the start of the encoding, gap 0.5; v1 is offered at 0.5, taken at 2.
        strategy = Delayed("late", "encoding_started", False, prewarmed=1, delay=2)
        run = simulate([(2, 9), (2, 9)], strategy, 2)
        assert log(run, 2, *EVENTS) == [
            "encoded 0 encoder 0",
            "queued 0 publishing queue",
            "publisher_ready publisher 0",
            "assigned 0 publisher 0",
            "published 0 publisher 0",
            "publisher_ended publisher 0",
            "encoding_started 1 encoder 0",
            "publisher_started publisher 1",  # the delayed one, which counts since 0: p0 is not replaced
        ]

    def test_timers_of_an_instant_go_by_kind_and_number(self) -> None:
        """v0 with delay 1.5 and v1, 0.5 later, with delay 1: both at 1.5; publishing until 1.5 as well."""

        class ByTitle(tv.Strategy):
            def start_delay(self, video: tv.Video) -> float:
                return {"v0": 1.5, "v1": 1.0}[video.id]

        strategy = ByTitle("late", "encoding_started", True)
        run = simulate([(1, 9), (1, 9)], strategy, 3, encoders=2)
        assert run.publishers["started"].tolist() == [1.5, 1.5]
        assert run.publishers["cause"].tolist() == [0, 1]

    def test_a_delayed_publisher_without_a_startup_time_serves_at_once(self) -> None:
        run = simulate([(1, 9)], Delayed("late", "encoded", True, delay=3), 0)
        assert run.videos["published"].tolist() == [4]

    @pytest.mark.parametrize("part", ["1", "2a", "2b"])
    def test_no_delay_is_no_difference(self, part: str) -> None:
        catalogue = tv.generate_catalogue(60)
        data = dataclasses.asdict(tv.STRATEGIES[part])
        for zero in (0.0, -0.0, 0):
            same(
                tv.simulate(catalogue, Delayed(**data, delay=zero), seed=2),
                tv.simulate(catalogue, part, seed=2),
            )

    def test_a_delay_shifts_part_1_by_itself(self) -> None:
        """Nobody else is concerned: each publisher starts 1.25 s later, and takes as long as without."""
        catalogue = tv.generate_catalogue(60)
        scenario = tv.Scenario(startup_time=4)
        run = tv.simulate(catalogue, Delayed("late", "encoded", True, delay=1.25), scenario)
        videos = run.videos
        assert videos["assigned"].tolist() == (videos["encoded"] + 1.25 + 4).tolist()

    def test_what_is_due_after_the_end_is_not_started(self) -> None:
        """A shared order 50 s after the start of the encoding; the pool serves the video long before."""
        run = simulate([(1, 9)], Delayed("late", "encoding_started", prewarmed=1, delay=50), 2)
        assert (len(run.publishers), run.end, run.ending) == (1, 2, "completed")

    def test_what_is_due_after_the_cut_off_is_not_started(self) -> None:
        strategy = Delayed("late", "encoding_started", True, delay=5)
        run = simulate([(1, 9)], strategy, 2, until=4.5)
        assert (len(run.publishers), run.end, run.ending) == (0, 4.5, "cut-off")
        assert len(simulate([(1, 9)], strategy, 2, until=5).publishers) == 1

    def test_a_delayed_publisher_of_the_pool_serves_whoever_is_first(self) -> None:
        """Ordered at v0's and v1's start, delay 2, start-up 1, so ready at 3 and 3.5; v1 is encoded first."""
        strategy = Delayed("late", "encoding_started", delay=2)
        run = simulate([(4, 9), (1, 9)], strategy, 1, encoders=2)
        assert run.publishers["ready"].tolist() == [3, 3.5]
        assert run.videos["publisher"].tolist() == [1, 0]
        assert run.videos["assigned"].tolist() == [4, 3]


# -- pools that adapt over time -------------------------------------------------------------------------------

Level = Callable[[tv.PoolState], Any]


@dataclass(frozen=True)
class Pool(tv.Strategy):
    """A pool whose level is a function of its state."""

    level: Level = lambda state: 0

    def pool_level(self, state: tv.PoolState) -> int:
        return self.level(state)  # type: ignore[no-any-return]


def noting(states: list[tv.PoolState], level: Level) -> Level:
    """Return `level`, writing down what it is asked, except for the rate."""

    def ask(state: tv.PoolState) -> Any:
        states.append(state._replace(rate=0.0, startup_time=0.0))
        return level(state)

    return ask


class TestPoolsThatAdapt:
    def test_growing_with_time(self) -> None:
        """One until 4 s, then two; reviewed every 4 s; start-up 3, three encoders."""
        # p0 is ready at 3 and takes v0; p1 in its place is ready at 6 and takes v1. The review at 4 adds p2,
        # ready at 7, which takes v2. p3 in the place of p1 at 6, p4 in that of p2 at 7: not ready by the end.
        check(
            simulate(
                [(1, 9), (1, 9), (1, 6)],
                Pool(review_every=4, level=lambda state: 1 if state.time < 4 else 2),
                3,
                encoders=3,
            ),
            videos="""
                offered encoder encoding_started encoded queued publisher assigned published outcome
                0       0       0                1       1      0         3        3         published
                0.5     1       0.5              1.5     1.5    1         6        6         published
                1       2       1                2       2      2         7        7         published
            """,
            publishers="""
                cause started ready assigned ended video idle
                -     0       3     3        3     0     0
                0     3       6     6        6     1     0
                -     4       7     7        7     2     0
                1     6       -     -        -     -     0
                2     7       -     -        -     -     0
            """,
            end=7,
        )

    def test_shrinking_by_not_replacing(self) -> None:
        """Three, less one for each encoded video, but at least one; start-up 0.5, gap 2, encoding 1."""
        # p0, p1 and p2 are ready at 0.5. v0 at 1 takes p0: level 2, there are 2. v1 at 3 takes p1: level 1,
        # there is 1. v2 at 5 takes p2: level 1, there is none, so p3 is started at 5. v3 at 7 takes p3.
        check(
            simulate(
                [(1, 9)] * 4,
                Pool(level=lambda state: max(1, 3 - state.encoded)),
                0.5,
                requests_per_second=0.5,
            ),
            videos="""
                offered encoder encoding_started encoded queued publisher assigned published outcome
                0       0       0                1       1      0         1        1         published
                2       0       2                3       3      1         3        3         published
                4       0       4                5       5      2         5        5         published
                6       0       6                7       7      3         7        7         published
            """,
            publishers="""
                cause started ready assigned ended video idle
                -     0       0.5   1        1     0     0.5
                -     0       0.5   3        3     1     2.5
                -     0       0.5   5        5     2     4.5
                2     5       5.5   7        7     3     1.5
                3     7       -     -        -     -     0
            """,
            end=7,
        )

    def test_a_surplus_is_never_taken_away(self) -> None:
        """Four at time 0, none afterwards: all four become ready, two serve."""
        run = simulate([(2, 9), (2, 9)], Pool(level=lambda state: 4 if state.time == 0 else 0), 1)
        assert len(run.publishers) == 4
        assert run.publishers["ready"].tolist() == [1] * 4
        assert run.publishers["video"].notna().sum() == 2

    def test_growing_with_the_videos_that_wait(self) -> None:
        """As many publishers as videos wait: a lone video causes one when it comes to wait at 1."""
        check(
            simulate([(1, 9)], Pool(level=lambda state: state.waiting), 2),
            videos="""
                offered encoder encoding_started encoded queued publisher assigned published outcome
                0       0       0                1       1      0         3        3         published
            """,
            publishers="""
                cause started ready assigned ended video idle
                0     1       3     3        3     0     0
            """,
            end=3,
        )

    def test_growing_with_the_videos_that_wait_publishes_all_of_them(self) -> None:
        strategy = Pool(level=lambda state: state.waiting)
        run = tv.simulate(tv.generate_catalogue(), strategy, tv.Scenario(encoders=4))
        assert run.ending == "completed"
        assert len(run.publishers) == 154

    def test_following_the_encoders_publishes_all(self) -> None:
        """As many as videos are on their way: encoding or waiting."""
        strategy = Pool(level=lambda state: state.encoding + state.waiting)
        run = tv.simulate(tv.generate_catalogue(), strategy)
        assert run.ending == "completed"
        assert run.publishers["cause"].notna().all()

    def test_a_constant_level_is_part_2c(self) -> None:
        catalogue = tv.generate_catalogue()
        for until in (None, 30.0):
            scenario = tv.Scenario(encoders=5, until=until)
            same(
                tv.simulate(catalogue, Pool(level=lambda state: 10), scenario),
                tv.simulate(catalogue, "2c", scenario),
            )

    def test_prewarmed_is_there_to_build_on(self) -> None:
        class Doubling(tv.Strategy):
            def pool_level(self, state: tv.PoolState) -> int:
                return self.prewarmed * (2 if state.encoded else 1)

        run = simulate([(3, 9)], Doubling(prewarmed=2), 1)
        assert run.publishers["started"].tolist() == [0, 0, 3, 3, 3]

    def test_numpy_integers_are_levels(self) -> None:
        run = simulate([(3, 9)], Pool(level=lambda state: np.int64(2)), 1)
        assert len(run.publishers) == 3


class TestReviews:
    def test_they_come_at_their_times(self) -> None:
        """Every 3 s beside what the video causes: its encoding from 0 to 10, its publisher at 10."""
        states: list[tv.PoolState] = []
        strategy = Pool("own", "encoding_started", True, review_every=3, level=noting(states, lambda _: 0))
        simulate([(10, 20)], strategy, 1)
        assert sorted({state.time for state in states}) == [0, 3, 6, 9, 10]

    def test_they_come_at_whole_multiples(self) -> None:
        states: list[tv.PoolState] = []
        strategy = Pool("own", "encoding_started", True, review_every=0.1, level=noting(states, lambda _: 0))
        simulate([(1, 20)], strategy, 0.5)
        expected = [tenths / 10 for tenths in range(10)]
        assert [time for time in sorted({state.time for state in states}) if time < 0.95] == expected

    def test_they_come_last_in_their_instant(self) -> None:
        """At 2 v0's encoding ends, p0 is ready and takes it, v1's encoding starts; then the review."""
        states: list[tv.PoolState] = []
        level = noting(states, lambda state: 1)
        simulate([(2, 9), (1, 9)], Pool(review_every=2, level=level), 2)
        last = tv.PoolState(time=2, starting=1, ready=0, waiting=0, encoding=1, encoded=1)
        # asked because of v1, and by the review after it
        assert [state for state in states if state.time == 2][-2:] == [last, last]

    def test_without_a_hook_they_change_nothing(self) -> None:
        catalogue = tv.generate_catalogue(50)
        same(
            tv.simulate(catalogue, tv.PART_2C.replace(review_every=0.5)),
            tv.simulate(catalogue, tv.PART_2C),
        )

    @pytest.mark.parametrize(
        ("until", "end", "ending"), [(None, 31, "no progress"), (31.5, 31, "no progress"), (20, 20, "cut-off")]
    )
    def test_they_go_on_until_patience_ends(self, until: float | None, end: float, ending: str) -> None:
        """A pool that stays at 0: a video waits since 1, for 30 s more."""
        states: list[tv.PoolState] = []
        strategy = Pool(review_every=1, level=noting(states, lambda _: 0))
        run = simulate([(1, 9)], strategy, 2, until=until, patience=30)
        assert (run.end, run.ending) == (end, ending)
        assert run.videos["outcome"].tolist() == ["unfinished"]
        assert states[-1].time == end

    def test_they_end_with_the_last_outcome(self) -> None:
        run = simulate([(1, 9)], Pool(review_every=0.5, level=lambda state: 1), 2)
        assert (run.end, run.ending) == (2, "completed")

    def test_they_go_on_while_a_publisher_starts(self) -> None:
        """Start-up 20 under way from 0; the review at 15 adds one, too late to be of use."""
        run = simulate([(1, 50)], Pool(review_every=5, level=lambda state: 1 + (state.time >= 15)), 20)
        assert run.publishers["started"].tolist() == [0, 15, 20]

    def test_they_are_cut_off(self) -> None:
        states: list[tv.PoolState] = []
        strategy = Pool(review_every=1, level=noting(states, lambda _: 1))
        run = simulate([(50, 99)], strategy, 2, until=4)
        assert run.end == 4
        assert max(state.time for state in states) == 4


class TestPoolState:
    """What pool_level is told, at each thing that happens to a video."""

    def test_a_pool_of_one(self) -> None:
        """Start-up 2; v0 is encoded at 1 and waits until p0 is ready at 2."""
        states: list[tv.PoolState] = []
        simulate([(1, 9)], Pool(level=noting(states, lambda _: 1)), 2)
        assert states == [
            tv.PoolState(time=0, starting=0, ready=0, waiting=0, encoding=0, encoded=0),  # the beginning
            tv.PoolState(time=0, starting=1, ready=0, waiting=0, encoding=1, encoded=0),  # encoding starts
            tv.PoolState(time=1, starting=1, ready=0, waiting=0, encoding=1, encoded=1),  # it ends
            tv.PoolState(time=1, starting=1, ready=0, waiting=1, encoding=0, encoded=1),  # the video waits
            tv.PoolState(time=2, starting=0, ready=0, waiting=0, encoding=0, encoded=1),  # p0 takes it
        ]

    def test_a_publisher_that_is_ready(self) -> None:
        """Two, start-up 1: both are ready when v0's encoding ends at 3; one takes it."""
        states: list[tv.PoolState] = []
        simulate([(3, 9)], Pool(level=noting(states, lambda _: 2)), 1)
        assert states[0] == tv.PoolState(0, 0, 0, 0, 0, 0)
        assert states[1] == tv.PoolState(time=0, starting=2, ready=0, waiting=0, encoding=1, encoded=0)
        assert states[2] == tv.PoolState(time=3, starting=0, ready=2, waiting=0, encoding=1, encoded=1)
        assert states[-1] == tv.PoolState(time=3, starting=0, ready=1, waiting=0, encoding=0, encoded=1)
        assert all(not (state.waiting and state.ready) for state in states)

    def test_a_blocked_video_still_holds_its_encoder(self) -> None:
        """Room for one, pool of 1, start-up 5: v0 waits from 1, v1 is blocked from 1.5 until p0 takes v0."""
        states: list[tv.PoolState] = []
        simulate([(1, 9), (1, 9)], Pool(level=noting(states, lambda _: 1)), 5, encoders=2, capacity=1, until=5)
        by_time = {state.time: state for state in states}  # the last one of each time
        assert by_time[1.5] == tv.PoolState(1.5, starting=1, ready=0, waiting=1, encoding=1, encoded=2)
        assert by_time[5] == tv.PoolState(5, starting=1, ready=0, waiting=1, encoding=0, encoded=2)

    @pytest.mark.parametrize(
        ("capacity", "expected"),
        [
            (0, [(1.5, 0, 3), (4, 0, 2), (4, 0, 1), (4, 0, 1)]),
            (1, [(1.5, 1, 2), (4, 0, 2), (4, 0, 1), (4, 1, 0)]),
        ],
    )
    def test_a_video_that_is_discarded_holds_no_encoder(
        self, capacity: int, expected: list[tuple[float, int, int]]
    ) -> None:
        """v0 and v1, one of them queued if there is room, are given up in turn when v2 is encoded at 4."""
        states: list[tv.PoolState] = []
        level = noting(states, lambda _: 0)
        strategy = Pool(level=level, dispatch="end_of_instant", discards_hopeless=True)
        clips = [(1, 2), (1, 2), (3, 9)]
        run = simulate(clips, strategy, 5, encoders=3, capacity=capacity, until=6)
        assert (run.events["event"] == "discarded").sum() == 2
        assert [(state.time, state.waiting, state.encoding) for state in states][-4:] == expected

    def test_publishers_that_publish(self) -> None:
        """Two, start-up 0.5, publishing 3: v0 holds one of them from 1 to 4, v1 the other from 1.5 to 4.5."""
        states: list[tv.PoolState] = []
        strategy = Pool(level=noting(states, lambda _: 2))
        simulate([(1, 9), (1, 9)], strategy, 0.5, encoders=2, publishing_time=3)
        assert [(state.time, state.busy) for state in states if state.time >= 1] == [
            (1, 0),  # v0 is encoded
            (1, 1),  # p0 takes it
            (1.5, 1),  # v1 is encoded
            (1.5, 2),  # p1 takes it
            (4, 1),  # v0 is published
            (4.5, 0),
        ]

    def test_publishers_that_publish_at_once_are_never_seen(self) -> None:
        for publishing_time in (0, 1e-9):
            states: list[tv.PoolState] = []
            strategy = Pool(level=noting(states, lambda _: 1))
            simulate([(1, 9)] * 4, strategy, 1, publishing_time=publishing_time)
            assert {state.busy for state in states} == {0}

    def test_publishers_of_ones_own_that_publish(self) -> None:
        states: list[tv.PoolState] = []
        strategy = Pool("own", "encoding_started", True, level=noting(states, lambda _: 1))
        simulate([(1, 9)] * 4, strategy, 1, publishing_time=1)
        assert {state.busy for state in states} == {0}

    def test_publishers_of_ones_own_are_no_part_of_the_pool(self) -> None:
        """Part 2a beside a pool of 1, which nobody uses."""
        states: list[tv.PoolState] = []
        strategy = Pool("own", "encoding_started", True, level=noting(states, lambda _: 1))
        simulate([(4, 9)], strategy, 1)
        assert {(state.starting, state.ready) for state in states if state.time == 4} == {(0, 1)}
        assert {state.waiting for state in states} == {0}

    @settings(max_examples=examples(60))
    @given(cases())
    def test_it_agrees_with_the_levels_before_and_after_each_instant(self, case: Case) -> None:
        """Reviews come last in an instant: what they are told is what run.levels shows after it."""
        states: list[tv.PoolState] = []

        class Watched(tv.Strategy):
            def pool_level(self, state: tv.PoolState) -> int:
                states.append(state)
                return self.prewarmed

        run = run_case(case, Watched("w", prewarmed=2, review_every=0.5))
        levels = run.levels.set_index("time")
        encoded = run.videos["encoded"]
        last = {state.time: state for state in states if state.time < run.end}
        for time, state in last.items():
            if time % 0.5 == 0 and time > 0 and time in levels.index:
                shown = levels.loc[time]
                assert state.encoding == shown["encoders_busy"]
                assert state.waiting == shown["publishing_queue"]
                assert state.starting == shown["publishers_starting"]
                assert state.ready == shown["publishers_ready"]
                assert state.busy == shown.get("publishers_busy", 0)
                assert state.encoded == (encoded <= time).sum()


# -- hooks that return nonsense -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Saying(tv.Strategy):
    """A strategy whose hooks answer as they are told; what is not told is as in the base class."""

    start_moment_answer: Any = "encoded"
    owns_answer: Any = False
    delay_answer: Any = 0.0
    priority_answer: Any = 0.0
    level_answer: Any = 1

    def start_moment(self, video: tv.Video) -> Moment | None:
        return self.start_moment_answer  # type: ignore[no-any-return]

    def owns_publisher(self, video: tv.Video) -> bool:
        return self.owns_answer  # type: ignore[no-any-return]

    def start_delay(self, video: tv.Video) -> float:
        return self.delay_answer  # type: ignore[no-any-return]

    def priority(self, video: tv.Video, deadline: float) -> float:
        return self.priority_answer  # type: ignore[no-any-return]

    def pool_level(self, state: tv.PoolState) -> int:
        return 1 if state.time == 0 else self.level_answer


def complaint(**answers: Any) -> str:
    with pytest.raises(tv.StrategyError) as caught:
        simulate([(1, 9), (1, 9), (1, 9)], Saying(**answers), 5, encoders=3)
    return str(caught.value)


class TestNonsense:
    def test_what_makes_sense_runs(self) -> None:
        assert simulate([(1, 9), (1, 9), (1, 9)], Saying(), 5, encoders=3).ending == "completed"

    @pytest.mark.parametrize("answer", ["published", "", 1, True, math.nan, ["encoded"]])
    def test_a_moment_that_there_is_not(self, answer: object) -> None:
        assert complaint(start_moment_answer=answer) == (
            "the answer of Saying.start_moment('v0') must be one of None, 'encoding_started', 'encoded', "
            f"'queued', not {answer!r}"
        )

    @pytest.mark.parametrize("answer", [-1, -0.001, math.nan, math.inf, None, "1", True])
    def test_a_delay_that_there_is_not(self, answer: object) -> None:
        assert complaint(delay_answer=answer) == (
            f"the answer of Saying.start_delay('v0') must be a finite number of at least 0, not {answer!r}"
        )

    def test_a_delay_that_is_too_long(self) -> None:
        assert complaint(delay_answer=1e10) == (
            "the answer of Saying.start_delay('v0') must be at most 4294967296 s, not 10000000000.0"
        )

    @pytest.mark.parametrize("answer", ["no", None, math.nan, 2, []])
    def test_an_ownership_that_is_neither_yes_nor_no(self, answer: object) -> None:
        assert complaint(owns_answer=answer) == (
            f"the answer of Saying.owns_publisher('v0') must be one of False, True, not {answer!r}"
        )

    @pytest.mark.parametrize("answer", [True, np.True_, np.bool_(True)])
    def test_an_own_publisher_that_is_never_started(self, answer: object) -> None:
        assert complaint(owns_answer=answer, start_moment_answer=None) == (
            "strategy 'Saying': the publisher of video 'v0' is never started"
        )

    @pytest.mark.parametrize("answer", [math.nan, math.inf, None, "high", True, 1j])
    def test_a_priority_that_is_no_number(self, answer: object) -> None:
        """Asked while the run is under way."""
        message = complaint(priority_answer=answer)
        assert message == f"the answer of Saying.priority('v0') must be a finite number, not {answer!r}"

    @pytest.mark.parametrize("answer", [-1, 2.5, 2.0, math.nan, math.inf, None, "3", True])
    def test_a_level_that_is_no_whole_number(self, answer: object) -> None:
        """Asked while the run is under way."""
        assert complaint(level_answer=answer) == (
            f"the answer of Saying.pool_level must be {PREWARMED}, not {answer!r}"
        )

    @pytest.mark.parametrize("answer", [10**9 + 1, 10**23, 10**400])
    def test_a_level_that_is_too_large(self, answer: int) -> None:
        assert complaint(level_answer=answer) == (
            f"the answer of Saying.pool_level must be {PREWARMED}, not {answer}"
        )

    @pytest.mark.parametrize("hook", ["start_moment", "owns", "delay", "priority", "level"])
    @pytest.mark.parametrize(
        "answer",
        [np.array([1, 2]), np.array([]), np.array([1]), np.array(1), pd.Series([True]), [True], 1j, 10**5000],
        ids=["two", "none", "one", "scalar", "series", "list", "complex", "without end"],
    )
    def test_an_answer_of_a_strange_type(self, hook: str, answer: object) -> None:
        message = complaint(**{f"{hook}_answer": answer})
        assert message.startswith("the answer of Saying.")
        assert " must be " in message
        assert message.endswith(f"not {shown(answer)}")

    def test_a_level_that_is_none_at_the_beginning(self) -> None:
        strategy = Pool(level=lambda state: 1.5)
        with pytest.raises(tv.StrategyError, match=r"pool_level must be a whole number of .*, not 1\.5"):
            simulate([(1, 9)], strategy, 2)

    def test_a_level_that_is_none_in_a_review(self) -> None:
        strategy = Pool(review_every=1.75, level=lambda state: -7 if state.time == 1.75 else 1)
        with pytest.raises(tv.StrategyError, match=r"pool_level must be a whole number of .*, not -7"):
            simulate([(5, 9)], strategy, 2)

    def test_the_video_that_is_named_is_the_one_asked_for(self) -> None:
        class LateNonsense(tv.Strategy):
            def start_delay(self, video: tv.Video) -> float:
                return -3.0 if video.id == "v2" else 0.0

        with pytest.raises(tv.StrategyError, match=r"start_delay\('v2'\) must be .*, not -3\.0"):
            simulate([(1, 9)] * 4, LateNonsense(starts_on="encoded"), 2)

    @pytest.mark.parametrize(
        "hook", ["start_moment", "owns_publisher", "start_delay", "priority", "pool_level"]
    )
    def test_an_error_of_the_hook_itself_reaches_the_caller(self, hook: str) -> None:
        def fail(*_: object) -> None:
            raise ZeroDivisionError("in my own hook")

        failing = type("Failing", (tv.Strategy,), {hook: fail})
        with pytest.raises(ZeroDivisionError, match="in my own hook"):
            simulate([(1, 9), (1, 9)], failing(starts_on="encoded"), 2, encoders=2)


# -- observers ------------------------------------------------------------------------------------------------

EVENTS = (
    "offered",
    "encoding_started",
    "encoded",
    "queued",
    "publisher_started",
    "publisher_ready",
    "assigned",
    "published",
    "failed",
    "publisher_ended",
)


def run_case(
    case: Case, strategy: tv.Strategy | None = None, observers: Sequence[Callable[[tv.LogEntry], object]] = ()
) -> tv.Run:
    """Run a generated case, with its own rule or another, a start-up time of U(0, 4)."""
    return tv.simulate(
        tv.read_catalogue(records(case.encoding_times, case.timeouts)),
        strategy or strategy_of(case.rule),
        tv.Scenario(**case.world.changes() | {"startup_time": tv.Uniform(0, 4)}),
        seed=5,
        observers=observers,
    )


def lines(run: tv.Run) -> list[tv.LogEntry]:
    """Bring run.events into the form in which observers get them."""
    return list(log_of(run.facts).entries())


class TestObservers:
    @settings(max_examples=examples(100))
    @given(cases())
    def test_they_see_the_log_as_it_is(self, case: Case) -> None:
        seen: list[tv.LogEntry] = []
        run = run_case(case, observers=[seen.append])
        assert seen == lines(run)
        assert {entry.event for entry in seen} <= set(EVENTS)

    @pytest.mark.parametrize("part", PARTS)
    @pytest.mark.parametrize(
        "scenario",
        [
            tv.Scenario(),
            tv.Scenario(encoders=3, publishing_time=0.75, until=40.0),
            tv.Scenario(encoders=3, publishing_queue_capacity=0),
        ],
    )
    def test_they_see_the_log_of_154_videos(self, part: str, scenario: tv.Scenario) -> None:
        seen: list[tv.LogEntry] = []
        run = tv.simulate(tv.generate_catalogue(), part, scenario, observers=[seen.append])
        assert seen == lines(run)
        assert len(seen) > 250

    @pytest.mark.parametrize(
        "strategy",
        [
            EarliestDeadlineFirst(prewarmed=2),
            JustInTime("jit", "encoding_started", True),
            OwnIfItCanWait(prewarmed=4),
            Pool(review_every=1.5, level=lambda state: 1 + int(state.time) // 4),
            tv.Strategy("stalled"),
        ],
        ids=lambda strategy: strategy.name,
    )
    def test_they_see_the_log_of_other_rules(self, strategy: tv.Strategy) -> None:
        seen: list[tv.LogEntry] = []
        run = tv.simulate(tv.generate_catalogue(30), strategy, observers=[seen.append])
        assert seen == lines(run)

    def test_they_see_each_line_when_it_happens(self) -> None:
        """Before the next thing happens: here, before pool_level is asked again."""
        order: list[object] = []

        def level(state: tv.PoolState) -> int:
            order.append("asked")
            return 1

        catalogue = tv.read_catalogue(records([1.0], [9.0]))
        scenario = tv.Scenario(startup_time=2)
        tv.simulate(catalogue, Pool(level=level), scenario, observers=[lambda line: order.append(line.event)])
        assert order[:4] == ["asked", "publisher_started", "offered", "encoding_started"]
        assert order[-5:] == ["assigned", "asked", "publisher_started", "published", "publisher_ended"]

    def test_several_are_told_in_turn(self) -> None:
        told: list[tuple[str, tv.LogEntry]] = []
        run = tv.simulate(
            tv.generate_catalogue(3),
            "2a",
            observers=[lambda line: told.append(("a", line)), lambda line: told.append(("b", line))],
        )
        assert told == [(who, line) for line in lines(run) for who in "ab"]

    def test_a_generator_of_observers_is_fine(self) -> None:
        seen: list[tv.LogEntry] = []
        run = tv.simulate(tv.generate_catalogue(3), "1", observers=(each for each in [seen.append]))
        assert seen == lines(run)

    def test_watching_changes_nothing(self) -> None:
        catalogue = tv.generate_catalogue()
        same(
            tv.simulate(catalogue, "2c", observers=[lambda line: None]),
            tv.simulate(catalogue, "2c"),
        )

    def test_the_types_of_an_entry(self) -> None:
        seen: list[tv.LogEntry] = []
        tv.simulate(tv.generate_catalogue(5), "2c", observers=[seen.append])
        assert {type(entry.time) for entry in seen} == {float}
        assert {type(entry.video) for entry in seen} == {int, type(None)}
        assert {type(entry.encoder) for entry in seen} == {int, type(None)}
        assert {type(entry.publisher) for entry in seen} == {int, type(None)}

    @pytest.mark.parametrize("event", EVENTS)
    def test_an_error_of_an_observer_reaches_the_caller(self, event: str) -> None:
        class MyError(Exception):
            pass

        def fail(line: tv.LogEntry) -> None:
            if line.event == event:
                raise MyError(f"at {line.event}")

        clips = records([1.0, 1.0], [9.0, 1.5])
        with pytest.raises(MyError, match=f"at {event}"):
            tv.simulate(clips, "2c", tv.Scenario(startup_time=5), observers=[fail])

    def test_one_with_arguments_of_its_own_as_well(self) -> None:
        class HttpError(Exception):
            def __init__(self, code: int, text: str) -> None:
                super().__init__(f"{code} {text}")
                self.code = code

        def fail(line: tv.LogEntry) -> None:
            raise HttpError(503, "unavailable")

        with pytest.raises(HttpError, match="503 unavailable"):
            tv.simulate(tv.generate_catalogue(3), "1", observers=[fail])

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
    def test_an_interruption_reaches_the_caller(self, error: type[BaseException]) -> None:
        def fail(line: tv.LogEntry) -> None:
            raise error

        with pytest.raises(error):
            tv.simulate(tv.generate_catalogue(3), "1", observers=[fail])
