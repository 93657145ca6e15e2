"""Videos, and the catalogue that holds the accepted ones in columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from math import inf, isinf, isnan, nan
from operator import attrgetter, eq
from typing import Annotated, Any, NamedTuple, overload

import msgspec
import numpy as np
from msgspec.inspect import FloatType, UnionType, type_info
from numpy.typing import NDArray

from tv2sim.base.checks import LONGEST_TIME, a_name, a_number, a_time, one_of, plural, shown
from tv2sim.base.errors import CatalogueError
from tv2sim.base.lazy_pandas import pd
from tv2sim.base.notebook_html import Markup, display, histogram, table

UNKNOWN = float("nan")
"""The encoding time of a video that has none; as the default of the timeout it marks a missing timeout."""


class Video(msgspec.Struct, frozen=True, rename="camel", gc=False, omit_defaults=True):
    """One video of a catalogue; in JSON its fields are spelled in camel case, as the original does.

    No time is longer than 2**32 s.

    Parameters
    ----------
    id : str
        Its unique name; not empty.
    title, provider : str, optional
        Free text.
    encoding_time : float, optional
        Seconds for which it occupies an encoder; at least 0. NaN if it is not known, which is possible only
        where there are no encoders.
    publication_timeout : float
        Seconds from the start of its encoding within which it must be published; greater than 0.
    submitted_at : float, optional
        Seconds from the start before which the client does not offer it; at least 0. A live replay records it.
    publishing_time : float, optional
        Seconds for which its publisher is busy with it; at least 0.
    priority : float, optional
        Any finite number, for rules of your own.

    Examples
    --------
    >>> Video("a", "The news at 7", "TV 2", encoding_time=3, publication_timeout=9).slack
    6
    """

    id: Annotated[str, msgspec.Meta(min_length=1)]
    title: str = msgspec.field(default_factory=str)  # a factory, so that an empty text is not omitted
    provider: str = msgspec.field(default_factory=str)
    encoding_time: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_TIME)] = UNKNOWN
    publication_timeout: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_TIME)] = UNKNOWN
    submitted_at: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_TIME)] | None = None
    publishing_time: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_TIME)] | None = None
    priority: float | None = None

    def __post_init__(self) -> None:
        if self.publication_timeout is UNKNOWN:
            raise TypeError("Missing required argument 'publication_timeout'")

    @property
    def slack(self) -> float:
        """Seconds of the timeout that are left when its encoding ends; negative if it cannot be in time."""
        return self.publication_timeout - (0 if isnan(self.encoding_time) else self.encoding_time)


REQUIRED = ("id", "encoding_time", "publication_timeout")
"""The fields that a video has; all videos of a catalogue may be without an encoding time."""
TEXTS = ("id", "title", "provider")


class Number(NamedTuple):
    """The limits of a number of a video."""

    optional: bool
    at_least: float
    above: float
    at_most: float

    @property
    def missing(self) -> float | None:
        """The value of a video whose number is not known."""
        return None if self.optional else UNKNOWN

    def accepts(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of the values are finite numbers within the limits."""
        inside = (values >= self.at_least) & (values > self.above) & (values <= self.at_most)
        return inside & np.isfinite(values)

    def checked(self, what: str, value: object) -> float:
        """Return a value as a float, or raise a CatalogueError that quotes it."""
        check = a_number if isinf(self.at_most) else a_time
        bound = {"at_least": self.at_least} if isinf(self.above) else {"above": self.above}
        return check(what, value, **bound, error=CatalogueError)


def _numbers() -> dict[str, Number]:
    found = {}
    for field in type_info(Video).fields:  # type: ignore[attr-defined]
        kinds = field.type.types if isinstance(field.type, UnionType) else (field.type,)
        for kind in kinds:
            if isinstance(kind, FloatType):
                least, above = (-inf if bound is None else bound for bound in (kind.ge, kind.gt))
                most = inf if kind.le is None else kind.le
                found[field.name] = Number(field.name not in REQUIRED, least, above, most)
    return found


NUMBERS = _numbers()
"""The numbers of a video by the name of the field, in the order of the fields."""


def is_absent(name: str, column: NDArray[np.float64]) -> bool:
    """Return whether a number is left out of the columns because no video has it."""
    return bool(np.isnan(column).all()) and (NUMBERS[name].optional or len(column) > 0)


class Rejected(NamedTuple):
    """A line that is not a valid video: 1-based number, reason, and up to 200 characters of its text."""

    line: int
    reason: str
    text: str


class VideoColumns:
    """The numbers of accepted videos in columns, and the first rejected lines of their source."""

    encoding_time: NDArray[np.float64]
    publication_timeout: NDArray[np.float64]
    submitted_at: NDArray[np.float64] | None
    publishing_time: NDArray[np.float64] | None
    priority: NDArray[np.float64] | None

    def __init__(
        self, name: str, numbers: dict[str, NDArray[np.float64]], rejected: Iterable[Rejected], lines: int
    ) -> None:
        self.name, self.numbers = name, numbers
        self.rejected, self.rejected_lines = tuple(rejected), lines
        for number in NUMBERS:
            setattr(self, number, numbers.get(number))
        if "encoding_time" not in numbers:
            self.encoding_time = np.full(len(self), nan)

    def __len__(self) -> int:
        return len(self.publication_timeout)

    @property
    def _size(self) -> str:
        return f"{plural(len(self), 'video')}, {plural(self.rejected_lines, 'line')} rejected"

    def _repr_html_(self) -> str:
        first = self._first()
        return display(self.name, self._size, _numbers_table(self.numbers), first, self._rejected_table())

    def _first(self) -> Markup:
        """Return a table of the first few videos."""
        return Markup()

    def _rejected_table(self) -> Markup:
        """Return a table of the first few rejected lines."""
        rows: list[tuple[object, ...]] = [*self.rejected[:_FEW]]
        if more := self.rejected_lines - len(rows):
            rows.append(("…", plural(more, "more line"), ""))
        return table(["rejected line", "reason", "text"], rows, words=3) if rows else Markup()


class Catalogue(VideoColumns):
    """The accepted videos of one source, in their order, and the lines that were rejected.

    Made by :func:`tv2sim.read_catalogue` and :func:`tv2sim.generate_catalogue`. It has a length, can be
    iterated (as :class:`Video`), indexed by row, sliced (``catalogue[:20]``), and compared.

    Parameters
    ----------
    videos : iterable of Video
        The accepted videos. Their numbers are checked; :func:`tv2sim.read_catalogue` also checks their texts,
        and that no id occurs twice.
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
        float64, seconds, one per video; read-only. NaN for a video without an encoding time.
    submitted_at, publishing_time, priority : numpy.ndarray or None
        float64, NaN for a video without one; None if no video has one.
    rejected : tuple of Rejected
        The lines that are not valid videos.
    timezone : str or None
        The IANA name of its time zone; None if it was not made from times of day.

    Raises
    ------
    CatalogueError
        If a number of a video is outside its limits; the message quotes it and names the video.

    Examples
    --------
    >>> Catalogue([Video("a", "The news at 7", "TV 2", encoding_time=-3, publication_timeout=9)])
    Traceback (most recent call last):
    tv2sim.base.errors.CatalogueError: encoding_time of video 'a' must be a finite number of at least 0, not -3
    """

    def __init__(
        self,
        videos: Iterable[Video],
        rejected: Sequence[Rejected] = (),
        name: str = "catalogue",
        sha256: str | None = None,
        timezone: str | None = None,
    ) -> None:
        videos = list(videos)
        columns = {number: _column(videos, number) for number in NUMBERS}
        numbers = {number: column for number, column in columns.items() if column is not None}
        texts = {text: map(attrgetter(text), videos) for text in TEXTS}
        self._hold(texts, numbers, rejected, name, sha256, timezone)

    @classmethod
    def of_columns(
        cls, texts: Mapping[str, Iterable[str]], numbers: dict[str, NDArray[np.float64]], *source: Any
    ) -> Catalogue:
        """Return the catalogue of these columns, which are not checked.

        `source` is rejected, name, sha256 and timezone, as for the class.
        """
        catalogue = cls.__new__(cls)
        catalogue._hold(texts, numbers, *source)
        return catalogue

    def _hold(
        self,
        texts: Mapping[str, Iterable[str]],
        numbers: dict[str, NDArray[np.float64]],
        rejected: Sequence[Rejected],
        name: str,
        sha256: str | None,
        timezone: str | None,
    ) -> None:
        name = a_name("a catalogue's name", name, error=CatalogueError)
        super().__init__(name, numbers, rejected, len(rejected))
        for column in numbers.values():
            column.flags.writeable = False
        self.sha256, self.timezone = sha256, timezone
        self.ids, self.titles = tuple(texts["id"]), tuple(texts["title"])
        shared: dict[str, str] = {}  # there are few providers: each name is held once
        self.providers = tuple(shared.setdefault(provider, provider) for provider in texts["provider"])

    @property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """The columns of texts, by the name of the field."""
        return {"id": self.ids, "title": self.titles, "provider": self.providers}

    @overload
    def __getitem__(self, row: int) -> Video: ...
    @overload
    def __getitem__(self, row: slice) -> Catalogue: ...

    def __getitem__(self, row: int | slice) -> Video | Catalogue:
        if isinstance(row, slice):
            part = map(self.__getitem__, range(len(self))[row])
            return Catalogue(part, name=self.name, timezone=self.timezone)
        numbers = {name: float(column[row]) for name, column in self.numbers.items()}
        given = {name: number for name, number in numbers.items() if not isnan(number)}
        return Video(self.ids[row], self.titles[row], self.providers[row], **given)

    def rows(self, rows: Sequence[int] | NDArray[np.int64]) -> Catalogue:
        """Return the catalogue of the same source with these rows, in this order."""
        texts = {name: [column[row] for row in rows] for name, column in self.texts.items()}
        numbers = {name: column[rows] for name, column in self.numbers.items()}
        return Catalogue.of_columns(texts, numbers, self.rejected, self.name, self.sha256, self.timezone)

    def by_submission(self) -> Catalogue:
        """Return the catalogue in the order of `submittedAt`, as videos arrive where there are no encoders.

        Videos without a time count as submitted at 0; videos of the same time keep their order.

        >>> late, early = (Video(id, publication_timeout=9, submitted_at=at) for id, at in (("a", 5), ("b", 2)))
        >>> Catalogue([late, early]).by_submission().ids
        ('b', 'a')
        """
        if self.submitted_at is None:
            return self
        return self.rows(np.argsort(np.nan_to_num(self.submitted_at), kind="stable"))

    def __iter__(self) -> Iterator[Video]:
        for start in range(0, len(self), _ROWS):
            part = slice(start, start + _ROWS)
            numbers = (self._listed(name, part) for name in NUMBERS)
            yield from map(Video, self.ids[part], self.titles[part], self.providers[part], *numbers)

    def _listed(self, name: str, part: slice) -> Iterable[float | None]:
        """Return a number of these rows, as videos have it: a missing one is None or UNKNOWN."""
        missing = NUMBERS[name].missing
        if name not in self.numbers:
            return repeat(missing)
        listed: list[float] = self.numbers[name][part].tolist()
        return [missing if isnan(one) else one for one in listed]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Catalogue):
            return NotImplemented
        return len(self) == len(other) and self.rejected == other.rejected and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Catalogue {self.name!r}: {self._size}>"

    def _first(self) -> Markup:
        """Return a table of the first few videos."""
        rows = [
            [one.id, one.title, one.provider, f"{one.encoding_time:g}", f"{one.publication_timeout:g}"]
            for one in self[:_FEW]
        ]
        return table(["id", "title", "provider", "encoding time", "publication timeout"], rows, words=3)

    @property
    def frame(self) -> pd.DataFrame:
        """The videos as a new table: id, title, provider, encoding_time, publication_timeout.

        There is a column submitted_at, publishing_time or priority as well if any video has one.
        """
        return pd.DataFrame({**self.texts, **self.numbers})

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
        frame = self.frame
        one_of(f"a column of catalogue {self.name!r}", column, frame.columns, error=CatalogueError)
        codes, values = pd.factorize(frame[column], sort=True, use_na_sentinel=False)
        by_value = np.argsort(codes, kind="stable")
        rows = np.split(by_value, np.cumsum(np.bincount(codes))[:-1])
        return list(zip(values.tolist(), rows, strict=True))

    def lines(self) -> Iterator[bytes]:
        """Yield the accepted videos as JSON lines, each with its line end; the first one has the time zone."""
        videos = iter(self)
        if self.timezone is not None:
            for video in islice(videos, 1):
                yield msgspec.json.encode(msgspec.to_builtins(video) | {"timezone": self.timezone}) + b"\n"
        for video in videos:
            yield msgspec.json.encode(video) + b"\n"


_ROWS = 1 << 14

_FEW = 5
"""Rows of a longer table that a notebook shows."""


def _numbers_table(numbers: dict[str, NDArray[np.float64]]) -> Markup:
    """Return a table of the numbers of videos: those that each video has, the slack, then the optional ones."""
    columns = dict(numbers)
    if "encoding_time" in numbers:
        columns["slack"] = numbers["publication_timeout"] - numbers["encoding_time"]
    known = {name: column[~np.isnan(column)] for name, column in columns.items()}
    rows = [
        [
            name.replace("_", " "),
            *(f"{figure:.4g}" for figure in (values.min(), np.median(values), values.mean(), values.max())),
            histogram(values, f"distribution of {name.replace('_', ' ')}"),
        ]
        for name, values in sorted(
            known.items(), key=lambda one: one[0] in NUMBERS and NUMBERS[one[0]].optional
        )
        if len(values)
    ]
    return table(["seconds", "smallest", "median", "mean", "largest", "distribution"], rows)


def _column(videos: Sequence[Video], name: str) -> NDArray[np.float64] | None:
    """Return a number of each video as an array, NaN where it is missing; None if no video has it.

    All are compared with the limits at once; only those outside them are looked at one by one.
    """
    number, given = NUMBERS[name], list(map(attrgetter(name), videos))
    if number.optional and given.count(None) == len(given):
        return None
    try:
        column = np.array(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):  # one of them is not a number, or too large for a float
        column = np.full(len(given), nan)
    good = number.accepts(column)
    if not good.all():
        absent = np.array([one is number.missing for one in given])
        if absent.all():
            return None
        good |= absent
    for row in np.flatnonzero(~good).tolist():
        column[row] = number.checked(f"{name} of video {shown(videos[row].id, 60)}", given[row])
    return column
