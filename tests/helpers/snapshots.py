"""States of a replay, made by hand: a usual one, one before the beginning, and more than can be shown."""

from __future__ import annotations

from math import nan
from typing import Any

from tv2sim.realtime.pipeline_state import Client, Encoder, Happened, Pipeline, Publisher, Snapshot, Waiting

__all__ = ["empty", "huge", "snapshot", "video"]


def video(row: int, *, title: str = "", deadline: float = nan) -> Waiting:
    return Waiting(row, title or f"Title {row}", "P", 4.0, deadline)


def snapshot(**changes: Any) -> Snapshot:
    """Return a state in the middle of a run at 20 s; names of the pipeline's fields change that."""
    pipeline: dict[str, Any] = {
        "version": 1,
        "client": Client(None, nan, 50, 104),
        "encoders": [
            Encoder(0, video(48), 18.0, 22.0),
            Encoder(1, video(41), 14.0, 18.0, blocked=True),
            *map(Encoder, range(2, 10)),
        ],
        "encoders_total": 10,
        "encoders_busy": 2,
        "encoders_blocked": 1,
        "encoders_down": 0,
        "interrupted": 0,
        "queue": [video(30, deadline=19.0), video(31, deadline=23.5)],
        "queue_total": 2,
        "beside": [video(32, deadline=25.0)],
        "beside_total": 1,
        "publishers": [
            Publisher(3, "starting", 18.0),
            Publisher(4, "ready", 17.5),
            Publisher(5, "busy", 19.9, video(29)),
        ],
        "publishers_starting": 1,
        "publishers_ready": 1,
        "publishers_busy": 1,
        "publishers_started": 37,
        "stats": {
            "client_parse_errors": 7,
            "client_submitted": 49,
            "encoded": 48,
            "published": 36,
            "publish_failed": 9,
        },
        "settled": 45,
        "further": {},
        "on_time_rate": 0.8,
        "published": [video(20)],
        "failed": [video(21), video(22)],
        "events": [Happened(19.9, "assigned", "publisher 5", 29, "Title 29")] * 12,
    }
    view: dict[str, Any] = {
        "phase": "running",
        "ending": None,
        "time": 20.0,
        "speed": 5.0,
        "paused": False,
        "lag": 0.0012,
        "lag_max": 0.0034,
        "catalogue": "day.jsonl",
        "strategy": "2c",
        "strategy_in_words": "A pool of 10 publishers.",
        "seed": 1,
        "replication": 0,
        "startup_mean": 4.0,
        "until": None,
        "restartable": False,
    }
    for name, value in changes.items():
        (pipeline if name in pipeline else view)[name] = value
    return Snapshot(**view, pipeline=Pipeline(**pipeline))


def empty() -> Snapshot:
    """Return what is known before the first video of a feed."""
    nothing = dict.fromkeys(snapshot().pipeline.stats, 0)
    return snapshot(
        phase="waiting", time=0.0, client=Client(None, nan, 0, None), on_time_rate=None, stats=nothing,
        settled=0, encoders=[Encoder(number) for number in range(10)], encoders_busy=0, encoders_blocked=0,
        queue=[], queue_total=0, beside=[], beside_total=0, publishers=[], publishers_starting=0,
        publishers_ready=0, publishers_busy=0, publishers_started=0, published=[], failed=[], events=[],
    )  # fmt: skip


def huge(title: str = "日本語のタイトル [red]") -> Snapshot:
    """Return more than can be shown, in numbers that hardly fit."""
    many = [video(10**9 + row, title=title, deadline=-(10.0**6)) for row in range(40)]
    return snapshot(
        time=123456789.0, lag=99.0, lag_max=12345.0, seed=2**64 - 1, replication=10**9, until=1e9,
        catalogue=title * 9, client=Client(many[0], 0.0, 10**12, 10**12),
        encoders=[Encoder(n, many[n], 0.0, 123456790.0, blocked=n % 2 == 0) for n in range(40)],
        encoders_total=10**6, encoders_busy=10**6, settled=2 * 10**12, queue=many, queue_total=10**7,
        beside=many, beside_total=10**7,
        publishers=[Publisher(10**7 + n, "busy", 0.0, many[n]) for n in range(40)],
        publishers_starting=10**6, publishers_ready=10**6, publishers_busy=10**6,
        publishers_started=10**12,
        stats=dict.fromkeys(snapshot().pipeline.stats, 10**12), failed=many,
        events=[Happened(123456789.0, "encoding_started", "encoder 999999", 1, title)] * 12,
    )  # fmt: skip
