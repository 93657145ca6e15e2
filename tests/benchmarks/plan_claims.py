"""How many sentences of plans are false: random worlds, in which many replications show the truth.

    python -m tests.benchmarks.plan_claims --first 0 --plans 200

A plan's claims are read from its sentence and its table, and held against replications with another seed.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from math import sqrt
from random import Random
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

import tv2sim as tv
from tests.helpers.worlds import ByTimeout, Delayed, EarliestDeadline
from tv2sim.engines.choice import engine_for
from tv2sim.experiments.race import Decision, Racer

__all__ = ["Asked", "asked_of", "false_claims"]

FAR = 5.0
"""A claim is false if the truth is farther from it than so many standard errors."""
CONFIDENCE = 0.9999
"""The plans' confidence, so that no claim is expected to be false by chance."""
_SEED = 10**6
_POOLS = (
    tv.PART_2C, tv.PART_2C, tv.PART_2C,
    tv.Strategy("mixed", starts_on="encoding_started", dedicated_from=0.6),
    tv.Strategy("beside", dedicated_from=0.8),
    tv.PART_2C.replace(name="by deadline", queue_order="deadline"),
    tv.PART_2C.replace(name="late", discards_hopeless=True),
    tv.PART_2C.replace(name="warm", ready_at_start=True),
    tv.PART_2C.replace(name="held", holds_back=20),
    tv.Strategy("started", starts_on="encoded"),
    tv.STRATEGIES["advance"], tv.STRATEGIES["just in time"], tv.STRATEGIES["slack aware"],
    tv.STRATEGIES["adaptive"].replace(prewarmed=1),
    ByTimeout("by timeout"), Delayed("delayed", starts_on="encoding_started"), EarliestDeadline("earliest"),
)  # fmt: skip


class Asked(NamedTuple):
    """What a plan is asked for, without the target."""

    catalogue: tv.Catalogue
    strategies: list[tv.Strategy]
    scenario: tv.Scenario
    vary: dict[str, list[Any]] | None
    prices: tv.Prices | None


class Truth(NamedTuple):
    """What many replications of a candidate show."""

    on_time: float
    error: float
    prices: np.ndarray[Any, np.dtype[np.float64]]


def asked_of(random: Random) -> Asked:
    """Return a random question."""
    videos = random.choice((1, 8, 20, 30))
    times = [
        {
            "id": f"v{row}",
            "encodingTime": random.randint(0, 12) / 2,
            "publicationTimeout": random.randint(4, 22) / 2,
        }
        for row in range(videos)
    ]
    scenario = tv.Scenario(
        encoders=random.choice((1, 3, 10, 10, None)),
        requests_per_second=random.choice((0.5, 1, 2, 2)),
        startup_time=random.choice(("uniform(2, 6)", "uniform(2, 6)", "exponential(4)", "constant(4)")),
        publishing_time=random.choice((0, 0, 0.5)),
        publishing_queue_capacity=random.choice((100, None, 0, 2)),
        max_publishers=random.choice((None, None, 3, 6, 9)),
        arrivals=random.choice(("even", "even", "poisson")),
        until=random.choice((None, None, None, 20)),
        encoding_factor=random.choice((None, None, "uniform(0.5, 1.5)")),
        faults=random.choice(
            (tv.Faults(), tv.Faults(), tv.Faults(), tv.Faults(startup=0.2), tv.Faults(ready_lifetime=5))
        ),
    )
    if scenario.encoders is None:
        scenario = scenario.replace(encoding_factor=None)
    strategies, vary = _chosen(random)
    prices = (
        tv.Prices(starting=0.1, ready=0.2, failed=random.choice((0, 1, 20))) if random.random() < 0.2 else None
    )
    return Asked(tv.read_catalogue(times), strategies, scenario, vary, prices)


def _chosen(random: Random) -> tuple[list[tv.Strategy], Any]:
    sizes = sorted(random.sample(range(10), random.randint(2, 6)))
    vary = random.choice(
        (
            {"prewarmed": sizes}, {"prewarmed": sizes}, {"prewarmed": sizes}, {"prewarmed": [*reversed(sizes)]},
            {"prewarmed": sizes[:3], "publishing_queue_capacity": [None, 1]},
            {"max_publishers": [2, 4, 8, None]}, {"encoders": [1, 2, 4, 8]}, {"startup_time": [2, 4, 1]},
        )
    )  # fmt: skip
    if random.random() < 0.15:
        return [tv.STRATEGIES["coverage"]], {"price": [1, 10, 60, 400]}
    if random.random() < 0.15:
        return [tv.PART_1, tv.PART_2A, tv.PART_2B, random.choice(_POOLS[3:])], None
    return random.sample(_POOLS[2:], random.choice((1, 1, 1, 2))), vary


def false_claims(number: int, replications: int = 1500, most: int = 800) -> tuple[str, list[str]]:
    """Return the status of the plan of a number, of so many replications at most, and its false claims."""
    random = Random(number)
    asked = asked_of(random)
    how: dict[str, Any] = {"vary": asked.vary, "prices": asked.prices, "progress": False}
    how |= {"confidence": CONFIDENCE, "control": random.random() < 0.85, "replications": most}
    how |= {"indifference": random.choice((0.01, 0.01, 0)), "seed": number}
    try:
        plan = tv.plan(asked.catalogue, asked.strategies, asked.scenario, target=0.5, **how)
    except tv.InputError:  # the strategy and the scenario contradict each other
        return "refused", []
    racers = [racer for search in plan._choice.searches for racer in search.racers]
    truths = {racer.candidate: _truth(racer, asked.prices, replications) for racer in racers}
    if asked.prices is None or random.random() < 0.7:
        near = random.choice([truth.on_time for truth in truths.values()])
        target = min(1.0, max(0.05, near + random.choice((-0.03, -0.01, 0, 0.01, 0.03))))
        how["target"] = random.choice((target, round(target, 2)))
    plan = tv.plan(asked.catalogue, asked.strategies, asked.scenario, **how)
    given = {str(one): truth for one, truth in truths.items()} | {one.label: truths[one] for one in truths}
    return plan.status, [f"{number}: {claim} ({plan.answer})" for claim in _false(plan, given)]


def _truth(racer: Racer, prices: tv.Prices | None, count: int) -> Truth:
    one = racer.candidate
    slow = engine_for("auto", one.catalogue, one.strategy, one.scenario, count) == "simpy"
    count = 1 if racer.is_fixed else count // 5 if slow else count
    metrics = ["on_time_rate", "idle", *(["cost"] if prices else [])]
    reps = tv.replicate(
        one.catalogue, one.strategy, one.scenario,
        replications=count, seed=_SEED, metrics=metrics, prices=prices, progress=False,
    )  # fmt: skip
    on_time = reps.values("on_time_rate")
    # a thing that was never seen may happen in one of `count` replications
    error = 0.0 if racer.is_fixed else max(float(on_time.std()), 1 / sqrt(count)) / sqrt(count)
    return Truth(float(on_time.mean()), error, reps.values("cost" if prices else "idle"))


def _false(plan: tv.Plan, given: dict[str, Truth]) -> Iterator[str]:
    """Yield the claims of a plan's sentence and table that are false."""
    race, choice, answer = plan._race, plan._choice, plan.answer
    target, best = plan.target or 0.0, choice.best(race)
    racers = [racer for search in choice.searches for racer in search.racers]
    truth = {racer: given[racer.candidate.label] for racer in racers}
    meets = {one: truth[one].on_time + FAR * truth[one].error >= target - 1e-12 for one in racers}
    fails = {one: truth[one].on_time - FAR * truth[one].error < target - 1e-12 for one in racers}
    for search in choice.searches:
        for racer in search.looked_at:
            decision, found = search.implied(racer), truth[racer]
            if decision is Decision.MEETS and not meets[racer]:
                yield f"{racer.candidate.label} does not meet the target, {found.on_time}"
            if decision is Decision.FAILS and not fails[racer]:
                yield f"{racer.candidate.label} meets the target, {found.on_time}"
            away = FAR * found.error + 1e-9
            if not racer.rate.ci_low - away <= found.on_time <= racer.rate.ci_high + away:
                yield f"{racer.candidate.label} is outside of its interval, {found.on_time}"
    if plan.status == "infeasible" and not all(fails.values()):
        yield "a candidate meets the target"
    if plan.status == "met" and best is not None and not race.by_price:
        (search,) = choice.searches
        if not all(fails[one] for one in search.racers[: search.racers.index(best)]):
            yield "a candidate before the best one meets the target"
    if plan.status == "met" and best is not None and race.by_price:
        share = race.indifference if "to within" in answer else 0.0
        for racer in racers:
            less = truth[best].prices - truth[racer].prices
            error = float(less.std()) / sqrt(len(less))
            matters = share * abs(float(truth[best].prices.mean())) + FAR * error + 1e-9
            if not fails[racer] and less.mean() > matters:
                yield f"{racer.candidate.label} is cheaper by {less.mean():.4g}"
    yield from _false_words(plan, given)


_NUMBER = r"([\d.]+) %"


def _false_words(plan: tv.Plan, given: dict[str, Truth]) -> Iterator[str]:
    """Yield what is false in the words of the sentence itself."""
    answer, target, best = plan.answer, plan.target or 0.0, plan._choice.best(plan._race)
    one = given if len(given) > 1 else {"": next(iter(given.values())), **given}
    for label, share in re.findall(rf"(?:with (\S.*?) )?it is at most {_NUMBER}", answer):
        found = one.get(label) or next(found for name, found in one.items() if label.endswith(name))
        if found.on_time - FAR * found.error > float(share) / 100 + 1e-12:
            yield f"it is more than {share} %"
        if not float(share) / 100 < target:
            yield f"at most {share} % says nothing of {target}"
    asked = re.search(rf"at least {_NUMBER} of the videos in time", answer)
    if asked and float(asked[1]) / 100 > target + 1e-12:
        yield f"{asked[1]} % is more than the target {target}"
    if best is not None and (low := re.search(rf"\({_NUMBER} or more\)", answer)):
        found, share = given[best.candidate.label], float(low[1]) / 100
        if found.on_time + FAR * found.error < share:
            yield f"it is less than {low[1]} %"
        if share < target - 1e-12:
            yield f"{low[1]} % or more says nothing of {target}"
    asked = re.search(rf"(?:does not publish|^None of .*? publishes) {_NUMBER}", answer)
    if asked and float(asked[1]) / 100 < target - 1e-12:
        yield f"{asked[1]} % is less than the target {target}"
    if "without simulation" in answer and plan.replications:
        yield "something was simulated"
    if re.search(r"by up to 0(\.0+)?[ ,]", answer):
        yield "a difference of 0"


def main() -> None:
    """Print the false claims of random plans."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--plans", type=int, default=200)
    parser.add_argument("--replications", type=int, default=1500)
    given = parser.parse_args()
    started, count = perf_counter(), Counter[str]()
    for number in range(given.first, given.first + given.plans):
        status, false = false_claims(number, given.replications)
        count[status] += 1
        count["false"] += len(false)
        for claim in false:
            print(claim, flush=True)
    print(f"{dict(count)}, {perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
