"""``tv2sim replay``."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tv2sim.cli.environment import keep_running, port
from tv2sim.cli.live import Printer
from tv2sim.cli.run import notes, scenario_of
from tv2sim.cli.signals import Signalled, signals
from tv2sim.cli.text import note, plain, printing
from tv2sim.draws import as_seed
from tv2sim.errors import InputError
from tv2sim.realtime.replaying import prepared
from tv2sim.run import is_saved_run
from tv2sim.storage import may_replace, whole_file
from tv2sim.strategies import as_strategy

if TYPE_CHECKING:
    import argparse

    from tv2sim.realtime.session import Replay
    from tv2sim.run import Run

_OF_A_RECORDING = {
    "strategy": "--strategy",
    "prewarmed": "--prewarmed",
    "encoders": "--encoders",
    "requests_per_second": "--requests-per-second",
    "startup_time": "--startup-time",
    "publishing_time": "--publishing-time",
    "publishing_queue_capacity": "--queue-capacity",
    "until": "--until",
    "seed": "--seed",
    "replication": "--replication",
}
"""What a recorded log has decided."""


def main(options: argparse.Namespace) -> None:
    """Let it happen, print and serve as the options say; whatever can be wrong is found before that."""
    out = None if options.out is None else Path(options.out)
    if out is not None:
        may_replace(out, options.force, is_saved_run)
    with ExitStack() as files:
        record = None
        if options.record is not None:
            record = files.enter_context(whole_file(Path(options.record), force=options.force))
        handle = _handle(options)
        ended = _play(handle, options)
        run = handle.run
        if record is not None:
            if run is None:
                raise InputError("no video has come: there is nothing to record") from ended
            record.write_bytes(b"".join(run.catalogue.lines()))
    if out is not None and run is not None:
        run.save(out, format=options.format, force=options.force)
    if ended is not None:
        raise ended


def _handle(options: argparse.Namespace) -> Replay:
    """Return the replay that the options and the environment ask for; nothing has begun."""
    serving = {"host": options.host, "port": port(options), "keep_running": keep_running(options)}
    if options.recorded is not None:
        if options.catalogue is not None:
            raise InputError("a replay is of a catalogue or of a recorded log, not of both")
        for name, option in _OF_A_RECORDING.items():
            if getattr(options, name, None) is not None:
                raise InputError(f"{option} is for a catalogue: a recorded log has that decided")
        return prepared(recorded=options.recorded, speed=options.speed, strict=options.strict, **serving)
    if options.catalogue is None:
        raise InputError("name a catalogue, or - for standard input, or a recorded log with --recorded")
    strategy = as_strategy("2c" if options.strategy is None else options.strategy)
    if options.prewarmed is not None:
        strategy = strategy.replace(prewarmed=options.prewarmed)
    seed = 1 if options.seed is None else as_seed(None if options.seed == "none" else options.seed)
    if options.seed == "none":
        note(f"drawn: --seed {seed}")
    handle = prepared(
        options.catalogue,
        strategy,
        scenario_of(options),
        speed=options.speed,
        seed=seed,
        replication=0 if options.replication is None else options.replication,
        strict=options.strict,
        **serving,
    )
    if not handle.player.live:
        notes(handle.player.source, strategy, handle.player.scenario)  # type: ignore[arg-type]
    return handle


# -- while it goes on --------------------------------------------------------------------------------------


def _play(handle: Replay, options: argparse.Namespace) -> Signalled | None:
    """Let it happen; return the signal that has ended it, if one has."""
    viewed = options.view and sys.stdout.isatty()
    printer = Printer(handle, "none" if viewed else options.log)
    handle.observe(printer)
    if handle.url is not None:
        note(f"serving {handle.url} and, beside it, /metrics and /healthz")
    with _warnings_noted(), signals():
        ended = None
        try:
            printer.begin()
            handle.start()
            run = _look_on(handle, viewed=viewed)
        except Signalled as signal:
            ended = signal
            handle.stop()
            _leave_if_stuck(handle, signal)
            run = handle.run  # type: ignore[assignment]
        except BaseException:
            handle.stop()
            raise
        with printing(in_vain=True):
            printer.end(run)
        _say_how(handle, run)
        if ended is None:
            _keep_on(handle, options)
    return ended


def _look_on(handle: Replay, *, viewed: bool) -> Run:
    """Wait until it is over, showing it meanwhile if that is wanted."""
    if viewed:
        from tv2sim.realtime.terminal import show

        show(handle)
    return handle.wait()


def _keep_on(handle: Replay, options: argparse.Namespace) -> None:
    """Go on serving, if that is wanted, until a signal comes: the work is done, so that is no failure."""
    if handle.url is None or not keep_running(options):
        return
    note(f"done; still serving {handle.url} (Ctrl-C ends it)")
    try:
        threading.Event().wait()
    except Signalled:
        handle.stop()


def _say_how(handle: Replay, run: Run | None) -> None:
    if run is None:
        return
    lag = f"at most {1000 * handle.lag_max:.1f} ms behind the clock"
    note(f"{run.ending} at {run.end:g} s of simulated time, {lag}")
    if run.ending != "completed":
        note(f"{run.summary['unfinished']:g} videos unfinished")


def _leave_if_stuck(handle: Replay, signal: Signalled) -> None:
    """Leave at once if whoever should read the output does not: no ordinary end waits less than for ever."""
    if not handle.over:
        note("interrupted while nobody reads the output")
        os._exit(signal.status)


@contextmanager
def _warnings_noted() -> Iterator[None]:
    """Print what the replay warns of as this command prints everything."""

    class Noted(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            note(f"warning: {plain(record.getMessage())}")

    logger, handler = logging.getLogger("tv2sim.replay"), Noted()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
