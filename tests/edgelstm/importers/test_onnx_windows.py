"""Graphs of whole windows as PyTorch exports them: they answer as in onnxruntime, or are refused by their cause."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.forward import FloatStream
from edgelstm.importers.choices import Choices
from edgelstm.importers.read import read_model
from in_process import refused_well, run
from onnx_graphs import node, some, write

pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

F, H, OUT, T = 3, 4, 2, 8


def window(
    path: Path, behind: list[Any], before: list[Any] | None = None, opset: int = 17, batch: int = 1, **held: Any
) -> Path:
    """An LSTM over a window x, (time, batch, features) or what `before` makes of it, and a dense layer on `last`."""
    nodes = [
        *(before or [node("Identity", "x", "rows")]),
        node("LSTM", "rows W R B", "y", hidden_size=H),
        node("Reshape", "y sides", "r"),
        *behind,
        node("Gemm", "last D b", "scores", transB=1),
    ]
    values = held["K"].shape[0] if before else F
    held |= {"W": some(1, 4 * H, values), "R": some(1, 4 * H, H), "B": some(1, 8 * H), "D": some(OUT, H)}
    held |= {"b": some(OUT), "newest": np.array(-1), "sides": [T, batch, H]}
    shape = [1, T, F] if before else [T, batch, F]
    return write(path, nodes, {"x": shape}, ["scores"], opset=opset, **held)


def newest(name: str) -> Any:
    return node("Gather", "r newest", name, axis=0)


def normed(path: Path) -> Path:
    behind = [newest("at"), node("LayerNormalization", "at gain off", "last", axis=-1)]
    return window(path, behind, gain=some(H), off=some(H))


def normed_by_hand(path: Path) -> Path:
    behind = [
        newest("at"),
        node("ReduceMean", "at", "mean", axes=[-1]),
        node("Sub", "at mean", "d"),
        node("Pow", "d two", "q"),
        node("ReduceMean", "q", "v", axes=[-1]),
        node("Add", "v eps", "ve"),
        node("Sqrt", "ve", "root"),
        node("Div", "d root", "n"),
        node("Mul", "n gain", "ng"),
        node("Add", "ng off", "last"),
    ]
    held = {"two": np.float32(2), "eps": np.float32(1e-5), "gain": some(H), "off": some(H)}
    return window(path, behind, opset=16, **held)


def normed_by_factor(path: Path) -> Path:
    """As TensorFlow computes Keras 3's, in ONNX's operators."""
    behind = [
        newest("at"),
        node("ReduceMean", "at", "mean", axes=[-1]),
        node("Neg", "mean", "less"),
        node("Sub", "at mean", "d"),
        node("Mul", "d d", "q"),
        node("ReduceMean", "q", "v", axes=[-1]),
        node("Add", "v eps", "ve"),
        node("Sqrt", "ve", "root"),
        node("Reciprocal", "root", "one"),
        node("Mul", "one gain", "f"),
        node("Mul", "less f", "lf"),
        node("Add", "lf off", "moved"),
        node("Mul", "at f", "scaled"),
        node("Add", "scaled moved", "last"),
    ]
    return window(path, behind, opset=16, eps=np.float32(1e-3), gain=some(H), off=some(H))


def convolved(path: Path, *parts: Any, **held: Any) -> Path:
    """parts: from `t`, (1, F, T), to `c`, (1, 5, T)."""
    before = [
        node("Transpose", "x", "t", perm=[0, 2, 1]),
        *parts,
        node("Relu", "c", "a"),
        node("Transpose", "a", "rows", perm=[2, 0, 1]),
    ]
    return window(path, [newest("last")], before, K=some(5, F, 3), k=some(5), **held)


def padded_before(path: Path) -> Path:
    """The optional value of the padding is left out by an empty name."""
    parts = [node("Pad", "t pads _", "p", mode="constant"), node("Conv", "p K k", "c")]
    return convolved(path, *parts, pads=[0, 0, 2, 0, 0, 0])


def cut_behind(path: Path) -> Path:
    parts = [node("Conv", "t K k", "p", pads=[2, 2]), node("Slice", "p zero end two", "c")]
    return convolved(path, *parts, zero=[0], end=[-2], two=[2])


def early(path: Path) -> Path:
    """A cut of the standard's first versions, which say it by attributes."""
    behind = [
        node("Slice", "r", "cut", axes=[0], starts=[-1], ends=[1 << 40]),
        node("Squeeze", "cut", "last", axes=[0]),
    ]
    return window(path, behind, opset=9)


READ: dict[str, tuple[Callable[[Path], Path], str]] = {
    "layer norm": (normed, "lstm layer_norm dense"),
    "layer norm written out": (normed_by_hand, "lstm layer_norm dense"),
    "layer norm as a factor": (normed_by_factor, "lstm layer_norm dense"),
    "padded before": (padded_before, "context conv lstm last dense"),
    "cut behind": (cut_behind, "context conv lstm last dense"),
    "early": (early, "lstm dense"),
}


@pytest.mark.parametrize("name", READ)
def test_a_window_answers_as_in_its_engine(tmp_path: Path, name: str) -> None:
    make, layers = READ[name]
    path = make(tmp_path / "m.onnx")
    model = read_model(path, Choices()).model
    assert [layer.kind for layer in model.layers if layer.kind != "activation"] == layers.split()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).normal(size=(T, F)).astype(np.float32)
    (taken,) = session.get_inputs()
    (expected,) = session.run(None, {taken.name: x.reshape(taken.shape)})
    np.testing.assert_allclose(FloatStream(model).push(x)[-1:], expected, atol=2e-7)


def both_ways(path: Path) -> Path:
    nodes = [
        node("LSTM", "x W R", "y", hidden_size=H, direction="bidirectional"),
        node("Transpose", "y", "t", perm=[0, 2, 1, 3]),
        node("Reshape", "t sides", "r"),
        node("Gather", "r newest", "last", axis=0),
        node("Gemm", "last D", "scores", transB=1),
    ]
    held = {"W": some(2, 4 * H, F), "R": some(2, 4 * H, H), "D": some(OUT, 2 * H)}
    held |= {"newest": np.array(-1), "sides": [T, 1, 2 * H]}
    return write(path, nodes, {"x": [T, 1, F]}, ["scores"], **held)


def batch(path: Path) -> Path:
    return window(path, [newest("last")], batch=4)


def frame_by_frame(path: Path) -> Path:
    """What a cell takes that is called for every frame in turn."""
    nodes = [node("Gather", "x first", "f", axis=1), node("MatMul", "f D", "scores")]
    return write(path, nodes, {"x": [1, T, F]}, ["scores"], D=some(F, OUT), first=np.array(0))


def one_state_twice(path: Path) -> Path:
    nodes = [
        node("LSTM", "x W R _ _ c c", "y hn cn", hidden_size=H),
        node("Squeeze", "hn axis", "last"),
        node("Gemm", "last D", "scores", transB=1),
    ]
    held = {"W": some(1, 4 * H, F), "R": some(1, 4 * H, H), "D": some(OUT, H), "axis": [0]}
    return write(path, nodes, {"x": [1, 1, F], "h": [1, 1, H], "c": [1, 1, H]}, ["scores", "hn", "cn"], **held)


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "both ways": (both_ways, "LSTM 'LSTM of y': bidirectional;"),
    "batch": (batch, "LSTM 'LSTM of y': batch 4, expected 1"),
    "frame by frame": (frame_by_frame, "a cell for each frame is not read: export one frame, with its states"),
    "one state twice": (one_state_twice, "h and c both begin with input 'c', expected one each"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_window_is_refused_by_its_cause(tmp_path: Path, name: str) -> None:
    make, words = REFUSED[name]
    ended = run("import", make(tmp_path / "m.onnx"))
    assert refused_well(ended)
    assert words in " ".join(ended.err.split())
