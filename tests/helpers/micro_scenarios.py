"""What the micro-scenarios share: a tiny world, and the comparison of a run with literal tables.

A table is written as text, one row a line under its header, `-` where a thing did not happen. Every column
that holds a time or a number must be there, so that no time of a run goes unchecked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import pandas as pd

import tv2sim as tv
from tv2sim.results.event_kinds import log_of, words

Cell: TypeAlias = float | str | None
Row: TypeAlias = dict[str, Cell]

VIDEOS = "offered encoder encoding_started encoded queued publisher assigned published outcome"
PUBLISHERS = "cause started ready assigned ended video idle"
LEVELS = "encoders_busy publishing_queue publishers_starting publishers_ready published failed"


def simulate(
    clips: Sequence[tuple[float, float]],
    strategy: tv.Strategy | str,
    startup_time: float,
    *,
    encoders: int | Sequence[float] | None = 1,
    requests_per_second: float | tv.Profile = 2.0,
    publishing_time: float | str = 0.0,
    capacity: int | None = 100,
    until: float | None = None,
    **world: Any,
) -> tv.Run:
    """Run clips of (encoding time, publication timeout) through a world without chance."""
    records = [
        {
            "id": f"v{i}",
            "title": "T",
            "provider": "P",
            "encodingTime": encoding,
            "publicationTimeout": timeout,
        }
        for i, (encoding, timeout) in enumerate(clips)
    ]
    scenario = tv.Scenario(
        encoders=encoders,
        requests_per_second=requests_per_second,
        startup_time=tv.Constant(startup_time),
        publishing_time=publishing_time,
        publishing_queue_capacity=capacity,
        until=until,
        **world,
    )
    return tv.simulate(tv.read_catalogue(records), strategy, scenario, seed=1)


def cell(text: str) -> Cell:
    """Read one cell of a literal table: a number, a word, or `-` for what did not happen."""
    if text == "-":
        return None
    return text if text[0].isalpha() else float(text)


def literal(text: str, columns: str) -> list[Row]:
    """Read a literal table, whose header must name exactly the columns."""
    header, *rows = [line.split() for line in text.splitlines() if line.strip()]
    assert header == columns.split()
    return [dict(zip(header, map(cell, row), strict=True)) for row in rows]


def actual(frame: pd.DataFrame, columns: str) -> list[Row]:
    """Bring the columns of a run's table into the form of a literal one."""

    def value(of: object) -> Cell:
        if isinstance(of, str):
            return of
        return None if of is None or of is pd.NA or of != of else float(str(of))

    names = columns.split()
    rows = zip(*(frame[name].tolist() for name in names), strict=True)
    return [dict(zip(names, map(value, row), strict=True)) for row in rows]


def check(run: tv.Run, *, videos: str, publishers: str, end: float, ending: str = "completed") -> None:
    """Hold both tables of a run, in full, against literal ones; and what is derived from them."""
    expected = literal(videos, VIDEOS)
    assert actual(run.videos, VIDEOS) == expected
    assert actual(run.publishers, PUBLISHERS) == literal(publishers, PUBLISHERS)
    assert (run.end, run.ending) == (end, ending)
    assert run.publishers["publisher"].tolist() == list(range(len(run.publishers)))
    assert run.videos["id"].tolist() == [f"v{i}" for i in range(len(expected))]
    for row, derived in zip(expected, actual(run.videos, "elapsed"), strict=True):
        started, published = row["encoding_started"], row["published"]
        if isinstance(started, float) and isinstance(published, float):
            assert derived["elapsed"] == published - started
        else:
            assert derived["elapsed"] is None
    outcomes = [row["outcome"] for row in expected]
    assert run.videos["on_time"].tolist() == [outcome == "published" for outcome in outcomes]
    submitted = sum(row["encoding_started"] is not None for row in expected)
    encoded = sum(row["encoded"] is not None for row in expected)
    assert str(run.stats) == (
        f"stats: client_parse_errors=0 client_submitted={submitted} encoded={encoded}"
        f" published={outcomes.count('published')} publish_failed={outcomes.count('failed')}"
    )


def check_levels(run: tv.Run, text: str) -> None:
    """Hold the levels that rule at the times of a literal table against it."""
    times = run.levels["time"].tolist()
    assert times == sorted(set(times))
    for row in literal(text, f"time {LEVELS}"):
        time = row.pop("time")
        ruling = run.levels[run.levels["time"] <= time].tail(1)
        assert actual(ruling, LEVELS) == [row], f"at {time}"


def log(run: tv.Run, time: float, *kinds: str) -> list[str]:
    """Give the log's lines of one instant in their order, of these kinds of events: `event video resource`.

    The video is left out of lines about a publisher.
    """
    lines = []
    for entry in log_of(run.facts).entries():
        if entry.time != time or entry.event not in kinds:
            continue
        video = "" if "publisher_" in entry.event else f" {entry.video}"
        own = entry.video is not None and bool(run.facts.videos["own"][entry.video])
        lines.append(f"{entry.event}{video} {words(entry, own=own) or '-'}")
    return lines
