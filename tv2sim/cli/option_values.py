"""The kinds of values that options take: functions that read a text."""

from __future__ import annotations

import argparse
import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tv2sim.base.checks import did_you_mean
from tv2sim.base.line_syntax import parts

if TYPE_CHECKING:
    from collections.abc import Callable


def whole(text: str) -> int:
    """Return a whole number."""
    if not re.fullmatch(r"[+-]?[0-9]{1,4000}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def number(text: str) -> float:
    """Return a number; its bounds are checked where it is used."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def share(text: str) -> float:
    """Return a share, given as a number or in percent; its bounds are checked where it is used."""
    return number(text.removesuffix("%")) / 100 if text.endswith("%") else number(text)


def whole_or_none(text: str) -> int | None:
    """Return a whole number, or None for "none"."""
    return None if text.lower() == "none" else whole(text)


def speed(text: str) -> float | str:
    """Return a number, or "max"."""
    return "max" if text.lower() == "max" else number(text)


class ListOf:
    """Reads a list; commas in brackets, as in uniform(2, 6), do not separate."""

    def __init__(self, kind: Callable[[str], Any]) -> None:
        self.kind = kind

    def __call__(self, text: str) -> list[Any]:
        """Return the values, each of which may be there once."""
        found = parts(text)
        if "" in found:
            raise argparse.ArgumentTypeError(f"{text!r} has nothing between its commas")
        values = [self.kind(part) for part in found]
        for value in values:
            if values.count(value) > 1:
                raise argparse.ArgumentTypeError(f"{text!r} has {value} twice")
        return values


class TablesOr(ListOf):
    """Reads a list, or a table alone, which has commas of its own."""

    def __call__(self, text: str) -> list[Any]:
        """Return the values, or the table as the only one."""
        return [self.kind(text)] if "=" in parts(text)[0].partition("(")[0] else super().__call__(text)


def choice(*names: str) -> Callable[[str], str]:
    """Return a function that reads one of several words."""

    def read(text: str) -> str:
        if text not in names:
            meant = did_you_mean(text, names)
            raise argparse.ArgumentTypeError(
                f"invalid choice: {text!r} (choose from {', '.join(names)}){meant}"
            )
        return text

    return read


# -- values that a schema describes ------------------------------------------------------------------------


def forms(part: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the forms that a value may have."""
    found: list[dict[str, Any]] = part.get("anyOf", [part])
    return found


def is_table(part: dict[str, Any]) -> bool:
    """Return whether it is a table, or has a name or none."""
    kinds = {form.get("type") for form in forms(part)}
    return "object" in kinds and kinds <= {"object", None}


def is_text(part: dict[str, Any]) -> bool:
    """Return whether it may be any text."""
    return any("$ref" in form for form in forms(part))


def setting(part: dict[str, Any]) -> Callable[[str], Any]:
    """Return a function that reads a value in one of its forms; limits are checked where it is used."""
    kinds = {form.get("type"): form for form in forms(part)}
    names = [name for form in forms(part) for name in form.get("enum", ())]
    words = [name for name in names if name is not None]
    plain = str if is_text(part) or "enum" in part else whole if "integer" in kinds else number

    def read(text: str) -> Any:
        if text.lower() == "none" and None in names:
            return None
        if text in words:
            return text
        if "object" in kinds and ("=" in text or is_table(part)):
            return _table(text, kinds["object"]["properties"], words)
        return _array(text) if "array" in kinds and re.search(r"[,\[]", text) else plain(text)

    return read


def _table(text: str, properties: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return a table; `names` are the words that may be written in its place."""
    pairs = [part.partition("=") for part in parts(text)]
    for name, given, _ in pairs:
        if not given:
            alone = name == text
            what = f"{', '.join(names)} or NAME=VALUE" if alone and names else "NAME=VALUE"
            where = repr(name) if alone else f"{name!r} in {text!r}"
            raise argparse.ArgumentTypeError(f"{where} is not {what}, such as {_example(properties)}")
    known = {name: setting(part) for name, part in properties.items()}
    return {name.strip(): known.get(name.strip(), str)(value.strip()) for name, _, value in pairs}


def _example(properties: dict[str, Any]) -> str:
    name, part = next(iter(properties.items()))
    return f"{name}={part.get('default', '...')}"


def _array(text: str) -> Any:
    try:
        return json.loads(text if text.startswith("[") else f"[{text}]")
    except (ValueError, RecursionError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers, such as [1, 1, 0.5]") from None


# -- values of other options -------------------------------------------------------------------------------


def prices(text: str) -> dict[str, float]:
    """Return prices by name; names and bounds are checked where they are used."""
    return {name: number(price) for name, price in _table(text, {"ready": {"default": 0.02}}, []).items()}


def varied(text: str) -> tuple[str, list[int | float | str]]:
    """Return a field and its values, from a list or from a range whose end is included."""
    name, given, values = (part.strip() for part in text.partition("="))
    if not (name and given and values):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not like prewarmed=6:20, prewarmed=6:20:2 or price=60,240"
        )
    ends = values.split(":")
    if len(ends) in (2, 3) and all(re.fullmatch(_DECIMAL, end.strip()) for end in ends):
        return name.replace("-", "_"), _range(text, *map(Decimal, ends))
    return name.replace("-", "_"), ListOf(_number_or_text)(values)


_DECIMAL = r"[+-]?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})"
_MOST_VALUES = 10_000


def _range(text: str, first: Decimal, last: Decimal, step: Decimal = Decimal(1)) -> list[int | float | str]:
    if step <= 0 or last < first:
        raise argparse.ArgumentTypeError(
            f"{text!r} has no values: write the smaller end first, and a step above 0"
        )
    count = int((last - first) / step) + 1
    if count > _MOST_VALUES:
        raise argparse.ArgumentTypeError(f"{text!r} has {count:,} values, more than {_MOST_VALUES:,}")
    return [_plain(first + number * step) for number in range(count)]


def _number_or_text(text: str) -> int | float | str:
    return _plain(Decimal(text)) if re.fullmatch(_DECIMAL, text) else text


def _plain(value: Decimal) -> int | float:
    return int(value) if value == int(value) else float(value)


def precision(text: str) -> tuple[str, str, float]:
    """Return the metric, "absolute" or "relative", and the half width."""
    metric, given, width = (part.strip() for part in text.partition("="))
    if not (metric and given and width):
        raise argparse.ArgumentTypeError(f"{text!r} is not like on_time_rate=0.001 or published=1%")
    if width.endswith("%"):
        return metric, "relative", number(width.removesuffix("%")) / 100
    return metric, "absolute", number(width)
