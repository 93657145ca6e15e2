"""A recorded log: a run that was printed as JSON lines (``--log json``), to be played again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from tv2sim.base import dictionaries
from tv2sim.base.checks import shown
from tv2sim.base.errors import InputError
from tv2sim.catalogue import Catalogue, Rejected, Video
from tv2sim.catalogue.judging import as_bytes
from tv2sim.catalogue.sources import entries, open_source
from tv2sim.realtime.clock import Clock, Stopped
from tv2sim.realtime.player import Accepted, Player
from tv2sim.results.event_kinds import EVENTS, LogEntry
from tv2sim.results.facts import Ending
from tv2sim.results.levels import Places
from tv2sim.results.recorder import Contradiction, facts_of_log
from tv2sim.results.saving import check_format, strategy_of
from tv2sim.strategies import Strategy
from tv2sim.world.scenario import Scenario

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tv2sim.engines.model import Observer
    from tv2sim.results.run import Run


_Time = Annotated[float, msgspec.Meta(ge=0)]
_Row = Annotated[int, msgspec.Meta(ge=0)]


class _Rejected(msgspec.Struct):
    line: int
    reason: str
    text: str


class _Catalogue(msgspec.Struct):
    name: str
    videos: list[Video]
    rejected: list[_Rejected]


class _Head(msgspec.Struct):
    """The first line."""

    versions: dict[str, str]
    catalogue: _Catalogue
    scenario: dict[str, Any]
    strategy: dict[str, Any]
    seed: _Row
    replication: _Row


class _Line(msgspec.Struct):
    """Any other line: an event, a line of a feed, the counters, or (the last one) how it ended."""

    time: _Time = -1.0
    event: str = ""
    video: _Row | None = None
    encoder: _Row | None = None
    publisher: _Row | None = None
    own: bool = False
    accepted: Video | None = None
    rejected: _Rejected | None = None
    end: _Time | None = None
    ending: Ending | None = None
    quota_waits: _Row | None = None
    stats: Any = None


@dataclass(kw_only=True)
class Recorded(Player):
    """A recorded run; the result is the run that was recorded.

    Parameters
    ----------
    versions, strategy_data
        See :class:`tv2sim.results.run.Run`.
    log : list of LogEntry
        The events.
    end, ending
        When and why it ended.
    quota_waits : int
        How many publishers waited before their start.
    """

    source: Catalogue
    versions: dict[str, str]
    strategy_data: dict[str, Any]
    log: list[LogEntry]
    end: float
    ending: Ending
    quota_waits: int = 0

    def in_words(self) -> str:
        """Return a sentence that says what the strategy does; a log does not hold a user's own code."""
        if self.strategy_data[dictionaries.KIND] != dictionaries.CUSTOM:
            return super().in_words()
        return f"A rule of its own: {self.strategy_data['description']}."

    def play(self, clock: Clock, observers: Sequence[Observer], accepted: Accepted) -> Run:
        """Play it again, and return the run."""
        played, now, due = 0, -1.0, 0.0  # -1, so that the clock starts at 0
        try:
            for entry in self.log:
                # an instant is indivisible: its other events follow the first one without a wait or a stop
                if (due := entry.time) != now:
                    clock.wait(due)
                for observer in observers:
                    observer(entry)
                played, now = played + 1, due
            if (due := self.end) != now:
                clock.wait(due)
        except Stopped:
            return self._end(self.log[:played], clock.end_between(max(now, 0.0), due), "stopped")
        return self._end(self.log, self.end, self.ending)

    def _end(self, log: list[LogEntry], end: float, ending: Ending) -> Run:
        timeouts, scenario = self.source.publication_timeout, self.scenario
        of_scenario = scenario.deadline, self.quota_waits, scenario.most_offers
        facts = facts_of_log(log, timeouts, self.own, end, ending, *of_scenario)
        return self._run(self.source, facts, self.versions, self.strategy_data)


def read_recorded(source: str | os.PathLike[str] | Any) -> Recorded:
    """Read a log that ``tv2sim run`` or ``tv2sim replay`` has printed with ``--log json``.

    Parameters
    ----------
    source : path, "-" or open file
        The log. A log that was cut off is played to its last event.

    Raises
    ------
    InputError
        If the file is not such a log; the message names the line.
    """
    if not isinstance(source, (str, os.PathLike)) and not hasattr(source, "readline"):
        given = " ".join(shown(source, 60).split())
        raise InputError(f"a recorded log is a path, '-' or an open file, not {given}")
    try:
        with open_source(source) as (stream, name):
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
        scenario, strategy = Scenario.from_dict(head.scenario), strategy_of(head.strategy)
    except (msgspec.MsgspecError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{name!r} does not begin like the log of a run ({error}): {_HOW}") from error
    return _player_of(head, strategy, scenario, list(_lines(lines, first + 1, name)), name)


_HOW = "tv2sim run CATALOGUE --log json prints one"
_BLANK = b" \t\r\n\xef\xbb\xbf"
"""Bytes that may surround a line, including a byte order mark at the start of the file."""


def _lines(lines: list[bytes], start: int, name: str) -> Iterator[tuple[int, _Line]]:
    """Yield the numbers and the contents of all lines but the first."""
    decode = msgspec.json.Decoder(_Line).decode
    for number, text in enumerate(lines[start:], start=start + 1):
        if not text.strip(_BLANK):
            continue
        try:
            line = decode(text)
        except (msgspec.MsgspecError, UnicodeError) as error:
            if number == len(lines) and not text.endswith(b"\n"):
                return  # the program that wrote it was stopped
            raise InputError(f"{name!r}, line {number}, is no line of a log: {error}") from error
        event = line.event if line.time >= 0 else ""
        end = None if line.ending is None else line.end
        if not event and all(part is None for part in (line.accepted, line.rejected, line.stats, end)):
            raise InputError(f"{name!r}, line {number}, is no line of a log: it has neither event nor end")
        yield number, line


def _player_of(
    head: _Head, strategy: Strategy, scenario: Scenario, told: list[tuple[int, _Line]], name: str
) -> Recorded:
    """Return the recorded run that the lines describe, after a check of its events."""
    catalogue, lines = _catalogue(head, told), [line for _, line in told]
    log = _checked_log(told, catalogue.publication_timeout, scenario, name)
    ends = (
        (line.end, line.ending, line.quota_waits or 0)
        for line in reversed(lines)
        if line.end is not None and line.ending is not None
    )
    end, ending, waits = next(ends, (log[-1].time if log else 0.0, "stopped", 0))
    own = {line.video for line in lines if line.own}
    return Recorded(
        strategy, scenario, head.seed, head.replication, source=catalogue,
        own=bytearray(row in own for row in range(len(catalogue))),
        versions=head.versions,
        strategy_data=head.strategy,
        # events after the last outcome, while a feed was still open, do not belong to the run
        log=[entry for entry in log if entry.time <= end],
        end=end,
        ending=ending,
        quota_waits=waits,
    )  # fmt: skip


def _checked_log(
    told: list[tuple[int, _Line]], timeouts: NDArray[np.float64], scenario: Scenario, name: str
) -> list[LogEntry]:
    """Return the events of a log, after a check that none contradicts those before it."""
    events = [(number, line) for number, line in told if line.event]
    log = [LogEntry(line.time, line.event, line.video, line.encoder, line.publisher) for _, line in events]
    log, wrong = _complete(log, timeouts, scenario)
    if wrong is not None:
        what = f"{log[wrong].event!r:.40} at {log[wrong].time:g} s"
        raise InputError(f"{name!r}, line {events[wrong][0]}, contradicts those before it: {what}")
    return log


def _catalogue(head: _Head, told: list[tuple[int, _Line]]) -> Catalogue:
    """Return the catalogue: the videos and rejected lines of the first line, then of the feed."""
    videos = [line.accepted for _, line in told if line.accepted is not None]
    lost = [*head.catalogue.rejected, *(line.rejected for _, line in told if line.rejected is not None)]
    rejected = [Rejected(*msgspec.structs.astuple(line)) for line in lost]
    return Catalogue([*head.catalogue.videos, *videos], rejected, head.catalogue.name)


def _complete(
    log: list[LogEntry], timeouts: NDArray[np.float64], scenario: Scenario
) -> tuple[list[LogEntry], int | None]:
    """Return a log, and the index of the first event that contradicts those before it, or None.

    A log that was cut off after an outcome gets the end of the publisher.
    """
    if not log or log[-1].event not in ("published", "failed"):
        return log, _contradiction(log, timeouts, scenario)
    last = log[-1]
    if last.publisher is None:  # the last attempt has failed
        of = (one.publisher for one in reversed(log) if (one.event, one.video) == ("assigned", last.video))
        end = last._replace(event="publisher_failed", publisher=next(of, None))
    else:
        end = last._replace(event="publisher_ended")
    whole = [*log, end]
    wrong = _contradiction(whole, timeouts, scenario)
    return (whole, None) if wrong is None else (log, min(wrong, len(log) - 1))


def _contradiction(log: list[LogEntry], timeouts: NDArray[np.float64], scenario: Scenario) -> int | None:
    """Return the index of the first event that cannot follow those before it, or None."""
    check = _Check(scenario, len(timeouts))
    wrong = next((line for line, entry in enumerate(log) if not check.allows(entry)), None)
    try:
        of_scenario = scenario.deadline, 0, scenario.most_offers
        facts_of_log(log[:wrong], timeouts, bytearray(len(timeouts)), 0.0, "stopped", *of_scenario)
    except Contradiction as error:
        return error.line
    return wrong


class _Check:
    """A check of events, one after the other, up to the first that cannot follow those before it."""

    def __init__(self, scenario: Scenario, videos: int) -> None:
        self._places = Places(scenario, bytes(videos))
        self._videos, self._encoders = videos, scenario.encoder_count
        self._publishers = 0  # that were started; they are numbered in the order of their start
        self._encoder_of: dict[int | None, int | None] = {}  # of each video that holds one

    def allows(self, entry: LogEntry) -> bool:
        """Return whether the event can follow those before it; if so, follow it."""
        kind, places = EVENTS.get(entry.event), self._places
        if kind is None or (entry.video or 0) >= self._videos or (entry.encoder or 0) >= max(self._encoders, 1):
            return False
        if any(places.of(of, getattr(entry, of)) not in allowed for of, allowed in kind.after.items()):
            return False
        if entry.event == "publisher_started" and entry.publisher != self._publishers:
            return False
        self._publishers += entry.event == "publisher_started"
        if not self._encoder_fits(entry):
            return False
        places.follow(entry)
        return True

    def _encoder_fits(self, entry: LogEntry) -> bool:
        """Return whether the encoder of an event can be in it: an encoder holds one video at a time."""
        _, event, video, encoder, _ = entry
        held = self._encoder_of
        if event == "encoding_started":
            is_free = encoder not in held.values() and self._places.of("encoder", encoder) != "down"
            held[video] = encoder
            return encoder is None if self._encoders == 0 else encoder is not None and is_free
        if event in ("queued", "discarded"):
            held.pop(video, None)
        elif event == "encoder_failed":
            if video is not None:
                return encoder is not None and held.pop(video, None) == encoder
            kept = (self._places.of("video", inside) for inside, of in held.items() if of == encoder)
            return encoder is not None and all(place == "encoded" for place in kept)
        return True
