"""Parts of a scenario: failures, retries of the client, and a message broker, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass

from tv2sim.base.checks import LONGEST_TIME, a_number, a_time, a_whole_number, shown
from tv2sim.base.errors import InputError, ScenarioError
from tv2sim.base.fields import EVERY_ENGINE, Fields, in_short, or_none, parameter, with_parameters
from tv2sim.base.ticks import to_ticks
from tv2sim.world.distributions import (
    AsTime,
    AsTimeOrNone,
    Distribution,
    a_time_or_distribution,
    distributions_of,
)


def a_probability(
    name: str, value: object, *, below: float = 1.0, error: type[InputError] = ScenarioError
) -> float:
    """Return a number of at least 0 and below a limit."""
    probability = a_number(name, value, error=error)
    if probability >= below:
        raise error(f"{name} must be a probability below {below:g}, not {shown(value)}")
    return probability


class _Part(Fields):
    """The base of the parts of a scenario."""

    _error = ScenarioError

    def __str__(self) -> str:
        return in_short(self) or "none"

    @property
    def distributions(self) -> list[Distribution]:
        """The distributions of times that are drawn."""
        return distributions_of(self)


@with_parameters
@dataclass(frozen=True, repr=False)
class Faults(_Part):
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
        "distribution. The video that it encodes starts over. None: it does not die.",
    )  # fmt: skip
    # the kernel knows it, as it changes nothing without `encoder_lifetime`, which the kernel does not know
    encoder_repair: AsTime = parameter(
        0.0, a_time_or_distribution, engines=EVERY_ENGINE, label="Time to repair an encoder (s)",
        text="Seconds until a dead encoder is back: a number or a distribution.",
    )  # fmt: skip
    noticed_after: float = parameter(
        0.0, a_time, engines=EVERY_ENGINE, label="Time until a failure is noticed (s)",
        text="Seconds until the failure of a publisher is noticed. Until then, one that starts up or waits "
        "counts in the pool's level.",
    )  # fmt: skip

    def __bool__(self) -> bool:
        """Return whether anything fails."""
        return self.of_publishers or self.encoder_lifetime is not None

    @property
    def of_publishers(self) -> bool:
        """Whether publishers fail."""
        return bool(self.startup or self.publishing or self.ready_lifetime is not None)

    @property
    def has_chance(self) -> bool:
        """Whether failures have a probability, besides the times that are drawn."""
        return bool(self.startup or self.publishing)


def faults(name: str, value: object, *, error: type[InputError]) -> Faults:
    """Return failures unchanged, after a check of the type."""
    if not isinstance(value, Faults):
        raise error(f"{name} must be a tv2sim.Faults, such as Faults(startup=0.1), not {shown(value)}")
    return value


@with_parameters
@dataclass(frozen=True, repr=False)
class RetryLater(_Part):
    """Retries of the client: when no encoder is free, it goes on and offers the video again later.

    {parameters}

    Raises
    ------
    ScenarioError
        If a value is impossible, or a name unknown.

    Examples
    --------
    >>> retry = RetryLater(after=1, factor=2, at_most=5)
    >>> [retry.wait(refusals) / 1e6 for refusals in (1, 2, 3, 4)]
    [1.0, 2.0, 4.0, 5.0]
    """

    after: float = parameter(
        MISSING, a_time, label="Time until a video is offered again (s)",
        text="Seconds from the first refusal of a video until the client offers it again.",
    )  # fmt: skip
    factor: float = parameter(
        1.0, a_number, above=0, label="Factor for each further refusal",
        text="What these seconds are multiplied by at each further refusal of the video.",
    )  # fmt: skip
    at_most: float | None = parameter(
        None, or_none(a_time), label="Longest time until a video is offered again (s)",
        text="The most seconds from a refusal until the next offer. None: no limit.",
    )  # fmt: skip
    attempts: int | None = parameter(
        None, or_none(a_whole_number), at_least=1, label="Offers of a video",
        text="The number of offers of a video, after which it is refused for good. None: no limit.",
    )  # fmt: skip

    @property
    def longest_wait(self) -> float:
        """Ticks of the longest wait; without any limit, of the first."""
        if self.at_most is not None:
            return to_ticks(self.at_most)
        return max(self.wait(1), self.wait((self.attempts or 2) - 1))

    def wait(self, refusals: int) -> float:
        """Return the ticks from a refusal of a video to its next offer, given its number of refusals so far."""
        try:
            seconds = self.after * self.factor ** (refusals - 1)
        except OverflowError:
            seconds = LONGEST_TIME if self.after else 0.0
        longest = LONGEST_TIME if self.at_most is None else self.at_most
        return max(1.0, to_ticks(min(seconds, longest)))


@with_parameters
@dataclass(frozen=True, repr=False)
class Broker(_Part):
    """A message broker between the encoders and the publishers.

    It has a video from `queued` on. Publishers can take it when it is visible. A delivery or an
    acknowledgement that is lost makes the broker send the video again.

    {parameters}

    Raises
    ------
    ScenarioError
        If a value is impossible, or a name unknown.

    Examples
    --------
    >>> Broker(latency="uniform(0, 0.1)", loss=0.01).latency
    Uniform(low=0.0, high=0.1)
    >>> import dataclasses
    >>> dataclasses.replace(KAFKA, acknowledgement_loss=0.001).redelivered_after
    45.0
    """

    latency: AsTime = parameter(
        0.0, a_time_or_distribution, label="Latency of the broker (s)",
        text="Seconds until a video that the broker has is visible to publishers: a number, or a distribution, "
        "drawn for each delivery.",
    )  # fmt: skip
    loss: float = parameter(
        0.0, a_probability, below=1, label="Share of deliveries that are lost",
        text="The probability that a delivery is lost. The broker then delivers the video again; no publisher "
        "is spent.",
    )  # fmt: skip
    redelivered_after: float = parameter(
        30.0, a_time, label="Time until a redelivery (s)",
        text="Seconds after which the broker delivers a video again that was not acknowledged.",
    )  # fmt: skip
    acknowledgement_loss: float = parameter(
        0.0, a_probability, below=1, label="Share of acknowledgements that are lost",
        text="The probability that the acknowledgement of a publication is lost. The video then becomes "
        "visible again, and spends one more publisher; its first publication decides.",
    )  # fmt: skip

    def __str__(self) -> str:
        return in_short(self) or "no latency, no losses"

    @property
    def has_chance(self) -> bool:
        """Whether losses have a probability, besides the times that are drawn."""
        return bool(self.loss or self.acknowledgement_loss)


KAFKA = Broker(latency=0.005, redelivered_after=45)
"""Apache Kafka with its defaults: a broker that is in a cluster of its own.

The latency, 5 ms, is the 99th percentile from producer to consumer at 200 MB/s, as Confluent has measured it
(https://www.confluent.io/blog/kafka-fastest-messaging-system/). What a consumer has not acknowledged is
delivered again when the consumer's session times out, after ``session.timeout.ms``, 45 s since Kafka 3.0
(KIP-735). How much is lost depends on the consumers, so nothing is here.
"""

REDIS = Broker(latency=0.0002, redelivered_after=3600)
"""Redis as the broker of Celery, with its defaults.

The latency, 0.2 ms, is that of a network of 1 Gbit/s, compared with which Redis itself takes no time
(https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency/). A task that was not
acknowledged is delivered again after Celery's ``visibility_timeout``, an hour
(https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html). How much is lost depends
on the workers, so nothing is here.
"""


def hand_over(name: str, value: object, *, error: type[InputError]) -> RetryLater:
    """Return retries unchanged, after a check of the type."""
    if not isinstance(value, RetryLater):
        raise error(f"{name} must be a tv2sim.RetryLater, such as RetryLater(after=1), not {shown(value)}")
    return value


BROKERS = {"kafka": KAFKA, "redis": REDIS}
"""The brokers that have a name."""


def broker(
    name: str, value: object, *, error: type[InputError], names: Mapping[str, Broker] = BROKERS
) -> Broker:
    """Return a broker unchanged, or the broker with a name."""
    if isinstance(value, str) and value in names:
        return names[value]
    if not isinstance(value, Broker):
        known = " or ".join(map(repr, names))
        raise error(
            f"{name} must be a tv2sim.Broker, such as Broker(latency=0.1), or {known}, not {shown(value)}"
        )
    return value
