"""Metrics in words and digits: labels, units, and as many decimals as an interval supports.

Every page, chart and table is written with these functions, so that a value looks the same everywhere.
"""

from __future__ import annotations

from math import ceil, floor, inf, isclose, isnan, log10
from numbers import Real
from typing import NamedTuple

from tv2sim.base.digits import decimals_for, decimals_of_three_digits, number, rate
from tv2sim.inference.intervals import Interval
from tv2sim.results.metrics import COST, METRICS
from tv2sim.world.distributions import Constant


def scaled(metric: str, interval: Interval) -> Interval:
    """Return an interval in the unit in which people read it: a share in percent.

    >>> scaled("on_time_rate", Interval(0.75, 0.25, 0.5, 1.0)).mean
    75.0
    """
    factor = 100.0 if METRICS[metric].unit == "%" else 1.0
    mean, half_width, low, high = (factor * value for value in interval[:4])
    between = interval.between and (factor * interval.between[0], factor * interval.between[1])
    return Interval(mean, half_width, low, high, *interval[4:7], between)


def heading(metric: str) -> str:
    """Return the label for the head of a column without units, with the unit unless it is what is counted."""
    return f"{METRICS[metric].label} ({unit(metric).strip()})" if unit(metric) else METRICS[metric].label


def axis(metric: str, *, difference: bool = False) -> str:
    """Return the label with its unit for an axis.

    >>> axis("published"), axis("on_time_rate", difference=True)
    ('published in time (videos)', 'on-time rate (percentage points)')
    """
    name = "percentage points" if difference and METRICS[metric].unit == "%" else METRICS[metric].unit
    return f"{METRICS[metric].label} ({name})" if name else METRICS[metric].label


def unit(metric: str, *, difference: bool = False) -> str:
    """Return the unit with a space before it; nothing for a count, whose label says what is counted."""
    name = METRICS[metric].unit
    return "" if name not in _MOST_DECIMALS else " points" if difference and name == "%" else f" {name}"


def decimals_of(metric: str, half_width: float, value: float) -> int:
    """Return how many decimals a metric is shown with; a cost has three digits, however small it is.

    >>> decimals_of("makespan", 0.0021, 80.0009), decimals_of("cost", 0.0021, 80.0009)
    (2, 4)
    >>> decimals_of("cost", 0.0, 0.00012345), decimals_of("cost", 0.0, 0.5), decimals_of("cost", 0.0, 12.0)
    (6, 1, 0)
    """
    decimals = decimals_for(half_width, value)
    if metric != COST:
        return min(decimals, _MOST_DECIMALS.get(METRICS[metric].unit, 3))
    return max(decimals, decimals_of_three_digits(value)) if decimals > 2 and not half_width > 0 else decimals


_MOST_DECIMALS = {"%": 6, "s": 2}
"""Milliseconds decide nothing, but 99.9995 % and 100 % are different promises; counts have 3."""


def estimate(metric: str, interval: Interval, *, difference: bool = False, units: bool = True) -> str:
    """Return a mean with its half width; with the interval itself where it is not symmetric about the mean.

    Where replications hardly differ, there is no interval: their smallest and largest value stand for it.

    Examples
    --------
    >>> estimate("on_time_rate", Interval(0.98915, 0.00053, 0.98862, 0.98968))
    '98.91 ± 0.05 %'
    >>> estimate("on_time_rate", Interval(1.0, 0.0037, 0.9963, 1.0))
    '100.0 (99.6 to 100.0) %'
    >>> estimate("makespan", Interval(80.0009, 0.001, 79.9999, 80.0015))
    '80.00 ± 0.01 s'
    >>> hardly = Interval(80.0009, *3 * [float("nan")], n=1000, differing=5, between=(80, 80.9))
    >>> estimate("makespan", hardly), estimate("makespan", hardly._replace(between=(80, 80)))
    ('80.0 to 80.9 s', 'always 80 s')
    >>> estimate("elapsed_p50", Interval(4.25, 0.5, 3.75, 4.75, n=12, differing=12, missing=988))
    '4.2 ± 0.5 s (of 12)'
    """
    value, spread, basis = parts_of_estimate(metric, interval, difference=difference)
    after = unit(metric, difference=difference) if units else ""
    return " ".join(filter(None, (value, spread))) + after + (f" {basis}" if basis else "")


class Estimate(NamedTuple):
    """The parts of :func:`estimate`, without the unit, which stands before the last one."""

    value: str
    spread: str
    """The half width or the ends of the interval; empty if there is none."""
    basis: str
    """How many replications it rests on, if not on all of them."""


def parts_of_estimate(metric: str, interval: Interval, *, difference: bool = False) -> Estimate:
    """Return the parts of :func:`estimate`.

    >>> parts_of_estimate("on_time_rate", Interval(0.98915, 0.00053, 0.98862, 0.98968))
    Estimate(value='98.91', spread='± 0.05', basis='')
    """
    seen = scaled(metric, interval)
    mean, half_width, low, high = seen[:4]
    several = interval.n is not None and interval.n > 1
    basis = f"(of {interval.n:,})" if several and interval.missing else ""
    if seen.between is not None:
        decimals = max(decimals_of(metric, 0.0, end) for end in seen.between)
        texts = list(dict.fromkeys(_signed(end, decimals, difference=difference) for end in seen.between))
        return Estimate(" to ".join(texts) if texts[1:] else f"always {texts[0]}", "", basis)
    decimals = decimals_of(metric, mean - low if half_width == inf else half_width, mean)
    shown = _signed(mean, decimals, difference=difference)
    spread = (
        "(no interval)" if several and isnan(half_width) else _spread(mean, half_width, low, high, decimals)
    )
    return Estimate(shown, spread, basis)


def _signed(value: float, decimals: int, *, difference: bool) -> str:
    """Return a number; a difference above 0 has a plus."""
    plus = difference and value > 0 and float(f"{value:.{decimals}f}") > 0
    return f"{'+' if plus else ''}{number(value, decimals)}"


def _spread(mean: float, half_width: float, low: float, high: float, decimals: int) -> str:
    if isnan(half_width) or half_width == 0:
        return ""
    ends = [number(end, decimals) for end in (low, high)]
    if isclose(mean - low, high - mean, rel_tol=1e-6) or ends[0] == ends[1]:
        # a half width that these decimals cannot show is rounded up, not to 0
        return f"± {number(max(half_width, 10.0**-decimals), decimals)}"
    return f"({ends[0]} to {ends[1]})"


def with_span(metric: str, interval: Interval, confidence: float, of: str = "") -> str:
    """Return a mean with its interval in words; `of` follows the mean and names the whole.

    >>> with_span("on_time_rate", Interval(0.98915, 0.00053, 0.98862, 0.98968), 0.95)
    '98.9 % (95 % interval 98.8 to 99.0 %)'
    >>> with_span("on_time_rate", Interval(0.99978, 0.0001, 0.99968, 0.99988), 0.95)
    '99.978 % (95 % interval 99.968 to 99.988 %)'
    """
    mean, half_width, *_ = scaled(metric, interval)
    few = decimals_of(COST, 0.0, mean) if metric == COST else 1
    if isnan(half_width):
        why = ", one replication" if interval.n == 1 else ""
        return f"{number(mean, few)}{unit(metric)}{of} (no interval{why})"
    if half_width == 0:
        return f"{number(mean, few)}{unit(metric)}{of}"
    shown = f"{number(mean, _decimals_in_words(metric, mean, half_width))}{unit(metric)}{of}"
    return f"{shown} ({rate(confidence)} interval {span(metric, interval)})"


def span(metric: str, interval: Interval, *, difference: bool = False) -> str:
    """Return an interval, rounded outwards, "98.8 to 99.0 %"."""
    mean, half_width, low, high = scaled(metric, interval)[:4]
    if isnan(half_width):
        return "no interval"
    decimals = _decimals_in_words(metric, mean, half_width)
    grain = 10.0**decimals
    low, high = floor(low * grain + 1e-9) / grain, ceil(high * grain - 1e-9) / grain
    return f"{number(low, decimals)} to {number(high, decimals)}{unit(metric, difference=difference)}"


def _decimals_in_words(metric: str, mean: float, half_width: float) -> int:
    """Return how many decimals a sentence has; near 100 %, what is missing to that has two digits."""
    decimals = max(1, decimals_for(half_width) - 1)
    if METRICS[metric].unit == "%" and 100 * RARELY_LATE <= mean < 100:
        return max(decimals, min(1 - floor(log10(100 - mean)), _MOST_DECIMALS["%"]))
    return decimals


RARELY_LATE = 0.999
"""From this on-time rate on, failures are counted: of 10,000 videos."""


def in_points(margin: float) -> str:
    """Return a difference of rates that is given, not estimated.

    >>> in_points(0.001)
    '0.1 percentage points'
    """
    return f"{100 * margin:.6g} percentage points"


def points(difference: Interval) -> str:
    """Return a difference of rates in words, with its interval.

    >>> points(Interval(0.584, 0.003, 0.581, 0.587))
    '58.4 percentage points more (58.1 to 58.7)'
    """
    decimals = max(1, decimals_for(100 * difference.half_width, 100 * difference.mean) - 1)
    return _more(difference, 100, "percentage points", ("more", "less"), decimals)


def fewer_late(difference: Interval) -> str:
    """Return a difference of rates as how many more or fewer of 10,000 videos are late.

    >>> fewer_late(Interval(-0.00013, 0.0001, -0.00021, -0.00005))
    '1.3 of 10,000 more late (0.5 to 2.1)'
    """
    decimals = max(0, decimals_for(1e4 * difference.half_width, 1e4 * difference.mean))
    return _more(difference, 1e4, "of 10,000", ("fewer late", "more late"), decimals)


def dearer(difference: Interval) -> str:
    """Return a difference of costs in words, with its interval.

    >>> dearer(Interval(-1.23, 0.2, -1.43, -1.03))
    '1.23 cheaper (1.03 to 1.43)'
    """
    decimals = decimals_of(COST, difference.half_width, difference.mean)
    return _more(difference, 1, "", ("dearer", "cheaper"), decimals)


def _more(difference: Interval, scale: float, unit: str, words: tuple[str, str], decimals: int) -> str:
    """Return a difference with a word for one above 0 or below."""
    sign = -1 if difference.mean < 0 else 1
    mean, half_width, *ends = (scale * value for value in difference[:4])
    says = " ".join(filter(None, (number(abs(mean), decimals), unit, words[sign < 0])))
    if isnan(half_width) or half_width == 0:
        return says
    low, high = sorted(sign * end for end in ends)
    return f"{says} ({number(low, decimals)} to {number(high, decimals)})"


def percent(share: float, difference: Interval) -> str:
    """Return a rate in percent, with as many decimals as its difference from another has."""
    return f"{number(100 * share, max(1, decimals_for(100 * difference.half_width) - 1))} %"


def late(interval: Interval) -> str:
    """Return an on-time rate as how many of 10,000 videos are late.

    >>> late(Interval(0.99978, 0.0001, 0.99967, 0.99986))
    '2.2 of 10,000 late (1.4 to 3.3)'
    """
    mean, high, low = (1e4 * (1 - share) for share in (interval.mean, interval.ci_low, interval.ci_high))
    decimals = min(2, decimals_for((high - low) / 2, mean))
    shown = f"{number(mean, decimals)} of 10,000 late"
    if isnan(low) or low == high:
        return shown
    return f"{shown} ({number(low, decimals)} to {number(high, decimals)})"


def in_words(value: object) -> str:
    """Return the value of a field as it is read.

    >>> in_words(10.0), in_words(2500), in_words(Constant(0.25)), in_words(None)
    ('10', '2,500', '0.25', 'None')
    """
    return str(value) if (number := as_number(value)) is None else f"{number:,.10g}"


def as_number(value: object) -> float | None:
    """Return a value as a number, as a constant time is one; None if it is something else."""
    if isinstance(value, Constant):
        return value.value
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else None
