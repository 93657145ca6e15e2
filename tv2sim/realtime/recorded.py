"""A run that was printed as JSON lines (``--log json``), played again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

from tv2sim.catalogue import Catalogue, Rejected, Video
from tv2sim.catalogue.judging import as_bytes
from tv2sim.catalogue.reading import entries, opened
from tv2sim.errors import InputError
from tv2sim.events import EVENTS, LogEntry
from tv2sim.facts import TABLES, Ending
from tv2sim.model.recorder import Contradiction, facts_of_log
from tv2sim.realtime.clock import Clock, Stopped
from tv2sim.realtime.simulated import Accepted
from tv2sim.run import Run
from tv2sim.saved import check_format, strategy_of
from tv2sim.scenario import Scenario
from tv2sim.validation import shown

if TYPE_CHECKING:
    from tv2sim.model import Observer

__all__ = ["Recorded", "read_recorded"]

_Time = Annotated[float, msgspec.Meta(ge=0)]
_Row = Annotated[int, msgspec.Meta(ge=0)]


class _Rejected(msgspec.Struct):
    line: int
    reason: str
    text: str


class _Named(msgspec.Struct):
    name: str
    videos: list[Video]
    rejected: list[_Rejected]


class _Head(msgspec.Struct):
    """The first line."""

    versions: dict[str, str]
    catalogue: _Named
    scenario: dict[str, Any]
    strategy: dict[str, Any]
    seed: _Row
    replication: _Row


class _Line(msgspec.Struct):
    """Any other line: an event, a line of a feed, the counters, or (the last one) how it ended."""

    time: _Time | None = None
    event: str | None = None
    video: _Row | None = None
    encoder: _Row | None = None
    publisher: _Row | None = None
    own: bool = False
    accepted: Video | None = None
    rejected: _Rejected | None = None
    end: _Time | None = None
    ending: Ending | None = None
    stats: Any = None


class Recorded:
    """A recorded run, to be played; what comes out is the run that was recorded.

    Parameters
    ----------
    head : _Head
        What went in.
    log : list of LogEntry
        What happened.
    own : iterable of int
        The videos that waited for a publisher of their own.
    end, ending
        When and why it ended.
    """

    live = False

    def __init__(
        self, head: _Head, log: list[LogEntry], own: Iterable[int], end: float, ending: Ending
    ) -> None:
        rejected = [Rejected(line.line, line.reason, line.text) for line in head.catalogue.rejected]
        self.source = Catalogue(head.catalogue.videos, rejected, head.catalogue.name)
        self.strategy = strategy_of(head.strategy)
        self.scenario = Scenario.from_dict(head.scenario)
        self.seed, self.replication = head.seed, head.replication
        self.versions, self.strategy_data = head.versions, head.strategy
        self.own = bytearray(len(self.source))
        for row in own:
            self.own[row] = 1
        self.log, self._end, self._ending = log, end, ending

    @property
    def videos(self) -> Catalogue:
        """All of them."""
        return self.source

    def play(self, clock: Clock, observers: Sequence[Observer], accepted: Accepted) -> Run:
        """Play it again, and return the run."""
        now = -1.0  # so that the clock starts at 0
        for played, entry in enumerate(self.log):
            if not _reached(clock, now, entry.time):
                return self._run(self.log[:played], clock.end_between(max(now, 0.0), entry.time), "stopped")
            for observer in observers:
                observer(entry)
            now = entry.time
        if not _reached(clock, now, self._end):
            return self._run(self.log, clock.end_between(max(now, 0.0), self._end), "stopped")
        return self._run(self.log, self._end, self._ending)

    def _run(self, log: list[LogEntry], end: float, ending: Ending) -> Run:
        facts = facts_of_log(log, self.source.publication_timeout, self.own, end, ending)
        given = (self.source, self.strategy, self.scenario, self.seed, self.replication, facts)
        return Run(*given, self.versions, self.strategy_data)

    def close(self) -> None:
        """Do nothing: the file has been read."""


def _reached(clock: Clock, now: float, due: float) -> bool:
    """Wait until a time is due; False if the clock is stopped before. An instant is indivisible."""
    try:
        return due == now or clock.wait(due)
    except Stopped:
        return False


def read_recorded(source: str | os.PathLike[str] | Any) -> Recorded:
    """Read a log that ``tv2sim run`` or ``tv2sim replay`` has printed with ``--log json``.

    Parameters
    ----------
    source : path, "-" or open file
        Where it is. One that ends early is played as far as it goes.

    Raises
    ------
    InputError
        If it is not one, naming the line.
    """
    if not isinstance(source, (str, os.PathLike)) and not hasattr(source, "readline"):
        given = " ".join(shown(source, 60).split())
        raise InputError(f"a recorded log is a path, '-' or an open file, not {given}")
    try:
        with opened(source) as (stream, name):
            lines = [as_bytes(line) for line in entries(stream, name)]
    except InputError as error:
        raise InputError(str(error).replace("the catalogue", "the log")) from error
    first = next((number for number, text in enumerate(lines) if text.strip(_BLANK)), None)
    if first is None:
        raise InputError(f"{name!r} is empty: {_HOW}")
    try:
        text = lines[first].strip(_BLANK)
        raw = msgspec.json.decode(text)
        if isinstance(raw, dict) and isinstance(raw.get("versions"), dict):
            check_format(raw, raw["versions"])
        head = msgspec.json.decode(text, type=_Head)
        Scenario.from_dict(head.scenario), strategy_of(head.strategy)
    except (msgspec.MsgspecError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{name!r} does not begin like the log of a run ({error}): {_HOW}") from error
    log, own, end = _read(lines, first + 1, name, head)
    return Recorded(head, log, own, *end)


_HOW = "tv2sim run CATALOGUE --log json prints one"
_BLANK = b" \t\r\n\xef\xbb\xbf"
"""What may surround a line, a byte order mark at the start of the file included."""


def _read(
    lines: list[bytes], start: int, name: str, head: _Head
) -> tuple[list[LogEntry], set[int], tuple[float, Ending]]:
    """Return the events and the end; what a feed has sent is put into the head's catalogue."""
    decode = msgspec.json.Decoder(_Line).decode
    log: list[tuple[int, LogEntry]] = []
    own: set[int] = set()
    end: tuple[float, Ending] | None = None
    for number, text in enumerate(lines[start:], start=start + 1):
        if not text.strip(_BLANK):
            continue
        try:
            line = decode(text)
        except (msgspec.MsgspecError, UnicodeError) as error:
            if number == len(lines) and not text.endswith(b"\n"):
                break  # the program that wrote it was stopped
            raise InputError(f"{name!r}, line {number}, is no line of a log: {error}") from error
        if line.accepted is not None:
            head.catalogue.videos.append(line.accepted)
        elif line.rejected is not None:
            head.catalogue.rejected.append(line.rejected)
        elif line.end is not None and line.ending is not None:
            end = (line.end, line.ending)
        elif line.event is not None and line.time is not None:
            log.append((number, LogEntry(line.time, line.event, line.video, line.encoder, line.publisher)))
            if line.own and line.video is not None:
                own.add(line.video)
        elif line.stats is None:
            raise InputError(f"{name!r}, line {number}, is no line of a log: it has neither event nor end")
    told = _checked(log, name, head, own)
    if end is None:
        return told, own, (told[-1].time if told else 0.0, "stopped")
    # a feed that stayed open after the last outcome: what went on happening is not of the run
    return [entry for entry in told if entry.time <= end[0]], own, end


def _checked(log: list[tuple[int, LogEntry]], name: str, head: _Head, own: set[int]) -> list[LogEntry]:
    """Return the events, after building their facts, to find a contradiction before they are played."""
    told = [entry for _, entry in log]
    videos, encoders = head.catalogue.videos, Scenario.from_dict(head.scenario).encoders
    wrong = next(_out_of_order(told, len(videos), encoders), None)
    try:
        timeouts = np.array([video.publication_timeout for video in videos])
        facts_of_log(told[:wrong], timeouts, bytearray(len(videos)), 0.0, "stopped")
    except Contradiction as error:
        wrong = error.line
    if wrong is not None:
        number, entry = log[wrong]
        what = f"{entry.event!r:.40} at {entry.time:g} s"
        raise InputError(f"{name!r}, line {number}, contradicts those before it: {what}")
    if any(row >= len(videos) for row in own):
        raise InputError(f"{name!r} tells of videos that it does not have")
    if told and EVENTS[told[-1].event].time == "published":  # cut off before the end of the publisher
        told.append(told[-1]._replace(event="publisher_ended"))
    return told


_TIMES = {
    f"{reference}s": [name for name, column in TABLES[f"{reference}s"].items() if column.code == "d"]
    for reference in ("video", "publisher")
}
"""The columns of times of a video and of a publisher, in the order in which they are filled."""


def _out_of_order(log: Iterable[LogEntry], videos: int, encoders: int) -> Iterator[int]:
    """Yield the indices of entries that cannot follow those before them.

    What happens to a video or a publisher fills its columns of times one after another, each once. An encoder
    holds one video, from the start of its encoding to the queue. Publishers are numbered as they start.
    """
    publishers = 0
    filled: dict[tuple[str, int | None], int] = {}
    encoder: dict[int | None, int | None] = {}  # of each video that holds one
    for line, entry in enumerate(log):
        kind = EVENTS.get(entry.event)
        if kind is None or (entry.video is not None and entry.video >= videos):
            yield line
            continue
        for table, row in (("videos", entry.video), ("publishers", entry.publisher)):
            if kind.time in _TIMES[table]:
                place = _TIMES[table].index(kind.time)
                if filled.get((table, row), -1) != place - 1:
                    yield line
                filled[table, row] = place
        if entry.event == "publisher_started":
            if entry.publisher != publishers:
                yield line
            publishers += 1
        if entry.event == "encoding_started":
            if entry.encoder is None or entry.encoder >= encoders or entry.encoder in encoder.values():
                yield line
            encoder[entry.video] = entry.encoder
        elif entry.event == "queued":
            encoder.pop(entry.video, None)
