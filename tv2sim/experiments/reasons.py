"""Why a target cannot be met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tv2sim.base.checks import plural
from tv2sim.base.errors import ScenarioError, StrategyError
from tv2sim.experiments.theory_limits import never_on_time
from tv2sim.theory.bound import first_fails
from tv2sim.theory.queueing import certificate

if TYPE_CHECKING:
    from tv2sim.experiments.candidates import Candidate
    from tv2sim.experiments.race import Race, Racer

__all__ = ["reason"]


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
    if racer.by == "bound" and racer.exact is not None and racer.exact.bound is not None:
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
