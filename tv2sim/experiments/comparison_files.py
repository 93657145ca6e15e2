"""Comparisons to plain data for JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from tv2sim.base import dictionaries
from tv2sim.base.errors import InputError
from tv2sim.catalogue import Catalogue, Rejected, Video
from tv2sim.experiments.comparison import Comparison
from tv2sim.experiments.control_variate import Control
from tv2sim.experiments.replications import Cell, Replications
from tv2sim.experiments.startup_resampling import Resamples
from tv2sim.experiments.workers import Chunk
from tv2sim.inference.intervals import Interval, Precision, Stopped
from tv2sim.results.run import versions_here
from tv2sim.results.saving import FORMAT, check_format, strategy_of
from tv2sim.world.prices import Prices
from tv2sim.world.scenario import Scenario


def as_data(study: Comparison) -> dict[str, Any]:
    """Return a comparison as plain data; see :meth:`Comparison.to_dict`."""
    found = {cell.catalogue: reps.catalogue for cell, reps in study.cells.items()}
    catalogues = {key: _Catalogue(list(c), list(c.rejected), c.name, c.sha256) for key, c in found.items()}
    return dictionaries.to_dict(study, leave_out=("cells", "whole")) | {
        "format": FORMAT,
        "versions": versions_here(),
        "catalogues": msgspec.to_builtins(catalogues),
        "cells": [{**cell._asdict(), "replications": _as_saved(reps)} for cell, reps in study.cells.items()],
    }


def of_data(data: Mapping[str, Any]) -> Comparison:
    """Return a comparison from plain data; see :meth:`Comparison.from_dict`."""
    try:
        check_format(data, data["versions"])
        named = msgspec.convert(data["catalogues"], dict[str, _Catalogue])
        catalogues = {name: Catalogue(*msgspec.structs.astuple(one)) for name, one in named.items()}
        cells = {}
        for one in data["cells"]:
            cell = Cell(*(one[name] for name in Cell._fields))
            cells[cell] = _replications(one["replications"], catalogues[cell.catalogue])
        apart = ("format", "versions", "catalogues")
        own = {name: value for name, value in data.items() if name not in apart}
        study: Comparison = dictionaries.from_dict(
            {**own, "cells": cells}, Comparison, Stopped, Precision, Interval
        )
        return study
    except (LookupError, TypeError, ValueError, AttributeError, msgspec.MsgspecError) as error:
        raise InputError(f"this is not a comparison as it was saved: {error}") from error


class _Catalogue(msgspec.Struct):
    """A catalogue as it is saved."""

    videos: list[Video]
    rejected: list[Rejected]
    name: str
    sha256: str | None


_OPTIONAL = ("prices", "resamples")
"""The attributes of replications that are saved only if they are not None."""


def _as_saved(reps: Replications) -> dict[str, Any]:
    left_out = ("catalogue", "control", *(name for name in _OPTIONAL if getattr(reps, name) is None))
    data = dictionaries.to_dict(reps, leave_out=left_out)
    # what must fail follows from the rest, unless a strategy has code of the user's own, which is not saved
    return {
        **data,
        "control": reps.control is not None and data["strategy"][dictionaries.KIND] != dictionaries.CUSTOM,
    }


def _replications(data: Mapping[str, Any], catalogue: Catalogue) -> Replications:
    results = data["results"]
    values = {name: np.array(column, dtype=np.float64) for name, column in results["values"].items()}
    made = {
        "catalogue": catalogue,
        "strategy": strategy_of(data["strategy"]),
        "scenario": Scenario.from_dict(data["scenario"]),
        "metrics": tuple(data["metrics"]),
        "results": Chunk(values, np.array(results["on_time"], dtype=np.int64)),
    }
    if "resamples" in data:
        made["resamples"] = Resamples.from_dict(data["resamples"])
    made["control"] = None
    reps: Replications = dictionaries.from_dict(
        {**data, **made}, Replications, Stopped, Precision, Interval, Prices
    )
    return replace(reps, control=Control(reps.setting, reps.seed)) if data.get("control") else reps
