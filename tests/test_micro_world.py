"""The wider world by hand: each feature of a scenario in a tiny system, every time computed on paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tv2sim as tv
from tests.micro import actual, check, literal, simulate
from tv2sim.draws import Purpose, uniforms
from tv2sim.engines import engine_for
from tv2sim.ticks import to_ticks

POOL = tv.PART_2C.replace(name="pool", prewarmed=1)


def drawn(distribution: tv.Distribution, purpose: Purpose, count: int, further: int = 0) -> list[float]:
    """Return the times that the entities draw at seed 1, in whole microseconds."""
    u = uniforms(1, purpose, 0, count, further=further)
    return [to_ticks(time) / 1e6 for time in distribution.quantile(u).tolist()]


def catalogue(*videos: tuple[float, float], **columns: list[float]) -> tv.Catalogue:
    """Return a catalogue of (encoding time, publication timeout), with further columns."""
    found = tv.read_catalogue(
        [
            {"id": f"v{row}", "title": "T", "provider": "P", "encodingTime": one, "publicationTimeout": other}
            for row, (one, other) in enumerate(videos)
        ]
    )
    for name, column in columns.items():
        setattr(found, name, np.array(column))
    return found


class TestServiceTime:
    def test_a_publisher_is_busy_from_assigned_to_ended(self) -> None:
        check(
            simulate([(1, 4), (1, 9)], POOL, 2, publishing_time=3),
            # p0 is ready at 2 and busy until 5; p1, started at 2, is ready at 4
            videos="""
            offered encoder encoding_started encoded queued publisher assigned published outcome
            0       0       0                1       1      0         2        5         failed
            0.5     0       1                2       2      1         4        7         published
            """,
            publishers="""
            cause started ready assigned ended video idle
            -     0       2     2        5     0     0
            0     2       4     4        7     1     0
            1     4       6     -        -     -     1
            """,
            end=7,
        )

    def test_it_is_drawn_by_video(self) -> None:
        first, second = drawn(tv.Uniform(1, 3), Purpose.PUBLISHING_TIME, 2)
        run = simulate([(1, 9), (1, 9)], "1", 2, publishing_time="uniform(1, 3)")
        assert first != second
        assert (run.videos["published"] - run.videos["assigned"]).round(6).tolist() == [first, second]

    def test_strategies_meet_the_same_ones(self) -> None:
        scenario = tv.Scenario(publishing_time="exponential(2)")
        runs = [tv.simulate(tv.generate_catalogue(20), part, scenario, seed=1) for part in ("1", "2c")]
        one, other = ((run.videos["published"] - run.videos["assigned"]).round(6).tolist() for run in runs)
        assert one == other

    def test_that_of_the_catalogue_wins(self) -> None:
        videos = catalogue((1, 9), (1, 9), (1, 9), publishing_time=[0.0, np.nan, 2.5])
        scenario = tv.Scenario(startup_time=2, publishing_time=1)
        run = tv.simulate(videos, "1", scenario)
        assert (run.videos["published"] - run.videos["assigned"]).tolist() == [0, 1, 2.5]

    def test_a_catalogue_added_while_it_runs_draws_as_one_that_is_there(self) -> None:
        scenario = tv.Scenario(publishing_time="exponential(2)")
        videos = tv.generate_catalogue(80)
        part, whole = (tv.simulate(some, "1", scenario).videos["published"] for some in (videos[:7], videos))
        assert part.tolist() == whole[:7].tolist()


class TestDeadline:
    def test_the_assignment_is_held_against_it(self) -> None:
        run = simulate([(1, 3), (1, 2)], "1", 2, publishing_time=5, deadline="assigned")
        # both are assigned 3 s after the start of their encoding
        assert actual(run.videos, "assigned published elapsed outcome") == literal(
            """
            assigned published elapsed outcome
            3        8         3       published
            4        9         3       failed
            """,
            "assigned published elapsed outcome",
        )
        assert run.summary["lateness_max"] == 1

    def test_elapsed_is_missing_until_it_is_published(self) -> None:
        run = simulate([(1, 3)], "1", 2, publishing_time=5, deadline="assigned", until=4)
        assert run.videos["assigned"].tolist() == [3]
        assert run.videos["elapsed"].isna().all()
        assert run.summary["unfinished"] == 1

    def test_a_saved_run_keeps_it(self, tmp_path: Any) -> None:
        run = simulate([(1, 3), (1, 2)], "1", 2, publishing_time=5, deadline="assigned")
        assert tv.load_run(run.save(tmp_path / "run")).facts == run.facts


@pytest.mark.parametrize("world", [{"publishing_time": "uniform(1, 2)"}, {"deadline": "assigned"}])
def test_the_simpy_model_simulates_what_the_kernel_does_not_know(world: dict[str, Any]) -> None:
    videos, many = tv.generate_catalogue(100), 1000
    assert engine_for("auto", videos, tv.PART_2C, tv.Scenario(), many) == "kernel"
    scenario = tv.Scenario(**world)
    assert engine_for("auto", videos, tv.PART_2C, scenario, many) == "simpy"
    with pytest.raises(tv.InputError, match="engine 'kernel' cannot simulate this: it does not know"):
        engine_for("kernel", videos, tv.PART_2C, scenario, many)
