"""Replay: the same model at the wall clock's pace, to watch, to scrape and to steer.

The room is not called ``replay``, because a package of that name would take the place of the function
:func:`tv2sim.replay` as soon as it is imported.
"""

from tv2sim.realtime.replaying import replay
from tv2sim.realtime.session import Replay

__all__ = ["Replay", "replay"]
