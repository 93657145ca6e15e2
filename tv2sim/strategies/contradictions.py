"""Which values of a strategy contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from tv2sim.strategies.strategy import Strategy

__all__ = ["CONTRADICTIONS", "Contradiction", "contradiction", "has_pool_that_adapts"]


class Contradiction(NamedTuple):
    """A combination that makes no sense.

    Attributes
    ----------
    found : callable
        Takes a strategy, and returns whether it has it.
    text : str
        What is wrong and how to correct it, to follow "strategy 'x'"; fields in braces are filled in.
    """

    found: Callable[[Strategy], bool]
    text: str


def contradiction(one: Strategy) -> str:
    """Return what is wrong with a strategy whose values are possible one by one; empty if nothing is."""
    return next((each.text.format_map(vars(one)) for each in CONTRADICTIONS if each.found(one)), "")


OF_POOL = ("minimum", "maximum", "headroom", "idle_time_to_live", "starts_at_most")
"""The fields of a pool that adapts."""


def has_pool_that_adapts(one: Strategy) -> bool:
    """Return whether one of :data:`OF_POOL` is given."""
    return any(getattr(one, name) is not None for name in OF_POOL)


def _rules(one: Strategy) -> int:
    """Return how many rules decide what the pool starts."""
    return sum((one.price is not None, one.decides, one._overrides("pool_level") or has_pool_that_adapts(one)))


def _asks(one: Strategy) -> bool:
    return one._overrides("start_moment") or one._overrides("owns_publisher")


CONTRADICTIONS = (
    Contradiction(
        lambda one: one.dedicated and one.starts_on is None and not one._overrides("start_moment"),
        "is dedicated but never starts a publisher: give starts_on a moment, or leave dedicated=False",
    ),
    Contradiction(
        lambda one: one.dedicated_from is not None and (one.dedicated or _asks(one)),
        "says twice which videos have their own publisher: leave out dedicated_from={dedicated_from}, or "
        "dedicated=True and the hooks start_moment and owns_publisher",
    ),
    Contradiction(
        lambda one: one.dedicated_from is not None and one.starts_on not in (None, "encoding_started"),
        "starts publishers at two moments: with dedicated_from={dedicated_from}, starts_on is None or "
        "'encoding_started', not {starts_on!r}",
    ),
    Contradiction(
        lambda one: one.lead is not None and one._overrides("start_delay"),
        "says twice how long a start is delayed: leave out lead={lead!r}, or the hook start_delay",
    ),
    Contradiction(
        lambda one: (
            one.lead is not None
            and (
                one._overrides("start_moment")
                or (one.starts_on != "encoding_started" and one.dedicated_from is None)
            )
        ),
        "has a lead={lead!r}, which is for publishers that are ordered when an encoding starts: give "
        "starts_on='encoding_started' or dedicated_from, without the hook start_moment",
    ),
    Contradiction(
        lambda one: one.ready_at_start and not (one.prewarmed or one.minimum or one._overrides("pool_level")),
        "has ready_at_start=True but no publisher at the start: give prewarmed",
    ),
    Contradiction(
        lambda one: one._overrides("priority") and "deadline" in (one.order, one.queue_order),
        "has two orders of the queue, that of deadlines and that of the hook priority: leave out "
        "queue_order='deadline', price and holds_back, or the hook",
    ),
    Contradiction(
        lambda one: one.queue_order == "priority" and one.order == "deadline",
        "holds publishers back or has a price, which is for the order of deadlines: leave out "
        "queue_order='priority'",
    ),
    Contradiction(
        lambda one: one.dispatch == "at_once" and (one.price is not None or bool(one.holds) or one.decides),
        "has dispatch='at_once', but a rule that decides once an instant (price, holds_back or decide): leave "
        "dispatch out",
    ),
    Contradiction(
        lambda one: one.holds_back is True and one.price is None,
        "has holds_back=True, which takes its price from price: give price, or holds_back a number",
    ),
    Contradiction(
        lambda one: not one.shares and (one.price is not None or bool(one.holds) or one.decides),
        "gives each video its own publisher, so price, holds_back and decide have nothing to decide: leave "
        "dedicated=False",
    ),
    Contradiction(
        lambda one: not one.shares and has_pool_that_adapts(one),
        f"gives each video its own publisher, so no video uses a pool: leave out {', '.join(OF_POOL)}",
    ),
    Contradiction(
        lambda one: _rules(one) > 1,
        "has more than one rule of what the pool starts: choose one of price, the hook decide, and a pool's "
        f"level (the hook pool_level, {', '.join(OF_POOL)})",
    ),
    Contradiction(
        lambda one: one.decides and (bool(one.holds) or one.discards_hopeless),
        "has the hook decide, which answers what is held and discarded itself: leave out holds_back and "
        "discards_hopeless",
    ),
    Contradiction(
        lambda one: one.headroom is not None and one._overrides("pool_level"),
        "has a headroom={headroom} and the hook pool_level, which both give the pool's level: leave one out",
    ),
    Contradiction(
        lambda one: one.maximum is not None and one.maximum < (one.minimum or 0),
        "has a minimum={minimum} above its maximum={maximum}",
    ),
    Contradiction(
        lambda one: one.maximum is not None and one.maximum < one.known_stock,
        "has prewarmed={prewarmed} publishers, more than its maximum={maximum}",
    ),
    Contradiction(
        lambda one: one.price is None and one.forecast != "online",
        "has a forecast, which only the coverage rule uses: give price",
    ),
)
"""In the order in which they are looked for."""
