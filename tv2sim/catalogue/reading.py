"""From a source to a catalogue: by a mapping from a log that others wrote, or from the project's own lines."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC as UTC_ZONE
from datetime import tzinfo
from functools import cached_property
from itertools import chain, islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from tv2sim.base.errors import CatalogueError
from tv2sim.base.ticks import PER_SECOND, whole_ticks
from tv2sim.catalogue import columns as mapping
from tv2sim.catalogue import judging
from tv2sim.catalogue.batches import MISSING, Batch, Json, Values, batches, moments, numbers, texts
from tv2sim.catalogue.columns import FIELDS, STARTUP_TIME, UTC, Given, a_timezone, as_columns
from tv2sim.catalogue.sources import Reading, Source, is_table, open_source
from tv2sim.catalogue.videos import NUMBERS, REQUIRED, TEXTS, Catalogue, Rejected, Video, is_absent

# -- a log that others wrote, by a mapping -----------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """The result of :func:`tv2sim.import_catalogue`.

    Attributes
    ----------
    catalogue : Catalogue
        The jobs, in the order of their submission; ``catalogue.rejected`` has what was left out, and why.
    startup_times : numpy.ndarray
        Seconds, of those jobs for which the log has one.
    without_startup_time : dict
        How many jobs have none, by the reason.
    notes : dict
        Remarks on jobs in the catalogue, each with its number of jobs. They concern the rules of the mapping's
        table `kept`, and fields whose first choice has no value.
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
        The IANA name of the catalogue's time zone; times in the log without an offset are times of this zone.
        Default: the mapping's, or that of the log's column of times, or UTC. An offset in a time only says
        which instant it is.

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
    wanted = as_columns(columns)
    if timezone is not None:
        wanted = replace(wanted, timezone=a_timezone(timezone))
    importer = importer_of(source, wanted)
    catalogue = importer.catalogue(name).by_submission()
    notes = dict(importer.notes)
    return Import(catalogue, importer.startup_times, dict(importer.without), notes, importer.timezone_from)


def importer_of(source: Source | Any, given: Given) -> Importer:
    """Return the importer that has read a table or a log."""
    columns = as_columns(given)
    with batches(source, columns) as (found, label, text):
        importer = Importer(columns, label)
        with _no_collection():
            for batch in found:
                importer.add(batch)
    importer.sha256 = text.sha256 if text else None
    return importer


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pause garbage collection, which would inspect all rows repeatedly although there are no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Importer:
    """Collects batches of records as columns of a catalogue."""

    def __init__(self, columns: mapping.Columns, label: str) -> None:
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
        """Take the valid records of a batch, and note why others are rejected."""
        self._first = self._first or batch
        rows = _Rows(batch, self._columns, self.label)
        self._stamped = rows.of_one_kind(self._stamped)
        rows.judge()
        taken = self._with_new_ids(rows, batch.lines)
        self._reject(rows, batch)
        for name, column in rows.texts.items():
            self._texts[name] += [column[row] for row in taken]
        for name, numbers_ in rows.numbers.items():
            self._numbers[name].append(numbers_[taken])
        self.without.update(rows.without[row] for row in taken if row in rows.without)
        for note, noted in rows.notes:
            if count := int(np.count_nonzero(noted[taken])):
                self.notes[note] += count
        self._zone_of_log = self._zone_of_log or rows.zone_of_log

    def _with_new_ids(self, rows: _Rows, lines: Sequence[int]) -> list[int]:
        """Return the valid rows whose id was not seen before, and note why the others are rejected."""
        new = []
        for row, one in enumerate(rows.texts["id"]):
            if row in rows.reasons:
                continue
            # records of one line have its number, so the id alone may tell them apart
            if (first := self._first_lines.get(one)) is None:
                self._first_lines[one] = lines[row]
                new.append(row)
            else:
                rows.reasons[row] = judging.repeated(one, first)
        return new

    def _reject(self, rows: _Rows, batch: Batch) -> None:
        for row, reason in sorted(rows.reasons.items()):
            if (rule := rows.rules.get(row)) is not None and (one := rows.texts["id"][row]):
                self._left_out.append((len(self._rejected), one, rule))
            self._rejected.append(Rejected(batch.lines[row], reason, batch.text(row)))

    @cached_property
    def rejected(self) -> list[Rejected]:
        """The rejected records; of several of one job, only one has the reason of a rule, the last."""
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
                last[one] = -1  # one record has the reason of the rule
        return found

    @property
    def timezone(self) -> str | None:
        """The IANA name of the time zone; None where there are no times of day."""
        return self._columns.timezone or self._zone_of_log or UTC if self._stamped else None

    @property
    def timezone_from(self) -> str:
        """The origin of the time zone, as in :class:`Import`."""
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
        """The columns of numbers that some record has."""
        columns = {name: self._column(name) for name in NUMBERS}
        if self._stamped:
            ticks = whole_ticks(columns["submitted_at"])
            columns["submitted_at"] = (ticks - np.nanmin(ticks)) / PER_SECOND
        return {name: column for name, column in columns.items() if not is_absent(name, column)}

    def _column(self, name: str) -> NDArray[np.float64]:
        return np.concatenate([np.empty(0), *self._numbers[name]])

    @property
    def _wanted(self) -> str:
        """The expected form of the source, for a message; empty for a catalogue of JSON lines."""
        if fields := self._columns.fields:
            read = (f"{FIELDS[name]}={one.text}" for name, one in fields.items() if one is not None)
            return f"the mapping reads {', '.join(read)[:500]}"
        if self._first and self._first.names:
            return f"a header looks like {','.join(FIELDS[name] for name in (*TEXTS, *REQUIRED[1:]))}"
        return ""

    def catalogue(self, name: str | None) -> Catalogue:
        """Return the valid records as a catalogue, in their order; raise an error if no record is valid."""
        if not self._texts["id"]:
            hint = judging.held_list(self._first.rows[0]) if isinstance(self._first, Json) else ""
            raise CatalogueError(judging.no_video(self.label, self.rejected, self._wanted, hint))
        source = self.rejected, name or self.label, self.sha256, self.timezone
        return Catalogue.of_columns(self._texts, self.numbers, *source)


class _Found(NamedTuple):
    """The values of a field, which of them are times of day, and by row why it has no value."""

    seconds: NDArray[np.float64]
    stamped: NDArray[np.bool_]
    reasons: dict[int, str]


class _Rows:
    """The fields of a batch, and by row why it is rejected (`reasons`) or has no start-up time (`without`).

    Attributes
    ----------
    rules : dict
        The number of the rule that left out a row.
    notes : list
        Remarks on rows that are not rejected, each with the rows that it concerns.
    zone_of_log : str or None
        The time zone that the column of submissions has.
    """

    def __init__(self, batch: Batch, columns: mapping.Columns, label: str) -> None:
        self._batch, self._columns, self._label, self._size = batch, columns, label, len(batch.lines)
        self._zone: tzinfo = UTC_ZONE if columns.timezone in (None, UTC) else ZoneInfo(columns.timezone)
        self.reasons = dict(batch.broken)
        self.rules: dict[int, int] = {}
        self.notes: list[tuple[str, NDArray[np.bool_]]] = []
        self.without: dict[int, str] = {}
        self.zone_of_log: str | None = None
        self._stamped = np.zeros(self._size, dtype=bool)
        self._leave_out()
        self.texts = {name: self._text(name) for name in TEXTS}
        self.numbers = {name: self._number(name) for name in NUMBERS}
        self.numbers[STARTUP_TIME] = self._startup_time()

    def _leave_out(self) -> None:
        for column, accepted in self._columns.only.items():
            for row, value in enumerate(self._batch.values(column)):
                if value not in accepted:
                    found = f"is {str(value)[:60]!r}, not {accepted}"
                    reason = f"left out: {column.text} {MISSING if value is None else found}"
                    self.reasons.setdefault(row, reason)
        for number, rule in enumerate(self._columns.left_out.values()):
            for row in np.flatnonzero(self._matches(rule)).tolist():
                if row not in self.reasons:
                    self.reasons[row], self.rules[row] = f"left out: {rule.reason}", number
        self.notes = [(rule.reason, self._matches(rule)) for rule in self._columns.kept.values()]

    def _matches(self, rule: mapping.Rule) -> NDArray[np.bool_]:
        """Return which rows match a rule."""
        matching = np.zeros(self._size, dtype=bool)
        for conditions in rule.where:
            matching |= np.logical_and.reduce([self._has(*condition) for condition in conditions.items()])
        for column, accepted in rule.unless.items():
            matching &= ~self._has(column, accepted)
        return matching

    def _has(self, column: mapping.Column, accepted: mapping.Accepted) -> NDArray[np.bool_]:
        """Return which rows have an accepted value in this column; a table without the column has no values."""
        try:
            values = self._batch.values(column)
        except CatalogueError:
            values = [None] * self._size
        return np.fromiter((value in accepted for value in values), dtype=np.bool_, count=len(values))

    def _text(self, name: str) -> list[str]:
        expression = self._columns.fields.get(name)
        if isinstance(expression, mapping.Constant):
            return [expression.text] * self._size
        if (values := self._values(name)) is None:
            return [""] * self._size
        found, reasons = texts(values)
        if isinstance(expression, mapping.Column):
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
        if isinstance(expression, mapping.Constant):
            return np.full(self._size, expression.number)
        if expression is not None:
            found = self._found(name, expression)
        elif (values := self._values(name)) is not None:
            found = self._read(name, values)
        else:
            return np.full(self._size, np.nan)
        if name == "submitted_at":
            self._stamped = found.stamped
        self._note(name, found.reasons)
        return found.seconds

    def _startup_time(self) -> NDArray[np.float64]:
        expression = self._columns.fields.get(STARTUP_TIME)
        if expression is None or isinstance(expression, mapping.Constant):
            return np.full(self._size, np.nan)
        found, _, self.without = self._found(STARTUP_TIME, expression)
        for row in np.flatnonzero(found < 0).tolist():
            found[row] = np.nan
            self.without[row] = "it is below 0"
        return found

    def _found(self, name: str, expression: mapping.Term | mapping.Sum | mapping.Choice) -> _Found:
        """Return the values of a field: for each row the first choice that has a value."""
        choices = expression.choices if isinstance(expression, mapping.Choice) else (expression,)
        found = self._nothing("")
        lacking = 0
        for number, one in enumerate(choices):
            try:
                further = self._evaluated(name, one)
            except CatalogueError:
                lacking += 1
                if lacking == len(choices):  # a table that has the columns of one choice may lack others
                    raise
                further = self._nothing(f"{one.text} {MISSING}")
            missing = np.isnan(found.seconds)
            taken = missing & ~np.isnan(further.seconds)
            if number:
                meaning = self._columns.instead.get(name, "")
                text = f"{FIELDS[name]} is {one.text}, as {choices[0].text} has no value"
                self.notes.append((f"{text}: {meaning}" if meaning else text, taken))
            reasons = found.reasons
            for row, reason in further.reasons.items():
                reasons[row] = f"{reasons[row]}, and {reason}" if row in reasons else reason
            found = _Found(
                np.where(missing, further.seconds, found.seconds),
                np.where(missing, further.stamped, found.stamped),
                reasons,
            )
        has_none = np.isnan(found.seconds)
        return found._replace(reasons={row: why for row, why in found.reasons.items() if has_none[row]})

    def _nothing(self, reason: str) -> _Found:
        """Return the values of a field that no row has, for this reason."""
        rows = self._size
        reasons = dict.fromkeys(range(rows), reason) if reason else {}
        return _Found(np.full(rows, np.nan), np.zeros(rows, dtype=bool), reasons)

    def _evaluated(self, name: str, expression: mapping.Term | mapping.Sum) -> _Found:
        """Return the values of an expression without a choice."""
        if isinstance(expression, mapping.Sum):
            return self._sum(name, expression)
        found = self._read(name, self._term(expression))
        reasons = {row: f"{expression.text} {reason}" for row, reason in found.reasons.items()}
        return found._replace(reasons=reasons)

    def _term(self, term: mapping.Term) -> Values:
        if isinstance(term, mapping.Constant):
            return [term.number] * self._size
        return self._batch.values(term)

    def _sum(self, name: str, expression: mapping.Sum) -> _Found:
        """Return a sum or a difference; only a submission may be a time of day."""
        reasons: dict[int, str] = {}
        ends = []
        for term in (expression.first, expression.second):
            values = self._term(term)
            ticks, stamped, unusable = moments(values, self._zone)
            self._note_zone(name, values)
            ends.append((ticks, stamped))
            reasons = {row: f"{term.text} {reason}" for row, reason in unusable.items()} | reasons
        (first, is_stamp), (second, is_stamp_too) = ends
        seconds = (first + expression.sign * second) / PER_SECOND
        stamps = is_stamp.astype(int) + expression.sign * is_stamp_too
        wrong = {
            -1: f"{expression.text} takes a time of day from a number of seconds",
            1: f"{expression.text} is a time of day, and {FIELDS[name]} a number of seconds",
            2: f"{expression.text} adds two times of day",
        }
        if name == "submitted_at":
            del wrong[1]
        for row in np.flatnonzero(np.isin(stamps, list(wrong)) & ~np.isnan(seconds)).tolist():
            seconds[row] = np.nan
            reasons.setdefault(row, wrong[int(stamps[row])])
        return _Found(seconds, stamps == 1, reasons)

    def _read(self, name: str, values: Values) -> _Found:
        """Return the values of a column as numbers; those of submissions may be timestamps."""
        if name != "submitted_at":
            found, reasons = numbers(values)
            return _Found(found, np.zeros(len(found), dtype=bool), reasons)
        ticks, stamped, reasons = moments(values, self._zone)
        self._note_zone(name, values)
        seconds = ticks / PER_SECOND
        if not stamped.all():  # only timestamps are whole ticks
            seconds = np.where(stamped, seconds, numbers(values)[0])
        return _Found(seconds, stamped, reasons)

    def _note_zone(self, name: str, values: Values) -> None:
        """Note the time zone of a column of submissions; an offset is no time zone, and UTC is the default."""
        zone = getattr(values, "tz", None) if name == "submitted_at" else None
        known = getattr(zone, "key", None) or getattr(zone, "zone", None)  # those of zoneinfo and pytz
        if known not in (None, UTC):
            self.zone_of_log = known

    def _values(self, name: str) -> Values | None:
        """Return the column that a field is mapped to, or else the one of its own name."""
        if name in self._columns.fields:
            expression = self._columns.fields[name]
            return self._batch.values(expression) if isinstance(expression, mapping.Column) else None
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
        good = np.ones(self._size, dtype=bool)
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
        """Reject rows that are outside the limits; only suspect rows are checked one by one."""
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
            if isinstance(reason := judging.outcome_of(judging.video_of, self._record(row)), str):
                self.reasons[row] = reason

    def _record(self, row: int) -> dict[str, Any]:
        given = {name: float(self.numbers[name][row]) for name in NUMBERS}
        known = {name: number for name, number in given.items() if not np.isnan(number)}
        return {name: column[row] for name, column in self.texts.items()} | known


# -- a catalogue from any source ---------------------------------------------------------------------------


def read_catalogue(source: Source | Catalogue, *, columns: Given = None, name: str | None = None) -> Catalogue:
    r"""Read a catalogue of videos, or a log of jobs that others wrote.

    Parameters
    ----------
    source : path, "-", open file, Arrow data or records
        JSON in UTF-8 (a byte order mark, CRLF and blank lines do no harm) from a path, from an open file, or
        with ``"-"`` from standard input: one object a line, lists of objects, or objects in any layout. Or a
        table (a DataFrame, a ``pyarrow.Table``, or anything that has ``__arrow_c_stream__``), or an iterable
        of mappings, whose fields may be spelled ``encodingTime`` or ``encoding_time``. A file whose name ends
        in .csv, .tsv or .parquet is read as such. Gzip is unpacked. Further fields are ignored.
    columns : str, mapping or path, optional
        The expressions of fields that are no columns of their own name:
        ``"id=job_id,submittedAt=created_at,publishingTime=finished_at-started_at,publicationTimeout=30"``, a
        dictionary of the same, a mapping file, or the name of one that ships, as ``"gitlab"``. ISO times and
        epochs become seconds from the first. A mapping file may name the key of the list of records that a
        JSON object holds, as ``records = "jobs"``.
    name : str, optional
        The name of the catalogue; default is the file's name.

    Returns
    -------
    Catalogue
        The valid videos in their order. Its ``rejected`` has the line number, the reason and the text of each
        line that is not valid: it is not JSON; a field is missing or of a wrong type; the encoding time is
        below 0, or the timeout not above 0; a time is longer than 2**32 s or not finite; the id is empty or was
        seen before. With a mapping: a column is missing or holds no time or number, or the mapping leaves the
        line out. A record has the number of the line in which it begins. Rows of a DataFrame or of Parquet
        count as lines.

    Raises
    ------
    CatalogueError
        If the source cannot be read, no line of it is a valid video, or the mapping is wrong.

    Examples
    --------
    >>> video = {"id": "a", "title": "News", "provider": "TV 2", "encodingTime": 3, "publicationTimeout": 9}
    >>> catalogue = read_catalogue([video, video, {"id": "b"}])
    >>> len(catalogue)
    1
    >>> for rejected in catalogue.rejected:
    ...     print(rejected.line, rejected.reason)
    2 the id 'a' was seen before, in line 1
    3 the field publicationTimeout is missing

    >>> job = {"job": 7, "created": "2026-03-02T08:00:00Z", "wait": {"most": 30}}
    >>> columns = "id=job,submittedAt=created,publicationTimeout=wait.most"
    >>> read_catalogue([job], columns=columns).frame.iloc[0].to_dict()
    {'id': '7', 'title': '', 'provider': '', 'publication_timeout': 30.0, 'submitted_at': 0.0}
    """
    if isinstance(source, Catalogue):
        if columns is not None:
            raise CatalogueError("columns= is for what is not read yet, and this is a Catalogue")
        return source if name is None else Catalogue(source, source.rejected, name, timezone=source.timezone)
    if columns is not None or is_table(source):
        return importer_of(source, columns).catalogue(name)
    return _of_lines(source, name)


def _of_lines(source: Source, name: str | None) -> Catalogue:
    """Return the catalogue of JSON in any layout, or of records."""
    timezone = None
    with open_source(source) as (stream, label):
        reading = Reading(stream, label)
        found = reading.records()
        for number, first in islice(found, 1):
            timezone, found = _timezone(first), chain([(number, first)], found)
        outcomes = list(judging.judge_entries(found))
    videos = [outcome for outcome in outcomes if isinstance(outcome, Video)]
    rejected = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    if not videos:
        raise CatalogueError(judging.no_video(label, rejected))
    return Catalogue(videos, rejected, name or label, reading.sha256, timezone)


def _timezone(first: Any) -> str | None:
    """Return the time zone that the first entry names; None if the field is missing or something else."""
    try:
        if isinstance(first, bytes | str):
            first = msgspec.json.decode(judging.as_bytes(first).removeprefix(b"\xef\xbb\xbf"))
        return a_timezone(first["timezone"]) if isinstance(first, Mapping) and "timezone" in first else None
    except (CatalogueError, msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
