"""A run that was printed as JSON lines (``--log json``), played again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

from tv2sim.catalogue import Catalogue, Rejected, Video
from tv2sim.catalogue.reading import as_bytes, entries, opened
from tv2sim.errors import InputError
from tv2sim.facts import EVENTS, Ending, Facts, LogEntry
from tv2sim.realtime.clock import Clock, Stopped
from tv2sim.realtime.state import State
from tv2sim.run import Run
from tv2sim.saved import strategy_of
from tv2sim.scenario import Scenario

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
    """One of the others: an event, what a feed has sent, or (the last one) how it ended."""

    time: _Time | None = None
    event: str | None = None
    video: _Row | None = None
    resource: str | None = None
    accepted: Video | None = None
    rejected: _Rejected | None = None
    end: _Time | None = None
    ending: Ending | None = None


class Recorded:
    """A recorded run, to be played; what comes out is the run that was recorded.

    Parameters
    ----------
    head : _Head
        What went in.
    log : list of LogEntry
        What happened.
    end, ending
        When and why it ended.
    """

    live = False

    def __init__(self, head: _Head, log: list[LogEntry], end: float, ending: Ending) -> None:
        rejected = [Rejected(line.line, line.reason, line.text) for line in head.catalogue.rejected]
        self.source = Catalogue(head.catalogue.videos, rejected, head.catalogue.name)
        self.strategy = strategy_of(head.strategy)
        self.scenario = Scenario.from_dict(head.scenario)
        self.seed, self.replication = head.seed, head.replication
        self.versions = head.versions
        self.log, self._end, self._ending = log, end, ending

    @property
    def videos(self) -> Catalogue:
        """All of them."""
        return self.source

    def play(
        self,
        clock: Clock,
        late: Callable[[float], None],
        observers: Sequence[Observer],
        accepted: Callable[[Video], None],
    ) -> Run:
        """Let it happen again, and return the run."""
        played = 0
        try:
            for entry in self.log:
                clock.wait(entry.time)
                late(clock.late(entry.time))
                for observer in observers:
                    observer(entry)
                played += 1
            clock.wait(self._end)
        except Stopped:
            log = self.log[:played]
            return self._run(log, log[-1].time if log else 0.0, "stopped")
        return self._run(self.log, self._end, self._ending)

    def _run(self, log: list[LogEntry], end: float, ending: Ending) -> Run:
        facts = _facts(log, len(self.source), end, ending)
        return Run(self.source, self.strategy, self.scenario, self.seed, self.replication, facts, self.versions)

    def close(self) -> None:
        """Give back nothing: the file was read before."""


def read_recorded(source: str | os.PathLike[str] | Any) -> Recorded:
    """Read a log that ``tv2sim run`` or ``tv2sim replay`` has printed with ``--log json``.

    Parameters
    ----------
    source : path, "-" or open file
        Where it is. One that ends early is played as far as it goes.

    Raises
    ------
    InputError
        If it is none, naming the line.
    """
    try:
        with opened(source) as (stream, name):
            lines = [as_bytes(line) for line in entries(stream, name)]
    except InputError as error:
        raise InputError(str(error).replace("the catalogue", "the log")) from error
    if not lines:
        raise InputError(f"{name!r} is empty: {_HOW}")
    try:
        head = msgspec.json.decode(lines[0], type=_Head)
        log, end, ending = _read(lines, name, head)
        recorded = Recorded(head, log, end, ending)
        _check(recorded, name)
    except InputError:
        raise
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{name!r} does not begin like the log of a run ({error}): {_HOW}") from error
    return recorded


_HOW = "tv2sim run CATALOGUE --log json prints one"


def _read(lines: list[bytes], name: str, head: _Head) -> tuple[list[LogEntry], float, Ending]:
    """Return the events and the end; what a feed has sent is put into the head's catalogue."""
    decode = msgspec.json.Decoder(_Line).decode
    log: list[LogEntry] = []
    end: tuple[float, Ending] | None = None
    for number, text in enumerate(lines[1:], start=2):
        try:
            line = decode(text)
        except (msgspec.MsgspecError, UnicodeError) as error:
            if number == len(lines) and not text.endswith(b"\n"):
                break  # whoever wrote it was stopped there
            raise InputError(f"{name!r}, line {number}, is no line of a log: {error}") from error
        if line.accepted is not None:
            head.catalogue.videos.append(line.accepted)
        elif line.rejected is not None:
            head.catalogue.rejected.append(line.rejected)
        elif line.end is not None and line.ending is not None:
            end = (line.end, line.ending)
        elif line.event is not None and line.time is not None:
            log.append(LogEntry(line.time, line.event, line.video, line.resource))
    last = log[-1].time if log else 0.0
    if end is None or end[0] < last:
        return log, last, "stopped"
    return log, *end


def _check(recorded: Recorded, name: str) -> None:
    """Follow it once, without a clock, so that one that contradicts itself is found before it is played."""
    state, time = State(recorded.scenario.encoders, recorded.videos), 0.0
    for number, entry in enumerate(recorded.log, start=1):
        try:
            if entry.time < time:
                raise ValueError
            state(entry)
            time = entry.time
        except (KeyError, IndexError, ValueError, TypeError):
            raise InputError(
                f"{name!r}: the {number}. event ({entry.event} at {entry.time:g} s) contradicts those before it"
            ) from None


_OF_VIDEO = {"offered", "encoding_started", "encoded", "queued", "assigned", "published"}


def _facts(log: Sequence[LogEntry], videos: int, end: float, ending: Ending) -> Facts:
    """Return the facts that a log tells of."""
    times = {name: np.full(videos, np.nan) for name in _OF_VIDEO}
    encoder, publisher = (np.full(videos, -1, dtype=np.int64) for _ in range(2))
    own = np.zeros(videos, dtype=np.bool_)
    cause, started, ready, order = [], [], [], []
    for time, event, video, resource in log:
        number = -1 if resource is None else int(resource.rpartition(" ")[2]) if resource[-1].isdigit() else -1
        row = number if event in ("publisher_started", "publisher_ready") or video is None else video
        event = "published" if event == "failed" else event
        if event == "publisher_ended":
            continue
        order.append(row << 4 | EVENTS.index(event))
        if event in _OF_VIDEO:
            times[event][row] = time
        if event == "encoding_started":
            encoder[row] = number
        elif event == "queued":
            own[row] = resource is None
        elif event == "assigned":
            publisher[row] = number
        elif event == "publisher_started":
            cause.append(-1 if video is None else video)
            started.append(time)
            ready.append(np.nan)
        elif event == "publisher_ready":
            ready[number] = time
    return Facts(
        **times,
        encoder=encoder,
        own=own,
        publisher=publisher,
        cause=np.array(cause, dtype=np.int64),
        started=np.array(started, dtype=np.float64),
        ready=np.array(ready, dtype=np.float64),
        order=np.array(order, dtype=np.int64),
        end=end,
        ending=ending,
    )
