"""Checking a catalogue of any size, in one pass and without holding its text."""

from __future__ import annotations

import tempfile
from array import array
from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import IOBase
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import a_whole_number
from tv2sim.base.progress import with_bar
from tv2sim.catalogue.columns import Given
from tv2sim.catalogue.judging import Entry, Reasons, as_bytes, parse_videos, repeated, text_of
from tv2sim.catalogue.reading import importer_of
from tv2sim.catalogue.sources import Reading, Source, entries, is_table, open_source
from tv2sim.catalogue.videos import NUMBERS, Rejected, Video, VideoColumns, is_absent


class Survey(VideoColumns):
    """The result of :func:`survey_catalogue`.

    Attributes
    ----------
    name : str
        The source's name.
    encoding_time, publication_timeout : numpy.ndarray
        float64, seconds, one per valid video, in their order; NaN for a video without an encoding time.
    submitted_at, publishing_time, priority : numpy.ndarray or None
        float64, NaN for a video without one; None if no video has one.
    rejected_lines : int
        The number of lines that are not valid videos.
    rejected : tuple of Rejected
        The first of them.
    reasons : tuple of int and Rejected
        How many lines have the same reason, and the first of them; the commonest reason is first. At most
        1,000 different reasons are distinguished.
    """

    def __init__(
        self,
        name: str,
        numbers: dict[str, NDArray[np.float64]],
        rejected: Iterable[Rejected],
        rejected_lines: int,
        reasons: Reasons,
    ) -> None:
        known = {name: column for name, column in numbers.items() if not is_absent(name, column)}
        super().__init__(name, known, rejected, rejected_lines)
        self.reasons = tuple(reasons.commonest())

    def __repr__(self) -> str:
        return f"<Survey of {self.name!r}: {self._size}>"


def survey_catalogue(
    source: Source, *, columns: Given = None, keep: int = 1000, progress: bool = False
) -> Survey:
    """Check a catalogue of any size without holding its text.

    At its peak the survey holds less than 60 bytes per video (``tv2sim check``, with its tables, up to 80). It
    holds a 64-bit hash of each id. If a hash occurs more than once, the lines are read again and the ids
    themselves are compared, so that a collision of hashes rejects nothing; each id that shares its hash then
    takes about 800 bytes more.

    Parameters
    ----------
    source : path, "-", open file, DataFrame or records
        As for :func:`tv2sim.read_catalogue`. What cannot be read twice is copied first: a pipe to a
        temporary file, an iterator to a list. A table is held as a whole.
    columns : str, mapping or path, optional
        As for :func:`tv2sim.read_catalogue`; the log is then held as a whole.
    keep : int
        The number of rejected lines to describe; all are counted.
    progress : bool
        As for :func:`tv2sim.simulate`.

    Returns
    -------
    Survey
        The numbers of the valid videos, and what was rejected.

    Raises
    ------
    CatalogueError
        If the source cannot be read.
    InputError
        If `keep` is not a whole number of at least 0.

    Examples
    --------
    >>> video = {"id": "a", "title": "News", "provider": "TV 2", "encodingTime": 3, "publicationTimeout": 9}
    >>> survey = survey_catalogue([video, video])
    >>> len(survey), survey.rejected_lines
    (1, 1)
    """
    found = _Found(a_whole_number("keep", keep, at_least=0))
    if columns is not None or is_table(source):
        importer = importer_of(source, columns)
        rejected = importer.rejected
        first, reasons = rejected[: found.keep], Reasons(rejected)
        return Survey(importer.label, importer.numbers, first, len(rejected), reasons)
    with open_source(source) as (stream, label), _rereadable(stream, label) as again:
        lines = with_bar(Reading(again(), label).records(), "line", wanted=progress)
        for place, (number, entry, outcome) in enumerate(parse_videos(lines)):
            if isinstance(outcome, Video):
                found.video(place, outcome)
            else:
                found.reject(place, number, outcome, entry)
        if suspects := found.suspects():
            found.confirm(suspects, parse_videos(Reading(again(), label).records()))
        return found.survey(label)


@contextmanager
def _rereadable(stream: Iterable[Entry], label: str) -> Iterator[Callable[[], Iterable[Entry]]]:
    """Yield a function that returns the source; each call returns it at its start again."""
    if isinstance(stream, IOBase) and (start := _position(stream)) is not None:
        yield lambda: _at(stream, start)
    elif hasattr(stream, "readline"):
        with tempfile.TemporaryFile() as copy:
            pieces = iter(lambda: stream.readline(_PIECE) or None, None)
            copy.writelines(map(_copied, entries(pieces, label)))
            yield lambda: _at(copy, 0)
    else:
        records = stream if isinstance(stream, list | tuple) else list(entries(stream, label))
        yield lambda: records


def _position(stream: IOBase) -> int | None:
    """Return the position of a stream, or None if it cannot be set again."""
    try:
        return stream.tell() if stream.seekable() else None
    except OSError:  # a text file does not tell after next()
        return None


def _at(stream: Any, position: int) -> Any:
    stream.seek(position)
    return stream


_PIECE = 1 << 16


def _copied(piece: Any) -> bytes:
    """Return a line, or a part of one, as bytes; a text's line may end in a carriage return."""
    found = as_bytes(piece)
    return found[:-1] + b"\n" if found.endswith(b"\r") and len(piece) < _PIECE else found


class _Found:
    """The data that the pass collects: a few numbers per video, and the first rejected lines.

    An entry is identified by its place among all entries, since several may be in one line.
    """

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.hashes, self.places = array("q"), array("q")
        self.numbers = {name: array("d") for name, number in NUMBERS.items() if not number.optional}
        self.rejected_lines = 0
        self.rejected: list[tuple[int, Rejected]] = []
        self.reasons = Reasons()
        self.repeats: list[int] = []

    def video(self, place: int, video: Video) -> None:
        for name in NUMBERS:
            value = getattr(video, name)
            if name not in self.numbers:
                if value is None:
                    continue
                self.numbers[name] = array("d", [nan]) * len(self.places)  # the first video that has one
            self.numbers[name].append(nan if value is None else value)
        self.hashes.append(hash(video.id))
        self.places.append(place)

    def reject(self, place: int, number: int, reason: str, entry: Entry) -> None:
        self.rejected_lines += 1
        rejected = Rejected(number, reason, text_of(entry))
        self.reasons.add(rejected)
        if len(self.rejected) < self.keep or (self.rejected and place < self.rejected[-1][0]):
            insort(self.rejected, (place, rejected))
            del self.rejected[self.keep :]

    def suspects(self) -> set[int]:
        """Return the places of the entries whose id's hash occurs more than once."""
        hashes = np.frombuffer(self.hashes, dtype=np.int64)
        ordered = np.sort(hashes)
        shared = np.isin(hashes, ordered[1:][ordered[1:] == ordered[:-1]])
        return set(np.frombuffer(self.places, dtype=np.int64)[shared].tolist())

    def confirm(self, suspects: set[int], parsed: Iterable[tuple[int, Entry, Video | str]]) -> None:
        """Compare the suspects' ids themselves, and reject each that was seen before."""
        first: dict[str, int] = {}
        for place, (number, entry, outcome) in enumerate(parsed):
            if place not in suspects or not isinstance(outcome, Video):
                continue
            if (seen := first.get(outcome.id)) is None:
                first[outcome.id] = number
            else:
                self.reject(place, number, repeated(outcome.id, seen), entry)
                self.repeats.append(place)

    def survey(self, label: str) -> Survey:
        valid = ~np.isin(np.frombuffer(self.places, dtype=np.int64), self.repeats)
        del self.hashes, self.places  # before the columns are copied
        columns = {name: np.frombuffer(numbers)[valid] for name, numbers in self.numbers.items()}
        rejected = (one for _, one in self.rejected)
        return Survey(label, columns, rejected, self.rejected_lines, self.reasons)
