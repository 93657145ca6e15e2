"""Measured times: known, censored (only known to be longer), or counted in buckets.

They are read from numbers, a column, a frame, the counts of a histogram, or a CSV file.
"""

from __future__ import annotations

import csv
import math
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import a_list, a_number, a_time, plural, shown
from tv2sim.base.errors import InputError

_MOST = 1000
"""The most times that stand for the counts of a histogram."""
_MOST_SAMPLES = 10_000_000
"""The most samples that are accepted."""
_LEAST = 1e-12
"""The least distance of shares from 0 and 1, where the statistic of Anderson and Darling has no value."""

_RULED_OUT = -700.0
"""The logarithm of the likelihood of a time that a model rules out."""


class Model(Protocol):
    """A distribution with a density, with which measured times are compared."""

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the times below which the shares `u` of all times lie."""

    def cdf(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the shares of all times that are at most these."""

    def log_density(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithm of the density."""


@dataclass(frozen=True, eq=False)
class Times:
    """Times in ascending order; the true time of a censored one is longer than the time here."""

    times: NDArray[np.float64]
    censored: NDArray[np.bool_]

    unit: ClassVar = "different sample"

    def __str__(self) -> str:
        known = plural(len(self), "sample")
        return f"{known}, {self.censored.sum()} of them censored" if self.censored.any() else known

    def __len__(self) -> int:
        return len(self.times)

    @property
    def complete(self) -> bool:
        """Whether each time is known."""
        return not self.censored.any()

    @property
    def distinct(self) -> int:
        """The number of different times that are known."""
        return len(np.unique(self.times[~self.censored]))

    def steps(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the known times, and the shares of all times that are at most these (Kaplan-Meier)."""
        return _kaplan_meier(self.times, ~self.censored)

    def points(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the known times, each with the middle of its step."""
        at, share = self.steps()
        return at, (share + np.append(0.0, share[:-1])) / 2

    def equally_likely(self) -> NDArray[np.float64]:
        """Return as many times that stand for these; censored times after all known ones are the longest."""
        if self.complete:
            return self.times
        at, share = self.steps()
        rank = np.searchsorted(share, (np.arange(len(self)) + 0.5) / len(self))
        return np.append(at, self.times[-1])[rank]

    def log_likelihood(self, model: Model) -> float:
        """Return the logarithm of the likelihood of a model, finite also where the model rules a time out."""
        known, longer = self.times[~self.censored], self.times[self.censored]
        seen = np.maximum(model.log_density(known), _RULED_OUT).sum()
        return float(seen + _log(1 - model.cdf(longer)).sum())

    def distance(self, model: Model) -> float:
        """Return the statistic of Anderson and Darling: the distance of the shares from those of a model.

        It is n times the integral of (G - u)**2 / (u (1 - u)) over u. Here n is the number of times, u the
        model's share, and G the measured share. Where times are censored, the integral ends with the last time.
        """
        at, share = self.steps()
        end = self.times[-1:] if len(share) and share[-1] < 1 else [math.inf]
        u = np.clip(model.cdf(np.concatenate([[-1.0], at, end])), _LEAST, 1 - _LEAST)
        level = np.concatenate([[0.0], share])

        def integral(u: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(level**2 * np.log(u) - (1 - level) ** 2 * np.log1p(-u) - u)

        return len(self) * float((integral(u[1:]) - integral(u[:-1])).sum())

    def resampled(self, model: Model, random: np.random.Generator, count: int) -> Times:
        """Draw `count` times from a model, and censor them as these are censored."""
        times = model.quantile(_uniforms(random, count))
        if self.complete:
            return Times(np.sort(times), np.zeros(count, dtype=bool))
        at, share = _kaplan_meier(self.times, self.censored)
        limit = np.append(at, math.inf)[np.searchsorted(share, random.random(count))]
        return _sorted(np.minimum(times, limit), times > limit)


@dataclass(frozen=True, eq=False)
class Buckets:
    """Counts of times in buckets, each up to its bound and above the bound before; the last is infinite."""

    bounds: NDArray[np.float64]
    counts: NDArray[np.float64]

    unit: ClassVar = "bucket"
    complete: ClassVar = False

    def __str__(self) -> str:
        return f"{plural(len(self), 'sample')} in {plural(len(self.bounds), 'bucket')}"

    def __len__(self) -> int:
        return round(float(self.counts.sum()))

    @property
    def distinct(self) -> int:
        """The number of buckets that have times in them."""
        return int((self.counts > 0).sum())

    def steps(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the bounds, and the shares of all times that are at most these."""
        reached = np.cumsum(self.counts)
        return self.bounds, reached / reached[-1]

    def points(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the bounds that have times on both sides, with the shares of times up to each."""
        at, share = self.steps()
        inner = (share > 0) & (share < 1)
        return at[inner], share[inner]

    def equally_likely(self) -> NDArray[np.float64]:
        """Return times that are spread evenly in each bucket; in the last bucket all are its lower bound."""
        count = min(len(self), _MOST)
        at, share = self.steps()
        inner = np.isfinite(at)
        known, times = np.concatenate([[0.0], share[inner]]), np.concatenate([[0.0], at[inner]])
        rises = np.append(True, np.diff(known) > 0) | np.append(np.diff(known) > 0, False)
        return np.asarray(np.interp((np.arange(count) + 0.5) / count, known[rises], times[rises]))

    def log_likelihood(self, model: Model) -> float:
        """Return the logarithm of the likelihood of a model."""
        used = self.counts > 0
        return float((self.counts[used] * _log(self._shares(model)[used])).sum())

    def _shares(self, model: Model) -> NDArray[np.float64]:
        return np.diff(model.cdf(self.bounds), prepend=0.0)

    def distance(self, model: Model) -> float:
        """Return the statistic of Anderson and Darling for counts (Choulakian, Lockhart and Stephens 1994)."""
        shares = self._shares(model)
        u = np.clip(np.cumsum(shares), _LEAST, 1 - _LEAST)
        return float(self.counts.sum() * ((self.steps()[1] - u) ** 2 / (u * (1 - u)) * shares)[:-1].sum())

    def resampled(self, model: Model, random: np.random.Generator, count: int) -> Buckets:
        """Draw `count` times from a model, and count them in the same buckets."""
        bucket = np.searchsorted(self.bounds, model.quantile(_uniforms(random, count)))
        return Buckets(self.bounds, np.bincount(bucket, minlength=len(self.bounds)).astype(np.float64))


Measured: TypeAlias = Times | Buckets


def _kaplan_meier(
    times: NDArray[np.float64], seen: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the known times in ascending order, and the estimated share of all times up to each."""
    at, counts = np.unique(times[seen], return_counts=True)
    left = len(times) - np.searchsorted(times, at)
    return at, np.asarray(1 - np.cumprod(1 - counts / left), dtype=np.float64)


def _log(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.maximum(shares, math.exp(_RULED_OUT)))


def _uniforms(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return numbers in the open interval (0, 1)."""
    return np.maximum(random.random(count), 2.0**-53)


def _sorted(times: NDArray[np.float64], censored: NDArray[np.bool_]) -> Times:
    order = np.lexsort((censored, times))  # at the same time, those that are known come first
    return Times(times[order], censored[order])


_LONG = 1000.0
"""Times with a median above this may be in milliseconds: it is more than 16 minutes in seconds."""


def unit_question(what: str, times: NDArray[np.float64]) -> str:
    """Return the question whether times are in milliseconds; an empty text if they look like seconds.

    >>> unit_question("start-up times", np.array([1500.0, 2500.0, 9.0]))
    'the median of the start-up times is 1,500 s: are they in milliseconds? tv2sim takes seconds'
    """
    known = times[~np.isnan(times)]
    median = float(np.median(known)) if len(known) else 0.0
    if median <= _LONG:
        return ""
    return f"the median of the {what} is {median:,.6g} s: are they in milliseconds? tv2sim takes seconds"


# -- reading -----------------------------------------------------------------------------------------------


def as_measured(samples: Any, censored: Any = None, *, error: type[InputError] = InputError) -> Measured:
    """Return measured times from numbers, a column, a frame, a mapping of counts, or a file.

    Raises
    ------
    InputError
        If there are no measured times in it; the message says what is wrong.

    Examples
    --------
    >>> print(as_measured([2.5, 3, 10], censored=[False, False, True]))
    3 samples, 1 of them censored
    >>> print(as_measured({"1": 0, "2.5": 7, "5": 18, "+Inf": 20}))
    20 samples in 4 buckets
    """
    if isinstance(samples, Times | Buckets):
        return samples
    columns = _columns(samples, error)
    rest = [name for name in columns if name not in ("le", "censored")]
    if len(rest) != 1 or len(columns) > 2 or not (censored is None or list(columns) == rest):
        raise error(
            f"measured times are one column of seconds, and perhaps 'censored', or counts beside 'le', not the "
            f"columns {', '.join(map(repr, columns))}"
        )
    (values,) = (columns[name] for name in rest)
    if "le" in columns:
        return _as_buckets(columns["le"], values, error)
    return _as_times(values, columns.get("censored", censored), error)


def _columns(samples: Any, error: type[InputError]) -> dict[str, Any]:
    """Return the columns by name."""
    if isinstance(samples, str | os.PathLike):
        return _read(samples, error)
    if hasattr(samples, "columns"):
        return {str(name): samples[name] for name in samples.columns}
    if isinstance(samples, Mapping):
        return dict(samples) if "le" in samples else {"le": list(samples), "count": list(samples.values())}
    if isinstance(samples, Iterable) and not isinstance(samples, bytes) and getattr(samples, "ndim", 1) == 1:
        return {"time": samples}
    raise error(
        f"measured times are numbers of seconds, a column, a frame, counts by bucket or a CSV file's path, not "
        f"{shown(samples, 60)}"
    )


def _read(path: str | os.PathLike[str], error: type[InputError]) -> dict[str, Any]:
    """Return the columns of a CSV file, whose first line may be a header."""
    what = f"measured times {os.fspath(path)!r}"
    lines = _lines(path, what, error)
    header = lines.pop(0)[1] if lines and _number(lines[0][1][0]) is None else ["time"]
    rows = []
    for number, cells in lines:
        if len(cells) != len(header):
            raise error(f"{what}, line {number}: {plural(len(cells), 'value')} instead of {len(header)}")
        rows.append([_number(cell) for cell in cells])
        if None in rows[-1]:
            raise error(f"{what}, line {number}: {cells[rows[-1].index(None)]!r} is not a number")
    return {name: [row[at] for row in rows] for at, name in enumerate(header)}


def _lines(path: str | os.PathLike[str], what: str, error: type[InputError]) -> list[tuple[int, list[str]]]:
    """Return the cells of each line of a CSV file that is not empty, with its number."""
    try:
        with (
            nullcontext(sys.stdin) if path == "-" else Path(path).open(encoding="utf-8-sig", newline="") as file
        ):
            reader = csv.reader(file)
            return [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(cells)]
    except (OSError, ValueError, csv.Error) as unread:  # ValueError: not UTF-8, or a NUL in the path
        raise error(f"cannot read the {what}: {getattr(unread, 'strerror', None) or unread}") from unread


def _number(cell: str) -> float | None:
    """Return the number of a cell, where true is 1 and false is 0; None for another text."""
    flags = {"true": 1.0, "false": 0.0}
    try:
        return flags[cell.lower()] if cell.lower() in flags else float(cell)
    except ValueError:
        return None


def _as_times(values: Any, censored: Any, error: type[InputError]) -> Times:
    times = np.array(
        [a_time(f"sample {n}", one, error=error) for n, one in enumerate(_listed(values, error), 1)]
    )
    flags = np.zeros(len(times), dtype=bool) if censored is None else _flags(censored, len(times), error)
    if not len(times):
        raise error("there are no samples: at least one time in seconds is needed")
    if flags.all():
        raise error("all samples are censored: at least one whole start-up must have been seen")
    return _sorted(times, flags)


def _listed(values: Any, error: type[InputError]) -> list[Any]:
    """Return the values of a column as a list; differences of times become seconds."""
    if getattr(getattr(values, "dtype", None), "kind", "") == "m":
        values = np.asarray(values) / np.timedelta64(1, "s")
    values = values.tolist() if hasattr(values, "tolist") else values
    return a_list("the measured times", values, at_most=_MOST_SAMPLES, error=error)


def _flags(censored: Any, count: int, error: type[InputError]) -> NDArray[np.bool_]:
    flags = _listed(censored, error) if isinstance(censored, Iterable) else []
    if len(flags) != count or not all(flag in (0, 1) for flag in flags):
        raise error(
            f"censored must be true or false for each of {plural(count, 'sample')}, not {shown(censored, 60)}"
        )
    return np.array(flags, dtype=bool)


def _as_buckets(bounds: Any, counts: Any, error: type[InputError]) -> Buckets:
    """Return the buckets of a Prometheus histogram, whose counts are cumulative."""
    by_bound: dict[float, float] = {}
    for text, count in zip(_listed(bounds, error), _listed(counts, error), strict=True):
        bound = _number(text) if isinstance(text, str) else text
        if bound != math.inf:
            bound = a_time(f"the bound le={text!r}", bound, error=error)
        by_bound[bound] = a_number(f"the count at le={text!r}", count, error=error)
    if math.inf not in by_bound:
        raise error("the buckets have no '+Inf', the count of all times: add it")
    ascending = sorted(by_bound)
    totals = np.array([by_bound[bound] for bound in ascending])
    if (falls := np.diff(totals) < 0).any():
        at = int(falls.argmax())
        raise error(
            f"the counts of buckets are cumulative and cannot fall, as from {totals[at]:g} at "
            f"le={ascending[at]:g} to {totals[at + 1]:g} at le={ascending[at + 1]:g}"
        )
    if not totals[-1]:
        raise error("there are no samples: the buckets count no time")
    if totals[:-1].sum() == 0:
        raise error("all samples are in the bucket '+Inf': at least one start-up must have been shorter")
    return Buckets(np.array(ascending), np.diff(totals, prepend=0.0))
