"""Weights of Keras without their model: what is asked, and Keras's equations in float64."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from edgelstm.importers.choices import Choices, UndecidedError
from edgelstm.importers.read import read_model
from edgelstm.layers import LayerNorm
from keras_files import (
    AGES,
    LSTM,
    STREAM,
    WEIGHTS,
    F,
    H,
    X,
    answers,
    computed,
    h5,
    sigmoid,
    some,
)

h5py = pytest.importorskip("h5py", reason="h5py is not installed")


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
