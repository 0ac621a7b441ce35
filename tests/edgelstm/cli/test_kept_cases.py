"""Files that went wrong once, kept beside the checkout: each has its one line now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.layers import LSTM, Dense
from edgelstm.model import Answer, Model, Normalize
from edgelstm.model_file import save_model
from edgelstm.quantization import calibrate

Command = Callable[..., Any]
CASES = Path(__file__).parents[4] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no ../shared/cases beside the checkout")


@pytest.mark.parametrize("verb", ["inspect", "export", "evaluate"])
@pytest.mark.parametrize("name", ["header_unbalanced.npz", "header_nested.npz"])
def test_a_damaged_header_is_named_in_one_line(verb: str, name: str, command: Command) -> None:
    data = [CASES / "glitch.npz"] if verb == "evaluate" else []
    ended = command(verb, CASES / name, *data)
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert f"{name}: normalize.mean: its npy header is damaged" in ended.err
    assert len(ended.err) < 400


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("hundred_hz.csv", "column time: 100 frames per second, the model's rate is 50"),
        ("gap_and_disorder.csv", "column time: 30 s missing before line 62; 0.08 s back at line 22"),
    ],
)
def test_times_that_do_not_fit_are_told_once(
    name: str, line: str, command: Command, watch_model: Model, tmp_path: Path
) -> None:
    save_model(watch_model, tmp_path / "m.npz")
    assert command("export", tmp_path / "m.npz", "--no-verify").code == 0
    ended = command("stream", tmp_path / "m-int8.elstm", CASES / name)
    assert ended.code == 0
    assert (ended.err.count("column time"), ended.err.count(line)) == (1, 1)


def test_a_cell_that_counts_beyond_what_int8_holds_is_not_exported(command: Command, tmp_path: Path) -> None:
    """c grows by 1 a frame while x > 0: 193 at the end of what `counting.csv` holds."""
    W, R, b = np.zeros((8, 1)), np.zeros((8, 2)), np.array([8.0, 8, 12, 12, 0, 0, 8, 8])
    W[4:6, 0] = 2, -2
    signal = np.loadtxt(CASES / "counting.csv", np.float32, skiprows=1)[:, None]
    model = Model(
        Normalize(np.zeros(1), np.ones(1)),
        (LSTM(W, R, b), Dense(np.array([[0.5, -0.5]]), np.zeros(1))),
        activation="linear",
        answer=Answer("last", 0, 1),
        feature_names=("x",),
        sample_rate=10.0,
        examples=(signal,),
        name="counting",
    )
    save_model(calibrate(model, model.examples), tmp_path / "counting.npz")
    ended = command("export", tmp_path / "counting.npz")
    assert ended.code == 3
    assert "lstm0: 6 of 8 biases of W at the limit of their integers" in " ".join(ended.err.split())
    assert not (tmp_path / "counting-int8.elstm").exists()
