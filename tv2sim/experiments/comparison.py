"""Strategies compared with each other under common random numbers, in one world or in several.

A world is a catalogue in a scenario: strategies are compared only within a world.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tv2sim.base.checks import a_path
from tv2sim.base.errors import InputError
from tv2sim.base.later_methods import Displayed, serve
from tv2sim.experiments.comparison_tables import Compared, Tables
from tv2sim.experiments.planning import Plan
from tv2sim.experiments.replications import Replications, extend_all
from tv2sim.world.prices import Prices


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Tables, Displayed):
    """The replications of every cell, and the tables and verdicts that follow; made by :func:`compare`.

    Attributes
    ----------
    cells : dict
        :class:`Replications` by :class:`Cell` (catalogue, scenario, strategy).
    baseline : str
        The strategy that the others are compared with.
    confidence : float
        The confidence level of the intervals.
    margin : float
        The smallest difference of on-time rates that matters, as a share.
    stopped : Stopped or None
        With a precision: why it ended. ``str(study.stopped)`` is a sentence.
    whole : Comparison or None
        The comparison that this one was selected from: p-values are adjusted for all comparisons in it.
    """

    def __getitem__(self, strategy: str) -> Replications:
        """Return a strategy's replications, if there is one catalogue and one scenario."""
        found = [reps for cell, reps in self.cells.items() if cell.strategy == strategy]
        if len(found) != 1:
            raise InputError(
                f"{len(found)} cells have the strategy {strategy!r}; study.cells has them by catalogue, "
                f"scenario and strategy"
            )
        return found[0]

    def __repr__(self) -> str:
        return f"<Comparison of {len(self.cells)} cells with {self.replications} replications each>"

    @property
    def verdict(self) -> str:
        """The verdict in a sentence if there is one world with its baseline, else an empty text."""
        return str(serve("Comparison.verdict", self))

    def extend(self, more: int, **how: Any) -> Comparison:
        """Return a comparison with `more` additional replications; those that are done are not repeated.

        `workers`, `executor`, `results` and `progress` are those of :func:`tv2sim.compare`.
        """
        cells = dict(zip(self.cells, extend_all(self.cells.values(), more, **how), strict=True))
        return replace(self, cells=cells, stopped=None, whole=None)

    def priced(self, prices: Prices | None) -> Comparison:
        """Return the same comparison at other prices, or without any; see :meth:`Replications.priced`.

        The cost is one more metric, so p-values are adjusted for one more hypothesis of each pair.

        Examples
        --------
        When a failed video is dear, a pool pays off:

        >>> import tv2sim as tv
        >>> study = tv.compare(tv.generate_catalogue(), ["1", "2a", "2c"], replications=50)
        >>> for price in (1, 10):
        ...     costs = study.priced(tv.Prices(ready=1, failed=price)).costs["cost"]
        ...     print(price, costs.droplevel(["catalogue", "scenario"]).round(1).to_dict())
        1 {'1': 92.0, '2a': 118.9, '2c': 173.9}
        10 {'1': 919.8, '2a': 352.9, '2c': 188.1}
        """
        cells = {cell: reps.priced(prices) for cell, reps in self.cells.items()}
        return replace(self, cells=cells, whole=self.whole and self.whole.priced(prices))

    # -- parts ---------------------------------------------------------------------------------------------

    def select(
        self,
        *,
        catalogue: str | Iterable[str] | None = None,
        scenario: str | Iterable[str] | None = None,
        strategy: str | Iterable[str] | None = None,
    ) -> Comparison:
        """Return the cells with these names, with the differences that the whole comparison shows for them.

        Each of them is a name or several; None stands for all.

        Raises
        ------
        InputError
            If there is no such cell.

        Examples
        --------
        >>> import tv2sim as tv
        >>> study = tv.compare(tv.generate_catalogue(5), ["1", "2a"], {"encoders": [5, 10]}, replications=2)
        >>> study.select(scenario="encoders=5").strategies.keys()
        dict_keys(['1', '2a'])
        """
        given = {"catalogue": catalogue, "scenario": scenario, "strategy": strategy}
        several = {part: [one] if isinstance(one, str) else one for part, one in given.items()}
        wanted = {part: list(names) for part, names in several.items() if names is not None}
        cells = {
            cell: reps
            for cell, reps in self.cells.items()
            if all(getattr(cell, part) in names for part, names in wanted.items())
        }
        if not cells:
            known = "; ".join(", ".join(cell) for cell in self.cells)
            asked = ", ".join(" or ".join(map(str, names)) for names in wanted.values())
            raise InputError(f"there is no cell {asked!r}, only {known}")
        return replace(self, cells=cells, whole=self.whole or self)

    def worlds(self) -> list[Comparison]:
        """Return a comparison for each world, that is, for each catalogue in each scenario."""
        names = dict.fromkeys((cell.catalogue, cell.scenario) for cell in self.cells)
        return [self.select(catalogue=catalogue, scenario=scenario) for catalogue, scenario in names]

    @property
    def strategies(self) -> dict[str, Replications]:
        """The replications by strategy, if there is one catalogue and one scenario."""
        return {cell.strategy: self[cell.strategy] for cell in self.cells}

    def difference(self, strategy: str, metric: str) -> Compared | None:
        """Return how a strategy compares with the baseline in one world; None for the baseline itself."""
        return next(
            (one for one in self.compared if (one.cell.strategy, one.metric) == (strategy, metric)), None
        )

    # -- saving --------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain data for JSON, from which :meth:`from_dict` makes it again.

        A part that was selected becomes a separate comparison.
        """
        data: dict[str, Any] = serve("Comparison.to_dict", self)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Comparison:
        """Return the comparison that :meth:`to_dict` described.

        A plain :class:`tv2sim.Strategy` stands in for a strategy of a class of your own.

        Raises
        ------
        InputError
            If :meth:`to_dict` did not make `data`, or a version with another format did.

        Examples
        --------
        >>> import tv2sim as tv
        >>> study = tv.compare(tv.generate_catalogue(5), ["1", "2a"], replications=3)
        >>> tv.Comparison.from_dict(study.to_dict()).summary.equals(study.summary)
        True
        """
        study: Comparison = serve("Comparison.from_dict", data)
        return study

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        command: str | None = None,
        title: str | None = None,
        author: str | None = None,
        date: str | datetime.date | None = None,
        notes: str | None = None,
        by: str | None = None,
        plan: Plan | None = None,
    ) -> Path:
        """Write the report: one HTML file that needs neither a network nor JavaScript.

        It begins with the verdict, a chart and a table; charts and caveats follow, and as an appendix the
        statistics, the STRESS-DES checklist and the provenance. The same comparison gives the same bytes.

        Parameters
        ----------
        path : path
            The file to write; an existing file is replaced when the new one is complete.
        command : str, optional
            The command that made the comparison, so that readers can repeat it.
        title : str, optional
            The title; default names strategies and catalogues.
        author : str, optional
            Who answers for it.
        date : str or datetime.date, optional
            Its date. By default there is no date, so that the same comparison gives the same bytes on any day.
        notes : str, optional
            What readers should know besides, such as run time and hardware: plain text, with empty lines
            between paragraphs.
        by : str, optional
            A column of the catalogue, such as ``"provider"``: figures of its groups of videos are added, as
            :meth:`by` has them.
        plan : Plan, optional
            What :func:`tv2sim.plan` has found in a catalogue and a scenario of this comparison. Its answer is
            the verdict and its chart the first one; how it was decided is a section.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        OutputError
            If it cannot be written.
        InputError
            If `path` is no path, it is a part without the baseline, a text is something else, there is no such
            column, or the plan is for another catalogue or scenario.
        """
        path = a_path("path", path)
        if all(cell.strategy != self.baseline for cell in self.cells):
            raise InputError(f"a report needs the baseline, {self.baseline!r}: select it as well")
        texts = {"command": command, "title": title, "author": author, "date": date, "notes": notes}
        written: Path = serve("Comparison.report", self, path, **texts, by=by, plan=plan)
        return written
