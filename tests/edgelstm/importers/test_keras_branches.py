"""Keras's models with branches, norms and convolutions over whole windows, against their equations in float64."""

from __future__ import annotations

import copy
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counts import times
from edgelstm.export.elstm import encode
from edgelstm.importers.choices import Choices
from edgelstm.importers.keras_config import input_of, network, numbered
from edgelstm.importers.keras_layers import variables
from edgelstm.importers.keras_road import steps_of
from edgelstm.importers.read import read_model
from edgelstm.runtime import Model as RuntimeModel
from in_process import refused_well, run

h5py = pytest.importorskip("h5py", reason="h5py is not installed")

F, T, H = 3, 12, 4
Array = np.ndarray
Layer = tuple[str, str, dict[str, Any], list[str], list[Array]]
"""Class, name, settings, names of those that feed it, variables in Keras 3's order."""
X = np.random.default_rng(0).normal(size=(3 * T, F)).astype(np.float32)


def some(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).normal(0.1, 0.5, shape).astype(np.float32)


def snake(kind: str) -> str:
    return {"LSTM": "lstm", "GRU": "gru", "Conv1D": "conv1d"}.get(kind) or "".join(
        f"_{c.lower()}" if c.isupper() and at else c.lower() for at, c in enumerate(kind)
    )


def config_of(layers: list[Layer], outputs: list[str]) -> dict[str, Any]:
    listed = []
    for kind, name, settings, sources, _ in layers:
        tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": [one, 0, 0]}} for one in sources]
        nodes = [{"args": [tensors] if len(tensors) > 1 else tensors, "kwargs": {}}] if sources else []
        settings = {"name": name, **settings}
        listed.append({"class_name": kind, "name": name, "config": settings, "inbound_nodes": nodes})
    ends = [[name, 0, 0] for name in outputs]
    inner = {"layers": listed, "output_layers": ends[0] if len(ends) == 1 else ends}
    return {"class_name": "Functional", "config": inner}


def keras(path: Path, layers: list[Layer]) -> Path:
    """A functional model of Keras 3 whose last layer answers."""
    held, used = io.BytesIO(), dict[str, int]()
    with h5py.File(held, "w") as file:
        for kind, _, _, _, arrays in layers:
            key = snake(kind)
            used[key] = used.get(key, -1) + 1
            place = f"layers/{key}_{used[key]}" if used[key] else f"layers/{key}"
            inner = "cell/vars" if kind in ("LSTM", "GRU") else "vars"
            for number, array in enumerate(arrays):
                file[f"{place}/{inner}/{number}"] = array
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config_of(layers, [layers[-1][1]])))
        archive.writestr("model.weights.h5", held.getvalue())
    return path


IN: Layer = ("InputLayer", "in", {"batch_shape": [None, T, F]}, [], [])
LSTM = [some(F, 4 * H), some(H, 4 * H), some(4 * H)]
BRANCHES: list[Layer] = [
    IN,
    ("LayerNormalization", "norm", {"axis": -1, "epsilon": 0.01, "scale": False, "center": True}, ["in"], [some(F)]),
    ("LSTM", "a", {"return_sequences": True}, ["norm"], LSTM),
    ("Dense", "b", {"activation": "tanh"}, ["norm"], [some(F, H), some(H)]),
    ("Subtract", "less", {}, ["a", "b"], []),
    ("Multiply", "times", {}, ["less", "a"], []),
    ("Concatenate", "beside", {"axis": -1}, ["times", "b", "norm"], []),
    ("ReLU", "held", {"max_value": 0.4, "negative_slope": 0.0, "threshold": 0.0}, ["beside"], []),
    ("Dense", "out", {"activation": "linear"}, ["held"], [some(2 * H + F, 2), some(2)]),
]
WINDOWED: list[Layer] = [
    IN,
    ("Conv1D", "c", {"kernel_size": [4], "strides": [2], "padding": "same"}, ["in"], [some(4, F, H), some(H)]),
    (
        *("BatchNormalization", "bn", {"axis": -1, "epsilon": 1e-3, "scale": False}, ["c"]),
        [some(H, seed=1), some(H, seed=2), np.abs(some(H, seed=3)) + 0.5],
    ),
    ("LSTM", "l", {"return_sequences": True}, ["bn"], [some(H, 4 * H), some(H, 4 * H), some(4 * H)]),
    ("GlobalAveragePooling1D", "mean", {}, ["l"], []),
    ("Flatten", "flat", {}, ["l"], []),
    ("Concatenate", "beside", {}, ["mean", "flat"], []),
    ("Dense", "out", {"activation": "linear"}, ["beside"], [some(H + T // 2 * H, 2), some(2)]),
]

SCALES = {"mean": [0.5, -1, 2], "variance": [[0.25, 2, 1]]}
SCALED: list[Layer] = [
    IN,
    ("Normalization", "norm", {"axis": [-1], "invert": False, **SCALES}, ["in"], []),
    ("Rescaling", "scaled", {"scale": [1, 2, 0.5], "offset": 0.25}, ["norm"], []),
    ("Normalization", "back", {"axis": -1, "invert": True, "mean": 0.5, "variance": 4}, ["scaled"], []),
    ("LSTM", "l", {}, ["back"], LSTM),
    ("Dense", "out", {"activation": "linear"}, ["l"], [some(H, 2), some(2)]),
]


def lstm(x: Array, W: Array, R: Array, b: Array) -> Array:
    h, c, rows = np.zeros(H), np.zeros(H), []
    for row in x:
        i, f, new, o = np.split(row @ W + h @ R + b, 4)
        c = c / (1 + np.exp(-f)) + np.tanh(new) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        rows.append(h)
    return np.array(rows)


def branches(x: Array) -> Array:
    n = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 0.01) + some(F)
    a, b = lstm(n, *LSTM), np.tanh(n @ some(F, H) + some(H))
    joined = np.concatenate([(a - b) * a, b, n], axis=1)
    return (np.clip(joined, 0, 0.4) @ some(2 * H + F, 2) + some(2))[-1]


def windowed(x: Array) -> Array:
    padded = np.concatenate([np.zeros((1, F)), x, np.zeros((1, F))])  # "same": ceil(12 / 2) rows of 4 taps
    c = np.array([np.tensordot(padded[at : at + 4], some(4, F, H), 2) for at in range(0, T, 2)]) + some(H)
    bn = (c - some(H, seed=2)) / np.sqrt(np.abs(some(H, seed=3)) + 0.5 + 1e-3) + some(H, seed=1)
    rows = lstm(bn, some(H, 4 * H), some(H, 4 * H), some(4 * H))
    return np.concatenate([rows.mean(axis=0), rows.reshape(-1)]) @ some(H + T // 2 * H, 2) + some(2)


def scaled(x: Array) -> Array:
    n = (x - [0.5, -1, 2]) / np.sqrt([0.25, 2, 1])
    return (lstm(0.5 + 2 * (n * [1, 2, 0.5] + 0.25), *LSTM) @ some(H, 2) + some(2))[-1]


CASES = {"steps": (BRANCHES, branches), "whole": (WINDOWED, windowed), "numbers of settings": (SCALED, scaled)}


@pytest.mark.parametrize(("layers", "computed"), CASES.values(), ids=CASES)
def test_a_stream_answers_every_window_as_the_equations(tmp_path: Path, layers: list[Layer], computed: Any) -> None:
    model = read_model(keras(tmp_path / "m.keras", layers), Choices()).model
    (tmp_path / "m.elstm").write_bytes(encode(model))
    found = RuntimeModel(tmp_path / "m.elstm").stream().push(X)
    np.testing.assert_allclose(found, [computed(x.astype(np.float64)) for x in np.split(X, 3)], atol=2e-6)


def other(
    kind: str, settings: dict[str, Any], sources: list[str], outputs: list[str] | None = None
) -> dict[str, Any]:
    return config_of([*BRANCHES, (kind, "odd", settings, sources, [])], outputs or ["odd"])


def changed(change: Callable[[list[Any]], None]) -> dict[str, Any]:
    config = config_of(BRANCHES, ["out"])
    change(config["config"]["layers"])
    return config


def twice(layers: list[Any]) -> None:
    layers[3]["inbound_nodes"] *= 2


def state(layers: list[Any]) -> None:
    layers[4]["inbound_nodes"][0]["args"][0][0]["config"]["keras_history"][2] = 1


def unfed(layers: list[Any]) -> None:
    layers[2]["inbound_nodes"] = []


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "outputs": (other("ReLU", {}, ["a"], ["out", "odd"]), "outputs out, odd, expected one"),
    "twice": (changed(twice), "layer 'b': is called 2 times, expected once"),
    "state": (changed(state), "layer 'a': its state is taken"),
    "unfed": (changed(unfed), "layer 'a': is fed by none, expected a layer before it"),
    "unknown": (other("ReLU", {}, ["nobody"]), "layer 'odd': takes 'nobody', expected a layer before it"),
    "sizes": (other("Add", {}, ["a", "out"]), "'odd' (Add): results of different sizes"),
    "maxima": (other("MaxPooling1D", {"pool_size": [2]}, ["a"]), "a largest value over time is not held by a model"),
    "rms": (other("LayerNormalization", {"rms_scaling": True}, ["a"]), "rms_scaling, expected a norm by mean"),
    "axis": (other("LayerNormalization", {"axis": [1, 2]}, ["a"]), "axis [1, 2], expected -1: channels"),
    "mean": (
        other("Normalization", {"mean": [1, 2], "variance": 1}, ["a"]),
        "mean [1, 2], expected a number, or one",
    ),
    "variance": (
        other("Normalization", {"mean": 1, "variance": -1}, ["a"]),
        "variance: below 0, expected at least 0",
    ),
    "scale": (other("Rescaling", {"scale": [[1], [2, 3]]}, ["a"]), "scale [[1], [2, 3]], expected a number, or one"),
    "bidirectional": (other("Bidirectional", {}, ["a"]), "'odd' (Bidirectional): a stream has no end to read back"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_no_model_holds_is_one_line_that_names_the_layer(name: str) -> None:
    config, words = BAD[name]
    weights = {
        name: dict(zip(variables(kind, settings), arrays)) for kind, name, settings, _, arrays in BRANCHES if arrays
    }
    with pytest.raises(ValueError, match=re.escape(words)):
        steps_of(network(config), weights, F, "3", 0)


ODD: tuple[Any, ...] = (None, True, 0, -1, 1 << 40, 1e308, "", "x", "tanh", [], [0], [[]], [None], {}, {"a": 1})


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every item of lists and objects in `value`, as what holds it and its key."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(item, dict | list):
            yield from places(item)


@pytest.mark.parametrize("name", CASES)
def test_settings_of_any_kind_are_a_model_or_one_line(name: str) -> None:
    layers = [
        (kind, own, {"activation": "tanh", "recurrent_activation": "sigmoid", **settings}, sources, arrays)
        for kind, own, settings, sources, arrays in CASES[name][0]
    ]
    layers.append(("TimeDistributed", "inner", {"layer": {"class_name": "Dense", "config": {}}}, ["out"], []))
    config = config_of(layers, ["out"]) | {"build_config": {"input_shape": [None, T, F]}}
    weights = {
        own: dict(zip(variables(kind, settings), arrays)) for kind, own, settings, _, arrays in layers if arrays
    }
    cases = [(place, odd) for place in range(len(list(places(config)))) for odd in ODD]
    lines = set()
    for at in np.random.default_rng(0).permutation(len(cases))[: times(200, 2000)]:
        place, odd = cases[at]
        changed = copy.deepcopy(config)
        holder, key = list(places(changed))[place]
        holder[key] = copy.deepcopy(odd)
        try:
            found = network(changed)
            features, timing = input_of(found, changed)
            numbered(found.entries, {})
            steps_of(found, weights, features, "3", timing.window if timing else 0)
        except ValueError as error:
            lines.add(str(error))
    assert len(lines) > 20
    assert not [line for line in lines if "\n" in line or re.search("Error|object|sequence element|literal", line)]


def test_a_layer_that_sees_the_window_is_no_stream(tmp_path: Path) -> None:
    ended = run("import", keras(tmp_path / "m.keras", WINDOWED), "--stream")
    assert refused_well(ended)
    assert "--stream: a layer sees all frames of a window at once, expected --window N" in ended.err
