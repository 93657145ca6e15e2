"""A run that was saved to a folder, loaded again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec
import numpy as np

from tv2sim.catalogue import Catalogue, Rejected, Video
from tv2sim.errors import InputError, StrategyError
from tv2sim.facts import EVENTS, Ending, Facts
from tv2sim.run import Run
from tv2sim.scenario import Scenario
from tv2sim.storage import Format, read_table
from tv2sim.strategies import STRATEGIES, Strategy

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["load_run", "strategy_of"]

_TEXTS = dict.fromkeys(("id", "title", "provider"), "str")
_TIMES = dict.fromkeys(("encoding_time", "publication_timeout"), "float64")
_VIDEOS = _TEXTS | _TIMES | {
    "offered": "float64", "encoder": "Int64", "encoding_started": "float64", "encoded": "float64",
    "queued": "float64", "publisher": "Int64", "assigned": "float64", "published": "float64",
}  # fmt: skip
_SUBMISSIONS = {"submitted_at": "float64"}
_PUBLISHERS = {"cause": "Int64", "started": "float64", "ready": "float64"}
_EVENTS = {"event": "str", "video": "Int64", "resource": "str"}


_Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class _Catalogue(msgspec.Struct):
    name: str
    videos: _Number


class _Rejected(msgspec.Struct):
    line: _Number
    reason: str
    text: str


class _Document(msgspec.Struct):
    """What run.json holds, as far as it is needed here."""

    format: Format
    catalogue: _Catalogue
    scenario: dict[str, Any]
    strategy: dict[str, Any]
    seed: _Number
    replication: _Number
    end: Annotated[float, msgspec.Meta(ge=0)]
    ending: Ending
    stats: dict[str, int]
    rejected: list[_Rejected]
    versions: dict[str, str]
    submissions: bool = False
    """Whether the videos have a column submitted_at."""


def load_run(
    folder: str | os.PathLike[str], *, strategy: Strategy | None = None, scenario: Scenario | None = None
) -> Run:
    """Load a run that :meth:`Run.save` wrote; it equals the one that was saved.

    Parameters
    ----------
    folder : path
        The folder.
    strategy : Strategy, optional
        If the run was made with a class of your own: the strategy. Otherwise a plain
        :class:`tv2sim.Strategy` with the saved data stands in for it.
    scenario : Scenario, optional
        If its start-up time is a distribution of your own: the scenario.

    Raises
    ------
    InputError
        If there is no such folder, or it does not hold a run.
    MissingExtraError
        For Parquet without pyarrow.
    """
    folder = Path(folder)
    try:
        return _load(folder, strategy, scenario)
    except OSError as error:
        raise InputError(f"no saved run in {str(folder)!r}: {error.strerror or error}") from error
    except KeyError as error:
        raise InputError(f"{str(folder)!r} does not hold a run as it was saved: no {error}") from error
    except (ValueError, IndexError, TypeError, AttributeError, RecursionError, msgspec.MsgspecError) as error:
        raise InputError(f"{str(folder)!r} does not hold a run as it was saved: {error}") from error


def _load(folder: Path, strategy: Strategy | None, scenario: Scenario | None) -> Run:
    document = msgspec.json.decode((folder / "run.json").read_bytes(), type=_Document)
    if scenario is None:
        if document.scenario["startup_time"]["kind"] == "custom":
            raise InputError("its start-up time is a distribution of your own: pass the scenario, scenario=...")
        scenario = Scenario.from_dict(document.scenario)
    videos, publishers, events = (
        read_table(folder / f"{name}.{document.format}", kinds)
        for name, kinds in (
            ("videos", _VIDEOS | (_SUBMISSIONS if document.submissions else {})),
            ("publishers", _PUBLISHERS),
            ("events", _EVENTS),
        )
    )
    facts = _facts(videos, publishers, events, document)
    run = Run(
        _catalogue(videos, document),
        strategy or strategy_of(document.strategy),
        scenario,
        document.seed,
        document.replication,
        facts,
        document.versions,
    )
    if not (
        len(run.catalogue) == document.catalogue.videos
        and np.isfinite(run.catalogue.encoding_time).all()
        and facts.publisher.max(initial=-1) < len(facts.cause)
        and np.array_equal(np.sort(facts.order), _happened(facts))
        and len(events) == len(facts.order) + np.count_nonzero(~np.isnan(facts.published))
        and run.stats == document.stats
    ):
        raise InputError("its tables contradict each other, or lack rows")
    return run


def _happened(facts: Facts) -> NDArray[np.int64]:
    """Return, in ascending order, the events that there must be by the columns of times."""
    found = [
        np.flatnonzero(~np.isnan(getattr(facts, _COLUMNS.get(event, event)))) << 4 | number
        for number, event in enumerate(EVENTS)
        if event not in ("failed", "publisher_ended")
    ]
    return np.sort(np.concatenate(found))


_COLUMNS = {"publisher_started": "started", "publisher_ready": "ready"}


def _catalogue(videos: pd.DataFrame, document: _Document) -> Catalogue:
    columns = [videos[name].tolist() for name in (*_TEXTS, *_TIMES)]
    if document.submissions:
        columns.append([None if time != time else time for time in videos["submitted_at"].tolist()])
    rejected = [Rejected(line.line, line.reason, line.text) for line in document.rejected]
    return Catalogue((Video(*row) for row in zip(*columns, strict=True)), rejected, document.catalogue.name)


def strategy_of(data: Mapping[str, Any]) -> Strategy:
    """Return the strategy that was saved as data, or a plain one that stands in for a class of one's own."""
    known = STRATEGIES.get(data["name"])
    if known is not None and known.to_dict() == dict(data):
        return known
    fields = ("name", "starts_on", "dedicated", "prewarmed", "review_every")
    try:
        return Strategy(**{name: data[name] for name in fields})
    except StrategyError:  # a dedicated one whose own class says when publishers start
        return Strategy(name=data["name"])


def _facts(videos: pd.DataFrame, publishers: pd.DataFrame, events: pd.DataFrame, document: _Document) -> Facts:
    """Return the facts that the saved tables were derived from."""
    order, own = _order(events, len(videos))
    return Facts(
        offered=_times(videos["offered"]),
        encoder=_numbers(videos["encoder"]),
        encoding_started=_times(videos["encoding_started"]),
        encoded=_times(videos["encoded"]),
        queued=_times(videos["queued"]),
        own=own,
        publisher=_numbers(videos["publisher"]),
        assigned=_times(videos["assigned"]),
        published=_times(videos["published"]),
        cause=_numbers(publishers["cause"]),
        started=_times(publishers["started"]),
        ready=_times(publishers["ready"]),
        order=order,
        end=document.end,
        ending=document.ending,
    )


def _order(events: pd.DataFrame, videos: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the order of the events, and which videos waited beside the queue."""
    events = events[events["event"] != "publisher_ended"]
    kind = (
        events["event"]
        .replace("failed", "published")
        .map({name: i for i, name in enumerate(EVENTS)})
        .fillna(-1)
    )
    of_publisher = events["event"].isin(("publisher_started", "publisher_ready")).to_numpy()
    row = _numbers(events["video"])
    row[of_publisher] = [int(name.split()[1]) for name in events["resource"][of_publisher]]
    own = np.zeros(videos, dtype=np.bool_)
    own[_numbers(events["video"][(events["event"] == "queued") & events["resource"].isna()])] = True
    return row << 4 | kind.to_numpy(dtype=np.int64), own


def _numbers(column: pd.Series[Any]) -> NDArray[np.int64]:
    return column.fillna(-1).to_numpy(dtype=np.int64, copy=True)


def _times(column: pd.Series[Any]) -> NDArray[np.float64]:
    return column.to_numpy(dtype=np.float64)
