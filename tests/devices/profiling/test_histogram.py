"""Percentiles from buckets, against the sorted times themselves."""

import math
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.devices.profiling.histogram import RELATIVE_ERROR, Distribution, Histogram, Spread, spread
from edgelstm.records import Unavailable


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=2000))
def test_percentiles_are_at_most_the_stated_error_above_the_nearest_rank(times):
    found = spread(array("q", times))
    assert found.frames == len(times)
    assert found.max_us == max(times) / 1000
    assert found.mean_us == pytest.approx(np.mean(times) / 1000)
    assert found.deviation_us == pytest.approx(np.std(times) / 1000, rel=1e-6, abs=1e-6 * max(times))
    for permille, figure, least in (
        (500, found.p50_us, 1),
        (900, found.p90_us, 1),
        (990, found.p99_us, 100),
        (999, found.p99_9_us, 1000),
    ):
        if len(times) < least:
            assert isinstance(figure, Unavailable)
            continue
        exact = sorted(times)[math.ceil(len(times) * permille / 1000) - 1] / 1000
        assert exact <= figure <= exact * (1 + RELATIVE_ERROR)


def test_percentiles_of_a_known_set():
    times = np.random.default_rng(0).permutation(np.arange(1, 10_001)) * 1000
    histogram = Histogram()
    for part in np.array_split(times, 7):
        histogram.add(part)
    found = histogram.spread()
    given = (found.p50_us, found.p90_us, found.p99_us, found.p99_9_us)
    assert given == pytest.approx((5000, 9000, 9900, 9990), rel=RELATIVE_ERROR)
    assert found.max_us == 10_000


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=300))
def test_a_distribution_counts_every_time_once_where_it_lies(times):
    histogram = Histogram()
    histogram.add(array("q", times))
    found = histogram.distribution()
    for low, high, count in zip(found.from_us, found.to_us, found.counts):
        assert sum(low <= time / 1000 < high for time in times) == count
        assert high - low <= max(0.016, low / 16) + 1e-9
    assert sum(found.counts) == len(times)


def test_clearing_forgets_all():
    histogram = Histogram()
    histogram.add(np.arange(1000))
    histogram.clear()
    with pytest.raises(ValueError, match="no times"):
        histogram.spread()
    histogram.add(np.array([7000]))
    assert (histogram.spread().p50_us, histogram.spread().deviation_us) == (7.0, 0.0)


def test_a_spread_that_falls_is_refused():
    with pytest.raises(ValueError, match="percentiles"):
        Spread(10, 1.0, 0.5, 5.0, 4.0, Unavailable("few"), Unavailable("few"), 6.0)


@pytest.mark.parametrize(
    ("low", "high", "counts"),
    [((), (), ()), ((1.0,), (2.0, 3.0), (1,)), ((1.0, 1.5), (2.0, 3.0), (1, 1)), ((1.0,), (2.0,), (0,))],
)
def test_a_distribution_that_cannot_be_is_refused(low, high, counts):
    with pytest.raises(ValueError, match="counts"):
        Distribution(low, high, counts)
