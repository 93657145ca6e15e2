"""The coverage rule in plain Python, as its text has it: what :mod:`tv2sim.strategies.coverage` has to decide.

Nothing is kept between decisions. Probabilities are added in the order that the text gives, so that both decide
the same even where two sides of a comparison differ only by errors of arithmetic, or not at all. All times are
in ticks, and those of a state count from the start of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, pairwise, takewhile
from math import inf
from typing import NamedTuple

Function = Callable[[Sequence[float]], Sequence[float]]

POINTS = 2048
MOST_STARTS = 24
MOST_DEADLINES = 64
UNKNOWN = 10


# -- the start-up time ---------------------------------------------------------------------------------------


class Startup(NamedTuple):
    """F, as a table of values at evenly spaced times."""

    first: float
    """The second of these times; F is 0 at the one before."""
    per_tick: float
    values: Sequence[float]
    rises: Sequence[float]
    """What F rises by until the next of these times; 0 if it steps up in between."""
    longest: float

    def __call__(self, time: float) -> float:
        """Return F(time), on a straight line between two values."""
        place = min(max((time - self.first) * self.per_tick + 1.0, 0.0), POINTS - 1.0)
        cell = int(place)
        return self.values[cell] + (place - cell) * self.rises[cell]


def startup(quantile: Function, cdf: Function, delay: float = 0.0) -> Startup:
    """Return the table of a start-up time, of which a delay is a fixed part.

    `quantile` and `cdf` take several numbers; their times are in seconds, and `delay` is in ticks.
    """
    low, likely, end = (float(round(time * 1e6)) for time in quantile([2.0**-53, 0.995, 1 - 2.0**-53]))
    longest = end if end <= 1.1 * likely else likely
    width = (min(end, 2 * longest) - low) / (POINTS - 2) or 1.0
    # a time that is drawn is rounded to ticks
    values = [*cdf([(low + width * i + 0.5) / 1e6 for i in range(POINTS - 2)]), 1.0]
    rises = [after - before for before, after in pairwise(values)]
    shares = [
        min(max(value + rise * i / 16, 2.0**-53), 1 - 2.0**-53)
        for value, rise in zip(values, rises, strict=False)
        for i in range(1, 16)
    ]
    times = quantile(shares)
    steps = [any(times[i + k] == times[i + k + 1] for k in range(14)) for i in range(0, len(times), 15)]
    slopes = [0.0 if step else rise for step, rise in zip(steps, rises, strict=True)]
    per_tick = (1 + 2.0**-50) / width
    return Startup(low + delay, per_tick, [0.0, *values], [0.0, *slopes, 0.0], longest + delay)


# -- what is known and what is decided -----------------------------------------------------------------------


class Type(NamedTuple):
    """What a video of the mix takes; its timeout is that of which the mean publishing time is taken off."""

    encoding_time: float
    timeout: float


class Encoding(NamedTuple):
    """A video that is being encoded."""

    end: float
    deadline: float


class Decision(NamedTuple):
    """How many waiting videos take a publisher, how many are started, and whether one is held."""

    taken: int
    started: int
    held: bool


@dataclass
class State:
    """What the rule knows at an instant."""

    startup: Startup
    now: float
    gaps: Sequence[float]
    """The time between two videos, for each rate of the client."""
    rate: int
    """Which of them holds now."""
    last: float
    """The last start of an encoding; -inf if there was none."""
    price: float
    holding: float
    mix: Sequence[Type] | None = None
    """None: no videos are expected."""
    learned: bool = False
    """Whether the mix is that of the videos so far."""
    poisson: bool = False
    works: float = 1.0
    publishing: float = 0.0
    ready: int = 0
    starting: Sequence[float] = ()
    """When those that are starting were ordered."""
    waiting: Sequence[float] = ()
    """Deadlines."""
    encoding: Sequence[Encoding] = ()

    def decision(self) -> Decision:
        """Dispatch, then start."""
        waiting, ready, held = sorted(self.waiting), self.ready, False
        numbers = {t: self.coming(t) for t in self.points}
        while waiting and ready:
            held = self.holding > 0 and self.holds(waiting, ready, numbers)
            if held:
                break
            del waiting[0]
            ready -= 1
        started = 0
        while self.price > 0 and started < MOST_STARTS and self.pays(waiting, ready, numbers):
            numbers = {t: plus_one(numbers[t], self.new(t)) for t in self.points}
            started += 1
        return Decision(len(self.waiting) - len(waiting), started, held)

    # -- points ----------------------------------------------------------------------------------------------

    @property
    def gap(self) -> float:
        return self.gaps[self.rate]

    @cached_property
    def longest(self) -> float:
        """h, which is at least a thousandth of the longest gap."""
        return max(self.startup.longest, max((gap for gap in self.gaps if gap < inf), default=0.0) / 1_000)

    def latest_start(self, deadline: float) -> float:
        """Return when it decides although nothing happens: the last time at which h is left."""
        return deadline - self.publishing - self.longest // 1

    @property
    def ahead(self) -> float:
        return self.longest + self.longest // 3

    @property
    def window(self) -> float:
        return self.longest + self.longest // 12

    def spacing(self, gap: float) -> tuple[float, int, int]:
        """Return the grid's step, how many of them are in a gap, and how many gaps in one; one of both is 1.

        A step is a gap, halved or doubled until there are 8 to 32 ahead.
        """
        step, apart, each = (gap, 1, 1) if gap < inf else (self.ahead / 16, 1, 1)
        while self.ahead / step < 8:
            step, apart = step / 2, apart * 2
        while self.ahead / step > 32:
            step, each = step * 2, each * 2
        return step, apart, each

    @cached_property
    def step(self) -> float:
        return self.spacing(self.gap)[0]

    @property
    def is_overdue(self) -> bool:
        return self.last + self.gap <= self.now

    @property
    def expects(self) -> bool:
        """Whether videos are expected: after two gaps without one, they are not."""
        may = self.price > 0 and self.mix is not None and self.gap < inf
        return may and (self.poisson or self.now < self.last + 2 * self.gap)

    @property
    def origin(self) -> float:
        """The time after which videos are expected a gap apart, and from which the grid's steps are counted."""
        if self.expects and (self.poisson or self.is_overdue):
            return self.now - self.gap / 2
        return self.now if self.last == -inf else self.last

    @cached_property
    def grid(self) -> dict[float, int]:
        """The points of the grid, each with how many steps after the origin it is."""
        first = int((self.now - self.origin) / self.step) + 1
        times = ((self.origin + k * self.step, k) for k in count(first))
        until = self.now + self.ahead
        return {t: k for t, k in takewhile(lambda pair: pair[0] <= until, times) if t > self.now}

    @cached_property
    def points(self) -> list[float]:
        """All points: those of the grid, and the nearest deadlines that are not among them."""
        known = [*self.waiting, *(each.deadline for each in self.encoding)]
        own = {deadline - self.publishing for deadline in known} - set(self.grid)
        ahead = [t for t in sorted(own) if self.now < t <= self.now + self.window]
        return sorted([*self.grid, *ahead[:MOST_DEADLINES]])

    # -- demand and supply -----------------------------------------------------------------------------------

    def due(self, waiting: Sequence[float], t: float) -> int:
        """K(u)."""
        known = [*waiting, *(each.deadline for each in self.encoding)]
        return sum(deadline - self.publishing <= t for deadline in known)

    def encoded(self, waiting: Sequence[float], t: float) -> int:
        """A(u)."""
        return len(waiting) + sum(each.end <= t for each in self.encoding)

    def new(self, t: float) -> float:
        """F(u), times the probability that a start-up does not fail."""
        return self.works * self.startup(t - self.now)

    def ready_by(self, start: float, t: float) -> float:
        """p(u) of one that is starting."""
        age = self.startup(self.now - start)
        return self.works * ((self.startup(t - start) - age) / (1 - age) if age < 1 else 1.0)

    def coming(self, t: float) -> list[float]:
        """Return the distribution of N(u)."""
        found = [1.0]
        for start in self.starting:
            found = plus_one(found, self.ready_by(start, t))
        return found

    # -- forecast --------------------------------------------------------------------------------------------

    @cached_property
    def forecast(self) -> dict[float, tuple[Tail, Tail]]:
        """P(S >= m) and P(B <= m) at all points: at a deadline those of the grid's point before it."""
        found = {}
        row = min(self.grid.values()) - 1
        for t in self.points:
            row = self.grid.get(t, row)
            found[t] = self.rows[row if self.expects else 0]
        return found

    @cached_property
    def rows(self) -> list[tuple[Tail, Tail]]:
        """The same whole steps after the origin, each from the one that has a gap less."""
        _, apart, each = self.spacing(self.gap)
        last = max(self.grid.values()) if self.expects else 0
        found = [(Tail(0, {}, -1), Tail(0, {}, 1))] * min(apart, last + 1)
        means = [(0.0, 0.0, 0.0)] * min(apart, last + 1)
        for before in range(last + 1 - apart):
            net, encoded = found[before]
            mean = means[before]
            for more, less, done in self.worth[before * each : (before + 1) * each]:
                same = 1.0 - more - less
                net = net.after({m: net[m] * same + net[m - 1] * more + net[m + 1] * less for m in net.open})
                encoded = encoded.after(
                    {m: encoded[m] + done * (encoded[m - 1] - encoded[m]) for m in encoded.open}
                )
                mean = (mean[0] + more, mean[1] + less, mean[2] + done)
            found.append(self.poisson_row(*mean) if self.poisson else (net, encoded))
            means.append(mean)
        return found

    @cached_property
    def worth(self) -> list[tuple[float, float, float]]:
        """With which probabilities a video changes S by 1 and by -1, and B, by the time since it came."""
        mix, unit = self.mix or (), min(self.step, self.gap)
        known = len(mix) + UNKNOWN * self.learned
        weight = 1.0 / known if known else 0.0
        found = []
        for i in range(int((self.ahead + self.gap) / unit) + 2):
            since = i * unit
            own = [self.works * self.startup(since - max(0.0, timeout - self.longest)) for _, timeout in mix]
            each = list(zip(mix, own, strict=True))
            more = added(1 - ready for (_, timeout), ready in each if timeout <= since)
            less = added(ready for (_, timeout), ready in each if timeout > since)
            done = added(1.0 for time, _ in mix if time <= since)
            found.append((more * weight, less * weight, done * weight))
        return found

    def poisson_row(self, *means: float) -> tuple[Tail, Tail]:
        """Let S be the difference of two Poisson numbers, and B another."""
        more, less, done = (poisson(mean, self.most) for mean in means)
        at_least = [1.0] * len(more)
        total = 0.0
        for k in range(len(more) - 1, 0, -1):
            at_least[k] = total = total + more[k]
        net = {
            m: added(p * at_least[max(m + k, 0)] for k, p in enumerate(less) if m + k < len(more))
            for m in range(max(1 - len(less), 1 - self.most), self.most + 1)
        }
        encoded = {m: added(done[: m + 1]) for m in range(min(len(done), self.most))}
        return Tail(min(len(less), self.most), net, -1), Tail(len(encoded), encoded, 1)

    @property
    def most(self) -> int:
        """The largest Poisson number that is looked at."""
        reach = 0
        for gap in self.gaps:
            step, apart, each = self.spacing(gap)
            rows = int((self.ahead + gap) / step) + 2 if gap < inf else 1
            reach = max(reach, rows // apart * each if rows > 1 else 0)
        return reach + (int(6 * reach**0.5) + 10 if reach else 0)

    # -- start and hold --------------------------------------------------------------------------------------

    def pays(self, waiting: Sequence[float], ready: int, numbers: dict[float, list[float]]) -> bool:
        """Return whether a publisher more is worth its idle time."""
        worst = 0.0
        idle = []
        for t, (net, encoded) in self.forecast.items():
            if t <= self.now + self.longest:
                most = self.due(waiting, t) - ready - 1
                short = added(p * net[k - most] for k, p in enumerate(numbers[t]))
                worst = max(worst, self.new(t) * short)
            if t in self.grid:
                least = self.encoded(waiting, t) - ready
                surplus = added(p * encoded[k - least] for k, p in enumerate(numbers[t]))
                idle.append(self.step * self.new(t) * surplus)
        return self.price * worst > added(idle)

    def holds(self, waiting: Sequence[float], ready: int, numbers: dict[float, list[float]]) -> bool:
        """Return whether the first waiting video has to wait."""
        own, until = waiting[0] - self.publishing, self.now + self.window
        most = {t: self.due(waiting, t) - ready - 1 for t in self.points if t <= until}
        before = max((at_most(numbers[t], most[t]) for t in most), default=0.0)
        risks = {t: at_most(numbers[t], most[t] + 1) for t in most if t < own}
        after = max(risks.values(), default=0.0)
        if after <= before:
            return False
        worst = min(t for t, risk in risks.items() if risk == after)
        ends = [each.end for each in self.encoding if each.deadline - self.publishing <= worst]
        if not ends:
            return False
        wait = max(0.0, min(ends) - self.now)
        half = self.now + wait / 2
        for start in self.starting:
            wait *= 1 - self.ready_by(start, half)
        return self.holding * (after - before) > wait


# -- distributions of whole numbers ----------------------------------------------------------------------------


@dataclass
class Tail:
    """P(S >= m), which is certain at -reach and below, and 0 above what is known (`side` is -1).

    Or P(B <= m), which is certain at reach and above, and 0 below what is known (1).
    """

    reach: int
    known: dict[int, float]
    side: int

    def __getitem__(self, m: int) -> float:
        return 1.0 if m * self.side >= self.reach else self.known.get(m, 0.0)

    @property
    def open(self) -> range:
        """The numbers of which nothing is certain once another video has come."""
        return range(-self.reach, self.reach + 2) if self.side < 0 else range(self.reach + 1)

    def after(self, known: dict[int, float]) -> Tail:
        """Return it as it is once another video has come."""
        return Tail(self.reach + 1, known, self.side)


def added(numbers: Iterable[float]) -> float:
    """Add one after the other; newer versions of `sum` are more exact than that."""
    total = 0.0
    for number in numbers:
        total += number
    return total


def plus_one(numbers: Sequence[float], probability: float) -> list[float]:
    """Return the distribution of a number after one more may have come."""
    stay, come = [*numbers, 0.0], [0.0, *numbers]
    return [this + probability * (before - this) for this, before in zip(stay, come, strict=True)]


def at_most(numbers: Sequence[float], most: int) -> float:
    """Return the probability of at most so many."""
    return 1.0 if most >= len(numbers) - 1 else added(numbers[: max(0, most + 1)])


def poisson(mean: float, most: int) -> list[float]:
    """Return a Poisson distribution, computed from its mode outwards and divided by its sum."""
    mode = min(int(mean), most)
    upwards, downwards = [1.0], [1.0]
    while mode + len(upwards) <= most and upwards[-1] > 1e-18:
        upwards.append(upwards[-1] * mean / (mode + len(upwards)))
    for k in range(mode, 0, -1):
        downwards.append(downwards[-1] * k / mean)
    total = added([*upwards, *downwards[1:]])
    return [p / total for p in [*reversed(downwards[1:]), *upwards]]
