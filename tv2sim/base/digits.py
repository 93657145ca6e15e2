"""Numbers, shares, p-values and lists as text."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor, isclose, isfinite, isnan, log10


def number(value: float, decimals: int = 0) -> str:
    """Return a number with separators between thousands, a true minus, and no negative zero.

    >>> number(-1234.5, 1), number(-0.01, 1)
    ('−1,234.5', '0.0')
    """
    if isnan(value):
        return "–"
    if not isfinite(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def decimals_for(half_width: float, value: float = 0.0) -> int:
    """Return how many decimals to show: two digits of a half width that begins with 1 or 2, else one.

    >>> [decimals_for(width) for width in (0.053, 0.14, 2.3, 47)]
    [2, 2, 1, 0]
    """
    if not isfinite(half_width) or half_width <= 0:
        return next((d for d in (0, 1, 2) if isclose(value, round(value, d), abs_tol=1e-9)), 3)
    power = floor(log10(half_width))
    leading = half_width / 10.0**power
    return min(max(0, -power + (leading < 2.95)), 6)


def three_digits(value: float) -> str:
    """Return a number with three significant digits, or all digits before the point.

    >>> three_digits(0.0012345), three_digits(1234.5), three_digits(0.0)
    ('0.00123', '1,234', '0')
    """
    return number(value, decimals_of_three_digits(value))


def decimals_of_three_digits(value: float) -> int:
    """Return the number of decimals with which a number has three significant digits."""
    return max(0, 2 - floor(log10(abs(value)))) if value and isfinite(value) else 0


def rate(share: float) -> str:
    """Return a share in percent, with at most six significant digits.

    >>> rate(0.95), rate(0.999)
    ('95 %', '99.9 %')
    """
    return f"{100 * share:.6g} %"


def p_value(value: float) -> str:
    """Return a p-value with three decimals, or as below 0.001.

    >>> p_value(0.0342), p_value(1e-9), p_value(1.0)
    ('0.034', '< 0.001', '1')
    """
    if isnan(value):
        return "–"
    if value < 0.001:
        return "< 0.001"
    return "1" if value == 1 else f"{value:.3f}"


def p_equals(value: float) -> str:
    """Return a p-value as an equation or inequality for a sentence.

    >>> p_equals(0.0342), p_equals(1e-9)
    ('p = 0.034', 'p < 0.001')
    """
    text = p_value(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def listed(words: Iterable[str]) -> str:
    """Return a list of words as part of a sentence.

    >>> listed(["1", "2a", "2b"])
    '1, 2a and 2b'
    """
    *first, last = list(words) or ["nothing"]
    return f"{', '.join(first)} and {last}" if first else last
