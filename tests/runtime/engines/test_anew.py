"""A model that begins anew after every window does so in every engine: as one that does not, reset by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgelstm.export import find_form
from edgelstm.export.parity.proof import prove
from edgelstm.forward import FloatStream, scores
from edgelstm.layers.layer import Float32
from edgelstm.model import Answer, Model
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import quantize, reference
from edgelstm.runtime import Model as RuntimeModel
from edgelstm.runtime.engines.engine import EngineModel
from edgelstm.runtime.engines.open import open_model
from layer_lists import layer_list
from random_models import random_signal

WINDOW, WINDOWS, FEATURES = 12, 4, 6
X = random_signal(WINDOW * WINDOWS + 7, FEATURES, 3)
LISTS = {"two lstm": 1, "strides around": 4, "convolution behind": 3}  # name → stride
FILES = [
    *((name, "elstm", form) for name in LISTS for form in ("int8", "float32")),
    ("two lstm", "onnx", "float32"),
    ("strides around", "onnx", "int8-exact"),
    ("two lstm", "tflite", "int8"),
    ("convolution behind", "tflite", "float32-explicit"),
]


def model(name: str, hop: int = WINDOW, pooling: str = "last", anew: int = WINDOW) -> Model:
    made = layer_list(name)
    window = 0 if pooling == "last" else WINDOW
    return replace(made, answer=Answer(pooling, window, hop), anew=anew)


def opened(source: Model, file: str, form: str, path: Path) -> EngineModel:
    found = find_form(file, form)
    needed = quantize(source, found.scales[0]) if form.startswith("int8") else source
    path.write_bytes(found.encode(needed))
    return open_model(path)


def by_hand(plain: EngineModel, hop: int) -> Float32:
    """Answers to `X` of a model that does not begin anew, reset before each window."""
    stream = plain.stream(hop=hop, pooling="last")
    parts = []
    for start in range(0, len(X), WINDOW):
        stream.reset()
        parts.append(stream.push(X[start : start + WINDOW]))
    return np.concatenate(parts)


@pytest.mark.parametrize("made", FILES, ids=", ".join)
def test_a_stream_is_as_many_fresh_windows(tmp_path: Path, made: tuple[str, str, str]) -> None:
    name, *file = made
    stride = LISTS[name]
    engine = opened(model(name, hop=stride), *file, tmp_path / f"m.{file[0]}")
    wanted = by_hand(opened(model(name, hop=stride, anew=0), *file, tmp_path / f"plain.{file[0]}"), stride)
    stream = engine.stream()
    np.testing.assert_array_equal(stream.push(X), wanted)
    stream.reset()
    steps = [stream.output.copy() for frame in X if stream.step(frame)]
    np.testing.assert_array_equal(steps, wanted)
    saved, parts = engine.stream().save(), []
    for part in np.split(X, [5, WINDOW, WINDOW + 1, 3 * WINDOW - 1]):
        other = engine.stream()
        other.restore(saved)
        parts.append(other.push(part))
        saved = other.save()
    np.testing.assert_array_equal(np.concatenate(parts), wanted)
    assert saved == stream.save()
    np.testing.assert_array_equal(other.answer(), stream.answer())


def test_an_answer_asked_for_at_the_end_of_a_window_is_of_it(tmp_path: Path) -> None:
    engine = opened(model("two lstm"), "elstm", "int8", tmp_path / "m.elstm")
    stream = engine.stream()
    (emitted,) = stream.push(X[:WINDOW])
    np.testing.assert_array_equal(stream.answer(), emitted)
    restored = engine.stream()
    restored.restore(stream.save())
    np.testing.assert_array_equal(restored.answer(), emitted)


@pytest.mark.parametrize("form", ["int8", "float32"])
def test_streams_of_a_pool_begin_anew_each_in_its_own_phase(tmp_path: Path, form: str) -> None:
    engine = opened(model("strides around"), "elstm", form, tmp_path / "m.elstm")
    assert isinstance(engine, RuntimeModel)
    late, pool, alone = 5, engine.pool(2), engine.stream()
    wanted = alone.push(X)
    found: list[list[Float32]] = [[], []]
    for at in range(len(X) + late):
        frames = np.stack([X[min(at, len(X) - 1)], X[max(at - late, 0)]])
        answers, answered = pool.push(frames, np.array([at < len(X), at >= late]))
        for row in np.flatnonzero(answered):
            found[row].append(answers[row].copy())
    for row in found:
        np.testing.assert_array_equal(row, wanted)


def test_a_mean_over_the_window_is_of_its_frames_alone(tmp_path: Path) -> None:
    source = replace(model("two lstm", pooling="mean"), activation="linear")
    stream = opened(source, "elstm", "float32", tmp_path / "m.elstm").stream()
    windows = X[: WINDOW * WINDOWS].reshape(WINDOWS, WINDOW, FEATURES)
    wanted = [scores(replace(source, anew=0), [window], np.float64)[0].mean(axis=0) for window in windows]
    np.testing.assert_allclose(stream.push(X), wanted, atol=1e-5)


@pytest.mark.parametrize("name", LISTS)
def test_references_begin_anew_whatever_a_call_takes(name: str) -> None:
    source = model(name)
    plain = replace(source, anew=0)
    windows = [X[start : start + WINDOW] for start in range(0, len(X), WINDOW)]
    windows = [window for window in windows if len(window) >= source.stride]
    wanted = np.concatenate(scores(plain, windows, np.float64))
    (found,) = scores(source, [X], np.float64)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    stream = FloatStream(source, np.float64)
    parts = [stream.push(part) for part in np.split(X, [4, 5, 30])]
    np.testing.assert_allclose(np.concatenate(parts), wanted, atol=1e-12)
    codes = np.concatenate(reference.scores(quantize(plain), windows))
    np.testing.assert_array_equal(reference.scores(quantize(source), [X, X[:WINDOW]])[0], codes)
    integer = reference.IntegerStream(quantize(source))
    parts = [integer.push(part).scores for part in np.split(X, [8, 12, 28])]
    np.testing.assert_array_equal(np.concatenate(parts), codes)


@pytest.mark.parametrize("file", [("elstm", "int8"), ("onnx", "int8-dynamic"), ("tflite", "hybrid")], ids=" ".join)
def test_the_proof_of_a_file_tells_whether_it_begins_anew(tmp_path: Path, file: tuple[str, str]) -> None:
    source = model("two lstm")
    form = find_form(*file)
    needed = quantize(source, form.scales[0]) if file[1] == "int8" else source
    path = tmp_path / f"m.{file[0]}"
    path.write_bytes(form.encode(needed))
    proof = prove(path, form, needed, [X])
    assert proof.passed, proof.lines()
    assert proof.agrees.streamed is not None
    assert proof.agrees.streamed.error == pytest.approx(proof.agrees.fresh.error, rel=1e-6)


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Model.anew: 6, expected a multiple of 4"):
        replace(model("strides around"), anew=6)
    source = model("two lstm")
    save_model(source, tmp_path / "m.npz")
    assert load_model(tmp_path / "m.npz").anew == WINDOW
    engine = opened(source, "elstm", "int8", tmp_path / "m.elstm")
    with pytest.raises(ValueError, match=rf"hop: 5, expected a multiple of {WINDOW}: the model begins anew"):
        engine.stream(hop=5)
    assert len(engine.stream(hop=2 * WINDOW).push(X)) == WINDOWS // 2
    content = bytearray((tmp_path / "m.elstm").read_bytes())
    content[104:108] = (1 << 21).to_bytes(4, "little")
    (tmp_path / "damaged.elstm").write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged.elstm"):
        open_model(tmp_path / "damaged.elstm")
