"""tv2sim: when to start single-use publishers, how many to keep warm, and for whom.

A discrete-event simulation of a chain of client, encoders and pre-warmed publishers with deadlines:

>>> import tv2sim as tv
>>> catalogue = tv.generate_catalogue()
>>> run = tv.simulate(catalogue, "2c", tv.Scenario(encoders=10), seed=1)
>>> print(run.stats)
stats: client_parse_errors=0 client_submitted=154 encoded=154 published=153 publish_failed=1

Importing it loads nothing else; each name below is fetched when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tv2sim import plots as plots
    from tv2sim.catalogue import (
        Catalogue,
        Rejected,
        Survey,
        Video,
        generate_catalogue,
        read_catalogue,
        survey_catalogue,
    )
    from tv2sim.distributions import (
        Constant,
        Distribution,
        Empirical,
        Exponential,
        Gamma,
        LogNormal,
        Triangular,
        Uniform,
    )
    from tv2sim.errors import (
        CatalogueError,
        InputError,
        LagError,
        MissingExtraError,
        OutputError,
        ScenarioError,
        StrategyError,
        TV2SimError,
    )
    from tv2sim.events import LogEntry
    from tv2sim.experiment import Comparison, Interrupted, Replications, compare, replicate
    from tv2sim.realtime import Replay, replay
    from tv2sim.run import Run, simulate
    from tv2sim.saved import load_run
    from tv2sim.scenario import Scenario
    from tv2sim.statistics import Precision
    from tv2sim.strategies import (
        PART_1,
        PART_2A,
        PART_2B,
        PART_2C,
        STRATEGIES,
        PoolState,
        Strategy,
    )

__version__ = "0.1.0"

__all__ = [
    "PART_1",
    "PART_2A",
    "PART_2B",
    "PART_2C",
    "STRATEGIES",
    "Catalogue",
    "CatalogueError",
    "Comparison",
    "Constant",
    "Distribution",
    "Empirical",
    "Exponential",
    "Gamma",
    "InputError",
    "Interrupted",
    "LagError",
    "LogEntry",
    "LogNormal",
    "MissingExtraError",
    "OutputError",
    "PoolState",
    "Precision",
    "Rejected",
    "Replay",
    "Replications",
    "Run",
    "Scenario",
    "ScenarioError",
    "Strategy",
    "StrategyError",
    "Survey",
    "TV2SimError",
    "Triangular",
    "Uniform",
    "Video",
    "__version__",
    "compare",
    "generate_catalogue",
    "load_run",
    "read_catalogue",
    "replay",
    "replicate",
    "simulate",
    "survey_catalogue",
]

_ROOMS = {
    "catalogue": (
        "Catalogue", "Rejected", "Survey", "Video", "generate_catalogue", "read_catalogue", "survey_catalogue",
    ),
    "distributions": (
        "Constant", "Distribution", "Empirical", "Exponential", "Gamma", "LogNormal", "Triangular", "Uniform",
    ),
    "errors": (
        "CatalogueError", "InputError", "LagError", "MissingExtraError", "OutputError", "ScenarioError",
        "StrategyError", "TV2SimError",
    ),
    "events": ("LogEntry",),
    "experiment": ("Comparison", "Interrupted", "Replications", "compare", "replicate"),
    "realtime": ("Replay", "replay"),
    "run": ("Run", "simulate"),
    "saved": ("load_run",),
    "scenario": ("Scenario",),
    "statistics": ("Precision",),
    "strategies": ("PART_1", "PART_2A", "PART_2B", "PART_2C", "STRATEGIES", "PoolState", "Strategy"),
}  # fmt: skip
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "plots":
        return import_module(f"{__name__}.plots")
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
