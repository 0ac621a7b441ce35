"""Keras's files of all ages, written here with h5py, against Keras's equations in float64."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.forward import activate, forward
from edgelstm.importers.choices import Choices, UndecidedError
from edgelstm.importers.read import read_model
from edgelstm.layers import Activation, LayerNorm, Shape
from in_process import refused_well, run

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


def test_norms_of_weights_alone_are_asked_about(tmp_path: Path) -> None:
    """LayerNormalization and GroupNormalization leave the same arrays."""
    norm = {"gamma": some(H), "beta": some(H + 1)[:H]}
    path = h5(tmp_path / "m.h5", AGES[0], None, weights={"lstm": LSTM, "norm": norm})
    with pytest.raises(UndecidedError, match=r"^--layers: norm: a weight and a bias.*expected norm:norm=layer"):
        read_model(path, Choices(("lstm", "norm"), gates="sigmoid", stream=True))
    found = read_model(path, Choices(("lstm", "norm:norm=layer:epsilon=0.1"), gates="sigmoid", stream=True)).model
    made = found.layers[1]
    assert isinstance(made, LayerNorm)
    assert (made.gamma.tolist(), made.beta.tolist(), made.epsilon) == (*map(np.ndarray.tolist, norm.values()), 0.1)


def test_weights_alone_are_asked_about(tmp_path: Path) -> None:
    path = h5(tmp_path / "m.h5", AGES[1], None)
    with pytest.raises(
        UndecidedError, match=r"^--layers: not given.*lstm \(LSTM 3 to 4\), gru \(GRU 4 to 4\), dense"
    ):
        read_model(path, STREAM)
    layers = ("lstm", "gru", "dense", "softmax")
    with pytest.raises(UndecidedError, match=r"^--gates: not given"):
        read_model(path, Choices(layers, stream=True))
    found = answers(path, X, Choices(layers, gates="sigmoid", stream=True))
    np.testing.assert_allclose(found, computed(X), atol=1e-6)


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


def linked(path: Path, link: Any) -> Path:
    keras(path, config())
    held = io.BytesIO(zipfile.ZipFile(path).read("model.weights.h5"))
    with h5py.File(held, "a") as file:
        del file["layers/dense/vars/0"]
        link(file["layers/dense/vars"])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config()))
        archive.writestr("model.weights.h5", held.getvalue())
    return path


def _virtual(group: Any) -> None:
    layout = h5py.VirtualLayout(shape=(H, OUT), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", shape=(H, OUT))
    group.create_virtual_dataset("0", layout)


def _external(group: Any) -> None:
    group.create_dataset("0", (H, OUT), "f4", external=[("/etc/hostname", 0, H * OUT * 4)])


def _link(group: Any) -> None:
    group["0"] = h5py.ExternalLink("/etc/hostname", "x")


def _bomb(group: Any) -> None:
    group.create_dataset("0", (1 << 20, 1 << 16), "f4", chunks=(1024, 1024), compression="gzip")


def packed(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(config()))
        archive.writestr("model.weights.h5", bytes(1 << 24))
    return path


def changed(path: Path, place: int, kind: str, **settings: Any) -> Path:
    made = config()
    made["config"]["layers"][place] = {"class_name": kind, "config": {"name": "odd", **settings}}
    return keras(path, made)


BAD: dict[str, tuple[Any, str]] = {
    "external link": (lambda p: linked(p, _link), "a link to elsewhere"),
    "external data": (lambda p: linked(p, _external), "its values are in another file"),
    "virtual data": (lambda p: linked(p, _virtual), "its values are in another file"),
    "bomb": (lambda p: linked(p, _bomb), "more than 268,435,456 values"),
    "zip bomb": (packed, "unpacks to far more than its size"),
    "bidirectional": (lambda p: changed(p, 1, "Bidirectional"), "'odd' (Bidirectional): a stream has no end"),
    "unknown": (lambda p: changed(p, 2, "Attention"), "'odd' (Attention): not held by a model"),
    "activation": (lambda p: changed(p, 2, "Activation", activation="swish"), "activation 'swish', expected one of"),
    "backwards": (lambda p: keras(p, config(go_backwards=True)), "'lstm' (LSTM): go_backwards"),
    "number": (
        lambda p: keras(p, config(), WEIGHTS | {"gru": GRU | {"bias": np.float32(1)}}),  # type: ignore[dict-item]
        "'gru' (GRU): weights that are a single number, expected rows for each gate",
    ),
    "units": (lambda p: keras(p, config(units=10**9)), "'lstm' (LSTM): units 1000000000, expected 4"),
    "clip": (lambda p: keras(p, config(cell_clip=3.0)), "'lstm' (LSTM): cell_clip 3.0: not held by a model"),
    "zoneout": (lambda p: keras(p, config(zoneout=0.1)), "'lstm' (LSTM): zoneout 0.1: not held by a model"),
    "time": (lambda p: keras(p, config(time_major=True)), "'lstm' (LSTM): time_major True: not held by a model"),
    "bias": (
        lambda p: keras(p, config(), WEIGHTS | {"dense": {"kernel": HEAD["kernel"]}}),
        "'dense' (Dense): bias: missing",
    ),
    "nested": (
        lambda p: changed(p, 2, "Functional"),
        "a model within the model, expected its layers in the outer one",
    ),
    "missing": (lambda p: keras(p, config(), {"lstm": LSTM, "dense": HEAD}), "'gru' (GRU): kernel: missing"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_one_line(tmp_path: Path, name: str) -> None:
    write, words = BAD[name]
    ended = run("import", write(tmp_path / "m.keras"), "--stream")
    assert refused_well(ended)
    assert ended.code == 1
    assert words in ended.err, ended.err


NUMBERED = {"lstm": "lstm/cell/vars", "gru": "gru/cell/vars", "dense_1": "dense_1/vars"}
"""Where Keras 3 puts what `WEIGHTS` holds."""


def numbered(path: Path, top: str, titles: Mapping[str, str]) -> Path:
    """As `Model.save_weights` of Keras 3 writes, with what is no weight beside."""
    with h5py.File(path, "w") as file:
        for (place, under), arrays in zip(NUMBERED.items(), WEIGHTS.values()):
            for number, array in enumerate(arrays.values()):
                file[f"{top}{under}/{number}"] = array
            group = file.require_group(f"{top}{place}/vars")
            if place in titles:
                group.attrs["name"] = titles[place]
        file[f"{top}dropout/seed_generator/vars/0"] = np.array([1, 2], np.uint32)
        file["optimizer/vars/0"] = np.zeros((4, 4), np.float32)
    return path


@pytest.mark.parametrize(
    ("top", "titles", "names"),
    [
        ("layers/", {"lstm": "first", "gru": "second", "dense_1": "head"}, ("first", "second", "head")),
        ("layers/", {}, ("lstm", "gru", "dense_1")),
        ("", {}, ("lstm", "gru", "dense_1")),  # attributes of a class of one's own
        ("_layer_checkpoint_dependencies/", {}, ("lstm", "gru", "dense_1")),  # tf.keras 2.13
    ],
)
def test_weights_of_keras_3_alone_are_asked_about(
    tmp_path: Path, top: str, titles: dict[str, str], names: tuple[str, ...]
) -> None:
    path = numbered(tmp_path / "m.weights.h5", top, titles)
    with pytest.raises(UndecidedError, match=r"^--layers: not given.*\(dense 4 to 2\)") as caught:
        read_model(path, STREAM)
    assert all(f"{name} (" in str(caught.value) for name in names)
    assert "optimizer" not in str(caught.value)
    assert "dropout" not in str(caught.value)
    found = answers(path, X, Choices((*names, "softmax"), gates="sigmoid", stream=True))
    np.testing.assert_allclose(found, computed(X), atol=1e-6)


def test_other_layers_of_keras_3_are_known_by_their_class(tmp_path: Path) -> None:
    """An embedding has the sides of a dense layer, the slopes of PReLU those of one without a bias."""
    norm = {"gamma": some(F), "beta": some(F) + 1, "mean": some(F) - 1, "variance": np.abs(some(F)) + 1}
    conv = {"kernel": some(2, F, H), "bias": some(H)}
    places = {
        "batch_normalization/vars": list(norm.values()),
        "conv1d/vars": list(conv.values()),
        "p_re_lu/vars": [some(1, H)],
        "lstm/cell/vars": [some(H, 4 * H), *list(LSTM.values())[1:]],
        "embedding/vars": [some(9, H)],
        "simple_rnn/cell/vars": [some(F, H), some(H, H), some(H)],
        "bidirectional/backward_layer/cell/vars": list(LSTM.values()),
        "normalization/vars": [some(F), np.ones(F, np.float32), np.array(4, np.int32)],
    }
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        for place, arrays in places.items():
            for number, array in enumerate(arrays):
                file[f"layers/{place}/{number}"] = array
    layers = ("batch_normalization:epsilon=0.01", "context:2", "conv1d", "p_re_lu", "lstm")
    normed = norm["gamma"] * (X - norm["mean"]) / np.sqrt(norm["variance"] + 0.01) + norm["beta"]
    behind = np.concatenate([np.zeros((1, F)), normed])
    summed = behind[:-1] @ conv["kernel"][0] + behind[1:] @ conv["kernel"][1] + conv["bias"]
    h, c, expected = np.zeros(H), np.zeros(H), []
    for row in np.where(summed < 0, summed * some(1, H), summed):
        i, f, new, o = np.split(row @ some(H, 4 * H) + h @ LSTM["recurrent_kernel"] + LSTM["bias"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
        h = sigmoid(o) * np.tanh(c)
        expected.append(h)
    found = answers(path, X, Choices(layers, gates="sigmoid", stream=True))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for name in ("embedding", "simple_rnn", "bidirectional/backward_layer"):
        with pytest.raises(ValueError, match=f" {name}: (a plain RNN|weights 0 .*), expected .*an LSTM"):
            read_model(path, Choices((name,), stream=True))


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


def test_a_file_cut_short_is_one_line(tmp_path: Path) -> None:
    path = h5(tmp_path / "m.h5", AGES[0], config())
    path.write_bytes(path.read_bytes()[:3000])
    ended = run("import", path, "--stream")
    assert refused_well(ended)
    assert ended.code == 1


def test_integers_are_no_weights(tmp_path: Path) -> None:
    whole = {
        name: {key: np.rint(10 * array).astype(np.int8) for key, array in one.items()}
        for name, one in WEIGHTS.items()
    }
    ended = run("import", keras(tmp_path / "m.keras", config(), whole))
    assert refused_well(ended)
    assert "kernel: int8, expected floats" in ended.err


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
