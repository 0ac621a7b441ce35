"""int8 on slow signals with little noise, where a step of 8 bits is a large part of what matters."""

from __future__ import annotations

import pytest

from counts import times
from edgelstm.evaluation import evaluate
from edgelstm.quantization import calibrate, quantize
from edgelstm.training import parse_config, train
from tanks import tanks

RECIPE = """
[model]
units = [16]
[training]
epochs = 60
batch = 16
learning_rate = 0.01
loss = "mean"
skip = 40
[answer]
pooling = "mean"
hop = 0
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 1 + times(1, 3)))
def test_int8_decides_as_float_does(seed: int) -> None:
    """Within half a point; smallest and largest value alone as ranges, and weights rounded to the nearest, lost up to
    two."""
    data = tanks(240, 100, seed)
    model = calibrate(train(data, parse_config(RECIPE)).model, data.sequences)
    test = tanks(800, 100, seed + 100)
    right = evaluate(model, test).accuracy
    assert right > 0.8
    for granularity in ("per-row", "per-gate"):
        assert evaluate(quantize(model, granularity), test).accuracy >= right - 0.005
