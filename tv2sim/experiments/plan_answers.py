"""The answer of a plan in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import ceil, floor, isclose, isnan, log10
from typing import NamedTuple

from tv2sim.base.checks import plural
from tv2sim.base.digits import listed, number, rate
from tv2sim.base.errors import ScenarioError, StrategyError
from tv2sim.experiments.candidates import Candidate, in_short, never_on_time
from tv2sim.experiments.race import Choice, Decision, Race, Racer
from tv2sim.results.figures import estimate, unit
from tv2sim.results.metrics import COST
from tv2sim.strategies import Strategy
from tv2sim.strategies.policies import agones, github_arc, gitlab_runner, sandbox_warm_pool
from tv2sim.strategies.strategy import Changes
from tv2sim.theory.bounds import first_fails
from tv2sim.theory.queueing import certificate

__all__ = ["Words", "percent", "price_in_words", "settings_of", "share_in_words"]


class Words(NamedTuple):
    """The answers, each a sentence.

    Attributes
    ----------
    choice : Choice
        What was found.
    race : Race
        By which rules.
    """

    choice: Choice
    race: Race

    @property
    def what(self) -> str:
        """The target in words, rounded up: a rate below the text is below the target."""
        return f"{share_in_words(self.race.target or 0, up=True)} of the videos in time"

    def enough(self, before: Racer | None = None) -> str:
        """Return the target in words, rounded down, but to more than the rate of the candidate before."""
        if self.race.target == 1:
            return "all videos in time"
        than = None if before is None else before.rate.ci_high
        return f"at least {share_in_words(self.race.target or 0, up=False, than=than)} of the videos in time"

    # -- the target is met ---------------------------------------------------------------------------------

    def met(self) -> str:
        """Return the answer if it is known which candidate is the best."""
        best = self.choice.best(self.race)
        assert best is not None
        if self.race.by_price:
            return self._cheapest(best)
        (search,) = self.choice.searches
        candidate, before = best.candidate, search.before_winner
        does = f"publishes {self.enough(before)}: {self._how_many(best)}{self._for(best)}"
        if not candidate.values:
            return f"{candidate.family} {does}{self._sure()}"
        extreme = _extreme(search.candidates)
        if before is None:
            asked = f"with {candidate}, the {extreme} that was asked for"
            return f"{candidate.family} {asked}, {does}{self._sure()}"
        values = _values(search.candidates)
        return (
            f"{candidate} is the {extreme} of {values} with which {candidate.family} {does}; with "
            f"{before.candidate} it is {self._high(before)}{self._sure()}"
        )

    def _cheapest(self, best: Racer) -> str:
        """Return the answer if the price decides."""
        race, label, family = self.race, best.candidate.label, best.candidate.family
        others = sorted((one for one in self.choice.winners if one is not best), key=race.mean_price)
        price = "costs least" if race.prices else "is cheapest"
        shown = all(race.is_dearer(one, best) or race.costs_the_same(one, best) for one in others)
        within = "" if shown else f", to within {rate(race.indifference)}"
        known = [one for one in others if one.reps is not None]
        families = {one.candidate.family: one for one in reversed(known) if one.candidate.family != family}
        known = [one for one in known if not families or one in families.values()][:2]
        prices = ["the same" if race.costs_the_same(one, best) else _price(one) for one in known]
        if race.target is None:
            many = len(self.choice.searches)
            what = f"{price} of {plural(many, 'candidate')}{within}" if many > 1 else "is the only candidate"
            after = f"; {known[0].candidate.label} costs {prices[0]}" if known else ""
            return f"{label} {what}: {price_in_words(best)}{after}{self._sure()}"
        also = listed(f"{one.candidate.label} for {paid}" for one, paid in zip(known, prices, strict=True))
        after = f"; so {'do' if len(known) > 1 else 'does'} {also}" if known else ""
        does = f"publishes {self.enough()} and {price}{within}: {self._how_many(best)}{self._for(best)}"
        return f"{label} {does}{after}{self._sure()}"

    # -- it is not -----------------------------------------------------------------------------------------

    def infeasible(self) -> str:
        """Return the answer if no candidate meets the target."""
        racers = [racer for search in self.choice.searches for racer in search.looked_at]
        best = max(racers, key=lambda racer: racer.rate.ci_high)
        candidate, why = best.candidate, reason(best, self.race)
        end = f"it is {self._high(best)}{f', since {why}' if why else ''}{self._sure()}"
        candidates = [one for search in self.choice.searches for one in search.candidates]
        families = list(dict.fromkeys(one.family for one in candidates))
        if len(candidates) == 1:
            return f"{candidate.label} does not publish {self.what}: {end}"
        if len(families) == 1 and len(candidate.values) == 1:
            values = f"{next(iter(candidate.values))} {_among(candidates)}"
            return f"{candidate.family} does not publish {self.what} with any {values}: with {candidate} {end}"
        return f"None of {listed(families)} publishes {self.what}: with {candidate.label} {end}"

    def undecided(self) -> str:
        """Return the answer if some candidates are too close to call, and what would tell."""
        best = self.choice.best(self.race)
        if self.race.by_price:
            close = max(self.choice.rivals(self.race), key=lambda racer: racer.looks)
        else:
            close = self.choice.searches[0].open[-1]
        if best is None:
            return (
                f"It is not known whether {close.candidate.family} publishes {self.what}: {self._call(close)}"
            )
        label = best.candidate.label
        does = f"publishes {self.enough()}, {self._how_many(best)}{self._for(best)}"
        if self.race.target is None:
            does = f"costs {price_in_words(best)}"
        if close.decision is Decision.MEETS:
            so_far = f"{price_in_words(close)} with {plural(close.replications, 'replication')}"
            gap = self.race.mean_price(close) - self.race.mean_price(best) + self.race.matters(best)
            more = self.race.more(close, best)
            tell = _would_tell(close, gap, gap - more - self.race.matters(best))
            at_most = "" if isnan(more) else f" by up to {_rounded_up(-more)}{unit(self.race.price)}"
            return f"{label} {does}, but {close.candidate.label} may be cheaper{at_most}, {so_far}: {tell}"
        return f"{label} {does}, but {self._call(close)}"

    def _call(self, close: Racer) -> str:
        low, high = percent(close.rate.ci_low, up=False), percent(close.rate.ci_high, up=True)
        label = close.candidate.label if self.race.by_price else str(close.candidate)
        done = plural(close.replications, "replication")
        gap = abs(close.rate.mean - (self.race.target or 0))
        rare = close.reps is not None and len(set(close.reps.estimated_failures.tolist())) == 1
        tell = _would_tell(close, gap, close.rate.half_width, rare=rare)
        return f"{label} is too close to call, {low} to {high} with {done}: {tell}"

    # -- parts of sentences --------------------------------------------------------------------------------

    def _high(self, racer: Racer) -> str:
        """Return how high the rate of a candidate that does not meet the target can be."""
        if racer.by == "certificate":
            return "less than 100 %"
        return f"at most {percent(racer.rate.ci_high, up=True, than=self.race.target)}"

    def _how_many(self, racer: Racer) -> str:
        """Return the rate of a candidate that meets the target, with the limit that decides."""
        low, mean = (
            percent(share, up=False, than=self.race.target) for share in (racer.rate.ci_low, racer.rate.mean)
        )
        if isnan(racer.rate.mean):
            return low if racer.rate.ci_low == 1 else f"{low} or more"
        return mean if racer.rate.half_width < 1e-9 else f"{mean} ({low} or more)"

    def _for(self, racer: Racer) -> str:
        return "" if racer.reps is None else f", for {price_in_words(racer)}"

    def _sure(self) -> str:
        """Return how sure the answer is, which rests on all candidates that were looked at."""
        simulated = [one for search in self.choice.searches for one in search.looked_at if one.reps is not None]
        if not simulated:
            return " (exact, without simulation)"
        if all(racer.is_fixed for racer in simulated):
            return " (exact)"
        return f" (confidence {share_in_words(1 - self.race.alpha, up=False)})"


def _would_tell(racer: Racer, gap: float, half: float, *, rare: bool = False) -> str:
    """Return about how many replications would decide.

    The half width of an interval shrinks with the root of their number, until it is less than the gap; or with
    the number itself where nothing has happened yet.
    """
    if not gap * 1e6 > half:
        return "no number of replications that can be simulated would tell"
    needed = max(racer.replications * (1.1 * half / gap) ** (1 if rare else 2), 2.0 * racer.replications)
    digits = 10 ** max(0, floor(log10(needed)) - 1)
    return f"about {plural(ceil(needed / digits) * digits, 'replication')} would tell"


def price_in_words(racer: Racer) -> str:
    """Return the mean price of a candidate that was simulated."""
    return f"{_price(racer)}{'' if racer.reps and racer.reps.prices else ' of idle publishers'} a run"


def _price(racer: Racer) -> str:
    assert racer.reps is not None
    metric = COST if racer.reps.prices else "idle"
    return estimate(metric, racer.reps.interval(metric))


def percent(share: float, *, up: bool, than: float | None = None, digits: int = 2) -> str:
    """Return a rate in percent, rounded up or down to so many digits of the share that is late.

    There are as many decimals as keep it below the rate `than` if it is rounded up, or else not below it.

    >>> percent(0.99971234, up=False), percent(0.99971234, up=True), percent(1.0, up=True)
    ('99.971 %', '99.972 %', '100 %')
    >>> percent(0.99779995, up=True, than=0.9978), percent(0.99780005, up=False, than=0.9978)
    ('99.779995 %', '99.78 %')
    >>> percent(0.8311688, up=True, than=0.831169), percent(0.8311695, up=False, than=0.831169)
    ('83.11688 %', '83.1169 %')
    """
    late = 100 * (1 - share)
    if isnan(share) or late <= 1e-12 or late >= 100:
        return rate(share)
    decimals = min(12, max(1, digits - 1 - floor(log10(late))))
    while True:
        rounded = (ceil if up else floor)(round(100 * share * 10**decimals, 6)) / 10**decimals
        beyond = 0.0 if than is None else rounded - 100 * than
        if than is None or decimals == 12 or (beyond < -1e-12 if up else beyond > -1e-12):
            return f"{rounded:.{decimals}f} %"
        decimals += 1


def share_in_words(share: float, *, up: bool, than: float | None = None) -> str:
    """Return a share that was asked for in percent: as it is if it has few digits, else rounded up or down.

    >>> share_in_words(0.999, up=False), share_in_words(1 - 1 / 1728, up=False)
    ('99.9 %', '99.94212 %')
    >>> share_in_words(0.99999999, up=True), share_in_words(1 - 1 / 1728, up=True)
    ('99.999999 %', '99.94213 %')
    """
    text = f"{100 * share:.10g}"
    few = isclose(float(text), 100 * share, rel_tol=0, abs_tol=1e-12)
    return f"{text} %" if few else percent(share, up=up, than=than, digits=4)


def _rounded_up(value: float) -> str:
    """Return a positive number, rounded up to two digits.

    >>> _rounded_up(0.000123), _rounded_up(17.2)
    ('0.00013', '18')
    """
    decimals = max(0, 1 - floor(log10(value)))
    return number(ceil(round(value * 10**decimals, 6)) / 10**decimals, decimals)


def _values(candidates: Sequence[Candidate]) -> str:
    """Return the values of the field in which candidates differ, "6 to 20"."""
    values = [next(iter(one.values.values())) for one in candidates]
    whole = all(isinstance(value, int) for value in values)
    if len(values) > 2 and whole and all(after - before == 1 for before, after in pairwise(values)):
        return f"{values[0]} to {values[-1]}"
    if len(values) > 6:
        return f"{in_short(values[0])}, {in_short(values[1])}, ..., {in_short(values[-1])}"
    return listed(map(in_short, values))


def _among(candidates: Sequence[Candidate]) -> str:
    """Return the values as they follow the field's name, "from 6 to 20" or "of 4 and 5"."""
    values = _values(candidates)
    return f"{'from' if ' to ' in values else 'of'} {values}"


def _extreme(candidates: Sequence[Candidate]) -> str:
    """Return in which sense the first candidates are preferred."""
    values = [next(iter(one.values.values())) for one in candidates]
    if all(isinstance(value, int | float) for value in values) and len(candidates[0].values) == 1:
        if values == sorted(values):
            return "smallest"
        if values == sorted(values, reverse=True):
            return "largest"
    return "first"


# -- why a target cannot be met --------------------------------------------------------------------------


def reason(racer: Racer, race: Race) -> str:
    """Return why the candidate that comes closest does not meet the target; empty if that is not known."""
    candidate, videos = racer.candidate, len(racer.candidate.catalogue)
    allowed = (1 - (race.target or 0)) * videos + 1e-9  # the arithmetic's error
    if never := never_on_time(candidate):
        takes = "takes" if never == 1 else "take"
        said = f"{plural(never, 'video')} of {videos:,} {takes} longer to encode than the timeout allows"
        if never > allowed:
            return said
    if racer.by == "certificate":
        slowest = certificate(candidate.catalogue, candidate.strategy, candidate.scenario)
        fail = f"{plural(slowest.failed, 'video')} {'fails' if slowest.failed == 1 else 'fail'}"
        return f"{fail} if every start-up takes {slowest.startup_time:g} s"
    if warning := _cannot_keep_up(candidate):
        return warning
    if (cold := _cold(candidate)) > allowed:
        return (
            f"the pool starts cold, and the first video that it serves fails with a probability of {cold:.2g} "
            f"(ready_at_start=True is a pool that is warm at the start)"
        )
    if racer.by == "bound" and racer.exact.bound is not None:
        return (
            f"{racer.exact.bound.failed:.3g} of {videos:,} videos must fail on average, even if no other video "
            f"ever waits"
        )
    return ""


def _cannot_keep_up(candidate: Candidate) -> str:
    """Return a sentence if the pool, or the limit of publishers, serves no more videos than arrive."""
    strategy = candidate.strategy.sized(candidate.catalogue, candidate.scenario)
    is_pool = strategy.keeps_its_size and not strategy.starts_for_videos
    limits = ("pool", "quota") if is_pool else ("quota",)
    load = candidate.scenario.explain(candidate.catalogue, prewarmed=strategy.prewarmed)
    found = [one for one in load.warnings if one.of in limits and one.rate >= one.capacity * (1 - 1e-9)]
    return str(found[0]) if found else ""


def _cold(candidate: Candidate) -> float:
    """Return the probability that the first video that a pool serves fails since no publisher is ready yet."""
    try:
        return first_fails(candidate.catalogue, candidate.strategy, candidate.scenario)
    except (StrategyError, ScenarioError):
        return 0.0


# -- in the words of products that have such a pool ------------------------------------------------------


_SETTINGS: dict[str, tuple[Callable[..., Strategy], str]] = {
    "GitLab Runner": (gitlab_runner, "IdleCount = {}"),
    "GitHub ARC": (github_arc, "minRunners: {}"),
    "Agones": (agones, "bufferSize: {}"),
    "Kubernetes' agent sandbox": (sandbox_warm_pool, "replicas: {}"),
}
"""The pool of each product by its size, and how the product says the size."""
_POOL: Changes = {"name": "pool", "maximum": None, "starts_at_most": None, "idle_time_to_live": None}
"""The name of a pool that is compared, and fields that are other settings of these products."""


def settings_of(strategy: Strategy) -> dict[str, str]:
    """Return the setting of each product that is this pool.

    >>> import tv2sim as tv
    >>> settings_of(tv.PART_2C.replace(prewarmed=12))
    {'GitLab Runner': 'IdleCount = 12', 'Agones': 'bufferSize: 12'}
    """
    size = strategy.known_stock
    if not size:
        return {}
    plain = strategy.replace(**_POOL)
    return {
        product: text.format(size)
        for product, (preset, text) in _SETTINGS.items()
        if preset(size).replace(name="pool") == plain
    }
