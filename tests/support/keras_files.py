"""A small model in Keras's files of all ages, written with h5py, and Keras's equations in float64."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.forward import activate, forward
from edgelstm.importers.choices import Choices
from edgelstm.importers.read import read_model

h5py = pytest.importorskip("h5py", reason="h5py is not installed")

F, H, OUT, T = 3, 4, 2, 20
Arrays = dict[str, np.ndarray]


def some(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(0, 0.6, shape).astype(np.float32)


LSTM = {"kernel": some(F, 4 * H), "recurrent_kernel": some(H, 4 * H), "bias": some(4 * H)}
GRU = {"kernel": some(H, 3 * H), "recurrent_kernel": some(H, 3 * H), "bias": some(2, 3 * H)}
HEAD = {"kernel": some(H, OUT), "bias": some(OUT)}
WEIGHTS: dict[str, Arrays] = {"lstm": LSTM, "gru": GRU, "dense": HEAD}


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def computed(x: np.ndarray, gate: Any = sigmoid) -> np.ndarray:
    """softmax(dense(gru(lstm(x)))): i f c o; z r h, the reset after the product."""
    h, c, g = np.zeros(H), np.zeros(H), np.zeros(H)
    rows = []
    for row in x.astype(np.float64):
        i, f, new, o = np.split(row @ LSTM["kernel"] + h @ LSTM["recurrent_kernel"] + LSTM["bias"], 4)
        c = gate(f) * c + gate(i) * np.tanh(new)
        h = gate(o) * np.tanh(c)
        (z, r, n), (rz, rr, rn) = (
            np.split(one, 3)
            for one in (h @ GRU["kernel"] + GRU["bias"][0], g @ GRU["recurrent_kernel"] + GRU["bias"][1])
        )
        z = gate(z + rz)
        g = z * g + (1 - z) * np.tanh(n + gate(r + rr) * rn)
        rows.append(g)
    scores = np.array(rows) @ HEAD["kernel"] + HEAD["bias"]
    return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


def config(gate: str = "sigmoid", **more: Any) -> dict[str, Any]:
    layers = [
        ("InputLayer", {"name": "in", "batch_shape": [None, T, F]}),
        ("LSTM", {"name": "lstm", "activation": "tanh", "recurrent_activation": gate, **more}),
        ("Dropout", {"name": "drop", "rate": 0.5}),
        ("GRU", {"name": "gru", "activation": "tanh", "recurrent_activation": gate}),
        ("Dense", {"name": "dense", "activation": "softmax"}),
    ]
    return {
        "class_name": "Sequential",
        "config": {"layers": [{"class_name": kind, "config": inner} for kind, inner in layers]},
    }


def keras(path: Path, settings: dict[str, Any], weights: dict[str, Arrays] = WEIGHTS) -> Path:
    """Keras 3: a zip; variables go by numbers, layers by class and count."""
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        for name, arrays in weights.items():
            inner = "vars" if name == "dense" else "cell/vars"
            for number, array in enumerate(arrays.values()):
                file[f"layers/{name}/{inner}/{number}"] = array
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(settings))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", held.getvalue())
    return path


AGES = ("{layer}/{name}:0", "{layer}/{layer}_cell/{name}:0", "sequential/{layer}/{layer}_cell/{name}")


def h5(
    path: Path,
    age: str,
    settings: dict[str, Any] | None,
    version: str = "2.15.0",
    weights: dict[str, Arrays] = WEIGHTS,
) -> Path:
    with h5py.File(path, "w") as file:
        top = file if settings is None else file.create_group("model_weights")
        if settings is not None:
            file.attrs["model_config"] = json.dumps(settings)
        top.attrs["layer_names"] = [name.encode() for name in weights]
        top.attrs["keras_version"] = version
        for layer, arrays in weights.items():
            names = {age.format(layer=layer, name=name): array for name, array in arrays.items()}
            group = top.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in names.items():
                group[name] = array
    return path


def answers(path: Path, x: np.ndarray, choices: Choices) -> np.ndarray:
    model = read_model(path, choices).model
    return activate(forward(model, x).scores, model.activation)


STREAM = Choices(stream=True)
X = np.random.default_rng(0).normal(size=(60, F)).astype(np.float32)
