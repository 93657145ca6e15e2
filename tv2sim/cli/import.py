"""``tv2sim import``."""  # noqa: N999 (the command's name)

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from tv2sim.base.checks import plural
from tv2sim.base.errors import InputError
from tv2sim.base.storage import resolved, whole_file
from tv2sim.catalogue import Import, Rejected, import_catalogue
from tv2sim.catalogue.columns import STARTUP_TIME, Columns, a_timezone, as_columns
from tv2sim.catalogue.judging import Reasons
from tv2sim.cli.import_origin import Origin
from tv2sim.cli.inputs import note_units
from tv2sim.cli.text import note, plain, say


def main(options: argparse.Namespace) -> None:
    """Write the catalogue and the start-up times, and say what was left out and why."""
    columns = as_columns(options.mapping)
    timezone = None if options.timezone is None else a_timezone(options.timezone)
    if options.startup_times is not None and columns.fields.get(STARTUP_TIME) is None:
        raise InputError("--startup-times needs a mapping with startupTime, such as startupTime=ready-created")
    _distinct(options.log, options.out, options.startup_times)
    origin = Origin(options.log, columns)
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
        note(plain(line)) if out is None else say(line)
    note_units(found.catalogue.numbers | {STARTUP_TIME: found.startup_times}, columns.constants)


def _distinct(*names: str | None) -> None:
    paths = [resolved(Path(name)) for name in names if name not in (None, "-")]
    if len(set(paths)) < len(paths):
        raise InputError("the log, the catalogue and the start-up times must be different files")


def _begun(files: ExitStack, name: str | None, force: bool, origin: Origin) -> BinaryIO | None:
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
