"""What a file's metadata say of its states and integers, from files that nobody vouches for."""

import copy

import numpy as np
import pytest

from edgelstm.runtime.layer import Layer
from edgelstm.runtime.states import State, read_integer_io, read_states

LAYERS = (Layer("lstm0", "lstm", 1, 3, 1, 0, 2), Layer("dense0", "dense", 1, 2, 1, 6, 3, {"activation": "linear"}))

GOOD = [
    {"name": f"{letter}0", "output": f"{letter}0_out", "type": kind, "shape": [1, 3], **numbers}
    for letter, kind, numbers in (
        ("h", "int8", {"initial": 5, "scale": 0.5, "zero_point": 5}),
        ("c", "float32", {"initial": 0.0, "scale": 1.0, "zero_point": 0}),
    )
]
IO = {
    "x": {"type": "int8", "scale": 0.5, "zero_point": 3, "factor": [2.0, 4.0], "offset": [3.0, -1.0]},
    "scores": {"type": "int8", "scale": 0.25, "zero_point": -7},
}


def test_states_are_read_and_start_afresh():
    h, c = read_states({"states": GOOD}, LAYERS)
    assert h == State("h0", "h0_out", "int8", (1, 3), 5.0, 0.5, 5)
    assert h.fresh().dtype == np.int8
    np.testing.assert_array_equal(h.fresh(), [[5, 5, 5]])
    np.testing.assert_array_equal(h.real(h.fresh()), np.zeros((1, 3)))
    assert c.fresh().dtype == np.float32


def test_variable_tensors_have_no_output():
    entries = [{**entry, "output": None} for entry in GOOD]
    assert [state.output for state in read_states({"states": entries}, LAYERS)] == [None, None]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "h1"},
        {"output": "c0_out"},
        {"output": None},
        {"output": 5},
        {"type": "int64"},
        {"type": ["int8"]},
        {"shape": [1, 4]},
        {"shape": [3]},
        {"shape": None},
        {"initial": 128},
        {"initial": float("nan")},
        {"initial": "0"},
        {"scale": 0},
        {"scale": -1.0},
        {"scale": float("inf")},
        {"scale": 10**400},
        {"zero_point": 1 << 20},
        {"zero_point": True},
        {"zero_point": None},
    ],
)
def test_a_state_that_is_not_one_is_refused_in_one_line(wrong):
    entries = [{**GOOD[0], **wrong}, GOOD[1]]
    with pytest.raises(ValueError, match=r"^metadata: states[^\n]*expected"):
        read_states({"states": entries}, LAYERS)


@pytest.mark.parametrize("states", [None, [], GOOD[:1], GOOD + GOOD, {"h0": 1}, "h0, c0", [1, 2], GOOD[::-1]])
def test_other_lists_of_states_are_refused(states):
    with pytest.raises(ValueError, match=r"^metadata: states[^\n]*expected"):
        read_states({"states": states}, LAYERS)


def test_integers_are_explained_or_absent():
    assert read_integer_io({}, 2) is None
    io = read_integer_io({"io": IO}, 2)
    assert io is not None
    assert (io.x, io.scores) == ((0.5, 3), (0.25, -7))
    # 3.5 and 4.5 both go to the even 4; what does not fit is clipped.
    np.testing.assert_array_equal(io.codes(np.float32([0.25, 1.375])), [4, 4])
    np.testing.assert_array_equal(io.codes(np.float32([1000, -1000])), [127, -128])
    np.testing.assert_array_equal(io.real(np.int8([-7, -3])), np.float32([0, 1]))


def damaged(place, value):
    io = copy.deepcopy(IO)
    *way, last = place
    target = io
    for name in way:
        target = target[name]
    target[last] = value
    return io


@pytest.mark.parametrize(
    "io",
    [
        5,
        [],
        {},
        {"x": IO["x"]},
        damaged(["x", "factor"], [1.0]),
        damaged(["x", "factor"], [1.0, float("nan")]),
        damaged(["x", "offset"], "12"),
        damaged(["x", "mean"], [1.0]),
        damaged(["x", "offset"], [[1.0, 2.0]]),
        damaged(["x", "scale"], 0),
        damaged(["x", "zero_point"], 128),
        damaged(["scores", "scale"], None),
        damaged(["scores", "zero_point"], float("inf")),
        damaged(["scores"], 3),
    ],
)
def test_integers_that_are_not_explained_are_refused_in_one_line(io):
    with pytest.raises(ValueError, match=r"^metadata: io: [^\n]*(expected|no field)"):
        read_integer_io({"io": io}, 2)
