"""When publishers are started, and for whom: the rule as data with hooks, and the four parts."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from tv2sim import plain
from tv2sim.errors import InputError, StrategyError
from tv2sim.fields import Fields, check_fields, checked, or_none, with_changes
from tv2sim.notebook import code, display, table
from tv2sim.ticks import to_ticks
from tv2sim.validation import MOST, a_time, a_whole_number, one_of, plural, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tv2sim.catalogue import Catalogue, Video

__all__ = [
    "HOOKS", "MOMENTS", "PART_1", "PART_2A", "PART_2B", "PART_2C", "STRATEGIES", "Moment", "PoolState",
    "Starts", "Strategy", "as_strategy",
]  # fmt: skip

Moment: TypeAlias = Literal["encoding_started", "encoded", "queued"]

MOMENTS: tuple[Moment | None, ...] = (None, "encoding_started", "encoded", "queued")
"""The moments at which a publisher can be started for a video; :class:`Starts` holds indices into these."""
_NEVER = MOMENTS.index(None)
_MOMENTS_IN_WORDS: Mapping[Moment | None, str] = {
    "encoding_started": "when the encoding starts",
    "encoded": "when the encoding ends",
    "queued": "when the video reaches the publishing stage",
}

HOOKS = {
    "start_moment": "starts_on",
    "owns_publisher": "dedicated",
    "start_delay": None,
    "priority": None,
    "pool_level": "prewarmed",
}
"""The hooks, each with the field that it returns unless it is overridden."""


class PoolState(NamedTuple):
    """The state that a strategy sees when it decides how large the pool should be.

    Attributes
    ----------
    time : float
        Seconds since the start.
    starting, ready : int
        Publishers of the pool that are not ready yet, and that wait for a video.
    waiting : int
        Videos in the publishing queue.
    encoding : int
        Videos that hold an encoder.
    encoded : int
        Videos whose encoding has ended so far.
    """

    time: float
    starting: int
    ready: int
    waiting: int
    encoding: int
    encoded: int


class Starts(NamedTuple):
    """The answers of a strategy's hooks for each video of a catalogue, in columns."""

    moment: bytes | bytearray
    """Index into :data:`MOMENTS`."""
    own: bytes | bytearray
    """1 if only the video's own publisher may serve it."""
    delay: Sequence[float] | None
    """Ticks from the moment to the publisher's start; None if the strategy never delays."""


def _a_name(_: str, value: object, *, error: type[InputError]) -> str:
    if not isinstance(value, str):
        raise error(f"a strategy's name must be a string, not {shown(value)}")
    return value


def _a_truth_value(name: str, value: object, *, error: type[InputError]) -> bool:
    return bool(one_of(name, value, (False, True), error=error))


@dataclass(frozen=True)
class Strategy(Fields):
    """A rule for starting publishers.

    As data it covers the four parts and what lies between them. A rule of your own overrides one or more of
    the hooks :meth:`start_moment`, :meth:`owns_publisher`, :meth:`start_delay`, :meth:`priority` and
    :meth:`pool_level`; a video has what :class:`tv2sim.Video` has, such as its `slack`.
    Hooks must depend on their arguments alone: then runs can be repeated.

    Parameters
    ----------
    name : str
        The name of the strategy in tables and charts; default is the name of its class.
    starts_on : {"encoding_started", "encoded", "queued"} or None
        The event in a video's life at which a publisher is started because of it. None: no publisher is started
        because of a video.
    dedicated : bool
        Whether this publisher serves only the video because of which it was started, and the video is served
        only by this publisher. If not, the publisher joins the pool, which serves the videos in the publishing
        queue.
    prewarmed : int
        The base stock S of the pool. S publishers are started at time 0, and each time a publisher of the pool
        takes a video, others are started until S are starting or ready again.
    review_every : float or None
        Seconds between calls of :meth:`pool_level`, in addition to those that each video causes; at least 1e-6.
        They continue as long as anything else is under way. None: no further calls.

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

    name: str = field(default="", metadata=checked(_a_name))
    starts_on: Moment | None = field(default=None, metadata=checked(one_of, known=MOMENTS))
    dedicated: bool = field(default=False, metadata=checked(_a_truth_value))
    prewarmed: int = field(default=0, metadata=checked(a_whole_number, at_least=0, at_most=MOST))
    review_every: float | None = field(default=None, metadata=checked(or_none(a_time), at_least=1e-6))

    _error = StrategyError

    def __post_init__(self) -> None:
        self._check_class()
        check_fields(self, error=self._error)
        object.__setattr__(self, "name", self.name or type(self).__name__)
        if self.dedicated and self.starts_on is None and not self._overrides("start_moment"):
            raise StrategyError(
                f"strategy {self.name!r} is dedicated but never starts a publisher: give starts_on a moment, "
                f"or leave dedicated=False"
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
        """Return the seconds from the moment until the publisher is started; default: 0."""
        return 0.0

    def priority(self, video: Video, deadline: float) -> float:
        """Return the video's priority in the publishing queue: lowest first, equal ones first in, first out.

        `deadline` is the time in seconds at which the video's timeout ends; a hook that returns it serves the
        earliest deadline first. Default: 0 for all videos.
        """
        return 0.0

    def pool_level(self, state: PoolState) -> int:
        """Return how many publishers of the pool should be starting or ready now; default: `prewarmed`.

        Missing publishers are started; surplus ones stay.
        """
        return self.prewarmed

    # -- what the engines ask for --------------------------------------------------------------------------

    def _overrides(self, hook: str) -> bool:
        return getattr(type(self), hook) is not getattr(Strategy, hook)

    @property
    def starts_for_videos(self) -> bool:
        """Whether a publisher may be started because of a video."""
        return self.starts_on is not None or self._overrides("start_moment")

    @property
    def delays(self) -> bool:
        """Whether a publisher may be started later than at its moment."""
        return self._overrides("start_delay")

    @property
    def adapts(self) -> bool:
        """Whether the pool's level changes over time."""
        return self._overrides("pool_level")

    @property
    def reorders(self) -> bool:
        """Whether the publishing queue is anything but first in, first out."""
        return self._overrides("priority")

    def starts(self, catalogue: Catalogue) -> Starts:
        """Ask the per-video hooks once for every video.

        Raises
        ------
        StrategyError
            If a hook returns an impossible value; the message names the hook and the video.
        """
        moment = self._codes("start_moment", catalogue, one_of, MOMENTS, known=MOMENTS)
        own = self._codes("owns_publisher", catalogue, _a_truth_value, (False, True))
        if moment.count(_NEVER) and own.count(True):
            for row, pair in enumerate(zip(moment, own, strict=True)):
                if pair == (_NEVER, True):
                    what = f"the publisher of video {catalogue.ids[row]!r} is never started"
                    raise StrategyError(f"strategy {self.name!r}: {what}")
        delay = tuple(map(to_ticks, self._ask("start_delay", catalogue, a_time))) if self.delays else None
        return Starts(moment, own, delay)

    def _codes(
        self,
        hook: str,
        catalogue: Catalogue,
        check: Callable[..., Any],
        values: tuple[Any, ...],
        **bounds: Any,
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
        >>> print(PART_1.in_words())
        Each video has its own publisher, started when the encoding ends.
        >>> print(PART_2C.in_words())
        A pool of 10 publishers is started at time 0, and each one that takes a video is replaced; the pool
        serves videos first come, first served.
        """
        clauses = [*self._starts_in_words(), *self._pool_in_words(), *self._class_in_words()]
        text = "; ".join(clauses or ["no publisher is ever started"])
        return f"{text[0].upper()}{text[1:]}."

    @property
    def _all_own(self) -> bool:
        """Whether each video is served by its own publisher, so that the pool is of no use."""
        return self.dedicated and not self._overrides("owns_publisher")

    def _starts_in_words(self) -> Iterator[str]:
        if not self.starts_for_videos:
            return
        asked = self._overrides("start_moment")
        when = "when start_moment says" if asked else _MOMENTS_IN_WORDS[self.starts_on]
        when += ", delayed by start_delay" * self.delays
        video = "a video" if asked else "each video"
        if self._all_own:
            yield f"each video has its own publisher, started {when}"
        elif self._overrides("owns_publisher"):
            yield f"for {video}, a publisher is started {when}"
            yield "it serves that video alone if owns_publisher says so"
        else:
            yield f"for {video}, a publisher of the pool is started {when}"

    def _pool_in_words(self) -> Iterator[str]:
        started = f"a pool of {plural(self.prewarmed, 'publisher')} is started at time 0"
        joined = self.starts_for_videos and not self._all_own
        if self.adapts:
            often = "" if self.review_every is None else f" and every {self.review_every:g} s"
            yield f"the pool is filled up to pool_level at time 0, at each step of a video{often}"
        elif self.prewarmed and joined:
            yield f"{started}, and refilled when fewer are starting or ready"
        elif self.prewarmed:
            yield started if self._all_own else f"{started}, and each one that takes a video is replaced"
        if self.prewarmed or self.adapts or joined:
            order = "in the order of priority" if self.reorders else "first come, first served"
            yield "no video uses the pool" if self._all_own else f"the pool serves videos {order}"

    def _class_in_words(self) -> Iterator[str]:
        """Yield the class, if it has hooks of its own, with the parameters that are not told above."""
        overridden = [field for hook, field in HOOKS.items() if self._overrides(hook)]
        if not overridden:
            return
        told_above = {each.name for each in fields(Strategy)}.difference(overridden)
        values = {each.name: (getattr(self, each.name), each.default) for each in fields(self)}
        told = [
            f"{name}={shown(value, 60)}"
            for name, (value, default) in values.items()
            if name not in told_above and (name not in overridden or value != default)
        ]
        yield f"the rule is {type(self).__name__}({', '.join(told)})"

    # -- data ----------------------------------------------------------------------------------------------

    def _repr_html_(self) -> str:
        rows = [
            [code(field.name), code(shown(getattr(self, field.name), 60))]
            for field in fields(self)
            if field.name != "name" and getattr(self, field.name) != field.default
        ]
        return display(self.name, self.in_words(), table([], rows, words=2))

    def replace(self, **changes: Any) -> Strategy:
        """Return a copy with some values changed; the copy is checked again.

        Raises
        ------
        StrategyError
            If a name is unknown or a value impossible.
        """
        return with_changes(self, f"strategy {self.name!r}", changes, error=StrategyError)

    def to_dict(self) -> dict[str, Any]:
        """Return the strategy as plain data, with the name of its class."""
        return plain.to_dict(self)


# -- the parts of the original -----------------------------------------------------------------------------

PART_1 = Strategy("1", starts_on="encoded", dedicated=True)
"""A publisher for each video, started when its encoding ends."""

PART_2A = Strategy("2a", starts_on="encoding_started", dedicated=True)
"""A publisher for each video, started when its encoding starts."""

PART_2B = Strategy("2b", starts_on="queued", dedicated=True)
"""A publisher for each video, started when it reaches the publishing stage."""

PART_2C = Strategy("2c", prewarmed=10)
"""A pool of 10 publishers started at time 0; each one that takes a video is replaced."""

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {strategy.name: strategy for strategy in (PART_1, PART_2A, PART_2B, PART_2C)}
)
"""The built-in strategies by name."""


def as_strategy(strategy: object) -> Strategy:
    """Return a strategy unchanged, or the built-in one with that name; "2c:8" is 2c with a pool of 8.

    Raises
    ------
    StrategyError
        If no strategy has that name; the message lists the names.

    Examples
    --------
    >>> as_strategy("2b").starts_on
    'queued'
    >>> as_strategy("2c:8")
    Strategy(name='2c:8', starts_on=None, dedicated=False, prewarmed=8, review_every=None)
    """
    if isinstance(strategy, Strategy):
        return strategy
    if isinstance(strategy, type) and issubclass(strategy, Strategy):
        raise StrategyError(f"{strategy.__name__} is a class: pass an instance of it, {strategy.__name__}()")
    name, colon, size = strategy.partition(":") if isinstance(strategy, str) else ("", "", "")
    if name not in STRATEGIES:
        raise StrategyError(
            f"a strategy is one of {', '.join(STRATEGIES)}, or a tv2sim.Strategy of your own, not "
            f"{shown(strategy)}"
        )
    if not colon:
        return STRATEGIES[name]
    if not STRATEGIES[name].prewarmed or not (size.isascii() and size.isdigit()):
        raise StrategyError(f"a strategy with another pool is written like 2c:8, not {strategy!r}")
    return STRATEGIES[name].replace(name=strategy, prewarmed=int(size[:4000]))
