"""What a formula is asked for: what it does not cover is refused with a sentence, not answered wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from tv2sim.base.errors import ScenarioError, StrategyError
from tv2sim.base.ticks import to_ticks, whole_ticks
from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.engines.choice import engine_for, simulate_one
from tv2sim.strategies import MOMENTS, Moment, Strategy, as_strategy
from tv2sim.strategies.contradictions import has_pool_that_adapts
from tv2sim.world.distributions import EXTREMES, Constant, Distribution
from tv2sim.world.faults import Faults
from tv2sim.world.scenario import Scenario, as_scenario, check_encoding_times

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tv2sim.base.errors import InputError
    from tv2sim.results.facts import Facts


# -- what formulas do not cover ----------------------------------------------------------------------------


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
    return has_pool_that_adapts(strategy) or not strategy.keeps_its_size


def longest_startup(scenario: Scenario) -> float:
    """Return the upper end of the start-up times in seconds; infinity if there is none."""
    try:
        with np.errstate(all="ignore"):
            (longest,) = np.asarray(scenario.startup_time.quantile(np.ones(1)), dtype=np.float64)
    except Exception:  # noqa: BLE001 (a user's function may not be made for 1)
        return inf
    return float(longest) if isfinite(longest) else inf


# -- when videos are encoded -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Timetable:
    """What is the same in all replications: ticks, by video.

    Attributes
    ----------
    started, encoded : numpy.ndarray
        When its encoding starts and ends.
    deadline : numpy.ndarray
        The last moment at which a publisher may take it.
    order : numpy.ndarray
        The videos in the order in which they are encoded.
    """

    started: NDArray[np.float64]
    encoded: NDArray[np.float64]
    deadline: NDArray[np.float64]

    @property
    def order(self) -> NDArray[np.int64]:
        """The videos in the order in which they are encoded."""
        # of those that end at the same time, one that takes no time starts when the others have ended
        return np.lexsort((self.started == self.encoded, self.encoded))

    @property
    def too_long(self) -> NDArray[np.bool_]:
        """Which videos are late although a publisher takes them as soon as they are encoded."""
        return self.encoded > self.deadline


def timetable(asked: Asked) -> Timetable:
    """Return the times of the encodings.

    They are those of the run with the longest start-ups: if the queue is never full in it, then it never is.

    Raises
    ------
    ScenarioError
        If the queue may become full, so that encoders have to wait for publishers.
    """
    scenario = asked.scenario
    longest = float(scenario.startup_time.quantile(EXTREMES)[1])
    facts = slowest_run(asked, longest).videos
    room = scenario.publishing_queue_capacity
    if may_be_full(asked) and (scenario.faults.startup or not (facts["queued"] <= facts["encoded"]).all()):
        raise ScenarioError(
            f"{asked.formula} does not cover a queue that may become full, publishing_queue_capacity={room}: "
            f"leave it unlimited with publishing_queue_capacity=None, or simulate it instead"
        )
    started, encoded = facts["encoding_started"], facts["encoded"]
    return Timetable(
        started, encoded, started + whole_ticks(asked.catalogue.publication_timeout) - _held(asked)
    )


def may_be_full(asked: Asked) -> bool:
    """Return whether the publishing queue has less room than there are videos for it."""
    scenario, room = asked.scenario, asked.scenario.publishing_queue_capacity
    return asked.shares and scenario.encoders is not None and room is not None and room < len(asked.catalogue)


def slowest_run(asked: Asked, startup: float) -> Facts:
    """Simulate the run in which each start-up takes so many seconds, and none fails."""
    catalogue, strategy = asked.catalogue, asked.strategy
    scenario = asked.scenario.replace(startup_time=Constant(startup), faults=Faults())
    engine = engine_for("auto", catalogue, strategy, scenario, 1)
    return simulate_one(engine, catalogue, strategy, scenario, 0, 0)


def _held(asked: Asked) -> NDArray[np.float64] | float:
    """Return the ticks of publishing that are held against each video's timeout."""
    scenario, given = asked.scenario, asked.catalogue.publishing_time
    if scenario.deadline == "assigned":
        return 0.0
    usual = scenario.publishing_time
    held = np.full(len(asked.catalogue), to_ticks(usual) if isinstance(usual, float) else np.nan)
    return held if given is None else np.where(np.isnan(given), held, whole_ticks(given))
