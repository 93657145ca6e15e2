"""What a catalogue holds, found in one pass without keeping its text (so that any size can be checked)."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import IOBase
from itertools import repeat
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.catalogue.judging import Entry, as_bytes, parse, repeated, text_of
from tv2sim.catalogue.reading import Source, entries, lines_of, opened
from tv2sim.catalogue.videos import Rejected, Video
from tv2sim.progress import watched
from tv2sim.validation import a_whole_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Survey", "survey_catalogue"]


@dataclass(frozen=True)
class Survey:
    """What :func:`survey_catalogue` found.

    Attributes
    ----------
    name : str
        The source's name.
    encoding_time, publication_timeout : numpy.ndarray
        float64, seconds, one per valid video, in their order.
    submitted_at : numpy.ndarray or None
        float64, seconds, NaN for videos without; None if no video has one.
    rejected_lines : int
        How many lines are no valid video.
    rejected : tuple of Rejected
        The first of them.
    """

    name: str
    encoding_time: NDArray[np.float64]
    publication_timeout: NDArray[np.float64]
    submitted_at: NDArray[np.float64] | None
    rejected_lines: int
    rejected: tuple[Rejected, ...]

    def __len__(self) -> int:
        return len(self.encoding_time)


def survey_catalogue(source: Source, *, keep: int = 1000, progress: bool = False) -> Survey:
    """Check a catalogue of any size, holding at most 80 bytes a video and, of its text, ids that occur twice.

    An id is known by a 64-bit hash. Where two hashes agree, the lines are read once more and the ids
    themselves are compared, so that a collision rejects nothing.

    Parameters
    ----------
    source : path, "-", open file, DataFrame or records
        As for :func:`tv2sim.read_catalogue`. What cannot be read twice is copied first: a pipe to a
        temporary file, an iterator to a list.
    keep : int
        How many rejected lines to describe; all are counted.
    progress : bool
        Whether to show a bar on standard error, if that is a terminal and it takes longer than a second.

    Returns
    -------
    Survey
        The numbers of the valid videos, and what was rejected.

    Raises
    ------
    CatalogueError
        If the source cannot be read.
    InputError
        If `keep` is no whole number of at least 0.

    Examples
    --------
    >>> video = {"id": "a", "title": "News", "provider": "TV 2", "encodingTime": 3, "publicationTimeout": 9}
    >>> survey = survey_catalogue([video, video])
    >>> len(survey), survey.rejected_lines
    (1, 1)
    """
    found = _Found(a_whole_number("keep", keep, at_least=0))
    with opened(source) as (stream, label), _rereadable(stream, label) as again:
        lines = watched(entries(again(), label), "line", wanted=progress)
        for number, entry, outcome in parse(lines):
            if isinstance(outcome, Video):
                found.video(number, outcome)
            else:
                found.reject(number, outcome, entry)
        if len(suspects := found.suspects()):
            found.confirm(suspects, parse(entries(again(), label)))
        return found.survey(label)


@contextmanager
def _rereadable(stream: Iterable[Entry], label: str) -> Iterator[Callable[[], Iterable[Entry]]]:
    """Give a function that returns the entries, the same ones each time it is called."""
    if isinstance(stream, (list, tuple)):
        yield lambda: stream
    elif isinstance(stream, IOBase) and (start := _position(stream)) is not None:
        yield lambda: _from(stream, start)
    elif hasattr(stream, "readline"):
        with tempfile.TemporaryFile() as copy:
            copy.writelines(as_bytes(line).rstrip(b"\r\n") + b"\n" for line in entries(lines_of(stream), label))
            yield lambda: _from(copy, 0)
    else:
        records = list(entries(stream, label))
        yield lambda: records


def _position(stream: IOBase) -> int | None:
    """Return where a stream stands, if one can come back to there."""
    try:
        return stream.tell() if stream.seekable() else None
    except OSError:  # a text file does not tell after next()
        return None


def _from(stream: Any, position: int) -> Iterator[Entry]:
    stream.seek(position)
    yield from lines_of(stream)


class _Found:
    """What the pass collects: four numbers a video, and the first rejections."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.hashes, self.lines = array("q"), array("q")
        self.encoding_time, self.publication_timeout = array("d"), array("d")
        self.submitted_at = array("d")  # up to the last video that has one
        self.rejected_lines = 0
        self.rejected: list[Rejected] = []
        self.duplicate_lines: list[int] = []

    def video(self, number: int, video: Video) -> None:
        self.hashes.append(hash(video.id))
        if video.submitted_at is not None:
            self.submitted_at.extend(repeat(nan, len(self.lines) - len(self.submitted_at)))
            self.submitted_at.append(video.submitted_at)
        self.lines.append(number)
        self.encoding_time.append(video.encoding_time)
        self.publication_timeout.append(video.publication_timeout)

    def reject(self, number: int, reason: str, entry: Entry) -> None:
        self.rejected_lines += 1
        if len(self.rejected) < self.keep:
            self.rejected.append(Rejected(number, reason, text_of(entry)))

    def suspects(self) -> NDArray[np.int64]:
        """Return the numbers of the lines whose id's hash is not theirs alone."""
        hashes = np.frombuffer(self.hashes, dtype=np.int64)
        ordered = np.sort(hashes)
        shared = ordered[1:][ordered[1:] == ordered[:-1]]
        if not len(shared):
            return np.empty(0, dtype=np.int64)
        lines: NDArray[np.int64] = np.frombuffer(self.lines, dtype=np.int64)[np.isin(hashes, shared)]
        return lines

    def confirm(self, suspects: NDArray[np.int64], parsed: Iterable[tuple[int, Entry, Video | str]]) -> None:
        """Compare the suspects' ids themselves, and reject each that was seen before."""
        numbers = iter(suspects.tolist())
        awaited = next(numbers)
        first: dict[str, int] = {}
        repeats = _Found(self.keep)
        for number, entry, outcome in parsed:
            if number != awaited or isinstance(outcome, str):
                continue
            if (seen := first.setdefault(outcome.id, number)) != number:
                repeats.reject(number, repeated(outcome.id, seen), entry)
                self.duplicate_lines.append(number)
            awaited = next(numbers, -1)
            if awaited < 0:
                break
        self.rejected_lines += repeats.rejected_lines
        self.rejected = sorted(self.rejected + repeats.rejected)[: self.keep]

    def survey(self, label: str) -> Survey:
        valid = ~np.isin(np.frombuffer(self.lines, dtype=np.int64), self.duplicate_lines)
        if self.submitted_at:
            self.submitted_at.extend(repeat(nan, len(self.lines) - len(self.submitted_at)))
        return Survey(
            label,
            np.frombuffer(self.encoding_time)[valid],
            np.frombuffer(self.publication_timeout)[valid],
            _known(np.frombuffer(self.submitted_at)[valid]) if self.submitted_at else None,
            self.rejected_lines,
            tuple(self.rejected),
        )


def _known(times: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return None if np.isnan(times).all() else times
