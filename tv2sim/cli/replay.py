"""``tv2sim replay``."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from math import inf
from pathlib import Path
from typing import Any

from tv2sim.base.errors import InputError, need, need_pyarrow
from tv2sim.base.storage import may_replace, whole_file, whole_folder
from tv2sim.catalogue import Catalogue, Video
from tv2sim.cli import inputs
from tv2sim.cli.command import Signalled, Signals
from tv2sim.cli.log import costs_line, data_of, end_of, head_of, json_line, line_of, unfinished_line
from tv2sim.cli.options import SCENARIO
from tv2sim.cli.output import discard, note, one_line, printing, warnings_noted
from tv2sim.realtime import Replay
from tv2sim.realtime.pipeline_state import COUNTED
from tv2sim.realtime.terminal import Output, is_suited, takes
from tv2sim.results.event_kinds import LogEntry
from tv2sim.results.metrics import Stats
from tv2sim.results.run import Run
from tv2sim.results.saving import is_saved_run, write_run

_OF_A_RECORDING = ("strategy", "prewarmed", "scenario", *SCENARIO, "seed", "replication")
"""Inputs that a recorded log contains; options for them need a catalogue."""
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
    """Refuse options for inputs that a recorded log contains."""
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
    serving = {
        "host": options.host,
        "port": inputs.port_of(options),
        "keep_running": inputs.keep_running(options),
    }
    how = {"speed": options.speed, "strict": options.strict, "prices": inputs.prices_of(options), **serving}
    if options.recorded is not None:
        _check_recorded(options)
        return Replay(recorded=options.recorded, **how)
    if options.catalogue is None:
        raise InputError("name a catalogue, or - for standard input, or a recorded log with --recorded")
    scenario = inputs.scenario_of(options)
    # a log is read as a whole, and is no feed; so is a file that may have to be sorted
    whole = options.columns is not None or (scenario.encoders is None and Path(options.catalogue).is_file())
    catalogue = inputs.catalogue_of(options, [scenario]) if whole else options.catalogue
    return Replay(
        catalogue,
        inputs.strategy_of(options),
        scenario,
        seed=inputs.seed_of(options),
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
        inputs.note_load(player.source, player.strategy, player.scenario)  # type: ignore[arg-type]
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
        not inputs.keep_running(options)
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
        note(f"ended {how}, {unfinished_line(run)}")


# -- the log, printed while the replay runs ----------------------------------------------------------------

_SLICE = 0.05
"""Wall seconds after which a write that waits for a reader is interrupted to handle signals."""
_PATIENCE = 0.1
"""Wall seconds to wait at the end for a reader that does not read."""
_TOLD = 10
"""How many rejected lines are reported one by one."""


class Printer:
    """An observer that prints the event log, and the stats line whenever it changes.

    Parameters
    ----------
    replay : Replay
        The replay that is printed.
    kind : {"text", "json", "stats", "none"}
        The format: "stats" prints no events, "none" only the last stats line.
    in_vain : bool
        Whether to continue without printing when the reader of a pipe has closed it.
    """

    def __init__(self, replay: Replay, kind: str, *, in_vain: bool = False) -> None:
        self._replay, self._kind, self._in_vain = replay, kind, in_vain
        self._titles = [video.title for video in replay.player.videos]
        self._last: Stats | None = None
        self._stats_are_last = self._ended = False
        self._rejected = 0 if replay.player.live else len(replay.player.source.rejected)
        self._turn = threading.RLock()  # lines come from the replay's thread and from the main one
        self._output = PatientOutput()
        if kind != "none":
            replay.observe(self)
            replay.when_accepted(self._accepted)

    def begin(self) -> None:
        """Print the head of a log in JSON, which comes before the first event."""
        if self._kind == "json":
            player, source = self._replay.player, self._replay.player.source
            # of a feed, the videos and the rejected lines are printed as they come
            known = source if isinstance(source, Catalogue) else Catalogue([], name=source.name)
            self._print(head_of(player, known))

    def look(self) -> None:
        """Report lines of a feed that were rejected since the last event."""
        with self._turn:
            if self._tell_rejected() and self._last is not None and self._kind != "none":
                self._print(*self._stats(self._replay.time))

    def __call__(self, entry: LogEntry) -> None:
        """Print an entry of the log, and the stats line if it has changed."""
        with self._turn:
            changes = self._tell_rejected() or self._last is None or entry.event in COUNTED
            lines: list[Any] = []
            own = self._replay.player.own
            if self._kind == "json":
                lines.append(data_of(entry, own))
            elif self._kind == "text":
                lines.append(line_of(entry, self._titles, own))
                self._stats_are_last = False
            if changes:
                lines += self._stats(entry.time)
            self._print(*lines)

    def end(self, run: Run | None) -> None:
        """Print the last stats line; there is no run if the replay was stopped before its first event."""
        if self._ended:
            return
        self._in_vain = True  # the replay has ended, whether or not the end can be printed
        stats = self._replay.stats if run is None else run.stats
        with self._turn:
            self._tell_rejected()
            if self._kind != "json":
                self._print(*[] if stats == self._last and self._stats_are_last else [stats])
            elif run is not None:
                self._print(end_of(run))
        self._ended = True

    def hurry(self) -> None:
        """Wait only briefly from now on for a reader that does not read, since the program has to end."""
        self._output.hurry()
        if not takes(sys.stderr, _PATIENCE):
            discard(sys.stderr)

    def _print(self, *lines: Any) -> None:
        """Print lines of text, or values as lines of JSON."""
        if self._kind == "json":
            data = b"".join(map(json_line, lines))
        else:
            data = "".join(f"{line}\n" for line in lines).encode(sys.stdout.encoding, "backslashreplace")
        with printing(in_vain=self._in_vain):
            self._output.write(data)

    def _accepted(self, video: Video) -> None:
        self._titles.append(video.title)
        with self._turn:
            self._tell_rejected()
            if self._kind == "json":
                self._print({"accepted": video})

    def _stats(self, now: float) -> list[Any]:
        """Return the stats line, or nothing if it has not changed."""
        stats = self._replay.stats
        if stats == self._last:
            return []
        self._last, self._stats_are_last = stats, True
        return [{"time": now, "stats": stats} if self._kind == "json" else stats]

    def _tell_rejected(self) -> bool:
        """Report rejected lines that are new, and return whether there were any."""
        before, rejected = self._rejected, self._replay.player.source.rejected
        while self._rejected < len(rejected):
            line = rejected[self._rejected]
            self._rejected += 1
            if self._kind == "json":
                self._print({"rejected": line._asdict()})
            if self._rejected <= _TOLD:
                further = " (further ones are only counted)" if self._rejected == _TOLD else ""
                note(one_line(f"line {line.line} rejected: {line.reason}{further}"))
        return self._rejected > before


class PatientOutput:
    """Standard output, which waits for a slow reader, but after :meth:`hurry` only briefly.

    No write blocks for long, so that a signal is handled between two of them.
    """

    def __init__(self) -> None:
        self._output = Output(sys.stdout)
        self._hurried = inf
        self._lost = False

    def hurry(self) -> None:
        """Wait at most :data:`_PATIENCE` seconds from now on; the rest of the data is lost."""
        self._hurried = time.monotonic()

    def write(self, data: bytes) -> None:
        """Write all data; after :meth:`hurry`, the rest is dropped if the reader does not read."""
        begun = time.monotonic()
        while data and not self._lost:
            written = self._output.write(data, _SLICE)
            self._lost = not written and time.monotonic() > max(begun, self._hurried) + _PATIENCE
            data = data[written:]
