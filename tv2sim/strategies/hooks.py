"""The hooks of a strategy: when they are asked, the states that they see, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from tv2sim.base.fields import EVERY_ENGINE, SIMPY_ALONE, suggests_names

if TYPE_CHECKING:
    from tv2sim.catalogue import Video


Moment: TypeAlias = Literal["encoding_started", "encoded", "queued"]
MOMENTS: tuple[Moment | None, ...] = (None, "encoding_started", "encoded", "queued")
"""The moments at which a publisher can be started for a video; :class:`Starts` holds indices into these."""


class Hook(NamedTuple):
    """A method that a strategy of one's own may override.

    Attributes
    ----------
    field : str or None
        The field that says the same, unless the hook is overridden.
    engines : tuple of str
        The engines that can ask it.
    """

    field: str | None
    engines: tuple[str, ...] = SIMPY_ALONE


HOOKS = {
    "start_moment": Hook("starts_on", EVERY_ENGINE),
    "owns_publisher": Hook("dedicated", EVERY_ENGINE),
    "start_delay": Hook("lead", EVERY_ENGINE),
    "priority": Hook("queue_order", EVERY_ENGINE),
    "pool_level": Hook("prewarmed"),
    "decide": Hook(None),
}
"""The hooks by their names."""


@suggests_names
class PoolState(NamedTuple):
    """The state that a strategy sees when it decides how large the pool should be.

    Attributes
    ----------
    time : float
        Seconds since the start.
    starting, ready : int
        Publishers of the pool that are not ready yet, and that wait for a video.
    waiting : int
        Videos in the publishing queue.
    encoding : int
        Videos that hold an encoder.
    encoded : int
        Videos whose encoding has ended so far.
    rate : float
        Videos per second whose encoding started lately: in the time that `headroom` says, or takes by default.
    startup_time : float
        The mean start-up time in seconds.
    busy : int
        Publishers of the pool that publish a video. It is 0 where publishing takes no time.
    """

    time: float
    starting: int
    ready: int
    waiting: int
    encoding: int
    encoded: int
    rate: float = 0.0
    startup_time: float = 0.0
    busy: int = 0


class Starts(NamedTuple):
    """The answers of a strategy's hooks for each video of a catalogue, in columns."""

    moment: bytes | bytearray
    """Index into :data:`MOMENTS`."""
    own: bytes | bytearray
    """1 if only the video's own publisher may serve it."""
    delay: Sequence[float] | None
    """Ticks from the moment to the publisher's start; None if the strategy never delays."""


@suggests_names
class KnownVideo(NamedTuple):
    """A video that is encoding or waiting for a publisher.

    Attributes
    ----------
    row : int
        Its number, by which a :class:`Decision` names it.
    video : Video
        What the catalogue has of it.
    deadline : float
        When its timeout ends, in seconds since the start.
    remaining : float
        Seconds until its encoding ends if it takes the catalogue's time; 0 if it has ended or is overdue.
    """

    row: int
    video: Video
    deadline: float
    remaining: float


@suggests_names
class State(NamedTuple):
    """What a rule sees at the end of an instant.

    Attributes
    ----------
    time : float
        Seconds since the start.
    waiting : tuple of KnownVideo
        The videos of the queue, which have no publisher, in the order in which they are served. If the queue
        has no place at all, the video that waits longest in its encoder is among them.
    encoding : tuple of KnownVideo
        The videos that are encoding and will wait for any publisher, in the order of the catalogue; those that
        wait in their encoders for room in the queue are among them.
    ordered : int
        Publishers of the pool that are ordered and not started, because of a delay or a limit.
    starting : tuple of float
        For each publisher of the pool that is starting, the seconds since its start; the longest first.
    ready : int
        Publishers of the pool that wait for a video.
    rate : float
        Videos per second whose encoding started so far, from the first to the last; 0 before the second.
    mix : mapping
        How many videos have started with each pair of encoding time and timeout.
    """

    time: float
    waiting: tuple[KnownVideo, ...]
    encoding: tuple[KnownVideo, ...]
    ordered: int
    starting: tuple[float, ...]
    ready: int
    rate: float
    mix: Mapping[tuple[float, float], int]


@suggests_names
class Decision(NamedTuple):
    """What a rule decides: first videos are discarded, then served, then publishers are started.

    Attributes
    ----------
    start : int
        How many publishers are started for the pool.
    serve : sequence of int or None
        The rows of the waiting videos that get a publisher, in this order, each the one ready longest. None:
        all, in the order of the queue.
    hold : int
        How many ready publishers are kept: when no more are left, no further video is served.
    discard : sequence of int
        The rows of the waiting videos that are given up; they have failed. One that a broker has delivered
        again after its publication stays.
    """

    start: int = 0
    serve: Sequence[int] | None = None
    hold: int = 0
    discard: Sequence[int] = ()
