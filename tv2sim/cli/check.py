"""``tv2sim check``."""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import a_whole_number, plural
from tv2sim.base.errors import CatalogueError
from tv2sim.catalogue import Survey, survey_catalogue
from tv2sim.catalogue.columns import STARTUP_TIME, as_columns
from tv2sim.cli.inputs import note_units, scenario_of
from tv2sim.cli.text import USUAL, say
from tv2sim.cli.text import columns as terminal_columns
from tv2sim.world.distributions import Distribution
from tv2sim.world.profiles import Profile
from tv2sim.world.scenario import Scenario

_DISTINCT = 16
"""The most distinct encoding times, and the most distinct timeouts, for which their table is printed."""


def main(options: argparse.Namespace) -> None:
    """Report the rejected lines, the times of the videos, and the load that they offer."""
    a_whole_number("--rejected", options.rejected, at_least=0)
    scenario = scenario_of(options)
    survey = survey_catalogue(options.catalogue, columns=options.columns, keep=options.rejected, progress=True)
    videos, lines = plural(len(survey), "video"), plural(survey.rejected_lines, "line")
    say(f"{survey.name}: {videos}, {lines} rejected")
    more = survey.rejected_lines
    for count, (line, reason, text) in survey.reasons[: options.rejected]:
        first = f"line {line}" if count == 1 else f"{plural(count, 'line')}, first line {line}"
        say(f"  {first}: {reason}: {text}", indent="    ")
        more -= count
    if more > 0:
        print(f"  and {more} more (--rejected N lists up to N reasons)")
    if not len(survey):
        raise CatalogueError(f"no valid video in {survey.name!r}")
    _describe(survey, scenario)
    of_scenario = {STARTUP_TIME: scenario.startup_time, "publishing_time": scenario.publishing_time}
    medians = {name: _median(time) for name, time in of_scenario.items()}
    note_units(medians | survey.numbers, as_columns(options.columns).constants)


def _median(time: Distribution | float) -> NDArray[np.float64]:
    return time.quantile(np.array([0.5])) if isinstance(time, Distribution) else np.array([time])


def _describe(survey: Survey, scenario: Scenario) -> None:
    timeout, encoded = survey.publication_timeout, ~np.isnan(survey.encoding_time)
    encoded &= scenario.encoders is not None
    encoding = survey.encoding_time[encoded]
    slack = timeout[encoded] - encoding
    if encoded.all():
        say(f"encoding time        {_range(encoding)}, {encoding.sum():g} s in all")
    elif scenario.encoders is not None:
        missing = f"missing in {np.sum(~encoded):,} of {plural(len(encoded), 'video')}"
        say(f"encoding time        {missing}: simulate without encoders (--encoders none)")
    say(f"publication timeout  {_range(timeout)}")
    if encoded.all():
        say(f"slack                {_range(slack)} (timeout - encoding time)")
    if late := int((slack < 0).sum()):
        videos = plural(late, "video")
        say(f"  {videos} can never be published in time: encoding alone takes longer than the timeout")
    if survey.publishing_time is not None:
        say(f"publishing time      {_range(survey.publishing_time[~np.isnan(survey.publishing_time)])}")
    explanation = scenario.explain(survey)
    if scenario.encoders is not None or not explanation.submitted:
        rate, least = f"{scenario.mean_rate:g}/s", (len(survey) - 1) / explanation.requested_rate
        if isinstance(scenario.requests_per_second, Profile):
            rate = f"{explanation.requested_rate:.3g}/s on average"
        say(f"requests             {len(survey)} at {rate}, at least {least:g} s")
    if survey.submitted_at is not None:
        say(f"submitted at         {_range(survey.submitted_at[~np.isnan(survey.submitted_at)])}")
    for line in str(explanation).splitlines():
        say(line)
    startup = scenario.startup_time
    most = ""
    if explanation.busiest_rate != explanation.requested_rate or explanation.submitted:
        most = f", in the busiest minute more than {explanation.busiest_pool_needed:.3g}"
    needed = f"more than {explanation.pool_needed:.3g} publishers"
    say(f"a pool keeps up with {needed}{most} ({startup} s start-up time)")
    if encoded.all():
        _table(encoding, timeout)


def _range(values: NDArray[np.float64]) -> str:
    mean = values.mean()
    shown = f"{mean:.3g}" if mean < 1000 else f"{mean:.0f}"
    return f"{values.min():g} to {values.max():g} s, mean {shown} s"


def _table(encoding: NDArray[np.float64], timeout: NDArray[np.float64]) -> None:
    """Print how many videos have which encoding time and timeout, if the table is small enough to read."""
    rows, row = np.unique(encoding, return_inverse=True)
    columns, column = np.unique(timeout, return_inverse=True)
    if len(rows) > _DISTINCT or len(columns) > _DISTINCT:
        return
    counts = np.zeros((len(rows), len(columns)), dtype=np.int64)
    np.add.at(counts, (row, column), 1)
    width = max(5, len(str(counts.max())) + 1, *(len(f"{value:g}") + 1 for value in columns))
    print("videos by encoding time (down) and publication timeout (across):")
    fit = max(1, ((terminal_columns() or USUAL) - 8) // width)
    for first in range(0, len(columns), fit):
        print(" " * 8 + "".join(f"{value:>{width}g}" for value in columns[first : first + fit]))
        for value, line in zip(rows, counts[:, first : first + fit].tolist(), strict=True):
            print(f"{value:>8g}" + "".join(f"{count or '.':>{width}}" for count in line))
