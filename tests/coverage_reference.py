"""The coverage rule in plain Python, as its text has it: what :mod:`tv2sim.strategies.coverage` has to decide.

Distributions of whole numbers are dictionaries. Nothing is kept between decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import count
from math import exp, inf
from typing import NamedTuple

Numbers = Mapping[int, float]


class Type(NamedTuple):
    """A type of video in the mix."""

    encoding_time: float
    timeout: float
    weight: float


class Encoding(NamedTuple):
    """A video that is being encoded."""

    end: float
    deadline: float


class Decision(NamedTuple):
    """What is decided, and how near the nearest comparison was to turning out otherwise."""

    taken: int
    started: int
    held: bool
    margin: float


@dataclass
class State:
    """What the rule knows at an instant; all times are in ticks."""

    startup: Callable[[float], float]
    longest: float
    now: float
    gap: float
    last: float
    """The last start of an encoding; -inf if there was none."""
    price: float
    holding: float
    mix: Sequence[Type] | None = None
    """None: no videos are expected."""
    poisson: bool = False
    works: float = 1.0
    publishing: float = 0.0
    ready: int = 0
    starting: Sequence[float] = ()
    waiting: Sequence[float] = ()
    encoding: Sequence[Encoding] = ()
    margins: list[float] = field(default_factory=lambda: [inf])

    def decision(self) -> Decision:
        """Dispatch, then start."""
        waiting, ready, held = sorted(self.waiting), self.ready, False
        points = self.points
        numbers = {u: self.coming(u) for u in points}
        while waiting and ready:
            held = self.holding > 0 and self.holds(waiting, ready, numbers)
            if held:
                break
            del waiting[0]
            ready -= 1
        started = 0
        while self.price > 0 and started < 24 and self.pays(waiting, ready, numbers):
            numbers = {u: plus_one(numbers[u], self.works * self.startup(float(u))) for u in points}
            started += 1
        return Decision(len(self.waiting) - len(waiting), started, held, min(self.margins))

    def exceeds(self, one: float, other: float) -> bool:
        """Compare, and note how near they are."""
        if one != other:
            self.margins.append(abs(one - other) / max(one, other, 1.0))
        return one > other

    # -- points ----------------------------------------------------------------------------------------------

    @property
    def step(self) -> Fraction:
        """A gap, halved or doubled until 8 to 32 are in h + h/3."""
        step = Fraction(self.gap) if self.gap < inf else Fraction(self.ahead) / 16
        while self.ahead / step < 8:
            step /= 2
        while self.ahead / step > 32:
            step *= 2
        return step

    @property
    def ahead(self) -> float:
        return self.longest + self.longest // 3

    @property
    def expects(self) -> bool:
        """Whether videos are expected."""
        late = not self.poisson and self.now - self.last >= 2 * self.gap
        return self.mix is not None and self.gap < inf and not late

    @property
    def origin(self) -> float:
        """The time after which videos are expected a gap apart, and from which the grid's steps are counted."""
        if self.expects and (self.poisson or self.last + self.gap <= self.now):
            return self.now - self.gap / 2
        return self.now if self.last == -inf else self.last

    @cached_property
    def grid(self) -> list[Fraction]:
        """Return the points of the grid, from now."""
        begun = Fraction(self.origin) - Fraction(self.now)
        first = -begun // self.step + 1
        every = (begun + k * self.step for k in count(first))
        found = [u for u, _ in zip(every, range(100), strict=False)]
        return [u for u in found if u <= self.ahead]

    @cached_property
    def points(self) -> list[Fraction]:
        """Return all points, from now."""
        known = [*self.waiting, *(each.deadline for each in self.encoding)]
        after = [Fraction(deadline) - Fraction(self.publishing) - Fraction(self.now) for deadline in known]
        return sorted({*self.grid, *(u for u in after if 0 < u <= self.longest + self.longest // 12)})

    # -- demand and supply -----------------------------------------------------------------------------------

    def due(self, waiting: Sequence[float], u: Fraction) -> int:
        """K(u)."""
        known = [*waiting, *(each.deadline for each in self.encoding)]
        return sum(deadline - self.publishing <= self.now + u for deadline in known)

    def encoded(self, waiting: Sequence[float], u: Fraction) -> int:
        """A(u)."""
        return len(waiting) + sum(each.end <= self.now + u for each in self.encoding)

    def ready_by(self, start: float, u: float | Fraction) -> float:
        """p(u) of one that is starting."""
        age = self.startup(self.now - start)
        by_then = (self.startup(float(self.now + u) - start) - age) / (1 - age) if age < 1 else 1.0
        return self.works * by_then

    def coming(self, u: Fraction) -> Numbers:
        """Return the distribution of N(u)."""
        found: Numbers = {0: 1.0}
        for start in self.starting:
            found = plus_one(found, self.ready_by(start, u))
        return found

    @cached_property
    def forecast(self) -> dict[Fraction, tuple[Numbers, Numbers]]:
        """S(u) and B(u) at all points."""
        return {u: self.expected(u) for u in self.points}

    def expected(self, u: Fraction) -> tuple[Numbers, Numbers]:
        """Return the distributions of S(u) and B(u)."""
        more, less, done = [], [], []
        if self.expects:
            mix = self.mix or ()
            begun = Fraction(self.origin) - Fraction(self.now)
            until = begun + (u - begun) // self.step * self.step  # the grid's point before
            since = until - begun - Fraction(self.gap)
            while since >= 0:
                own = [self.works * self.startup(float(since) - max(0.0, t - self.longest)) for _, t, _ in mix]
                each = list(zip(mix, own, strict=True))
                more.append(sum(w * (1 - ready) for (_, t, w), ready in each if t <= since))
                less.append(sum(w * ready for (_, t, w), ready in each if t > since))
                done.append(sum(w for e, _, w in mix if e <= since))
                since -= Fraction(self.gap)
        if self.poisson:
            return difference(poisson(sum(more)), poisson(sum(less))), poisson(sum(done))
        net: Numbers = {0: 1.0}
        encoded: Numbers = {0: 1.0}
        for up, down, by_then in zip(more, less, done, strict=True):
            net = convolved(net, {1: up, -1: down, 0: 1 - up - down})
            encoded = plus_one(encoded, by_then)
        return net, encoded

    # -- start and hold --------------------------------------------------------------------------------------

    def pays(self, waiting: Sequence[float], ready: int, numbers: Mapping[Fraction, Numbers]) -> bool:
        """Return whether a publisher more is worth its idle time."""
        worst, idle = 0.0, 0.0
        for u, (net, encoded) in self.forecast.items():
            chance = self.works * self.startup(float(u))
            if u <= self.longest:
                most = self.due(waiting, u) - ready - 1
                short = sum(p * at_most(numbers[u], most + s) for s, p in net.items())
                worst = max(worst, chance * short)
            if u in self.grid:
                most = self.encoded(waiting, u) - ready - 1
                surplus = 1 - sum(p * at_most(numbers[u], most + b) for b, p in encoded.items())
                idle += float(self.step) * chance * surplus
        return self.exceeds(self.price * worst, idle)

    def holds(self, waiting: Sequence[float], ready: int, numbers: Mapping[Fraction, Numbers]) -> bool:
        """Return whether the first waiting video has to wait."""
        own = waiting[0] - self.publishing - self.now
        most = {
            u: self.due(waiting, u) - ready - 1 for u in self.points if u <= self.longest + self.longest // 12
        }
        before = max((at_most(numbers[u], most[u]) for u in most), default=0.0)
        risks = {u: at_most(numbers[u], most[u] + 1) for u in most if u < own}
        after = max(risks.values(), default=0.0)
        if not self.exceeds(after, before):
            return False
        at = min(u for u, risk in risks.items() if risk == after)
        self.margins += [after - risk for u, risk in risks.items() if u < at and after > risk]
        ends = [each.end for each in self.encoding if each.deadline - self.publishing <= self.now + at]
        if not ends:
            return False
        wait = left = max(0.0, min(ends) - self.now)
        for start in self.starting:
            wait *= 1 - self.ready_by(start, left / 2)
        return self.exceeds(self.holding * (after - before), wait)


# -- distributions of whole numbers ----------------------------------------------------------------------------


def convolved(one: Numbers, other: Numbers) -> Numbers:
    """Return the distribution of a sum."""
    found: dict[int, float] = {}
    for a, p in one.items():
        for b, q in other.items():
            found[a + b] = found.get(a + b, 0.0) + p * q
    return found


def plus_one(numbers: Numbers, probability: float) -> Numbers:
    """Return the distribution after one more may have come."""
    return convolved(numbers, {0: 1 - probability, 1: probability})


def difference(one: Numbers, other: Numbers) -> Numbers:
    """Return the distribution of a difference."""
    return convolved(one, {-number: p for number, p in other.items()})


def poisson(mean: float) -> Numbers:
    """Return a Poisson distribution."""
    found = {0: exp(-mean)}
    for k in range(1, int(mean + 10 * mean**0.5) + 20):
        found[k] = found[k - 1] * mean / k
    return found


def at_most(numbers: Numbers, most: int) -> float:
    """Return the probability of at most so many."""
    return 1.0 if most >= max(numbers) else sum(p for number, p in numbers.items() if number <= most)
