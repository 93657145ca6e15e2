"""The coverage rule: how many publishers to start, and which ready ones to hold back, at one instant.

Once an instant, when all that happens at it has happened, the rule compares for each moment ahead how many
publishers will be ready by then with how many videos are due by then. It knows the videos that are waiting
and encoding, the ages of the publishers that are starting, the rate of the client and the mix of videos so
far. It does not know the rest of the catalogue, nor that it ends. All times are in ticks.

**Instants.** It decides at time 0, when something happens that it can see, and at the *latest start* of each
known video that has no publisher: h, rounded down to whole ticks, before the video is due. A publisher that is
started then is the last one that surely comes in time. A rule that only holds has no latest starts.

**Start-up.** F is the distribution function of the start-up time, h its longest time (that of an unbounded
distribution is its quantile .995), or the thousandth part of a gap if that is longer. A publisher that was
started at s and is not ready at the time t will be ready by t + u with the probability p(u) = (F(t + u - s)
- F(t - s)) / (1 - F(t - s)), which is 1 where F(t - s) = 1. If start-ups fail with the probability f, then
p, and F wherever it stands for a publisher that is yet to be started, is multiplied by 1 - f.

**Points.** The moments u that are looked at are the *grid*, whole steps after the last start of an
encoding, up to h + h/3; and the 64 nearest deadlines of known videos up to h + h/12. A step is the gap
between two videos, halved or doubled until there are 8 to 32 of them. N(u) is the number of publishers that
are starting and will be ready by u: its distribution is the convolution of those of all p(u) (Poisson-
binomial). K(u) is the number of known videos that are due by u, A(u) of those that are waiting or have been
encoded by then, R the number of ready publishers.

**Forecast.** Videos are expected a gap after the last start of an encoding and a gap apart from then on. If
the first one is overdue, it is expected half a gap from now; after two gaps, no video is. Poisson arrivals are
always expected half a gap from now and a gap apart, each as a Poisson number with mean 1. A video that is
expected x before u has the encoding time E and the timeout T of the mix, and its own publisher: this one is
ready by u with the probability own = F(x - max(0, T - h)). So it changes the demand by u by +1 if it is
due, T <= x, without its publisher, and by -1 if it is not due, but its publisher is ready. S(u) is the sum
of these changes; B(u) is the number of those with E <= x, which will be encoded by u. Whole gaps after the
last start of an encoding they depend only on the number of gaps and the mix, so they are kept in
tables; at a deadline they are those of the grid's point before it.

**Start.** short(u) = P(N(u) <= K(u) - R - 1 + S(u)) is the probability that a publisher more, ready by u,
would serve a video that is due by then; surplus(u) = P(N(u) > A(u) - R - 1 + B(u)) is the probability that
it would be idle at u. One is started while the failures that it prevents are worth more than the time that
it is idle, ::

    price * max over u <= h of F(u) short(u)  >  sum over the grid of step * F(u) surplus(u),

and then belongs to N.

**Hold.** The waiting video with the nearest deadline d takes the publisher that has been ready longest,
unless a more urgent one that is still encoding would lack it. With known(u, c) = P(N(u) <= K(u) - R - 1 +
c): let *before* be the maximum of known(u, 0) over all points up to h + h/12, and *after* the maximum of
known(u, 1) over those before d, the first of them at v. The publisher is held exactly if after > before, an
encoding whose video is due by v ends (say, r from now, the nearest one), and ::

    price * (after - before)  >  r * product of 1 - p(r / 2) over all that are starting,

the second being about the time for which the video waits for the next publisher.

**Mix.** The types of videos are those of another catalogue, or those that have been seen, each with the
weight 1 of n + 10: what is not known yet counts as no demand.

**Arithmetic.** Everything is computed as loops over numbers with sums in a fixed order, so that the
compiled functions, those that Python interprets and the specification in the tests give the same bits, also
where both sides of a comparison are equal. A publisher that is ready with the probability p changes P(N =
k) by p (P(N = k - 1) - P(N = k)); publishers are taken in as they are given. A video that adds 1 to S with
the probability a, and -1 with b, makes P(S >= m) to P(S >= m) (1 - a - b) + P(S >= m - 1) a + P(S >= m + 1)
b. One that adds 1 to B with the probability c changes P(B <= m) by c (P(B <= m - 1) - P(B <= m)). The video
that came last is the first. a, b and c are sums over the mix, in the order in which it was seen, and then
multiplied by the weight. Sums over k and over points go upwards. Poisson numbers are computed from the mode
up and then down, up to r + 6 sqrt(r) + 10 where at most r videos are expected, and divided by their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.ticks import PER_SECOND, to_ticks
from tv2sim.world.distributions import EXTREMES, Distribution, drawn_ticks, longest_ticks

Function = TypeVar("Function", bound=Callable[..., Any])

try:
    from tv2sim.base.compiling import borrowing, compiled, inlined
except ModuleNotFoundError as missing:  # without numba Python interprets them
    if missing.name not in ("numba", "llvmlite"):
        raise

    def compiled(function: Function) -> Function:
        """Leave a function as it is."""
        return function

    borrowing = inlined = compiled

__all__ = [
    "Arrivals", "Coverage", "Startups", "begin", "coverage", "decide", "latest_start", "seen", "startups",
]  # fmt: skip

Floats: TypeAlias = NDArray[np.float64]
Arrivals: TypeAlias = Literal["even", "poisson", "none"]

POINTS = 2048
"""Of the table of the start-up time's distribution function."""
MOST_STARTS = 24
"""How many publishers are started in an instant at most."""
MOST_DEADLINES = 64
"""How many deadlines, the nearest ones, are points of their own."""
UNKNOWN = 10
"""Videos without demand that a learned mix begins with."""

_TAIL = 0.995
_LONGER = 1_000
"""The longest gap is at most so many times as long as what counts as the longest start-up time."""
_IN_STEP = 16
"""Quantiles that are computed in each cell of the table; the function steps where two are the same."""


# -- the start-up time -------------------------------------------------------------------------------------


class Startups(NamedTuple):
    """The distribution function of the start-up time at evenly spaced times, in ticks."""

    low: float
    """The second of these times: the shortest start-up time. The function is 0 before."""
    per_tick: float
    """How many of these times there are in a tick."""
    value: Floats
    slope: Floats
    """What the function gains until the next of these times; 0 if it steps up somewhere between."""
    longest: float
    """The longest start-up time, or a quantile that is taken for it."""


def startups(startup_time: Distribution, delay: float = 0.0) -> Startups:
    """Return the table of a start-up time, of which `delay` ticks are a fixed part before it begins.

    >>> from tv2sim.world.distributions import Uniform
    >>> table = startups(Uniform(2, 6))
    >>> table.longest, round(float(chance(table, 3e6)), 3)
    (6000000.0, 0.25)
    """
    low, end = drawn_ticks(startup_time, EXTREMES).tolist()
    longest = longest_ticks(startup_time, _TAIL)
    last = min(end, 2 * longest)
    width = (last - low) / (POINTS - 2) or 1.0
    # a time that is drawn is rounded to ticks
    value = startup_time.cdf((low + width * np.arange(POINTS - 1) + 0.5) / PER_SECOND)
    value[-1] = 1.0
    gained = np.diff(value)
    within = value[:-1, None] + gained[:, None] * np.arange(1, _IN_STEP) / _IN_STEP
    times = startup_time.quantile(np.clip(within, *EXTREMES).reshape(-1)).reshape(within.shape)
    steps = (np.diff(times) == 0).any(axis=1)
    slope = np.where(steps, 0.0, gained)
    # a little more than 1 / width, since the last one must not be missed by rounding
    per_tick = (1 + 2.0**-50) / width
    return Startups(
        low + delay, per_tick, np.array([0.0, *value]), np.array([0.0, *slope, 0.0]), longest + delay
    )


@inlined
def chance(startup: Any, time: Any) -> Any:
    """Return F(time)."""
    place = min(max((time - startup.low) * startup.per_tick + 1.0, 0.0), POINTS - 1.0)
    cell = int(place)
    return startup.value[cell] + (place - cell) * startup.slope[cell]


# -- what the rule knows -----------------------------------------------------------------------------------

_LAST, _SEEN, _RENEWED = range(3)
_DUE, _COVERED, _ENCODED = range(3)


class Coverage(NamedTuple):
    """The rule's parameters and its memory of a run; :func:`coverage` makes it."""

    startup: Startups
    price: float
    """Idle ticks that a failure is worth; 0 if the rule starts no publishers."""
    holding: float
    """The same for holding; 0 if it never holds."""
    works: float
    """The probability that a start-up does not fail."""
    publishing: float
    """Mean publishing time, by which videos are due earlier."""
    forecasts: bool
    learns: bool
    poisson: bool
    gaps: Floats
    """Ticks between videos, for each rate that there may be; infinite if none come."""
    steps: Floats
    """Ticks between the points of the grid, for each rate."""
    spacing: NDArray[np.int64]
    """For each rate: steps from a video to the next, videos in a step (one is 1), rows of the tables."""
    taps: Floats
    """Sums over the mix by the time since a video came, for each rate: due, covered, encoded ones."""
    due: Floats
    """A row for each step after the last start of an encoding: P(S >= m) at m + the middle."""
    encoded: Floats
    """The same: P(B <= m) at m."""
    reach: NDArray[np.int64]
    """For each row: how far S and B may be from 0."""
    memory: Floats
    """Last start of an encoding, videos in the mix, rate for which the tables are up to date (or -1)."""


def coverage(
    startup: Startups,
    gaps: Sequence[float],
    *,
    price: float = 0.0,
    holding: float = 0.0,
    startup_fails: float = 0.0,
    publishing: float = 0.0,
    arrivals: Arrivals = "even",
    forecast: Literal["online"] | Iterable[tuple[float, float]] | None = "online",
) -> Coverage:
    """Return what the rule knows at the beginning of a run.

    Parameters
    ----------
    startup : Startups
        The table that :func:`startups` makes once a scenario.
    gaps : sequence of float
        Ticks between two videos, for each rate that the client has in its profile; infinite for a rate of 0.
    price, holding : float
        Seconds of idle time that a failure is worth, when publishers are started and when they are held. A
        rule with a price of 0 starts none; one with a price of holding of 0 holds none.
    startup_fails : float
        Probability that a start-up fails.
    publishing : float
        Mean publishing time, in ticks.
    arrivals : {"even", "poisson", "none"}
        How videos come; with "none", no videos are expected.
    forecast : "online", iterable of (encoding time, timeout) in ticks, or None
        The mix of the videos that are expected: learned, or that of another catalogue. None: no videos.
    """
    # the tables have a row for each step of a gap, and steps are shares of the longest time
    startup = startup._replace(
        longest=max(startup.longest, max((gap for gap in gaps if gap < inf), default=0.0) / _LONGER)
    )
    ahead = startup.longest + startup.longest // 3
    forecasts = price > 0 and arrivals != "none" and forecast is not None
    steps, spacing, reaches = [], [], [0]
    for gap in gaps:
        step, apart, each = _step(gap, ahead)
        rows = int((ahead + gap) / step) + 2 if forecasts and gap < inf else 1
        steps.append(step)
        spacing.append((apart, each, rows))
        reaches.append(rows // apart * each if rows > 1 else 0)
    poisson = arrivals == "poisson"
    reach = max(reaches)
    reach += int(6 * reach**0.5) + 10 if poisson and reach else 0
    rows = max(row[-1] for row in spacing)
    state = Coverage(
        startup, to_ticks(price), to_ticks(holding), 1.0 - startup_fails, publishing,
        forecasts, forecasts and forecast == "online", poisson,
        np.array(gaps, dtype=np.float64), np.array(steps), np.array(spacing),
        np.zeros((len(gaps), 3, max(rows * each for _, each, rows in spacing))),
        np.zeros((rows, 2 * reach + 2)), np.zeros((rows, reach + 1)), np.zeros(rows, np.int64),
        np.array([-inf, 0.0, -1.0]),
    )  # fmt: skip
    if forecasts and forecast != "online":
        assert forecast is not None
        for encoding_time, timeout in forecast:
            _learn(state, encoding_time, timeout)
    return state


def _step(gap: float, ahead: float) -> tuple[float, int, int]:
    """Return the grid's step in ticks, how many are between two videos, and how many videos come in one."""
    step, apart, each = (gap, 1, 1) if gap < inf else (ahead / 16, 1, 1)
    while ahead / step < 8:
        step, apart = step / 2, apart * 2
    while ahead / step > 32:
        step, each = step * 2, each * 2
    return step, apart, each


@borrowing
def begin(state: Any) -> None:
    """Forget the run before."""
    state.memory[_LAST] = -inf
    if state.learns:
        state.memory[_SEEN] = 0.0
        state.memory[_RENEWED] = -1.0
        for rate in range(len(state.gaps)):
            for kind in range(state.taps.shape[1]):
                for i in range(state.taps.shape[2]):
                    state.taps[rate, kind, i] = 0.0


@borrowing
def seen(state: Any, encoding_time: Any, timeout: Any, now: Any) -> None:
    """Note that the encoding of a video has started, with its nominal encoding time, in ticks."""
    state.memory[_LAST] = now
    if state.learns:
        _learn(state, encoding_time, timeout)


@inlined
def latest_start(state: Any, deadline: Any) -> Any:
    """Return when the last publisher is started that surely comes in time; -inf if the rule starts none."""
    return deadline - state.publishing - state.startup.longest // 1.0 if state.price > 0 else -inf


@borrowing
def _learn(state: Any, encoding_time: Any, timeout: Any) -> None:
    timeout = timeout - state.publishing
    ordered = max(0.0, timeout - state.startup.longest)
    for rate in range(len(state.gaps)):
        _, each, rows = state.spacing[rate]
        unit = min(state.steps[rate], state.gaps[rate])
        taps = state.taps[rate]
        for i in range((rows - 1) * each):
            since = i * unit
            own = state.works * chance(state.startup, since - ordered)
            if timeout <= since:
                taps[_DUE, i] += 1.0 - own
            else:
                taps[_COVERED, i] += own
            if encoding_time <= since:
                taps[_ENCODED, i] += 1.0
    state.memory[_SEEN] += 1.0
    state.memory[_RENEWED] = -1.0


# -- the tables of what is expected ------------------------------------------------------------------------


@compiled
def _renew(state: Any, rate: Any) -> None:
    """Make the tables from the taps: a row from the one that has an arrival less."""
    apart, each, rows = state.spacing[rate]
    known = state.memory[_SEEN] + (UNKNOWN if state.learns else 0)
    weight = 1.0 / known if known > 0 else 0.0
    for row in range(min(rows, apart)):
        state.reach[row] = 0
        _certain(state.due[row], state.encoded[row])
    if state.poisson:
        _renew_poisson(state, rate, weight)
    else:
        for row in range(apart, rows):
            _renew_row(state, rate, row, apart, each, weight)
    state.memory[_RENEWED] = rate


@inlined
def _certain(due: Any, encoded: Any) -> None:
    """Let S and B be 0."""
    for m in range(len(due)):
        due[m] = 1.0 if m < len(due) // 2 else 0.0
    for m in range(len(encoded)):
        encoded[m] = 1.0


@inlined
def _renew_row(state: Any, rate: Any, row: Any, apart: Any, each: Any, weight: Any) -> None:
    """Add to an earlier row what has come since: S changes by 1, -1 or 0, and B by 1 or 0."""
    before, due, encoded = row - apart, state.due[row], state.encoded[row]
    middle, reach = len(due) // 2 - 1, state.reach[row - apart]
    for m in range(len(due)):
        due[m] = state.due[before, m]
    for m in range(len(encoded)):
        encoded[m] = state.encoded[before, m]
    for i in range(before * each, (before + 1) * each):
        more, less = state.taps[rate, _DUE, i] * weight, state.taps[rate, _COVERED, i] * weight
        done, same = state.taps[rate, _ENCODED, i] * weight, 1.0 - more - less
        reach += 1
        last = due[middle - reach]
        for m in range(middle - reach + 1, middle + reach + 1):
            this = due[m]
            due[m] = this * same + last * more + due[m + 1] * less
            last = this
        for m in range(reach - 1, 0, -1):
            encoded[m] += done * (encoded[m - 1] - encoded[m])
        encoded[0] -= done * encoded[0]
    state.reach[row] = reach


@compiled
def _renew_poisson(state: Any, rate: Any, weight: Any) -> None:
    """Let S be the difference of two Poisson numbers, and B another, whose means are the sums of the taps."""
    apart, each, rows = state.spacing[rate]
    middle = state.due.shape[1] // 2 - 1
    means, numbers = np.zeros((3, rows)), np.empty((3, middle + 1))
    for row in range(apart, rows):
        before = row - apart
        for kind in range(3):
            means[kind, row] = means[kind, before]
            for i in range(before * each, (before + 1) * each):
                means[kind, row] += state.taps[rate, kind, i] * weight
        due, encoded = state.due[row], state.encoded[row]
        _certain(due, encoded)
        more, less = _poisson(means[_DUE, row], numbers[0]), _poisson(means[_COVERED, row], numbers[1])
        done = _poisson(means[_ENCODED, row], numbers[2])
        at_least = 0.0
        for k in range(more - 1, -1, -1):
            at_least += numbers[0, k]
            numbers[0, k] = at_least
        for m in range(max(1 - less, 1 - middle), min(more, middle + 1)):
            total = 0.0
            for k in range(min(less, more - m)):
                total += numbers[1, k] * (numbers[0, m + k] if m + k > 0 else 1.0)
            due[middle + m] = total
        for m in range(more, middle + 1):
            due[middle + m] = 0.0
        total = 0.0
        for m in range(done):
            total += numbers[2, m]
            encoded[m] = total
        state.reach[row] = middle


@inlined
def _poisson(mean: Any, out: Any) -> Any:
    """Compute the probabilities of a Poisson number from 0 on, and return how many matter; no exp is needed."""
    mode = min(int(mean), len(out) - 1)
    out[mode] = total = 1.0
    size = mode + 1
    while size < len(out) and out[size - 1] > 1e-18:
        out[size] = out[size - 1] * mean / size
        total += out[size]
        size += 1
    for k in range(mode - 1, -1, -1):
        out[k] = out[k + 1] * (k + 1) / mean
        total += out[k]
    for k in range(size):
        out[k] /= total
    return size


# -- the decision ------------------------------------------------------------------------------------------

# rows of the matrices of points: of whole numbers and of others, which the distributions of N follow
_ROW, _IN_GRID, _DUE_BY, _WAITING_BY, _ENCODED_BY, _COUNTS = range(6)
_TIME, _CHANCE, _READY, _NUMBER = range(4)


@compiled
def decide(
    state: Any, now: Any, rate: Any, ready: Any, starting: Any, waiting: Any, ends: Any, deadlines: Any
) -> Any:
    """Return how many waiting videos take a publisher, how many are started, and whether one is held.

    Parameters
    ----------
    state : Coverage
        Whose tables are renewed if the mix or the rate has changed.
    now : float
        In ticks, as all times.
    rate : int
        The present rate: its place in the gaps that :func:`coverage` was given.
    ready : int
        How many ready publishers no video has taken.
    starting : array of float
        When those that are starting were ordered.
    waiting : array of float
        Deadlines of the waiting videos, ascending: the first ones take the publishers.
    ends, deadlines : arrays of float
        Nominal end of the encoding, and deadline, of each video that is being encoded.
    """
    most = min(ready, len(waiting))
    may_hold = state.holding > 0 and most > 0 and len(ends) > 0
    if state.price == 0 and not may_hold:
        return most, 0, False
    if state.forecasts and state.memory[_RENEWED] != rate:
        _renew(state, rate)
    room = int(_ahead(state) / state.steps[rate]) + 2 + min(MOST_DEADLINES, len(waiting) + len(deadlines))
    counts = np.empty((_COUNTS, room), np.int64)
    points = np.empty((_NUMBER + len(starting) + MOST_STARTS + 1, room))
    ordered = np.empty((2, len(ends)))
    return _decide(state, now, rate, ready, starting, waiting, ends, deadlines, counts, points, ordered)


@borrowing
def _decide(
    state: Any, now: Any, rate: Any, ready: Any, starting: Any, waiting: Any, ends: Any, deadlines: Any,
    counts: Any, points: Any, ordered: Any,
) -> Any:  # fmt: skip
    """Decide, with room for the points; what makes no arrays is compiled apart, which is faster."""
    most = min(ready, len(waiting))
    may_hold = state.holding > 0 and most > 0 and len(ends) > 0
    _ascend(deadlines, ordered[0])
    _ascend(ends, ordered[1])
    size = _lay(state, now, rate, waiting, ordered[0], ordered[1], counts, points)
    first = 0
    for q in range(size):
        points[_CHANCE, q] = state.works * chance(state.startup, points[_TIME, q] - now)
        # only holding looks at moments at which no publisher that is started now can be ready
        if points[_CHANCE, q] == 0.0 and not may_hold:
            first = q + 1
    _count(state, now, starting, first, size, points)
    taken, held = most, False
    if may_hold:
        taken = 0
        while taken < most and not held:
            held = _holds(state, now, ready, taken, starting, waiting, ends, deadlines, size, counts, points)
            if not held:
                taken += 1
    started = 0
    if state.price > 0:
        free, left = ready - taken, len(waiting) - taken
        while started < MOST_STARTS and _pays(
            state, now, rate, free, left, taken, len(starting) + started, first, size, counts, points
        ):
            for q in range(first, size):
                points[_READY, q] = points[_CHANCE, q]
            _take_in(len(starting) + started, first, size, points)
            started += 1
    return taken, started, held


@inlined
def _ahead(state: Any) -> Any:
    """Return how far the grid reaches."""
    return state.startup.longest + state.startup.longest // 3


@inlined
def _window(state: Any) -> Any:
    """Return how far deadlines are points."""
    return state.startup.longest + state.startup.longest // 12


@inlined
def _ascend(times: Any, out: Any) -> None:
    """Sort."""
    for i in range(len(times)):
        time, k = times[i], i
        while k > 0 and out[k - 1] > time:
            out[k] = out[k - 1]
            k -= 1
        out[k] = time


@inlined
def _lay(
    state: Any, now: Any, rate: Any, waiting: Any, deadlines: Any, ends: Any, counts: Any, points: Any
) -> Any:
    """Lay the points: their times, rows of the tables, and counts of known videos; return how many."""
    gap, step, last, early = state.gaps[rate], state.steps[rate], state.memory[_LAST], state.publishing
    origin, expected = last, state.forecasts and gap < inf
    if expected and (state.poisson or last + gap <= now < last + 2 * gap):
        origin = now - gap / 2
    elif last + gap <= now:
        expected = False
    if origin == -inf:
        origin = now
    k = int((now - origin) / step) + 1
    if origin + k * step <= now:  # by an error of arithmetic
        k += 1
    row = k - 1 if expected else 0
    until, window = now + _ahead(state), now + _window(state)
    at = now
    size = own = due = wait = done = 0
    while True:
        while due < len(deadlines) and deadlines[due] - early <= at:
            due += 1
        while wait < len(waiting) and waiting[wait] - early <= at:
            wait += 1
        while done < len(ends) and ends[done] <= at:
            done += 1
        if size > 0:
            counts[_DUE_BY, size - 1] = due
            counts[_WAITING_BY, size - 1] = wait
            counts[_ENCODED_BY, size - 1] = done
        in_grid, deadline = origin + k * step, inf
        if in_grid > until:
            in_grid = inf
        if own < MOST_DEADLINES:
            if due < len(deadlines):
                deadline = deadlines[due] - early
            if wait < len(waiting):
                deadline = min(deadline, waiting[wait] - early)
            if deadline > window:
                deadline = inf
        at = min(in_grid, deadline)
        if at == inf:
            return size
        if at == in_grid:
            row = k if expected else 0
            k += 1
        else:
            own += 1
        points[_TIME, size] = at
        counts[_ROW, size] = row
        counts[_IN_GRID, size] = at == in_grid
        size += 1


@inlined
def _count(state: Any, now: Any, starting: Any, first: Any, size: Any, points: Any) -> None:
    """Compute the distribution of N at each point from the first one on."""
    for q in range(first, size):
        points[_NUMBER, q] = 1.0
    for i in range(len(starting)):
        passed = chance(state.startup, now - starting[i])
        left = 1.0 - passed if passed < 1.0 else 1.0
        for q in range(first, size):
            came = (chance(state.startup, points[_TIME, q] - starting[i]) - passed) / left
            points[_READY, q] = state.works * came
        if passed == 1.0:
            for q in range(first, size):
                points[_READY, q] = state.works
        _take_in(i, first, size, points)


@inlined
def _take_in(number: Any, first: Any, size: Any, points: Any) -> None:
    """Add a publisher to the distribution of N, in which `number` are."""
    top = _NUMBER + number + 1
    for q in range(first, size):
        points[top, q] = points[top - 1, q] * points[_READY, q]
    for k in range(top - 1, _NUMBER, -1):
        for q in range(first, size):
            points[k, q] += points[_READY, q] * (points[k - 1, q] - points[k, q])
    for q in range(first, size):
        points[_NUMBER, q] -= points[_READY, q] * points[_NUMBER, q]


@inlined
def _holds(
    state: Any, now: Any, ready: Any, taken: Any, starting: Any, waiting: Any, ends: Any, deadlines: Any,
    size: Any, counts: Any, points: Any,
) -> Any:  # fmt: skip
    """Return whether the next waiting video has to wait for the sake of a more urgent one."""
    window, own = now + _window(state), waiting[taken] - state.publishing
    before = after = 0.0
    worst = now
    for q in range(size):
        if points[_TIME, q] > window:
            break
        lack = counts[_DUE_BY, q] + max(0, counts[_WAITING_BY, q] - taken) - (ready - taken) - 1
        before = max(before, _at_most(lack, q, len(starting), points))
        if points[_TIME, q] < own:
            risk = _at_most(lack + 1, q, len(starting), points)
            if risk > after:
                after, worst = risk, points[_TIME, q]
    if after <= before:
        return False
    end = inf
    for i in range(len(ends)):
        if deadlines[i] - state.publishing <= worst:
            end = min(end, ends[i])
    if end == inf:
        return False
    waits = max(0.0, end - now)
    half = now + waits / 2
    for i in range(len(starting)):
        passed = chance(state.startup, now - starting[i])
        if passed == 1.0:
            waits *= 1.0 - state.works
        else:
            came = (chance(state.startup, half - starting[i]) - passed) / (1.0 - passed)
            waits *= 1.0 - state.works * came
    return state.holding * (after - before) > waits


@inlined
def _pays(
    state: Any, now: Any, rate: Any, free: Any, left: Any, taken: Any, number: Any, first: Any, size: Any,
    counts: Any, points: Any,
) -> Any:  # fmt: skip
    """Return whether one more publisher is worth the time that it is expected to be idle."""
    until, worst = now + state.startup.longest, 0.0
    for q in range(first, size):
        if points[_TIME, q] > until:
            break
        lack = counts[_DUE_BY, q] + max(0, counts[_WAITING_BY, q] - taken) - free - 1
        worst = max(worst, points[_CHANCE, q] * _short(state, counts[_ROW, q], lack, q, number, points))
    gain, idle = state.price * worst, 0.0
    for q in range(first, size):
        if idle >= gain:
            return False
        if counts[_IN_GRID, q]:
            lack = left + counts[_ENCODED_BY, q] - free
            spare = _surplus(state, counts[_ROW, q], lack, q, number, points)
            idle += state.steps[rate] * points[_CHANCE, q] * spare
    return gain > idle


@inlined
def _at_most(count: Any, q: Any, number: Any, points: Any) -> Any:
    """Return P(N <= count)."""
    if count >= number:
        return 1.0
    total = 0.0
    for k in range(count + 1):
        total += points[_NUMBER + k, q]
    return total


@inlined
def _short(state: Any, row: Any, count: Any, q: Any, number: Any, points: Any) -> Any:
    """Return P(N <= count + S)."""
    reach, middle, total = state.reach[row], state.due.shape[1] // 2 - 1, 0.0
    certain = max(0, count - reach + 1)
    for k in range(min(certain, number + 1)):
        total += points[_NUMBER + k, q]
    for k in range(certain, min(count + reach, number) + 1):
        total += points[_NUMBER + k, q] * state.due[row, k - count + middle]
    return total


@inlined
def _surplus(state: Any, row: Any, count: Any, q: Any, number: Any, points: Any) -> Any:
    """Return P(N >= count + B)."""
    certain, total = max(0, count + state.reach[row]), 0.0
    for k in range(max(0, count), min(certain, number + 1)):
        total += points[_NUMBER + k, q] * state.encoded[row, k - count]
    for k in range(certain, number + 1):
        total += points[_NUMBER + k, q]
    return total
