"""The kinds of videos that a rule expects: how often each encoding time and timeout comes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tv2sim.base.checks import a_time, a_whole_number, shown
from tv2sim.base.errors import InputError
from tv2sim.catalogue import Catalogue, read_catalogue

__all__ = ["Mix", "a_forecast", "mix_of"]

Mix: TypeAlias = tuple[tuple[float, float, int], ...]
"""(encoding time, timeout, how many), sorted."""

if TYPE_CHECKING:

    class AsForecast:
        """The type of the field, which accepts a catalogue and holds its mix."""

        def __get__(self, one: object, owner: object) -> Literal["online"] | Mix | None: ...
        def __set__(self, one: object, value: object) -> None: ...


def mix_of(catalogue: Catalogue) -> Mix:
    """Return how often each pair of encoding time and timeout is in a catalogue; unknown times count as 0.

    >>> from tv2sim.catalogue import read_catalogue
    >>> video = {"id": "a", "encodingTime": 3, "publicationTimeout": 9}
    >>> mix_of(read_catalogue([video, {**video, "id": "b"}]))
    ((3.0, 9.0, 2),)
    """
    encoding = [0.0 if time != time else time for time in catalogue.encoding_time.tolist()]
    pairs = Counter(zip(encoding, catalogue.publication_timeout.tolist(), strict=True))
    return tuple((*pair, count) for pair, count in sorted(pairs.items()))


def a_forecast(name: str, value: Any, *, error: type[InputError]) -> Literal["online"] | Mix | None:
    """Return "online", None, or the mix of a catalogue, which may be given as everywhere else."""
    if value is None:
        return None
    if isinstance(value, str) and value == "online":
        return "online"
    if isinstance(value, (tuple, list)) and value and all(isinstance(kind, (tuple, list)) for kind in value):
        return tuple(sorted(_a_kind(kind, error) for kind in value))
    return mix_of(read_catalogue(value))


def _a_kind(value: Any, error: type[InputError]) -> tuple[float, float, int]:
    if len(value) != 3:
        raise error(f"a kind of videos is (encoding time, timeout, how many), not {shown(value)}")
    encoding, timeout, count = value
    return (
        a_time("an encoding time", encoding, error=error),
        a_time("a timeout", timeout, above=0, error=error),
        a_whole_number("the number of videos of a kind", count, at_least=1, error=error),
    )
