"""The replay in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tv2sim.realtime.session import Replay

__all__ = ["show"]


def show(replay: Replay) -> None:
    """Show a replay until it is over."""
    replay.wait()
