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
from tv2sim.catalogue.sources import entries, opened
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

__all__ = ["Recorded", "read_recorded"]

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
        What happened.
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
            return self._ended(self.log[:played], clock.end_between(max(now, 0.0), due), "stopped")
        return self._ended(self.log, self.end, self.ending)

    def _ended(self, log: list[LogEntry], end: float, ending: Ending) -> Run:
        timeouts, scenario = self.source.publication_timeout, self.scenario
        of_scenario = scenario.deadline, self.quota_waits, scenario.most_offers
        facts = facts_of_log(log, timeouts, self.own, end, ending, *of_scenario)
        return self._run(self.source, facts, self.versions, self.strategy_data)


def read_recorded(source: str | os.PathLike[str] | Any) -> Recorded:
    """Read a log that ``tv2sim run`` or ``tv2sim replay`` has printed with ``--log json``.

    Parameters
    ----------
    source : path, "-" or open file
        The log. One that ends early is played as far as it goes.

    Raises
    ------
    InputError
        If it is not such a log; the message names the line.
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
        scenario, strategy = Scenario.from_dict(head.scenario), strategy_of(head.strategy)
    except (msgspec.MsgspecError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{name!r} does not begin like the log of a run ({error}): {_HOW}") from error
    return _recorded(head, strategy, scenario, list(_lines(lines, first + 1, name)), name)


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


def _recorded(
    head: _Head, strategy: Strategy, scenario: Scenario, told: list[tuple[int, _Line]], name: str
) -> Recorded:
    """Return the recorded run that the lines describe, after a check of its events."""
    videos, rejected = list(head.catalogue.videos), list(head.catalogue.rejected)
    log, numbers, own, ends, waits = list[LogEntry](), list[int](), set[int | None](), _Line(), 0
    for number, line in told:
        if line.accepted is not None:
            videos.append(line.accepted)
        if line.rejected is not None:
            rejected.append(line.rejected)
        if line.event:
            log.append(LogEntry(line.time, line.event, line.video, line.encoder, line.publisher))
            numbers.append(number)
        if line.own:
            own.add(line.video)
        if line.end is not None and line.ending is not None:
            ends = line
        waits = waits if line.quota_waits is None else line.quota_waits
    lost = [Rejected(*msgspec.structs.astuple(line)) for line in rejected]
    catalogue = Catalogue(videos, lost, head.catalogue.name)
    log, wrong = _completed(log, catalogue.publication_timeout, scenario)
    if wrong is not None:
        what = f"{log[wrong].event!r:.40} at {log[wrong].time:g} s"
        raise InputError(f"{name!r}, line {numbers[wrong]}, contradicts those before it: {what}")
    end = (log[-1].time if log else 0.0) if ends.end is None else ends.end
    return Recorded(
        strategy, scenario, head.seed, head.replication, source=catalogue,
        own=bytearray(row in own for row in range(len(videos))),
        versions=head.versions,
        strategy_data=head.strategy,
        # events after the last outcome, while a feed was still open, do not belong to the run
        log=[entry for entry in log if entry.time <= end],
        end=end,
        ending=ends.ending or "stopped",
        quota_waits=waits,
    )  # fmt: skip


def _completed(
    log: list[LogEntry], timeouts: NDArray[np.float64], scenario: Scenario
) -> tuple[list[LogEntry], int | None]:
    """Return a log, and the index of the first event that contradicts those before it, or None.

    A log that was cut off after an outcome gets the end of the publisher.
    """
    wrong = None
    if log and log[-1].event in ("published", "failed"):
        for ends in ("publisher_ended", "publisher_failed"):  # the second one if its last attempt has failed
            whole = [*log, log[-1]._replace(event=ends)]
            if (wrong := _contradiction(whole, timeouts, scenario)) is None:
                return whole, None
    return log, _contradiction(log, timeouts, scenario) if wrong is None else min(wrong, len(log) - 1)


def _contradiction(log: list[LogEntry], timeouts: NDArray[np.float64], scenario: Scenario) -> int | None:
    """Return the index of the first event that cannot follow those before it, or None."""
    checks = (
        _unexpected(log, len(timeouts), scenario),
        _wrong_encoders(log, scenario.encoder_count > 0),
        _wrong_publishers(log),
    )
    found = [line for check in checks if (line := next(check, None)) is not None]
    wrong = min(found, default=None)
    try:
        of_scenario = scenario.deadline, 0, scenario.most_offers
        facts_of_log(log[:wrong], timeouts, bytearray(len(timeouts)), 0.0, "stopped", *of_scenario)
    except Contradiction as error:
        return error.line
    return wrong


def _unexpected(log: list[LogEntry], videos: int, scenario: Scenario) -> Iterator[int]:
    """Yield the indices of entries that :data:`~tv2sim.results.event_kinds.EVENTS` does not allow there."""
    places = Places(scenario, bytes(videos))
    for line, entry in enumerate(log):
        kind = EVENTS.get(entry.event)
        if (
            kind is None
            or (entry.video or 0) >= videos
            or (entry.encoder or 0) >= max(scenario.encoder_count, 1)
        ):
            yield line
            return
        if any(places.of(of, getattr(entry, of)) not in allowed for of, allowed in kind.after.items()):
            yield line
        if entry.event == "encoding_started" and places.of("encoder", entry.encoder) == "down":
            yield line
        places.follow(entry)


def _wrong_encoders(log: list[LogEntry], encoded: bool) -> Iterator[int]:
    """Yield the indices of entries whose encoder does not fit: each encoder holds one video at a time."""
    encoder_of: dict[int | None, int | None] = {}  # of each video that holds one
    for line, (_, event, video, encoder, _) in enumerate(log):
        if event == "encoding_started":
            if (encoder is not None) != encoded or (encoder is not None and encoder in encoder_of.values()):
                yield line
            encoder_of[video] = encoder
        elif event in ("queued", "discarded"):
            encoder_of.pop(video, None)
        elif event == "encoder_failed":
            held = encoder if video is None else encoder_of.pop(video, None)
            if encoder is None or held != encoder or encoder in encoder_of.values():
                yield line


def _wrong_publishers(log: list[LogEntry]) -> Iterator[int]:
    """Yield the indices of starts of publishers that are not numbered in the order of their start."""
    starts = ((line, entry.publisher) for line, entry in enumerate(log) if entry.event == "publisher_started")
    return (line for number, (line, publisher) in enumerate(starts) if publisher != number)
