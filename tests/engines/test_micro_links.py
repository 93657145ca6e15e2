"""Retries of the client, and a broker: what surrounds the rules of `tests.engines.test_world_by_hand`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

import tv2sim as tv
from tv2sim.results.event_kinds import log_of

RETRY = tv.RetryLater(0.3, factor=2, at_most=1, attempts=4)
BROKER = tv.Broker("uniform(0, 1)", loss=0.2, redelivered_after=2, acknowledgement_loss=0.3)
FAULTS = tv.Faults(
    startup=0.2, ready_lifetime=2, publishing=0.2, attempts=3, encoder_lifetime=9, noticed_after=0.5
)
WORLDS = {
    "retries": {"encoders": 4, "hand_over": RETRY},
    "broker": {"broker": BROKER, "publishing_queue_capacity": 3},
    "all": {"encoders": 4, "hand_over": RETRY, "broker": BROKER, "faults": FAULTS, "max_publishers": 5},
}


@pytest.mark.parametrize("strategy", ["1", "2a", "2b", "2c:4"])
@pytest.mark.parametrize("world", WORLDS)
class TestTheSameRunAgain:
    def test_saved_and_observed(self, world: str, strategy: str, tmp_path: Path) -> None:
        seen: list[tv.LogEntry] = []
        scenario = tv.Scenario(**WORLDS[world])  # type: ignore[arg-type]
        run = tv.simulate(tv.generate_catalogue(40), strategy, scenario, observers=seen.append)
        assert seen == list(log_of(run.facts).entries())
        assert tv.load_run(run.save(tmp_path / "run")).facts == run.facts
        assert run.summary["unfinished"] == 0
        assert {"refused", "visible", "redelivered"} & {entry.event for entry in seen}

    def test_replayed(self, world: str, strategy: str) -> None:
        catalogue, scenario = tv.generate_catalogue(40), tv.Scenario(**WORLDS[world])  # type: ignore[arg-type]
        played = tv.replay(catalogue, strategy, scenario, speed="max")
        assert played.facts == tv.simulate(catalogue, strategy, scenario).facts


class Never(tv.Strategy):
    """No publisher is ever started."""


@pytest.mark.timeout(20)
@pytest.mark.parametrize("strategy", ["1", "2a", "2b", "2c", "2c:1", "2c:0", Never()], ids=str)
@pytest.mark.parametrize("attempts", [None, 3])
@pytest.mark.parametrize(("most", "capacity"), [(None, 1), (1, 100)])
@pytest.mark.full
def test_nothing_hangs(strategy: Any, attempts: int | None, most: int | None, capacity: int) -> None:
    faults = tv.Faults(
        startup=0.9, ready_lifetime="exponential(2)", publishing=0.9, encoder_lifetime="exponential(9)",
        encoder_repair=1, noticed_after=0.5,
    )  # fmt: skip
    broker = tv.Broker(latency=0.5, loss=0.9, redelivered_after=0.1, acknowledgement_loss=0.9)
    scenario = tv.Scenario(
        encoders=1, faults=faults, broker=broker, hand_over=tv.RetryLater(0.5, attempts=attempts),
        max_publishers=most, publishing_queue_capacity=capacity, patience=100_000,
    )  # fmt: skip
    run = tv.simulate(tv.generate_catalogue(3), strategy, scenario)
    never = strategy == "2c:0" or isinstance(strategy, Never)
    assert run.ending == ("no progress" if never else "completed")


class TestAsData:
    SCENARIO = tv.Scenario(hand_over=RETRY, broker=BROKER)

    def test_they_come_back(self) -> None:
        assert tv.Scenario.from_dict(json.loads(json.dumps(self.SCENARIO.to_dict()))) == self.SCENARIO

    def test_whether_anything_is_drawn(self) -> None:
        certain = tv.Scenario(startup_time=2, hand_over=RETRY, broker=tv.KAFKA)
        assert certain.is_deterministic
        for change in ({"loss": 0.1}, {"acknowledgement_loss": 0.1}, {"latency": tv.Uniform(0, 1)}):
            assert not certain.replace(broker=dataclasses.replace(tv.KAFKA, **change)).is_deterministic

    @pytest.mark.parametrize(
        ("make", "said"),
        [
            (lambda: tv.Scenario().replace(hand_over=3), "hand_over, if not None, must be a tv2sim.* not 3"),
            (lambda: tv.Scenario().replace(broker="k"), "broker, if not None, must be a tv2sim.Br.* not 'k'"),
            (lambda: tv.RetryLater(-1), "after must be a finite number of at least 0.* not -1"),
            (lambda: tv.RetryLater(1, factor=0), "factor must be a finite number greater than 0, not 0"),
            (lambda: tv.RetryLater(1, attempts=0), "attempts, if not None, must be a whole number of at least"),
            (lambda: tv.RetryLater(**{"after": 1, "atempts": 3}), "no 'atempts'.* did you mean attempts"),
            (lambda: tv.Broker(loss=1), "loss must be a probability below 1, not 1"),
            (lambda: tv.Broker(latency=-1), "latency must be a finite number of at least 0.* not -1"),
        ],
    )  # fmt: skip
    def test_what_is_refused(self, make: Any, said: str) -> None:
        with pytest.raises(tv.ScenarioError, match=said):
            make()


def test_a_wait_is_never_longer_than_a_time_may_be() -> None:
    assert tv.RetryLater(1, factor=10).wait(10_000) == 2**32 * 1e6
    assert tv.RetryLater(0).wait(1) == 1  # a microsecond
    assert tv.RetryLater(0, factor=10).wait(10_000) == 1


def test_those_refused_for_good_get_no_publisher() -> None:
    run = tv.simulate(
        tv.generate_catalogue(20), "1", tv.Scenario(encoders=1, hand_over=tv.RetryLater(1, attempts=2))
    )
    refused = run.videos[run.videos["outcome"] == "refused"]
    assert 0 < len(refused) == 20 - len(run.publishers)
    assert refused["encoding_started"].isna().all()
    assert (run.events[run.events["event"] == "refused"]["video"].value_counts()[refused.index] == 2).all()
