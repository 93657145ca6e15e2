"""From a comparison to the page: what goes where, and the file."""

from __future__ import annotations

import base64
import hashlib
import platform
import re
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined

from tv2sim import __version__, numbers
from tv2sim.metrics import MAIN, METRICS
from tv2sim.report.caveats import CHECKED, caveats, explained
from tv2sim.report.charts import Chart, brief_charts, charts
from tv2sim.report.checklist import checklist, described
from tv2sim.report.text import World, cost, interval_of, judged, verdict, worlds
from tv2sim.storage import whole_file

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import pandas as pd

    from tv2sim.experiment import Comparison, Replications

__all__ = ["build_report", "write_report"]

_WORLDS_IN_FULL = 3
"""With more, each gets the charts that answer the question, and no others: the file stays of a size to mail."""


def write_report(
    study: Comparison, path: str | os.PathLike[str], *, command: str | None = None, force: bool = True
) -> Path:
    """Write the report of a comparison; see :meth:`tv2sim.Comparison.report`."""
    path = Path(path)
    with whole_file(path, force=force) as draft:
        page = build_report(study, command=command)
        # a name of a file may hold what is no letter at all
        draft.write_text(page, encoding="utf-8", errors="xmlcharrefreplace", newline="\n")
    return path


def build_report(study: Comparison, *, command: str | None = None) -> str:
    """Return the report as one HTML page that needs nothing else.

    Parameters
    ----------
    study : Comparison
        What is reported; with at least one replication.
    command : str, optional
        What made it, to be repeated by the reader.
    """
    study = judged(study)
    parts = worlds(study)
    versions = _versions()
    page = _template().render(
        title=_title(study, parts),
        study=study,
        worlds=[_world(part, number, len(parts)) for number, part in enumerate(parts, start=1)],
        several=len(parts) > 1,
        in_full=len(parts) <= _WORLDS_IN_FULL,
        strategies=[
            (name, described(reps.strategy), reps.strategy) for name, reps in parts[0].strategies.items()
        ],
        caveats=caveats(study, parts),
        checked=CHECKED,
        checklist=checklist(study, parts, versions),
        catalogues=[_catalogue(part) for part in {part.catalogue_name: part for part in parts}.values()],
        seed=parts[0].baseline.seed,
        versions=versions,
        command=command,
        main=[(numbers.heading(name), METRICS[name]) for name in MAIN],
        numbers=numbers,
    )
    return _with_policy(_CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), page))


_CONTROLS = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]")
"""Control characters and direction marks: on the page they come from names alone, and are shown escaped."""


def _title(study: Comparison, parts: list[World]) -> str:
    names = list(dict.fromkeys(part.catalogue_name for part in parts))
    return f"Publishing strategies {numbers.listed(parts[0].strategies)} compared on {numbers.listed(names)}"


def _world(part: World, number: int, worlds_in_all: int) -> dict[str, Any]:
    """Return what the page says of one catalogue in one scenario."""
    confidence = part.study.confidence

    def estimated(reps: Replications, metric: str) -> str:
        return numbers.estimate(metric, reps.interval(metric, confidence), units=False)

    drawn = charts if worlds_in_all <= _WORLDS_IN_FULL else brief_charts
    return {
        "id": f"world-{number}",
        "name": part.name,
        "catalogue": part.catalogue_name,
        "scenario_name": part.scenario_name,
        "videos": len(part.catalogue),
        "verdict": verdict(part),
        "cost": cost(part),
        "rows": [
            (name, [estimated(reps, metric) for metric in MAIN])
            for name, reps in part.strategies.items()
        ],
        "all_rows": [
            (numbers.heading(metric), METRICS[metric].meaning, [
                estimated(reps, metric) for reps in part.strategies.values()
            ])
            for metric in part.study.metrics
        ],
        "differences": list(_differences(part)),
        "charts": list[Chart](drawn(part, f"w{number}")),
        "scenario": _scenario(part),
        "explained": [(name, str(explained(reps))) for name, reps in part.strategies.items()],
    }  # fmt: skip


def _differences(part: World) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Yield per strategy its differences in words and digits; of the main figures, if the study has any."""
    shown = [name for name in MAIN if name in part.study.metrics] or list(part.study.metrics)
    for strategy in part.strategies:
        found = [(metric, part.difference(strategy, metric)) for metric in shown]
        rows = [(metric, row) for metric, row in found if row is not None]
        if not rows:  # it is the baseline
            continue
        same = part.study.replications > 1 and all(tuple(interval_of(row)[:2]) == (0, 0) for _, row in rows)
        # a strategy that does nothing else than the baseline is told in a line
        yield strategy, [] if same else [_difference(metric, row) for metric, row in rows]


def _difference(metric: str, row: pd.Series) -> dict[str, str]:
    ratio = float(row["variance_ratio"])
    return {
        "metric": METRICS[metric].label,
        "estimate": numbers.estimate(metric, interval_of(row), difference=True),
        "verdict": str(row["verdict"]),
        "kind": str(row["verdict"]).split()[0],
        "p": numbers.p_value(float(row["p_adjusted"])),
        "ratio": numbers.number(ratio, 2 if ratio < 100 else 0),
    }


def _scenario(part: World) -> list[tuple[str, str]]:
    scenario = part.scenario
    capacity, until = scenario.publishing_queue_capacity, scenario.until
    return [
        ("Encoders", f"{scenario.encoders}"),
        ("Requests", f"up to {scenario.requests_per_second:g} per second"),
        (
            "Start-up time of a publisher",
            f"{scenario.startup_time} s, {scenario.startup_time.mean:.4g} s on average",
        ),
        ("Publishing time", f"{scenario.publishing_time:g} s"),
        ("Room in the publishing queue", "no limit" if capacity is None else numbers.plural(capacity, "video")),
        ("Cut-off", "none: to the last video" if until is None else f"{until:g} s"),
    ]


def _catalogue(part: World) -> dict[str, str]:
    """Say which catalogue it was: the hash is of its videos as canonical JSON lines."""
    digest = hashlib.sha256()
    for line in part.catalogue.lines():
        digest.update(line)
    rejected = numbers.plural(len(part.catalogue.rejected), "line")
    return {
        "name": part.catalogue_name,
        "videos": f"{numbers.plural(len(part.catalogue), 'video')}, {rejected} rejected",
        "sha256": digest.hexdigest(),
        "file": part.catalogue.sha256 or "",
    }


def _versions() -> dict[str, str]:
    packages = ("simpy", "numpy", "scipy", "pandas", "matplotlib")
    return {"tv2sim": __version__, "Python": platform.python_version()} | {
        name: version(name) for name in packages
    }


# -- the page ----------------------------------------------------------------------------------------------


@cache
def _template() -> Any:
    source = files("tv2sim.report").joinpath("template.html.j2").read_text(encoding="utf-8")
    surroundings = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    surroundings.filters["unbroken"] = _unbroken
    return surroundings.from_string(source)


def _unbroken(text: str) -> str:
    """Keep numbers and their percent signs on one line."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%").replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")


def _with_policy(page: str) -> str:
    """Put the hash of the page's one style sheet into its content security policy."""
    sheet = re.search("<style>(.*?)</style>", page, re.DOTALL)
    assert sheet is not None
    digest = base64.b64encode(hashlib.sha256(sheet[1].encode()).digest()).decode()
    # the first occurrence is the template's own, in the page's head
    return page.replace("STYLE-HASH", f"sha256-{digest}", 1)
