"""How many videos, publishers and encoders are in which state: one registry, and what follows a log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tv2sim.results.event_kinds import EVENTS, Log, LogEntry, code_of, log_of

if TYPE_CHECKING:
    from tv2sim.results.facts import Facts
    from tv2sim.world.scenario import Scenario


class Level(NamedTuple):
    """The number of videos, publishers or encoders that are in some states.

    Attributes
    ----------
    meaning : str
        What is counted.
    of : {"video", "publisher", "encoder"}
        What has the states.
    states : tuple of str
        States that :attr:`tv2sim.results.event_kinds.Kind.then` names. Final ones are counted from the start
        of the run.
    has : callable
        Takes a scenario, and whether videos have publishing times of their own; returns whether the level is
        of interest there. If not, it is always 0.
    """

    meaning: str
    of: str
    states: tuple[str, ...]
    has: Callable[[Scenario, bool], bool] = lambda scenario, times: True


LEVELS = {
    "encoders_busy": Level("encoders that hold a video", "video", ("encoding", "encoded")),
    "publishing_queue": Level(
        "videos in the publishing queue; those with their own publisher are not in it", "video", ("queued",)
    ),
    "publishers_starting": Level("publishers that are not ready yet", "publisher", ("starting",)),
    "publishers_ready": Level("publishers that wait for a video", "publisher", ("ready",)),
    "published": Level("videos published in time so far", "video", ("published",)),
    "failed": Level("videos published too late so far, or not at all", "video", ("failed",)),
    "publishers_busy": Level(
        "publishers that publish, if that takes time", "publisher", ("busy",),
        lambda scenario, times: times or scenario.publishing_time != 0,
    ),
    "publishers_failed": Level(
        "publishers that have failed so far, if publishers fail", "publisher", ("failed",),
        lambda scenario, times: scenario.faults.of_publishers,
    ),
    "encoders_down": Level(
        "encoders that are being repaired, if encoders die", "encoder", ("down",),
        lambda scenario, times: scenario.encoders_die,
    ),
    "refused": Level(
        "videos refused at their last offer so far, if offers are limited", "video", ("refused",),
        lambda scenario, times: scenario.most_offers is not None,
    ),
}  # fmt: skip
"""The columns of ``run.levels`` after that of the time. A new level is a new row."""

FINAL = ("published", "failed", "refused", "ended", "retired")
"""States that count for good, also if the broker delivers a published video again."""


class Again(NamedTuple):
    """An event after which its video tries again, but not for ever.

    Attributes
    ----------
    counted : str
        The event that counts the tries of a video.
    most : callable
        Takes a scenario and returns the most tries; None: no limit.
    last : str or None
        The video's state after the event that follows the last try; None: the one that it has.
    """

    counted: str
    most: Callable[[Scenario], int | None]
    last: str | None


AGAIN = {
    "publisher_failed": Again("assigned", lambda scenario: scenario.faults.attempts, None),
    "refused": Again("refused", lambda scenario: scenario.most_offers, "refused"),
}
"""The events after which a video tries again; `Kind.then` has its state after each of them but the last."""


def shown(scenario: Scenario, publishing_times: bool) -> list[str]:
    """Return the names of the levels of interest in a scenario, in the order of the columns."""
    return [name for name, level in LEVELS.items() if level.has(scenario, publishing_times)]


# -- from the log, line by line ----------------------------------------------------------------------------


class Places:
    """The state of each video, publisher and encoder, which follows a log line by line.

    Parameters
    ----------
    scenario : Scenario
        What limits the number of tries.
    own : sequence of int
        For each video, 1 if it waits for a publisher of its own. It may grow.

    Attributes
    ----------
    counts : Counter
        The number in each state, by a pair such as ("video", "queued").
    levels : dict
        The levels, by name.
    """

    def __init__(self, scenario: Scenario, own: Sequence[int] | bytearray) -> None:
        self._own = own
        self._most = {
            event: most for event, again in AGAIN.items() if (most := again.most(scenario)) is not None
        }
        self._counted = {AGAIN[event].counted for event in self._most}
        self._tries: Counter[tuple[str, int | None]] = Counter()
        self._states: dict[tuple[str, int | None], str] = {}
        self._moves = {event: tuple(kind.then.items()) for event, kind in EVENTS.items()}
        self._counts_in = {(level.of, state): name for name, level in LEVELS.items() for state in level.states}
        self.levels = dict.fromkeys(LEVELS, 0)
        self.counts: Counter[tuple[str, str]] = Counter()

    def follow(self, entry: LogEntry) -> None:
        """Follow a line of the log."""
        if entry.event in self._counted:
            self._tries[entry.event, entry.video] += 1
        for of, then in self._moves[entry.event]:
            number: int | None = getattr(entry, of)
            state = self._of_video(entry, then) if of == "video" else then
            if number is not None and state is not None:
                before = self._states.get((of, number))
                if before is not None and before not in FINAL:
                    self._count(of, before, -1)
                self._count(of, state, 1)
                self._states[of, number] = state

    def _count(self, of: str, state: str, change: int) -> None:
        self.counts[of, state] += change
        if (level := self._counts_in.get((of, state))) is not None:
            self.levels[level] += change

    def _of_video(self, entry: LogEntry, state: str) -> str | None:
        """Return the state that an event leads its video to; None: it stays where it is."""
        most = self._most.get(entry.event)
        if most is not None and self._tries[AGAIN[entry.event].counted, entry.video] >= most:
            return AGAIN[entry.event].last
        return _BESIDE if state == "queued" and entry.video is not None and self._own[entry.video] else state

    def of(self, of: str, number: int | None) -> str | None:
        """Return the state of a video, publisher or encoder: `event_kinds.NEW` before its first event."""
        return self._states.get((of, number))


_BESIDE = "beside"
"""The state of a queued video that waits for a publisher of its own."""
WAITING = ("queued", _BESIDE)
"""The states of a video that waits for a publisher."""


# -- from facts, in columns --------------------------------------------------------------------------------


def levels_of(
    facts: Facts, scenario: Scenario, times: NDArray[np.float64], names: Sequence[str]
) -> Mapping[str, NDArray[np.int64]]:
    """Return levels as columns: each one after what has happened up to each of `times`, which ascend."""
    log = log_of(facts)
    columns: dict[str, NDArray[np.int64]] = {}
    for of in dict.fromkeys(LEVELS[name].of for name in names):
        rows, before, after = _moves(log, of, facts, scenario)
        at = np.searchsorted(times, log.time[rows])
        for name in names:
            if LEVELS[name].of == of:
                states = [_STATES.index(state) for state in LEVELS[name].states]
                change = np.isin(after, states).astype(np.int64) - np.isin(before, states)
                columns[name] = np.bincount(at, change, len(times)).cumsum().astype(np.int64)
    return {name: columns[name] for name in names}


_NOWHERE = 0
_THEN = [state for kind in EVENTS.values() for state in kind.then.values()]
_LAST = [again.last for again in AGAIN.values() if again.last is not None]
_STATES: list[str | None] = [None, *dict.fromkeys([_BESIDE, *_THEN, *_LAST])]
"""All states; index :data:`_NOWHERE` stands for no state."""


def _moves(log: Log, of: str, facts: Facts, scenario: Scenario) -> tuple[NDArray[np.intp], ...]:
    """Return the lines at which a video, publisher or encoder changes its state, and the states around them.

    The lines of one video (or publisher, or encoder) are together, in the order of the log.
    """
    leads_to = np.array([_NOWHERE, *(_STATES.index(kind.then.get(of)) for kind in EVENTS.values())])
    whose = getattr(log, of)
    rows = np.flatnonzero((whose >= 0) & (leads_to[log.code] != _NOWHERE))
    rows = rows[np.argsort(whose[rows], kind="stable")]
    after = leads_to[log.code[rows]]
    if of == "video":
        waits = (after == _STATES.index("queued")) & (facts.videos["own"][whose[rows]] != 0)
        after[waits] = _STATES.index(_BESIDE)
        for event, again in AGAIN.items():
            if (most := again.most(scenario)) is not None:
                last = _last(log.code[rows], whose[rows], event, again.counted, most)
                after[last] = _STATES.index(again.last)
        moved = after != _NOWHERE
        rows, after = rows[moved], after[moved]
    before = np.roll(after, 1)
    first = np.diff(whose[rows], prepend=-1) != 0
    before[first | np.isin(before, [_STATES.index(state) for state in FINAL if state in _STATES])] = _NOWHERE
    return rows, before, after


def _last(
    code: NDArray[np.int64], whose: NDArray[np.int64], event: str, counted: str, most: int
) -> NDArray[np.bool_]:
    """Return whether a line is such an event of a video that has been counted `most` times."""
    count = np.cumsum(code == code_of(counted))
    first = np.searchsorted(whose, whose)  # the first line of the same video
    so_far = count - np.where(first > 0, count[first - 1], 0)
    at_last: NDArray[np.bool_] = (code == code_of(event)) & (so_far >= most)
    return at_last
