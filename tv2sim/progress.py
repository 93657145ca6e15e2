"""A bar on standard error, for work that lasts over a second and somebody who watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["watched"]

T = TypeVar("T")


def watched(items: Iterable[T], unit: str, *, wanted: bool, total: int | None = None) -> Iterable[T]:
    """Return `items`, counted by a bar while they are taken if that is wanted and there is a terminal."""
    if not wanted:
        return items
    from tqdm import tqdm

    return tqdm(items, total=total, unit=unit, unit_scale=True, delay=1, disable=None, leave=False)
