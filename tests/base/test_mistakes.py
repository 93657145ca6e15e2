"""What is said of a mistake: one sentence of bounded length, which names what was probably meant."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tv2sim as tv
from tv2sim.strategies.strategy import Changes

LONG = "x" * 10**6
VIDEO = {"id": "a", "encodingTime": 3, "publicationTimeout": 9}


class TestMessagesAreShort:
    """A message quotes what was given, but never more than a page of it."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda: tv.simulate([VIDEO], LONG),
            lambda: tv.simulate([VIDEO], f"2c({LONG}=1)"),
            lambda: tv.Strategy(**{LONG: 1}),  # type: ignore[arg-type]
            lambda: tv.Strategy("2c", starts_on=LONG),  # type: ignore[arg-type]
            lambda: tv.Scenario(startup_time=f"uniform({LONG})"),
            lambda: tv.Scenario(encoders=[LONG]),  # type: ignore[list-item]
            lambda: tv.read_catalogue([VIDEO], columns=f"id={LONG}"),
            lambda: tv.read_catalogue(LONG),
            lambda: tv.load_run(LONG),
            lambda: tv.replicate([VIDEO], "2c", engine=LONG),  # type: ignore[arg-type]
            lambda: tv.replicate([VIDEO], "2c", metrics=[LONG]),
            lambda: tv.plan([VIDEO], "2c", vary={LONG: [1]}),
            lambda: tv.fit([LONG]),
        ],
    )
    def test_of_every_input(self, make: object) -> None:
        with pytest.raises(tv.TV2SimError) as caught:
            make()  # type: ignore[operator]
        assert len(str(caught.value)) <= 4000

    def test_the_end_of_a_message_is_kept(self) -> None:
        message = str(tv.InputError(f"{LONG!r} is unknown: choose another"))
        assert message.startswith("'xxx")
        assert message.endswith("xxx' is unknown: choose another")
        assert " … " in message

    def test_an_error_of_the_system_keeps_its_parts(self) -> None:
        error = tv.OutputError(28, "no space")
        assert (error.errno, error.strerror) == (28, "no space")


class TestNamesThatAreClose:
    """A misspelled name is told together with the one that was probably meant."""

    @pytest.mark.parametrize(
        ("method", "meant"),
        [
            ("pool_levels", "pool_level"),
            ("poolLevel", "pool_level"),
            ("start_moments", "start_moment"),
            ("own_publisher", "owns_publisher"),
            ("startdelay", "start_delay"),
            ("priorities", "priority"),
        ],
    )
    def test_a_method_with_nearly_the_name_of_a_hook(self, method: str, meant: str) -> None:
        with pytest.warns(
            tv.TV2SimWarning, match=f"Mine.{method} is no hook .*: did you mean {meant}[?]"
        ) as seen:
            type("Mine", (tv.Strategy,), {method: lambda self, *_: 1})
        assert [one.filename for one in seen] == [__file__]
        assert issubclass(tv.TV2SimWarning, UserWarning)  # shown by default

    def test_other_methods_are_no_mistakes(self) -> None:
        """A helper of a hook, what is private, a field and a known method; warnings are errors here."""

        class Mine(tv.Strategy):
            pool_levels = 3

            def priority(self, video: tv.Video, deadline: float) -> float:
                return self.priority_of(video)

            def priority_of(self, video: tv.Video) -> float:
                return video.slack

            def _pool_levels(self) -> int:
                return 1

            def in_words(self) -> str:
                return "mine"

            def forecast_of_tomorrow(self) -> int:
                return 1

        assert Mine().order == "priority"

    @pytest.mark.parametrize(
        ("state", "name", "meant"),
        [
            (tv.PoolState(0, 1, 2, 0, 0, 0), "redy", "ready"),
            (tv.PoolState(0, 1, 2, 0, 0, 0), "startng", "starting"),
            (tv.State(0, (), (), 0, (), 0, 0, {}), "waitin", "waiting"),
            (tv.Decision(), "discards", "discard"),
            (tv.LogEntry(0, "offered", 0, None, None), "publishers", "publisher"),
        ],
    )
    def test_an_attribute_that_a_state_lacks(self, state: object, name: str, meant: str) -> None:
        with pytest.raises(
            AttributeError, match=f"^{type(state).__name__} has no '{name}'.* did you mean {meant}[?]$"
        ):
            getattr(state, name)
        assert not hasattr(state, name)
        assert getattr(state, name, 7) == 7

    def test_in_a_hook_the_error_arrives_as_it_is(self) -> None:
        class Mine(tv.Strategy):
            def pool_level(self, state: tv.PoolState) -> int:
                return state.redy  # type: ignore[attr-defined, no-any-return]

        with pytest.raises(AttributeError, match=r"did you mean ready[?]"):
            tv.simulate([VIDEO], Mine(prewarmed=1))

    @pytest.mark.parametrize(
        ("given", "meant"), [(99.9, "0.999 (99.9%)"), (95, "0.95 (95%)"), (2, "0.02 (2%)")]
    )
    def test_a_share_in_percent(self, given: float, meant: str) -> None:
        with pytest.raises(tv.InputError) as caught:
            tv.plan([VIDEO], "2c", target=given)
        assert str(caught.value).endswith(f"not {given}: did you mean {meant}?")

    @pytest.mark.parametrize("given", [101, -1, 0, "x", float("nan")])
    def test_no_share_at_all(self, given: object) -> None:
        with pytest.raises(tv.InputError, match=r"^target must be .*, not [^:]*$"):
            tv.plan([VIDEO], "2c", target=given)  # type: ignore[arg-type]

    def test_a_word_out_of_several(self) -> None:
        with pytest.raises(tv.StrategyError, match=r"starts_on must be one of .*: did you mean encoded[?]"):
            tv.Strategy(starts_on="encode")  # type: ignore[arg-type]
        with pytest.raises(tv.InputError, match=r"engine must be one of .*: did you mean kernel[?]"):
            tv.simulate([VIDEO], "2c", engine="kernl")  # type: ignore[arg-type]


class TestLimits:
    """A number, a name or a list beyond all measure is refused, and at once."""

    @pytest.mark.parametrize("field", ["price", "holds_back", "headroom", "review_every", "idle_time_to_live"])
    @pytest.mark.parametrize("value", [1.7e308, 5e9])
    def test_a_number_of_a_strategy(self, field: str, value: float) -> None:
        with pytest.raises(tv.StrategyError, match=f"{field}.* must be .*at most"):
            tv.Strategy(prewarmed=3, **{field: value})  # type: ignore[arg-type]

    def test_a_name(self) -> None:
        with pytest.raises(tv.StrategyError, match=r"name must have at most 10,000 characters, not 1,000,000"):
            tv.Strategy(LONG)
        assert tv.Strategy("x" * 10_000).name == "x" * 10_000

    @pytest.mark.parametrize("samples", [range(10**12), range(10**30), itertools.count()])
    def test_measured_times_without_an_end(self, samples: object) -> None:
        with pytest.raises(tv.InputError, match=r"measured times must be at most 10,000,000 values, not"):
            tv.fit(samples)

    @pytest.mark.parametrize("videos", [range(10**12), range(10**30), np.arange(20_000)])
    def test_a_catalogue_of_what_cannot_be_videos(self, videos: object) -> None:
        for use in (
            lambda: tv.Strategy(price=60, forecast=videos),
            lambda: tv.simulate(videos),
            lambda: tv.read_catalogue(videos, columns="id=job"),  # type: ignore[arg-type]
            lambda: tv.survey_catalogue(videos),  # type: ignore[arg-type]
        ):
            with pytest.raises(
                tv.CatalogueError, match=r"the first 10,000 entries of .* are neither, such as "
            ):
                use()

    def test_records_after_a_few_others_are_read(self) -> None:
        catalogue = tv.read_catalogue([*range(9_999), VIDEO])
        assert (len(catalogue), len(catalogue.rejected)) == (1, 9_999)

    def test_names_of_catalogues_and_scenarios(self) -> None:
        for use in (
            lambda: tv.read_catalogue([VIDEO], name=LONG),
            lambda: tv.Catalogue([], name=LONG),
            lambda: tv.compare({LONG: [VIDEO]}, ["1"]),
            lambda: tv.compare([VIDEO], ["1"], {LONG: tv.Scenario()}),
            lambda: tv.policies.github_arc(3, name=LONG),
        ):
            with pytest.raises(
                tv.InputError, match=r"name.* must have at most 10,000 characters, not 1,000,000"
            ):
                use()


class TestPairsOfTimes:
    @pytest.mark.parametrize("pair", [[2, 6], (2.0, 6), [6, 2], "2, 6", "[2, 6]", "(2, 6)"])
    @pytest.mark.parametrize("field", ["startup_time", "publishing_time", "encoding_factor"])
    def test_suggest_a_distribution(self, field: str, pair: object) -> None:
        with pytest.raises(tv.ScenarioError) as caught:
            tv.Scenario(**{field: pair})  # type: ignore[arg-type]
        assert str(caught.value).endswith(f"not {pair!r}: did you mean uniform(2, 6)?")

    @pytest.mark.parametrize("value", [[2], [2, 4, 6], ["a", 2], {2: 6}, "soon", -1, None, [10**400, 1]])
    def test_other_values_suggest_none(self, value: object) -> None:
        with pytest.raises(tv.ScenarioError, match=r"^startup_time((?!did you mean).)*$"):
            tv.Scenario(startup_time=value)  # type: ignore[arg-type]


class TestWrongTypes:
    """A value of a wrong type gets the sentence that a wrong value gets."""

    @pytest.mark.parametrize("given", [5, "x", b"x", None, 1.5, True, [5], {"a": 1}, [print, 5], object()])
    def test_of_observers(self, given: object) -> None:
        for use in (
            lambda: tv.simulate([VIDEO], observers=given),  # type: ignore[arg-type]
            lambda: tv.replay([VIDEO], observers=given),  # type: ignore[call-overload]
        ):
            with pytest.raises(tv.InputError, match=r"^observers must be a function .*, or several, not "):
                use()

    def test_of_endless_observers(self) -> None:
        with pytest.raises(tv.InputError, match=r"^observers must be a function"):
            tv.simulate([VIDEO], observers=itertools.count())  # type: ignore[arg-type]

    @pytest.mark.parametrize("given", [5, None, b"x", ["x"], {}, object()])
    def test_of_paths(self, given: object, tmp_path: Path) -> None:
        with pytest.raises(tv.ScenarioError, match=r"^path must be a path, not "):
            tv.Scenario.from_file(given)  # type: ignore[arg-type]
        with pytest.raises(tv.InputError, match=r"^folder must be a path, not "):
            tv.simulate([VIDEO]).save(given)  # type: ignore[arg-type]

    @pytest.mark.parametrize("given", [5, None, "x", []])
    def test_of_plain_data(self, given: object) -> None:
        with pytest.raises(tv.ScenarioError, match=r"^plain data must be a dictionary, not "):
            tv.Scenario.from_dict(given)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "given",
        [object(), np.array([1, 2]), pd.NA, pd.Series([1, 2]), [1], "many", -1, 1.7e308, 10**400, float("nan")],
    )
    def test_of_policies(self, given: object) -> None:
        for name in tv.policies.__all__:
            policy = getattr(tv.policies, name)
            for each in inspect.signature(policy).parameters.values():
                if each.kind != each.VAR_KEYWORD:
                    with pytest.raises(tv.StrategyError, match=each.name):
                        policy(**({"buffer": 5} if name == "agones" else {}) | {each.name: given})


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    return tv.compare([VIDEO, VIDEO | {"id": "b"}], ["1", "2c:1"], replications=3, engine="simpy").summary


class TestSummary:
    """The table of a comparison is a data frame, and suggests the name of a metric."""

    def test_a_metric_that_there_is_not(self, summary: pd.DataFrame) -> None:
        with pytest.raises(KeyError, match=r"no column 'on_time'; there are .*: did you mean on_time_rate\?"):
            summary["on_time"]
        with pytest.raises(KeyError, match=r"no column 'ci_lo'; there are mean, .*: did you mean ci_low\?"):
            summary["failed"]["ci_lo"]
        with pytest.raises(KeyError, match=r"^\"no column 'xyz'; there are [^:]*\"$"):
            summary["xyz"]

    def test_all_else_is_as_in_any_data_frame(self, summary: pd.DataFrame) -> None:
        assert summary.get("on_time") is None
        assert "on_time" not in summary
        plain = pd.DataFrame(summary)
        assert summary.equals(plain)
        assert pickle.loads(pickle.dumps(summary)).equals(plain)
        assert summary["failed"]["mean"].equals(plain["failed"]["mean"])
        assert summary[("failed", "mean")].equals(plain[("failed", "mean")])
        assert type(summary.copy()) is type(summary.reset_index()) is pd.DataFrame
        for key in (("failed", "x"), ["failed", "x"], 7):
            with pytest.raises(KeyError) as caught:
                summary[key]
            with pytest.raises(KeyError) as usual:
                plain[key]
            assert caught.value.args == usual.value.args


class TestTypes:
    def test_each_field_has_a_type_in_replace(self) -> None:
        """The types are those of the fields; where a field accepts more than it holds, those of its setter."""
        accepts = {
            "AsPrewarmed": "int | Literal['rate']",
            "AsForecast": "object",
            "AsHeadroom": "float | tuple[float, float] | None",
        }
        fields = {each.name: each.type for each in dataclasses.fields(tv.Strategy)}
        types = {name: each.__forward_arg__ for name, each in Changes.__annotations__.items()}
        assert types == {name: accepts.get(str(kind), kind) for name, kind in fields.items()}

    @pytest.mark.full
    def test_a_type_checker_finds_a_wrong_name(self, tmp_path: Path) -> None:
        mine = tmp_path / "mine.py"
        mine.write_text(
            "from tv2sim.strategies.strategy import Strategy\n"
            "Strategy().replace(prewarmed=3, name='three')\n"
            "Strategy().replace(prewarm=3)\n"
            "Strategy().replace(prewarmed='three')\n"
        )
        # alone with the class itself, since all of tv2sim would take a minute
        of_class = Path(tv.__file__).parent / "strategies" / "strategy.py"
        options = ("--config-file=", "--follow-imports=skip", "--ignore-missing-imports", "--no-error-summary")
        command = [
            sys.executable,
            "-m",
            "mypy",
            *options,
            f"--cache-dir={tmp_path / 'cache'}",
            str(mine),
            str(of_class),
        ]
        found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=of_class.parents[2])
        lines = [line.partition("mine.py:")[2] for line in found.stdout.splitlines() if "mine.py:" in line]
        errors = [line for line in lines if ": error: " in line]
        assert [line.partition(":")[0] for line in errors] == ["3", "4"], found.stdout + found.stderr
        assert 'Unexpected keyword argument "prewarm"' in errors[0]
