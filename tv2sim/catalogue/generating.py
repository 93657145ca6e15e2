"""Synthetic catalogues with the mix of encoding times and timeouts that was measured on a real day.

Titles and names of places and channels are invented. All random numbers are raw output of NumPy's Philox
generator, whose stream is fixed, so that the same call gives the same bytes everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import MOST, a_whole_number
from tv2sim.base.errors import CatalogueError
from tv2sim.catalogue.reading import read_catalogue
from tv2sim.catalogue.videos import Catalogue

MIX = (
    (4, 6, 6, 4, 3, 7, 0, 0, 0, 0, 0),
    (0, 10, 2, 1, 1, 4, 9, 0, 0, 0, 0),
    (0, 0, 7, 4, 4, 4, 4, 4, 0, 0, 0),
    (0, 0, 0, 1, 6, 5, 2, 4, 7, 0, 0),
    (0, 0, 0, 0, 5, 3, 1, 5, 0, 1, 0),
    (0, 0, 0, 0, 0, 8, 3, 7, 5, 2, 5),
)
"""Videos of a real day by encoding time (rows, 1 to 6 s) and publication timeout (columns, 2 to 12 s)."""

_PLACES = (
    "Bredslev", "Klintholt", "Mosebjerg", "Tornskov", "Havrelund", "Gråsund", "Lyngsted", "Ørbækdal",
    "Sivested", "Kragenæs By", "Ålekær", "Rønnehøj", "Vesterklit", "Hedeby Mark", "Møllevad", "Sandbanke",
)  # fmt: skip
_SERIES = (
    "Fjordvagten", "Aftentimen", "Kystholdet", "Familien Tang", "Hverdagsdetektiven", "Grydeklubben",
    "Det gamle færgeleje", "Bådbyggerne", "Skovens hemmeligheder", "Naboerne på Kærvej", "Nattoget",
    "Klitgårdens arvinger", "Fodspor i sandet", "Bedelauget", "Den store sæbekassebil", "Fuglekongen",
)  # fmt: skip
_NEWS = ("Morgennyt", "Middagsnyt", "Aftennyt", "Vejret", "Sporten", "Trafikken")
_MONTHS = ("januar", "februar", "marts", "april", "maj", "juni", "juli", "august", "september", "oktober",
           "november", "december")  # fmt: skip
_CHANNELS = ("Kanal Nord", "Kanal Nord", "Kanal Nord", "Kanal Sund", "Ø-Kanalen")

_CHUNK = 1 << 16


def generate_catalogue(videos: int = 154, *, seed: int = 20) -> Catalogue:
    """Return a synthetic catalogue; the same arguments give the same one.

    Parameters
    ----------
    videos : int
        The number of videos. With 154 the joint counts of encoding time and timeout are exactly those measured
        on a real day; other numbers keep the mix.
    seed : int
        The seed of the order, the titles and the ids.

    Raises
    ------
    CatalogueError
        If `videos` is not a whole number from 1 to 10**9, or `seed` not one from 0 to 2**64 - 1.

    Examples
    --------
    >>> catalogue = generate_catalogue()
    >>> len(catalogue), float(catalogue.encoding_time.mean().round(3))
    (154, 3.377)
    """
    return read_catalogue(generate_lines(videos, seed=seed), name=f"generated ({videos} videos, seed {seed})")


def generate_lines(videos: int = 154, *, seed: int = 20) -> Iterator[bytes]:
    """Yield the JSON lines of :func:`generate_catalogue`; only a chunk of them is in memory at a time.

    Examples
    --------
    >>> next(generate_lines(1)).startswith(b'{"id":"')
    True
    """
    videos = a_whole_number("videos", videos, at_least=1, at_most=MOST, error=CatalogueError)
    seed = a_whole_number("seed", seed, at_least=0, at_most=2**64 - 1, error=CatalogueError)
    return _lines(_mixed(videos, seed), seed)


def _random(seed: int, column: int, count: int, start: int = 0) -> NDArray[np.uint64]:
    """Return numbers `start` to `start + count` of one of the seed's columns; `start` divides by 4."""
    key = np.array([seed, 0x7476], dtype=np.uint64)  # a list would pass through floats, if the seed is large
    return np.random.Philox(key=key, counter=[start // 4, column, 0, 0]).random_raw(count)


def _mixed(videos: int, seed: int) -> NDArray[np.int64]:
    """Return cells of the mix in random order: whole days of it, and a random part of one more day."""
    day = np.repeat(np.arange(np.size(MIX)), np.ravel(MIX))
    days, rest = divmod(videos, len(day))
    part = day[np.argsort(_random(seed, 0, len(day)), kind="stable")][:rest]
    cells = np.concatenate([np.tile(day, days), part])
    return cells[np.argsort(_random(seed, 1, videos), kind="stable")]


def _lines(cells: NDArray[np.int64], seed: int) -> Iterator[bytes]:
    timeouts = len(MIX[0])
    for start in range(0, len(cells), _CHUNK):
        part = cells[start : start + _CHUNK]
        halves = _random(seed, 2, 2 * len(part), 2 * start).astype(">u8").tobytes().hex()
        words = _random(seed, 3, len(part), start).tolist()
        for i, (cell, word) in enumerate(zip(part.tolist(), words, strict=True)):
            encoding, timeout = divmod(cell, timeouts)
            # the names above need no escaping in JSON
            yield (
                f'{{"id":"{_uuid(halves[32 * i : 32 * i + 32])}","title":"{_title(word)}",'
                f'"provider":"{_CHANNELS[word % len(_CHANNELS)]}",'
                f'"encodingTime":{encoding + 1},"publicationTimeout":{timeout + 2}}}\n'
            ).encode()


def _uuid(digits: str) -> str:
    """Return 32 random hexadecimal digits as a UUID of version 4."""
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _title(word: int) -> str:
    """Return an invented title: news of a place and a day, an episode, or a report."""
    word, kind = divmod(word >> 8, 4)
    word, place = divmod(word, len(_PLACES))
    word, series = divmod(word, len(_SERIES))
    word, number = divmod(word, 28)
    if kind < 2:
        return f"{_NEWS[series % len(_NEWS)]} fra {_PLACES[place]}, {number + 1}. {_MONTHS[word % 12]}"
    if kind == 2:
        return f"{_SERIES[series]} ({number + 1})"
    return f"{_SERIES[series]}: Sommer i {_PLACES[place]}"
