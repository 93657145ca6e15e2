"""Scenarios as files: what is read, what is written, what is refused, and the schema of it."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tv2sim as tv
from tests.helpers.scenario_files import ROOT, WORLD, files
from tests.helpers.sizes import examples
from tests.world.test_scenario import DISTRIBUTIONS
from tv2sim.base.dictionaries import changed, from_tables, schema, tables
from tv2sim.base.fields import parameter
from tv2sim.world.distributions import DEFINITIONS
from tv2sim.world.scenario import _as_encoders

SCHEMA = schema(tv.Scenario, title="", definitions=DEFINITIONS)

EXAMPLE = ROOT / "data" / "world.toml"

TOML = """
encoders = [1, 0.5]
requests_per_second = { steps = [[0, 2.0], [60, 0.5]], period = 120 }
startup_time = "measured/times.csv"
publishing_time = "gamma(4, 1)"
publishing_queue_capacity = "none"

[faults]
startup = 0.1
ready_lifetime = "exponential(300)"
attempts = 3
"""


def written(folder: Path, text: str, name: str = "world.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path) -> str:
    with pytest.raises(tv.ScenarioError) as caught:
        tv.Scenario.from_file(path)
    message = str(caught.value)
    assert repr(str(path)) in message
    assert "\n" not in message
    return message.replace(repr(str(path)), "FILE")


TIMES = st.floats(0.1, 100) | DISTRIBUTIONS.filter(lambda one: not isinstance(one, tv.Constant))
FAULTS = st.builds(
    tv.Faults,
    startup=st.floats(0, 0.9),
    ready_lifetime=st.none() | TIMES,
    publishing=st.floats(0, 0.9),
    attempts=st.none() | st.integers(1, 9),
    encoder_lifetime=st.none() | TIMES,
    encoder_repair=TIMES,
    noticed_after=st.floats(0, 9),
)
RETRIES = st.builds(
    tv.RetryLater,
    st.floats(0, 9),
    st.floats(0.1, 9),
    st.none() | st.floats(0, 9),
    st.none() | st.integers(1, 9),
)
BROKERS = st.builds(tv.Broker, TIMES, st.floats(0, 0.9), st.floats(0, 60), st.floats(0, 0.9))
PROFILES = st.builds(
    lambda starts, rates, more: tv.Profile(
        list(zip([0.0, *sorted(starts)], [*rates, 1.0], strict=False)), period=more and max([0, *starts]) + more
    ),
    st.sets(st.floats(0.5, 1e4), max_size=3),
    st.lists(st.floats(0.01, 9), min_size=3, max_size=3),
    st.none() | st.floats(0.5, 100),
)
WORLDS = st.builds(
    tv.Scenario,
    encoders=st.none() | st.integers(1, 50) | st.lists(st.floats(0.1, 9), min_size=1, max_size=4),
    requests_per_second=st.floats(0.01, 100) | PROFILES,
    startup_time=DISTRIBUTIONS,
    publishing_time=TIMES,
    publishing_queue_capacity=st.none() | st.integers(0, 200),
    until=st.none() | st.floats(0.5, 1000),
    arrivals=st.sampled_from(["even", "poisson"]),
    encoding_factor=st.none() | TIMES,
    deadline=st.sampled_from(["published", "assigned"]),
    max_publishers=st.none() | st.integers(1, 99),
    provisioning_delay=st.floats(0, 9),
    faults=FAULTS,
    hand_over=st.none() | RETRIES,
    broker=st.none() | BROKERS | st.sampled_from(["kafka", "redis"]),
)


class TestReading:
    def test_each_kind_of_field(self, tmp_path: Path) -> None:
        (tmp_path / "measured").mkdir()
        written(tmp_path / "measured", "time\n3\n2\n", "times.csv")
        assert tv.Scenario.from_file(written(tmp_path, TOML)) == tv.Scenario(
            encoders=[1, 0.5],
            requests_per_second=tv.Profile([(0, 2), (60, 0.5)], period=120),
            startup_time=tv.Empirical([2, 3]),
            publishing_time=tv.Gamma(4, 1),
            publishing_queue_capacity=None,
            faults=tv.Faults(startup=0.1, ready_lifetime="exponential(300)", attempts=3),
        )

    def test_json_is_the_same(self, tmp_path: Path) -> None:
        data = tomllib.loads(TOML) | {"startup_time": 4, "until": None, "$schema": "scenario.schema.json"}
        found = tv.Scenario.from_file(written(tmp_path, json.dumps(data), "world.JSON"))
        toml = TOML.replace('"measured/times.csv"', "4")
        assert found == tv.Scenario.from_file(written(tmp_path, toml))

    def test_an_empty_file_is_the_original(self, tmp_path: Path) -> None:
        assert tv.Scenario.from_file(written(tmp_path, "")) == tv.Scenario()

    def test_changes_win(self, tmp_path: Path) -> None:
        found = tv.Scenario.from_file(str(written(tmp_path, "encoders = 5\nuntil = 60")), encoders=6)
        assert found == tv.Scenario(encoders=6, until=60)

    def test_a_byte_order_mark_does_no_harm(self, tmp_path: Path) -> None:
        assert tv.Scenario.from_file(written(tmp_path, "\ufeffencoders = 5")).encoders == 5

    def test_a_table_changes_the_one_there_is(self) -> None:
        scenario = tv.Scenario(faults=tv.Faults(startup=0.1, attempts=2))
        found = changed(scenario, {"faults": {"attempts": "none"}, "requests_per_second": {"steps": [[0, 3]]}})
        assert found.faults == tv.Faults(startup=0.1)
        assert found.requests_per_second == tv.Profile([(0, 3)])

    def test_a_subclass_reads_its_own_fields(self, tmp_path: Path) -> None:
        @dataclasses.dataclass(frozen=True)
        class Larger(tv.Scenario):
            editors: int = parameter(3, _as_encoders, at_least=1, text="The editors.")

        path = written(tmp_path, "editors = 4\n[faults]\nstartup = 0.5\n")
        assert Larger.from_file(path) == Larger(editors=4, faults=tv.Faults(startup=0.5))


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("encodrs = 5", "FILE: Scenario has no 'encodrs'; it has encoders, "),
            ("[faults]\nstartp = 0.1", "FILE: faults: Faults has no 'startp'; it has startup, "),
            ("encoders = 0", "FILE: encoders must be a whole number of at least 1, not 0"),
            ("[faults]\nstartup = 1", "FILE: faults: startup must be a probability below 1, not 1"),
            ("faults = 0.1", "FILE: faults must be a tv2sim.Faults, such as Faults(startup=0.1), not 0.1"),
            ("[requests_per_second]\nperiod = 9", "FILE: requests_per_second must say steps, not only {'per"),
            ("startup_time = 'fast'", "FILE: startup_time must be a number of seconds or one of constant(v"),
            ("encoders = 'None'", "FILE: encoders must be a whole number of at least 1, not 'None'"),
            ("until = 2026-03-02", "FILE: until, if not None, must be a finite number greater than 0, not da"),
            ("encoders = ", "the scenario FILE is not valid TOML: "),
            ("startup_time = 'no.csv'", "FILE: cannot read "),
        ],
    )
    def test_in_one_sentence_that_names_the_file(self, text: str, said: str, tmp_path: Path) -> None:
        assert refused(written(tmp_path, text)).startswith(said)

    def test_an_unknown_key_is_followed_by_what_was_meant(self, tmp_path: Path) -> None:
        assert refused(written(tmp_path, "encodrs = 5")).endswith("did you mean encoders?")
        assert refused(written(tmp_path, "[faults]\nready = 5")).endswith("did you mean ready_lifetime?")

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("{", "the scenario FILE is not valid JSON: "),
            ("[1]", "the scenario FILE must hold fields by name, not [1]"),
            ("[" * 100_000, "the scenario FILE is not valid JSON: "),
        ],
    )
    def test_json(self, text: str, said: str, tmp_path: Path) -> None:
        assert refused(written(tmp_path, text, "world.json")).startswith(said)

    def test_what_is_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "world.toml").write_bytes(b"\xff\xfe\0")
        assert refused(tmp_path / "world.toml").startswith("the scenario FILE is not valid TOML: ")

    def test_what_is_no_file(self, tmp_path: Path) -> None:
        assert refused(tmp_path / "no.toml") == "cannot read the scenario FILE: No such file or directory"
        assert refused(tmp_path) == "cannot read the scenario FILE: Is a directory"


class TestWriting:
    @settings(max_examples=examples(60))
    @given(WORLDS)
    def test_what_is_written_is_read_again(self, scenario: tv.Scenario) -> None:
        toml = tomllib.loads(scenario.to_toml())
        assert toml == tables(scenario)
        assert from_tables(tv.Scenario, toml) == scenario
        assert from_tables(tv.Scenario, json.loads(json.dumps(tables(scenario)))) == scenario

    def test_it_describes_every_field(self) -> None:
        text = " ".join(tv.Scenario().to_toml().replace("# ", "").split())
        for kind in (tv.Scenario, tv.Faults, tv.RetryLater, tv.Broker):
            for field in dataclasses.fields(kind):
                assert " ".join(field.metadata["help"].split()) in text
                assert f" {field.name} = " in text or f"[{field.name}]" in text

    def test_without_its_comments_a_default_is_empty(self) -> None:
        assert tomllib.loads(tv.Scenario().to_toml()) == {}

    def test_a_distribution_of_ones_own_is_refused(self) -> None:
        class Weekend(tv.Distribution):
            mean = 3.0

            def quantile(self, u: Any) -> Any:
                return 2 + 2 * u

        with pytest.raises(tv.ScenarioError, match="of your own class cannot be written to a file"):
            tv.Scenario(startup_time=Weekend()).to_toml()

    def test_one_of_scipy_is_its_text(self) -> None:
        scenario = tv.Scenario(startup_time="scipy.stats.weibull_min(1.5, scale=4)")
        assert from_tables(tv.Scenario, tomllib.loads(scenario.to_toml())) == scenario


class TestShipped:
    @pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
    def test_both_files_are_made_from_the_fields(self, path: Path) -> None:
        # after a change on purpose: python -m tests.helpers.scenario_files
        assert path.read_text(encoding="utf-8") == files()[path]

    def test_the_example_is_a_world_in_which_videos_are_published(self) -> None:
        scenario = tv.Scenario.from_file(EXAMPLE)
        assert scenario == WORLD
        run = tv.simulate(ROOT / "data" / "catalogue.jsonl", "2c", scenario)
        assert 20 < run.stats["published"] < 154


class TestSchema:
    @staticmethod
    def valid(data: object) -> bool:
        jsonschema = pytest.importorskip("jsonschema")
        found: bool = jsonschema.Draft202012Validator(
            schema(tv.Scenario, title="", definitions=DEFINITIONS)
        ).is_valid(data)
        return found

    def test_it_is_a_schema(self) -> None:
        jsonschema = pytest.importorskip("jsonschema")
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    @settings(max_examples=40)
    @given(WORLDS)
    def test_it_accepts_what_is_written(self, scenario: tv.Scenario) -> None:
        assert self.valid(tables(scenario))

    def test_its_limits_are_those_of_the_fields(self) -> None:
        found = dict(limits(SCHEMA))
        assert {limit for _, limit in found} == {"minimum", "exclusiveMinimum", "exclusiveMaximum"}
        for (path, limit), (bound, step) in found.items():
            for value in (bound, bound + step if "aximum" in limit else bound - step):
                data: Any = value
                for name in reversed(path):
                    data = {name: data}
                assert self.valid(data) == accepted(data), data

    @pytest.mark.parametrize(
        "data",
        [
            {"encodrs": 5},
            {"encoders": []},
            {"encoders": [1, 0]},
            {"encoders": "5"},
            {"arrivals": "odd"},
            {"faults": {"startup": -1}},
            {"faults": {"startp": 0.1}},
            {"faults": "none"},
            {"requests_per_second": {"period": 5}},
            {"requests_per_second": "none"},
            {"broker": "rabbit"},
            {"hand_over": {"factor": 2}},
            {"until": []},
        ],
    )
    def test_it_refuses_what_is_refused(self, data: dict[str, Any]) -> None:
        assert not self.valid(data)
        assert not accepted(data)


def limits(
    part: dict[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[tuple[str, ...], str], tuple[float, float]]]:
    """Yield the path and the kind of each limit of a number, with the limit and the step beyond it."""
    for choice in part.get("anyOf", [part]):
        step = 1 if choice.get("type") == "integer" else 0.25
        for limit in {"minimum", "exclusiveMinimum", "exclusiveMaximum"} & set(choice):
            yield (path, limit), (choice[limit], step)
        for name, one in choice.get("properties", {}).items():
            if path != ("requests_per_second",):  # which is nothing without its steps
                yield from limits(one, (*path, name))


def accepted(data: dict[str, Any]) -> bool:
    try:
        from_tables(tv.Scenario, data)
    except tv.ScenarioError:
        return False
    return True
