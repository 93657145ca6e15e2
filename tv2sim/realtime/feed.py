"""Catalogues whose lines come over time: a pipe, a terminal, an iterator."""

from __future__ import annotations

import io
import os
import select
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from tv2sim.base.errors import CatalogueError
from tv2sim.catalogue import Rejected, Video
from tv2sim.catalogue.judging import LONGEST_LINE, Entry, judge_entries
from tv2sim.catalogue.sources import entries, label_of


class _Source(Protocol):
    """Yields lines or records in the reader's thread; the other methods are called in other threads."""

    name: str

    def __iter__(self) -> Iterator[Entry]: ...

    def coming(self) -> bool:
        """Return whether the next line is there already or being read."""

    def close(self) -> None:
        """End the iteration, even if the reader waits."""


class Feed:
    """Reads videos in a thread of its own, as they come.

    Parameters
    ----------
    source
        Where the lines come from, as :func:`live` returns it.
    woken : callable
        Called in the reader's thread each time that something has come.
    encoded : bool
        Whether a video needs an encoding time.

    Attributes
    ----------
    name : str
        The name of the source.
    rejected : list of Rejected
        The lines so far that are not valid videos.
    """

    def __init__(self, source: _Source, woken: Callable[[], None], *, encoded: bool = True) -> None:
        self.name = source.name
        self.rejected: list[Rejected] = []
        self._source, self._woken, self._encoded = source, woken, encoded
        self._videos: deque[Video] = deque()
        self._error: BaseException | None = None
        self._over = self._closed = False
        self._room = threading.Semaphore(_AHEAD - 1)  # limits the memory that an endless source takes
        self._reader = threading.Thread(target=self._read, name="tv2sim feed", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Run in the reader's thread: put videos into the queue until the source ends or the feed is closed."""
        try:
            lines = enumerate(entries(self._source, self.name), start=1)
            for outcome in judge_entries(lines, encoded=self._encoded):
                if isinstance(outcome, Rejected):
                    self.rejected.append(outcome)
                    self._woken()
                    if len(self.rejected) % _AT_ONCE == 0:
                        time.sleep(_A_BREATH)
                else:
                    self._videos.append(outcome)
                    self._woken()
                    self._room.acquire()
                if self._closed:
                    return
        except BaseException as error:  # noqa: BLE001 (raised by take)
            self._error = error
        finally:
            self._over = True
            self._woken()

    def ready(self) -> bool:
        """Return whether :meth:`take` has a result: a video, or the end of the feed."""
        return bool(self._videos) or self._over

    def coming(self) -> bool:
        """Return whether a video or the end is there, or is being read.

        Invariant: the source is asked before the queue. A video moves from the source to the queue. If the
        queue were asked first, a video that moves between the two calls would be missed.
        """
        return self._source.coming() or self.ready()

    @property
    def exhausted(self) -> bool:
        """Whether the feed has ended, and all its videos were taken."""
        return self._over and not self._videos and self._error is None

    def take(self) -> Video | None:
        """Return the next video, or None if there is none yet; if :meth:`ready`, None is the end of the feed.

        Raises
        ------
        CatalogueError
            If the source could not be read.
        """
        if self._videos:
            self._room.release()
            return self._videos.popleft()
        if self._error is not None:
            raise self._error
        return None

    def close(self) -> None:
        """End the reading. If the reader waits for an iterator's next item, it ends when that comes."""
        self._closed = True
        self._room.release()
        self._source.close()
        self._reader.join(0.2)


_AHEAD = 10_000
"""Videos that are read ahead."""
_AT_ONCE, _A_BREATH = 100, 0.001
"""The reader pauses for 1 ms after every 100 rejected lines, so that other threads get to run."""


# -- sources -----------------------------------------------------------------------------------------------


def live(source: Any) -> _Source | None:
    """Return the source of a feed, or None if all of the catalogue is there.

    Lines of standard input, pipes, terminals and iterators come over time. Files and tables are complete.
    """
    if isinstance(source, (str, os.PathLike)):
        if source == "-":
            number = _number(getattr(sys.stdin, "buffer", sys.stdin))
            return None if number is None else _Pipe(number, "standard input", owned=False)
        if not _comes(source):
            return None
        try:
            # O_NONBLOCK: does not wait until the other end is opened; the reader does that
            number = os.open(source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            raise CatalogueError(f"cannot read the catalogue {str(source)!r}: {error.strerror}") from error
        os.set_blocking(number, True)
        return _Pipe(number, Path(source).name, owned=True)
    if isinstance(source, Iterator) and (not isinstance(source, io.IOBase) or _comes(_number(source))):
        return _Items(source, label_of(source))
    return None


def _number(stream: Any) -> int | None:
    """Return the file descriptor of a stream, if it has one."""
    try:
        return int(stream.fileno())
    except (OSError, AttributeError, ValueError):
        return None


def _comes(file: Any) -> bool:
    """Return whether a path or a file descriptor leads to a pipe, a socket or a terminal."""
    try:
        mode = os.stat(file).st_mode  # noqa: PTH116 (it may be a number)
    except (OSError, ValueError, TypeError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


class _Pipe:
    """Lines from a file descriptor."""

    def __init__(self, number: int, name: str, *, owned: bool) -> None:
        self.name = name
        self._number, self._owned = number, owned
        self._closed = False
        self._at_work = True  # whether the reader has more to do before it waits
        self._lock = threading.Lock()  # held while the descriptor is used by another thread, or closed
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        """Yield lines. Of a line that is too long only the beginning is kept, which is enough to reject it."""
        parts: list[bytes] = []  # of a line whose end has not come
        held = 0  # bytes of it; once it is longer than a line may be, the rest is dropped
        try:
            while not self._closed:
                self._at_work = False
                if not _readable(self._number, _SLICE):
                    continue
                self._at_work = True
                chunk = os.read(self._number, 1 << 16)
                if not chunk:
                    break
                first, *others = chunk.split(b"\n")
                if held <= LONGEST_LINE:
                    parts.append(first)
                    held += len(first)
                for part in others:
                    yield b"".join(parts) + b"\n"
                    parts, held = [part], len(part)
            if not self._closed and (rest := b"".join(parts)):
                yield rest
        finally:
            self._release()

    def coming(self) -> bool:
        # in the order in which data moves, from the file to the reader: see Feed.coming
        with self._lock:
            readable = self._open and _readable(self._number, 0)
        return readable or self._at_work

    def close(self) -> None:
        self._closed = True

    def _release(self) -> None:
        with self._lock:
            self._open = self._at_work = False
            if self._owned:
                os.close(self._number)


_SLICE = 0.05
"""Wall seconds of one wait of the reader; after each wait it checks whether it has been closed."""


def _readable(number: int, timeout: float) -> bool:
    """Return whether a file descriptor can be read, or has ended, within so many seconds."""
    if not hasattr(select, "poll"):  # on Windows
        return bool(select.select([number], [], [], timeout)[0])
    poll = select.poll()  # unlike select, it takes any number
    poll.register(number, select.POLLIN)
    return bool(poll.poll(1000 * timeout))


class _Items:
    """Items of an iterator. It is not known whether it computes or waits, so the time decides."""

    PATIENCE = 0.02
    """Wall seconds for which the next item counts as being read."""

    def __init__(self, items: Iterator[Any], name: str) -> None:
        self.name = name
        self._items = items
        self._asked: float | None = None
        self._closed = False

    def __iter__(self) -> Iterator[Any]:
        self._asked = time.monotonic()
        for item in self._items:
            if self._closed:
                return
            self._asked = None
            yield item
            self._asked = time.monotonic()

    def coming(self) -> bool:
        asked = self._asked
        return asked is None or time.monotonic() - asked < self.PATIENCE

    def close(self) -> None:
        self._closed = True
