"""What the formulas do not cover: it is refused with a sentence, not answered wrongly."""

from __future__ import annotations

from math import inf, isfinite
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from tv2sim.base.errors import ScenarioError, StrategyError
from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.strategies import MOMENTS, Moment, Strategy, as_strategy
from tv2sim.world.distributions import Distribution
from tv2sim.world.scenario import Scenario, as_scenario, check_encoding_times

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tv2sim.base.errors import InputError

__all__ = [
    "ADVANCE", "BASE_STOCK", "BOUNDED", "DEPENDENT", "FIFO", "OWN", "STATIC", "WORLD", "Asked", "Condition",
    "asked", "if_covered", "longest_startup", "refuse",
]  # fmt: skip

T = TypeVar("T")


class Asked(NamedTuple):
    """What a formula is asked for, and the strategy's answers by video.

    Attributes
    ----------
    formula : str
        The name of the function, for messages.
    moment, own, delay : numpy.ndarray
        As :class:`tv2sim.strategies.Starts` has them; the delay is 0 where there is none.
    """

    formula: str
    catalogue: Catalogue
    strategy: Strategy
    scenario: Scenario
    moment: NDArray[np.int8]
    own: NDArray[np.bool_]
    delay: NDArray[np.float64]

    @property
    def shares(self) -> bool:
        """Whether a video may be served by the pool."""
        return not self.own.all()

    def starts_on(self, moment: Moment | None) -> NDArray[np.bool_]:
        """Return for which videos a publisher is started at this moment."""
        return np.asarray(self.moment == MOMENTS.index(moment))


class Condition(NamedTuple):
    """Something that a formula does not cover.

    Attributes
    ----------
    found : callable
        Whether it is there.
    text : str
        What it is; fields in braces are filled in.
    """

    found: Callable[[Asked], bool]
    text: str


def asked(
    formula: str,
    catalogue: Any,
    strategy: Strategy | str,
    scenario: Scenario | None,
    *of_strategy: Condition,
    world: tuple[Condition, ...] | None = None,
) -> Asked:
    """Return the arguments of a formula, if it covers them; `world` is what it does not cover, usually `WORLD`.

    Raises
    ------
    ScenarioError, StrategyError
        If it does not; the message says what, and quotes it.
    """
    catalogue, scenario = read_catalogue(catalogue), as_scenario(scenario)
    check_encoding_times(catalogue, scenario)
    strategy = as_strategy(strategy).sized(catalogue, scenario)
    starts = strategy.starts(catalogue, scenario)
    found = Asked(
        formula,
        catalogue,
        strategy,
        scenario,
        np.frombuffer(bytes(starts.moment), dtype=np.int8),
        np.frombuffer(bytes(starts.own), dtype=np.bool_),
        np.zeros(len(catalogue)) if starts.delay is None else np.array(starts.delay),
    )
    refuse(found, of_strategy, StrategyError)
    refuse(found, WORLD if world is None else world)
    return found


def refuse(asked: Asked, conditions: tuple[Condition, ...], error: type[InputError] = ScenarioError) -> None:
    """Raise an error if one of the conditions is found."""
    for found, text in conditions:
        if found(asked):
            what = text.format(strategy=asked.strategy, scenario=asked.scenario)
            raise error(f"{asked.formula} does not cover {what}: simulate it instead, or leave that out")


def if_covered(formula: Callable[[], T]) -> T | None:
    """Return what a formula gives, or None if it does not cover what it is asked for."""
    try:
        return formula()
    except (StrategyError, ScenarioError):
        return None


def _draws_publishing(asked: Asked) -> bool:
    given = asked.catalogue.publishing_time
    drawn = isinstance(asked.scenario.publishing_time, Distribution)
    return drawn and (given is None or bool(np.isnan(given).any()))


def _random_times(asked: Asked) -> bool:
    return asked.scenario.arrivals != "even" and (asked.shares or isinstance(asked.scenario.encoders, tuple))


DEPENDENT = (
    Condition(lambda asked: asked.scenario.broker is not None, "a broker, {scenario.broker}"),
    Condition(
        lambda asked: asked.scenario.refuses, "a client that tries again, hand_over={scenario.hand_over}"
    ),
    Condition(
        lambda asked: asked.scenario.max_publishers is not None,
        "a limit of publishers, max_publishers={scenario.max_publishers}",
    ),
    Condition(
        lambda asked: asked.scenario.faults.ready_lifetime is not None,
        "ready publishers that die, ready_lifetime={scenario.faults.ready_lifetime}",
    ),
    Condition(
        lambda asked: asked.scenario.faults.publishing > 0,
        "publishing that fails, publishing={scenario.faults.publishing:g}",
    ),
    Condition(
        lambda asked: asked.scenario.encoders_die,
        "encoders that die, encoder_lifetime={scenario.faults.encoder_lifetime}",
    ),
)
"""Worlds in which a publisher that is ready earlier may make another one late, or an encoding."""

WORLD = (
    Condition(lambda asked: asked.scenario.until is not None, "a cut-off, until={scenario.until:g}"),
    *DEPENDENT,
    Condition(
        lambda asked: (
            isinstance(asked.scenario.encoding_factor, Distribution) and bool(asked.scenario.encoders)
        ),
        "encoding times that are drawn, encoding_factor={scenario.encoding_factor}",
    ),
    Condition(_draws_publishing, "publishing times that are drawn, publishing_time={scenario.publishing_time}"),
    Condition(_random_times, "encodings at random times, arrivals='{scenario.arrivals}'"),
)
"""Worlds that no formula here covers."""

OWN = (Condition(lambda asked: asked.shares, "strategy {strategy.name!r}, whose videos share publishers"),)
"""What a formula for publishers of a video's own does not cover."""

STATIC = (
    Condition(
        lambda asked: asked.shares and _changes_its_size(asked.strategy),
        "strategy {strategy.name!r}, whose pool changes its size",
    ),
    Condition(
        lambda asked: asked.shares and asked.strategy.discards,
        "strategy {strategy.name!r}, which gives videos up",
    ),
)
"""What a statement about a pool of one size does not cover."""

FIFO = (
    *STATIC,
    Condition(
        lambda asked: asked.shares and asked.strategy.order != "fifo",
        "strategy {strategy.name!r}, whose queue is in the order of {strategy.order}: it is for "
        "queue_order='fifo'",
    ),
    Condition(
        lambda asked: asked.shares and len(set(asked.moment[~asked.own].tolist())) > 1,
        "strategy {strategy.name!r}, which starts publishers for the pool because of some videos",
    ),
    Condition(
        lambda asked: bool((asked.starts_on("encoded") | asked.starts_on("queued"))[~asked.own].any()),
        "strategy {strategy.name!r}, which starts publishers for the pool when an encoding ends",
    ),
    Condition(
        lambda asked: bool(asked.starts_on(None).any()) and not asked.strategy.prewarmed,
        "strategy {strategy.name!r}, whose pool has no publishers, prewarmed=0",
    ),
)
"""What a formula for a pool of one size, first in, first out, does not cover."""

SHARED = Condition(
    lambda asked: bool(asked.own.any()), "strategy {strategy.name!r}, with publishers of a video's own"
)
ADVANCE = (
    SHARED,
    *FIFO,
    Condition(
        lambda asked: not asked.starts_on("encoding_started").all(),
        "strategy {strategy.name!r}, which starts no publisher when an encoding starts: it is for "
        "starts_on='encoding_started'",
    ),
)
"""The same, if a publisher for the pool is started with each encoding."""
BASE_STOCK = (
    SHARED,
    *FIFO,
    Condition(
        lambda asked: not asked.starts_on(None).all(),
        "strategy {strategy.name!r}, which starts publishers because of videos: advance_order is for these",
    ),
)
"""The same, if a publisher is started each time one is taken."""

BOUNDED = (
    Condition(
        lambda asked: asked.scenario.faults.startup > 0,
        "start-ups that fail, startup={scenario.faults.startup:g}, since they may fail again and again",
    ),
    Condition(
        lambda asked: longest_startup(asked.scenario) == inf,
        "start-up times without an upper end, startup_time={scenario.startup_time}",
    ),
)
"""What no certificate is possible for."""


def _changes_its_size(strategy: Strategy) -> bool:
    return strategy.has_pool_that_adapts or not strategy.keeps_its_size


def longest_startup(scenario: Scenario) -> float:
    """Return the upper end of the start-up times in seconds; infinity if there is none."""
    try:
        with np.errstate(all="ignore"):
            (longest,) = np.asarray(scenario.startup_time.quantile(np.ones(1)), dtype=np.float64)
    except Exception:  # noqa: BLE001 (a user's function may not be made for 1)
        return inf
    return float(longest) if isfinite(longest) else inf
