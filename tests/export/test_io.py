"""Forms that take integers instead of floats: who does, what they answer, and what the file says of them."""

import json
import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from counts import FULL
from edgelstm.export import FORMS, export_model
from edgelstm.export.onnx import int8_exact as onnx_int8_exact
from edgelstm.export.tflite import fused as tflite_fused
from edgelstm.model_file import save_model
from edgelstm.quantization import quantize
from edgelstm.quantization.affine import Affine
from edgelstm.runtime.engines.open import open_model
from random_models import random_model, random_signal
from with_layers import head_of, with_layers

ENGINES = {"onnx": ("onnx", "onnxruntime"), "tflite": ("flatbuffers", "ai_edge_litert")}
MODEL = random_model(5, [12, 7], [4])
TAKERS = [form for form in FORMS if "int8" in form.io]


def named(form):
    return f"{form.format} {form.name}"


@pytest.mark.parametrize(
    ("form", "activation"),
    # Each form with one of the two in turn.
    [case for n, case in enumerate(product(TAKERS, ("softmax", "linear"))) if FULL or n % 4 in (0, 3)],
)
def test_a_file_of_integers_is_proven_and_answers_as_the_one_of_floats(form, activation, tmp_path):
    for package in ENGINES[form.format]:
        pytest.importorskip(package)
    model = random_model(5, [12, 7], [4], activation=activation)
    streams, signal = {}, random_signal(50, 5, 1)
    for io in form.io:
        result = export_model(model, tmp_path / f"{io}{form.suffix}", precision=form.name, io=io, accept_loss=True)
        assert result.proof is not None
        assert result.proof.passed, result.proof.lines()
        opened = open_model(result.path)
        streams[io] = opened.stream()
        streams[io].push(signal)
    said = opened.metadata["io"]
    assert set(said) == {"x", "scores"}
    # The states are the same; int8 scores are half a unit off at most, and another where TFLite's are int8 anyway.
    states, states8 = streams["float32"].states(), streams["int8"].states()
    assert states.keys() == states8.keys()
    assert all(np.array_equal(states[name], states8[name]) for name in states)
    assert np.abs(streams["float32"].scores - streams["int8"].scores).max() <= 1.01 * said["scores"]["scale"]


@pytest.mark.parametrize("form", [form for form in FORMS if form not in TAKERS], ids=named)
def test_the_others_say_who_does(form, tmp_path):
    with pytest.raises(ValueError, match=r"^io: 'int8', expected float32 for [^\n]*onnx int8-exact[^\n]*tflite int8"):
        export_model(MODEL, tmp_path / f"model{form.suffix}", precision=form.name, io="int8")
    assert not list(tmp_path.iterdir())


def test_scores_that_could_overflow_are_refused():
    """A range so small that sums would be shifted out of 32 bits on their way to int8."""
    quantized = quantize(MODEL, "per-gate")
    last = replace(head_of(quantized)[-1], output=Affine(np.float32(1e-9), 0))
    wild = with_layers(quantized, head=(last,))
    for encode in (onnx_int8_exact.encode, tflite_fused.encode_int8):
        with pytest.raises(ValueError, match=r"^model model: scores row 0: [^\n]*overflow"):
            encode(wild, "int8")
    assert onnx_int8_exact.encode(wild)


def test_the_command_takes_it_and_inspect_shows_it(command, tmp_path):
    pytest.importorskip("onnxruntime")
    save_model(MODEL, tmp_path / "model.npz")
    options = ("--format", "onnx", "--precision", "int8-portable", "--io", "int8")
    ended = command("export", tmp_path / "model.npz", *options, "--json")
    assert ended.code == 0, ended.err
    path = tmp_path / "model-int8-portable-integers.onnx"
    assert [file["path"] for file in json.loads(ended.out)] == [str(path)]
    assert command("verify", path, "--against", tmp_path / "model.npz").code == 0
    shown = command("inspect", path).out
    io = json.loads(command("inspect", path, "--json").out)["io"]
    assert f"scale {io['x']['scale']:.6g}, zero point {io['x']['zero_point']}" in shown
    assert all(f"  {name} " in shown for name in ("h0", "c0", "h1", "c1"))
    assert re.search(r"h0 +uint8 +1 × 12 +12 +[0-9]+ ", shown)
    for wrong in ("int4", "int8"):
        ended = command("export", tmp_path / "model.npz", "--io", wrong)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.count("\n") == 1
        assert f"--io: {wrong!r}, expected float32" in ended.err
