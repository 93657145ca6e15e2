"""Saving runs to folders and loading them: tables that other tools open, and run.json with the inputs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec
import numpy as np

from tv2sim.base import dictionaries
from tv2sim.base.checks import a_path, shown
from tv2sim.base.errors import InputError, MissingExtraError, StrategyError
from tv2sim.base.lazy_pandas import pd
from tv2sim.base.storage import FORMATS, Format, read_file, read_table, records, whole_folder, write_table
from tv2sim.base.ticks import LAST, PER_SECOND
from tv2sim.catalogue import Catalogue, Rejected, Video
from tv2sim.catalogue.videos import TEXTS
from tv2sim.results.event_kinds import LogEntry
from tv2sim.results.facts import Ending, Facts
from tv2sim.results.recorder import facts_of_log
from tv2sim.results.run import Run
from tv2sim.strategies import STRATEGIES, Lead, Strategy
from tv2sim.strategies.policies import CLASSES
from tv2sim.world.prices import Prices
from tv2sim.world.profiles import Profile
from tv2sim.world.scenario import Scenario

FORMAT = 2
"""The number of the format of saved runs and logs. It changes when older ones can no longer be read."""

_SUMS = "SHA256SUMS"
"""The file of checksums, for `sha256sum -c` as well; a run without this file is loaded unchecked."""

_TABLES = ("videos", "publishers", "attempts", "events", "levels")
_LOG = {"time": "float64", "event": "str", "video": "Int64", "encoder": "Int64", "publisher": "Int64"}


# -- saving ------------------------------------------------------------------------------------------------


def save_run(run: Run, folder: str | os.PathLike[str], format: Format, *, force: bool) -> Path:  # noqa: A002
    """Write a run to a folder, completely or not at all; see :meth:`tv2sim.Run.save`."""
    folder = a_path("folder", folder)
    with whole_folder(folder, force=force, ours=is_saved_run) as draft:
        write_run(run, draft, format)
    return folder


def write_run(run: Run, folder: Path, format: Format) -> None:  # noqa: A002
    """Write the files of a run into an existing folder."""
    fresh = replace(run)  # its tables are built anew, since the user may have changed those of `run`
    for name in _TABLES:
        write_table(getattr(fresh, name), folder / f"{name}.{format}", format)
    document = run.provenance() | {
        "format": FORMAT,
        "rejected": [line._asdict() for line in run.catalogue.rejected],
        "tables": format,
        "numbers": list(run.catalogue.numbers),
        "end": run.end,
        "ending": run.ending,
        "own": np.flatnonzero(run.facts.videos["own"]).tolist(),
        "stats": run.stats,
        "summary": run.summary,
    }
    text = msgspec.json.format(msgspec.json.encode(document), indent=2)
    (folder / "run.json").write_bytes(text + b"\n")
    names = [*(f"{name}.{format}" for name in _TABLES), "run.json"]
    sums = (f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    (folder / _SUMS).write_text("".join(sums), encoding="ascii", newline="\n")


def is_saved_run(folder: Path) -> bool:
    """Return whether a folder holds a saved run and nothing else."""
    known = {"run.json", _SUMS} | {f"{name}.{suffix}" for name in _TABLES for suffix in FORMATS}
    found = {path.name for path in folder.iterdir()}
    if "run.json" not in found or not found <= known:
        return False
    try:
        return "tv2sim" in msgspec.json.decode(read_file(folder / "run.json"))["versions"]
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
    """The part of run.json that loading needs."""

    tables: Format
    catalogue: _Catalogue
    scenario: dict[str, Any]
    strategy: dict[str, Any]
    seed: _Number
    replication: _Number
    versions: dict[str, str]
    rejected: list[_Rejected]
    numbers: list[str]
    """The numbers of the catalogue that are columns of the table of videos."""
    end: Annotated[float, msgspec.Meta(ge=0, le=LAST / PER_SECOND)]
    ending: Ending
    own: list[_Number]
    """The rows of the videos that have their own publisher; this is not in any table."""
    stats: dict[str, int]
    summary: dict[str, float | None]
    prices: dict[str, Any] | None = None


def load_run(
    folder: str | os.PathLike[str], *, strategy: Strategy | None = None, scenario: Scenario | None = None
) -> Run:
    """Load a run that :meth:`Run.save` wrote; it equals the one that was saved.

    Parameters
    ----------
    folder : path
        The folder.
    strategy : Strategy, optional
        The strategy, if it is of a class of your own. Without it the loaded run has a plain
        :class:`tv2sim.Strategy` with the saved data.
    scenario : Scenario, optional
        The scenario; required if its start-up time is a distribution of your own.

    Raises
    ------
    InputError
        If there is no such folder, it does not hold a run, or another version of tv2sim saved it.
    MissingExtraError
        For Parquet without pyarrow.
    """
    folder = a_path("folder", folder)
    for name, given, kind in (("strategy", strategy, Strategy), ("scenario", scenario, Scenario)):
        if not isinstance(given, kind | None):
            raise InputError(f"{name}, if not None, must be a tv2sim.{kind.__name__}, not {shown(given)}")
    try:
        return _load(_Files(folder), strategy, scenario)
    except MissingExtraError:
        raise
    except OSError as error:
        raise InputError(f"no saved run in {str(folder)!r}: {error.strerror or error}") from error
    except Exception as error:  # a changed file may hold anything
        raise InputError(f"{str(folder)!r} does not hold a run as it was saved: {error}") from error


def check_format(data: Mapping[str, Any], versions: Mapping[str, Any]) -> None:
    """Check that this version of tv2sim can read what was saved.

    Raises
    ------
    InputError
        If it is in another format; the message names the version that saved it.
    """
    if (given := data.get("format")) != FORMAT:
        raise InputError(
            f"it was saved by tv2sim {versions.get('tv2sim', '(unknown)')} in format {given!r}, and this "
            f"version reads format {FORMAT}: simulate it again"
        )


class _Files:
    """The files of a saved run; those that have a checksum are checked first, all of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, bytes] = {}
        if not (folder / _SUMS).exists():
            return
        for line in read_file(folder / _SUMS).decode("ascii").splitlines():
            digest, _, name = line.partition("  ")
            if hashlib.sha256(self[name]).hexdigest() != digest:
                raise InputError(
                    f"{name!r} was changed, since its checksum in {_SUMS} is another: simulate the run again, "
                    f"or delete {_SUMS} to load what there is"
                )

    def __getitem__(self, name: str) -> bytes:
        if name not in self._known:
            self._known[name] = read_file(self._folder / name)
        return self._known[name]


def _load(files: _Files, strategy: Strategy | None, scenario: Scenario | None) -> Run:
    """Read the inputs and the log, derive the run from them, and check it against the saved tables."""
    text = files["run.json"]
    raw = msgspec.json.decode(text)
    check_format(raw, raw["versions"])
    document = msgspec.json.decode(text, type=_Document)
    if scenario is None:
        for name, value in document.scenario.items():
            if isinstance(value, Mapping) and value[dictionaries.KIND] == dictionaries.CUSTOM:
                raise InputError(f"its {name} is a distribution of your own: pass the scenario, scenario=...")
        scenario = Scenario.from_dict(document.scenario)

    def table(name: str, kinds: Mapping[str, str]) -> pd.DataFrame:
        return read_table(file := f"{name}.{document.tables}", files[file], kinds)

    texts, numbers = dict.fromkeys(TEXTS, "str"), dict.fromkeys(document.numbers, "float64")
    videos = table("videos", texts | numbers)
    run = Run(
        catalogue=_catalogue(videos, document),
        strategy=strategy or strategy_of(document.strategy),
        scenario=scenario,
        seed=document.seed,
        replication=document.replication,
        facts=_facts(table("events", _LOG), videos, document, scenario),
        versions=document.versions,
        strategy_data=document.strategy if strategy is None else None,
        prices=None if document.prices is None else dictionaries.from_dict(document.prices, Prices),
    )

    def as_saved(name: str) -> bool:
        derived: pd.DataFrame = getattr(run, name)
        kinds = {str(column): str(kind) for column, kind in derived.dtypes.items()}
        return table(name, kinds).equals(derived)

    counted = (len(run.catalogue), run.stats) == (document.catalogue.videos, document.stats)
    if not (counted and as_saved("videos") and as_saved("publishers")):
        raise InputError("its tables contradict each other, or lack rows")
    return run


def _catalogue(videos: pd.DataFrame, document: _Document) -> Catalogue:
    names = [*TEXTS, *document.numbers]
    columns = ([None if value != value else value for value in videos[name].tolist()] for name in names)
    rows = (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))
    rejected = [Rejected(line.line, line.reason, line.text) for line in document.rejected]
    return Catalogue((Video(**row) for row in rows), rejected, document.catalogue.name)


def _facts(log: pd.DataFrame, videos: pd.DataFrame, document: _Document, scenario: Scenario) -> Facts:
    own = bytearray(len(videos))
    for row in document.own:
        own[row] = 1
    entries = [LogEntry(**line) for line in records(log)]
    timeouts = videos["publication_timeout"].to_numpy()
    waits = int(document.summary.get("quota_waits") or 0)
    of_scenario = scenario.deadline, waits, scenario.most_offers
    return facts_of_log(entries, timeouts, own, document.end, document.ending, *of_scenario)


def strategy_of(data: Mapping[str, Any]) -> Strategy:
    """Return the strategy that was saved as data; for a user's own class, a plain one with the same data."""
    if data[dictionaries.KIND] != dictionaries.CUSTOM:
        strategy: Strategy = dictionaries.from_dict(data, Strategy, Lead, Profile, *CLASSES)
        return STRATEGIES[strategy.name] if STRATEGIES.get(strategy.name) == strategy else strategy
    known = {field.name: data[field.name] for field in fields(Strategy) if field.name in data}
    try:
        plain_one: Strategy = dictionaries.from_dict({dictionaries.KIND: "strategy", **known}, Strategy, Lead)
        return plain_one
    except StrategyError:  # dedicated, with a hook start_moment in the user's class
        return Strategy(name=data["name"])
