"""The standard's recurrent operators, as its own tests of nodes have them: each answers as onnx's reference says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.forward import FloatStream
from edgelstm.importers.choices import Choices
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


def test_peepholes_are_refused_by_the_node(tmp_path: Path) -> None:
    ended = run("import", operator(tmp_path / "m.onnx", "LSTM", "x W R _ _ _ _ P"))
    assert refused_well(ended)
    assert "LSTM 'LSTM of y': input P (peepholes) is not supported" in " ".join(ended.err.split())
