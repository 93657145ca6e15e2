"""Distributions from what people write and from what files hold."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim import plain
from tv2sim.distributions.base import EXTREMES, Distribution
from tv2sim.distributions.kinds import Constant, Empirical, Exponential, Gamma, LogNormal, Triangular, Uniform
from tv2sim.errors import InputError, ScenarioError
from tv2sim.validation import LONGEST_TIME, a_time

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DISTRIBUTIONS", "as_distribution", "distribution_from_dict"]

DISTRIBUTIONS: tuple[type[Distribution], ...] = (
    Constant, Uniform, Triangular, Exponential, LogNormal, Gamma, Empirical,
)  # fmt: skip
"""The distributions that come with tv2sim."""

_KINDS = {kind.__name__.lower(): kind for kind in DISTRIBUTIONS}
"""By what people write."""


if TYPE_CHECKING:

    class AsDistribution:
        """The type of a field that accepts a distribution, a number or a text, and holds a distribution."""

        def __get__(self, one: object, owner: object) -> Distribution: ...
        def __set__(self, one: object, value: Distribution | float | str) -> None: ...


def as_distribution(name: str, value: object, *, error: type[InputError] = ScenarioError) -> Distribution:
    """Return a distribution as it is, a number as a :class:`Constant`, a text such as "uniform(2, 6)" parsed.

    Raises
    ------
    ScenarioError
        If it is none of these, quoting it and naming the kinds.

    Examples
    --------
    >>> as_distribution("startup_time", "uniform(2, 6)")
    Uniform(low=2.0, high=6.0)
    """
    if isinstance(value, Distribution):
        _check_own(name, value)
        return value
    if not isinstance(value, str):
        return Constant(a_time(f"{name}, if not a distribution,", value, error=error))
    written = re.fullmatch(r"\s*(\w+)\s*\(([^()]*)\)\s*", value)
    kind = _KINDS.get(written[1].lower()) if written else None
    try:
        numbers = [float(number) for number in written[2].split(",")] if written else [float(value)]
        if kind is None:
            if written:
                raise ValueError
            return Constant(*numbers)
        return Empirical(tuple(numbers)) if kind is Empirical else kind(*numbers)
    except (ValueError, TypeError) as error:
        if isinstance(error, ScenarioError):
            raise
        raise ScenarioError(
            f"{name} must be a number of seconds or one of constant(value), uniform(low, high), "
            f"triangular(low, mode, high), exponential(mean), lognormal(median, sigma), gamma(shape, scale), "
            f"empirical(sample, sample, ...), not {value!r}"
        ) from error


def _check_own(name: str, distribution: Distribution) -> None:
    """Refuse a user's own distribution whose times can be too long; what else is wrong is found in use."""
    if type(distribution) in _KINDS.values():
        return  # checked when it was made
    try:
        extremes = np.asarray(distribution.quantile(EXTREMES.copy()), dtype=np.float64)
    except Exception:  # noqa: BLE001 (a user's code)
        return
    for time in extremes.ravel().tolist():
        if not (0 <= time <= LONGEST_TIME or math.isnan(time)):
            raise ScenarioError(
                f"{name} {distribution} gives other than times from 0 to {LONGEST_TIME:.0f} s: {time:g}"
            )


def distribution_from_dict(data: Mapping[str, Any]) -> Distribution:
    """Return the distribution that :meth:`Distribution.to_dict` described.

    Raises
    ------
    ScenarioError
        If the kind is unknown (as for a user's own class).

    Examples
    --------
    >>> distribution_from_dict(Gamma(4, 1).to_dict())
    Gamma(shape=4.0, scale=1.0)
    """
    try:
        distribution: Distribution = plain.from_dict(data, *DISTRIBUTIONS)
    except LookupError as error:
        known, given = ", ".join(_KINDS), data.get(plain.KIND)
        raise ScenarioError(f"a distribution's kind must be one of {known}, not {given!r}") from error
    return distribution
