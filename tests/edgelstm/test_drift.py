"""int8 stays as near to float32 after thousands of frames as after hundreds: a stream is never reset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counts import FULL
from edgelstm.data import load_dataset
from edgelstm.forward import forward
from edgelstm.quantization import calibrate, quantize
from edgelstm.quantization.reference import IntegerStream
from edgelstm.recipes import load_recipe
from edgelstm.training import split, train

WATCH = Path(__file__).parents[2] / "data" / "watch.npz"
MOST = 1.2  # times the early error


@pytest.mark.slow
@pytest.mark.skipif(not FULL, reason="trains a model for half a minute: make test-all")
@pytest.mark.skipif(not WATCH.exists(), reason="data/watch.npz is made by `make data`")
@pytest.mark.parametrize("name", ["watch", "watch_gru"])
def test_states_do_not_drift(name: str) -> None:
    config = load_recipe(name)
    fit, test = split(load_dataset(WATCH), config)
    trained = train(fit, config)
    model = calibrate(trained.model, trained.calibration)
    frames = np.concatenate(list(test.sequences))[:10_000]
    assert len(frames) == 10_000
    quantized = quantize(model)
    exact, found = forward(model, frames, np.float32), IntegerStream(quantized).push(frames)
    compared = 0
    for at, layer in zip(model.road, quantized.layers):
        if not at.layer.recurrent:
            continue
        h = (found.results[at.name].astype(np.float64) - layer.gives.zero_point) * layer.gives.scale
        error = h - exact.results[at.name]
        early, late = (
            np.sqrt(np.mean(error[start // at.stride : stop // at.stride] ** 2))
            for start, stop in ((500, 1500), (9000, 10_000))
        )
        assert late <= MOST * early
        compared += 1
    assert compared == 1
