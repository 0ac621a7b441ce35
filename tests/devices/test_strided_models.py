"""Models whose layers run at every 40th frame: profiled, tested and predicted as others are."""

import numpy as np
import pytest

from edgelstm.devices import Plan
from edgelstm.devices.boards.profile import board
from edgelstm.devices.deploy.deployment import self_test
from edgelstm.devices.predict.prediction import predict
from edgelstm.devices.profiling.here import profile_here
from edgelstm.devices.profiling.page import page
from edgelstm.export.elstm import encode
from edgelstm.layers import LSTM, Context, Dense
from edgelstm.model import Answer, Model, Normalize
from edgelstm.runtime import Model as Opened

STRIDE = 40


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    lstm = LSTM(rng.normal(size=(32, 2 * STRIDE)), rng.normal(size=(32, 8)), rng.normal(size=32))
    layers = (Context(STRIDE, STRIDE), lstm, Dense(rng.normal(size=(3, 8)), np.zeros(3)))
    model = Model(Normalize(np.zeros(2), np.ones(2)), layers, answer=Answer(hop=STRIDE), sample_rate=200.0)
    path = tmp_path / "strided.elstm"
    path.write_bytes(encode(model))
    return path


def test_a_self_test_is_long_enough_for_an_answer(path):
    test = self_test(path)
    assert len(test.frames) == STRIDE
    test.run(Opened(path))


def test_a_profile_has_figures_of_all_frames(path):
    report = profile_here(path, Plan(frames=50 * STRIDE, paced_seconds=0.3))
    (run,) = report.runs
    assert run.latency.steady.spread.frames == 50 * STRIDE
    assert page([report]).startswith("<!doctype html>")


def test_a_prediction_tells_the_frame_at_which_all_run_from_the_others(path):
    (estimate,) = predict(path, board("pi-zero-2w")).estimates
    assert estimate.frame_us > 2 * estimate.mean_us
