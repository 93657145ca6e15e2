"""What breaks: the failures of a scenario, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tv2sim.base.checks import a_number, a_time, a_whole_number, shown
from tv2sim.base.errors import InputError, ScenarioError
from tv2sim.base.fields import EVERY_ENGINE, Fields, in_short, or_none, parameter, with_parameters
from tv2sim.world.distributions import a_time_or_distribution, distributions_of

if TYPE_CHECKING:
    from tv2sim.world.distributions import AsTime, AsTimeOrNone, Distribution

__all__ = ["Faults", "a_probability", "faults"]


def a_probability(
    name: str, value: object, *, below: float = 1.0, error: type[InputError] = ScenarioError
) -> float:
    """Return a number of at least 0 and below a limit."""
    probability = a_number(name, value, error=error)
    if probability >= below:
        raise error(f"{name} must be a probability below {below:g}, not {shown(value)}")
    return probability


@with_parameters
@dataclass(frozen=True, repr=False)
class Faults(Fields):
    """The failures of publishers and encoders; a publisher that fails is replaced when that is noticed.

    {parameters}

    Raises
    ------
    ScenarioError
        If a value is impossible, or a name unknown.

    Examples
    --------
    >>> Faults(startup=0.1, ready_lifetime="exponential(300)").ready_lifetime
    Exponential(mean=300.0)
    >>> Faults(startup=1)
    Traceback (most recent call last):
    tv2sim.base.errors.ScenarioError: startup must be a probability below 1, not 1
    """

    startup: float = parameter(
        0.0, a_probability, below=1, engines=EVERY_ENGINE, label="Share of start-ups that fail",
        text="The probability that a start-up fails. The publisher ends when it would have been ready.",
    )  # fmt: skip
    ready_lifetime: AsTimeOrNone = parameter(
        None, or_none(a_time_or_distribution), above=0, label="Lifetime of a ready publisher (s)",
        text="Seconds after which a ready publisher that has no video dies: a number or a distribution. None: "
        "it does not die.",
    )  # fmt: skip
    publishing: float = parameter(
        0.0, a_probability, below=1, label="Share of publications that fail",
        text="The probability that publishing fails, at its end. The video then waits again, at its old place.",
    )  # fmt: skip
    # the kernel knows it, as it changes nothing without `publishing`, which the kernel does not know
    attempts: int | None = parameter(
        None, or_none(a_whole_number), at_least=1, engines=EVERY_ENGINE, label="Attempts to publish a video",
        text="The number of attempts to publish a video, after which it has failed. None: no limit.",
    )  # fmt: skip
    encoder_lifetime: AsTimeOrNone = parameter(
        None, or_none(a_time_or_distribution), above=0, label="Lifetime of an encoder (s)",
        text="Seconds after which an encoder dies, counted from 0 or from its repair: a number or a "
        "distribution. The video in it starts over. None: it does not die.",
    )  # fmt: skip
    # the same, without `encoder_lifetime`
    encoder_repair: AsTime = parameter(
        0.0, a_time_or_distribution, engines=EVERY_ENGINE, label="Time to repair an encoder (s)",
        text="Seconds until a dead encoder is back: a number or a distribution.",
    )  # fmt: skip
    noticed_after: float = parameter(
        0.0, a_time, engines=EVERY_ENGINE, label="Time until a failure is noticed (s)",
        text="Seconds until the failure of a publisher is noticed. Until then, one that starts up or waits "
        "counts in the pool's level.",
    )  # fmt: skip

    _error = ScenarioError

    def __str__(self) -> str:
        return in_short(self) or "none"

    def __bool__(self) -> bool:
        """Return whether anything fails."""
        return self.of_publishers or self.encoder_lifetime is not None

    @property
    def of_publishers(self) -> bool:
        """Whether publishers fail."""
        return bool(self.startup or self.publishing or self.ready_lifetime is not None)

    @property
    def has_lifetimes(self) -> bool:
        """Whether something dies after a while, which keeps no run alive."""
        return self.ready_lifetime is not None or self.encoder_lifetime is not None

    @property
    def distributions(self) -> list[Distribution]:
        """The distributions of times that are drawn."""
        return distributions_of(self)

    @property
    def has_chance(self) -> bool:
        """Whether anything happens with a probability, besides times that are drawn."""
        return bool(self.startup or self.publishing)


def faults(name: str, value: object, *, error: type[InputError]) -> Faults:
    """Return faults as they are."""
    if not isinstance(value, Faults):
        raise error(f"{name} must be a tv2sim.Faults, such as Faults(startup=0.1), not {shown(value)}")
    return value
