"""Captures and RTNeural's models, against their equations in float64: gate by gate, sample by sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.forward import activate, forward
from edgelstm.importers.choices import Choices
from edgelstm.importers.read import read_model
from in_process import refused_well, run

H, FRAMES = 4, 50
RNG = np.random.default_rng(8)


def some(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(0, 0.6, shape)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def lstm(W: np.ndarray, R: np.ndarray, b: np.ndarray, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Gates i, f, g, o."""
    seen = []
    for row in x:
        i, f, g, o = np.split(W @ row + R @ h + b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        seen.append(h)
    return np.array(seen)


def gru(W: np.ndarray, R: np.ndarray, b: np.ndarray, rb: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Keras with reset_after: gates z, r, h."""
    h, seen = np.zeros(H), []
    for row in x:
        (z, r, n), (rz, rr, rn) = np.split(W @ row + b, 3), np.split(R @ h + rb, 3)
        z = sigmoid(z + rz)
        h = z * h + (1 - z) * np.tanh(n + sigmoid(r + rr) * rn)
        seen.append(h)
    return np.array(seen)


def written(path: Path, values: Any) -> Path:
    path.write_text(json.dumps(values))
    return path


def answers(path: Path, x: np.ndarray) -> np.ndarray:
    model = read_model(path, Choices()).model
    return activate(forward(model, x).scores, model.activation)


def nam() -> dict[str, Any]:
    parts = [some(4 * H, 1 + H), some(4 * H), some(H), some(H) / 2, some(4 * H, 2 * H), some(4 * H), some(H), some(H)]
    parts += [some(1, H), some(1)]
    flat = [float(value) for part in parts for value in part.ravel()]
    config = {"input_size": 1, "hidden_size": H, "num_layers": 2}
    return {"version": "0.5.4", "architecture": "LSTM", "config": config, "weights": flat, "sample_rate": 48000}


def test_a_capture_begins_with_its_own_states(tmp_path: Path) -> None:
    x = RNG.normal(size=(FRAMES, 1))
    first, second, b = some(4 * H, 1 + H), some(4 * H, 2 * H), some(4 * H)
    y = lstm(first[:, :1], first[:, 1:], b, x, some(H), some(H) / 2)
    y = lstm(second[:, :H], second[:, H:], b, y, some(H), some(H))
    path = written(tmp_path / "amp.nam", nam())
    np.testing.assert_allclose(answers(path, x), y @ some(1, H).T + some(1), atol=1e-6)
    assert read_model(path, Choices()).model.sample_rate == 48000


@pytest.mark.parametrize("skip", [0, 1])
def test_proteus_adds_its_input(tmp_path: Path, skip: int) -> None:
    x = RNG.normal(size=(FRAMES, 1))
    W, R, b, rb, head = some(4 * H, 1), some(4 * H, H), some(4 * H), some(4 * H) / 3, some(1, H)
    tensors = {"rec.weight_ih_l0": W, "rec.weight_hh_l0": R, "rec.bias_ih_l0": b, "rec.bias_hh_l0": rb}
    tensors |= {"lin.weight": head, "lin.bias": some(1)}
    about = {"model": "SimpleRNN", "unit_type": "LSTM", "input_size": 1, "hidden_size": H, "skip": skip}
    values = {"model_data": about, "state_dict": {name: tensor.tolist() for name, tensor in tensors.items()}}
    expected = lstm(W, R, b + rb, x, np.zeros(H), np.zeros(H)) @ head.T + some(1) + skip * x
    np.testing.assert_allclose(answers(written(tmp_path / "m.json", values), x), expected, atol=1e-6)


def rtneural(*layers: tuple[str, str, list[np.ndarray]], **more: Any) -> dict[str, Any]:
    made = [
        {"type": kind, "activation": word, "shape": [None, None, 1], "weights": [w.tolist() for w in weights]}
        for kind, word, weights in layers
    ]
    return {"in_shape": [None, None, 2], "layers": made, **more}


def test_rtneural_has_kerass_weights(tmp_path: Path) -> None:
    x = RNG.normal(size=(FRAMES, 2))
    cell = [some(2, 3 * H), some(H, 3 * H), some(2, 3 * H)]
    other = [some(H, 4 * H), some(H, 4 * H), some(4 * H)]
    head = [some(H, 3), some(3)]
    values = rtneural(
        ("gru", "", cell), ("lstm", "", other), ("dense", "tanh", head), ("dense", "", [some(3, 1), some(1)])
    )
    flow = gru(cell[0].T, cell[1].T, *cell[2], x)
    flow = lstm(other[0].T, other[1].T, other[2], flow, np.zeros(H), np.zeros(H))
    expected = np.tanh(flow @ head[0] + head[1]) @ some(3, 1) + some(1)
    np.testing.assert_allclose(answers(written(tmp_path / "m.json", values), x), expected, atol=1e-6)


def test_a_convolution_looks_back(tmp_path: Path) -> None:
    x = RNG.normal(size=(FRAMES, 2))
    kernel, bias, cell = some(3, 2, 5), some(5), [some(5, 4 * H), some(H, 4 * H), some(4 * H)]
    values = rtneural(("conv1d", "relu", [kernel, bias]), ("lstm", "", cell))
    values["layers"][0]["dilation"] = [2]
    past = np.concatenate([np.zeros((4, 2)), x])
    rows = np.array([sum(past[t + 2 * tap] @ kernel[tap] for tap in range(3)) for t in range(FRAMES)])
    flow = np.maximum(rows + bias, 0)
    expected = lstm(cell[0].T, cell[1].T, cell[2], flow, np.zeros(H), np.zeros(H))
    np.testing.assert_allclose(answers(written(tmp_path / "m.json", values), x), expected, atol=1e-6)


def changed(values: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return values | fields


CELL = ("lstm", "", [some(2, 4 * H), some(H, 4 * H), some(4 * H)])
BAD = {
    "wavenet": (changed(nam(), architecture="WaveNet"), "architecture: 'WaveNet', expected LSTM"),
    "short": (changed(nam(), weights=[0.5] * 9), "weights: 9 numbers, expected more"),
    "long": (changed(nam(), weights=[0.5] * 999), "weights: 999 numbers, expected"),
    "huge": (
        changed(nam(), config={"input_size": 1 << 40, "hidden_size": 1, "num_layers": 1}),
        "expected 1 to 4,096",
    ),
    "text": (changed(nam(), weights="x"), "weights: no numbers"),
    "kind": (rtneural(CELL, ("bilstm", "", [])), "layers[1] (bilstm): expected one of activation, lstm"),
    "word": (rtneural(("dense", "swish", [])), "activation 'swish', expected one of"),
    "ragged": (
        rtneural(("dense", "", [])) | {"layers": [{"type": "dense", "weights": [[[1], [1, 2]], [1]]}]},
        "one length",
    ),
    "sides": (rtneural(("lstm", "", [some(2, 16)])), "expected 3 of (2, 2, 1) sides"),
    "gain": (rtneural(CELL, in_gain=3.0), "in_gain: 3 dB, expected 0"),
    "fit": (rtneural(CELL, ("dense", "", [some(3, 1), some(1)])), "Dense takes 3 inputs, the one before gives 4"),
    "nothing": ({"a": 1}, "JSON without architecture or model_data or layers"),
    "deep": ("[" * 500, "none of the formats"),
    "dense": (rtneural(("dense", "", [some(2, 1), some(1)])), "expected at least one that is recurrent"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_one_line(tmp_path: Path, name: str) -> None:
    values, words = BAD[name]
    path = written(tmp_path / "m.json", values) if not isinstance(values, str) else tmp_path / "m.json"
    if isinstance(values, str):
        path.write_text(values)
    ended = run("import", path)
    assert refused_well(ended)
    assert words in ended.err
