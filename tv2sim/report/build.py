"""The report as a page and as a file: which values go to the templates, which put them into words."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import platform
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from tv2sim import __version__, numbers
from tv2sim.engines import package_of
from tv2sim.metrics import MAIN, METRICS
from tv2sim.report.caveats import caveats, explained
from tv2sim.report.charts import charts
from tv2sim.report.text import cost, differences, judged, name_of, verdict
from tv2sim.scenario import Scenario
from tv2sim.storage import whole_file

if TYPE_CHECKING:
    import os

    from tv2sim.experiment import Comparison


__all__ = ["build_report", "write_report"]

_WORLDS_IN_FULL = 3
"""With more worlds, each has only the charts that answer the question, so that the file can be sent by mail."""


def write_report(
    study: Comparison, path: str | os.PathLike[str], *, command: str | None = None, force: bool = True
) -> Path:
    """Write the report of a comparison to a file; see :meth:`tv2sim.Comparison.report`."""
    path = Path(path)
    with whole_file(path, force=force) as draft:
        page = build_report(study, command=command)
        # the name of a catalogue's file may contain bytes that are not valid text
        draft.write_text(page, encoding="utf-8", errors="xmlcharrefreplace", newline="\n")
    return path


def build_report(study: Comparison, *, command: str | None = None) -> str:
    """Return the report as one HTML page that refers to no other file.

    Parameters
    ----------
    study : Comparison
        A comparison with at least one replication.
    command : str, optional
        The command that made the comparison, for readers who repeat it.
    """
    study = judged(study)
    parts = study.worlds()
    in_full = len(parts) <= _WORLDS_IN_FULL
    page = rendered(
        "template.html.j2",
        study=study,
        worlds=[_world(part, f"w{number}", in_full) for number, part in enumerate(parts, start=1)],
        several=len(parts) > 1,
        in_full=in_full,
        strategies=[reps.strategy for reps in parts[0].strategies.values()],
        scenario_fields={field.name: field.metadata["label"] for field in dataclasses.fields(Scenario)},
        caveats=caveats(study),
        catalogues={cell.catalogue: reps.catalogue for cell, reps in study.cells.items()},
        seed=next(iter(study.cells.values())).seed,
        versions=_versions(study.engines),
        command=command,
        style_hash=base64.b64encode(hashlib.sha256(rendered("style.css").encode()).digest()).decode(),
    )
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), page)


_CONTROLS = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]")
"""Control characters and direction marks. Only names can bring them to the page; they are shown escaped."""


def _world(part: Comparison, prefix: str, in_full: bool) -> dict[str, Any]:
    """Return the values that the page shows for one world."""
    reps = part[part.baseline]
    main = [metric for metric in MAIN if metric in part.metrics]
    return {
        "name": name_of(part),
        "scenario_name": next(iter(part.cells)).scenario,
        "catalogue": reps.catalogue,
        "scenario": reps.scenario,
        "strategies": part.strategies,
        "verdict": verdict(part),
        "cost": cost(part),
        "differences": list(differences(part, main or part.metrics)),
        "charts": charts(part, prefix, in_full=in_full),
        "explained": [(name, str(explained(reps))) for name, reps in part.strategies.items()],
    }


def _versions(engines: list[str]) -> dict[str, str]:
    used = map(package_of, engines)
    ours = {"tv2sim": __version__, "Python": platform.python_version()}
    return ours | {name: version(name) for name in (*used, "numpy", "scipy", "pandas", "matplotlib")}


# -- the page ----------------------------------------------------------------------------------------------


def rendered(template: str, **values: Any) -> str:
    """Return the text of a template of this package with these values."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tv2sim.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"numbers": numbers, "plural": numbers.plural, "METRICS": METRICS, "MAIN": MAIN}
    environment.filters |= {
        "label": lambda metric: METRICS[metric].label,
        "seconds": lambda time: f"{time:g} s",
        "sentence": lambda text: text[:1].upper() + text[1:],
        "unbroken": _unbroken,
        "videos_sha256": lambda catalogue: hashlib.sha256(b"".join(catalogue.lines())).hexdigest(),
    }
    return environment


def _unbroken(text: str) -> str:
    """Keep a number and its percent sign, or its half width, on one line."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%").replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")
