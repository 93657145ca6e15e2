"""Fits of measured times: against SciPy, by hand, and how often the right family is found."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import scipy.stats
from numpy.typing import NDArray

import tv2sim as tv
from tests.benchmarks.fitting import APART, found
from tests.helpers.commands import is_one_line, tv2sim
from tv2sim.world import fitting
from tv2sim.world.distributions import DISTRIBUTIONS
from tv2sim.world.measured_times import as_measured

FAMILIES = [kind for kind in DISTRIBUTIONS if "most_likely" in vars(kind)]
INF = math.inf


def drawn(distribution: tv.Distribution, count: int = 200, seed: int = 1) -> NDArray[np.float64]:
    return distribution.quantile(np.random.default_rng(seed).random(count))


def theirs(one: Any) -> Any:
    """Return the distribution of SciPy that is the same."""
    match one:
        case tv.Uniform():
            return scipy.stats.uniform(one.low, one.high - one.low)
        case tv.Triangular():
            width = one.high - one.low
            return scipy.stats.triang((one.mode - one.low) / width, one.low, width)
        case tv.Exponential():
            return scipy.stats.expon(scale=one.mean)
        case tv.LogNormal():
            return scipy.stats.lognorm(one.sigma, scale=one.median)
        case tv.Gamma():
            return scipy.stats.gamma(one.shape, scale=one.scale)
    raise AssertionError(one)


SAMPLES = drawn(tv.Gamma(3, 1.5))
EXACT = as_measured(SAMPLES)


class TestLikelihood:
    def test_the_candidates_are_the_families_that_have_one(self) -> None:
        assert {one.family for one in tv.fit(SAMPLES).families} == {kind.__name__.lower() for kind in FAMILIES}

    @pytest.mark.parametrize("kind", FAMILIES)
    def test_it_is_that_of_scipy(self, kind: Any) -> None:
        one = kind(*kind.most_likely(SAMPLES))
        assert EXACT.log_likelihood(one) == pytest.approx(theirs(one).logpdf(SAMPLES).sum(), rel=1e-12)
        outside = one.log_density(np.array([1e-9, 3, 1e6]))
        np.testing.assert_allclose(outside, theirs(one).logpdf([1e-9, 3, 1e6]), rtol=1e-9)

    @pytest.mark.parametrize("kind", FAMILIES)
    def test_no_parameters_near_the_most_likely_ones_are_likelier(self, kind: Any) -> None:
        best = np.array(kind.most_likely(SAMPLES))
        most = EXACT.log_likelihood(kind(*best))
        for direction in np.vstack([np.eye(len(best)), -np.eye(len(best))]):
            near = best * (1 + 1e-3 * direction)
            assert EXACT.log_likelihood(fitting._unchecked(kind, tuple(near))) <= most + 1e-4

    def test_gamma_and_lognormal_have_the_parameters_that_scipy_finds(self) -> None:
        shape, _, scale = scipy.stats.gamma.fit(SAMPLES, floc=0)
        assert tv.Gamma.most_likely(SAMPLES) == pytest.approx((shape, scale), rel=1e-6)
        sigma, _, median = scipy.stats.lognorm.fit(SAMPLES, floc=0)
        assert tv.LogNormal.most_likely(SAMPLES) == pytest.approx((median, sigma), rel=1e-6)

    @pytest.mark.parametrize(
        "true", [tv.Triangular(2, 3, 6), tv.Triangular(0, 0, 5), tv.Triangular(1, 4, 4)], ids=str
    )
    def test_the_most_likely_triangle_is_found_among_all(self, true: tv.Triangular) -> None:
        samples = drawn(true, 60)
        sample = as_measured(samples)

        def loss(ends: Any) -> float:
            one = (samples.min() - ends[0], samples.min() - ends[0] + ends[1], samples.max() + ends[2])
            ordered = 0 <= one[0] <= one[1] <= one[2]
            return -sample.log_likelihood(fitting._unchecked(tv.Triangular, one)) if ordered else INF

        width = float(np.ptp(samples))
        bounds = [(1e-9, float(samples.min())), (0.0, 2 * width), (1e-9, width)]
        best = scipy.optimize.differential_evolution(
            loss, scipy.optimize.Bounds(*np.transpose(bounds)), rng=1, polish=False, tol=1e-8
        )
        ours = sample.log_likelihood(tv.Triangular(*tv.Triangular.most_likely(samples)))
        assert ours >= -best.fun - 1e-3

    @pytest.mark.parametrize("true", [tv.Exponential(4), tv.Gamma(3, 1.5), tv.LogNormal(4, 0.5)], ids=str)
    def test_of_censored_times_it_is_that_of_scipy(self, true: Any) -> None:
        times, limit = drawn(true), 5.0
        known, longer = times[times <= limit], np.full((times > limit).sum(), limit)
        censored = scipy.stats.CensoredData(known, right=longer)
        (one,) = (
            each
            for each in tv.fit(np.minimum(times, limit), censored=times > limit).families
            if type(each.distribution) is type(true)
        )
        family = theirs(true).dist.name
        parameters = getattr(scipy.stats, family).fit(censored, floc=0)
        best = getattr(scipy.stats, family)(*parameters)
        assert one.log_likelihood == pytest.approx(
            best.logpdf(known).sum() + best.logsf(longer).sum(), abs=1e-4
        )
        assert theirs(one.distribution).mean() == pytest.approx(best.mean(), rel=1e-2)

    def test_of_censored_exponential_times_it_is_all_time_by_those_known(self) -> None:
        found = tv.fit([1, 2, 4, 5, 5, 5], censored=[0, 0, 0, 0, 1, 1])
        (one,) = (each for each in found.families if each.family == "exponential")
        assert one.distribution.mean == pytest.approx(22 / 4, rel=1e-4)
        assert one.log_likelihood == pytest.approx(-4 * math.log(5.5) - 4)

    def test_of_buckets_it_is_that_of_the_shares(self) -> None:
        found = tv.fit({1: 40, 2: 64, "+Inf": 100})
        (one,) = (each for each in found.families if each.family == "exponential")
        assert math.exp(-1 / one.distribution.mean) == pytest.approx(0.6, rel=1e-3)  # 40, 24, 36 fit exactly
        assert one.log_likelihood == pytest.approx(
            40 * math.log(0.4) + 24 * math.log(0.24) + 36 * math.log(0.36)
        )

    def test_a_uniform_distribution_in_buckets(self) -> None:
        found = tv.fit({2: 0, 3: 25, 5: 75, 8: 100, INF: 100})
        (one,) = (each.distribution for each in found.families if each.family == "uniform")
        # 25, 50, 25 of 100: the middle bucket, 2 s long, has half
        assert fitting._values(one) == pytest.approx((2, 6), abs=1e-3)

    @pytest.mark.parametrize("kind", FAMILIES)
    def test_the_search_finds_what_the_formula_has(self, kind: Any) -> None:
        """A sample with a censored time of 0, of which nothing is known."""
        sample = as_measured(np.append(SAMPLES, 0), np.append(np.zeros(200, bool), True))
        searched = kind(*(fitting._most_likely(kind, sample) or ()))
        most = EXACT.log_likelihood(kind(*kind.most_likely(SAMPLES)))
        assert EXACT.log_likelihood(searched) == pytest.approx(most, abs=2e-3)


class TestDistance:
    def test_it_is_the_statistic_of_anderson_and_darling(self) -> None:
        one = tv.LogNormal(4, 0.6)
        share, rank = one.cdf(np.sort(SAMPLES)), np.arange(1, 201)
        expected = -200 - ((2 * rank - 1) * (np.log(share) + np.log1p(-share[::-1]))).sum() / 200
        assert EXACT.distance(one) == pytest.approx(expected)

    def test_with_censored_times_the_integral_ends_with_the_last(self) -> None:
        # of U(0, 4): 1 known, 2 censored; G is 0 to u = .25, then .5 to u = .5
        first = -math.log(0.75) - 0.25
        second = 0.25 * math.log(0.5 / 0.25) - 0.25 * math.log(0.5 / 0.75) - 0.25
        distance = as_measured([1, 2], [False, True]).distance(tv.Uniform(0, 4))
        assert distance == pytest.approx(2 * (first + second))

    def test_of_buckets_by_hand(self) -> None:
        # shares .25, .5, .25 of U(0, 4), measured .5, .25, .25
        distance = as_measured({1: 4, 3: 6, INF: 8}).distance(tv.Uniform(0, 4))
        assert distance == pytest.approx(8 * 0.25**2 / (0.25 * 0.75) * 0.25)

    def test_kaplan_and_meier(self) -> None:
        at, share = as_measured([1, 2, 3, 3, 5], [False, True, False, True, False]).steps()
        assert at.tolist() == [1, 3, 5]
        assert share == pytest.approx([1 / 5, 1 - 4 / 5 * 2 / 3, 1])

    def test_p_values_of_the_true_family_are_spread_evenly(self) -> None:
        values = [
            fitting.Candidate(tv.Exponential(float(x.mean())), as_measured(x), seed).p_value
            for seed, x in enumerate(drawn(tv.Exponential(4), 30, seed) for seed in range(100))
        ]
        assert scipy.stats.kstest(values, "uniform").pvalue > 0.01

    def test_the_tenth_of_the_samples_that_is_farthest_has_small_ones(self) -> None:
        """The critical values for exponential times of Stephens 1974: 10 % are beyond 1.078 / (1 + .6 / n)."""
        one = fitting.Candidate(tv.Exponential(4.0), as_measured(drawn(tv.Exponential(4), 100)), 1)
        random = np.random.default_rng(2)
        beyond = 0
        for _ in range(500):
            again = one.sample.resampled(one.distribution, random, 100)
            beyond += again.distance(tv.Exponential(float(again.equally_likely().mean()))) > 1.078 / 1.006
        assert beyond / 500 == pytest.approx(0.1, abs=3 * math.sqrt(0.09 / 500))


class TestFamily:
    @pytest.mark.parametrize("true", APART, ids=str)
    @pytest.mark.full
    def test_the_right_one_is_found(self, true: tv.Distribution) -> None:
        """In a reduced form; tests/benchmarks/fitting.py has all of it."""
        assert found(true, 200, 5)[type(true).__name__] >= 4

    @pytest.mark.slow
    @pytest.mark.parametrize("true", APART, ids=str)
    def test_the_right_one_is_found_in_nine_of_ten_tries(self, true: tv.Distribution) -> None:
        assert found(true, 200, 200)[type(true).__name__] >= 180

    @pytest.mark.parametrize(
        "true", [tv.Exponential(4), tv.Gamma(2, 2), tv.LogNormal(4, 0.8), tv.Uniform(2, 6)], ids=str
    )
    @pytest.mark.full
    def test_also_in_buckets_and_where_times_are_censored(self, true: tv.Distribution) -> None:
        times = drawn(true, 400)
        assert type(tv.fit({b: (times <= b).sum() for b in (0.5, 1, 2, 3, 4, 5, 6, 8, 12, INF)}).best) is type(
            true
        )
        assert type(tv.fit(np.minimum(times, 12), censored=times > 12).best) is type(true)

    def test_of_two_that_fit_about_as_well_the_simpler_one_is_best(self) -> None:
        result = tv.fit(drawn(tv.Exponential(4), seed=3))
        assert [one.family for one in result.families[:2]] == ["gamma", "exponential"]
        assert isinstance(result.best, tv.Exponential)
        assert str(result).splitlines()[1].startswith("about as well: gamma(")

    @pytest.mark.full
    def test_when_none_fits_the_times_themselves_are_taken(self) -> None:
        times = np.concatenate([drawn(tv.Uniform(2, 3)), drawn(tv.Uniform(20, 21))])
        result = tv.fit(times)
        assert result.best == tv.Empirical(times)
        assert str(result).startswith("no family fits 400 samples: they are taken as they are, empirical(400 ")
        assert result.candidates["p_value"].max() < 0.01
        assert result.text is None


class TestDegenerate:
    @pytest.mark.parametrize(
        ("samples", "censored", "message"),
        [
            ([], None, "there are no samples"),
            ([3, -2], None, "sample 2 must be a finite number of at least 0, not -2"),
            ([math.nan], None, "sample 1 must be a finite number of at least 0, not nan"),
            ([3, None], None, "sample 2 must be a finite number of at least 0, not None"),
            (["3"], None, "sample 1 must be a finite number of at least 0, not '3'"),
            ([2.0**33], None, "sample 1 must be at most 4294967296 s"),
            (7, None, "measured times are numbers of seconds, a column, .* not 7"),
            (np.ones((2, 2)), None, "measured times are numbers of seconds"),
            ([3, 4], [True, True], "all samples are censored"),
            ([3, 4], [True], "censored must be true or false for each of 2 samples, not"),
            ([3, 4], [0, 2], "censored must be true or false for each of 2 samples, not"),
            ({1: 4}, None, "no '\\+Inf'"),
            ({1: 4, INF: 3}, None, "cannot fall, as from 4 at le=1 to 3 at le=inf"),
            ({1: 0, INF: 0}, None, "the buckets count no time"),
            ({1: 0, INF: 3}, None, "all samples are in the bucket '\\+Inf'"),
            ({"soon": 1, INF: 3}, None, "the bound le='soon' must be"),
            ({1: math.nan, INF: 3}, None, "the count at le=1 must be a finite number"),
            ({1: 1, INF: 3}, [True, False], "not the columns 'le', 'count'"),
            (pd.DataFrame({"a": [1], "b": [2]}), None, "not the columns 'a', 'b'"),
            ("no.csv", None, "cannot read the measured times 'no.csv': No such file"),
        ],
    )
    def test_one_sentence_says_what_is_wrong(self, samples: Any, censored: Any, message: str) -> None:
        with pytest.raises(tv.InputError, match=message):
            tv.fit(samples, censored=censored)

    @pytest.mark.parametrize(
        ("samples", "said"),
        [
            ([4], "constant(4): there is only 1 sample"),
            ([4, 4, 4], "constant(4): all 3 samples are equal"),
            ([0, 0], "constant(0): all 2 samples are equal"),
        ],
    )
    def test_equal_times_are_a_constant(self, samples: list[float], said: str) -> None:
        result = tv.fit(samples)
        assert result.best == tv.Constant(samples[0])
        assert str(result) == said
        assert len(result.candidates) == 0

    def test_families_with_too_many_parameters_are_left_out(self) -> None:
        result = tv.fit([1, 2])
        assert list(result.candidates.index) == ["exponential"]
        assert result.left_out["uniform"] == "2 parameters need more than 2 different samples"
        assert "so few samples" in str(result)

    def test_families_without_0_are_left_out(self) -> None:
        result = tv.fit([0, 1, 2, 3, 5])
        assert {result.left_out["gamma"], result.left_out["lognormal"]} == {"it has no times of 0"}

    def test_a_family_whose_times_would_be_too_long_is_left_out(self) -> None:
        result = tv.fit([1, 2, 3, 1e9, 1e9])
        assert result.left_out["lognormal"].endswith("gives times outside 0 to 4294967296 s")

    def test_one_known_time_is_no_constant_if_others_were_longer(self) -> None:
        result = tv.fit([3, 5], censored=[False, True])
        assert result.best == tv.Empirical([3, 5])
        assert "too few" in str(result)


class TestGiven:
    @pytest.mark.full
    def test_all_ways_to_give_censored_times_are_the_same(self) -> None:
        times, censored = [2.0, 3, 5, 6, 9], [False, False, True, False, True]
        frame = pd.DataFrame({"censored": censored, "seconds": times})
        results = [
            tv.fit(times, censored=censored),
            tv.fit(frame),
            tv.fit(pd.Series(times), censored=pd.Series(censored)),
        ]
        assert len({str(one.best) for one in results}) == 1
        assert results[0].empirical == tv.Empirical(
            [2, 3, 6, 6, 9]
        )  # Kaplan and Meier: .2, .4, .7, and the rest

    @pytest.mark.full
    def test_all_ways_to_give_buckets_are_the_same(self) -> None:
        frame = pd.DataFrame({"le": ["1", "+Inf", "4"], "value": [2.0, 10, 8]})
        results = [tv.fit({"1": 2, "4": 8, "+Inf": 10}), tv.fit({4: 8, 1: 2, INF: 10}), tv.fit(frame)]
        assert len({str(one.best) for one in results}) == 1
        # evenly in each bucket, the last at its lower bound
        assert results[0].empirical.samples == pytest.approx(
            (0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4, 4)
        )

    def test_the_seed_decides(self) -> None:
        first, again, other = (tv.fit(SAMPLES[:30], seed=seed).candidates for seed in (1, 1, 2))
        assert first.equals(again)
        assert not first.equals(other)

    def test_a_scenario_takes_the_best(self) -> None:
        result = tv.fit(SAMPLES)
        assert tv.Scenario(startup_time=result.best).startup_time == result.best
        assert result.candidates.loc["gamma", "distribution"] == result.best
        assert "Anderson-Darling" in result._repr_html_()


class TestCommand:
    def test_it_prints_a_table_and_the_option(self) -> None:
        given = "\n".join(map(str, SAMPLES)).encode()
        status, out, err = tv2sim("fit", "-", stdin=given)
        assert (status, err) == (0, "")
        lines = out.splitlines()
        assert max(map(len, lines)) <= 80
        assert [line.partition("(")[0].strip() for line in lines[1:6]] == [
            one.family for one in tv.fit(SAMPLES).families
        ]
        option, _, text = lines[-1].partition(" ")
        assert option == "--startup-time"
        best: Any = tv.fit(SAMPLES).best
        again: Any = tv.Scenario(startup_time=text.strip("'")).startup_time
        assert (again.shape, again.scale) == pytest.approx((best.shape, best.scale), rel=1e-5)

    @pytest.mark.full
    def test_where_none_fits_the_option_is_the_file(self, tmp_path: Any) -> None:
        path = tmp_path / "samples.csv"
        path.write_text("\n".join(map(str, [2.0, 2.1, 2.2, 2.3] * 30 + [90.0] * 30)))
        status, out, _ = tv2sim("fit", path)
        assert (status, out.splitlines()[-1]) == (0, f"--startup-time {path}")

    def test_a_constant_has_no_table(self) -> None:
        assert tv2sim("fit", "-", stdin=b"4\n4\n").out == (
            "constant(4): all 2 samples are equal\n--startup-time 'constant(4)'\n"
        )

    def test_times_that_look_like_milliseconds_are_asked_about(self) -> None:
        status, _, err = tv2sim("fit", "-", stdin=b"1500\n2500\n3500\n")
        question = "the median of the start-up times is 2,500 s: are they in milliseconds? tv2sim takes seconds"
        assert (status, err) == (0, f"tv2sim: warning: {question}\n")
        assert tv2sim("fit", "-", stdin=b"1.5\n2.5\n3500\n").err == ""

    def test_families_that_are_left_out_are_named(self) -> None:
        assert "gamma is no candidate: it has no times of 0" in tv2sim("fit", "-", stdin=b"0\n1\n2\n3\n5\n").out

    @pytest.mark.parametrize("given", [b"", b"x\ny\n", b"-3\n", b"le,count\n1,3\n"])
    def test_what_is_wrong_is_one_line(self, given: bytes) -> None:
        status, out, err = tv2sim("fit", "-", stdin=given)
        assert (status, out) == (2, "")
        assert is_one_line(err)


class TestChart:
    def test_points_are_quantiles_against_times(self) -> None:
        result = tv.fit(SAMPLES)
        x, y = np.asarray(tv.plots.qq(result).get_lines()[1].get_data())
        share = (np.arange(200) + 0.5) / 200
        assert x.tolist() == pytest.approx(result.best.quantile(share).tolist())
        assert y.tolist() == sorted(SAMPLES)

    def test_a_family_may_be_chosen(self) -> None:
        assert "exponential" in tv.plots.qq(tv.fit(SAMPLES), family="exponential").get_xlabel()

    @pytest.mark.parametrize(
        ("given", "family", "message"),
        [
            (7, None, "a Q-Q chart needs what fit gave, not 7"),
            (tv.fit(SAMPLES), "weibull", "family must be one of .*gamma.*, not 'weibull'"),
            (tv.fit([4]), None, "a Q-Q chart needs a candidate"),
        ],
        ids=["no fit", "no family", "no candidate"],
    )
    def test_what_is_refused(self, given: Any, family: str | None, message: str) -> None:
        with pytest.raises(tv.InputError, match=message):
            tv.plots.qq(given, family=family)
