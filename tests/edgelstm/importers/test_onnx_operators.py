"""The standard's recurrent operators, as its own tests of nodes have them: each answers as onnx's reference says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.forward import FloatStream
from edgelstm.importers.choices import Choices
from edgelstm.importers.proof import prove
from edgelstm.importers.read import read_model
from in_process import refused_well, run
from onnx_graphs import node, some, write

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

F, H, T = 2, 3, 4

NODES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "lstm_defaults": ("LSTM", "x W R", {}),
    "lstm_with_initial_bias": ("LSTM", "x W R B", {}),
    "lstm_batchwise": ("LSTM", "x W R", {"layout": 1}),
    "gru_defaults": ("GRU", "x W R", {}),
    "gru_with_initial_bias": ("GRU", "x W R B", {}),
    "gru_seq_length": ("GRU", "x W R B", {"linear_before_reset": 1}),
    "gru_batchwise": ("GRU", "x W R", {"layout": 1}),
}
"""Of the eight; the last has peepholes, which no layer of ours has."""


def operator(path: Path, op: str, inputs: str, **attributes: Any) -> Path:
    gates = 4 if op == "LSTM" else 3
    held = {"W": some(1, gates * H, F), "R": some(1, gates * H, H), "B": some(1, 2 * gates * H), "P": some(1, 3 * H)}
    held = {name: array for name, array in held.items() if name in inputs.split()}
    shape = [1, T, F] if attributes.get("layout") else [T, 1, F]
    return write(path, [node(op, inputs, "y", hidden_size=H, **attributes)], {"x": shape}, ["y"], **held)


@pytest.mark.parametrize("name", NODES)
def test_an_operator_answers_as_the_standards_reference(tmp_path: Path, name: str) -> None:
    from onnx.reference import ReferenceEvaluator

    op, inputs, attributes = NODES[name]
    path = operator(tmp_path / "m.onnx", op, inputs, **attributes)
    x = np.random.default_rng(0).normal(size=(T, F)).astype(np.float32)
    given = x[None] if attributes.get("layout") else x[:, None]
    expected = ReferenceEvaluator(str(path)).run(None, {"x": given})[0].reshape(T, H)
    imported = read_model(path, Choices())
    assert (imported.origin is None) == ("layout" in attributes)
    np.testing.assert_allclose(FloatStream(imported.model).push(x), expected, atol=2e-7)


def test_sequences_as_long_as_a_call_are_no_lengths(tmp_path: Path) -> None:
    whole = lstm_with_lengths(tmp_path / "m.onnx", T)
    assert read_model(whole, Choices()).model.features == F
    refused_by_node(lstm_with_lengths(tmp_path / "m.onnx", T - 1), "LSTM 'LSTM of y': input sequence_lens, expected")


def lstm_with_lengths(path: Path, frames: int) -> Path:
    held = {"W": some(1, 4 * H, F), "R": some(1, 4 * H, H), "n": np.array([frames], np.int32)}
    return write(path, [node("LSTM", "x W R _ n", "y", hidden_size=H)], {"x": [T, 1, F]}, ["y"], **held)


def refused_by_node(path: Path, words: str) -> None:
    ended = run("import", path)
    assert refused_well(ended)
    assert words in " ".join(ended.err.split())


def test_peepholes_are_refused_by_the_node(tmp_path: Path) -> None:
    path = operator(tmp_path / "m.onnx", "LSTM", "x W R _ _ _ _ P")
    refused_by_node(path, "LSTM 'LSTM of y': input P (peepholes) is not supported")


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (
            ("Softmax", {"axis": 1}),
            "Softmax 'Softmax of z': over side 1, which is 1 long, expected over the channels",
        ),
        (("Cast", {"to": 7}), "Cast to whole numbers 'Cast of z': none of the layers"),
        (("LpNormalization", {"axis": 2, "p": 1}), "LpNormalization 'LpNormalization of z': p 1 along side 2"),
    ],
)
def test_what_a_node_does_beyond_ours_is_no_such_layer(
    tmp_path: Path, last: tuple[str, dict[str, int]], words: str
) -> None:
    held = {"W": some(1, 4 * H, F), "R": some(1, 4 * H, H), "axis": np.array([1])}
    nodes = [
        node("LSTM", "x W R", "y", hidden_size=H),
        node("Squeeze", "y axis", "s"),
        node(last[0], "s", "z", **last[1]),
        node("Cast", "z", "answers", to=1),
    ]
    refused_by_node(write(tmp_path / "m.onnx", nodes, {"x": [T, 1, F]}, ["answers"], **held), words)


def test_a_node_that_is_not_read_is_named_and_not_one_behind_it(tmp_path: Path) -> None:
    held = {"W": some(1, 4 * H, F), "R": some(1, 4 * H, H), "axis": np.array([1]), "newest": np.array(-1)}
    nodes = [
        node("LSTM", "x W R", "y", hidden_size=H),
        node("Squeeze", "y axis", "s"),
        node("Erf", "s", "e"),
        node("Gather", "e newest", "answers", axis=0),
    ]
    path = write(tmp_path / "m.onnx", nodes, {"x": [T, 1, F]}, ["answers"], **held)
    refused_by_node(path, "Erf 'Erf of e': none of the layers")


def test_answers_that_are_all_alike_prove_nothing(tmp_path: Path) -> None:
    """1, and what the model says besides is less than what engines round."""
    held = {"W": some(1, 4 * H, F), "R": some(1, 4 * H, H), "axis": np.array([1])}
    held |= {"D": np.float32(1e-7) * some(H, 2), "one": np.ones(2, np.float32)}
    nodes = [
        node("LSTM", "x W R", "y", hidden_size=H),
        node("Squeeze", "y axis", "s"),
        node("MatMul", "s D", "m"),
        node("Add", "m one", "answers"),
    ]
    proof = prove(read_model(write(tmp_path / "m.onnx", nodes, {"x": [T, 1, F]}, ["answers"], **held), Choices()))
    assert proof.flat
    assert not proof.decided
    assert proof.passed
    assert "hardly differ from one another" in " ".join(proof.lines())
