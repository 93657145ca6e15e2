"""Videos, and the catalogue that holds the accepted ones in columns."""

from __future__ import annotations

from math import isnan, nan
from operator import eq
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, overload

import msgspec
import numpy as np

from tv2sim.errors import CatalogueError
from tv2sim.notebook import Markup, display, histogram, table
from tv2sim.validation import LONGEST_TIME, a_time, one_of, plural, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Catalogue", "Rejected", "Video", "rejected_shown", "times_shown"]


class Video(msgspec.Struct, frozen=True, rename="camel", gc=False, omit_defaults=True):
    """One video of a catalogue; in JSON its fields are spelled in camel case, as the original does.

    No time is longer than 2**32 s.

    Parameters
    ----------
    id : str
        Its unique name; not empty.
    title, provider : str
        Free text.
    encoding_time : float
        Seconds for which it occupies an encoder; at least 0.
    publication_timeout : float
        Seconds from the start of its encoding within which it must be published; greater than 0.
    submitted_at : float, optional
        Seconds from the start before which the client does not offer it; at least 0. A live replay records it.

    Examples
    --------
    >>> Video("a", "The news at 7", "TV 2", encoding_time=3, publication_timeout=9).slack
    6
    """

    id: Annotated[str, msgspec.Meta(min_length=1)]
    title: str
    provider: str
    encoding_time: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_TIME)]
    publication_timeout: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_TIME)]
    submitted_at: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_TIME)] | None = None

    @property
    def slack(self) -> float:
        """Seconds of the timeout that are left when its encoding ends; negative if it cannot be in time."""
        return self.publication_timeout - self.encoding_time


class Rejected(NamedTuple):
    """A line that is not a valid video: 1-based number, reason, and up to 200 characters of its text."""

    line: int
    reason: str
    text: str


class Catalogue:
    """The accepted videos of one source, in their order, and the lines that were rejected.

    Made by :func:`tv2sim.read_catalogue` and :func:`tv2sim.generate_catalogue`. It has a length, can be
    iterated (as :class:`Video`), indexed by row, sliced (``catalogue[:20]``), and compared.

    Parameters
    ----------
    videos : iterable of Video
        The accepted videos. Their times are checked; :func:`tv2sim.read_catalogue` also checks their texts, and
        that no id occurs twice.
    rejected : sequence of Rejected
        The lines that are not valid videos.
    name : str
        The name in tables and reports.
    sha256 : str, optional
        The SHA-256 of the file from which it was read, in hexadecimal digits.

    Attributes
    ----------
    ids, titles, providers : tuple of str
        One per video.
    encoding_time, publication_timeout : numpy.ndarray
        float64, seconds, one per video; read-only.
    submitted_at : numpy.ndarray or None
        float64, seconds, NaN for a video without one; None if no video has one.
    rejected : tuple of Rejected
        The lines that are not valid videos.

    Raises
    ------
    CatalogueError
        If a time of a video is outside its limits; the message quotes it and names the video.

    Examples
    --------
    >>> Catalogue([Video("a", "The news at 7", "TV 2", encoding_time=-3, publication_timeout=9)])
    Traceback (most recent call last):
    tv2sim.errors.CatalogueError: encoding_time of video 'a' must be a finite number of at least 0, not -3
    """

    def __init__(
        self,
        videos: Iterable[Video],
        rejected: Sequence[Rejected] = (),
        name: str = "catalogue",
        sha256: str | None = None,
    ) -> None:
        videos = list(videos)
        self.name, self.sha256, self.rejected = name, sha256, tuple(rejected)
        self.ids = tuple(video.id for video in videos)
        self.titles = tuple(video.title for video in videos)
        shared: dict[str, str] = {}  # there are few providers: each name is held once
        self.providers = tuple(shared.setdefault(video.provider, video.provider) for video in videos)
        self.encoding_time = _column(videos, "encoding_time")
        self.publication_timeout = _column(videos, "publication_timeout", above=0)
        known = any(video.submitted_at is not None for video in videos)
        self.submitted_at = _column(videos, "submitted_at", optional=True) if known else None

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, row: int) -> Video: ...
    @overload
    def __getitem__(self, row: slice) -> Catalogue: ...

    def __getitem__(self, row: int | slice) -> Video | Catalogue:
        if isinstance(row, slice):
            return Catalogue(map(self.__getitem__, range(len(self))[row]), name=self.name)
        encoding, timeout = float(self.encoding_time[row]), float(self.publication_timeout[row])
        submitted = nan if self.submitted_at is None else float(self.submitted_at[row])
        texts = self.ids[row], self.titles[row], self.providers[row]
        return Video(*texts, encoding, timeout, None if isnan(submitted) else submitted)

    def __iter__(self) -> Iterator[Video]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Catalogue):
            return NotImplemented
        return len(self) == len(other) and self.rejected == other.rejected and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    @property
    def _size(self) -> str:
        return f"{plural(len(self), 'video')}, {plural(len(self.rejected), 'line')} rejected"

    def __repr__(self) -> str:
        return f"<Catalogue {self.name!r}: {self._size}>"

    def _repr_html_(self) -> str:
        return display(
            self.name, self._size,
            times_shown(self.encoding_time, self.publication_timeout, self.submitted_at),
            self._first(),
            rejected_shown(self.rejected, len(self.rejected)),
        )  # fmt: skip

    def _first(self) -> Markup:
        """Return a table of the first few videos."""
        rows = [
            [one.id, one.title, one.provider, f"{one.encoding_time:g}", f"{one.publication_timeout:g}"]
            for one in self[:_FEW]
        ]
        head = ["id", "title", "provider", "encoding time", "publication timeout"]
        return table(head, rows, words=3)

    @property
    def frame(self) -> pd.DataFrame:
        """The videos as a new table: id, title, provider, encoding_time, publication_timeout.

        If any video has a time of submission, there is a column submitted_at as well.
        """
        import pandas as pd

        columns = {
            "id": self.ids, "title": self.titles, "provider": self.providers,
            "encoding_time": self.encoding_time, "publication_timeout": self.publication_timeout,
            "submitted_at": self.submitted_at,
        }  # fmt: skip
        return pd.DataFrame({name: column for name, column in columns.items() if column is not None})

    def groups(self, column: str) -> list[tuple[Any, NDArray[np.int64]]]:
        """Return the values of a column of :attr:`frame` in ascending order, each with the rows that have it.

        Rows without a value are the last group, whose value is NaN.

        Raises
        ------
        CatalogueError
            If there is no such column; the message lists those that there are.

        Examples
        --------
        >>> catalogue = Catalogue([Video(id, "", channel, 3, 9) for id, channel in ["aY", "bX", "cY"]])
        >>> [(value, rows.tolist()) for value, rows in catalogue.groups("provider")]
        [('X', [1]), ('Y', [0, 2])]
        """
        import pandas as pd

        frame = self.frame
        one_of(f"a column of catalogue {self.name!r}", column, frame.columns, error=CatalogueError)
        codes, values = pd.factorize(frame[column], sort=True, use_na_sentinel=False)
        by_value = np.argsort(codes, kind="stable")
        rows = np.split(by_value, np.cumsum(np.bincount(codes))[:-1])
        return list(zip(values.tolist(), rows, strict=True))

    def lines(self) -> Iterator[bytes]:
        """Yield the accepted videos as JSON lines, each with its line end."""
        return (msgspec.json.encode(video) + b"\n" for video in self)


_FEW = 5
"""Rows of a longer table that a notebook shows."""


def times_shown(
    encoding_time: NDArray[np.float64],
    publication_timeout: NDArray[np.float64],
    submitted_at: NDArray[np.float64] | None,
) -> Markup:
    """Return a table of the times of videos, for a notebook."""
    columns = {
        "encoding time": encoding_time,
        "publication timeout": publication_timeout,
        "slack": publication_timeout - encoding_time,
    }
    if submitted_at is not None:
        columns["submitted at"] = submitted_at[~np.isnan(submitted_at)]
    rows = [
        [
            name,
            *(f"{figure:.4g}" for figure in (values.min(), np.median(values), values.mean(), values.max())),
            histogram(values, f"distribution of {name}"),
        ]
        for name, values in columns.items()
        if len(values)
    ]
    return table(["seconds", "smallest", "median", "mean", "largest", "distribution"], rows)


def rejected_shown(rejected: Sequence[Rejected], lines: int) -> Markup:
    """Return a table of the first few rejected lines, of so many, for a notebook; nothing if there is none."""
    rows = [tuple(one) for one in rejected[:_FEW]]
    if lines > len(rows):
        rows.append(("…", f"{plural(lines - len(rows), 'more line')}", ""))
    head = ["rejected line", "reason", "text"]
    return table(head, rows, words=3) if rows else Markup()


def _column(
    videos: Sequence[Video], name: str, *, optional: bool = False, **bounds: float
) -> NDArray[np.float64]:
    """Return a time of each video as a read-only array, with NaN for None if it is optional.

    All are compared with the limits at once; only those outside them are looked at one by one.
    """
    times = [getattr(video, name) for video in videos]
    try:
        column = np.array(times, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):  # one of them is not a number, or too large for a float
        column = np.full(len(times), nan)
    inside = (column > 0 if bounds else column >= 0) & (column <= LONGEST_TIME)
    if optional:
        inside |= [time is None for time in times]
    for row in np.flatnonzero(~inside).tolist():
        what = f"{name} of video {shown(videos[row].id, 60)}"
        column[row] = a_time(what, times[row], error=CatalogueError, **bounds)
    column.flags.writeable = False
    return column
