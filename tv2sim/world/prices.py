"""Prices of publishers and of failed videos, as data."""

from __future__ import annotations

from dataclasses import dataclass

from tv2sim.base.checks import a_number, shown
from tv2sim.base.errors import InputError
from tv2sim.base.fields import Fields, in_short, parameter, with_parameters

_MOST = 1e12
"""The highest price, far from where a sum would be infinite."""


def a_price(name: str, value: object, *, error: type[InputError]) -> float:
    """Return a number that is not below 0."""
    return a_number(name, value, at_most=_MOST, error=error)


@with_parameters
@dataclass(frozen=True, repr=False)
class Prices(Fields):
    """Prices of a publisher in each state and at its start, and of a failed video.

    Prices are no part of what is simulated: the same runs can be priced again. All are in one unit of your
    choice, such as euros or cents, and so is the metric ``cost``: the sum over a run of all publisher-seconds,
    starts and failed videos, each times its price. A video that is unfinished when a run ends, or that the
    client gives up (refused), has not failed and has no price.

    {parameters}

    Raises
    ------
    InputError
        If a value is not a number of at least 0, or a name unknown.

    Examples
    --------
    Part 2c costs more than part 2a while publishers wait, and far less for failures:

    >>> import tv2sim as tv
    >>> prices = tv.Prices(starting=0.01, ready=0.02, failed=5)
    >>> study = tv.compare(tv.generate_catalogue(), ["2a", "2c"], replications=100, prices=prices)
    >>> study.costs[["starting", "ready", "failed", "cost"]].droplevel(["catalogue", "scenario"]).round(2)
              starting  ready  failed    cost
    strategy
    2a            6.15   1.85  130.05  138.05
    2c            6.29   3.43    7.96   17.67
    """

    starting: float = parameter(
        0.0, a_price, label="starting", text="The price of each second for which a publisher starts up.",
    )  # fmt: skip
    ready: float = parameter(
        0.0, a_price, label="ready",
        text="The price of each second for which a publisher is ready and has no video (idle).",
    )  # fmt: skip
    busy: float = parameter(
        0.0, a_price, label="busy", text="The price of each second for which a publisher is busy with a video.",
    )  # fmt: skip
    start: float = parameter(
        0.0, a_price, label="starts", text="The price of each publisher that is started, also in vain.",
    )  # fmt: skip
    failed: float = parameter(
        0.0, a_price, label="failures",
        text="The price of each video that fails: it is published too late, or given up without a publication.",
    )  # fmt: skip

    def __str__(self) -> str:
        return in_short(self) or "none"

    def __bool__(self) -> bool:
        """Return whether anything has a price."""
        return bool(in_short(self))


def as_prices(prices: object) -> Prices | None:
    """Return prices unchanged; None if nothing has a price.

    Raises
    ------
    InputError
        If it is something else.
    """
    if prices is not None and not isinstance(prices, Prices):
        raise InputError(f"prices must be a tv2sim.Prices, such as Prices(failed=5), not {shown(prices)}")
    return prices or None


def needed(prices: Prices | None) -> Prices:
    """Return prices that a cost needs.

    Raises
    ------
    InputError
        If there are none.
    """
    if prices is None:
        raise InputError(
            "there is no cost without prices: give them to the simulation, prices=tv2sim.Prices(failed=5), or "
            "to its results, .priced(tv2sim.Prices(failed=5))"
        )
    return prices
