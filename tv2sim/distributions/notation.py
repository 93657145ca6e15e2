"""Distributions from what people write and from what files hold."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim import plain
from tv2sim.distributions import kinds
from tv2sim.distributions.base import EXTREMES, Distribution
from tv2sim.distributions.kinds import BuiltIn, Constant, Empirical
from tv2sim.errors import InputError, ScenarioError
from tv2sim.validation import LONGEST_TIME, a_time

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DISTRIBUTIONS", "NOTATIONS", "as_distribution", "distribution_from_dict"]

DISTRIBUTIONS: tuple[type[BuiltIn], ...] = (
    Constant, kinds.Uniform, kinds.Triangular, kinds.Exponential, kinds.LogNormal, kinds.Gamma, Empirical,
)  # fmt: skip
"""The distributions that come with tv2sim."""

_KINDS = {kind.__name__.lower(): kind for kind in DISTRIBUTIONS}
"""By what people write."""

NOTATIONS = tuple(
    f"{name}({'sample, sample, ...' if kind is Empirical else ', '.join(field.name for field in fields(kind))})"
    for name, kind in _KINDS.items()
)
"""What people may write for each kind, such as "uniform(low, high)"."""


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
        _check_own(name, value, error)
        return value
    if not isinstance(value, str):
        return Constant(a_time(f"{name}, if not a distribution,", value, error=error))
    written = re.fullmatch(r"\s*(\w+)\s*\(([^()]*)\)\s*", value)
    try:
        kind, listed = (_KINDS[written[1].lower()], written[2]) if written else (Constant, value)
        numbers = [float(number) for number in listed.split(",")]
        return Empirical(numbers) if kind is Empirical else kind(*numbers)
    except ScenarioError:
        raise
    except (LookupError, ValueError, TypeError) as unread:
        raise error(
            f"{name} must be a number of seconds or one of {', '.join(NOTATIONS)}, not {value!r}"
        ) from unread


def _check_own(name: str, distribution: Distribution, error: type[InputError]) -> None:
    """Refuse a distribution of a user's class whose times can be too long; other errors are found in use."""
    if type(distribution) in DISTRIBUTIONS:
        return  # checked when it was made
    try:
        extremes = np.asarray(distribution.quantile(EXTREMES.copy()))
    except Exception:  # noqa: BLE001 (a user's code)
        return
    for time in extremes.ravel().tolist() if extremes.dtype.kind in "iuf" else ():
        if not (0 <= time <= LONGEST_TIME or math.isnan(time)):
            raise error(
                f"{name} {distribution} gives other than times from 0 to {LONGEST_TIME:.0f} s: {time:g}"
            )


def distribution_from_dict(data: Mapping[str, Any], *holders: type) -> Any:
    """Return the distribution that :meth:`Distribution.to_dict` described, or a dataclass that holds one.

    Parameters
    ----------
    data : mapping
        The plain data.
    *holders : type
        Dataclasses that `data` may describe as well.

    Raises
    ------
    ScenarioError
        If the kind is unknown, as that of a user's own class.

    Examples
    --------
    >>> distribution_from_dict(kinds.Gamma(4, 1).to_dict())
    Gamma(shape=4.0, scale=1.0)
    """
    try:
        return plain.from_dict(data, *holders, *DISTRIBUTIONS)
    except LookupError as error:
        known = ", ".join(_KINDS)
        raise ScenarioError(f"a distribution's kind must be one of {known}, not {error}") from error
