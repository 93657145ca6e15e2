"""``tv2sim generate``, ``check`` and ``import``: commands that make or examine a catalogue."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tv2sim.base.checks import a_whole_number, plural
from tv2sim.base.errors import CatalogueError, InputError, OutputError, printable
from tv2sim.base.progress import with_bar
from tv2sim.base.storage import read_file, resolved, whole_file
from tv2sim.catalogue import Import, Rejected, Survey, generate_lines, import_catalogue, survey_catalogue
from tv2sim.catalogue.columns import STARTUP_TIME, Columns, a_timezone, as_columns
from tv2sim.catalogue.judging import Reasons
from tv2sim.cli.inputs import note_units, scenario_of
from tv2sim.cli.output import USUAL, note, say, width_of_terminal
from tv2sim.world.distributions import Distribution
from tv2sim.world.profiles import Profile

if TYPE_CHECKING:
    import argparse

    from tv2sim.world.scenario import Scenario


def generate_command(options: argparse.Namespace) -> None:
    """Write a synthetic catalogue."""
    lines = generate_lines(options.videos, seed=options.seed)
    if options.out is None:
        sys.stdout.buffer.writelines(lines)
        return
    with whole_file(Path(options.out), force=options.force) as draft, draft.open("wb") as stream:
        stream.writelines(with_bar(lines, "video", wanted=True, total=options.videos))


# -- check -------------------------------------------------------------------------------------------------

_DISTINCT = 16
"""The most distinct encoding times, and the most distinct timeouts, for which their table is printed."""


def check_command(options: argparse.Namespace) -> None:
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
    """Print the times of the videos, the load that they offer, and a table of times if it is small."""
    encoded = ~np.isnan(survey.encoding_time) & (scenario.encoders is not None)
    encoding, timeout = survey.encoding_time[encoded], survey.publication_timeout
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
        say(f"publishing time      {_range(survey.publishing_time)}")
    _describe_load(survey, scenario)
    if encoded.all():
        _table(encoding, timeout)


def _describe_load(survey: Survey, scenario: Scenario) -> None:
    load = scenario.explain(survey)
    if scenario.encoders is not None or not load.submitted:
        rate, least = f"{scenario.mean_rate:g}/s", (len(survey) - 1) / load.requested_rate
        if isinstance(scenario.requests_per_second, Profile):
            rate = f"{load.requested_rate:.3g}/s on average"
        say(f"requests             {len(survey)} at {rate}, at least {least:g} s")
    if survey.submitted_at is not None:
        say(f"submitted at         {_range(survey.submitted_at)}")
    for line in str(load).splitlines():
        say(line)
    most = ""
    if load.busiest_rate != load.requested_rate or load.submitted:
        most = f", in the busiest minute more than {load.busiest_pool_needed:.3g}"
    needed = f"more than {load.pool_needed:.3g} publishers{most}"
    say(f"a pool keeps up with {needed} ({scenario.startup_time} s start-up time)")


def _range(values: NDArray[np.float64]) -> str:
    """Return the range and the mean of times; missing times are left out."""
    mean = np.nanmean(values)
    shown = f"{mean:.3g}" if mean < 1000 else f"{mean:.0f}"
    return f"{np.nanmin(values):g} to {np.nanmax(values):g} s, mean {shown} s"


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
    fit = max(1, ((width_of_terminal() or USUAL) - 8) // width)
    for first in range(0, len(columns), fit):
        print(" " * 8 + "".join(f"{value:>{width}g}" for value in columns[first : first + fit]))
        for value, line in zip(rows, counts[:, first : first + fit].tolist(), strict=True):
            print(f"{value:>8g}" + "".join(f"{count or '.':>{width}}" for count in line))


# -- import ------------------------------------------------------------------------------------------------


def import_command(options: argparse.Namespace) -> None:
    """Write the catalogue and the start-up times, and report the lines that were left out, with reasons."""
    columns = as_columns(options.mapping)
    timezone = None if options.timezone is None else a_timezone(options.timezone)
    if options.startup_times is not None and columns.fields.get(STARTUP_TIME) is None:
        raise InputError("--startup-times needs a mapping with startupTime, such as startupTime=ready-created")
    _distinct(options.log, options.out, options.startup_times)
    origin = _Origin(options.log, columns)
    with ExitStack() as files:
        out = _begun(files, options.out, options.force, origin)
        times = _begun(files, options.startup_times, options.force, origin)
        found = import_catalogue(options.log, columns, timezone=timezone)
        if timezone is not None and not found.timezone_from:
            name = found.catalogue.name
            raise InputError(f"--timezone is for a log with times of day, and submittedAt of {name!r} has none")
        (out or sys.stdout.buffer).writelines(found.catalogue.lines())
        if times is not None:
            lines = [STARTUP_TIME, *map(repr, found.startup_times.tolist())]
            times.writelines(f"{line}\n".encode() for line in lines)
    for name in (options.out, options.startup_times):
        origin.sign(name)
    for line in _report(found, columns):
        # without --out, standard output is the catalogue
        note(printable(line)) if out is None else say(line)
    note_units(found.catalogue.numbers | {STARTUP_TIME: found.startup_times}, columns.constants)


def _distinct(*names: str | None) -> None:
    paths = [resolved(Path(name)) for name in names if name not in (None, "-")]
    if len(set(paths)) < len(paths):
        raise InputError("the log, the catalogue and the start-up times must be different files")


def _begun(files: ExitStack, name: str | None, force: bool, origin: _Origin) -> BinaryIO | None:
    if name is None:
        return None
    draft = files.enter_context(whole_file(Path(name), force=force, ours=origin.made))
    return files.enter_context(draft.open("wb"))


def _report(found: Import, columns: Columns) -> Iterable[str]:
    catalogue, times = found.catalogue, found.startup_times
    order = "" if catalogue.submitted_at is None else ", in the order of submission"
    yield f"{catalogue.name}: {plural(len(catalogue), 'video')}{order}; {_left_out(catalogue.rejected)}"
    for count, (line, reason, _) in Reasons(catalogue.rejected).commonest():
        yield f"  {plural(count, 'line')}, first line {line}: {reason}"
    for told, count in found.notes.items():
        yield f"  {plural(count, 'video')}: {told}"
    if found.timezone_from:
        yield f"the time zone is {catalogue.timezone}, {_ZONE_FROM[found.timezone_from]}"
    if columns.constants:
        same = ", ".join(f"{name}={value}" for name, value in columns.constants.items())
        yield f"the same for all: {same}"
    if len(times):
        among = f"{times.min():g} to {times.max():g} s, mean {times.mean():.3g} s"
        yield f"{plural(len(times), 'start-up time')}, {among}"
    for reason, count in found.without_startup_time.items():
        yield f"  {plural(count, 'video')} without a start-up time: {reason}"


_ZONE_FROM = {
    "given": "as given",
    "log": "as in the log",
    "default": "as the log names none; --timezone Europe/Copenhagen sets another",
}


def _left_out(rejected: tuple[Rejected, ...]) -> str:
    return f"{plural(len(rejected), 'line')} left out" if rejected else "nothing left out"


# -- the record of an import -------------------------------------------------------------------------------


class _Origin:
    """A log and a mapping. The log is known by its path, since it may have grown; standard input is not.

    The record beside an output is a hash of the log, the mapping and the output.
    """

    def __init__(self, log: str, columns: Columns) -> None:
        self._is_file = log != "-"
        self._text = repr((str(resolved(Path(log))), columns)).encode("utf-8", "replace")

    def made(self, output: Path) -> bool:
        """Return whether a file is an unchanged output of this log and mapping."""
        return self._is_file and _record_of(output) == self._hash(output)

    def sign(self, name: str | None) -> None:
        """Write the record of an output; where that is not possible, the next import needs --force."""
        if name is not None and self._is_file:
            output = resolved(Path(name))
            with (
                suppress(OutputError, OSError),
                whole_file(
                    _beside(output), force=False, ours=lambda _: _record_of(output) is not None
                ) as draft,
            ):
                draft.write_bytes(self._hash(output))

    def _hash(self, output: Path) -> bytes:
        return hashlib.sha256(self._text + read_file(output)).hexdigest().encode()


def _beside(output: Path) -> Path:
    return output.with_name(f".{output.name}.imported")


def _record_of(output: Path) -> bytes | None:
    """Return the record beside an output; None without a valid record."""
    with suppress(OSError):
        if re.fullmatch(rb"[0-9a-f]{64}", record := read_file(_beside(output), 1000)):
            return record
    return None
