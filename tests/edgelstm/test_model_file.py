"""model.npz keeps a model whole, and nothing that is no model opens."""

import json
import pathlib
import zipfile

import numpy as np
import pytest

from edgelstm.data.npz import read_npz
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Answer, Model, Normalize, Ranges
from edgelstm.model_file import load_model, save_model
from random_layers import random_layers


def made(features: int = 3, units: int = 5, outputs: int = 2) -> Model:
    rng = np.random.default_rng(0)

    def f32(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    return Model(
        Normalize(f32(features), np.abs(f32(features)) + 0.1),
        (
            LSTM(f32(4 * units, features), f32(4 * units, units), f32(4 * units)),
            Dense(f32(4, units), f32(4), "relu"),
            Dense(f32(outputs, 4), f32(outputs)),
        ),
        activation="sigmoid",
        answer=Answer("mean", 20, 5),
        labels=("a", "ä"),
        label_units=("", "°C"),
        feature_names=("x", "y", "z"),
        feature_units=("g", "g", "rad/s"),
        sample_rate=50.0,
        name="test",
        licence="CC-BY-4.0 AND Apache-2.0",
        provenance={"seed": 1},
        ranges=Ranges(
            {"x": (-1.0, 2.0), "lstm0": (-1.0, 1.0), "c0": (-3.5, 2.0), "dense0": (0.0, 1.0), "dense1": (-2.0, 2.0)},
            kept=("lstm0",),
        ),
        examples=(f32(7, features),),
        unseen=(f32(4, features), f32(5, features)),
        unseen_truth=np.array([[1, 0], [np.nan, 1]], np.float32),
    )


@pytest.mark.parametrize("model", [made(), random_layers(2), random_layers(3)])
def test_a_model_comes_back_as_it_was(tmp_path: pathlib.Path, model: Model) -> None:
    path = tmp_path / "m.npz"
    save_model(model, path)
    back = load_model(path)
    names = (
        "activation",
        "answer",
        "labels",
        "label_units",
        "feature_names",
        "feature_units",
        "sample_rate",
        "name",
        "licence",
        "ranges",
    )
    for name in names:
        assert getattr(back, name) == getattr(model, name), name
    assert dict(back.provenance) == dict(model.provenance)
    pairs = [(model.normalize.mean, back.normalize.mean), (model.normalize.std, back.normalize.std)]
    for layer, found in zip(model.layers, back.layers, strict=True):
        assert type(layer) is type(found)
        assert [getattr(layer, n) for n in layer.settings] == [getattr(found, n) for n in layer.settings]
        pairs += [(getattr(layer, n), getattr(found, n)) for n in layer.arrays]
    pairs += list(zip(model.examples, back.examples, strict=True)) + list(zip(model.unseen, back.unseen, strict=True))
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert (model.unseen_truth is None) == (back.unseen_truth is None)
    if model.unseen_truth is not None:
        np.testing.assert_array_equal(back.unseen_truth, model.unseen_truth)


def test_entries_are_the_same_whichever_python_and_numpy_wrote_them(tmp_path: pathlib.Path) -> None:
    """`np.savez` leaves it to them."""
    save_model(made(), tmp_path / "m.npz")
    with zipfile.ZipFile(tmp_path / "m.npz") as archive:
        for entry in archive.infolist():
            assert (entry.extract_version, entry.flag_bits, entry.extra) == (20, 0, b"")
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)


def test_a_file_of_before_has_no_unseen_sequences(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "m.npz"
    save_model(made(), path)
    arrays = read_npz(path)
    header = json.loads(arrays["header"].tobytes())
    del header["unseen"]
    kept = {name: array for name, array in arrays.items() if not name.startswith("unseen")}
    np.savez(path, **{**kept, "header": np.frombuffer(json.dumps(header).encode(), np.uint8)})
    assert load_model(path).unseen == ()


def test_the_same_model_gives_the_same_bytes(tmp_path: pathlib.Path) -> None:
    save_model(made(), tmp_path / "a.npz")
    save_model(made(), tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("format", "other", "format"),
        ("version", 99, "version 99"),
        ("version", 1, "version 1, expected 2"),
        ("layers", [], "layers"),
        ("layers", [{"kind": "lstm"}] * 65, "layers"),
        ("layers", "lstm", "layers"),
        ("layers", [{"kind": "rnn"}], r"layers\[0\].kind: 'rnn', expected one of lstm"),
        ("layers", [{"kind": ["lstm"]}], r"layers\[0\].kind"),
        ("layers", [{"kind": "context", "rows": 4}], r"layers\[0\]: 'rows', expected hop, rows for context"),
        ("layers", [{"kind": "context", "rows": 4, "hop": "2"}], "layer 0: Context.hop: '2'"),
        ("layers", [{"kind": "context", "rows": 2, "hop": 4}], "layer 0: Context.hop: 4"),
        ("layers", [{"kind": "lstm"}], "last layer must be a linear dense one"),
        ("activation", "relu", "activation: 'relu'"),
        ("answer", {"pooling": "mean", "window": 7, "hop": 2}, "Answer.window: 7"),
        ("answer", {"pool": "mean"}, "answer"),
        ("labels", ["only one"], "labels"),
        ("labels", [1, 2], "labels"),
        ("sample_rate", -1, "sample_rate"),
        ("sample_rate", "fast", "sample_rate"),
        ("licence", "two\nlines", "licence"),
        ("licence", ["MIT"], "licence"),
        ("ranges", {"x": [2, 1], "lstm0": [0, 1], "c0": [0, 1], "dense0": [0, 1], "dense1": [0, 1]}, "Ranges.x: "),
        ("ranges", {"x": [0, 1]}, "ranges: of x, expected c0, dense0, dense1, lstm0, x"),
        ("ranges", [1], "ranges"),
        ("examples", 2, "example1 is missing"),
        ("unseen", 3, "unseen2 is missing"),
        ("unseen", 257, "unseen: 257, expected"),
        ("provenance", [], "provenance"),
    ],
)
def test_a_wrong_header_is_refused_by_name(tmp_path: pathlib.Path, field: str, value: object, said: str) -> None:
    path = tmp_path / "m.npz"
    save_model(made(), path)
    arrays = read_npz(path)
    header = json.loads(arrays["header"].tobytes())
    header[field] = value
    np.savez(path, **{**arrays, "header": np.frombuffer(json.dumps(header).encode(), np.uint8)})
    with pytest.raises(ValueError, match=said) as caught:
        load_model(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("layer0.W", np.zeros((20, 4), np.float32), r"layer 0 \(lstm0\): LSTM takes 4 inputs"),
        ("layer0.R", np.zeros((20, 4), np.float32), "LSTM.R"),
        ("layer0.b", np.zeros(18, np.float32), "multiple of 4"),
        ("layer0.b", np.full(20, np.nan, np.float32), "NaN"),
        ("layer0.b", np.full(20, 1e300), "infinity"),
        ("layer0.b", np.zeros(20, np.complex64), "dtype"),
        ("normalize.std", np.zeros(3, np.float32), "std: 0 of feature 0"),
        ("normalize.std", np.array([1, 1e-38, 1], np.float32), "std: 1e-38 of feature 1"),
        ("normalize.mean", np.array([0, 0, -3e38], np.float32), "mean: -3e\\+38 of feature 2"),
        ("layer2.b", None, "layer2.b is missing"),
        ("example0", np.zeros((5, 2), np.float32), "examples"),
        ("unseen1", np.zeros((5, 2), np.float32), "unseen"),
        ("unseen_truth", np.zeros((3, 3), np.float32), r"unseen_truth: float32 \(3, 3\), expected \(2, 2\)"),
        ("unseen_truth", np.full((2, 2), "a"), "unseen_truth: <U1"),
        ("unseen_truth", np.full((2, 2), 0.5, np.float32), "unseen_truth: expected 0, 1 or NaN"),
        ("header", np.array(["{}"]), "header"),
    ],
)
def test_a_wrong_array_is_refused_by_name(
    tmp_path: pathlib.Path, name: str, array: np.ndarray | None, said: str
) -> None:
    path = tmp_path / "m.npz"
    save_model(made(), path)
    arrays = {**read_npz(path), name: array}
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    with pytest.raises(ValueError, match=said):
        load_model(path)


def test_an_object_array_is_not_unpickled(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "m.npz"
    np.savez(path, header=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="header"):
        load_model(path)


def test_every_truncation_is_an_error(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "m.npz"
    save_model(made(), path)
    whole = path.read_bytes()
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"m\.npz"):
            load_model(path)
