"""From a log that others wrote to a catalogue, by a mapping: what is taken, and what is left out and why."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC as UTC_ZONE
from datetime import tzinfo
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from tv2sim.base.errors import CatalogueError
from tv2sim.base.ticks import PER_SECOND, whole_ticks
from tv2sim.catalogue.batches import Batch, Values, batches
from tv2sim.catalogue.cell_values import MISSING, moments, numbers, texts
from tv2sim.catalogue.columns import (
    FIELDS,
    STARTUP_TIME,
    UTC,
    Accepted,
    Choice,
    Column,
    Columns,
    Constant,
    Given,
    Rule,
    Sum,
    Term,
    a_timezone,
    as_columns,
)
from tv2sim.catalogue.judging import held_list, no_video, outcome_of, repeated, video_of
from tv2sim.catalogue.sources import Digest, Source
from tv2sim.catalogue.videos import NUMBERS, REQUIRED, TEXTS, Catalogue, Rejected, is_absent

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
    notes : dict
        What is to be known of jobs in the catalogue, with their number: those of the mapping's table `kept`,
        and those of which a field is not made of the first of its choices.
    timezone_from : str
        Where the catalogue's time zone comes from: "given" (or the mapping's), "log", "default"; empty if the
        log has no times of day.
    """

    catalogue: Catalogue
    startup_times: NDArray[np.float64]
    without_startup_time: dict[str, int]
    notes: dict[str, int]
    timezone_from: str


def import_catalogue(
    source: Source, columns: Given, *, name: str | None = None, timezone: str | None = None
) -> Import:
    """Read a log of jobs that others wrote: a catalogue in the order of submission, and start-up times.

    Parameters
    ----------
    source, columns, name
        As for :func:`read_catalogue`. The mapping may have `startupTime` besides the fields of a video.
    timezone : str, optional
        The IANA name of the catalogue's time zone, such as Europe/Copenhagen; times in the log without an
        offset are times of this zone. Default: the mapping's, or that of the log's column of times, or UTC. An
        offset in a time only says which instant it is.

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
    mapping = as_columns(columns)
    if timezone is not None:
        mapping = replace(mapping, timezone=a_timezone(timezone))
    importer = imported(source, mapping)
    catalogue = importer.catalogue(name).by_submission()
    notes = dict(importer.notes)
    return Import(catalogue, importer.startup_times, dict(importer.without), notes, importer.timezone_from)


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
        self.without: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.label = label
        self.sha256: str | None = None
        self._columns = columns
        self._texts: dict[str, list[str]] = {name: [] for name in TEXTS}
        self._numbers: dict[str, list[NDArray[np.float64]]] = {name: [] for name in (*NUMBERS, STARTUP_TIME)}
        self._rejected: list[Rejected] = []
        self._first_lines: dict[str, int] = {}
        self._first: Batch | None = None
        self._left_out: list[tuple[int, str, int]] = []
        """Of each record that a rule left out: its place in `_rejected`, its id, and the rule's number."""
        self._zone_of_log: str | None = None
        self._stamped: bool | None = None
        """Whether `submittedAt` is a timestamp, and no number of seconds; the first job decides."""

    def add(self, batch: Batch) -> None:
        """Take what is valid of a batch, and note what is not."""
        self._first = self._first or batch
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
            if (rule := rows.rules.get(row)) is not None and (one := rows.texts["id"][row]):
                self._left_out.append((len(self._rejected), one, rule))
            self._rejected.append(Rejected(batch.lines[row], reason, batch.text(row)))
        for name, column in rows.texts.items():
            self._texts[name] += column if len(taken) == len(column) else [column[row] for row in taken]
        for name, numbers_ in rows.numbers.items():
            self._numbers[name].append(numbers_[taken])
        self.without.update(rows.without[row] for row in taken if row in rows.without)
        for note, noted in rows.notes:
            if count := int(np.count_nonzero(noted[taken])):
                self.notes[note] += count
        self._zone_of_log = self._zone_of_log or rows.zone_of_log

    @cached_property
    def rejected(self) -> list[Rejected]:
        """What was left out, and why; of several records of one job, the one that says most has the reason."""
        last: dict[str, int] = {}
        for _, one, rule in self._left_out:
            last[one] = max(rule, last.get(one, rule))
        found = list(self._rejected)
        for place, one, rule in self._left_out:
            if one in self._first_lines or last[one] != rule:
                found[place] = found[place]._replace(
                    reason="left out: another record of the same job says more"
                )
            else:
                last[one] = -1  # the next one of these says the same
        return found

    @property
    def timezone(self) -> str | None:
        """The IANA name of the time zone; None where there are no times of day."""
        return self._columns.timezone or self._zone_of_log or UTC if self._stamped else None

    @property
    def timezone_from(self) -> str:
        """Where it comes from, as in :class:`Import`."""
        if not self._stamped:
            return ""
        return "given" if self._columns.timezone else "log" if self._zone_of_log else "default"

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

    @property
    def _wanted(self) -> str:
        """What the source should look like, for a message; empty if like a catalogue of JSON lines."""
        if fields := self._columns.fields:
            read = (f"{FIELDS[name]}={one.text}" for name, one in fields.items() if one is not None)
            return f"the mapping reads {', '.join(read)[:500]}"
        if self._first and self._first.names:
            return f"a header looks like {','.join(FIELDS[name] for name in (*TEXTS, *REQUIRED[1:]))}"
        return ""

    def catalogue(self, name: str | None) -> Catalogue:
        """Return the catalogue of all that was taken, in its order; raise an error if that is nothing."""
        ids, titles, providers = (self._texts[text] for text in TEXTS)
        if not ids:
            hint = held_list(self._first.first) if self._first else ""
            raise CatalogueError(no_video(self.label, self.rejected, self._wanted, hint))
        name = name or self.label
        source = self.rejected, name, self.sha256, self.timezone
        return Catalogue.of_columns(ids, titles, providers, self.numbers, *source)


class _Rows:
    """The fields of a batch, and by row why it is rejected (`reasons`) or has no start-up time (`without`).

    Attributes
    ----------
    rules : dict
        The number of the rule that left out a row.
    notes : list
        What is to be told of rows that are not rejected, and which rows these are.
    zone_of_log : str or None
        The time zone that the column of submissions has.
    """

    def __init__(self, batch: Batch, columns: Columns, label: str) -> None:
        self._batch, self._columns, self._label = batch, columns, label
        self._zone: tzinfo = UTC_ZONE if columns.timezone in (None, UTC) else ZoneInfo(columns.timezone)
        self.reasons = dict(batch.broken)
        self.rules: dict[int, int] = {}
        self.notes: list[tuple[str, NDArray[np.bool_]]] = []
        self.without: dict[int, str] = {}
        self.zone_of_log: str | None = None
        self._stamped = np.zeros(len(batch), dtype=bool)
        self._leave_out()
        self.texts = {name: self._text(name) for name in TEXTS}
        self.numbers = {name: self._number(name) for name in NUMBERS}
        self.numbers[STARTUP_TIME] = self._startup_time()

    def _leave_out(self) -> None:
        for column, accepted in self._columns.only.items():
            for row, value in enumerate(self._batch.values(column)):
                if value not in accepted:
                    found = f"is {str(value)[:60]!r}, not {accepted}"
                    self.reasons.setdefault(
                        row, f"left out: {column.text} {MISSING if value is None else found}"
                    )
        for number, rule in enumerate(self._columns.left_out.values()):
            for row in np.flatnonzero(self._meant(rule)).tolist():
                if row not in self.reasons:
                    self.reasons[row], self.rules[row] = f"left out: {rule.reason}", number
        self.notes = [(rule.reason, self._meant(rule)) for rule in self._columns.kept.values()]

    def _meant(self, rule: Rule) -> NDArray[np.bool_]:
        """Return which rows a rule means."""
        meant = np.zeros(len(self._batch), dtype=bool)
        for conditions in rule.where:
            here = np.ones(len(meant), dtype=bool)
            for column, accepted in conditions.items():
                here &= self._has(column, accepted)
            meant |= here
        for column, accepted in rule.unless.items():
            meant &= ~self._has(column, accepted)
        return meant

    def _has(self, column: Column, accepted: Accepted) -> NDArray[np.bool_]:
        """Return which rows have an accepted value in this column."""
        values = self._known(column)
        return np.fromiter((value in accepted for value in values), dtype=np.bool_, count=len(values))

    def _known(self, column: Column) -> Values:
        """Return a column; that of a table without it has no values."""
        try:
            return self._batch.values(column)
        except CatalogueError:
            return [None] * len(self._batch)

    def _text(self, name: str) -> list[str]:
        expression = self._columns.fields.get(name)
        if isinstance(expression, Constant):
            return [expression.text] * len(self._batch)
        if (values := self._values(name)) is None:
            return [""] * len(self._batch)
        found, reasons = texts(values)
        if isinstance(expression, Column):
            if name in REQUIRED:
                reasons = {row: MISSING for row, text in enumerate(found) if not text} | reasons
            reasons = {
                row: f"{expression.text} {reason}"
                for row, reason in reasons.items()
                if reason != MISSING or name in REQUIRED
            }
        self._note(name, reasons)
        return found

    def _number(self, name: str) -> NDArray[np.float64]:
        expression = self._columns.fields.get(name)
        if isinstance(expression, Constant):
            return np.full(len(self._batch), expression.number)
        if expression is not None:
            found, stamped, reasons = self._found(name, expression)
            if name == "submitted_at":
                self._stamped = stamped
        elif (values := self._values(name)) is None:
            return np.full(len(self._batch), np.nan)
        elif name == "submitted_at":
            found, self._stamped, reasons = self._submissions(values)
        else:
            found, reasons = numbers(values)
        self._note(name, reasons)
        return found

    def _startup_time(self) -> NDArray[np.float64]:
        expression = self._columns.fields.get(STARTUP_TIME)
        if expression is None or isinstance(expression, Constant):
            return np.full(len(self._batch), np.nan)
        found, _, self.without = self._found(STARTUP_TIME, expression)
        for row in np.flatnonzero(found < 0).tolist():
            found[row] = np.nan
            self.without[row] = "it is below 0"
        return found

    def _found(
        self, name: str, expression: Term | Sum | Choice
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], dict[int, str]]:
        """Return what a field has, in seconds; which of it are times of day; and by row why it has nothing."""
        choices = expression.choices if isinstance(expression, Choice) else (expression,)
        found, stamped = np.full(len(self._batch), np.nan), np.zeros(len(self._batch), dtype=bool)
        reasons: dict[int, str] = {}
        lacking = 0
        for number, one in enumerate(choices):
            try:
                values, stamps, why = self._evaluated(name, one)
            except CatalogueError:
                lacking += 1
                if lacking == len(choices):  # a table that has the columns of one choice may lack others
                    raise
                values, stamps = np.full(len(found), np.nan), np.zeros(len(found), dtype=bool)
                why = dict.fromkeys(range(len(found)), f"{one.text} {MISSING}")
            missing = np.isnan(found)
            found, stamped = np.where(missing, values, found), np.where(missing, stamps, stamped)
            taken = missing & ~np.isnan(found)
            if number:
                meaning = self._columns.instead.get(name, "")
                text = f"{FIELDS[name]} is {one.text}, as {choices[0].text} has no value"
                self.notes.append((f"{text}: {meaning}" if meaning else text, taken))
            for row, reason in why.items():
                reasons[row] = f"{reasons[row]}, and {reason}" if row in reasons else reason
        return found, stamped, {row: reason for row, reason in reasons.items() if np.isnan(found[row])}

    def _evaluated(
        self, name: str, expression: Term | Sum
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], dict[int, str]]:
        """Return the same for an expression without a choice."""
        if isinstance(expression, Sum):
            return self._sum(name, expression)
        values = self._term(expression)
        if name == "submitted_at":
            found, stamped, reasons = self._submissions(values)
        else:
            found, reasons = numbers(values)
            stamped = np.zeros(len(found), dtype=bool)
        return found, stamped, {row: f"{expression.text} {reason}" for row, reason in reasons.items()}

    def _term(self, term: Term) -> Values:
        if isinstance(term, Constant):
            return [term.number] * len(self._batch)
        return self._batch.values(term)

    def _sum(self, name: str, expression: Sum) -> tuple[NDArray[np.float64], NDArray[np.bool_], dict[int, str]]:
        """Return the same for a sum or a difference; only a submission may be a time of day."""
        reasons: dict[int, str] = {}
        ends = []
        for term in (expression.first, expression.second):
            values = self._term(term)
            ticks, stamped, unusable = moments(values, self._zone)
            self._note_zone(name, values)
            ends.append((ticks, stamped))
            reasons = {row: f"{term.text} {reason}" for row, reason in unusable.items()} | reasons
        (first, is_stamp), (second, is_stamp_too) = ends
        found = (first + expression.sign * second) / PER_SECOND
        stamps = is_stamp.astype(int) + expression.sign * is_stamp_too
        wrong = {
            -1: f"{expression.text} takes a time of day from a number of seconds",
            1: f"{expression.text} is a time of day, and {FIELDS[name]} a number of seconds",
            2: f"{expression.text} adds two times of day",
        }
        if name == "submitted_at":
            del wrong[1]
        for row in np.flatnonzero(np.isin(stamps, list(wrong)) & ~np.isnan(found)).tolist():
            found[row] = np.nan
            reasons.setdefault(row, wrong[int(stamps[row])])
        return found, stamps == 1, reasons

    def _submissions(self, values: Values) -> tuple[NDArray[np.float64], NDArray[np.bool_], dict[int, str]]:
        """Return times in seconds, which of them are timestamps, and for each row without one the reason."""
        ticks, stamped, reasons = moments(values, self._zone)
        self._note_zone("submitted_at", values)
        seconds = ticks / PER_SECOND
        if not stamped.all():
            plain, _ = numbers(values)  # as they are: only timestamps are whole ticks
            seconds = np.where(stamped, seconds, plain)
        return seconds, stamped, reasons

    def _note_zone(self, name: str, values: Values) -> None:
        """Note the time zone of a column of submissions. An offset is no time zone, and UTC is the default."""
        zone = getattr(values, "tz", None) if name == "submitted_at" else None
        known = getattr(zone, "key", None) or getattr(zone, "zone", None)  # those of zoneinfo and pytz
        if known not in (None, UTC):
            self.zone_of_log = known

    def _values(self, name: str) -> Values | None:
        """Return the column that a field is mapped to, or else the one of its own name."""
        if name in self._columns.fields:
            expression = self._columns.fields[name]
            return self._batch.values(expression) if isinstance(expression, Column) else None
        values = self._batch.own(name)
        if values is None and name in REQUIRED and name != "encoding_time":
            constant = "" if name == "id" else f" or a number, as in columns='{FIELDS[name]}=3'"
            known = ", ".join(self._batch.names)[:500]
            raise CatalogueError(
                f"{self._label!r} has no column {FIELDS[name]!r}: map it to a column{constant}; it has {known}"
                f". --columns (columns=) takes a mapping, as {FIELDS[name]}={next(iter(self._batch.names), '')}"
                f", and tv2sim import makes a catalogue of a log"
            )
        return values

    def _note(self, name: str, reasons: dict[int, str]) -> None:
        """Note why rows have no such field; one that is not mapped may be missing if it is optional."""
        expression = self._columns.fields.get(name)
        for row, reason in reasons.items():
            if reason != MISSING or name in REQUIRED:
                text = f"{FIELDS[name]}: {reason}" if expression else f"the field {FIELDS[name]} {reason}"
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
