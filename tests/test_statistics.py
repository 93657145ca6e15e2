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
from hypothesis import given, settings
from hypothesis import strategies as st

import tv2sim as tv
from tv2sim.statistics import (
    Difference,
    Interval,
    Precision,
    as_confidence,
    clopper_pearson,
    holm,
    mean_interval,
    paired_difference,
    wilson,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"

SOME = settings(deadline=None, derandomize=True)
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
        assert mean_interval(values, low=0, high=1) == free._replace(ci_low=0)
        assert mean_interval(values, low=-1, high=0.3) == free._replace(ci_high=0.3)

    def test_what_did_not_happen_is_left_out(self) -> None:
        assert mean_interval(floats(1, nan, 2, nan, 4)) == mean_interval(floats(1, 2, 4))

    @pytest.mark.parametrize("values", [floats(), floats(nan), floats(nan, nan)])
    def test_of_nothing_nothing_is_known(self, values: Floats) -> None:
        assert all(map(isnan, mean_interval(values, low=0, high=1)))

    def test_of_one_value_only_the_mean_is_known(self) -> None:
        interval = mean_interval(floats(7, nan))
        assert interval.mean == 7
        assert all(map(isnan, interval[1:]))

    def test_of_one_bounded_value_the_bounds_give_an_interval(self) -> None:
        """1 - 0.025**(1/1) of all replications may be different."""
        interval = mean_interval(floats(1), low=0, high=1)
        assert interval == (1, close(0.975), close(0.025), 1)

    def test_equal_values_without_bounds_have_no_width(self) -> None:
        assert mean_interval(floats(7, 7, 7)) == (7, 0, 7, 7)

    @pytest.mark.parametrize("bounds", [{"low": 0.0}, {"high": 100.0}])
    def test_one_bound_is_no_bound(self, bounds: dict[str, float]) -> None:
        assert mean_interval(floats(7, 7, 7), **bounds) == (7, 0, 7, 7)

    def test_the_mean_of_equal_values_is_that_value_to_the_last_bit(self) -> None:
        assert mean_interval(np.full(1000, 0.1)).mean == 0.1

    def test_no_failure_in_1000_is_not_certainty(self) -> None:
        """At most 1 - 0.025**(1/1000) of all replications are different: 0.368 %."""
        unknown = 1 - 0.025 ** (1 / 1000)
        assert unknown == pytest.approx(0.003682, abs=1e-6)
        assert mean_interval(np.ones(1000), low=0, high=1) == (1, close(unknown), close(1 - unknown), 1)
        assert mean_interval(np.zeros(1000), low=0, high=1) == (0, close(unknown), 0, close(unknown))

    def test_equal_counts_between_their_bounds(self) -> None:
        """150 of 154 in each of 10: as many replications as can be different have 0, or 154."""
        unknown = 1 - 0.025 ** (1 / 10)
        interval = mean_interval(np.full(10, 150.0), low=0, high=154)
        assert interval == (150, close(unknown * 150), close(150 - unknown * 150), close(150 + unknown * 4))

    @pytest.mark.parametrize("confidence", CONFIDENCES)
    def test_the_bound_follows_the_confidence(self, confidence: float) -> None:
        interval = mean_interval(np.ones(20), confidence, low=0, high=1)
        assert interval.ci_low == close(((1 - confidence) / 2) ** (1 / 20))

    @SOME
    @given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.sampled_from(CONFIDENCES))
    def test_the_mean_lies_inside(self, values: list[float], confidence: float) -> None:
        interval = mean_interval(np.array(values), confidence, low=-1e6, high=1e6)
        assert interval.ci_low <= interval.mean <= interval.ci_high
        assert interval.half_width >= 0


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
            assert interval.half_width == close((interval.ci_high - interval.ci_low) / 2)

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
        assert all(map(isnan, function(0, 0)))

    @SOME
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

    @SOME
    @given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=12))
    def test_turning_it_round_turns_its_sign(self, pairs: list[tuple[int, int]]) -> None:
        values, baseline = np.array(pairs, dtype=np.float64).T
        one, other = paired_difference(values, baseline), paired_difference(baseline, values)
        assert (one.mean, one.ci_low, one.ci_high) == (-other.mean, -other.ci_high, -other.ci_low)
        np.testing.assert_equal(one[-2:], other[-2:])

    @SOME
    @given(
        st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=12),
        st.sampled_from(CONFIDENCES),
    )
    def test_the_interval_excludes_0_when_p_is_small(
        self, pairs: list[tuple[int, int]], confidence: float
    ) -> None:
        values, baseline = np.array(pairs, dtype=np.float64).T
        found = paired_difference(values, baseline, confidence)
        if np.ptp(values - baseline) > 0 and abs(found.p_value - (1 - confidence)) > 1e-9:
            assert (found.ci_low > 0 or found.ci_high < 0) == (found.p_value < 1 - confidence)

    def test_no_difference_at_all(self) -> None:
        values = normal(1, 20)
        found = paired_difference(values, values.copy())
        assert found == Difference(0, 0, 0, 0, 1, inf)

    def test_always_the_same_difference(self) -> None:
        """All 5 signs agree, which by chance they do with a probability of 2 / 2**5."""
        found = paired_difference(floats(2, 3, 4, 5, 9), floats(1, 2, 3, 4, 8))
        assert found == Difference(1, 0, 1, 1, 1 / 16, inf)

    def test_always_the_same_difference_of_very_many(self) -> None:
        assert paired_difference(np.ones(5000), np.zeros(5000)).p_value == 0

    @pytest.mark.parametrize("ticks", [0, 1, 100_000, -2_700_001])
    def test_the_same_difference_in_ticks_is_the_same_in_seconds(self, ticks: int) -> None:
        """However the last bits of the subtraction differ: there is no variance."""
        values = np.random.default_rng(1).integers(0, 10**9, 300)
        found = paired_difference((values + ticks) / 1e6, values / 1e6)
        assert found.mean == found.ci_low == found.ci_high == ticks / 1e6
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
        assert all(map(isnan, found[1:]))

    @pytest.mark.parametrize("count", [1, 2, 5])
    def test_nothing_happened_on_one_side(self, count: int) -> None:
        found = paired_difference(np.full(count, nan), np.arange(count, dtype=np.float64))
        assert all(map(isnan, found))

    def test_a_pair_of_which_one_is_missing_is_left_out(self) -> None:
        found = paired_difference(floats(3, 4, 6, nan, 100), floats(1, 2, 3, -50, nan))
        assert found == paired_difference(floats(3, 4, 6), floats(1, 2, 3))

    def test_a_single_pair_that_is_complete_shows_nothing(self) -> None:
        found = paired_difference(floats(3, nan, 5), floats(1, 2, nan))
        assert found.mean == 2
        assert all(map(isnan, found[1:]))


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

    @SOME
    @given(st.lists(shares, max_size=12))
    def test_as_in_the_paper(self, p_values: list[float]) -> None:
        assert holm(np.array(p_values)).tolist() == pytest.approx(holm_as_in_the_paper(p_values))

    @SOME
    @given(st.lists(shares, min_size=1, max_size=12))
    def test_at_least_the_raw_one_and_at_most_1(self, p_values: list[float]) -> None:
        adjusted = holm(np.array(p_values))
        assert (adjusted >= np.array(p_values)).all()
        assert (adjusted <= 1).all()

    @SOME
    @given(st.lists(shares, min_size=1, max_size=12))
    def test_the_order_stays(self, p_values: list[float]) -> None:
        pairs = sorted(zip(p_values, holm(np.array(p_values)).tolist(), strict=True))
        assert all(first[1] <= second[1] for first, second in itertools.pairwise(pairs))

    @SOME
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
