"""pandas, which is imported when a table is first made, since that takes half a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["pd"]


class _Pandas:
    def __getattr__(self, name: str) -> Any:
        import pandas

        return getattr(pandas, name)


if TYPE_CHECKING:
    import pandas as pd
else:
    pd = _Pandas()
