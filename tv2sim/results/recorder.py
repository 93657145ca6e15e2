"""The recorder, which writes down when things happen, and the way back from a log to facts."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import nan
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tv2sim.base.errors import call
from tv2sim.base.ticks import to_ticks, whole_ticks
from tv2sim.results.event_kinds import (
    EVENTS,
    OTHER,
    ROW,
    Kind,
    LogEntry,
    Observer,
    code_of,
    entry_at,
    log_of,
    pack,
)  # fmt: skip
from tv2sim.results.facts import ATTEMPTS, PUBLISHER_OUTCOMES, TABLES, VIDEO_OUTCOMES, Facts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.results.facts import Ending
    from tv2sim.world.scenario import Deadline

__all__ = ["Contradiction", "Observer", "Recorder", "facts_of_log"]

_OFFERED, _ENCODING_STARTED, _ENCODED, _QUEUED, _STARTED, _READY, _ASSIGNED, _PUBLISHED, _FAILED, _ENDED = map(
    pack,
    ("offered", "encoding_started", "encoded", "queued", "publisher_started", "publisher_ready", "assigned",
     "published", "failed", "publisher_ended"),
)  # fmt: skip
_ROW = pack(None, 1)
"""The factor of the row in an item of the sequence."""

_IN_TIME, _TOO_LATE, _TURNED_AWAY = map(VIDEO_OUTCOMES.index, ("published", "failed", "refused"))
_OUTCOMES = ("published", "failed")
_SERVED, _FAILED_PUBLISHER, _RETIRED = map(PUBLISHER_OUTCOMES.index, ("ended", "failed", "retired"))
_PUBLISHER_FAILED, _PUBLISHER_RETIRED, _REFUSED, _DISCARDED = map(
    pack, ("publisher_failed", "publisher_retired", "refused", "discarded")
)


class Timed(Protocol):
    """An object that has the time, such as a SimPy environment."""

    @property
    def now(self) -> float:
        """The time in ticks."""


class Recorder:
    """The facts of one run, column by column.

    An event that needs more than its time has a method of its name. The others go through :meth:`happened`, or
    through :meth:`other` if no column holds them.

    Parameters
    ----------
    env : Timed
        The clock.
    observers : sequence of callables
        Called in turn with each line of the event log as it happens: for live logs, metrics and views.
    offers : int, optional
        The number of offers after which a video is refused for good; None: no limit.

    Invariant: each event writes the columns that :data:`tv2sim.results.event_kinds.EVENTS` names for it, and is
    then appended to the sequence, once. So every event in the sequence can be read from the columns.
    """

    def __init__(self, env: Timed, observers: Sequence[Observer] = (), offers: int | None = None) -> None:
        self._env, self._observers, self._offers = env, observers, offers
        self._refusals = Counter[int]()  # by video
        self._restarted: dict[int, float] = {}  # by video: the last start of its encoding, if not the first
        self.tables: dict[str, dict[str, Any]] = {
            table: {name: array(column.code) for name, column in columns.items()}
            for table, columns in TABLES.items()
        }
        self.sequence = array("q")
        self._note: Callable[[int], None] = self._tell if observers else self.sequence.append
        self._publishers = 0  # rows in use; the columns of publishers are longer
        videos, publishers = self.tables["videos"], self.tables["publishers"]
        self._offered, self._encoder, self._encoding_started = _columns(
            videos, "offered", "encoder", "encoding_started"
        )
        self._encoded, self._queued, self._assigned, self._publisher = _columns(
            videos, "encoded", "queued", "assigned", "publisher"
        )
        self._published, self._settled, self._outcome = _columns(videos, "published", "settled", "outcome")
        self._cause, self._started, self._ready = _columns(publishers, "cause", "started", "ready")
        self._taken, self._video = _columns(publishers, "assigned", "video")
        self._ended, self._how = _columns(publishers, "ended", "outcome")

    def _tell(self, item: int) -> None:
        """Append an event to the sequence, and call the observers with its line of the log."""
        self.sequence.append(item)
        entry = entry_at(self.tables, item)
        for observer in self._observers:
            call(observer, entry)

    def after_each(self, function: Callable[[], None]) -> None:
        """Call a function after each event."""
        note = self._note

        def note_and_call(item: int) -> None:
            note(item)
            function()

        self._note = note_and_call

    def add(self, videos: int) -> None:
        """Add rows for more videos."""
        self._grow("videos", videos)

    def _grow(self, table: str, rows: int) -> None:
        """Append rows to a table, with all values missing."""
        for name, column in TABLES[table].items():
            self.tables[table][name].extend(array(column.code, [column.missing]) * rows)

    def _append(self, table: str, values: Mapping[str, float]) -> None:
        """Append a row to a table, in which values that are not given are missing."""
        for name, column in TABLES[table].items():
            self.tables[table][name].append(values.get(name, column.missing))

    # -- events --------------------------------------------------------------------------------------------

    def happened(self, event: str, row: int) -> None:
        """Record an event that has no method of its own, given the row of its table."""
        kind = EVENTS[event]
        self.tables[kind.table][kind.time][row] = self._env.now
        self._note(pack(event, row))

    def offered(self, video: int) -> None:
        """Record that the client begins to offer a video."""
        self._offered[video] = self._env.now
        self._note(video * _ROW | _OFFERED)

    def encoding_started(self, video: int, encoder: int) -> None:
        """Record that an encoder takes a video."""
        self._encoding_started[video] = self._env.now
        self._encoder[video] = encoder
        self._note(video * _ROW | _ENCODING_STARTED)

    def encoded(self, video: int) -> None:
        """Record that a video's encoding ends."""
        self._encoded[video] = self._env.now
        self._note(video * _ROW | _ENCODED)

    def queued(self, video: int) -> None:
        """Record that a video leaves its encoder for the publishing stage."""
        self._queued[video] = self._env.now
        self._note(video * _ROW | _QUEUED)

    def publisher_started(self, cause: int) -> int:
        """Record that a publisher starts because of a video (-1: without a cause), and return its number."""
        number = self._publishers
        if number == len(self._cause):
            self._grow("publishers", max(64, number))
        self._publishers += 1
        self._cause[number] = cause
        self._started[number] = self._env.now
        self._note(number * _ROW | _STARTED)
        return number

    def publisher_ready(self, publisher: int) -> None:
        """Record that a publisher can serve."""
        self._ready[publisher] = self._env.now
        self._note(publisher * _ROW | _READY)

    def assigned(self, video: int, publisher: int) -> None:
        """Record that a publisher takes a video."""
        self._taken[publisher] = self._env.now
        self._video[publisher] = video
        if self._outcome[video]:  # it is delivered again: the columns keep what decided the outcome
            self.other("assigned", video=video, publisher=publisher)
        else:
            self._assigned[video] = self._env.now
            self._publisher[video] = publisher
            self._note(video * _ROW | _ASSIGNED)

    def published(self, video: int) -> None:
        """Record that a video is published in time."""
        self._published[video] = self._settled[video] = self._env.now
        self._outcome[video] = _IN_TIME
        self._note(video * _ROW | _PUBLISHED)

    def failed(self, video: int) -> None:
        """Record that a video is published too late."""
        self._published[video] = self._settled[video] = self._env.now
        self._outcome[video] = _TOO_LATE
        self._note(video * _ROW | _FAILED)

    def discarded(self, video: int) -> None:
        """Record that a video is given up before a publisher takes it."""
        self._settled[video] = self._env.now
        self._outcome[video] = _TOO_LATE
        self._note(video * _ROW | _DISCARDED)

    def publisher_ended(self, publisher: int) -> None:
        """Record that a publisher ends after its video's publication."""
        self._ended[publisher] = self._env.now
        self._how[publisher] = _SERVED
        self._note(publisher * _ROW | _ENDED)

    def publisher_failed(self, publisher: int) -> None:
        """Record that a publisher fails: as it starts up, while it waits, or at the end of publishing."""
        video = self._video[publisher]
        if self._ready[publisher] != self._ready[publisher]:
            self._attempt(
                "startup", self._started[publisher], video=self._cause[publisher], publisher=publisher
            )
        elif video >= 0:
            self._attempt("publishing", self._taken[publisher], video=video, publisher=publisher)
            if self._publisher[video] == publisher:
                self._take_back(video)
        self._ended[publisher] = self._env.now
        self._how[publisher] = _FAILED_PUBLISHER
        self._note(publisher * _ROW | _PUBLISHER_FAILED)

    def publisher_retired(self, publisher: int) -> None:
        """Record that a ready publisher ends without a video, since it is no longer needed."""
        self._ended[publisher] = self._env.now
        self._how[publisher] = _RETIRED
        self._note(publisher * _ROW | _PUBLISHER_RETIRED)

    def restarted(self, video: int, encoder: int) -> None:
        """Record another start of a video's encoding; `encoding_started` stays that of the first."""
        if video not in self._restarted:
            self._again("encoding_started", video, encoder=self._encoder[video])
        self._restarted[video] = self._env.now
        self._encoder[video] = encoder
        self.other("encoding_started", video=video, encoder=encoder)

    def encoder_failed(self, video: int, encoder: int) -> None:
        """Record that an encoder dies, with the video that it encodes (-1: none)."""
        if video >= 0:
            started = self._restarted.get(video, self._encoding_started[video])
            self._attempt("encoding", started, video=video, encoder=encoder)
        self.other("encoder_failed", video=video, encoder=encoder)

    def refused(self, video: int) -> None:
        """Record that no encoder is free for a video; at its last offer, this is its outcome."""
        self._refusals[video] += 1
        if self._refusals[video] == self._offers:
            self._settled[video] = self._env.now
            self._outcome[video] = _TURNED_AWAY
            self._note(video * _ROW | _REFUSED)
        else:
            self.other("refused", video=video)

    def given_up(self, video: int) -> None:
        """Record that a video has failed without a publication, since its last attempt fails."""
        self._take_back(video)
        self._settled[video] = self._env.now
        self._outcome[video] = _TOO_LATE
        self._note(video * _ROW | _FAILED)

    def _take_back(self, video: int) -> None:
        """Let a video have no publisher, since the attempt of the one that it has fails."""
        self._again("assigned", video, publisher=self._publisher[video])
        self._assigned[video], self._publisher[video] = nan, -1

    def _attempt(self, kind: str, started: float, **references: int) -> None:
        """Add a row for an attempt that fails now."""
        values = {"kind": ATTEMPTS.index(kind), "started": started, "ended": self._env.now, **references}
        self._append("attempts", values)

    def _again(self, event: str, video: int, **references: int) -> None:
        """Move the earlier event of a video to the table of others, since its columns are needed for others."""
        earlier = pack(event, video)
        place = len(self.sequence) - 1
        while self.sequence[place] != earlier:
            place -= 1
        row = self._add_other(
            event, self.tables["videos"][EVENTS[event].time][video], video=video, **references
        )
        self.sequence[place] = row * _ROW

    def other(self, event: str, *, video: int = -1, encoder: int = -1, publisher: int = -1) -> None:
        """Record an event that no column holds, such as the second start of a video's encoding."""
        self._note(
            self._add_other(event, self._env.now, video=video, encoder=encoder, publisher=publisher) * _ROW
        )

    def _add_other(self, event: str, time: float, **references: int) -> int:
        """Add a row to the table of others, and return its number."""
        self._append("others", {"kind": code_of(event), "time": time, **references})
        return len(self.tables["others"]["kind"]) - 1

    # -- from a log, and to facts --------------------------------------------------------------------------

    def follow(self, entry: LogEntry) -> None:
        """Record the event of a line of a log.

        Raises
        ------
        LookupError, ValueError
            If there is no such event, or the line lacks a number that the event needs.
        """
        kind = EVENTS[entry.event]
        given = {name: _reference(entry, name, kind) for name in kind.given}
        if entry.event == "encoding_started" and self._encoding_started[given["video"]] >= 0:
            self.restarted(**given)
        elif entry.event == "failed" and entry.publisher is None:
            self.given_up(**given)
        elif method := getattr(self, entry.event, None):
            method(*given.values())
        elif kind.table == OTHER.table:
            self.other(entry.event, **given)
        else:
            self.happened(entry.event, given["video" if kind.video == ROW else "publisher"])

    def _fill_in_lost(self, tables: dict[str, dict[str, Any]]) -> None:
        """Restore the last end of encoding of each video that was encoded, lost, and not encoded again."""
        others, encoded = tables["others"], tables["videos"]["encoded"]
        for row in reversed(
            np.flatnonzero(others["kind"] == _ENCODED_AGAIN).tolist()
        ):  # the last one of a video counts
            if not self._encoded[others["video"][row]] >= 0:
                encoded[others["video"][row]] = others["time"][row]

    def facts(
        self,
        own: Sequence[int] | bytearray,
        end: float,
        ending: Ending,
        deadline: Deadline = "published",
        quota_waits: int = 0,
    ) -> Facts:
        """Return the facts, whose columns are not copies.

        `own` is 1 for each video that has a publisher of its own. In the facts it is 0 until the video is
        queued, since a log contains it only from then on.
        """
        rows = {"publishers": self._publishers}  # without the rows that are not in use
        tables = {
            table: {name: _array(column)[: rows.get(table)] for name, column in columns.items()}
            for table, columns in self.tables.items()
        }
        if len(self.tables["others"]["kind"]):
            self._fill_in_lost(tables)
        queued = ~np.isnan(tables["videos"]["queued"])
        tables["videos"]["own"] = np.frombuffer(bytearray(own), dtype=np.int8) * queued
        return Facts(
            **tables,
            sequence=_array(self.sequence),
            end=end,
            ending=ending,
            deadline=deadline,
            quota_waits=quota_waits,
        )


def _reference(entry: LogEntry, name: str, kind: Kind) -> int:
    """Return the number that a line of a log refers to, -1 if it is missing.

    The cause of a publisher, an encoder, and the references of an event without columns may be missing.
    """
    number: int | None = getattr(entry, name)
    needed = kind.table == "videos" and name != "encoder"
    if (number is None and needed) or (number is not None and number < 0):
        raise ValueError(f"no {name}")
    return -1 if number is None else number


_ENCODED_AGAIN = code_of("encoded")
_DTYPES = {"d": np.float64, "q": np.int64, "b": np.int8}


def _array(column: array[Any]) -> NDArray[Any]:
    return np.frombuffer(column, dtype=_DTYPES[column.typecode])


def _columns(table: dict[str, Any], *names: str) -> list[Any]:
    return [table[name] for name in names]


class Contradiction(ValueError):  # noqa: N818 (it says what it is)
    """A line of a log cannot follow the lines before it; `line` is its 0-based number."""

    def __init__(self, line: int) -> None:
        super().__init__(f"event {line} contradicts those before it")
        self.line = line


def facts_of_log(
    log: Sequence[LogEntry],
    timeouts: NDArray[np.float64],
    own: Sequence[int] | bytearray,
    end: float,
    ending: Ending,
    deadline: Deadline = "published",
    quota_waits: int = 0,
    offers: int | None = None,
) -> Facts:
    """Return the facts from which a log was derived.

    Invariant: the log that :func:`tv2sim.results.event_kinds.log_of` derives from these facts is `log`, line
    by line.

    Parameters
    ----------
    log : sequence of LogEntry
        In the order in which it happened.
    timeouts : numpy.ndarray
        Each video's publication timeout in seconds, which its outcome has to agree with.
    own, end, ending, deadline, quota_waits
        What the log does not contain, `end` in seconds; see :class:`tv2sim.results.facts.Facts`.
    offers
        As for :class:`Recorder`.

    Raises
    ------
    Contradiction
        If a line cannot follow the lines before it, or an outcome disagrees with its timeout.
    """
    clock = _Clock()
    recorder = Recorder(clock, offers=offers)
    recorder.add(len(timeouts))
    for line, entry in enumerate(log):
        try:
            clock.advance(to_ticks(entry.time))
            recorder.follow(entry)
        except (LookupError, ValueError, OverflowError):
            raise Contradiction(line) from None
    facts = recorder.facts(own, to_ticks(end), ending, deadline, quota_waits)
    videos = facts.videos
    held = videos[deadline] - videos["encoding_started"]
    in_time = videos["outcome"] == _IN_TIME
    wrong = ~np.isnan(videos["published"]) & ((held <= whole_ticks(timeouts)) != in_time)
    for line, (told, follows) in enumerate(zip(log, log_of(facts).entries(), strict=True)):
        if told != follows or (told.event in _OUTCOMES and wrong[told.video]):
            raise Contradiction(line)
    return facts


class _Clock:
    """A clock that stands at the time to which it was set."""

    now = 0.0

    def advance(self, time: float) -> None:
        if not time >= self.now:
            raise ValueError(f"{time} comes before {self.now}")
        self.now = time
