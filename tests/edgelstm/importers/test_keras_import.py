"""Keras's files of all ages, with their models, against Keras's equations in float64."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgelstm.importers.choices import Choices, UndecidedError
from edgelstm.importers.read import read_model
from edgelstm.layers import Activation, Shape
from in_process import run
from keras_files import (
    AGES,
    GRU,
    HEAD,
    LSTM,
    STREAM,
    WEIGHTS,
    Arrays,
    F,
    H,
    T,
    X,
    answers,
    computed,
    config,
    h5,
    keras,
    sigmoid,
    some,
)


def test_keras_3_answers_as_its_equations(tmp_path: Path) -> None:
    path = keras(tmp_path / "m.keras", config())
    np.testing.assert_allclose(answers(path, X, STREAM), computed(X), atol=1e-6)
    assert read_model(path, Choices()).model.answer.hop == T  # the length is in the file


def test_a_window_that_the_file_says_begins_anew_in_a_stream(tmp_path: Path) -> None:
    """As its own program calls it: every window from a fresh state."""
    path, out, frames = keras(tmp_path / "m.keras", config()), tmp_path / "m.elstm", tmp_path / "x.csv"
    np.savetxt(frames, X, delimiter=",")
    assert "windows of 20 frames, each from a fresh state" in " ".join(run("import", path).out.split())
    made = run("export", tmp_path / "m.npz", "--precision", "float32", "--no-verify", "-o", out)
    assert made.code == 0, made
    streamed = run("stream", out, frames)
    assert not streamed.err
    found = [list(json.loads(line)["probabilities"].values()) for line in streamed.out.splitlines()]
    np.testing.assert_allclose(found, [computed(window)[-1] for window in np.split(X, 3)], atol=1e-6)
    refused = run("stream", out, frames, "--hop", 5)
    assert refused.code == 2
    assert "--hop: 5, expected a multiple of 20: the model begins anew after so many frames" in refused.err
    for file in (tmp_path / "m.npz", out):
        assert "of 20 frames, each from a fresh state" in run("inspect", file).out


@pytest.mark.parametrize("age", AGES)
def test_every_age_of_h5_answers_as_its_equations(tmp_path: Path, age: str) -> None:
    np.testing.assert_allclose(answers(h5(tmp_path / "m.h5", age, config()), X, STREAM), computed(X), atol=1e-6)


@pytest.mark.parametrize(("version", "slope"), [("2.2.4", 0.2), ("3.4.0", 1 / 6)])
def test_hard_sigmoids_are_those_of_their_version(tmp_path: Path, version: str, slope: float) -> None:
    path = h5(tmp_path / "m.h5", AGES[0], config("hard_sigmoid"), version)
    expected = computed(X, lambda z: np.clip(slope * z + 0.5, 0, 1))
    np.testing.assert_allclose(answers(path, X, STREAM), expected, atol=1e-6)


@pytest.mark.parametrize("is_after", [True, False])
def test_a_gru_without_bias_resets_as_its_file_says(tmp_path: Path, is_after: bool) -> None:
    """With a bias its sides tell, without one only the configuration does."""
    bare = {"kernel": some(F, 3 * H), "recurrent_kernel": some(H, 3 * H)}
    layers = [
        ("InputLayer", {"name": "in", "batch_shape": [None, T, F]}),
        ("GRU", {"name": "gru", "use_bias": False, "reset_after": is_after}),
    ]
    made = [{"class_name": kind, "config": inner} for kind, inner in layers]
    path = keras(tmp_path / "m.keras", {"class_name": "Sequential", "config": {"layers": made}}, {"gru": bare})
    h, rows = np.zeros(H), []
    (Wz, Wr, Wn), (Rz, Rr, Rn) = (np.split(bare[name].astype(np.float64), 3, axis=1) for name in bare)
    for x in X.astype(np.float64):
        z, r = sigmoid(x @ Wz + h @ Rz), sigmoid(x @ Wr + h @ Rr)
        h = z * h + (1 - z) * np.tanh(x @ Wn + (r * (h @ Rn) if is_after else (r * h) @ Rn))
        rows.append(h)
    np.testing.assert_allclose(answers(path, X, STREAM), rows, atol=1e-6)
    alone = h5(tmp_path / "m.h5", AGES[0], None, weights={"gru": bare})
    said = Choices((f"gru:reset={'after' if is_after else 'before'}",), gates="sigmoid", stream=True)
    np.testing.assert_allclose(answers(alone, X, said), rows, atol=1e-6)
    with pytest.raises(UndecidedError, match=r"^--layers: gru: a GRU without bias.*expected gru:reset=after"):
        read_model(alone, Choices(("gru",), gates="sigmoid", stream=True))


@pytest.mark.parametrize("age", [None, AGES[1]])
def test_a_sequential_within_a_model_is_its_layers(tmp_path: Path, age: str | None) -> None:
    """In a file of Keras 3 their weights lie below those of the model, in older ones under both names."""
    plain = keras(tmp_path / "plain.keras", config())
    settings = config()
    layers = settings["config"]["layers"]
    inner = {"class_name": "Sequential", "config": {"name": "core", "layers": layers[:4]}}
    settings["config"]["layers"] = [inner, layers[4]]
    if age is None:
        path, weights = tmp_path / "m.keras", {"dense": HEAD}
        keras(path, settings, weights | {f"sequential/layers/{name}": WEIGHTS[name] for name in ("lstm", "gru")})
    else:
        named = {
            age.format(layer=layer, name=name): WEIGHTS[layer][name] for layer in ("lstm", "gru") for name in LSTM
        }
        path = h5(tmp_path / "m.h5", "{name}", settings, weights={"core": named, "dense": HEAD})
    np.testing.assert_array_equal(answers(path, X, STREAM), answers(plain, X, STREAM))


def test_weights_too_small_for_float32_are_told(tmp_path: Path) -> None:
    tiny = LSTM["kernel"].astype(np.float64)
    tiny[0, :3] = 1e-300
    found = read_model(keras(tmp_path / "m.keras", config(), WEIGHTS | {"lstm": LSTM | {"kernel": tiny}}), STREAM)
    assert "3 weights too small for float32 became 0, in layers/lstm/cell/vars/0" in found.notes


def test_a_cudnn_layer_is_its_blocks_transposed(tmp_path: Path) -> None:
    """As Keras 2 converts between the two: each gate's block (I, H) is the transposed kernel in the same shape."""
    kernel = np.concatenate([g.T.reshape(F, H) for g in np.split(LSTM["kernel"], 4, axis=1)], axis=1)
    recurrent = np.concatenate([g.T for g in np.split(LSTM["recurrent_kernel"], 4, axis=1)], axis=1)
    bias = np.concatenate([LSTM["bias"] / 2, LSTM["bias"] / 2])
    cudnn = {"kernel": kernel, "recurrent_kernel": recurrent, "bias": bias}
    settings = config()
    path = keras(tmp_path / "m.keras", settings, WEIGHTS | {"lstm": cudnn})
    np.testing.assert_allclose(answers(path, X, STREAM), computed(X), atol=1e-6)


@pytest.mark.parametrize("is_split", [True, False])
def test_keras_1_has_an_array_for_each_gate_or_for_all(tmp_path: Path, is_split: bool) -> None:
    """consume_less of cpu and gpu. Its gates are hard sigmoids, its GRU resets before the product."""
    before = {name: array if name != "bias" else array[0] for name, array in GRU.items()}
    today = {"lstm": LSTM, "gru": before, "dense": HEAD}
    short = {"kernel": "W", "recurrent_kernel": "U", "bias": "b"}
    first: dict[str, Arrays] = {"dense": {f"dense_{short[name]}": array for name, array in HEAD.items()}}
    for layer, gates in (("lstm", "ifco"), ("gru", "zrh")):
        parts = {name: np.split(array, len(gates), axis=-1) for name, array in today[layer].items()}
        first[layer] = {
            f"{layer}_{short[name]}_{gate}": arrays[gates.index(gate)]
            for gate in (gates[1], gates[0], *gates[2:])  # in another order
            for name, arrays in parts.items()
        }
        if not is_split:
            first[layer] = {f"{layer}_{short[name]}": array for name, array in today[layer].items()}
    settings = config("hard_sigmoid")
    newer = h5(tmp_path / "2.h5", AGES[0], settings, "2.2.4", today)
    for entry in settings["config"]["layers"][1:4:2]:
        entry["config"]["inner_activation"] = entry["config"].pop("recurrent_activation")
    settings["config"] = settings["config"]["layers"]  # a list
    for version in ("1.2.2", ""):
        path = h5(tmp_path / "1.h5", "{name}", settings, version, first)
        np.testing.assert_array_equal(answers(path, X, STREAM), answers(newer, X, STREAM))
        assert not read_model(path, STREAM).notes
    alone = h5(tmp_path / "w.h5", "{name}:0", None, "", first)
    said = Choices(("lstm", "gru", "dense", "softmax"), gates="hard-sigmoid", stream=True)
    np.testing.assert_array_equal(answers(alone, X, said), answers(newer, X, STREAM))
    if is_split:
        del first["lstm"]["lstm_U_c"]
        with pytest.raises(ValueError, match=r"layer 'lstm': U_i to U_o: missing"):
            read_model(h5(tmp_path / "1.h5", "{name}", settings, "1.2.2", first), STREAM)


def test_functions_and_gates_are_those_that_keras_takes_where_a_file_says_little() -> None:
    """keras.activations: the slope below 0 and the upper bound; `hard_sigmoid` was the LSTM's default before 2.3."""
    from edgelstm.importers.keras_layers import recurrent, word

    x = np.array([-2.0, 3.0, 9.0], np.float32)
    for name, expected in (("leaky_relu", [-0.4, 3, 9]), ("relu6", [0, 3, 6])):
        (step,) = word(name, "3")
        assert isinstance(step, Activation)
        np.testing.assert_allclose(step.computed(x[None, None], Shape(1, 3))[0, 0], expected, rtol=1e-6)
    assert [word("hard_sigmoid", version) for version in ("2.15.0", "3.5.0")] == [["hard_sigmoid"], ["hard_sigmoid6"]]
    for version, gate in (("2.2.4", "hard_sigmoid"), ("2.3.1", "sigmoid"), ("3.5.0", "sigmoid")):
        layer = recurrent("LSTM", LSTM, {}, version)
        assert getattr(layer, "gate", None) == gate
