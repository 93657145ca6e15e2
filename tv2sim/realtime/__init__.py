"""Replay: the same model at the wall clock's pace, to watch, to scrape and to control.

The package is not called ``replay``, since its import would then replace the function :func:`tv2sim.replay`.
"""

from tv2sim.realtime.handle import Replay, replay

__all__ = ["Replay", "replay"]
