"""Values far outside of what training saw."""

import numpy as np
import pytest

from edgelstm.data import Dataset
from edgelstm.data.seen import feature_range
from edgelstm.runtime.unusual import read_unusual

RANGE = {"feature_range": [[-1.0, 1.0], [100.0, 300.0], [5.0, 5.0]]}
STD = {"normalize": {"mean": [0.0, 200.0, 5.0], "std": [0.5, 50.0, 0.1]}}


def frame(*values):
    return np.array(values, np.float32)


def test_beyond_half_the_width_and_three_deviations():
    unusual = read_unusual({**RANGE, **STD}, 3, ("a", "b", "c"))
    for usual in (frame(0, 200, 5), frame(2.4, 440, 5), frame(-2.4, -40, 5)):
        unusual.see(usual)
    assert unusual.take() == []
    unusual.see(frame(2.6, 200, 5))
    unusual.see(frame(0, 200, 5.0001))  # 5 was all that training saw
    assert unusual.take() == ["a", "c"]
    assert unusual.take() == []
    unusual.see(frame(0, -3e38, 5))
    assert unusual.take() == ["b"]


def test_features_without_names_are_numbered():
    unusual = read_unusual(RANGE, 3, ())
    unusual.see(frame(0, 900, 5))
    assert unusual.take() == ["1"]


def test_no_frame_is_forgotten_however_many_come_before_the_answer():
    unusual = read_unusual({**RANGE, **STD}, 3, ("a", "b", "c"))
    for count in range(1, 200):
        for place in range(count):
            unusual.see(frame(9 * (place == 0), 200, 5 - 4 * (place == count - 1)))
        assert unusual.take() == ["a", "c"]
        assert unusual.take() == []


@pytest.mark.parametrize("metadata", [{}, {"feature_range": None}])
def test_a_file_that_says_nothing_marks_nothing(metadata):
    assert read_unusual(metadata, 3, ()) is None


@pytest.mark.parametrize(
    "value", [3, [], [[0, 1]], [[0, 1]] * 4, [[1, 0]] * 3, [["a", "b"]] * 3, [[0, 1e39]] * 3, [[0]] * 3, {"a": 1}]
)
def test_a_wrong_range_is_named(value):
    with pytest.raises(ValueError, match=r"^metadata: feature_range[^\n]*$"):
        read_unusual({"feature_range": value}, 3, ())


def test_a_glitch_in_training_does_not_stretch_the_range():
    """Of normally distributed values, 99.9 % lie within 3.29 deviations, and 6.6 is the last usual one."""
    rng = np.random.default_rng(3)
    x = rng.normal(7, 2, (50_000, 1)).astype(np.float32)
    x[[100, 20_000]] = 1e6
    ((low, high),) = feature_range(Dataset((x,), np.zeros(1, np.int64), ("a",), np.zeros(1, np.int64), ("p",)))
    assert abs(low - (7 - 6.58)) < 0.5
    assert abs(high - (7 + 6.58)) < 0.5
    metadata = {"feature_range": [[low, high]], "normalize": {"mean": [7.0], "std": [2.0]}}
    unusual = read_unusual(metadata, 1, ("p",))
    unusual.see(x[:99].max(axis=0))
    assert unusual.take() == []
    unusual.see(frame(7 + 2 * 7))
    assert unusual.take() == ["p"]
