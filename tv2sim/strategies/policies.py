"""The pools that people run, in the words of their products: each function makes a strategy.

A video is the product's job, match or claim. A publisher is the machine, pod or game server that serves one of
them and ends; it is in use, or busy, for the publishing time, so the scenario should have one. Further keywords
are fields of a :class:`tv2sim.Strategy`, such as `ready_at_start` or `queue_order`. A strategy without a `name`
has the call as its name, and such a text stands for the strategy wherever a name does.

The products look at their pools every few seconds. Here a pool is reviewed at each step of a video.

>>> import tv2sim as tv
>>> tv.policies.gitlab_runner(idle_count=4, limit=20)
Strategy(name='gitlab_runner(idle_count=4, limit=20)', prewarmed=4, maximum=20)
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any, ParamSpec

import numpy as np

from tv2sim.base.checks import LONGEST_NAME, MOST, a_number, a_time, a_whole_number, one_of, plural, shown
from tv2sim.base.errors import InputError, StrategyError
from tv2sim.base.fields import check_names, parameter
from tv2sim.strategies.hooks import PoolState
from tv2sim.strategies.strategy import Strategy
from tv2sim.world.profiles import Profile

__all__ = ["agones", "github_arc", "gitlab_runner", "sandbox_warm_pool"]

P = ParamSpec("P")

_AT_ONCE = 1e-6
"""The shortest idle time after which a strategy retires a publisher."""


def _preset(function: Callable[P, Strategy]) -> Callable[P, Strategy]:
    """Check the names of a preset's arguments, and name its strategy after the call."""
    signature, called = inspect.signature(function), function.__name__
    own = [each.name for each in signature.parameters.values() if each.kind != each.VAR_KEYWORD]
    known = [*own, *(field.name for field in fields(Strategy))]

    @wraps(function)
    def preset(*values: P.args, **named: P.kwargs) -> Strategy:
        check_names(called, named, known, error=StrategyError)
        try:
            signature.bind(*values, **named)
        except TypeError as error:
            raise StrategyError(f"{called}: {error}") from error
        written = [*map(_written, values), *(f"{name}={_written(value)}" for name, value in named.items())]
        return function(*values, **{"name": f"{called}({', '.join(written)})", **named})  # type: ignore[arg-type]

    return preset


def _written(value: Any) -> str:
    return shown(value.item() if isinstance(value, np.generic) else value, LONGEST_NAME)


def _count(name: str, value: object, *, error: type[InputError] = StrategyError, at_least: int = 0) -> int:
    return a_whole_number(name, value, at_least=at_least, at_most=MOST, error=error)


def _limit(name: str, value: object) -> int | None:
    """Return a limit, for which both None and 0 mean that there is none."""
    return None if value is None else _count(name, value) or None


# -- GitLab Runner -----------------------------------------------------------------------------------------


def _idle_count(name: str, value: object, *, error: type[InputError]) -> int | Profile:
    if not isinstance(value, Profile):
        return _count(name, value, error=error)
    for _, count in value.steps:
        _count(f"each step of {name}", int(count) if count.is_integer() else count, error=error)
    return value


def _factor(name: str, value: object, *, error: type[InputError]) -> float:
    return a_number(name, value, at_most=MOST, error=error)


@dataclass(frozen=True, repr=False, kw_only=True)
class GitLabRunner(Strategy):
    """What :func:`gitlab_runner` makes of settings that are no fields of a strategy."""

    idle_count: int | Profile = parameter(0, _idle_count, text="IdleCount.")
    idle_scale_factor: float = parameter(0.0, _factor, text="IdleScaleFactor.")
    idle_count_min: int = parameter(1, _count, text="IdleCountMin.")

    def pool_level(self, state: PoolState) -> int:
        """Return how many machines should be idle or in creation."""
        most = self.idle_count
        if isinstance(most, Profile):
            most = int(most.at(state.time))
        if not most:
            return state.waiting
        if not self.idle_scale_factor:
            return most
        return min(max(int(state.busy * self.idle_scale_factor), self.idle_count_min, 1), most)

    def _level_in_words(self) -> str:
        of_time = isinstance(self.idle_count, Profile)
        if not (of_time or self.idle_count):
            return "one publisher for each video that waits"
        most = f"what its time has ({self.idle_count})" if of_time else f"{self.idle_count:,}"
        if not self.idle_scale_factor:
            return most
        least = max(self.idle_count_min, 1)
        return (
            f"{self.idle_scale_factor:g} times the busy publishers, but at least {least:,} and at most {most}"
        )


@_preset
def gitlab_runner(
    idle_count: int | Profile = 0,
    *,
    idle_time: float = 0,
    limit: int | None = None,
    idle_scale_factor: float = 0.0,
    idle_count_min: int = 1,
    max_growth_rate: int | None = None,
    **others: Any,
) -> Strategy:
    """Return the pool of a GitLab Runner with the Docker Machine executor, of which each machine runs one job.

    Machines are created until the idle ones and those in creation are as many as wanted: `idle_count`, or with
    a scale factor ``int(in use * idle_scale_factor)``, but at least `idle_count_min` and at most `idle_count`.
    With an `idle_count` of 0, a machine is created for each job that waits.

    Parameters
    ----------
    idle_count : int or Profile, default 0
        IdleCount. A :class:`tv2sim.Profile` stands for the Periods of ``[[runners.machine.autoscaling]]``: its
        steps are pairs of (from, IdleCount), and the pool is reviewed every minute as well.
    idle_time : float, default 0
        IdleTime: seconds after which a machine is removed that is idle and one too many.
    limit : int, optional
        limit: no more machines are created from this number on; None or 0: no limit.
    idle_scale_factor : float, default 0
        IdleScaleFactor; 0: `idle_count` is not scaled.
    idle_count_min : int, default 1
        IdleCountMin, which is used with a scale factor, and is at least 1 then.
    max_growth_rate : int, optional
        MaxGrowthRate: no more machines are created while this many are in creation; None or 0: no limit.
    **others
        Fields of a :class:`tv2sim.Strategy`.

    Raises
    ------
    StrategyError
        If a value is impossible or a name unknown.

    Notes
    -----
    MaxBuilds is 1, since a publisher serves once. A runner with idle machines gives a job the newest one, and
    here it is the oldest. IdleTime, IdleScaleFactor and IdleCountMin cannot differ between periods. The
    executor is deprecated since GitLab 17.5; the GitLab Runner Autoscaler, which follows it, has settings of
    its own.

    References
    ----------
    `Autoscaling with Docker Machine <https://docs.gitlab.com/runner/configuration/autoscale/>`_, and in the
    source `idle_limit_strategy.go
    <https://gitlab.com/gitlab-org/gitlab-runner/-/blob/main/executors/docker/machine/idle_limit_strategy.go>`_.

    Examples
    --------
    Four idle machines, and no more than 20 in all:

    >>> gitlab_runner(idle_count=4, limit=20)
    Strategy(name='gitlab_runner(idle_count=4, limit=20)', prewarmed=4, maximum=20)

    Half as many idle machines as there are in use:

    >>> half = gitlab_runner(idle_count=10, idle_scale_factor=0.5, idle_count_min=2)
    >>> [half.pool_level(PoolState(0, 0, 0, 0, 0, 0, busy=busy)) for busy in (0, 9, 100)]
    [2, 4, 10]

    Ten from 8 to 18 o'clock if time 0 is midnight, and two at night:

    >>> hour = 3600
    >>> day = Profile([(0, 2), (8 * hour, 10), (18 * hour, 2)], period=24 * hour)
    >>> gitlab_runner(idle_count=day, idle_time=600, name="GitLab").review_every
    60.0
    """
    wanted = _idle_count("idle_count", idle_count, error=StrategyError)
    factor = _factor("idle_scale_factor", idle_scale_factor, error=StrategyError)
    most, idle = _limit("limit", limit), max(a_time("idle_time", idle_time, error=StrategyError), _AT_ONCE)
    limits = {"maximum": most, "starts_at_most": _limit("max_growth_rate", max_growth_rate)}
    if not (factor or isinstance(wanted, Profile)) and wanted:
        stock = wanted if most is None else min(wanted, most)
        pool = {"prewarmed": stock, "idle_time_to_live": idle if idle_time else None}
        return Strategy(**{**pool, **limits, **others})
    counts = {"idle_count": wanted, "idle_scale_factor": factor, "idle_count_min": idle_count_min}
    times = {"idle_time_to_live": idle, "review_every": 60 if isinstance(wanted, Profile) else None}
    return GitLabRunner(**{**counts, **times, **limits, **others})


# -- GitHub's Actions Runner Controller --------------------------------------------------------------------


@dataclass(frozen=True, repr=False, kw_only=True)
class GitHubARC(Strategy):
    """What :func:`github_arc` makes of settings that are no fields of a strategy."""

    min_runners: int = parameter(0, _count, text="minRunners.")
    before_0_8: bool = parameter(
        False, one_of, known=(False, True), text="Whether the release is an older one."
    )

    def pool_level(self, state: PoolState) -> int:
        """Return how many runners should be idle or starting."""
        if self.before_0_8:
            return max(state.waiting, self.min_runners - state.busy)
        return self.min_runners + state.waiting

    def _level_in_words(self) -> str:
        least = plural(self.min_runners, "publisher")
        if self.before_0_8:
            return f"one publisher for each video that waits, and to {least} together with the busy ones"
        return f"{least} and one for each video that waits"


@_preset
def github_arc(
    min_runners: int = 0, max_runners: int | None = None, *, before_0_8: bool = False, **others: Any
) -> Strategy:
    """Return the pool of a runner scale set of GitHub's Actions Runner Controller (gha-runner-scale-set).

    With `assigned` jobs, those that wait and those that run, the controller wants so many runners in all:

    - from release 0.8.0 on, ``min(max_runners, min_runners + assigned)``: `min_runners` are idle;
    - before it, ``max(min_runners, min(max_runners, assigned))``: busy ones count as well.

    Parameters
    ----------
    min_runners : int, default 0
        minRunners.
    max_runners : int, optional
        maxRunners; None: no limit.
    before_0_8 : bool, default False
        Whether the controller is of a release before 0.8.0.
    **others
        Fields of a :class:`tv2sim.Strategy`.

    Raises
    ------
    StrategyError
        If a value is impossible or a name unknown.

    Notes
    -----
    Runners are ephemeral: each runs one job. A job is assigned as soon as it waits; the time that GitHub takes
    for that is not simulated. The older modes of the controller, with a HorizontalRunnerAutoscaler, have other
    rules.

    References
    ----------
    The `decision of November 2023
    <https://github.com/actions/actions-runner-controller/blob/master/docs/adrs/2023-11-02-min-runners-semantics.md>`_
    to change the meaning, and its `change <https://github.com/actions/actions-runner-controller/pull/3139>`_
    in 0.8.0. In the source, ``setDesiredWorkerState`` of ``cmd/ghalistener/worker/worker.go``, and before
    ``scaleForAssignedJobCount`` of ``cmd/githubrunnerscalesetlistener/autoScalerService.go``.

    Examples
    --------
    >>> github_arc(min_runners=3)
    Strategy(name='github_arc(min_runners=3)', starts_on='queued', prewarmed=3)
    >>> older = github_arc(min_runners=3, max_runners=20, before_0_8=True)
    >>> [older.pool_level(PoolState(0, 0, 0, 0, 0, 0, busy=busy)) for busy in (0, 2, 5)]
    [3, 1, 0]
    """
    least, most = _count("min_runners", min_runners), None
    older = one_of("before_0_8", before_0_8, (False, True), error=StrategyError)
    if max_runners is not None:
        most = _count("max_runners", max_runners)
        if most < least:
            raise StrategyError(f"min_runners must be at most max_runners={most}, not {shown(min_runners)}")
    if most is None and not older:
        return Strategy(**{"starts_on": "queued", "prewarmed": least, **others})
    return GitHubARC(**{"min_runners": least, "before_0_8": older, "maximum": most, **others})


# -- Agones ------------------------------------------------------------------------------------------------

_PERCENTAGE = re.compile(r"([0-9]{1,2})%")


def _buffer(name: str, value: object, *, error: type[InputError]) -> int | str:
    if not isinstance(value, str):
        return _count(f"{name}, if no percentage,", value, at_least=1, error=error)
    percentage = _PERCENTAGE.fullmatch(value)
    if percentage is None or not int(percentage[1]):
        raise error(f"{name} must be a number, or a percentage from '1%' to '99%', not {shown(value)}")
    return value


@dataclass(frozen=True, repr=False, kw_only=True)
class Agones(Strategy):
    """What :func:`agones` makes of settings that are no fields of a strategy."""

    buffer: int | str = parameter(1, _buffer, text="bufferSize.")
    replicas_at_least: int = parameter(0, _count, text="minReplicas.")

    def pool_level(self, state: PoolState) -> int:
        """Return how many game servers should be ready or starting."""
        return max(self._wanted(state.busy), self.replicas_at_least) - state.busy

    def _wanted(self, allocated: int) -> int:
        if isinstance(self.buffer, int):
            return allocated + self.buffer
        return -(-100 * allocated // (100 - int(self.buffer.removesuffix("%"))))  # rounded up

    def _level_in_words(self) -> str:
        share = self.buffer if isinstance(self.buffer, int) else f"{self.buffer[:-1]} % of all publishers"
        return f"{share}, and to {plural(self.replicas_at_least, 'publisher')} together with the busy ones"


@_preset
def agones(buffer: int | str, minimum: int = 0, maximum: int | None = None, **others: Any) -> Strategy:
    """Return the pool of an Agones fleet whose FleetAutoscaler has the policy Buffer.

    With `allocated` game servers, those in use, the fleet is to have so many in all, but at least `minimum`
    and at most `maximum`:

    - ``allocated + buffer`` if the buffer is a number;
    - ``allocated * 100 / (100 - buffer)``, rounded up, if it is a percentage: of all game servers, this share
      is not in use.

    Parameters
    ----------
    buffer : int or str
        bufferSize: a number, or a percentage such as "20%".
    minimum : int, default 0
        minReplicas; with a percentage at least 1, else 0 or at least the buffer.
    maximum : int, optional
        maxReplicas, without which Agones accepts no autoscaler; None: no limit.
    **others
        Fields of a :class:`tv2sim.Strategy`.

    Raises
    ------
    StrategyError
        If a value is impossible or a name unknown.

    Notes
    -----
    Agones looks at a fleet every 30 s, unless its sync says otherwise; `provisioning_delay` of the scenario can
    stand for that. A match that finds no game server waits here, while an allocation fails. If there are too
    many, ready ones are removed at once, and those that start are not stopped.

    References
    ----------
    `Fleet autoscaler specification <https://agones.dev/site/docs/reference/fleetautoscaler/>`_, and in the
    source ``applyBufferPolicy`` of `fleetautoscalers.go
    <https://github.com/googleforgames/agones/blob/main/pkg/fleetautoscalers/fleetautoscalers.go>`_.

    Examples
    --------
    >>> agones(buffer=5, maximum=60)
    Strategy(name='agones(buffer=5, maximum=60)', prewarmed=5, maximum=60)

    With 8 game servers in use and a buffer of 30 %, there are to be 12, of which 4 are not in use:

    >>> agones(buffer="30%", minimum=2, maximum=60).pool_level(PoolState(0, 0, 0, 0, 0, 0, busy=8))
    4
    """
    size = _buffer("buffer", buffer, error=StrategyError)
    least, most = _count("minimum", minimum), None
    if isinstance(size, str) and not least:
        raise StrategyError(f"minimum must be at least 1 with a buffer of {size}, not {shown(minimum)}")
    if isinstance(size, int) and 0 < least < size:
        raise StrategyError(f"minimum must be 0, or at least the buffer of {size}, not {shown(minimum)}")
    if maximum is not None:
        needed = max(least, size if isinstance(size, int) else 0)
        most = _count("maximum, which includes the buffer and the minimum,", maximum, at_least=needed)
    if isinstance(size, int) and least <= size:
        return Strategy(**{"prewarmed": size, "maximum": most, **others})
    fleet = {"buffer": size, "replicas_at_least": least, "maximum": most, "idle_time_to_live": _AT_ONCE}
    return Agones(**{**fleet, **others})


# -- Kubernetes' agent sandbox -----------------------------------------------------------------------------


@_preset
def sandbox_warm_pool(replicas: int = 1, **others: Any) -> Strategy:
    """Return the SandboxWarmPool of Kubernetes' agent sandbox: so many sandboxes that no claim has.

    A SandboxClaim takes a sandbox out of the pool, a ready one if there is one, and the pool is filled up to
    `replicas` again. If the pool is empty, a sandbox is created for the claim. So there are `replicas`
    sandboxes besides one for each claim.

    Parameters
    ----------
    replicas : int, default 1
        replicas.
    **others
        Fields of a :class:`tv2sim.Strategy`.

    Raises
    ------
    StrategyError
        If the number is impossible or a name unknown.

    Notes
    -----
    A claim without a ready sandbox waits for the one that it took. Here the claims that wait have the next
    ones that are ready, in the order of the queue.

    References
    ----------
    `Agent sandbox <https://agent-sandbox.sigs.k8s.io/docs/>`_, and in the source ``reconcilePool`` of
    `sandboxwarmpool_controller.go
    <https://github.com/kubernetes-sigs/agent-sandbox/blob/main/extensions/controllers/sandboxwarmpool_controller.go>`_
    and ``getCandidate`` of ``sandboxclaim_controller.go``.

    Examples
    --------
    >>> sandbox_warm_pool(replicas=5)
    Strategy(name='sandbox_warm_pool(replicas=5)', starts_on='queued', prewarmed=5)
    """
    return Strategy(**{"starts_on": "queued", "prewarmed": _count("replicas", replicas), **others})


CLASSES: tuple[type[Strategy], ...] = (GitLabRunner, GitHubARC, Agones)
"""The classes of strategies that are not plain ones."""


def __dir__() -> list[str]:
    return __all__
