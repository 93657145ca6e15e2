"""The wider world by hand: a tiny system for each rule, every number computed by hand.

Each case runs in every engine of `ENGINES`. Of a table, only the columns in its first line are compared; `-` is
what did not happen. Chance is in the seed: `seed_for` looks for one whose random numbers are small or large
where the case needs it. What has a probability of .5 happens if its number is small; of the two times of
`EITHER`, 1 s and 3 s, the shorter one is drawn if it is small.

Unless a case says otherwise, there is one encoder, the client's gap is 0.5 s, and a start-up takes 1 s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, TypeAlias

import pandas as pd
import pytest

import tv2sim as tv
from tests.micro import literal
from tests.reference import Clip, Draws, Outcome, Rule, World, reference
from tv2sim.draws import Purpose

Engine: TypeAlias = Callable[[Sequence[Clip], Rule, World, int], Outcome]
EITHER = tv.Empirical([1, 3])
PART_1, PART_2A, PART_2B = (
    Rule(moment, dedicated=True) for moment in ("encoded", "encoding_started", "queued")
)


def specification(clips: Sequence[Clip], rule: Rule, world: World, seed: int) -> Outcome:
    """Run the executable specification."""
    return reference(clips, rule, world, Draws(seed))


ENGINES: list[Engine] = [specification]


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.__name__)
def simulate(request: pytest.FixtureRequest) -> Callable[..., Outcome]:
    """Run clips in a world of one encoder, in which nothing is drawn unless the case says so."""
    engine: Engine = request.param

    def run(clips: Sequence[Clip], rule: Rule, *, seed: int = 1, **fields: Any) -> Outcome:
        return engine(clips, rule, World(**{"encoders": 1, "startup_time": 1} | fields), seed)

    return run


Simulate: TypeAlias = Callable[..., Outcome]


def seed_for(numbers: dict[tuple[Purpose, int, int], str]) -> int:
    """Return the first seed whose number of each purpose, entity and order is "small" (below .5) or "large"."""
    return next(
        seed
        for seed in count(1)
        if all((Draws(seed).number(*key) < 0.5) == (size == "small") for key, size in numbers.items())
    )


def check(rows: list[dict[str, Any]], columns: str, *expected: str) -> None:
    """Compare some columns of a table with its expected rows."""
    shown = [{name: None if pd.isna(row[name]) else row[name] for name in columns.split()} for row in rows]
    assert shown == literal("\n".join((columns, *expected)), columns)


class TestServiceTime:
    def test_a_publisher_is_busy_from_assigned_to_ended(self, simulate: Simulate) -> None:
        """Encoded at 2, assigned at 2 + 1, published 1.5 later: elapsed 4.5 > 4."""
        outcome = simulate([Clip(2, 4)], PART_1, publishing_time=1.5)
        check(outcome.videos, "encoded assigned published settled elapsed outcome", "2 3 4.5 4.5 4.5 failed")
        check(outcome.publishers, "started ready assigned ended idle outcome", "2 3 3 4.5 0 ended")

    def test_the_assignment_can_be_held_against_the_deadline(self, simulate: Simulate) -> None:
        """Assigned at 3: 3 <= 3, although the publication comes at 4.5; `elapsed` goes to the publication."""
        for timeout, expected in ((3, "published"), (2.9, "failed")):
            outcome = simulate([Clip(2, timeout)], PART_1, publishing_time=1.5, deadline="assigned")
            check(outcome.videos, "assigned published elapsed outcome", f"3 4.5 4.5 {expected}")

    def test_it_is_drawn_by_video(self, simulate: Simulate) -> None:
        """Assigned at 0 + 1 and 0.5 + 1; the first takes 3 s, the second 1 s."""
        seed = seed_for({(Purpose.PUBLISHING_TIME, 0, 0): "large", (Purpose.PUBLISHING_TIME, 1, 0): "small"})
        outcome = simulate([Clip(0, 9), Clip(0, 9)], PART_1, publishing_time=EITHER, seed=seed)
        check(outcome.videos, "assigned published", "1 4", "1.5 2.5")

    def test_that_of_the_catalogue_wins(self, simulate: Simulate) -> None:
        """Assigned at 1 and 1.5; the first takes its own 0.25 s, the second the world's 2 s."""
        clips = [Clip(0, 9, publishing_time=0.25), Clip(0, 9)]
        outcome = simulate(clips, PART_1, publishing_time=2)
        check(outcome.videos, "assigned published", "1 1.25", "1.5 3.5")

    def test_a_pool_replaces_a_publisher_when_it_takes_a_video(self, simulate: Simulate) -> None:
        """Pool of 1, publishing 3: the second video is served at 2, before the first is published."""
        outcome = simulate([Clip(1, 9), Clip(0.5, 9)], Rule(prewarmed=1), publishing_time=3)
        check(outcome.videos, "encoded publisher assigned published", "1 0 1 4", "1.5 1 2 5")
        check(outcome.publishers, "cause started ready ended", "- 0 1 4", "0 1 2 5", "1 2 3 -")
