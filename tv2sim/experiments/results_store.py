"""Results that are kept in a folder, so that no replication is simulated twice, whatever ended the program.

A cell (catalogue, strategy, scenario, seed) has a folder, named by a hash of these, and in it one for each
version of the rules. A finished chunk is a file there, named by its replications and a hash of its metrics::

    DIR/6c1f.../rules-1/0-25-9e107d9d

It holds the SHA-256 of what follows; a line of JSON; the values of each metric, as little-endian float64; and
how often each video was on time, as int64.

Invariant: the content of a file follows from its path, and it takes its name when it is complete. So it does
not matter which process writes it, how many do, or when they are killed. Engines give the same bits, so the
engine is not part of the path: any files without overlap serve, and what they lack is simulated.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import pickle
import platform
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from opcode import opmap
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np

from tv2sim import __version__
from tv2sim.base import dictionaries
from tv2sim.base.checks import plural, shown
from tv2sim.base.errors import InputError, OutputError
from tv2sim.base.storage import draft_of, read_file, remove_abandoned
from tv2sim.catalogue import Catalogue
from tv2sim.experiments import workers
from tv2sim.experiments.workers import Chunk, Task
from tv2sim.world.distributions import Constant, Empirical, Triangular, Uniform

RULES = 4
"""The version of the rules. It changes with every change of results, which the changelog marks **results**."""

_EXACT = (Constant, Uniform, Triangular, Empirical)
"""Distributions whose quantiles are the same bits with any NumPy and on any machine: no log, exp or gamma."""

_log = logging.getLogger("tv2sim.results")


def compute(tasks: Sequence[Task], *, results: Any = None, **how: Any) -> list[Chunk]:
    """Do the parts of tasks whose results are not in the folder, and take the others from there.

    Parameters
    ----------
    tasks : sequence of Task
        The tasks.
    results : path or ResultsFolder, optional
        The folder in which finished chunks are kept. None: nothing is kept.
    **how
        Other arguments of :func:`tv2sim.experiments.workers.compute`.

    Raises
    ------
    OutputError
        If the folder cannot be used. If it cannot be written later, that is logged, and the work goes on.
    """
    folder = as_folder(results)
    if folder is None:
        return workers.compute(tasks, **how)
    rooms = [task.room() for task in tasks]
    missing = [one for task, room in zip(tasks, rooms, strict=True) for one in folder.fill(task, room)]

    def keep(number: int, part: Task, chunk: Chunk) -> None:
        folder.keep(missing[number].place, part, chunk)

    workers.compute([one.task for one in missing], rooms=[one.room for one in missing], keep=keep, **how)
    return rooms


def as_folder(results: object) -> ResultsFolder | None:
    """Return the folder of results at a path, which is made if there is none; None for None.

    Raises
    ------
    InputError
        If it is no path.
    OutputError
        If it is no folder, or cannot be written.
    """
    if results is None or isinstance(results, ResultsFolder):
        return results
    if not isinstance(results, str | os.PathLike):
        raise InputError(f"results must be the path of a folder, not {shown(results)}")
    folder = Path(results)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        why = error.strerror or error
        if isinstance(error, FileExistsError):
            why = "it is a file, choose the name of a folder"
        raise OutputError(f"cannot keep results in {str(folder)!r}: {why}") from error
    return ResultsFolder(folder)


class _Head(msgspec.Struct):
    """The line of JSON in a file."""

    cell: str
    rules: str
    start: int
    stop: int
    metrics: list[str]


_File: TypeAlias = tuple[range, Path]
"""The replications that a file holds, and its path."""


class _Missing(NamedTuple):
    """A task whose results are missing, the room for them, and the folder in which they are kept."""

    task: Task
    room: Chunk
    place: Path | None


class ResultsFolder:
    """The results in a folder.

    Parameters
    ----------
    folder : Path
        The folder, which exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._catalogues: dict[int, tuple[Catalogue, str]] = {}  # by id; held, so that no other one gets its id
        self._said: set[str] = set()
        self._failed = False
        self._unusable: list[str] = []

    # -- taking --------------------------------------------------------------------------------------------

    def fill(self, task: Task, room: Chunk) -> list[_Missing]:
        """Fill in the results of a task that are kept, and return the parts that are missing."""
        place = self._place(task)
        if place is None:
            return [_Missing(task, room, None)]
        self._unusable.clear()
        try:
            files = _files(place)
            missing = list(self._fill_from_files(place, files, task, room))
            if missing and place.parent.exists():
                self._explain(place, files, task, [one.task.replications for one in missing])
        except OSError as error:
            raise OutputError(f"cannot read {str(self._folder)!r}: {error.strerror or error}") from error
        return missing

    def _explain(self, place: Path, files: Iterable[_File], task: Task, missing: Iterable[range]) -> None:
        """Log which files of a task do not serve for its missing results, and why."""
        name = task.strategy.name
        if others := self._unusable[1:]:
            be = "is" if len(others) == 1 else "are"
            self._say(f"{self._unusable[0]}; nor {be} {plural(len(others), 'other file')} of strategy {name!r}")
        elif self._unusable:
            self._say(self._unusable[0])
        if versions := sorted(one.name for one in place.parent.iterdir() if one != place):
            self._say(
                f"results of strategy {name!r} by another version ({', '.join(versions)}) are not used: this "
                f"is {place.name}"
            )
        for part, _ in files:
            needed = any(part.start < gap.stop and gap.start < part.stop for gap in missing)
            if needed and not _within(part, task.replications):
                self._say(
                    f"replications {part.start} to {part.stop - 1} of strategy {name!r} are kept as one, and "
                    f"are not used for a part of them"
                )

    def _fill_from_files(
        self, place: Path, files: Iterable[_File], task: Task, room: Chunk
    ) -> Iterator[_Missing]:
        """Fill in what files hold, and yield the gaps between them and the metrics that they lack."""
        done = task.replications.start
        for part, chunk in self._usable(files, task):
            if done < part.start:
                yield _Missing(*_part(task, room, range(done, part.start), task.metrics), place)
            done = part.stop
            lacks = tuple(name for name in task.metrics if name not in chunk.values)
            _, here = _part(task, room, part, [name for name in task.metrics if name not in lacks])
            for name, values in here.values.items():
                values[:] = chunk.values[name]
            room.on_time[:] += chunk.on_time
            if lacks:
                rest, there = _part(task, room, part, lacks)
                counted = np.zeros_like(room.on_time)  # apart, since the videos are counted already
                yield from self._fill_from_files(place, files, rest, replace(there, on_time=counted))
        if done < task.replications.stop:
            gap = range(done, task.replications.stop)
            yield _Missing(*_part(task, room, gap, task.metrics), place)

    def _usable(self, files: Iterable[_File], task: Task) -> Iterator[tuple[range, Chunk]]:
        """Yield chunks within a task that have a metric of it, in order, without overlap."""
        done = task.replications.start
        for part, path in files:
            if _within(part, range(done, task.replications.stop)):
                chunk = self._read(path, part)
                if chunk is not None and not chunk.values.keys().isdisjoint(task.metrics):
                    yield part, chunk
                    done = part.stop

    def _read(self, path: Path, part: range) -> Chunk | None:
        """Return the chunk in a file; if it cannot be used, note why."""
        try:
            return _chunk_in(read_file(path, _MOST_BYTES), path, part)
        except OSError as error:
            why = f"cannot be read ({error.strerror or error})"
        except (ValueError, msgspec.MsgspecError):
            why = "is damaged, or was moved"
        self._unusable.append(f"{str(path)!r} {why}, and is not used")
        return None

    # -- keeping -------------------------------------------------------------------------------------------

    def keep(self, place: Path | None, part: Task, chunk: Chunk) -> None:
        """Write a finished chunk to its file; if that fails, say so and write no more."""
        if place is None or self._failed:
            return
        metrics = sorted(part.metrics)
        digest = hashlib.sha256(",".join(metrics).encode()).hexdigest()
        path = place / f"{part.replications.start}-{part.replications.stop}-{digest[:8]}"
        try:
            place.mkdir(parents=True, exist_ok=True)
            with draft_of(path) as draft:
                draft.write_bytes(_content_of(chunk, path, part.replications, metrics))
                draft.replace(path)
        except OSError as error:
            self._failed = True
            self._say(
                f"cannot keep more results in {str(self._folder)!r}: {error.strerror or error} (the simulation "
                f"goes on, and its results are complete)"
            )

    def _say(self, sentence: str) -> None:
        """Log a sentence, once."""
        if sentence not in self._said:
            self._said.add(sentence)
            _log.warning("%s", sentence)

    # -- what results depend on ----------------------------------------------------------------------------

    def _place(self, task: Task) -> Path | None:
        """Return the folder for the results of a task, or None if they cannot be kept."""
        strategy = task.strategy
        if dictionaries.comes_along(type(strategy)):
            strategy = strategy.replace(name="")  # which decides nothing
        description = Description()
        try:
            description.add((task.seed, strategy, task.scenario))
        except IndescribableError as error:
            self._say(
                f"results of strategy {task.strategy.name!r} are not kept: they depend on {error}, of which a "
                f"change could not be noticed"
            )
            return None
        cell = hashlib.sha256(f"{self._digest(task.catalogue)} {description}".encode()).hexdigest()[:32]
        rules = f"rules-{RULES}"
        if description.own or any(type(one) not in _EXACT for one in task.scenario.distributions):
            rules += (
                f"-tv2sim-{__version__}-numpy-{np.__version__}-scipy-{version('scipy')}-{platform.machine()}"
            )
        return self._folder / cell / rules

    def _digest(self, catalogue: Catalogue) -> str:
        """Return a hash of the videos of a catalogue."""
        if id(catalogue) not in self._catalogues:
            found = hashlib.sha256(repr((catalogue.ids, catalogue.titles, catalogue.providers)).encode())
            for name, column in catalogue.numbers.items():
                found.update(name.encode() + column.tobytes())
            self._catalogues[id(catalogue)] = catalogue, found.hexdigest()
        return self._catalogues[id(catalogue)][1]


def _content_of(chunk: Chunk, path: Path, part: range, metrics: list[str]) -> bytes:
    """Return the content of the file of a chunk."""
    head = _Head(path.parent.parent.name, path.parent.name, part.start, part.stop, metrics)
    columns = [chunk.values[name].astype("<f8") for name in metrics] + [chunk.on_time.astype("<i8")]
    rest = msgspec.json.encode(head) + b"\n" + b"".join(column.tobytes() for column in columns)
    return hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def _chunk_in(data: bytes, path: Path, part: range) -> Chunk:
    """Return the chunk in the content of a file; raise a ValueError if it is not that of these replications."""
    digest, _, rest = data.partition(b"\n")
    text, _, body = rest.partition(b"\n")
    if digest != hashlib.sha256(rest).hexdigest().encode():
        raise ValueError(path)
    head = msgspec.json.decode(text, type=_Head)
    if head != _Head(path.parent.parent.name, path.parent.name, part.start, part.stop, head.metrics):
        raise ValueError(path)
    values = np.frombuffer(body, "<f8", len(head.metrics) * len(part)).reshape(-1, len(part))
    on_time = np.frombuffer(body, "<i8", offset=values.nbytes)
    return Chunk(dict(zip(head.metrics, values, strict=True)), on_time)


def _files(place: Path) -> list[_File]:
    """Return the files of a cell with their replications, by these, the longest first; drop old drafts."""
    if not place.is_dir():
        return []
    remove_abandoned(place)
    found = [
        (range(int(name[1]), int(name[2])), path)
        for path in place.iterdir()
        if (name := re.fullmatch(r"(\d+)-(\d+)-[0-9a-f]{8}", path.name))
    ]
    return sorted(found, key=lambda one: (one[0].start, -one[0].stop, one[1]))


_MOST_BYTES = 1 << 30
"""The most bytes of a file that is read; a chunk has a number per video, and one per replication and metric."""


def _within(part: range, whole: range) -> bool:
    return whole.start <= part.start and part.stop <= whole.stop


def _part(task: Task, room: Chunk, part: range, metrics: Iterable[str]) -> tuple[Task, Chunk]:
    """Return a part of a task, and the part of its room that is for it."""
    here = slice(part.start - task.replications.start, part.stop - task.replications.start)
    values = {name: room.values[name][here] for name in metrics}
    return replace(task, replications=part, metrics=tuple(values)), Chunk(values, room.on_time)


# -- the key of a cell: values, and the code behind them -----------------------------------------------------


class IndescribableError(Exception):
    """A value whose later changes could not be noticed; the message names the value."""


class Description(pickle.Pickler):
    """A digest of values and of their code; it changes whenever they may behave otherwise.

    Results are kept under it, also those of strategies and distributions of a user's own class. Values are
    pickled. The code of functions and classes is described as it was compiled, with the global variables and
    the other functions that it uses. Source text would not do: a file may have changed since it was imported.
    What comes with Python, NumPy, SciPy and tv2sim is described by its name alone.

    Attributes
    ----------
    own : bool
        Whether there is code that does not come with these.

    Examples
    --------
    >>> import tv2sim as tv
    >>> one, other = Description(), Description()
    >>> one.add(tv.Scenario(encoders=5))
    >>> other.add(tv.Scenario(encoders=6))
    >>> str(one) == str(other), one.own
    (False, False)
    """

    def __init__(self) -> None:
        self.own, self._file = False, io.BytesIO()
        self._seen: dict[int, tuple[int, object]] = {}  # by id; held, so that nothing else gets its id
        super().__init__(self._file, protocol=5)
        self.fast = True  # no memo: whether equal values are one object differs between processes

    def __str__(self) -> str:
        return hashlib.sha256(self._file.getvalue()).hexdigest()

    def add(self, value: object) -> None:
        """Add a value.

        Raises
        ------
        IndescribableError
            If a part of it cannot be pickled, or is a module of the user's.
        """
        try:
            self.dump(value)
        except IndescribableError:
            raise
        except Exception as error:  # of a user's object, which may raise anything
            raise IndescribableError(f"{_name(value)} ({error})") from error

    def persistent_id(self, value: Any) -> object:
        """Return what is written for code and sets; None for all other values, which are pickled."""
        if isinstance(value, set | frozenset):
            return "set", sorted(value, key=repr)
        if isinstance(value, CodeType):
            self.own = True
            call = (value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount, value.co_flags)
            return value.co_code, value.co_exceptiontable, value.co_names, value.co_consts, call
        if isinstance(value, property):
            return "property", value.fget
        if isinstance(value, classmethod | staticmethod):
            return type(value).__name__, value.__func__
        if not isinstance(value, type | FunctionType | BuiltinFunctionType | ModuleType | _OF_NUMPY):
            return None
        if _comes_along(value):
            return f"{_module(value)} {_name(value)}"
        if id(value) in self._seen:
            return self._seen[id(value)][0]
        self._seen[id(value)] = len(self._seen), value
        if isinstance(value, type):
            parts = {name: part for name, part in vars(value).items() if name not in _MACHINERY}
            return value.__qualname__, type(value), value.__bases__, parts
        if isinstance(value, FunctionType):
            cells = [cell.cell_contents for cell in value.__closure__ or ()]
            used = dict(_globals_of(value.__code__, value.__globals__))
            return value.__code__, value.__defaults__, value.__kwdefaults__, cells, used
        raise IndescribableError(_name(value))


_MACHINERY = {
    "__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__annotate__", "__annotate_func__",
    "__annotations_cache__", "__static_attributes__", "__firstlineno__", "__parameters__", "__orig_bases__",
    "__dataclass_fields__", "__dataclass_params__", "_abc_impl",
}  # fmt: skip
"""Attributes of a class that Python adds, or that do not decide how the class works."""


def _globals_of(code: CodeType, known: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the global variables and the modules that a function may use, and those inside it.

    A name may also be that of an attribute, so there may be too many, but never too few.
    """
    imports = opmap["IMPORT_NAME"] in code.co_code[::2]
    for name in code.co_names:
        if name in known:
            yield name, known[name]
        elif imports and (not name or find_spec(name)):
            yield name, import_module(name)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _globals_of(inner, known)


_OF_NUMPY = np.ufunc | type(np.where)


def _comes_along(value: Any) -> bool:
    """Return whether a module, a class or a function is one of Python, NumPy, SciPy or tv2sim."""
    package = _module(value).partition(".")[0]
    if package in ("tv2sim", "numpy", "scipy"):
        return True
    # a user's file may have the name of a module of Python
    file = getattr(sys.modules.get(package), "__file__", None) or os.__file__
    return package in sys.stdlib_module_names and Path(file).is_relative_to(Path(os.__file__).parent)


def _module(value: Any) -> str:
    """Return the name of the module in which a value, or its class, is defined."""
    named = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return str(named or type(value).__module__)


def _name(value: Any) -> str:
    return str(getattr(value, "__qualname__", None) or getattr(value, "__name__", type(value).__qualname__))
