"""Distributions of times: quantile functions against SciPy, means against integration, text and data forms."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import example, given
from hypothesis import strategies as st

import tv2sim as tv
from tests.helpers.messages import says
from tv2sim.world.distributions import as_distribution, distribution_from_dict

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SMALLEST_U, LARGEST_U = 2.0**-53, 1 - 2.0**-53
"""What tv2sim.base.random_numbers can give."""

GRID = np.concatenate(
    [[SMALLEST_U, 1e-12, 1e-6, 1e-3], np.linspace(0.01, 0.99, 197), [1 - 1e-3, 1 - 1e-6, 1 - 1e-12, LARGEST_U]]
)

PAIRS: list[tuple[tv.Distribution, Any]] = [
    (tv.Uniform(2, 6), scipy.stats.uniform(2, 4)),
    (tv.Uniform(0, 0.25), scipy.stats.uniform(0, 0.25)),
    (tv.Triangular(2, 3, 6), scipy.stats.triang(0.25, 2, 4)),
    (tv.Triangular(2, 2, 6), scipy.stats.triang(0, 2, 4)),
    (tv.Triangular(2, 6, 6), scipy.stats.triang(1, 2, 4)),
    (tv.Exponential(4), scipy.stats.expon(scale=4)),
    (tv.Exponential(0.1), scipy.stats.expon(scale=0.1)),
    (tv.LogNormal(4, 0.5), scipy.stats.lognorm(0.5, scale=4)),
    (tv.LogNormal(0.5, 2), scipy.stats.lognorm(2, scale=0.5)),
    (tv.Gamma(4, 1), scipy.stats.gamma(4, scale=1)),
    (tv.Gamma(0.5, 8), scipy.stats.gamma(0.5, scale=8)),
]


def named(parameter: object) -> str:
    return str(parameter) if isinstance(parameter, tv.Distribution) else "scipy"


SMOOTH = [distribution for distribution, _ in PAIRS]
STEPPED: list[tv.Distribution] = [
    tv.Constant(4),
    tv.Constant(0),
    tv.Uniform(3, 3),
    tv.Triangular(3, 3, 3),
    tv.Empirical([5, 2, 3, 9]),
    tv.Empirical([1.5]),
    tv.Empirical([0, 0, 7]),
]
ALL = SMOOTH + STEPPED

times = st.floats(0, 1e6)
positive = st.floats(1e-3, 1e3)
any_distribution: st.SearchStrategy[tv.Distribution] = st.one_of(
    st.builds(tv.Constant, times),
    st.tuples(times, times).map(lambda two: tv.Uniform(*sorted(two))),
    st.tuples(times, times, times).map(lambda three: tv.Triangular(*sorted(three))),
    st.builds(tv.Exponential, positive),
    st.builds(tv.LogNormal, positive, st.floats(1e-3, 1.8)),
    st.builds(tv.Gamma, positive, positive),
    st.lists(times, min_size=1, max_size=20).map(tv.Empirical),
)


class TestQuantile:
    @pytest.mark.parametrize(("distribution", "theirs"), PAIRS, ids=named)
    def test_it_is_that_of_scipy(self, distribution: tv.Distribution, theirs: Any) -> None:
        np.testing.assert_allclose(distribution.quantile(GRID), theirs.ppf(GRID), rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize(("distribution", "theirs"), PAIRS, ids=named)
    def test_the_distribution_function_takes_it_back(self, distribution: tv.Distribution, theirs: Any) -> None:
        np.testing.assert_allclose(theirs.cdf(distribution.quantile(GRID)), GRID, rtol=1e-9, atol=1e-15)

    def test_of_a_constant_it_is_the_value(self) -> None:
        assert tv.Constant(4).quantile(GRID).tolist() == [4.0] * len(GRID)

    def test_of_a_sample_it_is_the_inverse_of_its_step_function(self) -> None:
        samples = [5.0, 2.0, 3.0, 9.0, 3.0, 8.0, 0.0]
        u = (np.arange(1000) + 0.5) / 1000  # away from the steps at k / 7
        expected = np.quantile(np.array(samples), u, method="inverted_cdf")
        assert tv.Empirical(samples).quantile(u).tolist() == expected.tolist()

    def test_of_a_sample_at_its_steps(self) -> None:
        # of four, each holds a quarter, its upper end included
        u = np.array([SMALLEST_U, 0.25, 0.25 + 1e-9, 0.5, 0.75, 0.75 + 1e-9, LARGEST_U])
        assert tv.Empirical([5, 2, 3, 9]).quantile(u).tolist() == [2, 2, 3, 3, 5, 9, 9]

    def test_a_repeated_sample_counts_as_often_as_it_is_there(self) -> None:
        u = np.array([0.1, 0.6, 0.7])
        assert tv.Empirical([7, 0, 0]).quantile(u).tolist() == [0, 0, 7]

    @pytest.mark.parametrize("distribution", ALL, ids=str)
    @pytest.mark.parametrize("shape", [(0,), (1,), (7,), (2, 3)])
    def test_any_shape_gives_float64_of_that_shape(
        self, distribution: tv.Distribution, shape: tuple[int, ...]
    ) -> None:
        result = distribution.quantile(np.full(shape, 0.3))
        assert result.shape == shape
        assert result.dtype == np.float64

    @pytest.mark.parametrize("distribution", ALL, ids=str)
    def test_the_uniforms_are_left_as_they_are(self, distribution: tv.Distribution) -> None:
        u = GRID.copy()
        distribution.quantile(u)
        assert u.tolist() == GRID.tolist()

    @pytest.mark.parametrize("distribution", ALL, ids=str)
    def test_one_number_alone_gives_the_same_time_as_among_others(self, distribution: tv.Distribution) -> None:
        alone = [float(distribution.quantile(GRID[i : i + 1])[0]) for i in range(len(GRID))]
        assert alone == distribution.quantile(GRID).tolist()

    @pytest.mark.parametrize("distribution", ALL, ids=str)
    def test_it_never_decreases(self, distribution: tv.Distribution) -> None:
        u = np.unique(np.concatenate([GRID, np.linspace(0.001, 0.999, 5000)]))
        assert (np.diff(distribution.quantile(u)) >= 0).all()

    @given(any_distribution)
    def test_every_draw_gives_a_finite_time_of_at_least_0(self, distribution: tv.Distribution) -> None:
        result = distribution.quantile(np.array([SMALLEST_U, 0.5, LARGEST_U]))
        assert np.isfinite(result).all()
        assert (result >= 0).all()
        assert (np.diff(result) >= 0).all()

    @given(st.tuples(times, times).map(sorted), st.floats(SMALLEST_U, LARGEST_U))
    def test_a_uniform_time_stays_within_its_interval(self, ends: list[float], u: float) -> None:
        low, high = ends
        time = float(tv.Uniform(low, high).quantile(np.array([u]))[0])
        assert low <= time <= high or time == pytest.approx(high, rel=1e-15)


class TestCdf:
    @pytest.mark.parametrize(("distribution", "theirs"), PAIRS, ids=named)
    def test_it_is_that_of_scipy(self, distribution: tv.Distribution, theirs: Any) -> None:
        times = np.concatenate([[-1, 0, 2, 3, 6, 1e9, math.inf], theirs.ppf(GRID)])
        np.testing.assert_allclose(distribution.cdf(times), theirs.cdf(times), rtol=1e-9, atol=1e-15)

    @pytest.mark.parametrize("distribution", ALL, ids=str)
    def test_it_is_the_inverse_of_the_quantile_function(self, distribution: tv.Distribution) -> None:
        times = np.concatenate([[-1, 0, 3, 1e9], distribution.quantile(np.array([0.1, 0.25, 0.5, 0.9]))])
        bisected = tv.Distribution._cdf(distribution, times)
        np.testing.assert_allclose(distribution.cdf(times), bisected, atol=1e-9)

    def test_by_hand(self) -> None:
        assert tv.Empirical([5, 2, 3, 9]).cdf(np.array([1.9, 2, 4, 9])).tolist() == [0, 0.25, 0.5, 1]
        assert tv.Constant(4).cdf(np.array([3.9, 4])).tolist() == [0, 1]
        assert tv.Uniform(3, 3).cdf(np.array([2.9, 3, 3.1])).tolist() == [0, 1, 1]
        assert tv.Triangular(3, 3, 3).cdf(np.array([2.9, 3, 3.1])).tolist() == [0, 1, 1]

    @pytest.mark.parametrize("distribution", ALL, ids=str)
    def test_a_number_gives_a_number_and_an_array_one_of_its_shape(self, distribution: tv.Distribution) -> None:
        assert type(distribution.cdf(3)) is float
        assert distribution.cdf(np.full((2, 3), 3.0)).shape == (2, 3)

    def test_of_a_distribution_of_one_s_own_it_follows_from_the_quantiles(self) -> None:
        assert Weekend().cdf(np.array([1, 2, 3, 4])).tolist() == [0, 0.5, 0.5, 1]


class TestMean:
    @pytest.mark.parametrize("distribution", SMOOTH, ids=str)
    def test_it_is_the_integral_of_the_quantile_function(self, distribution: tv.Distribution) -> None:
        def quantile(u: float) -> float:
            return float(distribution.quantile(np.array([u]))[0])

        # the upper tail on its own, where a long one is: there u = 1 - exp(-x)
        lower, _ = scipy.integrate.quad(quantile, 0, 0.5, limit=200)
        upper, _ = scipy.integrate.quad(
            lambda x: quantile(-math.expm1(-x)) * math.exp(-x), math.log(2), 30, limit=200
        )
        assert distribution.mean == pytest.approx(lower + upper, rel=1e-6)

    @pytest.mark.parametrize(("distribution", "theirs"), PAIRS, ids=named)
    def test_it_is_that_of_scipy(self, distribution: tv.Distribution, theirs: Any) -> None:
        assert distribution.mean == pytest.approx(theirs.mean(), rel=1e-12)

    @pytest.mark.parametrize(
        ("distribution", "mean"),
        list(zip(STEPPED, [4, 0, 3, 3, 19 / 4, 1.5, 7 / 3], strict=True)),
        ids=str,
    )
    def test_by_hand(self, distribution: tv.Distribution, mean: float) -> None:
        assert distribution.mean == pytest.approx(mean, rel=1e-15)
        assert type(distribution.mean) is float

    def test_a_measured_99_percent_quantile_gives_sigma(self) -> None:
        """As the docstring of LogNormal says: sigma = log(q99 / median) / 2.326."""
        distribution = tv.LogNormal(4, math.log(9 / 4) / 2.326)
        assert float(distribution.quantile(np.array([0.99]))[0]) == pytest.approx(9, rel=1e-3)


def refused(kind: type[tv.Distribution], *parameters: object) -> str:
    with pytest.raises(tv.ScenarioError) as caught:
        kind(*parameters)
    return str(caught.value)


NOT_POSITIVE = [0, -1, math.nan, math.inf, True, "4", None]
NEGATIVE = [-1, math.nan, math.inf, True, "4", None]


class TestParameters:
    @pytest.mark.parametrize("value", NEGATIVE)
    def test_constant(self, value: object) -> None:
        message = refused(tv.Constant, value)
        assert says(message, "Constant's value must", "at least 0", f"not {value!r}")

    @pytest.mark.parametrize("value", NEGATIVE)
    @pytest.mark.parametrize("kind", [tv.Uniform, tv.Triangular])
    def test_low(self, kind: type[tv.Distribution], value: object) -> None:
        message = refused(kind, value, 6, *([6] if kind is tv.Triangular else []))
        assert says(message, f"{kind.__name__}'s low must", "at least 0", f"not {value!r}")

    @pytest.mark.parametrize("value", [1, *NEGATIVE])
    def test_a_high_end_below_the_low_one(self, value: object) -> None:
        message = refused(tv.Uniform, 2, value)
        assert says(message, "Uniform's high must", "at least 2", f"not {value!r}")
        message = refused(tv.Triangular, 1, 2, value)
        assert says(message, "Triangular's high must", "at least 2", f"not {value!r}")

    @pytest.mark.parametrize("value", [1, *NEGATIVE])
    def test_a_mode_below_the_low_end(self, value: object) -> None:
        message = refused(tv.Triangular, 2, value, 6)
        assert says(message, "Triangular's mode must", "at least 2", f"not {value!r}")

    def test_a_mode_above_the_high_end(self) -> None:
        assert says(refused(tv.Triangular, 2, 7, 6), "Triangular's high must", "at least 7", "not 6")

    @pytest.mark.parametrize("value", NOT_POSITIVE)
    @pytest.mark.parametrize(
        ("kind", "position", "name"),
        [
            (tv.Exponential, 0, "mean"),
            (tv.LogNormal, 0, "median"),
            (tv.LogNormal, 1, "sigma"),
            (tv.Gamma, 0, "shape"),
            (tv.Gamma, 1, "scale"),
        ],
    )
    def test_those_that_must_be_positive(
        self, kind: type[tv.Distribution], position: int, name: str, value: object
    ) -> None:
        parameters: list[object] = [4.0] if kind is tv.Exponential else [4.0, 0.5]
        parameters[position] = value
        message = refused(kind, *parameters)
        assert says(message, f"{kind.__name__}'s {name} must", "greater than 0", f"not {value!r}")

    @pytest.mark.parametrize("value", NEGATIVE)
    def test_a_sample(self, value: object) -> None:
        message = refused(tv.Empirical, [2, value, 3])
        assert says(message, "a sample must", "at least 0", f"not {value!r}")

    @pytest.mark.parametrize("samples", [[], (), np.array([]), 4, None])
    def test_samples_that_are_none(self, samples: object) -> None:
        message = refused(tv.Empirical, samples)
        assert says(message, "Empirical needs a list", "seconds", f"not {samples!r}")

    @pytest.mark.parametrize("samples", ["23", [[1, 2], [3]], [[1, 2], [3, 4]], {"a": 1}])
    def test_samples_that_are_no_plain_list(self, samples: object) -> None:
        assert "not " in refused(tv.Empirical, samples)

    @pytest.mark.parametrize(
        "samples",
        [(2, 3, 5), [5, 3, 2], np.array([3, 2, 5]), np.array([3, 2, 5], dtype=np.float32), iter([5, 2, 3])],
    )
    def test_samples_of_every_kind(self, samples: Any) -> None:
        distribution = tv.Empirical(samples)
        assert distribution == tv.Empirical([2, 3, 5])
        assert distribution.samples == (2.0, 3.0, 5.0)
        assert {type(sample) for sample in distribution.samples} == {float}

    @pytest.mark.parametrize(
        ("kind", "parameters", "quoted"),
        [
            (tv.Constant, (2.0**32 + 1,), "value=4294967297.0"),
            (tv.Uniform, (1.7e308, 1.75e308), "low=1.7e+308, high=1.75e+308"),
            (tv.Triangular, (0, 1e200, 1.1e200), "high=1.1e+200"),
            (tv.Exponential, (1e308,), "mean=1e+308"),
            (tv.LogNormal, (4, 1000), "sigma=1000.0"),
            (tv.LogNormal, (4, 2.6), "sigma=2.6"),  # the largest z is 8.13: 4 exp(2.6 x 8.13) = 6e9
            (tv.Exponential, (2.0**27,), "mean=134217728.0"),  # its 1 - 2**-53 quantile is 36.7 times as long
            (tv.Gamma, (4, 1e308), "scale=1e+308"),
            (tv.Empirical, ([1.7e308, 1.7e308],), "1.7e+308"),
        ],
    )
    def test_times_that_are_too_long_are_refused(
        self, kind: type[tv.Distribution], parameters: tuple[object, ...], quoted: str
    ) -> None:
        message = refused(kind, *parameters)
        assert quoted in message
        assert message.endswith("gives times outside 0 to 4294967296 s")

    @pytest.mark.parametrize("distribution", ALL, ids=str)
    def test_it_is_immutable_and_can_be_a_key(self, distribution: tv.Distribution) -> None:
        assert {distribution: 1}[distribution] == 1
        with pytest.raises(AttributeError):
            distribution.value = 5  # type: ignore[attr-defined]

    def test_numpy_numbers_are_numbers(self) -> None:
        assert tv.Uniform(np.float32(2), np.float64(6)) == tv.Uniform(2, 6)  # type: ignore[arg-type]


class TestText:
    @pytest.mark.parametrize(
        ("distribution", "text"),
        [
            (tv.Constant(4), "constant(4)"),
            (tv.Uniform(2, 6), "uniform(2, 6)"),
            (tv.Triangular(2, 3.5, 6), "triangular(2, 3.5, 6)"),
            (tv.Exponential(4), "exponential(4)"),
            (tv.LogNormal(4, 0.5), "lognormal(4, 0.5)"),
            (tv.Gamma(4, 1), "gamma(4, 1)"),
            (tv.Uniform(1 / 3, 6), "uniform(0.3333333333333333, 6)"),
        ],
    )
    def test_what_it_looks_like(self, distribution: tv.Distribution, text: str) -> None:
        assert str(distribution) == text

    @given(any_distribution.filter(lambda d: not isinstance(d, tv.Empirical)))
    @example(tv.Uniform(1 / 3, 6))
    @example(tv.Constant(123456789.0))
    def test_it_is_parsed_back(self, distribution: tv.Distribution) -> None:
        assert as_distribution("startup_time", str(distribution)) == distribution

    def test_a_sample_is_described(self) -> None:
        assert str(tv.Empirical([5, 2, 3, 9])) == "empirical(4 samples from 2 to 9)"

    @pytest.mark.parametrize(
        ("text", "distribution"),
        [
            ("4", tv.Constant(4)),
            (" 2.5 ", tv.Constant(2.5)),
            ("1e-3", tv.Constant(0.001)),
            ("UNIFORM( 2 ,6 )", tv.Uniform(2, 6)),
            ("LogNormal (4, .5)", tv.LogNormal(4, 0.5)),
            ("empirical(5, 2, 3, 9)", tv.Empirical([2, 3, 5, 9])),
            ("empirical(5)", tv.Empirical([5])),
        ],
    )
    def test_what_a_user_may_write(self, text: str, distribution: tv.Distribution) -> None:
        assert as_distribution("startup_time", text) == distribution

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "soon",
            "uniform",
            "uniform()",
            "uniform(2)",
            "uniform(2, 6, 8)",
            "uniform(2; 6)",
            "uniform(2, 6) s",
            "uniform(2, six)",
            "weibull(1, 2)",
            "constant((4))",
            "empirical()",
        ],
    )
    def test_what_it_may_not(self, text: str) -> None:
        with pytest.raises(tv.ScenarioError) as caught:
            as_distribution("startup_time", text)
        message = str(caught.value)
        assert message.endswith(f"not {text!r}")
        assert message.startswith("startup_time must be a number of seconds or one of ")
        for kind in ("constant", "uniform", "triangular", "exponential", "lognormal", "gamma", "empirical"):
            assert f"{kind}(" in message

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("uniform(6, 2)", "Uniform's high must be a finite number of at least 6, not 2.0"),
            ("-4", "Constant's value must be a finite number of at least 0, not -4.0"),
            ("nan", "Constant's value must be a finite number of at least 0, not nan"),
            ("exponential(inf)", "Exponential's mean must be a finite number greater than 0, not inf"),
            ("empirical(2, -3)", "a sample must be a finite number of at least 0, not -3.0"),
        ],
    )
    def test_impossible_parameters_in_a_text(self, text: str, words: str) -> None:
        with pytest.raises(tv.ScenarioError) as caught:
            as_distribution("startup_time", text)
        assert str(caught.value) == words

    @given(st.text(max_size=30))
    @example("uniform(1_0, 2_0)")
    def test_whatever_is_written_is_a_distribution_or_an_error_of_ours(self, text: str) -> None:
        try:
            assert isinstance(as_distribution("startup_time", text), tv.Distribution)
        except tv.ScenarioError as error:
            assert "not " in str(error)  # noqa: PT017


class TestAsData:
    @given(any_distribution)
    def test_there_and_back_through_json(self, distribution: tv.Distribution) -> None:
        assert distribution_from_dict(json.loads(json.dumps(distribution.to_dict()))) == distribution

    def test_what_it_looks_like(self) -> None:
        assert tv.Uniform(2, 6).to_dict() == {"kind": "uniform", "low": 2.0, "high": 6.0}
        assert tv.Empirical([3, 2]).to_dict() == {"kind": "empirical", "samples": [2.0, 3.0]}

    @pytest.mark.parametrize("data", [{}, {"kind": "weibull"}, {"kind": None}, {"kind": "custom", "mean": 3}])
    def test_an_unknown_kind_is_quoted(self, data: dict[str, Any]) -> None:
        with pytest.raises(tv.ScenarioError) as caught:
            distribution_from_dict(data)
        message = str(caught.value)
        assert message.startswith("a distribution's kind must be one of constant, uniform, triangular, ")
        assert message.endswith(f"not {data.get('kind')!r}")

    def test_the_data_are_left_as_they_are(self) -> None:
        data = {"kind": "constant", "value": 4.0}
        distribution_from_dict(data)
        assert data == {"kind": "constant", "value": 4.0}


class Weekend(tv.Distribution):
    """A user's own: half of the starts take 2 s, half 4 s."""

    mean = 3.0

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(u < 0.5, 2.0, 4.0)


class Gamma(tv.Distribution):
    """A user's own that happens to be called as a built-in one, and is not a dataclass."""

    mean = 1.0

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        return u * 2


class Shifted(tv.Exponential):
    """A user's own that builds on a built-in one."""

    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        return super().quantile(u) + 1


class TestOwn:
    def test_it_works_in_a_simulation(self) -> None:
        scenario = tv.Scenario(startup_time=Weekend())
        run = tv.simulate(tv.generate_catalogue(40), "2a", scenario, seed=1)
        took = run.publishers["ready"] - run.publishers["started"]
        assert set(took.dropna()) == {2.0, 4.0}
        assert run.ending == "completed"

    def test_it_is_explained_by_its_mean(self) -> None:
        explanation = tv.Scenario(startup_time=Weekend()).explain(prewarmed=6)
        assert explanation.pool_capacity == 2

    @pytest.mark.parametrize("own", [Weekend(), Gamma(), Shifted(4)])
    def test_as_data_it_says_that_it_is_not_ours(self, own: tv.Distribution) -> None:
        data = own.to_dict()
        assert (data["kind"], data["mean"]) == ("custom", own.mean)
        assert json.loads(json.dumps(data)) == data

    def test_without_a_quantile_function_it_cannot_be_made(self) -> None:
        class Nothing(tv.Distribution):
            mean = 3.0

        with pytest.raises(TypeError, match="quantile"):
            Nothing()  # type: ignore[abstract]

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(lambda u: -u, id="negative"),
            pytest.param(lambda u: np.where(u < 0.5, 1.0, -1e-9), id="negative at times"),
            pytest.param(lambda u: np.full_like(u, math.nan), id="NaN"),
            pytest.param(lambda u: np.where(u < 0.5, 1.0, math.nan), id="NaN at times"),
            pytest.param(lambda u: np.full_like(u, math.inf), id="infinite"),
            pytest.param(lambda u: 4.0, id="one for all"),
            pytest.param(lambda u: u[:-1], id="too few"),
            pytest.param(lambda u: np.append(u, 1.0), id="too many"),
            pytest.param(lambda u: u.reshape(-1, 1), id="a column"),
            pytest.param(lambda u: None, id="nothing"),
        ],
    )
    @pytest.mark.parametrize("strategy", ["1", "2c"])
    def test_one_that_gives_anything_but_a_time_for_each_number_is_refused(
        self, answer: Any, strategy: str
    ) -> None:
        class Broken(tv.Distribution):
            mean = 3.0

            def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
                return answer(u)  # type: ignore[no-any-return]

            def __repr__(self) -> str:
                return "Broken()"

        with pytest.raises(tv.ScenarioError, match=r"startup_time Broken\(\) gives other than"):
            tv.simulate(tv.generate_catalogue(20), strategy, tv.Scenario(startup_time=Broken()), seed=1)

    @pytest.mark.parametrize("largest", [2.0**32 + 1, 1e300])
    def test_one_whose_times_can_be_too_long_is_refused_by_the_scenario(self, largest: float) -> None:
        class Long(tv.Distribution):
            mean = 3.0

            def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
                return np.where(u < 1 - 2.0**-53, 3.0, largest)

            def __repr__(self) -> str:
                return "Long()"

        message = r"startup_time Long\(\) gives other than times from 0 to 4294967296 s: " + f"{largest:g}"
        with pytest.raises(tv.ScenarioError, match=message.replace("+", r"\+")):
            tv.Scenario(startup_time=Long())


class TestOfScipy:
    FROZEN = (
        scipy.stats.gamma(4, scale=1),
        scipy.stats.gamma(a=4, loc=0.5),
        scipy.stats.weibull_min(1.5, 1, 4),
        scipy.stats.beta(2, b=3, loc=2, scale=4),
        scipy.stats.truncnorm(-1, 3, loc=3),
        scipy.stats.expon(2),
        scipy.stats.poisson(4),
    )

    @pytest.mark.parametrize("frozen", FROZEN, ids=lambda one: one.dist.name)
    def test_a_frozen_one_is_accepted_saved_compared_and_described(self, frozen: Any) -> None:
        scenario = tv.Scenario(startup_time=frozen)
        one = scenario.startup_time
        u = np.array([SMALLEST_U, 0.3, LARGEST_U])
        assert one.quantile(u).tolist() == frozen.ppf(u).tolist()
        assert one.mean == pytest.approx(frozen.mean())
        assert one.cdf(3) == frozen.cdf(3)
        assert tv.Scenario.from_dict(json.loads(json.dumps(scenario.to_dict()))) == scenario
        assert as_distribution("startup_time", str(one)) == one
        assert {one: 1}[one] == 1

    def test_what_it_looks_like(self) -> None:
        one = tv.Scenario(startup_time=scipy.stats.gamma(4, scale=2)).startup_time
        assert one == tv.Scipy("gamma", (4, 0, 2))
        assert str(one) == "scipy.stats.gamma(a=4, loc=0, scale=2)"
        assert one.to_dict() == {"kind": "scipy", "name": "gamma", "parameters": [4.0, 0.0, 2.0]}

    def test_however_the_parameters_are_given_it_is_the_same(self) -> None:
        given = [scipy.stats.gamma(4, 0, 2), scipy.stats.gamma(a=4, scale=2)]
        texts = ["scipy.stats.gamma(4, 0, 2)", "scipy.stats.gamma( scale = 2, a=4 )"]
        assert len({as_distribution("startup_time", one) for one in (*given, *texts)}) == 1
        assert tv.Scipy("gamma", (4, 0, 2)) != tv.Scipy("gamma", (4, 0, 3))

    def test_a_run_is_the_same_as_with_our_own(self) -> None:
        catalogue = tv.generate_catalogue(40)
        runs = [
            tv.simulate(catalogue, "2a", tv.Scenario(startup_time=one), seed=1)
            for one in (scipy.stats.uniform(2, 4), tv.Uniform(2, 6))
        ]
        assert runs[0].videos.equals(runs[1].videos)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (scipy.stats.norm(4, 1), r"Scipy\(name='norm', parameters=\(4.0, 1.0\)\) gives times outside 0 to"),
            (scipy.stats.cauchy(3), "gives times outside 0 to"),
            (scipy.stats.pareto(0.5), "gives times outside 0 to"),
            (scipy.stats.gamma(-1), "gives times outside 0 to"),
            (scipy.stats.gamma, "needs parameters, as scipy.stats.gamma\\(4, scale=1\\) has"),
            (scipy.stats.gamma([1, 2]), "each of Scipy's parameters must be a finite number, not"),
            (
                scipy.stats.rv_histogram((np.array([1, 2]), np.array([0, 1, 2])), name="mine").freeze(),
                "'mine' is no distribution of",
            ),
            ("scipy.stats.gama(3)", "such as 'gamma', not 'gama'"),
            ("scipy.stats.rv_continuous(3)", "such as 'gamma', not 'rv_continuous'"),
            ("scipy.stats.gamma()", "startup_time must be a number of seconds or one of .* not 'scipy"),
            ("scipy.stats.gamma(3, b=2)", "startup_time must be a number of seconds or one of .* not 'scipy"),
            ("uniform(low=2, 6)", "startup_time must be a number of seconds or one of .* not 'uniform"),
        ],
    )
    def test_what_is_refused(self, given: Any, message: str) -> None:
        with pytest.raises(tv.ScenarioError, match=message):
            tv.Scenario(startup_time=given)


class TestMeasured:
    @pytest.mark.parametrize(
        "given",
        [
            np.array([3, 2, 5.5]),
            pd.Series([3, 2, 5.5]),
            pd.Series(pd.to_timedelta([3, 2, 5.5], unit="s")),
            pd.DataFrame({"seconds": [3, 2, 5.5]}),
        ],
        ids=["array", "column", "differences of times", "frame"],
    )
    def test_a_column_is_a_sample(self, given: Any) -> None:
        assert tv.Scenario(startup_time=given).startup_time == tv.Empirical([2, 3, 5.5])

    @pytest.mark.parametrize(
        "text", ["3\n2\n5.5\n", "startup time\n3\n2\n\n5.5", "\ufeff3\r\n2\r\n 5.5\r\n", '"s"\n"3"\n2\n5.5\n']
    )
    def test_a_file_is_a_sample(self, text: str, tmp_path: Path) -> None:
        (path := tmp_path / "samples.CSV").write_text(text, encoding="utf-8")
        assert as_distribution("startup_time", str(path)) == tv.Empirical([2, 3, 5.5])

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "there are no samples"),
            ("seconds\n", "there are no samples"),
            ("s\n3\nsoon\n", "line 3: 'soon' is not a number"),
            ("3\n\n4,5\n", "line 3: 2 values instead of 1"),
            ("3\n-4\n", "sample 2 must be a finite number of at least 0, not -4.0"),
            ("3\nnan\n", "sample 2 must be a finite number of at least 0, not nan"),
            ("a,b\n3,4\n", "not the columns 'a', 'b'"),
        ],
    )
    def test_a_file_that_is_none(self, text: str, message: str, tmp_path: Path) -> None:
        (path := tmp_path / "samples.csv").write_text(text, encoding="utf-8")
        with pytest.raises(tv.ScenarioError, match=message):
            tv.Scenario(startup_time=str(path))

    def test_a_file_that_is_not_there(self) -> None:
        with pytest.raises(tv.ScenarioError, match=r"cannot read the measured times 'no\.csv': No such file"):
            tv.Scenario(startup_time="no.csv")

    def test_a_table_is_no_column(self) -> None:
        with pytest.raises(tv.ScenarioError, match="measured times are numbers of seconds"):
            tv.Scenario(startup_time=np.array([[1, 2]]))
