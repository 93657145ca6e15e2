"""``tv2sim replay``."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tv2sim.base.checks import plural
from tv2sim.base.errors import InputError, need, need_pyarrow
from tv2sim.base.storage import may_replace, whole_file, whole_folder
from tv2sim.cli.command import Signalled, Signals
from tv2sim.cli.inputs import (
    catalogue_of,
    keep_running,
    note_load,
    port_of,
    prices_of,
    scenario_of,
    seed_of,
    strategy_of,
)
from tv2sim.cli.log import costs_line
from tv2sim.cli.options import SCENARIO
from tv2sim.cli.output import note, warnings_noted
from tv2sim.cli.replay_log import Printer
from tv2sim.realtime import Replay
from tv2sim.realtime.terminal import is_suited
from tv2sim.results.run import Run
from tv2sim.results.saving import is_saved_run, write_run

_OF_A_RECORDING = ("strategy", "prewarmed", "scenario", *SCENARIO, "seed", "replication")
"""What a recorded log contains: options for these are accepted with a catalogue only."""
_NOW_AND_THEN = 0.2
"""Wall seconds after which rejected lines of a feed are reported even if there is no event."""


def replay_command(options: argparse.Namespace) -> None:
    """Replay, print and serve as the options require, after all of them are checked."""
    if options.view:
        need("rich", to="show itself in the terminal")
    if options.out is not None:
        may_replace(Path(options.out), options.force, is_saved_run)
    asked: Signals = options.signals
    with warnings_noted("tv2sim.replay"), ExitStack() as stack:
        handle = stack.enter_context(_handle(options))
        with _results(options) as write:
            ended = _play(handle, options, asked)
            if handle.run is None and ended is not None:
                raise ended
            write(handle.wait())
        if ended is not None:
            raise ended
        _keep_on(handle, options, asked)


@contextmanager
def _results(options: argparse.Namespace) -> Iterator[Callable[[Run], None]]:
    """Create drafts of the files to be written, and yield the function that writes them."""
    with ExitStack() as folders, ExitStack() as files:
        folder = record = None
        if options.out is not None:
            _outside(options)
            if options.format == "parquet":
                need_pyarrow()
            out = whole_folder(Path(options.out), force=options.force, ours=is_saved_run)
            folder = folders.enter_context(out)
        if options.record is not None:
            record = files.enter_context(whole_file(Path(options.record), force=options.force))

        def write(run: Run) -> None:
            if record is not None:
                record.write_bytes(b"".join(run.catalogue.lines()))
                files.close()  # now, so that errors of the folder are not reported as errors of the file
            if folder is not None:
                write_run(run, folder, options.format)

        yield write


def _outside(options: argparse.Namespace) -> None:
    """Refuse a record in the folder of --out, which is replaced as a whole."""
    if options.record is not None:
        out, record = Path(options.out).resolve(), Path(options.record).resolve()
        if out in (record, *record.parents):
            raise InputError(f"--record {options.record!r} must not be in the folder of --out")


def _check_recorded(options: argparse.Namespace) -> None:
    """Refuse options for what a recorded log contains."""
    if options.catalogue is not None:
        raise InputError("a replay is of a catalogue or of a recorded log, not of both")
    if options.columns is not None:
        raise InputError("--columns is for a catalogue: a recorded log has that decided")
    for name in _OF_A_RECORDING:
        if hasattr(options, name) and (name != "scenario" or options.scenario is not None):
            option = SCENARIO[name].flag if name in SCENARIO else f"--{name}"
            raise InputError(f"{option} is for a catalogue: a recorded log has that decided")


def _handle(options: argparse.Namespace) -> Replay:
    """Return the replay that the options and the environment ask for, before its start."""
    serving = {"host": options.host, "port": port_of(options), "keep_running": keep_running(options)}
    how = {"speed": options.speed, "strict": options.strict, "prices": prices_of(options), **serving}
    if options.recorded is not None:
        _check_recorded(options)
        return Replay(recorded=options.recorded, **how)
    if options.catalogue is None:
        raise InputError("name a catalogue, or - for standard input, or a recorded log with --recorded")
    scenario = scenario_of(options)
    # a log is read as a whole, and is no feed; so is a file that may have to be sorted
    whole = options.columns is not None or (scenario.encoders is None and Path(options.catalogue).is_file())
    catalogue = catalogue_of(options, [scenario]) if whole else options.catalogue
    return Replay(
        catalogue,
        strategy_of(options),
        scenario,
        seed=seed_of(options),
        replication=getattr(options, "replication", 0),
        **how,
    )


# -- during the replay -------------------------------------------------------------------------------------


def _play(handle: Replay, options: argparse.Namespace, asked: Signals) -> Signalled | None:
    """Replay, and return the signal that ended it, or None."""
    viewed = _is_viewed(options)
    in_vain = options.out is not None or options.record is not None
    printer = Printer(handle, "none" if viewed else options.log, in_vain=in_vain)
    player = handle.player
    if options.recorded is None and not player.live:
        note_load(player.source, player.strategy, player.scenario)  # type: ignore[arg-type]
    if _is_typed(options):
        note("reading standard input, a video a line (Ctrl-D ends it)")
    ended = None
    try:
        if handle.url is not None:
            note(f"serving {handle.url} and, beside it, /metrics and /healthz")
        printer.begin()
        asked.hold()
        handle.start()
        asked.release()
        run = _look_on(handle, printer, asked, viewed=viewed)
        _sum_up(handle, viewed=viewed)
        printer.end(run)
        asked.hold()  # a signal from now on ends the program after the results are written
    except Signalled as signal:
        ended = signal
        asked.hold()
        printer.hurry()
        handle.stop()
        _sum_up(handle, viewed=viewed)
        printer.end(handle.run)
    _note_end(handle, handle.run)
    return ended


def _is_viewed(options: argparse.Namespace) -> bool:
    """Return whether to show the replay in the terminal; not if its lines are typed there."""
    return options.view and is_suited() and not _is_typed(options)


def _is_typed(options: argparse.Namespace) -> bool:
    """Return whether the lines of the catalogue or of the log are typed in a terminal."""
    return "-" in (options.catalogue, options.recorded) and sys.stdin is not None and sys.stdin.isatty()


def _look_on(handle: Replay, printer: Printer, asked: Signals, *, viewed: bool) -> Run | None:
    """Wait for the end, in the view if one is shown; the run is None if stopped before the first event."""
    if viewed and _show(handle, asked):  # stopped with a key, which is not a failure
        return handle.run
    while handle.player.live and not handle.over:
        with suppress(TimeoutError):
            handle.wait(_NOW_AND_THEN)
        printer.look()
    return handle.wait()


def _show(handle: Replay, asked: Signals, *, stay: bool = False) -> bool:
    """Show the replay in the terminal; a signal ends that, and is raised when the terminal is restored."""
    from tv2sim.realtime.terminal_view import show

    asked.hold()
    stopped = show(handle, lambda: asked.first is not None, stay=stay)
    asked.release()
    return stopped


def _sum_up(handle: Replay, *, viewed: bool) -> None:
    if viewed and handle.run is not None:
        from tv2sim.realtime.terminal_view import sum_up

        with suppress(OSError):  # the terminal is closed, which must not keep the results from being written
            sum_up(handle)


def _keep_on(handle: Replay, options: argparse.Namespace, asked: Signals) -> None:
    """If the options require it, continue to serve until a signal comes, which is not a failure."""
    viewed = _is_viewed(options)
    if (
        not keep_running(options)
        or handle.phase in ("stopped", "failed")
        or (handle.url is None and not viewed)
    ):
        return
    if handle.url is not None:
        note(f"done; still serving {handle.url} (Ctrl-C ends it)")
    with suppress(Signalled):
        asked.release()
        if viewed:
            _show(handle, asked, stay=True)
        else:
            threading.Event().wait()


def _note_end(handle: Replay, run: Run | None) -> None:
    """Note how the run ended, if there is one."""
    if run is None:
        return
    if run.prices:
        note(costs_line(run))
    how = f"at {run.end:g} s of simulated time, at most {1000 * handle.lag_max:.1f} ms behind the clock"
    if run.ending == "completed":
        note(f"completed {how}")
    else:
        note(f"ended {how}, {plural(run.summary['unfinished'], 'video')} unfinished: {run.ending}")
