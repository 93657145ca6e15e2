"""A progress bar on standard error, for work that takes longer than a second."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Counted: TypeAlias = Callable[[Iterable[Any]], Iterable[Any]]
"""A function that wraps an iterable and counts its items while they are taken."""


def with_bar(items: Iterable[T], unit: str, *, wanted: bool, total: int | None = None) -> Iterable[T]:
    """Return `items`; if `wanted`, a bar counts them while they are taken."""
    counted: Iterable[T] = bar(items, unit, total) if wanted else items
    return counted


@contextmanager
def counting(unit: str, total: int, *, wanted: bool) -> Iterator[Counted]:
    """Yield a function that wraps iterables; if `wanted`, one bar counts the items of all of them."""
    if not wanted:
        yield iter
        return
    with closing(bar(None, unit, total)) as shown:

        def counted(items: Iterable[T]) -> Iterator[T]:
            for item in items:
                yield item
                shown.update()

        yield counted


def bar(items: Iterable[Any] | None, unit: str, total: int | None) -> Any:
    """Return a tqdm bar, which is shown only in a terminal and in a notebook."""
    from tqdm import tqdm

    kind: Any = tqdm
    disable = None  # None: unless standard error is a terminal
    if _in_notebook():
        disable = False
        if find_spec("ipywidgets") is not None:
            from tqdm.notebook import tqdm as in_notebook

            kind = in_notebook
    large = total is None or total >= 100_000  # shown as 1.23M
    return kind(items, total=total, unit=unit, unit_scale=large, delay=1, disable=disable, leave=False)


def _in_notebook() -> bool:
    """Return whether this is a Jupyter kernel, which shows standard error although it is not a terminal."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
