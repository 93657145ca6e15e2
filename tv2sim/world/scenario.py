"""The system in which a strategy works: encoders, requests, start-up times, queue and cut-off."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np

from tv2sim.base import dictionaries
from tv2sim.base.checks import a_number, a_path, a_time, a_whole_number, one_of
from tv2sim.base.dictionaries import NOTHING, WHOLE, from_tables, read_tables, to_toml
from tv2sim.base.errors import CatalogueError, InputError, ScenarioError
from tv2sim.base.fields import EVERY_ENGINE, Accepts, Fields, or_none, parameter, with_changes, with_parameters
from tv2sim.base.notebook_html import code, display, strong, table
from tv2sim.base.ticks import PER_SECOND, to_ticks
from tv2sim.world.distributions import (
    AsDistribution,
    AsTime,
    AsTimeOrNone,
    Distribution,
    Uniform,
    a_time_or_distribution,
    as_distribution,
    distribution_from_dict,
    distributions_of,
    longest_ticks,
    mean_of,
)
from tv2sim.world.load import Explanation, load_of
from tv2sim.world.profiles import Profile, a_rate
from tv2sim.world.scenario_parts import BROKERS, Broker, Faults, RetryLater, broker, faults, hand_over

if TYPE_CHECKING:
    from tv2sim.catalogue import Catalogue


Deadline: TypeAlias = Literal["published", "assigned"]
"""The event that the timeout limits, by the name of the column of facts that has its time."""

_LEAST_PATIENCE = to_ticks(3600)


def _a_rate_or_profile(
    name: str, value: object, *, error: type[InputError], **bounds: float
) -> float | Profile:
    return value if isinstance(value, Profile) else a_rate(name, value, error=error, **bounds)


def _as_encoders(
    name: str, value: Any, *, at_least: int, error: type[InputError]
) -> int | tuple[float, ...] | None:
    if isinstance(value, (list, tuple, np.ndarray)) and len(value):
        return tuple(a_number("the speed of an encoder", speed, above=0, error=error) for speed in value)
    return None if value is None else a_whole_number(name, value, at_least=at_least, error=error)


class AsEncoders(Accepts[int | Sequence[float] | None, int | tuple[float, ...] | None]):
    """The type of the field `encoders`, which accepts any sequence of speeds and holds a tuple."""

    forms: ClassVar = [
        WHOLE, {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 1}, NOTHING,
    ]  # fmt: skip


@with_parameters
@dataclass(frozen=True, repr=False)
class Scenario(Fields):
    """The system in which a strategy works: all that is simulated except the strategy itself.

    A scenario is checked when it is made, and it cannot be changed: :meth:`replace` returns a changed copy.

    {parameters}

    Raises
    ------
    ScenarioError
        If a value is impossible, or a name unknown; the message quotes it.

    Examples
    --------
    >>> Scenario(encoders=5).replace(startup_time=4).startup_time
    Constant(value=4.0)
    >>> Scenario(encoders=0)
    Traceback (most recent call last):
    tv2sim.base.errors.ScenarioError: encoders must be a whole number of at least 1, not 0
    """

    encoders: AsEncoders = parameter(
        10, _as_encoders, at_least=1, engines=EVERY_ENGINE, label="Encoders",
        text="The number of encoders, or a list of their speeds. Each encodes one video at a time, which "
        "takes the video's encoding time divided by its speed. None: there is no encoding stage, a video is "
        "encoded when it arrives, and it arrives at its submittedAt, if it has one.",
    )  # fmt: skip
    requests_per_second: float | Profile = parameter(
        2.0, _a_rate_or_profile, above=0, engines=EVERY_ENGINE, label="Requests",
        text="The most videos that the client offers in a second. After an encoder has taken a video, the "
        "client waits for 1/requests_per_second s before it offers the next one. A tv.Profile changes over "
        "time: the client waits until the integral of the rate has grown by 1.",
    )  # fmt: skip
    startup_time: AsDistribution = parameter(
        Uniform(2, 6), as_distribution, engines=EVERY_ENGINE, label="Start-up time of a publisher",
        text="Seconds from a publisher's start until it is ready. A distribution, also a frozen one of "
        "SciPy, a number for a constant, a text such as 'uniform(2, 6)', or measured times: an array, a column "
        "or the name of a .csv file.",
    )  # fmt: skip
    publishing_time: AsTime = parameter(
        0.0, a_time_or_distribution, engines=EVERY_ENGINE, label="Publishing time",
        text="Seconds for which a publisher is busy with a video, from its assignment to its publication: a "
        "number, or a distribution, drawn for each video. A catalogue's publishingTime takes precedence.",
    )  # fmt: skip
    publishing_queue_capacity: int | None = parameter(
        100, or_none(a_whole_number), at_least=0, engines=EVERY_ENGINE, label="Room in the publishing queue",
        text="The most encoded videos that can wait in the publishing queue. While it is full, a video whose "
        "encoding has ended stays in its encoder. None: no limit.",
    )  # fmt: skip
    until: float | None = parameter(
        None, or_none(a_time), above=0, engines=EVERY_ENGINE, label="Cut-off",
        text="The time in seconds at which the run is cut off. What happens at this very time still counts. "
        "None: the run ends with the outcome of the last video.",
    )  # fmt: skip
    arrivals: Literal["even", "poisson"] = parameter(
        "even", one_of, known=("even", "poisson"), engines=EVERY_ENGINE, label="Arrivals",
        text="How videos arrive: 'even', with a pause after each hand-over as long as requests_per_second "
        "says, or 'poisson', at random at this rate, whatever happens to those before them.",
    )  # fmt: skip
    encoding_factor: AsTimeOrNone = parameter(
        None, or_none(a_time_or_distribution), above=0, label="Factor of the encoding times",
        engines=EVERY_ENGINE,
        text="What the encoding time of a video is multiplied by, unknown to every strategy: a number, or a "
        "distribution, drawn for each video. None: 1.",
    )  # fmt: skip
    deadline: Deadline = parameter(
        "published", one_of, known=("published", "assigned"), label="Held against the timeout",
        engines=EVERY_ENGINE,
        text="What has to happen within a video's publication timeout: 'published', the end of publishing, or "
        "'assigned', the moment at which a publisher takes it.",
    )  # fmt: skip
    patience: float | None = parameter(
        None, or_none(a_time), above=0, engines=EVERY_ENGINE, label="Patience",
        text="Seconds after which a run ends in which no video gets any further, although things go on that "
        "may help: start-ups, reviews, deaths and repairs, retries. A video gets further when it reaches a "
        "state for the first time. A video's first encoding, a publishing and the client's pause are waited "
        "for. None: an hour, or ten times the longest time in the scenario and the catalogue if that is more; "
        "a time without an end counts with its quantile .999.",
    )  # fmt: skip

    max_publishers: int | None = parameter(
        None, or_none(a_whole_number), at_least=1, engines=EVERY_ENGINE, label="Most publishers",
        text="The most publishers that may exist at a time. A start beyond it waits, behind those that wait "
        "already, until another publisher has ended. None: no limit.",
    )  # fmt: skip
    provisioning_delay: float = parameter(
        0.0, a_time, engines=EVERY_ENGINE, label="Provisioning delay",
        text="Seconds from the decision to start a publisher until its start, after which it costs.",
    )  # fmt: skip

    faults: Faults = parameter(
        Faults(), faults, engines=EVERY_ENGINE, label="Failures",
        text="What fails, and how often: a tv.Faults.",
    )  # fmt: skip
    hand_over: RetryLater | None = parameter(
        None, or_none(hand_over), label="Hand-over",
        text="What the client does when no encoder is free: a tv.RetryLater. None: it waits for one.",
    )  # fmt: skip
    broker: Broker | None = parameter(
        None, or_none(broker), names=BROKERS, label="Broker",
        text="What has the videos between the encoders and the publishers: a tv.Broker, or 'kafka' or 'redis' "
        "for tv.KAFKA or tv.REDIS. None: a queue that publishers see at once.",
    )  # fmt: skip

    _error = ScenarioError

    @property
    def is_deterministic(self) -> bool:
        """Whether all times are fixed and nothing has a probability, so that all replications are equal."""
        drawn = all(distribution.is_constant for distribution in self.distributions)
        chance = self.faults.has_chance or (self.broker is not None and self.broker.has_chance)
        return drawn and self.arrivals == "even" and not chance

    @property
    def distributions(self) -> list[Distribution]:
        """The distributions of times that are drawn."""
        of_broker = [] if self.broker is None else self.broker.distributions
        return distributions_of(self) + self.faults.distributions + of_broker

    @property
    def most_offers(self) -> int | None:
        """The number of offers after which a video is refused for good; None: no limit."""
        return None if self.hand_over is None or self.encoders is None else self.hand_over.attempts

    @property
    def refuses(self) -> bool:
        """Whether the client retries later when no encoder is free."""
        return self.hand_over is not None and self.encoders is not None

    @property
    def encoders_die(self) -> bool:
        """Whether encoders die and are repaired."""
        return self.faults.encoder_lifetime is not None and self.encoders is not None

    def ticks_of_patience(self, catalogue: Catalogue, delays: Iterable[float] = ()) -> float:
        """Return the ticks of `patience`; if it is None, those that fit a catalogue and a strategy's delays."""
        if self.patience is not None:
            return to_ticks(self.patience)
        longest = max(self._longest, self._longest_of(catalogue), max(delays, default=0.0))
        return max(_LEAST_PATIENCE, 10 * longest)

    def _longest_of(self, catalogue: Catalogue) -> float:
        """Return the ticks of the longest time in a catalogue, of encodings as they are in the scenario."""
        columns = [catalogue.publication_timeout, catalogue.publishing_time]
        seconds = [float(np.nan_to_num(column).max(initial=0.0)) for column in columns if column is not None]
        if self.encoders is not None:
            speed = min(self.encoders) if isinstance(self.encoders, tuple) else 1.0
            seconds.append(float(catalogue.encoding_time.max(initial=0.0)) * self._largest_factor / speed)
        return max(map(to_ticks, seconds))

    @property
    def _largest_factor(self) -> float:
        return 1.0 if self.encoding_factor is None else longest_ticks(self.encoding_factor) / PER_SECOND

    @property
    def _longest(self) -> float:
        """The ticks of the longest time in the scenario."""
        faults, broker = self.faults, self.broker
        times = [
            self.startup_time, self.publishing_time, self.provisioning_delay, faults.ready_lifetime,
            faults.noticed_after, faults.encoder_lifetime, faults.encoder_repair,
        ]  # fmt: skip
        if broker is not None:
            times += [broker.latency, broker.redelivered_after]
        retry = 0.0 if self.hand_over is None else self.hand_over.longest_wait
        return max(retry, *map(longest_ticks, times))

    @property
    def mean_publishing_time(self) -> float:
        """Mean seconds of publishing that a video's timeout has to cover: 0 with ``deadline="assigned"``."""
        return mean_of(self.publishing_time) if self.deadline == "published" else 0.0

    @property
    def encoder_count(self) -> int:
        """The number of encoders; 0 if there is no encoding stage."""
        encoders = self.encoders
        return len(encoders) if isinstance(encoders, tuple) else encoders or 0

    @property
    def mean_rate(self) -> float:
        """The requests per second in the long run."""
        rate = self.requests_per_second
        return rate.mean if isinstance(rate, Profile) else rate

    @property
    def gap(self) -> float:
        """Seconds from a hand-over to the next offer: whole microseconds, at least one.

        If the rate changes or arrivals are random, this is the mean.
        """
        return max(1, to_ticks(1 / self.mean_rate)) / PER_SECOND

    def replace(self, **changes: Any) -> Scenario:
        """Return a copy with some values changed; the copy is checked again.

        Raises
        ------
        ScenarioError
            If a name is unknown or a value impossible.
        """
        return with_changes(self, "a scenario", changes, error=ScenarioError)

    def to_dict(self) -> dict[str, Any]:
        """Return the scenario as plain data, from which :meth:`from_dict` makes it again."""
        return dictionaries.to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Scenario:
        """Return the scenario that :meth:`to_dict` described.

        >>> Scenario.from_dict(Scenario(until=60).to_dict()) == Scenario(until=60)
        True
        """
        scenario: Scenario = distribution_from_dict(data, cls, Profile, Faults, RetryLater, Broker)
        return scenario

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **changes: Any) -> Scenario:
        r"""Read a scenario from a file.

        The file is TOML, or JSON if its name ends in .json. Its keys are the fields; other fields have their
        defaults. :class:`~tv2sim.Faults` and :class:`~tv2sim.Profile` are tables with the names of their
        fields. None is the text ``"none"``, and a distribution is a text or a number. The name of a .csv file
        of measured times is relative to the folder of the file.

        Parameters
        ----------
        path : path
            The file.
        **changes
            Fields that win over those of the file, as for :meth:`replace`.

        Returns
        -------
        Scenario
            The scenario, checked.

        Raises
        ------
        ScenarioError
            If the file cannot be read, a key is unknown or a value impossible; the message names the file.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "world.toml")
        ...     size = path.write_text('encoders = 5\n[faults]\nstartup = 0.1\n')
        ...     scenario = Scenario.from_file(path, until=60)
        >>> scenario.encoders, scenario.faults.startup, scenario.until
        (5, 0.1, 60.0)
        """
        path = a_path("path", path, error=ScenarioError)
        given = read_tables(path, "scenario", error=ScenarioError)
        try:
            scenario: Scenario = from_tables(cls, given, path.parent)
        except InputError as error:
            raise ScenarioError(f"{str(path)!r}: {error}") from error
        return scenario.replace(**changes) if changes else scenario

    def to_toml(self) -> str:
        r"""Return the text of a file that :meth:`from_file` reads.

        It describes every field. Those that have their default are comments.

        Raises
        ------
        ScenarioError
            If a distribution is of a user's own class, whose code a file cannot hold.

        Examples
        --------
        >>> print(Scenario(arrivals="poisson").to_toml().split("\n\n")[7])
        # How videos arrive: 'even', with a pause after each hand-over as long as requests_per_second says,
        # or 'poisson', at random at this rate, whatever happens to those before them.
        arrivals = "poisson"
        """
        return to_toml(self, title="A scenario of tv2sim")

    def _repr_html_(self) -> str:
        rows = []
        for field in fields(self):
            value = getattr(self, field.name)
            text = "none" if value is None else f"{value:g}" if isinstance(value, float) else value
            changed = value != field.default
            rows.append([field.metadata["label"], strong(text) if changed else text, code(field.name)])
        note = "bold: not the default"
        return display("Scenario", note, table([], rows, words=3))

    def explain(self, encoding_time: Any = None, *, prewarmed: int | None = None) -> Explanation:
        """Return the load that this scenario offers, and whether a pool keeps up with it; nothing is simulated.

        Parameters
        ----------
        encoding_time : Catalogue, Survey, float or array, optional
            The videos. If they have times of submission, the rates follow from these; their publishing times
            take precedence. Or the encoding times in seconds, or their mean.
        prewarmed : int, optional
            The size of the pool of prewarmed publishers.

        Returns
        -------
        Explanation
            Rates, capacities and warnings; ``str()`` of it is a text of a few lines.

        Raises
        ------
        ScenarioError
            If one of the arguments is impossible.

        Examples
        --------
        >>> print(Scenario().explain(encoding_time=3.2, prewarmed=8))
        offered load: 2 requests/s x 3.2 s encoding = 6.4 encoders' work, 64 % of each of 10
        arrivals at the publishing stage: 2 videos/s
        pool: 8 publishers / 4 s mean start-up = 2 videos/s
        warning: a pool of 8 just keeps up with 2 requests/s: waits grow without bound in a long run
        """
        return load_of(self, encoding_time, prewarmed)


def check_encoding_times(catalogue: Catalogue, scenario: Scenario) -> None:
    """Check that all videos have an encoding time, if there are encoders.

    Raises
    ------
    CatalogueError
        If one has none; the message names the first.
    """
    missing = np.isnan(catalogue.encoding_time)
    if scenario.encoders is not None and missing.any():
        raise CatalogueError(
            f"video {catalogue.ids[int(missing.argmax())]!r} of {catalogue.name!r} has no encodingTime, which "
            f"encoders need: add it, or leave encoding out with encoders=None (--encoders none)"
        )


def as_scenario(scenario: object) -> Scenario:
    """Return a scenario unchanged; for None, the default scenario.

    Raises
    ------
    ScenarioError
        If it is an object of another class.
    """
    scenario = Scenario() if scenario is None else scenario
    if not isinstance(scenario, Scenario):
        raise ScenarioError(f"scenario must be a tv2sim.Scenario, not {scenario!r}")
    return scenario
