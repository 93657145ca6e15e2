"""The arguments of a formula: a world that the formula does not cover is refused with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.errors import InputError, ScenarioError, StrategyError
from tv2sim.base.ticks import to_ticks, whole_ticks
from tv2sim.catalogue import Catalogue, read_catalogue
from tv2sim.engines.choice import engine_for, simulate_one
from tv2sim.strategies import MOMENTS, Moment, Strategy, as_strategy
from tv2sim.world.distributions import EXTREMES, Constant, Distribution
from tv2sim.world.scenario import Scenario, as_scenario, check_encoding_times
from tv2sim.world.scenario_parts import Faults

if TYPE_CHECKING:
    from tv2sim.results.facts import Facts


# -- what formulas do not cover ----------------------------------------------------------------------------


T = TypeVar("T")


class Arguments(NamedTuple):
    """The arguments of a formula, and for each video when the strategy starts a publisher, and for whom.

    Attributes
    ----------
    formula : str
        The name of the function, for messages.
    moment, own, delay : numpy.ndarray
        The columns of :class:`tv2sim.strategies.Starts`; the delay is 0 for a strategy without delays.
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
        """Whether the pool serves some video."""
        return not self.own.all()

    def starts_on(self, moment: Moment | None) -> NDArray[np.bool_]:
        """Return whether a publisher is started at this moment, for each video."""
        return np.asarray(self.moment == MOMENTS.index(moment))

    def begun(self, orders: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return when start-ups begin, in ticks: of prewarmed publishers, then of those ordered at these times.

        Minus infinity stands for a publisher that is ready at the start.
        """
        provisioning = to_ticks(self.scenario.provisioning_delay)
        prewarmed = -inf if self.strategy.ready_at_start else provisioning
        return np.concatenate([np.full(self.strategy.prewarmed, prewarmed), orders + provisioning])


Conditions: TypeAlias = "Mapping[str, Callable[[Arguments], object]]"
"""What a formula does not cover: its words, whose fields in braces are filled in, and whether it is there."""


def arguments_of(
    formula: str,
    catalogue: Any,
    strategy: Strategy | str,
    scenario: Scenario | None,
    of_strategy: Conditions,
    world: Conditions | None = None,
) -> Arguments:
    """Return the arguments of a formula, checked against the conditions that the formula does not cover.

    Raises
    ------
    ScenarioError, StrategyError
        If the formula does not cover the strategy or the world (`WORLD` by default); the message quotes why.
    """
    catalogue, scenario = read_catalogue(catalogue), as_scenario(scenario)
    check_encoding_times(catalogue, scenario)
    strategy = as_strategy(strategy).sized(catalogue, scenario)
    starts = strategy.starts(catalogue, scenario)
    found = Arguments(
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


def refuse(given: Arguments, conditions: Conditions, error: type[InputError] = ScenarioError) -> None:
    """Raise an error that names the first condition that holds, if one does."""
    for text, found in conditions.items():
        if found(given):
            what = text.format(strategy=given.strategy, scenario=given.scenario)
            raise error(f"{given.formula} does not cover {what}: simulate it instead, or leave that out")


def if_covered(formula: Callable[[], T]) -> T | None:
    """Return the result of a formula, or None if the formula does not cover its arguments."""
    try:
        return formula()
    except (StrategyError, ScenarioError):
        return None


def _draws_publishing(given: Arguments) -> bool:
    times = given.catalogue.publishing_time
    drawn = isinstance(given.scenario.publishing_time, Distribution)
    return drawn and (times is None or bool(np.isnan(times).any()))


DEPENDENT: Conditions = {
    "a broker, {scenario.broker}": lambda given: given.scenario.broker is not None,
    "a client that tries again, hand_over={scenario.hand_over}": lambda given: given.scenario.refuses,
    "a limit of publishers, max_publishers={scenario.max_publishers}": (
        lambda given: given.scenario.max_publishers is not None
    ),
    "ready publishers that die, ready_lifetime={scenario.faults.ready_lifetime}": (
        lambda given: given.scenario.faults.ready_lifetime is not None
    ),
    "publishing that fails, publishing={scenario.faults.publishing:g}": (
        lambda given: given.scenario.faults.publishing > 0
    ),
    "encoders that die, encoder_lifetime={scenario.faults.encoder_lifetime}": (
        lambda given: given.scenario.encoders_die
    ),
}
"""Worlds in which an earlier publisher may delay another publisher or an encoding."""

WORLD: Conditions = {
    "a cut-off, until={scenario.until:g}": lambda given: given.scenario.until is not None,
    **DEPENDENT,
    "encoding times that are drawn, encoding_factor={scenario.encoding_factor}": (
        lambda given: isinstance(given.scenario.encoding_factor, Distribution) and given.scenario.encoders
    ),
    "publishing times that are drawn, publishing_time={scenario.publishing_time}": _draws_publishing,
    "encodings at random times, arrivals='{scenario.arrivals}'": (
        lambda given: (
            given.scenario.arrivals != "even" and (given.shares or isinstance(given.scenario.encoders, tuple))
        )
    ),
}
"""Worlds that no formula of theory covers."""

OWN: Conditions = {"strategy {strategy.name!r}, whose videos share publishers": lambda given: given.shares}
"""Strategies that a formula for dedicated publishers does not cover."""

STATIC: Conditions = {
    "strategy {strategy.name!r}, whose pool changes its size": (
        lambda given: (
            given.shares and (given.strategy.has_pool_that_adapts or not given.strategy.keeps_its_size)
        )
    ),
    "strategy {strategy.name!r}, which gives videos up": lambda given: given.shares and given.strategy.discards,
}
"""Strategies that a statement about a pool of fixed size does not cover."""

FIFO: Conditions = {
    **STATIC,
    "strategy {strategy.name!r}, whose queue is in the order of {strategy.order}: it is for "
    "queue_order='fifo'": lambda given: given.shares and given.strategy.order != "fifo",
    "strategy {strategy.name!r}, which starts publishers for the pool because of some videos": (
        lambda given: given.shares and len(set(given.moment[~given.own].tolist())) > 1
    ),
    "strategy {strategy.name!r}, which starts publishers for the pool when an encoding ends": (
        lambda given: (given.starts_on("encoded") | given.starts_on("queued"))[~given.own].any()
    ),
    "strategy {strategy.name!r}, whose pool has no publishers, prewarmed=0": (
        lambda given: given.starts_on(None).any() and not given.strategy.prewarmed
    ),
}
"""Strategies that a formula for a pool of fixed size, first in, first out, does not cover."""

SHARED: Conditions = {
    "strategy {strategy.name!r}, with publishers of a video's own": lambda given: given.own.any(),
    **FIFO,
}
"""Strategies that a formula for such a pool, shared by all videos, does not cover."""
ADVANCE: Conditions = {
    **SHARED,
    "strategy {strategy.name!r}, which starts no publisher when an encoding starts: it is for "
    "starts_on='encoding_started'": lambda given: not given.starts_on("encoding_started").all(),
}
"""Strategies that a formula for one start at the beginning of each encoding does not cover."""
BASE_STOCK: Conditions = {
    **SHARED,
    "strategy {strategy.name!r}, which starts publishers because of videos: advance_order is for these": (
        lambda given: not given.starts_on(None).all()
    ),
}
"""Strategies that a formula for one start each time a publisher is taken does not cover."""

BOUNDED: Conditions = {
    "start-ups that fail, startup={scenario.faults.startup:g}, since they may fail again and again": (
        lambda given: given.scenario.faults.startup > 0
    ),
    "start-up times without an upper end, startup_time={scenario.startup_time}": (
        lambda given: longest_startup(given.scenario) == inf
    ),
}
"""Worlds without a longest start-up, for which no certificate is possible."""


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
    """The times of the encodings, and the deadlines, in ticks by video; the same in all replications.

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
        # an encoding that takes no time comes after others that end at the same time
        return np.lexsort((self.started == self.encoded, self.encoded))

    @property
    def too_long(self) -> NDArray[np.bool_]:
        """Whether each video is late even if a publisher takes it as soon as it is encoded."""
        return self.encoded > self.deadline


def timetable(given: Arguments) -> Timetable:
    """Return the times of the encodings.

    They come from the run with the longest start-ups. If the queue is never full in this run, it never is.

    Raises
    ------
    ScenarioError
        If the queue may become full, so that encoders have to wait for publishers.
    """
    scenario = given.scenario
    longest = float(scenario.startup_time.quantile(EXTREMES)[1])
    facts = slowest_run(given, longest).videos
    room = scenario.publishing_queue_capacity
    if may_be_full(given) and (scenario.faults.startup or not (facts["queued"] <= facts["encoded"]).all()):
        raise ScenarioError(
            f"{given.formula} does not cover a queue that may become full, publishing_queue_capacity={room}: "
            f"leave it unlimited with publishing_queue_capacity=None, or simulate it instead"
        )
    started, encoded = facts["encoding_started"], facts["encoded"]
    return Timetable(
        started, encoded, started + whole_ticks(given.catalogue.publication_timeout) - _held(given)
    )


def may_be_full(given: Arguments) -> bool:
    """Return whether the publishing queue has less room than there are videos for it."""
    scenario, room = given.scenario, given.scenario.publishing_queue_capacity
    return given.shares and scenario.encoders is not None and room is not None and room < len(given.catalogue)


def slowest_run(given: Arguments, startup: float) -> Facts:
    """Simulate the run in which each start-up takes so many seconds, and none fails."""
    catalogue, strategy = given.catalogue, given.strategy
    scenario = given.scenario.replace(startup_time=Constant(startup), faults=Faults())
    engine = engine_for("auto", catalogue, strategy, scenario, 1)
    return simulate_one(engine, catalogue, strategy, scenario, 0, 0)


def _held(given: Arguments) -> NDArray[np.float64] | float:
    """Return the ticks of publishing that are held against each video's timeout."""
    scenario, times = given.scenario, given.catalogue.publishing_time
    if scenario.deadline == "assigned":
        return 0.0
    usual = scenario.publishing_time
    held = np.full(len(given.catalogue), to_ticks(usual) if isinstance(usual, float) else np.nan)
    return held if times is None else np.where(np.isnan(times), held, whole_ticks(times))
