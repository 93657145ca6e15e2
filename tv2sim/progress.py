"""A bar on standard error, for work that lasts over a second and somebody who watches."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["bar", "watched"]

T = TypeVar("T")


def watched(items: Iterable[T], unit: str, *, wanted: bool, total: int | None = None) -> Iterable[T]:
    """Return `items`, counted by a bar while they are taken, if that is wanted."""
    if not wanted:
        return items
    counted: Iterable[T] = bar(items, unit, total)
    return counted


def bar(items: Iterable[Any] | None, unit: str, total: int | None) -> Any:
    """Return a tqdm bar: in a terminal and in a notebook; silent when standard error goes elsewhere."""
    from tqdm import tqdm

    kind: Any = tqdm
    disable = None  # None: where standard error is no terminal
    if _in_notebook():
        disable = False
        if find_spec("ipywidgets") is not None:
            from tqdm.notebook import tqdm as in_notebook

            kind = in_notebook
    large = total is None or total >= 100_000  # 1.23M says enough of it
    return kind(items, total=total, unit=unit, unit_scale=large, delay=1, disable=disable, leave=False)


def _in_notebook() -> bool:
    """Say whether this is a Jupyter kernel, whose standard error is no terminal but is seen."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
