"""When publishers are started, for whom, and which video each of them serves: the rule as data with hooks."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from math import ceil
from types import FunctionType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, Unpack

import numpy as np

from tv2sim.base import dictionaries
from tv2sim.base.checks import (
    MOST,
    a_name,
    a_number,
    a_share,
    a_time,
    a_whole_number,
    did_you_mean,
    one_of,
    shown,
)  # fmt: skip
from tv2sim.base.errors import InputError, StrategyError, TV2SimWarning
from tv2sim.base.fields import EVERY_ENGINE, Accepts, Fields, or_none, parameter, with_changes, with_parameters
from tv2sim.base.later_methods import serve
from tv2sim.base.notebook_html import code, display, table
from tv2sim.base.ticks import to_ticks, whole_ticks
from tv2sim.strategies.expectations import (
    AsForecast,
    Lead,
    a_forecast,
    knowledge,
    lead,
    ready_in_time,
    submitted_rate,
)
from tv2sim.strategies.hooks import HOOKS, MOMENTS, Decision, Moment, PoolState, Starts, State

if TYPE_CHECKING:
    from tv2sim.catalogue import Catalogue, Video
    from tv2sim.strategies.coverage import Coverage
    from tv2sim.world.scenario import Scenario


QueueOrder: TypeAlias = Literal["fifo", "deadline", "priority"]
Dispatch: TypeAlias = Literal["at_once", "end_of_instant"]

_NEVER, _ENCODING_STARTED = MOMENTS.index(None), MOMENTS.index("encoding_started")
_ORDERS: tuple[QueueOrder, ...] = ("fifo", "deadline", "priority")
_DISPATCHES: tuple[Dispatch | None, ...] = (None, "at_once", "end_of_instant")
DEFAULT_WINDOW = 30.0
"""Seconds over which `headroom` takes the rate, unless it says another time."""


def _a_name(_: str, value: object, *, error: type[InputError]) -> str:
    return a_name("a strategy's name", value, error=error)


def _a_truth_value(name: str, value: object, *, error: type[InputError]) -> bool:
    return bool(one_of(name, value, (False, True), error=error))


def _a_probability(name: str, value: object, *, error: type[InputError]) -> float:
    return a_share(name, value, above=0, error=error)


def _as_prewarmed(name: str, value: Any, *, error: type[InputError], **bounds: int) -> int | Literal["rate"]:
    if isinstance(value, str) and value == "rate":
        return "rate"
    return a_whole_number(name, value, error=error, **bounds)


def _as_holding(name: str, value: Any, *, error: type[InputError]) -> float | bool | None:
    is_truth = value is None or isinstance(value, (bool, np.bool_))
    return (None if value is None else bool(value)) if is_truth else a_time(name, value, above=0, error=error)


def _as_headroom(name: str, value: Any, *, error: type[InputError]) -> tuple[float, float]:
    factor, window = value if isinstance(value, (list, tuple)) and len(value) == 2 else (value, DEFAULT_WINDOW)
    return (
        a_number(name, factor, above=0, at_most=MOST, error=error),
        a_time(f"the window of {name}", window, at_least=1e-6, error=error),
    )


AsPrewarmed: TypeAlias = Accepts[int | Literal["rate"], int]
"""It is a number by the time at which hooks are asked."""
AsHeadroom: TypeAlias = Accepts[float | tuple[float, float] | None, tuple[float, float] | None]
"""A factor alone becomes a pair."""


class Changes(TypedDict, total=False):
    """What :meth:`Strategy.replace` changes, for type checkers: the fields with the types that they accept."""

    name: str
    starts_on: Moment | None
    dedicated: bool
    prewarmed: int | Literal["rate"]
    review_every: float | None
    dedicated_from: float | None
    lead: Lead | None
    ready_at_start: bool
    queue_order: QueueOrder
    dispatch: Dispatch | None
    discards_hopeless: bool
    price: float | None
    holds_back: float | bool | None
    forecast: object
    minimum: int | None
    maximum: int | None
    headroom: float | tuple[float, float] | None
    idle_time_to_live: float | None
    starts_at_most: int | None


@with_parameters
@dataclass(frozen=True, repr=False)
class Strategy(Fields):
    """A rule for starting publishers, and for which video each of them serves.

    As data it covers the four parts, pools that adapt, and rules that decide once an instant. A rule of your
    own overrides one or more of the hooks :meth:`start_moment`, :meth:`owns_publisher`, :meth:`start_delay`,
    :meth:`priority`, :meth:`pool_level` and :meth:`decide`; a video has what :class:`tv2sim.Video` has, such
    as its `slack`. Hooks must depend on their arguments alone: then runs can be repeated.

    {parameters}

    Raises
    ------
    StrategyError
        If a value is impossible or a name unknown, or the values contradict each other.

    Examples
    --------
    A pool of another size:

    >>> import tv2sim as tv
    >>> tv.PART_2C.replace(name="2c, pool of 12", prewarmed=12).prewarmed
    12

    Own publishers, started when encoding starts, for videos that can wait 6 s; a pool for the others:

    >>> class OwnIfItCanWait(tv.Strategy):
    ...     def owns_publisher(self, video):
    ...         return video.publication_timeout >= 6
    ...     def start_moment(self, video):
    ...         return "encoding_started" if self.owns_publisher(video) else None
    >>> catalogue = tv.generate_catalogue()
    >>> run = tv.simulate(catalogue, OwnIfItCanWait(prewarmed=5), seed=1)
    >>> print(run.stats)
    stats: client_parse_errors=0 client_submitted=154 encoded=154 published=153 publish_failed=1
    """

    name: str = parameter(
        "", _a_name, engines=EVERY_ENGINE,
        text="The name of the strategy in tables and charts; default is the name of its class.",
    )  # fmt: skip
    starts_on: Moment | None = parameter(
        None, one_of, known=MOMENTS, engines=EVERY_ENGINE,
        text="The event in a video's life at which a publisher is started because of it: 'encoding_started', "
        "'encoded' or 'queued'. None: no publisher is started because of a video.",
    )  # fmt: skip
    dedicated: bool = parameter(
        False, _a_truth_value, engines=EVERY_ENGINE,
        text="Whether this publisher serves only the video because of which it was started, and the video is "
        "served only by this publisher. If not, the publisher joins the pool, which serves the videos in the "
        "publishing queue.",
    )  # fmt: skip
    prewarmed: AsPrewarmed = parameter(
        0, _as_prewarmed, at_least=0, at_most=MOST, engines=EVERY_ENGINE, label="Prewarmed publishers",
        text="The base stock S of the pool. S publishers are started at time 0, and each time a publisher of "
        "the pool takes a video, others are started until S are starting or ready again. 'rate': as many as "
        "requests come in the mean start-up time.",
    )  # fmt: skip
    review_every: float | None = parameter(
        None, or_none(a_time), at_least=1e-6, engines=EVERY_ENGINE, label="Time between reviews (s)",
        text="Seconds between reviews of the pool, in addition to those that each video causes; at least 1e-6. "
        "They continue as long as anything else is under way. None: no further reviews.",
    )  # fmt: skip
    _: KW_ONLY
    dedicated_from: float | None = parameter(
        None, or_none(_a_probability), label="Probability from which a video has its own publisher",
        engines=EVERY_ENGINE,
        text="Only videos whose own publisher, started with their encoding, is ready in time with at least "
        "this probability get one; the others use the pool.",
    )  # fmt: skip
    lead: Lead | None = parameter(
        None, or_none(lead), engines=EVERY_ENGINE,
        text="When the publisher starts that is ordered at the start of a video's encoding: a tv.Lead. None: "
        "at once.",
    )  # fmt: skip
    ready_at_start: bool = parameter(
        False, _a_truth_value, engines=EVERY_ENGINE,
        text="Whether the prewarmed publishers are ready at time 0, as those of a pool that is warm already.",
    )  # fmt: skip
    queue_order: QueueOrder = parameter(
        "fifo", one_of, known=_ORDERS, engines=EVERY_ENGINE,
        text="Which waiting video the pool serves first: 'fifo', the one that waits longest; 'deadline', the "
        "one whose timeout ends first; 'priority', the one with the lowest answer of the hook priority, which "
        "is the catalogue's priority unless it is overridden.",
    )  # fmt: skip
    dispatch: Dispatch | None = parameter(
        None, one_of, known=_DISPATCHES, engines=EVERY_ENGINE,
        text="When the pool's publishers take videos: 'at_once', as soon as both are there, or "
        "'end_of_instant', when all that happens at the same time has happened. None: the latter where a rule "
        "decides once an instant (price, holds_back or decide), else the former.",
    )  # fmt: skip
    discards_hopeless: bool = parameter(
        False, _a_truth_value, engines=EVERY_ENGINE,
        text="Whether a video that waits is given up, without a publisher, when it would be served after its "
        "deadline; with dispatch='end_of_instant', at the first decision after it.",
    )  # fmt: skip
    price: float | None = parameter(
        None, or_none(a_time), above=0, engines=EVERY_ENGINE, label="Price of a failed video (s)",
        text="The price of a failed video in seconds of an idle publisher: the coverage rule starts publishers "
        "while the failures that each of them prevents are worth more than its idle time. It implies deadline "
        "order, dispatch='end_of_instant' and discards_hopeless, and prewarmed publishers are not replaced.",
    )  # fmt: skip
    holds_back: float | bool | None = parameter(
        None, _as_holding, engines=EVERY_ENGINE, label="Price of a failed video when holding back (s)",
        text="Whether a ready publisher is kept for a more urgent video that is still encoding: a price of a "
        "failed video in seconds of waiting, True for that of `price`, or False. None: as True, with `price`.",
    )  # fmt: skip
    forecast: AsForecast = parameter(
        "online", a_forecast, engines=EVERY_ENGINE,
        text="Which videos the coverage rule expects: 'online', such as it has seen so far, those of another "
        "catalogue, or None, no further ones.",
    )  # fmt: skip
    minimum: int | None = parameter(
        None, or_none(a_whole_number), at_least=0, at_most=MOST, label="Least level of the pool",
        engines=EVERY_ENGINE,
        text="The least level of the pool after its start. None: `prewarmed`.",
    )  # fmt: skip
    maximum: int | None = parameter(
        None, or_none(a_whole_number), at_least=0, at_most=MOST, label="Most publishers of the pool",
        engines=EVERY_ENGINE,
        text="The number of publishers of the pool (ordered, starting, ready and busy) from which on the pool "
        "starts no others by itself. None: no limit.",
    )  # fmt: skip
    headroom: AsHeadroom = parameter(
        None, or_none(_as_headroom), engines=EVERY_ENGINE,
        text="The level of the pool as a multiple of the publishers that are starting at a time if one is "
        "started for each video at the recent rate: a factor, or a factor and the seconds over which the rate "
        f"is taken ({DEFAULT_WINDOW:g}; in the beginning those that have passed, at least 1). None: the level "
        "does not follow the rate.",
    )  # fmt: skip
    idle_time_to_live: float | None = parameter(
        None, or_none(a_time), at_least=1e-6, engines=EVERY_ENGINE, label="Idle time to live (s)",
        text="Seconds after which a ready publisher of the pool that has no video is retired, while the pool "
        "exceeds its level. None: it stays.",
    )  # fmt: skip
    starts_at_most: int | None = parameter(
        None, or_none(a_whole_number), at_least=1, at_most=MOST, label="Most publishers that start at a time",
        engines=EVERY_ENGINE,
        text="The number of publishers of the pool that are ordered or starting from which on the pool starts "
        "no others by itself; those that are missing are started at later reviews. None: no limit.",
    )  # fmt: skip

    _error = StrategyError

    def __post_init__(self) -> None:
        self._check_class()
        super().__post_init__()
        object.__setattr__(self, "name", self.name or type(self).__name__)
        for text, contradicts in CONTRADICTIONS.items():
            if contradicts(self):
                raise StrategyError(f"strategy {self.name!r} {text.format_map(vars(self))}")

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Warn of a method that is no hook but has nearly the name of one: nobody would call it."""
        super().__init_subclass__(**arguments)
        for name, value in vars(cls).items():
            is_method = isinstance(value, FunctionType | classmethod | staticmethod)
            if name.startswith("_") or hasattr(Strategy, name) or not is_method:
                continue
            # a class that has the hook may call this method from it
            missing = [hook for hook in HOOKS if hook not in vars(cls)]
            if meant := did_you_mean(name, missing):
                warnings.warn(
                    f"{cls.__name__}.{name} is no hook of a strategy and is never called by tv2sim{meant}",
                    TV2SimWarning,
                    stacklevel=2,
                )

    def _check_class(self) -> None:
        """Refuse a class whose body sets a field: ``__init__`` would ignore it silently."""
        kind = type(self).__name__
        for each in fields(self):
            if (value := getattr(type(self), each.name, each.default)) is not each.default:
                raise StrategyError(
                    f"{each.name} = {value!r} in the body of {kind} has no effect: write "
                    f"{kind}({each.name}={value!r}), or decorate the class with @dataclass(frozen=True) and "
                    f"annotate {each.name}"
                )

    # -- hooks ---------------------------------------------------------------------------------------------

    def start_moment(self, video: Video) -> Moment | None:
        """Return when a publisher is started because of `video`, or None for never; default: `starts_on`."""
        return self.starts_on

    def owns_publisher(self, video: Video) -> bool:
        """Return whether only the publisher started because of `video` serves it; default: `dedicated`.

        If so, :meth:`start_moment` must start one.
        """
        return self.dedicated

    def start_delay(self, video: Video) -> float:
        """Return the seconds from the moment until the publisher is started; default: what `lead` says."""
        return 0.0

    def priority(self, video: Video, deadline: float) -> float:
        """Return the video's priority in the publishing queue: lowest first, equal ones first in, first out.

        `deadline` is the time in seconds at which the video's timeout ends. A strategy that overrides this hook
        has ``queue_order="priority"``. Default: the catalogue's priority of the video, 0 where it has none.
        """
        return 0.0 if video.priority is None else video.priority

    def pool_level(self, state: PoolState) -> int:
        """Return how many publishers of the pool should be starting or ready now; default: `prewarmed`.

        Missing publishers are started; surplus ones stay, unless `idle_time_to_live` says otherwise. By
        default, `minimum` takes the place of `prewarmed`, and `headroom` may raise the level.
        """
        if self.headroom is None:
            return self.least
        factor, _ = self.headroom
        return max(self.least, _rounded_up(factor * state.rate * state.startup_time))

    def decide(self, state: State) -> Decision:
        """Return what is to be done, once an instant; by default this hook is not asked.

        The hook is asked when all that happens at the same time has happened. Its answer replaces all other
        rules that start publishers for the pool or give them to videos. The hook is asked again if its own
        consequences bring something new at the same time.
        """
        raise NotImplementedError

    # -- what the engines ask for --------------------------------------------------------------------------

    def _overrides(self, hook: str) -> bool:
        return getattr(type(self), hook) is not getattr(Strategy, hook)

    @property
    def least(self) -> int:
        """The level below which the pool does not fall; of a strategy for which :meth:`sized` was called."""
        return self.known_stock if self.minimum is None else self.minimum

    @property
    def known_stock(self) -> int:
        """The prewarmed publishers; 0 if their number depends on the rate, and :meth:`sized` was not called."""
        return 0 if self.follows_rate else self.prewarmed

    def prewarms(self, level: int) -> int:
        """Return how many publishers are ordered at time 0, given the level of the pool: what limits allow."""
        wanted = level if self._overrides("pool_level") else max(level, self.known_stock)
        limits = (self.maximum, None if self.ready_at_start else self.starts_at_most)
        return min([wanted, *(limit for limit in limits if limit is not None)])

    @property
    def follows_rate(self) -> bool:
        """Whether the number of prewarmed publishers is not known yet, since it depends on the rate."""
        return bool(vars(self)["prewarmed"] == "rate")

    @property
    def starts_for_videos(self) -> bool:
        """Whether a publisher may be started because of a video."""
        started = self.starts_on is not None or self.dedicated_from is not None
        return started or self._overrides("start_moment")

    @property
    def delays(self) -> bool:
        """Whether a publisher may be started later than at its moment."""
        return self.lead is not None or self._overrides("start_delay")

    @property
    def adapts(self) -> bool:
        """Whether the pool is reviewed at each step of a video; a `minimum` alone is a level that stays."""
        limits = (self.headroom, self.maximum, self.idle_time_to_live, self.starts_at_most)
        return self._overrides("pool_level") or any(limit is not None for limit in limits)

    @property
    def order(self) -> QueueOrder:
        """The order of the publishing queue."""
        if self.price is not None or self.holds:
            return "deadline"
        return "priority" if self._overrides("priority") else self.queue_order

    @property
    def reorders(self) -> bool:
        """Whether the publishing queue is anything but first in, first out."""
        return self.order != "fifo"

    @property
    def holds(self) -> float | None:
        """The price at which ready publishers are held back; None: they are not."""
        if self.holds_back is None or self.holds_back is True:
            return self.price
        return self.holds_back or None

    @property
    def decides(self) -> bool:
        """Whether it has a rule of its own that decides once an instant."""
        return self._overrides("decide")

    @property
    def rules_once_an_instant(self) -> bool:
        """Whether a rule decides once an instant: the coverage rule, holding back, or the hook decide."""
        return self.price is not None or bool(self.holds) or self.decides

    @property
    def keeps_its_size(self) -> bool:
        """Whether the pool has one size, which the base stock keeps up."""
        return not (self.adapts or self.decides or self.price is not None)

    @property
    def dispatches_late(self) -> bool:
        """Whether the pool's publishers are given to videos at the end of an instant."""
        if self.dispatch is None:
            return self.rules_once_an_instant
        return self.dispatch == "end_of_instant"

    @property
    def discards(self) -> bool:
        """Whether videos are given up after their deadline."""
        return self.discards_hopeless or self.price is not None

    @property
    def has_pool_that_adapts(self) -> bool:
        """Whether one of :data:`OF_POOL` is given."""
        return any(getattr(self, name) is not None for name in OF_POOL)

    @property
    def manages(self) -> bool:
        """Whether it does more than start publishers and give them to videos at once."""
        of_pool = self.ready_at_start or self.has_pool_that_adapts
        return of_pool or self.discards or self.dispatches_late

    @property
    def shares(self) -> bool:
        """Whether a publisher may serve any video, so that the pool is of use."""
        return not self.dedicated or self._overrides("owns_publisher")

    def sized(self, catalogue: Catalogue, scenario: Scenario) -> Strategy:
        """Return the strategy with its base stock as a number."""
        if not self.follows_rate:
            return self
        rate = submitted_rate(catalogue) or scenario.mean_rate
        number = _rounded_up(rate * scenario.startup_time.mean)
        sized = copy.copy(self)
        object.__setattr__(sized, "prewarmed", number)
        return sized

    def knowledge(self, catalogue: Catalogue, scenario: Scenario) -> Coverage | None:
        """Return what the coverage rule knows before a run; None if it decides nothing."""
        if self.price is None and not self.holds:
            return None
        return knowledge(self.price or 0.0, self.holds or 0.0, self.forecast, catalogue, scenario)

    def starts(self, catalogue: Catalogue, scenario: Scenario) -> Starts:
        """Ask the per-video hooks once for every video.

        Raises
        ------
        StrategyError
            If a hook returns an impossible value; the message names the hook and the video.
        """
        delay = self._delays(catalogue, scenario) if self.delays else None
        if self.dedicated_from is not None:
            own = ready_in_time(catalogue, scenario) >= self.dedicated_from - 1e-12
            others = MOMENTS.index(self.starts_on)
            moment = np.where(own, _ENCODING_STARTED, others).astype(np.int8)
            return Starts(moment.tobytes(), own.astype(np.int8).tobytes(), delay)
        moments = self._codes("start_moment", catalogue, one_of, MOMENTS, known=MOMENTS)
        owns = self._codes("owns_publisher", catalogue, _a_truth_value, (False, True))
        if moments.count(_NEVER) and owns.count(True):
            for row, pair in enumerate(zip(moments, owns, strict=True)):
                if pair == (_NEVER, True):
                    what = f"the publisher of video {catalogue.ids[row]!r} is never started"
                    raise StrategyError(f"strategy {self.name!r}: {what}")
        return Starts(moments, owns, delay)

    def _delays(self, catalogue: Catalogue, scenario: Scenario) -> tuple[float, ...]:
        if self.lead is not None:
            return tuple(whole_ticks(self.lead.seconds(catalogue, scenario)).tolist())
        return tuple(map(to_ticks, self._ask("start_delay", catalogue, a_time)))

    def _codes(
        self, hook: str, catalogue: Catalogue, check: Callable[..., Any], values: tuple[Any, ...], **bounds: Any
    ) -> bytes:
        """Return the index of each answer of a per-video hook, which is called once if it is not overridden."""
        if self._overrides(hook):
            return bytes(map(values.index, self._ask(hook, catalogue, check, **bounds)))
        answer = check(f"the answer of {hook}", getattr(self, hook)(None), error=StrategyError, **bounds)
        return bytes([values.index(answer)]) * len(catalogue)

    def _ask(self, hook: str, catalogue: Catalogue, check: Callable[..., Any], **bounds: Any) -> list[Any]:
        """Return the checked answer of an overridden per-video hook for each video."""
        ask = getattr(self, hook)
        return [
            check(f"the answer of {self.name}.{hook}({video.id!r})", ask(video), error=StrategyError, **bounds)
            for video in catalogue
        ]

    # -- in words ------------------------------------------------------------------------------------------

    def in_words(self) -> str:
        """Return a sentence that says when publishers are started, and for whom.

        It names the hooks that are overridden, since code cannot be put into words. Override it to describe a
        rule of your own.

        Examples
        --------
        >>> print(Strategy("1", starts_on="encoded", dedicated=True).in_words())
        Each video has its own publisher, started when the encoding ends.
        >>> print(Strategy("2c", prewarmed=10).in_words())
        A pool of 10 publishers is started at time 0, and each one that takes a video is replaced; the pool
        serves videos first come, first served.
        """
        return str(serve("Strategy.in_words", self))

    def _level_in_words(self) -> str:
        """Return what :meth:`pool_level` answers, of a class that comes with tv2sim; empty for others."""
        return ""

    # -- data ----------------------------------------------------------------------------------------------

    def _repr_html_(self) -> str:
        rows = [
            [code(field.name), code(shown(getattr(self, field.name), 60))]
            for field in fields(self)
            if field.name != "name" and getattr(self, field.name) != field.default
        ]
        return display(self.name, self.in_words(), table([], rows, words=2))

    def replace(self, **changes: Unpack[Changes]) -> Strategy:
        """Return a copy with some values changed; the copy is checked again.

        Type checkers know the fields of :class:`Strategy` alone: for those that a class of your own adds, use
        :func:`dataclasses.replace`.

        Raises
        ------
        StrategyError
            If a name is unknown or a value impossible.
        """
        return with_changes(self, f"strategy {self.name!r}", changes, error=StrategyError)

    def to_dict(self) -> dict[str, Any]:
        """Return the strategy as plain data, with the name of its class."""
        return dictionaries.to_dict(self)


def _rounded_up(number: float) -> int:
    """Return the next whole number, whatever the last digits of the arithmetic."""
    return ceil(number - 1e-9)


# -- values that contradict each other ------------------------------------------------------------------------


OF_POOL = ("minimum", "maximum", "headroom", "idle_time_to_live", "starts_at_most")
"""The fields of a pool that adapts."""


def _rules(one: Strategy) -> int:
    """Return how many rules decide what the pool starts."""
    return sum((one.price is not None, one.decides, one._overrides("pool_level") or one.has_pool_that_adapts))


CONTRADICTIONS: Mapping[str, Callable[[Strategy], bool]] = {
    "is dedicated but never starts a publisher: give starts_on a moment, or leave "
    "dedicated=False": lambda one: (
        one.dedicated and one.starts_on is None and not one._overrides("start_moment")
    ),
    "says twice which videos have their own publisher: leave out dedicated_from={dedicated_from}, or "
    "dedicated=True and the hooks start_moment and owns_publisher": lambda one: (
        one.dedicated_from is not None
        and (one.dedicated or one._overrides("start_moment") or one._overrides("owns_publisher"))
    ),
    "starts publishers at two moments: with dedicated_from={dedicated_from}, starts_on is None or "
    "'encoding_started', not {starts_on!r}": lambda one: (
        one.dedicated_from is not None and one.starts_on not in (None, "encoding_started")
    ),
    "says twice how long a start is delayed: leave out lead={lead!r}, or the hook start_delay": lambda one: (
        one.lead is not None and one._overrides("start_delay")
    ),
    "has a lead={lead!r}, which is for publishers that are ordered when an encoding starts: give "
    "starts_on='encoding_started' or dedicated_from, without the hook start_moment": lambda one: (
        one.lead is not None
        and (
            one._overrides("start_moment")
            or (one.starts_on != "encoding_started" and one.dedicated_from is None)
        )
    ),
    "has ready_at_start=True but no publisher at the start: give prewarmed": lambda one: (
        one.ready_at_start and not (one.prewarmed or one.minimum or one._overrides("pool_level"))
    ),
    "has two orders of the queue, that of deadlines and that of the hook priority: leave out "
    "queue_order='deadline', price and holds_back, or the hook": lambda one: (
        one._overrides("priority") and "deadline" in (one.order, one.queue_order)
    ),
    "holds publishers back or has a price, which is for the order of deadlines: leave out "
    "queue_order='priority'": lambda one: one.queue_order == "priority" and one.order == "deadline",
    "has dispatch='at_once', but a rule that decides once an instant (price, holds_back or decide): leave "
    "dispatch out": lambda one: one.dispatch == "at_once" and one.rules_once_an_instant,
    "has holds_back=True, which takes its price from price: give price, or holds_back a number": lambda one: (
        one.holds_back is True and one.price is None
    ),
    "gives each video its own publisher, so price, holds_back and decide have nothing to decide: leave "
    "dedicated=False": lambda one: not one.shares and one.rules_once_an_instant,
    "gives each video its own publisher, so no video uses a pool: leave out "
    f"{', '.join(OF_POOL)}": lambda one: not one.shares and one.has_pool_that_adapts,
    "has more than one rule of what the pool starts: choose one of price, the hook decide, and a pool's "
    f"level (the hook pool_level, {', '.join(OF_POOL)})": lambda one: _rules(one) > 1,
    "has the hook decide, which answers what is held and discarded itself: leave out holds_back and "
    "discards_hopeless": lambda one: one.decides and (bool(one.holds) or one.discards_hopeless),
    "has a headroom={headroom} and the hook pool_level, which both give the pool's level: leave "
    "one out": lambda one: one.headroom is not None and one._overrides("pool_level"),
    "has a minimum={minimum} above its maximum={maximum}": lambda one: (
        one.maximum is not None and one.maximum < (one.minimum or 0)
    ),
    "has prewarmed={prewarmed} publishers, more than its maximum={maximum}": lambda one: (
        one.maximum is not None and one.maximum < one.known_stock
    ),
    "has a forecast, which only the coverage rule uses: give price": lambda one: (
        one.price is None and one.forecast != "online"
    ),
}
"""Combinations of values that make no sense, in the order in which they are looked for.

Each text says what is wrong and how to correct it, and follows "strategy 'x'"; fields in braces are filled in.
"""
