"""The scenario: what it accepts and refuses, that it cannot be changed, and what it says of itself."""

from __future__ import annotations

import dataclasses
import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tv2sim as tv
from tests.helpers.messages import says
from tv2sim.base.checks import a_whole_number
from tv2sim.base.fields import parameter

POSITIVE_WHOLE = "a whole number of at least 1"
WHOLE_FROM_0 = "a whole number of at least 0"
RATE = "a finite number greater than 0 and at most 1e+06"
POSITIVE = "a finite number greater than 0"
FROM_0 = "a finite number of at least 0"
NO_FAULTS = {
    "startup": 0.0,
    "ready_lifetime": None,
    "publishing": 0.0,
    "attempts": None,
    "encoder_lifetime": None,
    "encoder_repair": 0.0,
    "noticed_after": 0.0,
}


def refused(field: str, value: object) -> str:
    """Make a scenario with one bad value and return what is said about it."""
    with pytest.raises(tv.ScenarioError) as caught:
        tv.Scenario(**{field: value})  # type: ignore[arg-type]
    return str(caught.value)


class TestDefaults:
    def test_they_are_those_of_the_original(self) -> None:
        scenario = tv.Scenario()
        assert dataclasses.asdict(scenario) == {
            "encoders": 10,
            "requests_per_second": 2.0,
            "startup_time": {"low": 2.0, "high": 6.0},
            "publishing_time": 0.0,
            "publishing_queue_capacity": 100,
            "until": None,
            "patience": None,
            "arrivals": "even",
            "encoding_factor": None,
            "deadline": "published",
            "max_publishers": None,
            "provisioning_delay": 0.0,
            "faults": NO_FAULTS,
            "hand_over": None,
            "broker": None,
        }
        assert scenario.startup_time == tv.Uniform(2, 6)

    def test_the_gap_is_the_time_between_two_requests(self) -> None:
        assert tv.Scenario().gap == 0.5
        assert tv.Scenario(requests_per_second=0.25).gap == 4

    def test_times_and_rates_become_floats_and_counts_ints(self) -> None:
        scenario = tv.Scenario(
            encoders=np.int32(3),  # type: ignore[arg-type]
            requests_per_second=4,
            publishing_time=np.float32(0.5),  # type: ignore[arg-type]
            publishing_queue_capacity=np.int64(7),  # type: ignore[arg-type]
            until=60,
        )
        names = ("encoders", "requests_per_second", "publishing_time", "publishing_queue_capacity", "until")
        values = [getattr(scenario, name) for name in names]
        assert values == [3, 4.0, 0.5, 7, 60.0]
        assert [type(value) for value in values] == [int, float, float, int, float]


class TestValidation:
    @pytest.mark.parametrize("value", [0, -1, 10.0, 2.5, True, False, "5", math.nan, math.inf, []])
    def test_encoders(self, value: object) -> None:
        assert refused("encoders", value) == f"encoders must be {POSITIVE_WHOLE}, not {value!r}"

    @pytest.mark.parametrize("value", [0, 0.0, -2, math.nan, math.inf, -math.inf, True, None, "2", 1j, 2e6])
    def test_requests_per_second(self, value: object) -> None:
        message = refused("requests_per_second", value)
        assert message == f"requests_per_second must be {RATE}, not {value!r}"

    @pytest.mark.parametrize("value", [-0.5, math.nan, math.inf, True, None, [1.0], 10**400])
    def test_publishing_time(self, value: object) -> None:
        assert refused("publishing_time", value) == f"publishing_time must be {FROM_0}, not {value!r}"

    @pytest.mark.parametrize("value", [-1, 1.0, 0.5, math.inf, math.nan, True, "100", "None"])
    def test_publishing_queue_capacity(self, value: object) -> None:
        message = refused("publishing_queue_capacity", value)
        assert message == f"publishing_queue_capacity, if not None, must be {WHOLE_FROM_0}, not {value!r}"

    @pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "60"])
    def test_until(self, value: object) -> None:
        assert refused("until", value) == f"until, if not None, must be {POSITIVE}, not {value!r}"

    @pytest.mark.parametrize("value", [2.0**32 + 1, 1e308])
    @pytest.mark.parametrize(
        ("name", "called"),
        [
            ("until", "until, if not None,"),
            ("publishing_time", "publishing_time"),
            ("startup_time", "startup_time, if not a distribution,"),
        ],
    )
    def test_a_time_that_is_too_long(self, name: str, called: str, value: float) -> None:
        assert says(refused(name, value), f"{called} must", "at most 4294967296 s", f"not {value!r}")
        longest: dict[str, Any] = {name: 2**32}
        assert getattr(tv.Scenario(**longest), name) in (2.0**32, tv.Constant(2**32))

    @pytest.mark.parametrize("value", [2.0**-33, 1e-300, 5e-324])
    def test_requests_too_far_apart(self, value: float) -> None:
        message = refused("requests_per_second", value)
        assert says(message, "requests_per_second must", "at most 4294967296 s", f"not {value!r}")

    @pytest.mark.parametrize("value", [-1, math.nan, math.inf, True, None, [2, 6, 9], tv.Uniform, {"low": 2}])
    def test_startup_time_that_is_neither_distribution_nor_number(self, value: object) -> None:
        message = refused("startup_time", value)
        assert message.startswith("startup_time")
        assert message.endswith(f"must be {FROM_0}, not {value!r}")

    @pytest.mark.parametrize("text", ["", "fast", "normal(2, 6)", "uniform(2)", "uniform(a, b)", "uniform 2 6"])
    def test_startup_time_as_text_that_is_none(self, text: str) -> None:
        message = refused("startup_time", text)
        assert says(message, "startup_time must", "seconds", "constant(value), ", f"not {text!r}")

    @pytest.mark.parametrize(
        "values",
        [
            {"encoders": 1},
            {"encoders": 10**6},
            {"requests_per_second": 1e6},
            {"requests_per_second": Fraction(1, 4)},
            {"publishing_time": 0},
            {"publishing_queue_capacity": 0},
            {"publishing_queue_capacity": None},
            {"until": 0.001},
            {"until": None},
            {"startup_time": 0},
            {"startup_time": "gamma(4, 1)"},
        ],
    )
    def test_the_extremes_of_what_is_accepted(self, values: dict[str, Any]) -> None:
        scenario = tv.Scenario(**values)
        for name, value in values.items():
            if name != "startup_time":
                assert getattr(scenario, name) == value

    def test_an_error_is_a_value_error_and_one_of_the_library(self) -> None:
        for kind in (ValueError, tv.InputError, tv.TV2SimError):
            with pytest.raises(kind, match="encoders must be"):
                tv.Scenario(encoders=0)

    def test_simulate_wants_a_scenario(self) -> None:
        with pytest.raises(tv.ScenarioError, match=r"scenario must be a tv2sim.Scenario, not \{'enc.*5\}"):
            tv.simulate(tv.generate_catalogue(1), "1", {"encoders": 5})  # type: ignore[arg-type]


class TestPublishingTime:
    def test_a_number_stays_one_and_a_constant_becomes_one(self) -> None:
        for time in (1, 1.0, tv.Constant(1), "1", "constant(1)"):
            assert tv.Scenario(publishing_time=time).publishing_time == 1.0
        assert tv.Scenario(publishing_time="uniform(1, 3)").publishing_time == tv.Uniform(1, 3)

    def test_it_comes_back_from_data(self) -> None:
        scenario = tv.Scenario(publishing_time="gamma(2, 1)", deadline="assigned")
        assert tv.Scenario.from_dict(json.loads(json.dumps(scenario.to_dict()))) == scenario

    def test_its_mean_counts_against_the_deadline(self) -> None:
        scenario = tv.Scenario(publishing_time="uniform(1, 3)")
        assert scenario.mean_publishing_time == 2
        assert scenario.replace(deadline="assigned").mean_publishing_time == 0

    def test_chance_in_it_is_chance_in_the_scenario(self) -> None:
        constant = tv.Scenario(startup_time=3, publishing_time=2)
        assert constant.is_deterministic
        assert not constant.replace(publishing_time="uniform(1, 3)").is_deterministic

    def test_what_can_be_held_against_the_deadline(self) -> None:
        said = "deadline must be one of 'published', 'assigned', not 'queued'"
        assert refused("deadline", "queued") == said


class TestStartupTime:
    def test_a_number_is_a_constant(self) -> None:
        assert tv.Scenario(startup_time=4).startup_time == tv.Constant(4)
        assert tv.Scenario(startup_time=np.int64(4)).startup_time == tv.Constant(4)  # type: ignore[arg-type]

    def test_a_text_is_parsed(self) -> None:
        assert tv.Scenario(startup_time="triangular(2, 3, 6)").startup_time == tv.Triangular(2, 3, 6)

    def test_a_distribution_stays_what_it_is(self) -> None:
        given = tv.Empirical([3, 2])
        assert tv.Scenario(startup_time=given).startup_time is given


class TestImmutability:
    @pytest.mark.parametrize("field", dataclasses.fields(tv.Scenario), ids=lambda field: field.name)
    def test_no_value_can_be_set_or_deleted(self, field: dataclasses.Field[object]) -> None:
        scenario = tv.Scenario()
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(scenario, field.name, getattr(scenario, field.name))
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(scenario, field.name)

    def test_equal_ones_are_one_in_a_set(self) -> None:
        assert {tv.Scenario(), tv.Scenario(encoders=10), tv.Scenario(encoders=5)} == {
            tv.Scenario(),
            tv.Scenario(encoders=5),
        }

    def test_the_samples_behind_it_cannot_be_changed_from_outside(self) -> None:
        samples = [2.0, 3.0]
        scenario = tv.Scenario(startup_time=tv.Empirical(samples))
        samples[0] = 99
        assert scenario.startup_time == tv.Empirical([2, 3])


class TestDescriptions:
    """A field's default, check, description and label stand with the field, and nowhere else."""

    @pytest.mark.parametrize("field", dataclasses.fields(tv.Scenario), ids=lambda field: field.name)
    def test_each_field_describes_itself(self, field: dataclasses.Field[object]) -> None:
        assert field.metadata["help"].endswith(".")
        assert field.metadata["label"]
        assert callable(field.metadata["check"])

    def test_help_shows_them(self) -> None:
        shown = " ".join((tv.Scenario.__doc__ or "").split())
        for field in dataclasses.fields(tv.Scenario):
            assert f"{field.name} : {field.type}, default {field.default} {field.metadata['help']}" in shown

    def test_a_field_that_is_added_is_checked_saved_and_changed(self) -> None:
        @dataclasses.dataclass(frozen=True)
        class Larger(tv.Scenario):
            editors: int = parameter(3, a_whole_number, at_least=1, text="The number of editors.")

        with pytest.raises(tv.ScenarioError, match="editors must be a whole number of at least 1, not 0"):
            Larger(editors=0)
        assert Larger().replace(editors=4).to_dict()["editors"] == 4

    def test_another_default_in_a_subclass_is_checked_as_well(self) -> None:
        @dataclasses.dataclass(frozen=True)
        class Small(tv.Scenario):
            encoders: int = 1

        with pytest.raises(tv.ScenarioError, match="encoders must be a whole number of at least 1, not 0"):
            Small(encoders=0)


class TestReplace:
    def test_it_changes_what_is_named_and_nothing_else(self) -> None:
        scenario = tv.Scenario(encoders=5, until=60)
        changed = scenario.replace(startup_time="constant(4)", until=None)
        assert changed == tv.Scenario(encoders=5, startup_time=4)
        assert scenario == tv.Scenario(encoders=5, until=60)

    def test_without_changes_it_is_an_equal_one(self) -> None:
        assert tv.Scenario(encoders=5).replace() == tv.Scenario(encoders=5)

    def test_an_unknown_name_is_quoted_and_the_known_ones_are_listed(self) -> None:
        with pytest.raises(tv.ScenarioError) as caught:
            tv.Scenario().replace(encoder=5)
        message = str(caught.value)
        assert "'encoder'" in message
        for field in dataclasses.fields(tv.Scenario):
            assert field.name in message

    def test_the_new_value_is_checked(self) -> None:
        with pytest.raises(tv.ScenarioError, match="encoders must be a whole number of at least 1, not 0"):
            tv.Scenario().replace(encoders=0)


DISTRIBUTIONS = st.one_of(
    st.builds(tv.Constant, st.floats(0, 100)),
    st.tuples(st.floats(0, 100), st.floats(0, 100)).map(lambda pair: tv.Uniform(*sorted(pair))),
    st.builds(tv.LogNormal, st.floats(0.1, 100), st.floats(0.01, 2)),
    st.lists(st.floats(0, 100), min_size=1, max_size=5).map(tv.Empirical),
)
SCENARIOS = st.builds(
    tv.Scenario,
    encoders=st.integers(1, 50),
    requests_per_second=st.floats(0.01, 100),
    startup_time=DISTRIBUTIONS,
    publishing_time=st.floats(0, 10),
    publishing_queue_capacity=st.none() | st.integers(0, 200),
    until=st.none() | st.floats(0.5, 1000),
)


class TestAsData:
    @given(SCENARIOS)
    def test_there_and_back_through_json(self, scenario: tv.Scenario) -> None:
        there = json.loads(json.dumps(scenario.to_dict()))
        assert tv.Scenario.from_dict(there) == scenario

    def test_what_it_looks_like(self) -> None:
        assert tv.Scenario(until=60).to_dict() == {
            "kind": "scenario",
            "encoders": 10,
            "requests_per_second": 2.0,
            "startup_time": {"kind": "uniform", "low": 2.0, "high": 6.0},
            "publishing_time": 0.0,
            "publishing_queue_capacity": 100,
            "until": 60.0,
            "patience": None,
            "arrivals": "even",
            "encoding_factor": None,
            "deadline": "published",
            "max_publishers": None,
            "provisioning_delay": 0.0,
            "faults": {"kind": "faults", **NO_FAULTS},
            "hand_over": None,
            "broker": None,
        }

    def test_what_comes_back_is_checked(self) -> None:
        with pytest.raises(tv.ScenarioError, match="encoders must be a whole number of at least 1, not 0"):
            tv.Scenario.from_dict(tv.Scenario().to_dict() | {"encoders": 0})

    def test_a_distribution_of_ones_own_does_not_come_back_as_another(self) -> None:
        class Weekend(tv.Distribution):
            mean = 3.0

            def quantile(self, u: Any) -> Any:
                return 2 + 2 * u

        data = tv.Scenario(startup_time=Weekend()).to_dict()
        json.dumps(data)
        with pytest.raises(tv.ScenarioError, match=r"kind must be one of constant, uniform.*, not 'custom'"):
            tv.Scenario.from_dict(data)


class TestExplain:
    """By hand: load = rate x encoding / encoders; arrivals <= encoders / encoding; pool = S / E[startup]."""

    def test_offered_load_per_encoder(self) -> None:
        # 2 requests/s x 3.5 s = 7 encoders' work, on 10 encoders
        assert tv.Scenario().explain(3.5).load_per_encoder == pytest.approx(0.7)
        assert tv.Scenario(encoders=5).explain(3.5).load_per_encoder == pytest.approx(1.4)

    def test_of_an_array_it_takes_the_mean(self) -> None:
        found = tv.Scenario(encoders=4).explain(np.array([1.0, 2.0, 6.0]))
        assert (found.encoding_time, found.load_per_encoder) == (3, 1.5)

    def test_the_encoders_limit_the_arrival_rate(self) -> None:
        # 5 encoders do 5 / 4 s = 1.25 videos/s of the 2 requested; 10 do 2.5, more than requested
        assert tv.Scenario(encoders=5).explain(4).arrival_rate == 1.25
        assert tv.Scenario(encoders=10).explain(4).arrival_rate == 2
        assert tv.Scenario(encoders=8).explain(4).arrival_rate == 2

    def test_without_encoding_times_the_requested_rate_counts(self) -> None:
        found = tv.Scenario(encoders=1, requests_per_second=3).explain()
        assert (found.arrival_rate, found.load_per_encoder, found.encoding_time) == (1 / 0.333333, None, None)

    def test_no_encoding_time_at_all_is_no_load(self) -> None:
        found = tv.Scenario().explain(0)
        assert (found.load_per_encoder, found.arrival_rate) == (0, 2)

    @pytest.mark.parametrize(
        ("startup_time", "capacity"),
        [("uniform(2, 6)", 2.5), (5, 2), ("exponential(2)", 5), ("gamma(4, 0.5)", 5), (0, math.inf)],
    )
    def test_pool_capacity_is_its_size_over_the_mean_startup_time(
        self, startup_time: float | str, capacity: float
    ) -> None:
        assert tv.Scenario(startup_time=startup_time).explain(prewarmed=10).pool_capacity == capacity

    def test_without_a_pool_there_is_no_capacity(self) -> None:
        assert tv.Scenario().explain(3).pool_capacity is None
        assert tv.Scenario().explain(3).warnings == ()

    def test_a_pool_of_8_just_keeps_up(self) -> None:
        (warning,) = map(str, tv.Scenario().explain(prewarmed=8).warnings)
        assert warning.startswith("a pool of 8 just keeps up with 2 requests/s")

    def test_a_pool_of_10_is_no_reason_to_warn(self) -> None:
        assert tv.Scenario().explain(prewarmed=10).warnings == ()
        assert tv.Scenario().explain(3.2, prewarmed=10).warnings == ()

    @pytest.mark.parametrize("prewarmed", [1, 7])
    def test_a_pool_below_8_cannot_keep_up(self, prewarmed: int) -> None:
        (warning,) = map(str, tv.Scenario().explain(prewarmed=prewarmed).warnings)
        assert warning.startswith(f"a pool of {prewarmed} cannot keep up with 2 requests/s")

    def test_a_pool_with_little_to_spare_barely_keeps_up(self) -> None:
        # 17 / 4 s = 4.25 videos/s against 4 requested: 6 % more; 18 / 4 = 4.5: 12.5 % more
        scenario = tv.Scenario(encoders=100, requests_per_second=4)
        (warning,) = map(str, scenario.explain(prewarmed=17).warnings)
        assert warning.startswith("a pool of 17 barely keeps up with 4 requests/s")
        assert scenario.explain(prewarmed=18).warnings == ()

    def test_a_pool_of_0_publishes_nothing(self) -> None:
        (warning,) = map(str, tv.Scenario().explain(prewarmed=0).warnings)
        assert warning.startswith("a pool of 0 publishes nothing")

    def test_too_few_encoders_hold_the_client_back(self) -> None:
        (warning,) = map(str, tv.Scenario(encoders=5).explain(4).warnings)
        assert says(warning, "5 encoders", "2 requests/s", "held back", "1.25 videos/s")
        assert tv.Scenario(encoders=8).explain(4).warnings == ()

    def test_the_pool_is_held_against_what_the_encoders_let_through(self) -> None:
        # 5 encoders let 1.25 videos/s through: a pool of 5 (1.25/s) just keeps up, one of 8 (2/s) easily
        held_back, pool = map(str, tv.Scenario(encoders=5).explain(4, prewarmed=5).warnings)
        assert "held back" in held_back
        assert pool.startswith("a pool of 5 just keeps up with 1.25 videos/s")
        assert len(tv.Scenario(encoders=5).explain(4, prewarmed=8).warnings) == 1

    def test_as_text(self) -> None:
        text = str(tv.Scenario(encoders=4, startup_time=5).explain(3, prewarmed=6))
        # 2/s x 3 s = 6 encoders' work on 4: 150 %; 4 / 3 s = 1.33/s get through; 6 / 5 s = 1.2/s
        assert text.splitlines() == [
            "offered load: 2 requests/s x 3 s encoding = 6 encoders' work, 150 % of each of 4",
            "arrivals at the publishing stage: 1.33 videos/s",
            "pool: 6 publishers / 5 s mean start-up = 1.2 videos/s",
            "warning: 4 encoders cannot take 2 requests/s: the client is held back to 1.33 videos/s",
            "warning: a pool of 6 cannot keep up with 1.33 videos/s: waits grow steadily",
        ]

    def test_as_text_it_leaves_out_what_it_was_not_asked(self) -> None:
        assert str(tv.Scenario().explain()) == "arrivals at the publishing stage: 2 videos/s"

    @pytest.mark.parametrize("prewarmed", [-1, 2.5, "8", True])
    def test_an_impossible_pool_is_quoted(self, prewarmed: object) -> None:
        with pytest.raises(tv.ScenarioError) as caught:
            tv.Scenario().explain(prewarmed=prewarmed)  # type: ignore[arg-type]
        assert str(caught.value) == f"prewarmed must be {WHOLE_FROM_0}, not {prewarmed!r}"

    @pytest.mark.parametrize("encoding_time", [-3, math.nan, math.inf, "3", [1, 2]])
    def test_an_impossible_encoding_time_is_quoted(self, encoding_time: object) -> None:
        with pytest.raises(tv.ScenarioError) as caught:
            tv.Scenario().explain(encoding_time)
        assert str(caught.value).endswith(f"must be {FROM_0}, not {encoding_time!r}")
