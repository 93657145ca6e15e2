"""The function that starts a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from tv2sim.errors import InputError
from tv2sim.realtime.session import Replay

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from tv2sim.catalogue import Catalogue, Video
    from tv2sim.model import Observer
    from tv2sim.realtime.clock import Speed
    from tv2sim.run import Run
    from tv2sim.scenario import Scenario
    from tv2sim.strategies import Strategy

__all__ = ["replay"]


class _Options(TypedDict, total=False):
    speed: Speed
    seed: int | None
    replication: int
    observers: Observer | Iterable[Observer]
    accepted: Callable[[Video], object] | None
    recorded: str | os.PathLike[str] | Any
    strict: bool
    host: str
    port: int | None
    keep_running: bool


@overload
def replay(
    catalogue: Catalogue | Any = ...,
    strategy: Strategy | str = ...,
    scenario: Scenario | None = ...,
    *,
    block: Literal[True] = ...,
    **options: Unpack[_Options],
) -> Run: ...
@overload
def replay(
    catalogue: Catalogue | Any = ...,
    strategy: Strategy | str = ...,
    scenario: Scenario | None = ...,
    *,
    block: Literal[False],
    **options: Unpack[_Options],
) -> Replay: ...
def replay(
    catalogue: Catalogue | Any = None,
    strategy: Strategy | str = "2c",
    scenario: Scenario | None = None,
    *,
    speed: Speed = 1.0,
    seed: int | None = 1,
    replication: int = 0,
    observers: Observer | Iterable[Observer] = (),
    accepted: Callable[[Video], object] | None = None,
    recorded: str | os.PathLike[str] | Any = None,
    strict: bool = False,
    host: str = "127.0.0.1",
    port: int | None = None,
    keep_running: bool = False,
    block: bool = True,
) -> Run | Replay:
    """Simulate at the wall clock's pace; the run's tables are those of :func:`tv2sim.simulate`.

    Parameters
    ----------
    catalogue : Catalogue
        The videos, or whatever :func:`tv2sim.read_catalogue` accepts. What comes bit by bit (standard input
        as ``"-"``, a named pipe, an iterator) is taken as it comes: the run starts with the first video, and
        if the next one is not there when the client could offer it, it is offered when it comes; that time is
        its `submitted_at` in ``run.catalogue``.
    strategy : Strategy or str
        The rule for starting publishers, or a built-in one's name.
    scenario : Scenario, optional
        The world; default is that of the original.
    speed : float or "max"
        Simulated seconds per wall second, from 0.1 to 1000, or "max" for as fast as it goes.
    seed : int or None
        0 to 2**64 - 1. None draws one, which ``run.seed`` then tells.
    replication : int
        0-based: which of the seed's replications.
    observers : callable, or iterable of callables
        Each is called with every line of the event log (:class:`tv2sim.LogEntry`) as it happens, in the
        replay's thread. A slow one makes the replay late.
    accepted : callable, optional
        Called with each :class:`tv2sim.Video` that comes bit by bit, before it is offered.
    recorded : path, "-" or open file, optional
        In place of a catalogue: a log that ``tv2sim run --log json`` has printed, to be played again. It has
        its own strategy, scenario, seed and replication.
    strict : bool
        Whether it is an error to be more than 100 ms behind the clock. Else that is a warning (of the logger
        "tv2sim.replay"), and the replay catches up.
    host : str
        At which of the machine's addresses to listen; by default only programs on the same machine reach it.
    port : int, optional
        Where to serve a page (at ``/``), metrics for Prometheus (``/metrics``) and ``/healthz``; 0 takes a
        free port. Default is to serve nothing.
    keep_running : bool
        Whether to go on serving when the work is done, until :meth:`Replay.stop`.
    block : bool
        Whether to wait until it is over.

    Returns
    -------
    Run or Replay
        The run; or, if not to be waited for, a handle with `pause`, `resume`, `speed`, `stop` and `wait`.

    Raises
    ------
    InputError
        If an argument is wrong, or the port is in use.
    LagError
        If it is strict and late.
    MissingExtraError
        To serve without the extra "replay".

    Examples
    --------
    >>> import tv2sim as tv
    >>> catalogue = tv.generate_catalogue()
    >>> run = tv.replay(catalogue, "2c", speed=1000)
    >>> run == tv.simulate(catalogue, "2c")
    True
    """
    if block and keep_running:
        raise InputError("keep_running=True needs block=False, and stop() when you have seen enough")
    handle = Replay(
        catalogue, strategy, scenario, speed=speed, seed=seed, replication=replication, observers=observers,
        accepted=accepted, recorded=recorded, strict=strict, host=host, port=port, keep_running=keep_running,
    )  # fmt: skip
    try:
        handle.start()
        return handle.wait() if block else handle
    except BaseException:
        handle.stop()
        raise
