"""Timing loops that measure what they say, on a real stream and on streams whose time is known."""

import math
import time
import tracemalloc

import numpy as np
import pytest

from edgelstm.devices.machine.usage import read_memory, read_moment
from edgelstm.devices.profiling.measure import Measurement, interval_seconds, overhead_us
from edgelstm.devices.profiling.plan import Plan
from edgelstm.export.elstm import encode
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Model, Normalize
from edgelstm.records import Unavailable
from edgelstm.runtime import Model as RuntimeModel

FEATURES = 3


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    rng = np.random.default_rng(0)
    lstm = LSTM(rng.normal(size=(32, FEATURES)), rng.normal(size=(32, 8)), rng.normal(size=32))
    built = Model(Normalize(np.zeros(FEATURES), np.ones(FEATURES)), (lstm, Dense(np.ones((2, 8)), np.zeros(2))))
    path = tmp_path_factory.mktemp("model") / "small.elstm"
    path.write_bytes(encode(built))
    return RuntimeModel(path)


@pytest.fixture
def frames():
    return np.random.default_rng(1).normal(size=(50, FEATURES)).astype(np.float32)


class Sleeper:
    """A stream whose frames take at least so long, whatever the machine does."""

    def __init__(self, seconds):
        self.input = np.zeros(FEATURES, np.float32)
        self.seconds = seconds
        self.began = []

    def step(self, frame):
        self.began.append(time.perf_counter())
        time.sleep(self.seconds)
        return True


def prepare(stream, signal, rate=50.0, **plan):
    return Measurement(stream, signal, Plan(**plan), rate, look=read_moment)


def test_every_frame_is_given_once_in_order(model, frames):
    """1 first, 200 warm-up, 123 flat out and some paced leave the state that pushing the same frames leaves."""
    measured, pushed = model.stream(), model.stream()
    measurement = prepare(measured, frames, 500.0, frames=123, seconds=60.0, warm_up=200, paced_seconds=0.1)
    _, warm_up = measurement.warm_up()
    flat, paced = measurement.flat(), measurement.paced()
    assert (warm_up.frames, flat.spread.frames) == (200, 123)
    pushed.push(np.resize(frames, (1 + 200 + 123 + paced.spread.frames, FEATURES)))
    assert measured.save() == pushed.save()


def test_more_frames_than_one_visit_to_the_histograms(model, frames):
    flat = prepare(model.stream(), frames, frames=20_001, seconds=60.0).flat()
    assert flat.spread.frames == 20_001
    assert sum(point.spread.frames for point in flat.intervals) == 20_001
    assert isinstance(flat.pacing, Unavailable)


def test_a_time_limit_ends_each_part_with_at_least_one_frame(model, frames):
    measurement = prepare(model.stream(), frames, frames=10_000_000, seconds=1e-9, paced_seconds=1e-9)
    first_us, warm_up = measurement.warm_up()
    assert warm_up.frames == 1
    assert measurement.flat().spread.frames == 1
    assert measurement.paced().spread.frames == 1
    assert first_us > 0


def test_a_slow_frame_shows_in_full(frames):
    measurement = prepare(Sleeper(0.002), frames, frames=5, seconds=60.0, warm_up=5)
    first_us, warm_up = measurement.warm_up()
    flat = measurement.flat()
    assert min(first_us, warm_up.p50_us, flat.spread.p50_us) >= 2000
    assert flat.frames_per_second <= 500


def test_paced_frames_come_when_they_are_due_and_not_before(frames):
    """At 200 Hz frame n begins n times 5 ms after the first was due, or later: by the standard library's clock."""
    stream = Sleeper(0.0)
    start = time.perf_counter()
    paced = prepare(stream, frames, 200.0, paced_seconds=0.5).paced()
    assert paced.pacing.rate == 200.0
    assert paced.spread.frames == len(stream.began)
    assert paced.pacing.late.frames <= paced.spread.frames
    for n, began in enumerate(stream.began):
        assert began - start >= n / 200 - 1e-5
    assert len(stream.began) <= 101
    assert paced.seconds > 0.4


def test_a_model_too_slow_for_its_sensor_misses_every_deadline(frames):
    """10 ms of computing every 2 ms: every answer comes after the next frame, and the computing alone is at fault."""
    paced = prepare(Sleeper(0.010), frames, 500.0, paced_seconds=0.2).paced()
    assert paced.pacing.misses == paced.pacing.slow == paced.spread.frames
    assert 1 <= paced.spread.frames <= 21
    assert sum(point.misses for point in paced.intervals) == paced.pacing.misses
    assert paced.seconds < 60  # it does not go on until the backlog is gone


def test_a_frame_in_time_is_no_miss(frames):
    """A second for each frame that takes 10 ms: however loaded the machine, the answer is there in time."""
    paced = prepare(Sleeper(0.010), frames, 1.0, paced_seconds=0.05).paced()
    assert (paced.spread.frames, paced.pacing.misses, paced.pacing.slow) == (1, 0, 0)


def test_a_sensor_slower_than_an_interval_leaves_no_empty_ones(frames):
    paced = prepare(Sleeper(0.0), frames, 1.5, paced_seconds=1.9).paced()
    assert [point.spread.frames for point in paced.intervals] == [1, 1, 1]
    assert paced.seconds < 60


def test_a_soak_has_figures_for_every_interval(model, frames):
    told = []
    plan = Plan(duration=2.2, pace="paced")
    measurement = Measurement(model.stream(), frames, plan, 100.0, look=read_moment, tell=told.append)
    soak = measurement.soak()
    assert tuple(told) == soak.intervals
    assert 2 <= len(told) <= 5
    assert [point.end_s for point in told] == sorted(point.end_s for point in told)
    assert sum(point.spread.frames for point in told) == soak.spread.frames
    assert soak.pacing.rate == 100.0


def test_what_was_not_asked_for_says_so(model, frames):
    measurement = prepare(model.stream(), frames, Unavailable("the model does not say"), pace="paced")
    assert "not asked for" in measurement.flat().reason
    assert measurement.paced().reason == "the model does not say"
    assert "not asked for" in measurement.soak().reason
    assert "not asked for" in prepare(model.stream(), frames, pace="flat").paced().reason


@pytest.mark.parametrize(
    ("seconds", "expected"), [(3, 0.5), (90, 9), (600, 60), (3600, 60), (86_400, 60), (7 * 86_400, 420)]
)
def test_a_course_is_by_the_minute_and_bounded(seconds, expected):
    assert interval_seconds(seconds) == pytest.approx(expected)
    assert math.ceil(seconds / interval_seconds(seconds)) <= 1440


def test_the_clock_costs_something_and_less_than_a_frame(model, frames):
    flat = prepare(model.stream(), frames, frames=2000, seconds=60.0).flat()
    assert 0 < overhead_us() <= flat.spread.p50_us


def test_the_loops_leave_nothing_behind(model, frames):
    """Python's own count of its memory: 60,000 frames leave no more than one frame does."""

    def left_by(count):
        measurement = prepare(stream, frames, frames=count, seconds=600.0)
        measurement.warm_up()
        before = tracemalloc.get_traced_memory()[0]
        phase = measurement._phase(count, 600.0, None)
        assert phase.spread.frames == count
        return tracemalloc.get_traced_memory()[0] - before

    stream = model.stream()
    tracemalloc.start()
    try:
        left_by(1)
        one, many = left_by(1), left_by(60_000)
    finally:
        tracemalloc.stop()
    # A distribution has more steps with more frames; a single object per frame would be 60,000 × 28 bytes.
    assert many - one < 50_000


def test_resident_memory_does_not_grow_in_the_loop(model, frames):
    if isinstance(read_memory().resident, Unavailable):
        pytest.skip("no resident memory to read here")
    measurement = prepare(model.stream(), frames, frames=60_000, seconds=60.0)
    measurement.warm_up()
    before = read_memory().resident
    measurement.flat()
    assert read_memory().resident - before < 500_000


@pytest.mark.parametrize("shape", [(0, FEATURES), (5, FEATURES + 1), (FEATURES,)])
def test_frames_of_a_wrong_shape_are_refused(model, shape):
    with pytest.raises(ValueError, match="frames: shape"):
        prepare(model.stream(), np.zeros(shape, np.float32))
