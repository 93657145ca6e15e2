"""From what a table or Python's own mappings hold to a video."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from tv2sim.catalogue.videos import Video

__all__ = ["video_of"]


def video_of(entry: object) -> Video:
    """Return the video that a mapping describes; unlike JSON it may hold NaN and lone surrogates.

    Raises
    ------
    msgspec.ValidationError
        If it describes none.
    UnicodeError
        If a text in it is none.
    """
    if isinstance(entry, Video):
        entry = {field: getattr(entry, field) for field in _FIELDS}
    if not isinstance(entry, Mapping):
        raise msgspec.ValidationError(f"Expected `object`, got `{type(entry).__name__}`")
    given = {json: entry[python] for python, json in _FIELDS.items() if python in entry}
    given |= {json: entry[json] for json in _FIELDS.values() if json in entry}
    plain = {json: _plain(value) for json, value in given.items()}
    if _missing(plain.get("submittedAt")):
        plain.pop("submittedAt", None)  # as a table has it for a video without
    for field in ("encodingTime", "publicationTimeout", "submittedAt"):
        value = plain.get(field)
        if isinstance(value, float) and not math.isfinite(value):
            raise msgspec.ValidationError(f"Expected `finite float`, got `{value}` - at `$.{field}`")
    video = msgspec.convert(plain, Video)
    for text in (video.id, video.title, video.provider):
        text.encode()
    return video


def _plain(value: Any) -> Any:
    """Return numpy's scalars, and decimals, as numbers of Python's own."""
    if isinstance(value, np.floating):  # not item(): a longdouble's is a longdouble
        return float(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Decimal):
        return math.nan if value.is_nan() else float(value)
    return value


def _missing(value: Any) -> bool:
    """Say whether a table means nothing by it: NaN, or what pandas has for that in columns of other types."""
    if isinstance(value, float):
        return math.isnan(value)
    return type(value).__name__ in ("NAType", "NaTType")  # known by name: pandas may not be imported


_FIELDS = {field.name: field.encode_name for field in msgspec.structs.fields(Video)}
