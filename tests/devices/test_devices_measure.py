"""Percentiles by their definition, and a timing loop that measures what it says on a real stream."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.devices.measure import Measurement, Spread, measure, overhead_us, spread
from edgelstm.devices.memory import read_memory
from edgelstm.devices.record import Missing
from edgelstm.export.elstm import encode
from edgelstm.model import LSTM, Dense, Model, Normalize
from edgelstm.runtime import Model as RuntimeModel

FEATURES = 3


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    rng = np.random.default_rng(0)
    lstm = LSTM(rng.normal(size=(32, FEATURES)), rng.normal(size=(32, 8)), rng.normal(size=32))
    built = Model(Normalize(np.zeros(FEATURES), np.ones(FEATURES)), (lstm,), (Dense(np.ones((2, 8)), np.zeros(2)),))
    path = tmp_path_factory.mktemp("model") / "small.elstm"
    path.write_bytes(encode(built))
    return RuntimeModel(path)


@pytest.fixture
def frames():
    return np.random.default_rng(1).normal(size=(50, FEATURES)).astype(np.float32)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=2000))
def test_percentiles_are_times_with_so_many_at_or_below(times):
    """Nearest rank: the smallest time that at least p percent do not exceed."""
    found = spread(times)
    assert found.frames == len(times)
    assert found.max_us == max(times) / 1000
    assert found.mean_us == pytest.approx(sum(times) / len(times) / 1000)
    for percent, figure, least in (
        (50, found.p50_us, 1),
        (90, found.p90_us, 1),
        (99, found.p99_us, 100),
        (99.9, found.p99_9_us, 1000),
    ):
        if len(times) < least:
            assert isinstance(figure, Missing)
            continue
        needed = math.ceil(len(times) * round(percent * 10) / 1000)
        assert sum(t / 1000 <= figure for t in times) >= needed
        assert sum(t / 1000 < figure for t in times) < needed
        assert figure in {t / 1000 for t in times}


def test_percentiles_of_a_known_set():
    found = spread(np.random.default_rng(0).permutation(np.arange(1, 10_001)) * 1000)
    assert (found.p50_us, found.p90_us, found.p99_us, found.p99_9_us) == (5000, 9000, 9900, 9990)


def test_a_spread_that_falls_is_refused():
    with pytest.raises(ValueError, match="percentiles"):
        Spread(10, 1.0, 5.0, 4.0, Missing("few"), Missing("few"), 6.0)


def test_every_frame_is_given_once_in_order(model, frames):
    """1 first, 1,000 warm-up and 123 steady frames leave the state that pushing the same frames leaves."""
    measured, pushed = model.stream(), model.stream()
    latency = measure(measured, frames, steady=123, seconds=60)
    assert (latency.warm_up.frames, latency.steady.frames) == (1000, 123)
    pushed.push(frames[:1])
    pushed.push(np.resize(frames, (1000, FEATURES)))
    pushed.push(np.resize(frames, (123, FEATURES)))
    assert measured.save() == pushed.save()


def test_a_time_limit_ends_each_part_with_at_least_one_frame(model, frames):
    latency = measure(model.stream(), frames, steady=10_000_000, seconds=1e-9)
    assert (latency.warm_up.frames, latency.steady.frames) == (1, 1)
    assert latency.first_us > 0


def test_a_slow_frame_shows_in_full(frames):
    """Each frame sleeps for 2 ms: whatever the machine does, no time can be shorter."""

    class Slow:
        input = np.zeros(FEATURES, np.float32)

        def step(self):
            time.sleep(0.002)
            return True

    latency = measure(Slow(), frames, steady=5, seconds=60)
    assert latency.first_us >= 2000
    assert min(latency.steady.p50_us, latency.warm_up.p50_us) >= 2000
    assert latency.frames_per_second <= 500


def test_the_clock_costs_something_and_less_than_a_frame(model, frames):
    latency = measure(model.stream(), frames, steady=2000, seconds=60)
    assert 0 < overhead_us() <= latency.steady.p50_us


def test_memory_does_not_grow_in_the_loop(model, frames):
    if isinstance(read_memory().resident, Missing):
        pytest.skip("no resident memory to read here")
    measurement = Measurement(model.stream(), frames, steady=100_000, seconds=60)
    measurement.warm_up()
    before = read_memory().resident
    measurement.steady()
    after = read_memory().resident
    # One new object per frame would be 100,000 × 28 bytes, at least 2.7 MB.
    assert after - before < 500_000


@pytest.mark.parametrize("shape", [(0, FEATURES), (5, FEATURES + 1), (FEATURES,)])
def test_frames_of_a_wrong_shape_are_refused(model, shape):
    with pytest.raises(ValueError, match="frames: shape"):
        measure(model.stream(), np.zeros(shape, np.float32))
