"""The options of a scenario: its file, its fields, its tables, and which of them wins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tv2sim as tv
from tests.helpers.commands import CATALOGUE, SAMPLE, is_one_line, tv2sim
from tests.helpers.scenario_files import ROOT, WORLD
from tv2sim.cli.inputs import scenario_of
from tv2sim.cli.options import COMMANDS
from tv2sim.cli.parse import parse

EXAMPLE = ROOT / "data" / "world.toml"
OF_A_CATALOGUE = ("run", "compare", "plan", "replay", "check", "engines")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENCODERS", raising=False)


def asked(*options: object) -> tv.Scenario:
    """Return the scenario that these options of ``tv2sim run`` ask for."""
    return scenario_of(parse(["run", str(CATALOGUE), *map(str, options)]))


def refused(*options: object) -> str:
    status, out, err = tv2sim("run", CATALOGUE, *options)
    assert (status, out) == (2, "")
    assert is_one_line(err)
    return err


def written(folder: Path, text: str, name: str = "world.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "fields"),
        [
            ("--encoders none", {"encoders": None}),
            ("--encoders 1,1,0.5", {"encoders": [1, 1, 0.5]}),
            ("--encoders [2]", {"encoders": [2]}),
            ("--arrivals poisson", {"arrivals": "poisson"}),
            ("--deadline assigned", {"deadline": "assigned"}),
            ("--until none", {"until": None}),
            ("--encoding-factor none", {"encoding_factor": None}),
            ("--encoding-factor uniform(1,2)", {"encoding_factor": tv.Uniform(1, 2)}),
            ("--publishing-queue-capacity none", {"publishing_queue_capacity": None}),
            ("--hand-over after=1,factor=2", {"hand_over": tv.RetryLater(after=1, factor=2)}),
            ("--broker kafka", {"broker": tv.KAFKA}),
            (
                "--broker latency=uniform(0,1),loss=0.1",
                {"broker": tv.Broker(latency="uniform(0, 1)", loss=0.1)},
            ),
            ("--broker none", {}),
            ("--requests-per-second 3", {"requests_per_second": 3}),
            (
                "--requests-per-second steps=[[0,2],[60,0.5]],period=120",
                {"requests_per_second": tv.Profile([(0, 2), (60, 0.5)], period=120)},
            ),
            (
                "--faults startup=0.1,ready_lifetime=gamma(4,1),attempts=none",
                {"faults": tv.Faults(startup=0.1, ready_lifetime="gamma(4, 1)")},
            ),
        ],
    )
    def test_each_kind_of_value(self, options: str, fields: dict[str, Any]) -> None:
        assert asked(*options.split()) == tv.Scenario(**fields)

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ("--encoders many", "'many' is not a whole number"),
            ("--encoders 1,x", "'1,x' is not a list of numbers, such as [1, 1, 0.5]"),
            ("--encoders 1,0", "the speed of an encoder must be a finite number greater than 0, not 0"),
            ("--requests-per-second none", "'none' is not a number"),
            ("--requests-per-second period=9", "requests_per_second must say steps, not only {'period': 9.0}"),
            ("--faults startp=0.1", "did you mean startup?"),
            ("--faults 0.1", "'0.1' is not NAME=VALUE, such as startup=0.0"),
            ("--faults startup=0.1,2", "'2' in 'startup=0.1,2' is not NAME=VALUE, such as startup=0.0"),
            ("--faults startup=x", "'x' is not a number"),
            ("--faults startup=2", "faults: startup must be a probability below 1, not 2.0"),
            ("--hand-over factor=2", "hand_over must say after, not only {'factor': 2.0}"),
            ("--broker rabbit", "'rabbit' is not kafka, redis, none or NAME=VALUE, such as latency=0.0"),
            ("--deadline queued", "deadline must be one of 'published', 'assigned', not 'queued'"),
        ],
    )
    def test_a_wrong_one_is_one_sentence(self, options: str, said: str) -> None:
        assert said in refused(*options.split())

    @pytest.mark.parametrize("command", OF_A_CATALOGUE)
    def test_every_command_that_takes_a_catalogue_has_all_of_them(self, command: str) -> None:
        out = tv2sim(command, "--help").out
        flags = {f"--{name.replace('_', '-')}" for name in tv.Scenario.__dataclass_fields__}
        assert [flag for flag in (*flags, "--scenario", "--columns") if f"{flag} " not in out] == []

    def test_help_names_the_keys_of_tables(self) -> None:
        out = " ".join(tv2sim("run", "--help").out.split())
        assert "NAME=VALUE of startup, ready_lifetime," in out
        assert "or NAME=VALUE of steps, period (default: 2)" in out


class TestFiles:
    @pytest.mark.parametrize("command", OF_A_CATALOGUE)
    @pytest.mark.full
    def test_the_example_is_taken_by_every_command(self, command: str) -> None:
        few = {
            "compare": "--replications 2 --strategies 2c", "plan": "--replications 40 --vary prewarmed=10:11",
            "replay": "--speed max --port none",
        }  # fmt: skip
        options = few.get(command, "").split()
        status, out, err = tv2sim(command, CATALOGUE, "--scenario", EXAMPLE, *options)
        assert (status, bool(out)) == (0, True), err

    def test_these_are_the_commands_that_take_a_catalogue(self) -> None:
        takes = {name for name in COMMANDS if " CATALOGUE" in tv2sim(name, "--help").out}
        assert takes == {*OF_A_CATALOGUE, "verify"}  # whose scenarios are those of theory

    def test_it_is_what_is_simulated(self) -> None:
        expected = tv.simulate(CATALOGUE, "2c", WORLD, seed=4).stats
        assert tv2sim("run", CATALOGUE, "--scenario", EXAMPLE, "--seed", 4).out == f"{expected}\n"

    def test_options_win_and_a_table_changes_that_of_the_file(self, tmp_path: Path) -> None:
        path = written(tmp_path, "encoders = 5\nuntil = 60\n[faults]\nstartup = 0.1\nattempts = 2\n")
        named = written(tmp_path, 'broker = "redis"', "named.toml")
        assert asked("--scenario", named).broker == tv.REDIS
        assert asked("--scenario", named, "--broker", "loss=0.5").broker == tv.Broker(0.0002, 0.5, 3600)
        found = asked("--scenario", path, "--until", 90, "--faults", "attempts=none,publishing=0.2")
        assert found == tv.Scenario(encoders=5, until=90, faults=tv.Faults(startup=0.1, publishing=0.2))

    def test_the_file_wins_over_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ENCODERS", "7")
        assert asked("--scenario", written(tmp_path, "encoders = 5")).encoders == 5
        assert asked("--scenario", written(tmp_path, "until = 60")).encoders == 7
        assert asked("--scenario", written(tmp_path, "encoders = 5"), "--encoders", 6).encoders == 6

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("encodrs = 5", "world.toml': Scenario has no 'encodrs'"),
            ("encoders = 0", "world.toml': encoders must be a whole number of at least 1, not 0"),
            ("encoders = ", "world.toml' is not valid TOML"),
        ],
    )
    def test_a_wrong_file_is_one_sentence(self, text: str, said: str, tmp_path: Path) -> None:
        assert said in refused("--scenario", written(tmp_path, text))

    def test_what_is_no_file_is_one_sentence(self, tmp_path: Path) -> None:
        assert "No such file or directory" in refused("--scenario", tmp_path / "no.toml")
        assert "Is a directory" in refused("--scenario", tmp_path)

    def test_a_recorded_log_has_its_own(self) -> None:
        status, _, err = tv2sim("replay", "--recorded", SAMPLE, "--scenario", EXAMPLE)
        assert status == 2
        assert "--scenario is for a catalogue" in err


class TestCompare:
    FEW = ("--strategies", "2c", "--replications", 3)

    def scenarios(self, *options: object) -> list[str]:
        status, out, err = tv2sim("compare", SAMPLE, *self.FEW, "--format", "json", *options)
        assert status == 0, err
        return list(dict.fromkeys(row["scenario"] for row in json.loads(out)))

    def test_files_are_scenarios_by_name(self, tmp_path: Path) -> None:
        one, other = (written(tmp_path, "until = 60", name) for name in ("one.toml", "other.toml"))
        assert self.scenarios("--scenario", one) == ["one"]
        assert self.scenarios("--scenario", f"{one},{other}") == ["one", "other"]
        assert self.scenarios("--scenario", f"{one},{other}", "--encoders", "[1, 2],3") == [
            f"{name}, encoders={encoders}" for name in ("one", "other") for encoders in ([1, 2], 3)
        ]

    def test_files_that_differ_in_the_suffix_only(self, tmp_path: Path) -> None:
        one, other = written(tmp_path, "until = 60", "day.toml"), written(tmp_path, '{"until": 9}', "day.json")
        assert self.scenarios("--scenario", f"{one},{other}") == ["day.toml", "day.json"]

    def test_a_file_given_twice_is_refused(self) -> None:
        status, _, err = tv2sim("compare", SAMPLE, "--scenario", f"{EXAMPLE},{EXAMPLE}")
        assert (status, "twice" in err) == (2, True)

    def test_the_report_tells_how_to_repeat_it(self, tmp_path: Path) -> None:
        report = tmp_path / "report.html"
        options = f"--scenario {EXAMPLE} --until none,90 --faults startup=0.25,attempts=none"
        assert tv2sim("compare", SAMPLE, *self.FEW, *options.split(), "--report", report).status == 0
        assert f"{options} --seed 1" in report.read_text(encoding="utf-8")

    def test_a_table_has_commas_of_its_own(self) -> None:
        grid = self.scenarios("--faults", "startup=0.1,attempts=none", "--until", "60,none")
        assert grid == [f"until={until}, faults=startup=0.1,attempts=none" for until in (60, None)]
