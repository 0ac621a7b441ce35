"""A quick look at what a frame takes."""

import numpy as np
import pytest

from edgelstm.devices.profiling import glance
from edgelstm.export.elstm import encode
from random_models import random_model


def test_a_frame_takes_some_time(tmp_path):
    path = tmp_path / "model.elstm"
    path.write_bytes(encode(random_model(3, (8,), (2,))))
    assert 0 < glance.frame_us(path, np.zeros((4, 3), np.float32)) < 1e6


@pytest.mark.parametrize(
    ("stride", "times", "expected"),
    [(1, [1, 2, 9], 2), (2, [1, 3, 1, 5, 1, 7, 4], 3), (4, [1, 2, 3], 2), (3, [0, 0, 9, 0, 0, 3], 2)],
)
def test_frames_between_two_runs_of_a_layer_count_together(stride, times, expected):
    assert glance.typical(np.array(times, float), stride) == expected
