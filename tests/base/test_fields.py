"""What dataclasses whose fields are checked say of a name that is none of theirs."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import dataclass
from typing import Any

import pytest

import tv2sim as tv

UNKNOWN: list[tuple[type, dict[str, Any], type[tv.InputError], str]] = [
    (tv.Scenario, {"encoder": 5}, tv.ScenarioError, "did you mean encoders?"),
    (tv.Scenario, {"queue": 5}, tv.ScenarioError, "did you mean publishing_queue_capacity?"),
    (tv.Strategy, {"prewarm": 5}, tv.StrategyError, "did you mean prewarmed?"),
    (
        tv.Uniform,
        {"lo": 2, "high": 6},
        tv.ScenarioError,
        "Uniform has no 'lo'; it has low, high: did you mean low?",
    ),
    (tv.Uniform, {"low": 2, "xyz": 6}, tv.ScenarioError, "Uniform has no 'xyz'; it has low, high"),
    (tv.Precision, {"metric": "failed", "relativ": 1}, tv.InputError, "did you mean relative?"),
]


@pytest.mark.parametrize(("kind", "named", "error", "end"), UNKNOWN)
def test_an_unknown_name_is_answered_with_what_was_meant(
    kind: type, named: dict[str, Any], error: type[tv.InputError], end: str
) -> None:
    with pytest.raises(error) as caught:
        kind(**named)
    assert type(caught.value) is error
    assert str(caught.value).endswith(end)


def test_so_it_is_when_a_value_is_replaced() -> None:
    with pytest.raises(tv.ScenarioError, match=r"a scenario has no 'encoder'; .* did you mean encoders\?"):
        tv.Scenario().replace(encoder=5)


@dataclass(frozen=True)
class WithField(tv.Strategy):
    share: float = 0.5


class WithInit(tv.Strategy):
    def __init__(self, level: int) -> None:
        super().__init__("own", prewarmed=level)


class WithAnything(tv.Strategy):
    def __init__(self, **anything: int) -> None:
        super().__init__("own", prewarmed=anything["level"])


def test_a_class_of_ones_own_has_its_own_names() -> None:
    assert WithField(share=0.25).share == 0.25
    assert WithInit(level=3).prewarmed == WithAnything(level=3).prewarmed == 3
    with pytest.raises(tv.StrategyError, match=r"WithField has no 'shar'; .* did you mean share\?"):
        WithField(shar=0.25)  # type: ignore[call-arg]
    with pytest.raises(tv.StrategyError, match=r"WithInit has no 'prewarmed'; it has level$"):
        WithInit(prewarmed=3)  # type: ignore[call-arg]


def test_everything_else_is_as_in_any_dataclass() -> None:
    scenario = tv.Scenario(encoders=5)
    assert copy.deepcopy(scenario) == pickle.loads(pickle.dumps(scenario)) == scenario
    assert list(inspect.signature(tv.Uniform).parameters) == ["low", "high"]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'high'"):
        tv.Uniform(2)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (tv.Scenario(), "Scenario()"),
        (tv.Scenario(hand_over=tv.RetryLater(1)), "Scenario(hand_over=RetryLater(after=1.0))"),
        (tv.Scenario(encoders=None, until=60), "Scenario(encoders=None, until=60.0)"),
        (tv.Scenario(faults=tv.Faults(startup=0.1)), "Scenario(faults=Faults(startup=0.1))"),
        (tv.Broker(latency=0.5, loss=0.1), "Broker(latency=0.5, loss=0.1)"),
    ],
)
def test_a_text_has_what_is_not_the_default_and_makes_the_same(one: object, text: str) -> None:
    assert repr(one) == text
    assert eval(text, {name: getattr(tv, name) for name in tv.__all__}) == one
