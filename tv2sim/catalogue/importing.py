"""From a log that others wrote to a catalogue, by a mapping: what is taken, and what is left out and why."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.catalogue.batches import Batch, Values, batches
from tv2sim.catalogue.columns import (
    FIELDS,
    STARTUP_TIME,
    Column,
    Columns,
    Constant,
    Difference,
    Given,
    as_columns,
)
from tv2sim.catalogue.judging import no_video, outcome_of, repeated, video_of
from tv2sim.catalogue.sources import Digest, Source
from tv2sim.catalogue.values import MISSING, moments, numbers, texts
from tv2sim.catalogue.videos import NUMBERS, REQUIRED, TEXTS, Catalogue, Rejected, is_absent
from tv2sim.errors import CatalogueError
from tv2sim.ticks import PER_SECOND, whole_ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Import", "Importer", "import_catalogue", "imported"]


@dataclass(frozen=True)
class Import:
    """What was found in a log; see :func:`tv2sim.import_catalogue`.

    Attributes
    ----------
    catalogue : Catalogue
        The jobs, in the order of their submission; ``catalogue.rejected`` has what was left out, and why.
    startup_times : numpy.ndarray
        Seconds, of those jobs for which the log has one.
    without_startup_time : dict
        How many jobs have none, by the reason.
    """

    catalogue: Catalogue
    startup_times: NDArray[np.float64]
    without_startup_time: dict[str, int]


def import_catalogue(source: Source, columns: Given, *, name: str | None = None) -> Import:
    """Read a log of jobs that others wrote: a catalogue in the order of submission, and start-up times.

    Parameters
    ----------
    source, columns, name
        As for :func:`read_catalogue`. The mapping may have `startupTime` besides the fields of a video.

    Raises
    ------
    CatalogueError
        If the source cannot be read, no line of it is a valid video, or the mapping is wrong.

    Examples
    --------
    >>> pod = {"id": "a", "created": 1772438400, "ready": 1772438403.5}
    >>> columns = "submittedAt=created,startupTime=ready-created,publicationTimeout=30"
    >>> found = import_catalogue([pod, pod | {"id": "b", "created": 1772438399}], columns)
    >>> found.catalogue.ids, found.startup_times.tolist()
    (('b', 'a'), [3.5, 4.5])
    """
    importer = imported(source, columns)
    catalogue = importer.catalogue(name).by_submission()
    return Import(catalogue, importer.startup_times, dict(importer.without))


def imported(source: Source | Any, given: Given) -> Importer:
    """Return what is found in a table or a log."""
    columns, digest = as_columns(given), Digest()
    with batches(source, columns, digest) as (found, label):
        importer = Importer(columns, label)
        with _no_collection():
            for batch in found:
                importer.add(batch)
    importer.sha256 = digest.value
    return importer


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pause the collection of garbage: there are no cycles, and it would look at all rows again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Importer:
    """Collects batches of records as columns of a catalogue."""

    def __init__(self, columns: Columns, label: str) -> None:
        self.rejected: list[Rejected] = []
        self.without: Counter[str] = Counter()
        self.label = label
        self.sha256: str | None = None
        self._columns = columns
        self._texts: dict[str, list[str]] = {name: [] for name in TEXTS}
        self._numbers: dict[str, list[NDArray[np.float64]]] = {name: [] for name in (*NUMBERS, STARTUP_TIME)}
        self._first_lines: dict[str, int] = {}
        self._stamped: bool | None = None
        """Whether `submittedAt` is a timestamp, and no number of seconds; the first job decides."""

    def add(self, batch: Batch) -> None:
        """Take what is valid of a batch, and note what is not."""
        rows = _Rows(batch, self._columns, self.label)
        self._stamped = rows.of_one_kind(self._stamped)
        rows.judge()
        taken = []
        for row, one in enumerate(rows.texts["id"]):
            if row in rows.reasons:
                continue
            line = batch.lines[row]
            # records of one line have its number, so the id alone may tell them apart
            if (first := self._first_lines.get(one)) is None:
                self._first_lines[one] = line
                taken.append(row)
            else:
                rows.reasons[row] = repeated(one, first)
        for row, reason in sorted(rows.reasons.items()):
            self.rejected.append(Rejected(batch.lines[row], reason, batch.text(row)))
        for name, column in rows.texts.items():
            self._texts[name] += column if len(taken) == len(column) else [column[row] for row in taken]
        for name, numbers_ in rows.numbers.items():
            self._numbers[name].append(numbers_[taken])
        without = [rows.without[row] for row in taken if row in rows.without]
        self.without.update(without)

    @property
    def startup_times(self) -> NDArray[np.float64]:
        """The start-up times that were found."""
        found = self._column(STARTUP_TIME)
        return found[~np.isnan(found)]

    @property
    def numbers(self) -> dict[str, NDArray[np.float64]]:
        """The columns of numbers, without those that have none."""
        columns = {name: self._column(name) for name in NUMBERS}
        if self._stamped:
            ticks = whole_ticks(columns["submitted_at"])
            columns["submitted_at"] = (ticks - np.nanmin(ticks)) / PER_SECOND
        return {name: column for name, column in columns.items() if not is_absent(name, column)}

    def _column(self, name: str) -> NDArray[np.float64]:
        return np.concatenate([np.empty(0), *self._numbers[name]])

    def catalogue(self, name: str | None) -> Catalogue:
        """Return the catalogue of all that was taken, in its order; raise an error if that is nothing."""
        ids, titles, providers = (self._texts[text] for text in TEXTS)
        if not ids:
            raise CatalogueError(no_video(self.label, self.rejected))
        name = name or self.label
        return Catalogue.of_columns(ids, titles, providers, self.numbers, self.rejected, name, self.sha256)


class _Rows:
    """The fields of a batch, and by row why it is rejected (`reasons`) or has no start-up time (`without`)."""

    def __init__(self, batch: Batch, columns: Columns, label: str) -> None:
        self._batch, self._columns, self._label = batch, columns, label
        self.reasons = dict(batch.broken)
        self.without: dict[int, str] = {}
        self._stamped = np.zeros(len(batch), dtype=bool)
        self._leave_out()
        self.texts = {name: self._text(name) for name in TEXTS}
        self.numbers = {name: self._number(name) for name in NUMBERS}
        self.numbers[STARTUP_TIME] = self._startup_time()

    def _leave_out(self) -> None:
        for column, accepted in self._columns.only.items():
            for row, value in enumerate(self._batch.values(column)):
                if str(value) not in accepted:
                    found = MISSING if value is None else f"is {str(value)[:60]!r}, not {' or '.join(accepted)}"
                    self.reasons.setdefault(row, f"left out: {column.text} {found}")

    def _text(self, name: str) -> list[str]:
        expression = self._columns.fields.get(name)
        if isinstance(expression, Constant):
            return [expression.text] * len(self._batch)
        if (values := self._values(name)) is None:
            return [""] * len(self._batch)
        found, reasons = texts(values)
        if name in REQUIRED and expression is not None:
            reasons = {row: MISSING for row, text in enumerate(found) if not text} | reasons
        self._note(name, reasons)
        return found

    def _number(self, name: str) -> NDArray[np.float64]:
        expression = self._columns.fields.get(name)
        if isinstance(expression, Constant):
            return np.full(len(self._batch), expression.number)
        if isinstance(expression, Difference):
            found, reasons = self._seconds(expression)
        elif (values := self._values(name)) is None:
            return np.full(len(self._batch), np.nan)
        elif name == "submitted_at":
            found, self._stamped, reasons = _submissions(values)
        else:
            found, reasons = numbers(values)
        self._note(name, reasons)
        return found

    def _startup_time(self) -> NDArray[np.float64]:
        expression = self._columns.fields.get(STARTUP_TIME)
        if expression is None or isinstance(expression, Constant):
            return np.full(len(self._batch), np.nan)
        if isinstance(expression, Difference):
            found, self.without = self._seconds(expression)
        else:
            found, reasons = numbers(self._batch.values(expression))
            self.without = {row: f"{expression.text} {reason}" for row, reason in reasons.items()}
        for row in np.flatnonzero(found < 0).tolist():
            found[row] = np.nan
            self.without[row] = "it is below 0"
        return found

    def _values(self, name: str) -> Values | None:
        """Return the column that a field is mapped to, or else the one of its own name."""
        if name in self._columns.fields:
            expression = self._columns.fields[name]
            return self._batch.values(expression) if isinstance(expression, Column) else None
        values = self._batch.own(name)
        if values is None and name in REQUIRED and name != "encoding_time":
            constant = "" if name == "id" else f" or a number, as in columns='{FIELDS[name]}=3'"
            raise CatalogueError(
                f"{self._label!r} has no column {FIELDS[name]!r}: map it to a column{constant}"
            )
        return values

    def _seconds(self, difference: Difference) -> tuple[NDArray[np.float64], dict[int, str]]:
        """Return how much later one time is than the other."""
        reasons: dict[int, str] = {}
        ends = []
        for term in (difference.later, difference.earlier):
            values = (
                [term.number] * len(self._batch) if isinstance(term, Constant) else self._batch.values(term)
            )
            ticks, stamped, unusable = moments(values)
            ends.append((ticks, stamped))
            reasons = {row: f"{term.text} {reason}" for row, reason in unusable.items()} | reasons
        (later, is_stamp), (earlier, is_stamp_too) = ends
        for row in np.flatnonzero(is_stamp != is_stamp_too).tolist():
            reasons.setdefault(row, f"{difference.text} takes a number of seconds from a time of day")
        return (later - earlier) / PER_SECOND, reasons

    def _note(self, name: str, reasons: dict[int, str]) -> None:
        """Note why rows have no such field; one that is not mapped may be missing if it is optional."""
        expression = self._columns.fields.get(name)
        for row, reason in reasons.items():
            if reason == MISSING and (
                name in ("title", "provider") or (not expression and name not in REQUIRED)
            ):
                continue
            if isinstance(expression, Column):
                text = f"{FIELDS[name]}: {expression.text} {reason}"
            elif isinstance(expression, Difference):
                text = f"{FIELDS[name]}: {reason}"
            else:
                text = f"the field {FIELDS[name]} {reason}"
            self.reasons.setdefault(row, text)

    def of_one_kind(self, stamped: bool | None) -> bool | None:
        """Reject rows whose submission is of another kind than those before; return the kind if it is known."""
        good = np.ones(len(self._batch), dtype=bool)
        good[list(self.reasons)] = False
        given = good & ~np.isnan(self.numbers["submitted_at"])
        if stamped is None and given.any():
            stamped = bool(self._stamped[given.argmax()])
        for row in np.flatnonzero(given & (self._stamped != stamped)).tolist():
            kinds = ("a number of seconds", "a timestamp")
            self.reasons[row] = (
                f"submittedAt is {kinds[not stamped]}, but {kinds[bool(stamped)]} in lines before"
            )
        return stamped

    def judge(self) -> None:
        """Reject rows that are outside the limits; only those are looked at one by one."""
        suspect = np.array([not text for text in self.texts["id"]])
        for name, number in NUMBERS.items():
            column = self.numbers[name]
            suspect |= ~(number.accepts(column) | np.isnan(column))
        try:
            for text in self.texts.values():
                "".join(text).encode()
        except UnicodeEncodeError:
            suspect[:] = True
        for row in set(np.flatnonzero(suspect).tolist()) - set(self.reasons):
            if isinstance(reason := outcome_of(video_of, self._record(row)), str):
                self.reasons[row] = reason

    def _record(self, row: int) -> dict[str, Any]:
        given = {name: float(self.numbers[name][row]) for name in NUMBERS}
        known = {name: number for name, number in given.items() if not np.isnan(number)}
        return {name: column[row] for name, column in self.texts.items()} | known


def _submissions(values: Values) -> tuple[NDArray[np.float64], NDArray[np.bool_], dict[int, str]]:
    """Return times in seconds, which of them are timestamps, and for each row without one the reason."""
    ticks, stamped, reasons = moments(values)
    seconds = ticks / PER_SECOND
    if not stamped.all():
        plain, _ = numbers(values)  # as they are: only timestamps are whole ticks
        seconds = np.where(stamped, seconds, plain)
    return seconds, stamped, reasons
