"""Intervals, differences and adjusted p-values against SciPy, by hand, and by simulation at fixed seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from math import inf, isnan, nan
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import tv2sim as tv
from tv2sim.inference.intervals import (
    Interval,
    Precision,
    as_confidence,
    clopper_pearson,
    holm,
    mean_interval,
    mser5,
    paired_difference,
    share_interval,
    wilson,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"

CONFIDENCES = (0.5, 0.9, 0.95, 0.999)
shares = st.floats(0, 1)


def floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def normal(seed: int, count: int, mean: float = 0.0) -> Floats:
    return np.random.default_rng(seed).normal(mean, 1.0, count)


def close(expected: float) -> Any:
    return pytest.approx(expected, rel=1e-9, abs=1e-12)


# -- the mean of replications ---------------------------------------------------------------------------------


class TestTheMean:
    @pytest.mark.parametrize("confidence", CONFIDENCES)
    @pytest.mark.parametrize("count", [2, 3, 30, 1000])
    def test_its_interval_is_that_of_student(self, count: int, confidence: float) -> None:
        values = normal(count, count, mean=60)
        expected = scipy.stats.t.interval(
            confidence, count - 1, loc=values.mean(), scale=scipy.stats.sem(values)
        )
        interval = mean_interval(values, confidence)
        assert interval.mean == close(float(values.mean()))
        assert (interval.ci_low, interval.ci_high) == (close(float(expected[0])), close(float(expected[1])))
        assert interval.half_width == close(float(expected[1] - expected[0]) / 2)

    def test_by_hand(self) -> None:
        """1, 2, 3: deviation 1, and the 97.5 % quantile of t with 2 degrees of freedom is 4.3027."""
        interval = mean_interval(floats(1, 2, 3))
        assert interval.mean == 2
        assert interval.half_width == pytest.approx(4.30265 / math.sqrt(3), abs=1e-5)

    def test_the_confidence_is_95_percent_if_nothing_is_said(self) -> None:
        assert mean_interval(normal(1, 9)) == mean_interval(normal(1, 9), 0.95)

    def test_bounds_only_cut_the_interval_while_the_values_differ(self) -> None:
        values = floats(0.1, 0.2, 0.4)
        free = mean_interval(values)
        assert free.ci_low < 0 < free.ci_high < 1
        assert mean_interval(values, low=0, high=1)[2:] == free._replace(ci_low=0)[2:]
        assert mean_interval(values, low=-1, high=0.3)[2:] == free._replace(ci_high=0.3)[2:]

    def test_what_did_not_happen_is_left_out(self) -> None:
        some = mean_interval(floats(1, nan, 2, nan, 4))
        assert some == (*mean_interval(floats(1, 2, 4))[:6], 2, None)

    @pytest.mark.parametrize("values", [floats(), floats(nan), floats(nan, nan)])
    def test_of_nothing_nothing_is_known(self, values: Floats) -> None:
        interval = mean_interval(values, low=0, high=1)
        assert all(np.isnan(interval[:4]))
        assert interval[4:] == (0, 0, len(values), None)

    def test_of_one_value_only_the_mean_is_known(self) -> None:
        interval = mean_interval(floats(7, nan))
        assert interval.mean == 7
        assert all(np.isnan(interval[1:4]))

    def test_of_two_equal_bounded_values_the_bounds_give_an_interval(self) -> None:
        """1 - 0.025**(1/2) of all replications may be different."""
        interval = mean_interval(floats(1, 1), low=0, high=1)
        unknown = 1 - 0.025**0.5
        assert interval == (1, close(unknown), close(1 - unknown), 1, 2, 0, 0, None)

    def test_equal_values_without_bounds_have_no_interval(self) -> None:
        """How far another value could be off is not known."""
        interval = mean_interval(floats(*[7] * 100))
        assert (interval.mean, interval.n, interval.differing) == (7, 100, 0)
        assert all(np.isnan(interval[1:4]))

    @pytest.mark.parametrize("bounds", [{"low": 0.0}, {"high": 100.0}])
    def test_one_bound_is_no_bound(self, bounds: dict[str, Any]) -> None:
        assert isnan(mean_interval(floats(7, 7, 7), **bounds).half_width)

    def test_the_mean_of_equal_values_is_that_value_to_the_last_bit(self) -> None:
        assert mean_interval(np.full(1000, 0.1)).mean == 0.1

    def test_no_failure_in_1000_is_not_certainty(self) -> None:
        """At most 1 - 0.025**(1/1000) of all replications are different: 0.368 %."""
        unknown = 1 - 0.025 ** (1 / 1000)
        assert unknown == pytest.approx(0.003682, abs=1e-6)
        always = (1, close(unknown), close(1 - unknown), 1, 1000, 0, 0, None)
        never = (0, close(unknown), 0, close(unknown), 1000, 0, 0, None)
        assert mean_interval(np.ones(1000), low=0, high=1) == always
        assert mean_interval(np.zeros(1000), low=0, high=1) == never

    def test_equal_counts_between_their_bounds(self) -> None:
        """150 of 154 in each of 9: nine are too few to show that none is far off."""
        unknown = 1 - 0.025 ** (1 / 9)
        interval = mean_interval(np.full(9, 150.0), low=0, high=154, step=1)
        ends = (close(unknown * 154), close(150 - unknown * 154), close(154))
        assert interval == (150, *ends, 9, 0, 0, None)

    @pytest.mark.parametrize("confidence", CONFIDENCES)
    def test_the_bound_follows_the_confidence(self, confidence: float) -> None:
        interval = mean_interval(np.ones(20), confidence, low=0, high=1)
        assert interval.ci_low == close(((1 - confidence) / 2) ** (1 / 20))

    @given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.sampled_from(CONFIDENCES))
    def test_the_mean_lies_inside(self, values: list[float], confidence: float) -> None:
        interval = mean_interval(np.array(values), confidence, low=-1e6, high=1e6)
        assert isnan(interval.half_width) or interval.ci_low <= interval.mean <= interval.ci_high
        assert not interval.half_width < 0


# -- shares ---------------------------------------------------------------------------------------------------

GRID = [(successes, n) for n in (1, 2, 7, 100, 1000) for successes in sorted({0, 1, n // 3, n // 2, n - 1, n})]


class TestShares:
    @pytest.mark.parametrize("confidence", CONFIDENCES)
    @pytest.mark.parametrize(
        ("function", "method"), [(wilson, "wilson"), (clopper_pearson, "exact")], ids=["wilson", "exact"]
    )
    def test_as_in_scipy(
        self,
        function: Callable[[int, int, float], Interval],
        method: Any,
        confidence: float,
    ) -> None:
        for successes, n in GRID:
            expected = scipy.stats.binomtest(successes, n).proportion_ci(confidence, method)
            interval = function(successes, n, confidence)
            low, high = close(float(expected.low)), close(float(expected.high))
            assert (interval.mean, interval.ci_low, interval.ci_high) == (successes / n, low, high), (
                successes,
                n,
            )
            share = successes / n
            assert interval.half_width == close(max(share - interval.ci_low, interval.ci_high - share))

    @pytest.mark.parametrize("function", [wilson, clopper_pearson])
    @pytest.mark.parametrize("n", [1, 3, 49, 1000, 10**6])
    def test_never_and_always_are_exact_on_their_side(
        self, function: Callable[[int, int], Interval], n: int
    ) -> None:
        never, always = function(0, n), function(n, n)
        assert (never.mean, never.ci_low) == (0, 0)
        assert (always.mean, always.ci_high) == (1, 1)
        assert 0 < never.ci_high < 1
        assert never.ci_high == pytest.approx(1 - always.ci_low)

    def test_clopper_and_pearson_by_hand(self) -> None:
        """No failure in 1,000, with 95 %: 1 - 0.025**(1/1000); the rule of three would give 3/1000 for 90 %."""
        assert clopper_pearson(0, 1000).ci_high == close(1 - 0.025**0.001)
        assert clopper_pearson(0, 1000, 0.9).ci_high == pytest.approx(3 / 1000, rel=0.01)

    @pytest.mark.parametrize("function", [wilson, clopper_pearson])
    def test_of_none_nothing_is_known(self, function: Callable[[int, int], Interval]) -> None:
        assert all(np.isnan(function(0, 0)[:4]))

    @given(st.integers(1, 10_000), st.data())
    def test_they_stay_within_0_and_1_and_hold_the_share(self, n: int, data: st.DataObject) -> None:
        successes = data.draw(st.integers(0, n))
        for interval in (wilson(successes, n), clopper_pearson(successes, n)):
            assert 0 <= interval.ci_low <= successes / n <= interval.ci_high <= 1

    @pytest.mark.parametrize(("share", "n"), [(0.02, 400), (0.3, 50), (0.5, 200), (0.97, 1000)])
    def test_how_often_they_cover(self, share: float, n: int) -> None:
        """Wilson's covers about as often as it says, also near 0 and 1; the exact one never less often."""
        counts = np.random.default_rng(3).binomial(n, share, 20_000).tolist()
        intervals = {count: (wilson(count, n), clopper_pearson(count, n)) for count in set(counts)}
        covered = np.array(
            [[one.ci_low <= share <= one.ci_high for one in intervals[count]] for count in counts]
        )
        of_wilson, of_exact = covered.mean(axis=0).tolist()
        assert 0.93 <= of_wilson <= 0.97
        assert of_exact >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 20_000)


# -- rare events ----------------------------------------------------------------------------------------------


class TestRareEvents:
    @pytest.mark.parametrize(("events", "n"), [(0, 30), (1, 30), (10, 30), (3, 1000), (49, 1000)])
    def test_of_one_size_they_have_the_exact_interval_of_their_number(self, events: int, n: int) -> None:
        """Two videos late in each of these replications: twice the interval of Clopper and Pearson."""
        values = np.repeat([0.0, 2.0], [n - events, events])
        interval = mean_interval(values, low=0, high=154, step=1)
        exact = scipy.stats.binomtest(events, n).proportion_ci(0.95, "exact")
        size = 2 if events else 1
        assert (interval.ci_low, interval.ci_high) == (close(size * exact.low), close(size * exact.high))
        assert (interval.mean, interval.n, interval.differing) == (close(2 * events / n), n, events)

    def test_of_several_sizes(self) -> None:
        """1 and 3 in 100: 16/10 events of size 10/4; above, with one more of size 2: 36/14 of size 14/6."""
        values = np.repeat([0.0, 1.0, 3.0], [98, 1, 1])
        low = 10 / 4 * scipy.stats.beta.ppf(0.025, 1.6, 100 - 1.6 + 1)
        high = 14 / 6 * scipy.stats.beta.ppf(0.975, 36 / 14, 100 - 36 / 14 + 1)
        assert mean_interval(values, low=0, high=154, step=1)[2:4] == (close(low), close(high))

    def test_below_the_usual_value_it_is_the_mirror_image(self) -> None:
        values = np.repeat([0.0, 1.0, 3.0], [98, 1, 1])
        failed, published = mean_interval(values, low=0, step=1), mean_interval(154 - values, high=154, step=1)
        assert (published.ci_low, published.ci_high) == (
            close(154 - failed.ci_high),
            close(154 - failed.ci_low),
        )

    def test_above_and_below_it_are_combined(self) -> None:
        """Three above and one below of 100, by the square root of the sum of both distances' squares."""
        values = np.repeat([5.0, 6.0, 4.0], [96, 3, 1])
        up, down = (scipy.stats.binomtest(k, 100).proportion_ci(0.95, "exact") for k in (3, 1))
        found = mean_interval(values, step=1)
        assert found.ci_low == close(5.02 - math.hypot(0.03 - up.low, down.high - 0.01))
        assert found.ci_high == close(5.02 + math.hypot(up.high - 0.03, 0.01 - down.low))

    def test_50_have_a_t_interval(self) -> None:
        values = np.repeat([0.0, 1.0], [950, 50])
        expected = scipy.stats.t.interval(0.95, 999, values.mean(), scipy.stats.sem(values))
        assert mean_interval(values, low=0, high=154, step=1)[2:4] == pytest.approx(expected)

    @pytest.mark.parametrize(("n", "differing", "known"), [(100, 9, False), (100, 10, True), (12, 5, True)])
    def test_times_of_which_few_differ_have_no_interval(self, n: int, differing: int, known: bool) -> None:
        values = np.full(n, 6.0)
        values[:differing] += np.arange(1, differing + 1) / 10
        interval = mean_interval(values)
        assert (not isnan(interval.half_width)) is known
        assert (interval.mean, interval.differing) == (close(values.mean()), differing)
        assert interval.between == (None if known else (6, 6 + differing / 10))

    def test_of_infinite_times_the_range_is_known(self) -> None:
        assert mean_interval(floats(6, 7, inf)).between == (6, inf)

    @pytest.mark.full
    def test_far_out_a_little_skewness_matters(self) -> None:
        """At .998, 1 of 1,000 should lie below the mean, and 1 above; Student's are below too often."""
        several = np.random.default_rng(1).gamma(4, 0.25, (20_000, 100))
        outside = {}
        for far_out in (False, True):
            found = [mean_interval(values, 0.998, far_out=far_out) for values in several]
            outside[far_out] = sum(one.ci_high < 1 for one in found), sum(one.ci_low > 1 for one in found)
        assert outside == {False: (49, 7), True: (18, 21)}

    def test_skewness_that_is_only_rounding_bends_nothing(self) -> None:
        values = np.tile([0.1, 0.2, 0.4, 0.5], 25)
        assert 0 < abs(scipy.stats.skew(values)) < 1e-12
        bent, plain = mean_interval(values, far_out=True), mean_interval(values)
        assert bent[2:4] == close_all(*plain[2:4])

    def test_hall_s_interval_is_where_his_statistic_has_the_quantiles_of_t(self) -> None:
        """Hall (1992), eq. 2.3: T + a T²/3 + a² T³/27 + a/6, where a is the skewness over the root of n."""
        values = np.random.default_rng(2).exponential(size=40)
        interval, n = mean_interval(values), len(values)
        a = scipy.stats.skew(values) / math.sqrt(n)
        assert n < 25 * scipy.stats.skew(values) ** 2
        quantile = scipy.stats.t.ppf(0.975, n - 1)
        for end, reached in ((interval.ci_low, quantile), (interval.ci_high, -quantile)):
            t = (values.mean() - end) / scipy.stats.sem(values)
            assert t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6 == close(float(reached))

    def test_a_share_near_0_or_1_has_the_exact_interval(self) -> None:
        assert share_interval(3, 1000) == clopper_pearson(3, 1000)
        assert share_interval(997, 1000) == clopper_pearson(997, 1000)
        assert share_interval(400, 1000) == wilson(400, 1000)


class TestExactTests:
    @pytest.mark.parametrize(("more", "less", "n"), [(5, 1, 20), (30, 12, 1000), (90, 60, 200), (3, 3, 6)])
    def test_of_yes_and_no_it_is_mcnemar_s(self, more: int, less: int, n: int) -> None:
        values = np.repeat([1.0, 0.0, 1.0], [more, less, n - more - less])
        baseline = np.repeat([0.0, 1.0, 1.0], [more, less, n - more - less])
        expected = scipy.stats.binomtest(more, more + less).pvalue
        assert paired_difference(values, baseline, step=1).p_value == close(float(expected))

    @given(st.lists(st.integers(-4, 4).filter(bool), min_size=2, max_size=9))
    def test_of_few_it_is_that_of_all_assignments_of_signs(self, sizes: list[int]) -> None:
        values = np.concatenate([floats(*sizes), np.zeros(3 * len(sizes))])
        sums = [abs(sum(s * abs(size) for s, size in zip(signs, sizes, strict=True)))
                for signs in itertools.product((-1, 1), repeat=len(sizes))]  # fmt: skip
        expected = np.mean([one >= abs(sum(sizes)) for one in sums])
        found = paired_difference(values, np.zeros(len(values)), step=1).p_value
        assert found == close(float(expected))

    def test_of_few_times_it_is_so_too(self) -> None:
        """Sums of four times: only all together reach 0.7 + 0.1 + 0.52 + 0.31."""
        values = np.concatenate([floats(0.7, 0.1, 0.52, 0.31), np.zeros(20)])
        assert paired_difference(values, np.zeros(24)).p_value == close(2 / 16)


# -- paired differences ---------------------------------------------------------------------------------------


class TestThePairedDifference:
    @pytest.mark.parametrize("confidence", CONFIDENCES)
    @pytest.mark.parametrize("count", [2, 10, 500])
    def test_as_in_scipy(self, count: int, confidence: float) -> None:
        baseline = normal(1, count, mean=60)
        values = baseline + normal(2, count, mean=0.1)
        found = paired_difference(values, baseline, confidence)
        test = scipy.stats.ttest_rel(values, baseline)
        expected = test.confidence_interval(confidence)
        assert found.p_value == close(float(test.pvalue))
        assert (found.ci_low, found.ci_high) == (close(float(expected.low)), close(float(expected.high)))
        assert found.mean == close(float(values.mean() - baseline.mean()))
        assert found.half_width == close(float(expected.high - expected.low) / 2)
        unpaired, paired = values.var(ddof=1) + baseline.var(ddof=1), (values - baseline).var(ddof=1)
        assert found.variance_ratio == close(float(unpaired / paired))

    def test_by_hand(self) -> None:
        """Differences 2, 2, 3: mean 7/3, variance 1/3; unpaired 7/3 + 1; t = 7, two degrees of freedom."""
        found = paired_difference(floats(3, 4, 6), floats(1, 2, 3))
        assert found.mean == close(7 / 3)
        assert found.variance_ratio == close((7 / 3 + 1) / (1 / 3))
        assert found.p_value == close(1 - 7 / math.sqrt(2 + 49))

    @given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=12))
    def test_turning_it_round_turns_its_sign(self, pairs: list[tuple[int, int]]) -> None:
        values, baseline = np.array(pairs, dtype=np.float64).T
        one, other = paired_difference(values, baseline), paired_difference(baseline, values)
        assert one.mean == -other.mean
        np.testing.assert_allclose(
            (one.ci_low, one.ci_high), (-other.ci_high, -other.ci_low), rtol=1e-9, atol=1e-9
        )
        np.testing.assert_allclose(one[4:7], other[4:7], rtol=1e-9)

    @given(
        st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=12),
        st.sampled_from(CONFIDENCES),
    )
    def test_the_interval_excludes_0_when_p_is_small(
        self, pairs: list[tuple[int, int]], confidence: float
    ) -> None:
        values, baseline = np.array(pairs, dtype=np.float64).T
        found = paired_difference(values, baseline, confidence)
        one_size = len(np.unique(np.abs((values - baseline)[values != baseline]))) == 1  # exact, by McNemar
        if not isnan(found.half_width) and not one_size and abs(found.p_value - (1 - confidence)) > 1e-9:
            assert (found.ci_low > 0 or found.ci_high < 0) == (found.p_value < 1 - confidence)

    def test_no_difference_at_all(self) -> None:
        values = normal(1, 20)
        found = paired_difference(values, values.copy())
        assert found[0] == 0
        assert found[4:] == (1, inf, 20, 0, (0, 0))

    @pytest.mark.parametrize(
        ("values", "mean"),
        [((1, inf, 2, inf), inf), ((inf, inf), inf), ((-inf, 1), -inf), ((inf, -inf, 0), nan)],
    )
    def test_infinite_values_have_a_mean_and_no_interval(self, values: tuple[float, ...], mean: float) -> None:
        """A video that is never published is infinitely late."""
        np.testing.assert_equal(mean_interval(floats(*values))[:4], (mean, nan, nan, nan))
        found = paired_difference(floats(*values), np.zeros(len(values)))
        np.testing.assert_equal(found[:6], (mean, nan, nan, nan, nan, nan))

    def test_pairs_that_are_infinite_are_left_out(self) -> None:
        found = paired_difference(floats(3, 4, 6, inf), floats(1, 2, 3, inf))
        assert (found.mean, found.n) == (close(7 / 3), 3)

    def test_always_the_same_difference(self) -> None:
        """All 5 signs agree, which by chance they do with a probability of 2 / 2**5."""
        found = paired_difference(floats(2, 3, 4, 5, 9), floats(1, 2, 3, 4, 8))
        assert found.mean == 1
        assert found[4:] == (1 / 16, inf, 5, 0, (1, 1))

    def test_always_the_same_difference_of_very_many(self) -> None:
        assert paired_difference(np.ones(5000), np.zeros(5000)).p_value == 0

    @pytest.mark.parametrize("ticks", [0, 1, 100_000, -2_700_001])
    def test_the_same_difference_in_ticks_is_the_same_in_seconds(self, ticks: int) -> None:
        """However the last bits of the subtraction differ: there is no variance."""
        values = np.random.default_rng(1).integers(0, 10**9, 300)
        found = paired_difference((values + ticks) / 1e6, values / 1e6)
        assert (found.mean, found.differing) == (ticks / 1e6, 0)
        assert (found.p_value, found.variance_ratio) == (1 if ticks == 0 else 2.0**-299, inf)

    @pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
    def test_what_is_more_than_rounding_is_one(self, scale: float) -> None:
        values = np.arange(1.0, 11.0) * scale
        assert paired_difference(values * (1 + 1e-2) + scale * 1e-2 * normal(1, 10), values).p_value < 0.05

    def test_two_constants_have_no_ratio(self) -> None:
        assert isnan(paired_difference(floats(2, 2), floats(1, 1)).variance_ratio)

    def test_one_replication_shows_nothing(self) -> None:
        found = paired_difference(floats(2), floats(1))
        assert found.mean == 1
        assert all(np.isnan(found[1:6]))

    @pytest.mark.parametrize("count", [1, 2, 5])
    def test_nothing_happened_on_one_side(self, count: int) -> None:
        found = paired_difference(np.full(count, nan), np.arange(count, dtype=np.float64))
        assert all(np.isnan(found[:6]))

    def test_a_pair_of_which_one_is_missing_is_left_out(self) -> None:
        found = paired_difference(floats(3, 4, 6, nan, 100), floats(1, 2, 3, -50, nan))
        assert found == paired_difference(floats(3, 4, 6), floats(1, 2, 3))

    def test_a_single_pair_that_is_complete_shows_nothing(self) -> None:
        found = paired_difference(floats(3, nan, 5), floats(1, 2, nan))
        assert found.mean == 2
        assert all(np.isnan(found[1:6]))


# -- several p-values -----------------------------------------------------------------------------------------


def holm_as_in_the_paper(p_values: list[float]) -> list[float]:
    """Adjust by definition: the largest of (m - rank) p over those with no larger p, at most 1."""
    m = len(p_values)
    ranks = sorted(range(m), key=lambda i: p_values[i])
    adjusted = [0.0] * m
    for position, i in enumerate(ranks):
        adjusted[i] = min(1.0, max((m - rank) * p_values[j] for rank, j in enumerate(ranks[: position + 1])))
    return adjusted


class TestHolm:
    def test_by_hand(self) -> None:
        """Four: 0.005 x 4, 0.01 x 3, then 0.03 x 2 = 0.06, which 0.04 x 1 = 0.04 may not fall below."""
        assert holm(floats(0.01, 0.04, 0.03, 0.005)).tolist() == close_all(0.03, 0.06, 0.06, 0.02)

    def test_they_end_at_1(self) -> None:
        assert holm(floats(0.4, 0.9, 0.6)).tolist() == [1, 1, 1]

    def test_a_single_one_stays(self) -> None:
        assert holm(floats(0.04)).tolist() == [0.04]

    def test_none(self) -> None:
        assert holm(floats()).tolist() == []

    def test_unknown_ones_stay_so_and_do_not_count(self) -> None:
        adjusted = holm(floats(nan, 0.01, nan, 0.04)).tolist()
        assert adjusted == pytest.approx([nan, 0.02, nan, 0.04], nan_ok=True)
        assert np.isnan(holm(floats(nan, nan))).all()

    def test_the_argument_stays_as_it_is(self) -> None:
        p_values = floats(0.01, 0.04)
        holm(p_values)
        assert p_values.tolist() == [0.01, 0.04]

    @given(st.lists(shares, max_size=12))
    def test_as_in_the_paper(self, p_values: list[float]) -> None:
        assert holm(np.array(p_values)).tolist() == pytest.approx(holm_as_in_the_paper(p_values))

    @given(st.lists(shares, min_size=1, max_size=12))
    def test_at_least_the_raw_one_and_at_most_1(self, p_values: list[float]) -> None:
        adjusted = holm(np.array(p_values))
        assert (adjusted >= np.array(p_values)).all()
        assert (adjusted <= 1).all()

    @given(st.lists(shares, min_size=1, max_size=12))
    def test_the_order_stays(self, p_values: list[float]) -> None:
        pairs = sorted(zip(p_values, holm(np.array(p_values)).tolist(), strict=True))
        assert all(first[1] <= second[1] for first, second in itertools.pairwise(pairs))

    @given(st.lists(shares, min_size=1, max_size=8), st.randoms(use_true_random=False))
    def test_the_order_in_which_they_come_does_not_matter(self, p_values: list[float], random: Any) -> None:
        order = list(range(len(p_values)))
        random.shuffle(order)
        adjusted = holm(np.array(p_values))
        assert holm(np.array([p_values[i] for i in order])).tolist() == [adjusted[i] for i in order]

    def test_it_keeps_the_chance_of_any_false_alarm(self) -> None:
        """Of 5 true null hypotheses, any is rejected at 5 % in about 5 % of all studies; unadjusted in 23 %."""
        p_values = np.random.default_rng(5).uniform(size=(10_000, 5))
        alarms = np.mean([holm(row).min() < 0.05 for row in p_values])
        assert 0.042 <= alarms <= 0.055
        assert np.mean(p_values.min(axis=1) < 0.05) > 0.2


def close_all(*expected: float) -> Any:
    return pytest.approx(list(expected), rel=1e-12)


# -- how exactly ----------------------------------------------------------------------------------------------


class TestPrecision:
    def test_it_is_public(self) -> None:
        assert tv.Precision is Precision

    def test_absolute(self) -> None:
        precision = Precision("published", absolute=0.1)
        assert precision.target(152.0) == 0.1
        assert precision.is_met(Interval(152, 0.1, 151.9, 152.1))
        assert not precision.is_met(Interval(152, 0.11, 151.89, 152.11))

    def test_relative_to_the_mean_whatever_its_sign(self) -> None:
        precision = Precision("lateness_p50", relative=0.1)
        assert precision.target(-4.0) == close(0.4)
        assert precision.is_met(Interval(-4, 0.4, -4.4, -3.6))
        assert not precision.is_met(Interval(-4, 0.41, -4.41, -3.59))

    def test_an_unknown_half_width_never_meets_it(self) -> None:
        assert not Precision("published", absolute=10).is_met(Interval(5, nan, nan, nan))

    def test_both_or_neither_is_refused(self) -> None:
        for both in ({}, {"absolute": 0.1, "relative": 0.1}):
            with pytest.raises(tv.InputError, match="absolute or relative"):
                Precision("published", **both)

    @pytest.mark.parametrize("kind", ["absolute", "relative"])
    @pytest.mark.parametrize("value", [0, -0.1, nan, inf, "0.1", True])
    def test_the_half_width_is_a_positive_number(self, kind: str, value: Any) -> None:
        with pytest.raises(
            tv.InputError, match=f"precision's {kind} half width must be .* greater than 0, not "
        ):
            Precision("published", **{kind: value})

    @pytest.mark.parametrize("confidence", [0, 1, -1, 95, nan, "0.95", None, True])
    def test_a_confidence_lies_between_0_and_1(self, confidence: Any) -> None:
        with pytest.raises(tv.InputError, match="confidence must be"):
            Precision("published", absolute=0.1, confidence=confidence)
        with pytest.raises(tv.InputError, match="confidence must be"):
            as_confidence(confidence)
        assert as_confidence(0.9) == 0.9


# -- the start of a long run ----------------------------------------------------------------------------------


def by_definition(values: list[float]) -> int:
    """Return what MSER-5 leaves out: the batches without which the squared standard error is smallest."""
    batches = [sum(values[i : i + 5]) / 5 for i in range(0, len(values) - 4, 5)]
    errors = []
    for start in range(max(1, len(batches) - 5)):
        rest = batches[start:]
        mean = sum(rest) / len(rest)
        errors.append(sum((one - mean) ** 2 for one in rest) / len(rest) ** 2)
    return 5 * errors.index(min(errors))


class TestTheStart:
    @given(st.lists(st.integers(0, 50).map(float), min_size=5, max_size=120))
    def test_it_is_that_of_the_definition(self, values: list[float]) -> None:
        values = [value + row * 1e-3 for row, value in enumerate(values)]  # no ties
        found = mser5(values)
        assert found.left_out == by_definition(values)
        assert found.mean == close(sum(values[found.left_out :]) / len(values[found.left_out :]))
        assert found.enough == (len(values) >= 50 and found.left_out / 5 < len(values) // 5 / 2)

    def test_a_start_that_is_known(self) -> None:
        noise = normal(1, 400)
        values = np.where(np.arange(400) < 60, 20.0, 3.0) + noise
        found = mser5(values)
        assert (found.left_out, found.enough) == (60, True)
        assert found.mean == close(values[60:].mean())
        assert str(found) == (
            f"the first 60 of 400 values are left out, the mean of the others is {found.mean:.6g}"
        )

    def test_a_constant_series_has_no_start(self) -> None:
        for value in (0.1, 0.3, 1e6 / 7):
            assert mser5([value] * 67) == (0, close(value), 67, True)

    @pytest.mark.parametrize(
        "values", [range(100), [1.0] * 49, np.where(np.arange(100) < 60, 9.0, np.arange(100) % 2)]
    )
    def test_a_run_that_is_too_short(self, values: Any) -> None:
        found = mser5(values)
        assert not found.enough
        assert str(found).startswith(f"{len(values)} values are too few to tell")

    def test_a_queue_that_starts_with_work(self) -> None:
        """M/M/1 whose server is busy for the first 60 s: without the start, the mean wait is that of theory."""
        rng = np.random.default_rng(3)
        arrivals = np.cumsum(rng.exponential(2.0, (200, 2000)), axis=1)
        waits = tv.queueing.kiefer_wolfowitz(arrivals, rng.exponential(1.0, arrivals.shape), 1, free_from=60.0)
        expected = tv.queueing.mms_wait(0.5, 1.0, 1).mean
        found = mser5(waits.mean(axis=0))
        assert found.enough
        assert 20 < found.left_out < 400
        means = waits[:, found.left_out :].mean(axis=1)
        assert abs(means.mean() - expected) <= 3 * means.std(ddof=1) / 200**0.5
        assert waits.mean() > 1.3 * expected

    @pytest.mark.parametrize(
        "values", [[], [1.0] * 4, [[1.0] * 9], [1.0] * 9 + [inf], [nan] * 9, "text", ["a"] * 9]
    )
    def test_what_is_no_series_is_refused(self, values: Any) -> None:
        with pytest.raises(tv.InputError, match="values must be a series of at least 5 finite numbers, not "):
            mser5(values)
