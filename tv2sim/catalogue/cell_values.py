"""From raw values of a column (text of CSV, JSON, cells of frames) to numbers, moments and texts.

The functions for one value say what counts; those for a column are as good as these, and faster: what they
cannot read at once is read one by one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.checks import shown
from tv2sim.base.ticks import PER_SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tv2sim.catalogue.batches import Values

__all__ = ["MISSING", "moments", "numbers", "texts"]

MISSING = "is missing"

_FIRST_STAMP = 10**8
"""Seconds: this is March 1973; a smaller number is no timestamp, but seconds since the start of the log."""
_LAST_STAMP = 2**32
_UNITS = ((10**11, PER_SECOND), (10**14, PER_SECOND // 1000), (10**17, 1))
"""Pairs (limit, ticks per unit): a number below the limit is in this unit; larger ones are nanoseconds."""


class _UnusableError(Exception):
    """Why a value cannot be used."""


def _number(value: Any) -> int | float:
    """Return one value as a number."""
    if isinstance(value, str):
        value = value.strip()
        if not value:
            raise _UnusableError(MISSING)
        try:
            # a whole number is exact as an int; float() would also take 1_000
            value = (
                int(value) if re.fullmatch(r"[0-9]{1,300}", value) else float(value.replace("_", "no number"))
            )
        except ValueError:
            raise _UnusableError(f"is no number: {shown(value, 60)}") from None
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value != value or type(value).__name__ in ("NAType", "NaTType"):
        raise _UnusableError(MISSING)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _UnusableError(f"is no number: {shown(value, 60)}")
    if not math.isfinite(value):
        raise _UnusableError(f"is no finite number: {value}")
    return float(value) if isinstance(value, Decimal) else value


def _moment(value: Any, zone: tzinfo) -> tuple[float, bool]:
    """Return one value as ticks, and whether it is a timestamp; without an offset it is a time of this zone."""
    if (time := _time(value)) is not None:
        aware = time if time.tzinfo else time.replace(tzinfo=zone)
        since = aware.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return _checked(float(since // timedelta(microseconds=1)), value), True
    try:
        number = _number(value)
    except _UnusableError as error:
        raise _UnusableError(str(error).replace("number", "time")) from None
    unit = next((unit for above, unit in _UNITS if abs(number) < above), 0)
    ticks = float(round(number * unit) if unit else number // 1000)
    stamped = abs(number) >= _FIRST_STAMP
    return (_checked(ticks, value) if stamped else ticks), stamped


def _time(value: Any) -> datetime | None:
    """Return one value as a time of the calendar, or None if it is not one; epochs are not."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, str) and value.strip()[4:5] == "-":
        try:
            return datetime.fromisoformat(value.strip().removesuffix("UTC").strip())
        except ValueError:
            raise _UnusableError(f"is no time: {shown(value, 60)}") from None
    return value if isinstance(value, datetime) and value == value else None  # NaT differs from itself


def _checked(ticks: float, value: Any) -> float:
    if not 0 <= ticks < _LAST_STAMP * PER_SECOND:
        raise _UnusableError(f"is no time from 1970 to 2106: {shown(value, 60)}")
    return ticks


def _text(value: Any) -> str:
    """Return one value as text; whole numbers, as ids often are, have no decimals."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or value != value or type(value).__name__ in ("NAType", "NaTType"):
        raise _UnusableError(MISSING)
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise _UnusableError(f"is no text: {shown(value, 60)}")
    return str(value)


# -- columns -----------------------------------------------------------------------------------------------


def numbers(values: Values) -> tuple[NDArray[np.float64], dict[int, str]]:
    """Return the numbers of a column, NaN where one is missing, and the reason by row."""
    fast = _fast_numbers(values)
    result = np.full(len(values), np.nan) if fast is None else fast.astype(np.float64)
    reasons = {}
    for row in np.flatnonzero(~np.isfinite(result)).tolist():
        result[row], reason = _tried(_number, values[row], math.nan)
        if reason:
            reasons[row] = reason
    return result, reasons


def moments(
    values: Values, zone: tzinfo = UTC
) -> tuple[NDArray[np.float64], NDArray[np.bool_], dict[int, str]]:
    """Return the ticks of a column, NaN where there is no time; which are timestamps; and by row why not.

    Times of the calendar without an offset are times of `zone`.
    """
    ticks, stamped = np.full(len(values), np.nan), np.zeros(len(values), dtype=bool)
    if (times := _fast_times(values, zone)) is not None:
        ticks, stamped = times, ~np.isnan(times)
    elif (fast := _fast_numbers(values)) is not None:
        size, least = np.abs(fast), 0
        for above, unit in _UNITS:
            here = (size >= least) & (size < above)
            ticks[here], least = np.rint(fast[here] * float(unit)), above
        stamped = (size >= _FIRST_STAMP) & (size < least)
    with np.errstate(invalid="ignore"):
        outside = stamped & ~((ticks >= 0) & (ticks < _LAST_STAMP * PER_SECOND))
    ticks[outside] = np.nan
    moment, reasons = partial(_moment, zone=zone), {}
    for row in np.flatnonzero(np.isnan(ticks)).tolist():
        (ticks[row], stamped[row]), reason = _tried(moment, values[row], (math.nan, False))
        if reason:
            reasons[row] = reason
    return ticks, stamped, reasons


def texts(values: Values) -> tuple[list[str], dict[int, str]]:
    """Return the texts of a column, empty where one is missing, and the reason by row."""
    listed: list[Any] = list(values)
    kinds = set(map(type, listed))
    if kinds <= {str} or kinds == {int}:
        return (list(map(str, listed)) if int in kinds else listed), {}
    result, reasons = [], {}
    for row, value in enumerate(listed):
        text, reason = _tried(_text, value, "")
        result.append(text)
        if reason:
            reasons[row] = reason
    return result, reasons


def _tried(function: Callable[[Any], Any], value: Any, instead: Any) -> tuple[Any, str]:
    try:
        return function(value), ""
    except _UnusableError as error:
        return instead, str(error)
    except (ValueError, OverflowError, TypeError):
        return instead, f"cannot be used: {shown(value, 60)}"


def _fast_numbers(values: Values) -> NDArray[Any] | None:
    """Return the numbers of a column, NaN for other values; None if each has to be looked at."""
    import pandas as pd

    found = values
    if isinstance(values, list):
        kinds = set(map(type, values))
        if kinds == {str}:
            found = np.asarray(pd.to_numeric(np.array(values, dtype=object), errors="coerce"))
        elif kinds <= {int, float}:
            found = np.array(values)
    # whole numbers that are too large for numpy are objects
    return found if isinstance(found, np.ndarray) and found.dtype.kind in "iuf" else None


def _fast_times(values: Values, zone: tzinfo) -> NDArray[np.float64] | None:
    """Return the ticks of a column of ISO times, NaN for other values; None if it has no such time."""
    import pandas as pd

    if isinstance(values, list):
        if set(map(type, values)) != {str} or next(filter(None, values), "")[4:5] != "-":
            return None
        # pandas takes "now" and "2024" for times as well
        iso = [text if text[4:5] == text[7:8] == "-" else "" for text in values]
        if zone is not UTC:  # those without an offset are read one by one
            iso = [text if _OFFSET.search(text) else "" for text in iso]
        values = pd.to_datetime(iso, format="ISO8601", utc=True, errors="coerce")
    if not isinstance(values, pd.DatetimeIndex):
        return None
    if values.tz is None and zone is not UTC:
        return None
    ticks = values.as_unit("us").asi8.astype(np.float64)
    ticks[np.asarray(values.isna())] = np.nan
    return ticks


_OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d)\s*$")
