"""Runs to folders and back: tables that every tool opens, and run.json with what went in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec
import numpy as np

from tv2sim import plain
from tv2sim.catalogue import Catalogue, Rejected, Video
from tv2sim.errors import InputError, StrategyError
from tv2sim.events import LogEntry
from tv2sim.facts import Ending, Facts
from tv2sim.model.recorder import facts_of_log
from tv2sim.run import Run
from tv2sim.scenario import Scenario
from tv2sim.storage import FORMATS, Format, read_table, records, whole_folder, write_table
from tv2sim.strategies import STRATEGIES, Strategy

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMAT", "check_format", "is_saved_run", "load_run", "save_run", "strategy_of", "write_run"]

FORMAT = 2
"""The number of the form in which runs and logs are saved: it changes when older ones can no longer be read."""

_TABLES = ("videos", "publishers", "attempts", "events", "levels")
_CATALOGUE = dict.fromkeys(("id", "title", "provider"), "str") | dict.fromkeys(
    ("encoding_time", "publication_timeout"), "float64"
)
_SUBMISSIONS = {"submitted_at": "float64"}
_LOG = {"time": "float64", "event": "str", "video": "Int64", "encoder": "Int64", "publisher": "Int64"}


# -- saving ------------------------------------------------------------------------------------------------


def save_run(run: Run, folder: str | os.PathLike[str], format: Format, *, force: bool) -> Path:  # noqa: A002
    """Write a run to a folder, whole or not at all; see :meth:`tv2sim.Run.save`."""
    folder = Path(folder)
    with whole_folder(folder, force=force, ours=is_saved_run) as draft:
        write_run(run, draft, format)
    return folder


def write_run(run: Run, folder: Path, format: Format) -> None:  # noqa: A002
    """Write the files of a run into a folder that is there."""
    fresh = Run(**{field.name: getattr(run, field.name) for field in fields(run)})
    for name in _TABLES:  # built anew, since the user may have changed theirs
        write_table(getattr(fresh, name), folder / f"{name}.{format}", format)
    own = np.flatnonzero(run.facts.videos["own"]).tolist()
    document = run.provenance() | {
        "format": FORMAT,
        "rejected": [line._asdict() for line in run.catalogue.rejected],
        "tables": format,
        "submissions": run.catalogue.submitted_at is not None,
        "end": run.end,
        "ending": run.ending,
        "own": own,
        "stats": run.stats,
        "summary": run.summary,
    }
    text = msgspec.json.format(msgspec.json.encode(document), indent=2)
    (folder / "run.json").write_bytes(text + b"\n")


def is_saved_run(folder: Path) -> bool:
    """Say whether a folder holds a saved run and nothing else."""
    known = {"run.json"} | {f"{name}.{suffix}" for name in _TABLES for suffix in FORMATS}
    found = {path.name for path in folder.iterdir()}
    if "run.json" not in found or not found <= known:
        return False
    try:
        return "tv2sim" in msgspec.json.decode((folder / "run.json").read_bytes())["versions"]
    except (OSError, KeyError, TypeError, UnicodeError, msgspec.MsgspecError):
        return False


# -- loading -----------------------------------------------------------------------------------------------

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

    tables: Format
    catalogue: _Catalogue
    scenario: dict[str, Any]
    strategy: dict[str, Any]
    seed: _Number
    replication: _Number
    versions: dict[str, str]
    rejected: list[_Rejected]
    submissions: bool
    end: Annotated[float, msgspec.Meta(ge=0)]
    ending: Ending
    own: list[_Number]
    """The rows of the videos that waited beside the queue: the only fact that no table holds."""
    stats: dict[str, int]


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
        If there is no such folder, it does not hold a run, or another version of tv2sim saved it.
    MissingExtraError
        For Parquet without pyarrow.
    """
    folder = Path(folder)
    try:
        return _load(folder, strategy, scenario)
    except OSError as error:
        raise InputError(f"no saved run in {str(folder)!r}: {error.strerror or error}") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, msgspec.MsgspecError) as error:
        raise InputError(f"{str(folder)!r} does not hold a run as it was saved: {error}") from error


def check_format(data: Mapping[str, Any], versions: Mapping[str, Any]) -> None:
    """Refuse what another version of tv2sim has saved in another form.

    Raises
    ------
    InputError
        Naming that version.
    """
    if (given := data.get("format")) != FORMAT:
        raise InputError(
            f"it was saved by tv2sim {versions.get('tv2sim', '(unknown)')} in format {given!r}, and this "
            f"version reads format {FORMAT}: simulate it again"
        )


def _load(folder: Path, strategy: Strategy | None, scenario: Scenario | None) -> Run:
    text = (folder / "run.json").read_bytes()
    raw = msgspec.json.decode(text)
    check_format(raw, raw["versions"])
    document = msgspec.json.decode(text, type=_Document)
    if scenario is None:
        if document.scenario["startup_time"][plain.KIND] == plain.CUSTOM:
            raise InputError("its start-up time is a distribution of your own: pass the scenario, scenario=...")
        scenario = Scenario.from_dict(document.scenario)
    videos, log = (
        read_table(folder / f"{name}.{document.tables}", kinds)
        for name, kinds in (
            ("videos", _CATALOGUE | (_SUBMISSIONS if document.submissions else {})),
            ("events", _LOG),
        )
    )
    run = Run(
        catalogue=_catalogue(videos, document),
        strategy=strategy or strategy_of(document.strategy),
        scenario=scenario,
        seed=document.seed,
        replication=document.replication,
        facts=_facts(log, videos, document),
        versions=document.versions,
        strategy_data=document.strategy if strategy is None else None,
    )
    told = (len(run.catalogue), run.stats) == (document.catalogue.videos, document.stats)
    if not (told and np.isfinite(run.catalogue.encoding_time).all()) or not _agree(run, folder, document):
        raise InputError("its tables contradict each other, or lack rows")
    return run


def _agree(run: Run, folder: Path, document: _Document) -> bool:
    """Say whether the tables of videos and publishers are those that follow from the log."""
    for name in ("videos", "publishers"):
        table: pd.DataFrame = getattr(run, name)
        kinds = {str(column): str(kind) for column, kind in table.dtypes.items()}
        if not read_table(folder / f"{name}.{document.tables}", kinds).equals(table):
            return False
    return True


def _catalogue(videos: pd.DataFrame, document: _Document) -> Catalogue:
    columns = [videos[name].tolist() for name in _CATALOGUE]
    if document.submissions:
        columns.append([None if time != time else time for time in videos["submitted_at"].tolist()])
    rejected = [Rejected(line.line, line.reason, line.text) for line in document.rejected]
    return Catalogue((Video(*row) for row in zip(*columns, strict=True)), rejected, document.catalogue.name)


def _facts(log: pd.DataFrame, videos: pd.DataFrame, document: _Document) -> Facts:
    own = bytearray(len(videos))
    for row in document.own:
        own[row] = 1
    entries = [LogEntry(**line) for line in records(log)]
    return facts_of_log(entries, videos["publication_timeout"].to_numpy(), own, document.end, document.ending)


def strategy_of(data: Mapping[str, Any]) -> Strategy:
    """Return the strategy that was saved as data, or a plain one that stands in for a class of one's own."""
    if data[plain.KIND] != plain.CUSTOM:
        strategy: Strategy = plain.from_dict(data, Strategy)
        return STRATEGIES[strategy.name] if STRATEGIES.get(strategy.name) == strategy else strategy
    try:
        return Strategy(**{field.name: data[field.name] for field in fields(Strategy)})
    except StrategyError:  # a dedicated one whose own class says when publishers start
        return Strategy(name=data["name"])
