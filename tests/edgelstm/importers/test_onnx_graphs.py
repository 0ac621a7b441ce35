"""Graphs with more than one layer behind the other: each answers as in onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.export.elstm import encode
from edgelstm.forward import FloatStream
from edgelstm.importers.choices import Choices
from edgelstm.importers.proof import made_up, prove
from edgelstm.importers.read import read_model
from edgelstm.layers import Dense
from edgelstm.runtime import Model as RuntimeModel
from in_process import refused_well, run
from onnx_graphs import node, some, write

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

F, H, OUT, T = 3, 4, 2, 12


def recurrence(x: str = "x", name: str = "", h: str = "h", c: str = "c") -> list[Any]:
    """An LSTM whose states come in and go out; x (1, 1, values)."""
    made = node("LSTM", f"{x} W{name} R{name} B{name} _ {h} {c}", f"y{name} hn{name} cn{name}", hidden_size=H)
    return [made, node("Squeeze", f"y{name} axis", f"r{name}")]


def weights(values: int, name: str = "") -> dict[str, np.ndarray]:
    held = {f"W{name}": some(1, 4 * H, values), f"R{name}": some(1, 4 * H, H), f"B{name}": some(1, 8 * H)}
    return {**held, "axis": np.array([1])}


STATES = {"h": [1, 1, H], "c": [1, 1, H]}


def branches(path: Path) -> Path:
    """A residual, a mask, a concatenation and a layer normalization that is written out."""
    nodes = [
        *recurrence(),
        node("MatMul", "r A", "a"),
        node("Add", "a r", "sum"),
        node("Relu", "sum", "s"),
        node("ReduceMean", "s", "m", axes=[-1]),
        node("Sub", "s m", "d"),
        node("Pow", "d two", "q"),
        node("ReduceMean", "q", "v", axes=[-1]),
        node("Add", "v eps", "ve"),
        node("Sqrt", "ve", "root"),
        node("Div", "d root", "n"),
        node("Mul", "n gain", "ng"),
        node("Add", "ng off", "norm"),
        node("Sigmoid", "norm", "mask"),
        node("Mul", "mask r", "masked"),
        node("Concat", "masked norm", "both", axis=2),
        node("Tanh", "both", "t"),
        node("MatMul", "t D", "p"),
        node("Add", "p b", "scores"),
    ]
    held = weights(F) | {"A": some(H, H), "two": np.float32(2), "eps": np.float32(1e-3), "gain": some(H)}
    held |= {"off": some(H, seed=1), "D": some(2 * H, OUT), "b": some(OUT)}
    return write(path, nodes, {"x": [1, 1, F], **STATES}, ["scores", "hn", "cn"], **held)


def samples(path: Path) -> Path:
    """Samples through a learned convolution with mirrored ends, one with groups and strides, and a mean over rows."""
    nodes = [
        node("Pad", "x pads", "padded", mode="reflect"),
        node("Unsqueeze", "padded axis", "rows"),
        node("Conv", "rows K1 k1", "c1", strides=[2]),
        node("LeakyRelu", "c1", "a1", alpha=0.1),
        node("Conv", "a1 K2", "c2", group=2, dilations=[2], pads=[2, 2]),
        node("Clip", "c2 low high", "a2"),
        node("Transpose", "a2", "turned", perm=[2, 0, 1]),
        *recurrence("turned"),
        node("Transpose", "r", "back", perm=[1, 2, 0]),
        node("Conv", "back K3 k3", "p"),
        node("Sigmoid", "p", "s"),
        node("ReduceMean", "s", "mean", axes=[2]),
        node("Squeeze", "mean last", "scores"),
    ]
    held = weights(6) | {"pads": np.array([0, 3, 0, 2]), "K1": some(4, 1, 5), "k1": some(4), "K2": some(6, 2, 3)}
    held |= {"low": np.float32(-0.3), "high": np.float32(0.8), "K3": some(OUT, H, 1), "k3": some(OUT), "last": [2]}
    return write(path, nodes, {"x": [1, 16], **STATES}, ["scores", "hn", "cn"], **held)


def spectra(path: Path) -> Path:
    """A convolution that is a Fourier transform, its magnitude, the logarithm less its mean, a layer norm."""
    angles = 2 * np.pi / 8 * np.outer(np.arange(5), np.arange(8))
    basis = np.concatenate([np.cos(angles), -np.sin(angles)]) * np.hanning(9)[:8]
    nodes = [
        node("Unsqueeze", "x axis", "rows"),
        node("Conv", "rows basis", "both", strides=[4]),
        node("Slice", "both zero five one", "re"),
        node("Slice", "both five ten one", "im"),
        node("Mul", "re re", "rr"),
        node("Pow", "im two", "ii"),
        node("Add", "ii rr", "sum"),
        node("Sqrt", "sum", "m"),
        node("Mul", "m gain", "mg"),
        node("Add", "mg floor", "mf"),
        node("Log", "mf", "log"),
        node("ReduceMean", "log", "mean", axes=[1, 2], keepdims=1),
        node("Neg", "mean", "neg"),
        node("Add", "log neg", "centred"),
        node("Transpose", "centred", "t", perm=[2, 0, 1]),
        node("LayerNormalization", "t g o", "n", axis=-1, epsilon=1e-3),
        *recurrence("n"),
        node("Gather", "r newest", "last", axis=0),
        node("Gemm", "last D b", "p", transB=1),
        node("Softmax", "p", "scores"),
    ]
    held = weights(5) | {
        "basis": basis[:, None].astype(np.float32),
        "zero": [0],
        "five": [5],
        "one": [1],
        "ten": [10],
    }
    held |= {
        "two": np.float32(2),
        "gain": np.float32(100),
        "floor": np.float32(1),
        "g": some(5),
        "o": some(5, seed=1),
    }
    held |= {"newest": np.array(-1), "D": some(OUT, H), "b": some(OUT)}
    return write(path, nodes, {"x": [1, 16], **STATES}, ["scores", "hn", "cn"], **held)


def stacked_layers(path: Path, part: list[Any]) -> Path:
    """Two LSTM whose last states lie beside one another, as h_n does; a window of T frames, zeros within."""
    nodes = [
        *recurrence("x", "1", "zeros", "zeros"),
        *recurrence("r1", "2", "zeros", "zeros"),
        node("Concat", "hn1 hn2", "hn", axis=0),
        *part,
        node("Gemm", "last D b", "scores", transB=1),
    ]
    held = weights(F, "1") | weights(H, "2") | {"zeros": np.zeros((1, 1, H), np.float32), "D": some(OUT, H)}
    held |= {"b": some(OUT), "minus": np.array(-1), "one": [1], "two": [2], "zero": [0]}
    return write(path, nodes, {"x": [T, 1, F]}, ["scores"], **held)


def picked(path: Path) -> Path:
    return stacked_layers(path, [node("Gather", "hn minus", "last", axis=0)])


def sliced(path: Path) -> Path:
    parts = [node("Slice", "hn one two zero", "cut"), node("Squeeze", "cut zero", "last")]
    return stacked_layers(path, parts)


def every_frame(path: Path) -> Path:
    """(batch, time, features) of a fixed length, an answer for each of its frames."""
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        *recurrence("t", "", "zeros", "zeros"),
        node("Transpose", "r", "back", perm=[1, 0, 2]),
        node("MatMul", "back D", "p"),
        node("Add", "p b", "s"),
        node("Softmax", "s", "scores", axis=-1),
    ]
    held = weights(F) | {"zeros": np.zeros((1, 1, H), np.float32), "D": some(H, OUT), "b": some(OUT)}
    return write(path, nodes, {"x": [1, T, F]}, ["scores"], **held)


def convolved_window(path: Path) -> Path:
    """A convolution over a whole window, padded on both sides, then a recurrence over what is left of it."""
    nodes = [
        node("Transpose", "x", "t", perm=[0, 2, 1]),
        node("Conv", "t K k", "c", pads=[1, 1], strides=[2]),
        node("Relu", "c", "a"),
        node("Transpose", "a", "rows", perm=[2, 0, 1]),
        *recurrence("rows", "", "zeros", "zeros"),
        node("Gather", "r newest", "last", axis=0),
        node("Gemm", "last D b", "scores", transB=1),
    ]
    held = weights(5) | {"zeros": np.zeros((1, 1, H), np.float32), "K": some(5, F, 3), "k": some(5)}
    held |= {"newest": np.array(-1), "D": some(OUT, H), "b": some(OUT)}
    return write(path, nodes, {"x": [1, T, F]}, ["scores"], **held)


def flattened_window(path: Path) -> Path:
    """All rows of a window side by side, channels first."""
    nodes = [
        *recurrence("x", "", "zeros", "zeros"),
        node("Transpose", "r", "turned", perm=[1, 2, 0]),
        node("Flatten", "turned", "flat"),
        node("MatMul", "flat D", "p"),
        node("Sigmoid", "p", "scores"),
    ]
    held = weights(F) | {"zeros": np.zeros((1, 1, H), np.float32), "D": some(H * T, OUT)}
    return write(path, nodes, {"x": [T, 1, F]}, ["scores"], **held)


CASES: dict[str, Callable[[Path], Path]] = {
    "branches": branches,
    "samples": samples,
    "spectra": spectra,
    "picked": picked,
    "sliced": sliced,
    "every frame": every_frame,
    "convolved window": convolved_window,
    "flattened window": flattened_window,
}


@pytest.mark.parametrize("name", CASES)
def test_a_graph_answers_as_in_its_engine(tmp_path: Path, name: str) -> None:
    imported = read_model(CASES[name](tmp_path / "m.onnx"), Choices())
    proof = prove(imported)
    assert proof.decided, proof.lines()
    assert proof.passed, proof.lines()
    path = tmp_path / "m.elstm"
    path.write_bytes(encode(imported.model))
    x = made_up(imported.model)[0][:240]
    ours = RuntimeModel(path).stream().push(x)
    assert np.isfinite(ours).all()
    assert len(ours) == len(x) // imported.model.answer.hop
    assert len(FloatStream(imported.model).push(x)) == len(x) // imported.model.stride


def test_the_spectrum_is_a_transform_not_a_product(tmp_path: Path) -> None:
    model = read_model(spectra(tmp_path / "m.onnx"), Choices()).model
    assert [at.layer.kind for at in model.road][:3] == ["spectrum", "magnitude", "log"]


def test_windows_whose_layers_see_frames_at_once_begin_anew_in_a_stream_too(tmp_path: Path) -> None:
    model = read_model(convolved_window(tmp_path / "m.onnx"), Choices()).model
    x = made_up(model)[0][: 3 * T]
    whole = FloatStream(model).push(x)
    each = [FloatStream(model).push(part)[0] for part in np.split(x, 3)]
    np.testing.assert_array_equal(whole, each)
    assert model.trained_window == 0  # so that nobody is told that a stream answers otherwise
    assert read_model(every_frame(tmp_path / "w.onnx"), Choices()).model.trained_window == T


def chosen(path: Path) -> Path:
    """Two models, told apart by an input; each with its length of frames."""
    from onnx import TensorProto, helper

    def branch(name: str) -> Any:
        out = helper.make_tensor_value_info(f"f{name}", TensorProto.FLOAT, None)
        made = [node("MatMul", f"x M{name}", f"f{name}")]
        return helper.make_graph(made, name, [], [out], [onnx.numpy_helper.from_array(some(6, F), f"M{name}")])

    nodes = [
        node("Equal", "sr rate", "is"),
        node("If", "is", "f", then_branch=branch("a"), else_branch=branch("b")),
        node("Unsqueeze", "f zero", "u"),
        *recurrence("u"),
        node("MatMul", "r D", "p"),
        node("Sigmoid", "p", "scores"),
    ]
    held = weights(F) | {"rate": np.array(16000), "D": some(H, 1), "zero": [0]}
    inputs = {"x": [1, "samples"], "sr": [], **STATES}
    return write(path, nodes, inputs, ["scores", "hn", "cn"], ("sr",), **held)


def test_what_chooses_is_asked_for_with_its_choices(tmp_path: Path) -> None:
    path = chosen(tmp_path / "m.onnx")
    asked = run("import", path)
    assert asked.code == 2
    assert "16000, or any other (the file's other branch)" in " ".join(asked.err.split())
    assert "--set sr=16000" in " ".join(asked.err.split())
    asked = run("import", path, "--set", "sr=16000")
    assert asked.code == 2
    assert "--set x=N" in " ".join(asked.err.split())
    asked = run("import", path, "--set", "sr=16000", "--set", "x=6", "--set", "rate=3")
    assert asked.code == 2
    assert "'rate', expected an input of the file: x, sr, h, c" in " ".join(asked.err.split())
    asked = run("import", path, "--set", "sr=44100", "--set", "x=7")
    assert asked.code == 2
    assert "--set sr=44100, x=7: does not go together in the file" in " ".join(asked.err.split())
    assert run("import", path, "--set", "sr=16000", "--set", "x=6").code == 0


def test_what_overlaps_is_remembered(tmp_path: Path) -> None:
    choices = Choices(sets={"sr": 16000, "x": 6}, overlap=2)
    imported = read_model(chosen(tmp_path / "m.onnx"), choices)
    assert imported.model.features == 4
    assert prove(imported).passed
    ended = run("import", tmp_path / "m.onnx", "--set", "sr=1", "--set", "x=6", "--overlap", "6")
    assert ended.code == 2
    assert "expected fewer than the 6 values" in ended.err


def dynamic(path: Path, **attributes: Any) -> Path:
    """onnxruntime's LSTM with int8 weights, a scale per row."""
    W, R, B = some(1, F, 4 * H), some(1, H, 4 * H), some(1, 8 * H)
    held: dict[str, Any] = {"B": B, "D": some(H, 1), "axis": [1]}
    for name, array in (("W", W), ("R", R)):
        scale = (np.abs(array[0]).max(axis=0) / 127).astype(np.float32)
        held |= {name: np.rint(array / scale).astype(np.int8), f"{name}s": scale[None]}
        held[f"{name}z"] = np.zeros((1, 4 * H), np.int8)
    inputs = "x W R B _ h c _ Ws Wz Rs Rz"
    nodes = [
        node("DynamicQuantizeLSTM", inputs, "y hn cn", "com.microsoft", hidden_size=H, **attributes),
        node("Squeeze", "y axis", "r"),
        node("MatMul", "r D", "scores"),
    ]
    return write(path, nodes, {"x": [1, 1, F], **STATES}, ["scores", "hn", "cn"], **held)


def test_int8_weights_of_the_engine_come_as_the_floats_that_they_are(tmp_path: Path) -> None:
    import onnxruntime

    path = dynamic(tmp_path / "m.onnx")
    imported = read_model(path, Choices())
    assert imported.origin is None
    assert "rounds" in imported.unproven
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    h = c = np.zeros((1, 1, H), np.float32)
    x = np.random.default_rng(0).normal(size=(50, F)).astype(np.float32)
    theirs = []
    for frame in x:
        y, h, c = session.run(None, {"x": frame[None, None], "h": h, "c": c})
        theirs.append(y.reshape(-1))
    np.testing.assert_allclose(FloatStream(imported.model).push(x), theirs, atol=0.05)


def test_int8_weights_in_both_directions_are_refused(tmp_path: Path) -> None:
    ended = run("import", dynamic(tmp_path / "m.onnx", direction="reverse"), "--window", "3")
    assert refused_well(ended)
    assert "reverse; a stream has no end to read back from" in ended.err


def test_what_the_parsers_say_is_said_in_other_words(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"no model at all")
    ended = run("import", path)
    assert refused_well(ended)
    assert "damaged, or no ONNX: it does not parse as a model" in ended.err
    ended = run("import", write(path, [node("Gemm", "x", "y")], {"x": [1, F]}, ["y"]))
    assert refused_well(ended)
    assert "onnxruntime does not take it: " in ended.err
    assert "ONNXRuntimeError" not in ended.err
    assert "onnxruntime_src" not in ended.err


def test_what_a_file_answers_beside_numbers_is_told(tmp_path: Path) -> None:
    """The logarithm of a negative number."""
    nodes = [*recurrence(), node("Log", "r", "scores")]
    path = write(tmp_path / "m.onnx", nodes, {"x": [1, 1, F], **STATES}, ["scores", "hn", "cn"], **weights(F))
    ended = run("import", path)
    assert ended.code == 3
    told = " ".join(ended.out.split())
    assert "answers of the file are NaN or infinite, as of logarithms and roots of negative numbers" in told
    assert "states carried: NaN, infinity or another shape in one of both" in told
    assert "e+30" not in told


def test_each_output_is_held_against_its_own_size(tmp_path: Path) -> None:
    """A wrong output that is small beside another: within what rounding is of the large one."""
    gains = {"gain": np.array([1e5, 1], np.float32), "off": np.zeros(2, np.float32), "D": some(H, 2)}
    nodes = [*recurrence(), node("MatMul", "r D", "m"), node("Mul", "m gain", "scores")]
    path = write(
        tmp_path / "m.onnx", nodes, {"x": [1, 1, F], **STATES}, ["scores", "hn", "cn"], **weights(F), **gains
    )
    imported = read_model(path, Choices())
    assert prove(imported).passed
    head = imported.model.layers[-1]
    assert isinstance(head, Dense)
    wrong = head.W.copy()
    wrong[1] *= 1.5
    layers = (*imported.model.layers[:-1], replace(head, W=wrong))
    proof = prove(replace(imported, model=replace(imported.model, layers=layers)))
    assert not proof.passed
    assert [check.name for check in proof.checks if not check.passed and "carried" in check.name] == [
        "answers, states carried, output 2"
    ]


def test_offsets_between_outputs_tell_nothing(tmp_path: Path) -> None:
    """Outputs that hardly vary, each about another number."""
    held = {"D": np.float32(1e-7) * some(H, 2), "off": np.array([1, 3], np.float32)}
    nodes = [*recurrence(), node("MatMul", "r D", "m"), node("Add", "m off", "scores")]
    path = write(tmp_path / "m.onnx", nodes, {"x": [1, 1, F], **STATES}, ["scores", "hn", "cn"], **weights(F), **held)
    proof = prove(read_model(path, Choices()))
    assert (proof.passed, proof.decided, proof.still) == (True, False, 2)
