"""Videos with publishers of their own, as under parts 1, 2a and 2b: each by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tv2sim.base.ticks import to_ticks
from tv2sim.catalogue import read_catalogue
from tv2sim.strategies import as_strategy
from tv2sim.theory.by_video import Expected, between
from tv2sim.theory.conditions import OWN, Asked, asked
from tv2sim.theory.startups import Ready, ready_times
from tv2sim.theory.timetable import timetable
from tv2sim.world.scenario_parts import Faults

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray

    from tv2sim.catalogue import Catalogue
    from tv2sim.strategies import Strategy
    from tv2sim.world.scenario import Scenario

__all__ = ["classification", "on_time_probability"]

CLASSES = ["never", "sometimes", "always"]


def on_time_probability(
    catalogue: Catalogue | Any, strategy: Strategy | str, scenario: Scenario | None = None
) -> Expected:
    """Return how probable it is for each video to be published in time by a publisher of its own.

    The publisher is started at a known moment, and has until the video's deadline: F(timeout - encoding time)
    under parts 1 and 2b and F(timeout) under part 2a, F being the distribution function of the start-up time;
    0 if the encoding alone takes longer than the timeout. A start-up that fails is followed by another when
    that is noticed. Then F is that of a sum of a random (geometric) number of start-up times, found
    numerically, with a bound of the error.

    Parameters
    ----------
    catalogue : Catalogue
        The videos, or whatever :func:`tv2sim.read_catalogue` accepts.
    strategy : Strategy or str
        One under which each video has a publisher of its own, with any lead.
    scenario : Scenario, optional
        The system. Times of encoding and publishing must not be drawn, and nothing but start-ups may fail.

    Returns
    -------
    Expected
        The probabilities, and the expected numbers.

    Raises
    ------
    StrategyError, ScenarioError
        If the formula does not cover the strategy or the scenario.

    Examples
    --------
    >>> import tv2sim as tv
    >>> catalogue = tv.generate_catalogue()
    >>> tv.queueing.on_time_probability(catalogue, "1").published
    62.25
    >>> failing = tv.Scenario(faults=tv.Faults(startup=0.1))
    >>> found = tv.queueing.on_time_probability(catalogue, "1", failing)
    >>> round(found.published, 2), found.error < 1e-4
    (56.44, True)
    """
    given = asked("on_time_probability", catalogue, strategy, scenario, *OWN)
    left = _left(given)
    fails, error = between(
        lambda ready: 1 - _reached(ready, left), ready_times(given.scenario, left.max(initial=1))
    )
    return Expected(fails, error)


def classification(
    catalogue: Catalogue | Any,
    strategies: Iterable[Strategy | str] = ("1", "2a", "2b"),
    scenario: Scenario | None = None,
) -> pd.DataFrame:
    """Return which videos are always published in time, which sometimes, and which never.

    Parameters
    ----------
    catalogue : Catalogue
        The videos, or whatever :func:`tv2sim.read_catalogue` accepts.
    strategies : iterable of Strategy or str
        Those under which each video has a publisher of its own.
    scenario : Scenario, optional
        As for :func:`on_time_probability`.

    Returns
    -------
    pandas.DataFrame
        A row for each video: `id`, `encoding_time`, `publication_timeout`, and a column for each strategy with
        "never", "sometimes" or "always", which are ordered.

    Raises
    ------
    StrategyError, ScenarioError
        As by :func:`on_time_probability`.

    Examples
    --------
    >>> import tv2sim as tv
    >>> table = tv.queueing.classification(tv.generate_catalogue(), ["1", "2a"])
    >>> table.groupby(["1", "2a"], observed=True).size()
    1          2a
    never      never         4
               sometimes    30
               always       25
    sometimes  sometimes    11
               always       51
    always     always       33
    dtype: int64
    """
    import pandas as pd

    catalogue = read_catalogue(catalogue)
    times = {name: getattr(catalogue, name) for name in ("encoding_time", "publication_timeout")}
    table = pd.DataFrame({"id": catalogue.ids, **times}, index=pd.RangeIndex(len(catalogue), name="video"))
    for each in map(as_strategy, strategies):
        given = asked("classification", catalogue, each, scenario, *OWN)
        table[each.name] = pd.Categorical.from_codes(_class_of(given), pd.Index(CLASSES), ordered=True)
    return table


def _class_of(given: Asked) -> NDArray[np.int64]:
    """Return the index of each video's class.

    Its first publisher says whether it can be in time. Where start-ups fail, it can always be late.
    """
    (first,) = ready_times(given.scenario.replace(faults=Faults()), 0)
    reached = _reached(first, _left(given))
    sometimes, always = reached > 0, (reached == 1) & (not given.scenario.faults.startup)
    return np.asarray(np.add(sometimes, always, dtype=np.int64))


def _left(given: Asked) -> NDArray[np.float64]:
    """Return the ticks from the start of each video's publisher to the deadline, -1 where none is left."""
    times = timetable(given)
    moment = np.where(given.starts_on("encoding_started"), times.started, times.encoded)
    begun = moment + given.delay + to_ticks(given.scenario.provisioning_delay)
    return np.where(times.too_long, -1.0, times.deadline - begun)


def _reached(ready: Ready, left: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(left >= 0, ready.by(np.maximum(left, 0.0)), 0.0)
