"""Tells any number of viewers what goes on, each as fast as it can take it; nobody waits for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from tv2sim.realtime.snapshot import Snapshot

__all__ = ["Broadcast"]

PERIOD = 0.1
"""Wall seconds between two ticks, at the least."""
SILENCE = 1.0
"""Wall seconds after which there is a tick although nothing has changed."""

Rows = list[tuple[float, ...]]
Frame = tuple["Snapshot", int, int, Rows]
"""What goes on; the generation of the levels so far, the row to begin at, and the rows from there on."""


class _Tick:
    """What viewers are told at one time: those who had the last tick what is new, the others everything.

    Each is encoded once at the most, however many there are.
    """

    def __init__(self, number: int, new: bytes, everything: Callable[[], bytes]) -> None:
        self.number = number
        self._new, self._everything = new, everything
        self._whole: bytes | None = None

    def after(self, seen: int | None) -> bytes:
        if seen is not None and seen == self.number - 1:
            return self._new
        if self._whole is None:
            self._whole = self._everything()
        return self._whole


class Broadcast:
    """Server-sent events; everything here runs in the server's event loop.

    Parameters
    ----------
    look : callable
        Given a generation and a number of rows of the levels that are known, returns a :data:`Frame`.
    steerable : bool
        Whether there is a way to pause, and to change the speed.
    """

    def __init__(self, look: Callable[[int, int], Frame], *, steerable: bool = False) -> None:
        self._look, self._steerable = look, steerable
        self._encode = msgspec.json.Encoder().encode
        self._tick: _Tick | None = None
        self._fresh = asyncio.Event()
        self._ended = False
        self._viewers = 0
        self._ticker: asyncio.Task[None] | None = None
        self._known = (-1, 0)
        self._told: tuple[object, ...] = ()
        self._told_at = 0.0

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the events for one viewer: everything so far, and then what changes, up to the end."""
        self._viewers += 1
        if self._ticker is None and not self._ended:
            self._tell()
            self._ticker = asyncio.create_task(self._tell_on())
        seen = None
        try:
            yield b"retry: 1000\n\n"
            while (tick := await self._after(seen)) is not None:
                yield tick.after(seen)
                seen = tick.number
        finally:
            self._viewers -= 1

    async def end(self) -> None:
        """Tell everybody how it stands at last, and no more."""
        if not self._ended:
            self._tell()
            self._ended = True
            self._fresh.set()
            if self._ticker is not None:
                self._ticker.cancel()

    async def _after(self, seen: int | None) -> _Tick | None:
        """Wait for another tick than the one that was seen; None if there will be none."""
        while self._tick is None or self._tick.number == seen:
            if self._ended:
                return None
            await self._fresh.wait()
        return self._tick

    async def _tell_on(self) -> None:
        """Tell as long as anybody listens."""
        try:
            while self._viewers:
                await asyncio.sleep(PERIOD)
                self._tell()
        finally:
            self._ticker = None

    def _tell(self) -> None:
        snapshot, generation, start, rows = self._look(*self._known)
        told = (snapshot.pipeline.version, snapshot.speed, snapshot.paused, snapshot.phase)
        if told == self._told and time.monotonic() - self._told_at < SILENCE:
            return
        self._told, self._told_at = told, time.monotonic()
        self._known = (generation, start + len(rows))
        number = 0 if self._tick is None else self._tick.number + 1
        self._tick = _Tick(number, self._event(snapshot, start, rows), self._everything)
        self._fresh.set()
        self._fresh = asyncio.Event()

    def _everything(self) -> bytes:
        snapshot, _, start, rows = self._look(-1, 0)
        return self._event(snapshot, start, rows)

    def _event(self, snapshot: Snapshot, start: int, rows: Rows) -> bytes:
        event = {
            "snapshot": snapshot,
            "levels": {"start": start, "rows": rows},
            "steerable": self._steerable,
            "seed": str(snapshot.seed),  # as a number it may have more digits than a browser can hold
        }
        return b"data: " + self._encode(event) + b"\n\n"
