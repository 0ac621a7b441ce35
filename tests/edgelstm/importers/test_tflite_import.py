"""TFLite files: our own come back as they were, others answer as in LiteRT; the rest is refused by its operator."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tflite_files as files
from counts import some
from edgelstm.export.form import FloatForm
from edgelstm.export.forms import FORMS
from edgelstm.forward import forward
from edgelstm.importers.choices import Choices, UndecidedError
from edgelstm.importers.proof import prove
from edgelstm.importers.read import read_model
from edgelstm.model import Answer, Model
from edgelstm.quantization import quantize
from in_process import refused_well, run
from random_layers import random_layers
from random_models import random_model, random_signal
from tflite_writer import Part, TfliteFile

pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
pytest.importorskip("flatbuffers", reason="flatbuffers is not installed")

LSTMS = replace(random_model(5, [9, 6], [5, 3]), answer=Answer())
GRUS = replace(random_layers(4, ("gru", "lstm", "dense")), answer=Answer())
FRAMES = [random_signal(210, files.F, seed) for seed in (1, 2)]
OURS = {form.name: form for form in FORMS if form.format == "tflite"}
BOUNDS = {"float32": 1e-6, "float32-explicit": 1e-6}
"""Of scores; the others are int8, which the proof judges."""


def written(form: str, model: Model, path: Path) -> Path:
    one = OURS[form]
    content = one.write(model) if isinstance(one, FloatForm) else one.write(quantize(model, one.scales[0]))
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("form", some(sorted(OURS, key=lambda name: name not in (*BOUNDS, "int8")), 3))
def test_our_own_files_come_back(tmp_path: Path, form: str) -> None:
    model = GRUS if "gru" in OURS[form].kinds else LSTMS
    imported = read_model(written(form, model, tmp_path / "own.tflite"), Choices())
    kinds = [[layer.kind for layer in one.layers if layer.recurrent] for one in (imported.model, model)]
    assert kinds[0] == kinds[1]
    proof = prove(imported, model.examples)
    assert (proof.passed, proof.decided, proof.data) == (True, True, "given"), proof.lines()
    scores, found = (forward(one, model.examples[0]).scores for one in (model, imported.model))
    np.testing.assert_allclose(found, scores, atol=BOUNDS.get(form, 0.25 * scores.std()))


def test_our_own_files_of_windows_begin_anew(tmp_path: Path) -> None:
    """Their metadata say it, as to other programs."""
    model = replace(LSTMS, answer=Answer("last", 0, 15), anew=15)
    imported = read_model(written("float32", model, tmp_path / "own.tflite"), Choices())
    assert (imported.model.anew, imported.model.answer.hop) == (15, 15)
    proof = prove(imported, [random_signal(210, model.features, 1)])
    assert (proof.passed, proof.checks[0].name) == (True, WINDOWS)
    assert read_model(tmp_path / "own.tflite", Choices(stream=True)).model.anew == 0


def test_of_several_answers_one_is_asked_for(tmp_path: Path) -> None:
    file = TfliteFile()
    part = Part(file, "main")
    for name, shape in (("frame", (1, files.F)), ("h", (1, files.H)), ("c", (1, files.H))):
        part.tensor(name, shape)
    files.lstm_cell(part, "frame", "h", "c")
    files.head(part, "h_new")
    part.constant("other_fc", files.some(5, files.H))
    part.op("FULLY_CONNECTED", "h_new other_fc _", [("other", (1, 5))], table="FullyConnectedOptions")
    part.ends("frame h c", "answers other h_new c_new")
    path = file.write(tmp_path / "two.tflite")
    with pytest.raises(UndecidedError, match=r"^--part: .* several answers: 'answers', 'other'"):
        read_model(path, Choices())
    for name, outputs in (("answers", files.OUT), ("other", 5)):
        imported = read_model(path, Choices(part=name))
        proof = prove(imported, FRAMES)
        assert (imported.model.outputs, proof.passed, proof.decided) == (outputs, True, True), proof.lines()
    with pytest.raises(ValueError, match=r"^--part: 'fc', expected one of the outputs answers, other"):
        read_model(path, Choices(part="fc"))


WINDOWS = "answers of windows"
CASES: dict[str, tuple[Callable[[Path], Path], int, str]] = {
    "written out": (files.written_out, 1, "answers, states carried"),
    "loop": (files.loop, files.T, WINDOWS),
    "loop with a list": (lambda path: files.loop(path, sequences=True), files.T, WINDOWS),
    "unrolled": (files.unrolled, 3, WINDOWS),
    "variables": (files.variables, 1, "answers, states carried"),
}


NORMED = ["layer_norm", "lstm", "dense", "activation", "affine"]
AROUND: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "convolution": (lambda path: files.fused(path, looks="back"), ["context", "conv", "lstm", "dense"]),
    "mean": (lambda path: files.fused(path, mean=True), ["lstm", "dense"]),
    "side by side": (files.beside, ["lstm", "concat", "context", "dense"]),
    "norm": (files.normed, NORMED),
    "norm as a factor": (lambda path: files.normed(path, "gain offset"), NORMED),
    "norm without an offset": (lambda path: files.normed(path, "gain"), NORMED),
    "norm without a gain": (lambda path: files.normed(path, "offset"), NORMED),
    "norm whose offset holds the mean": (lambda path: files.normed(path, "folded"), NORMED),
}


@pytest.mark.parametrize("name", AROUND)
def test_so_does_what_stands_around(tmp_path: Path, name: str) -> None:
    write, kinds = AROUND[name]
    imported = read_model(
        write(tmp_path / "m.tflite"), Choices(window=0 if name.startswith(("norm", "side")) else files.T)
    )
    assert [layer.kind for layer in imported.model.layers] == kinds
    proof = prove(imported, FRAMES)
    assert (proof.passed, proof.decided) == (True, True), proof.lines()
    assert max(one.largest for one in proof.checks) < 2e-6


@pytest.mark.parametrize("name", CASES)
def test_others_answer_as_in_their_engine(tmp_path: Path, name: str) -> None:
    write, hop, check = CASES[name]
    imported = read_model(write(tmp_path / "m.tflite"), Choices())
    assert [layer.kind for layer in imported.model.layers] == ["lstm", "dense"]
    assert (imported.model.activation, imported.model.answer.hop) == ("softmax", hop)
    assert imported.model.trained_window == (hop if check == WINDOWS else 0)
    proof = prove(imported, FRAMES)
    assert (proof.passed, proof.decided) == (True, True), proof.lines()
    assert proof.checks[0].name == check
    assert max(one.largest for one in proof.checks) < 2e-6


def test_the_proof_knows_a_model_that_is_another(tmp_path: Path) -> None:
    """Gates exchanged stay beyond what int8 explains; a bias a little off is beyond float32."""
    imported = read_model(written("int8-dynamic", LSTMS, tmp_path / "own.tflite"), Choices())
    first, *rest = imported.model.layers
    turned = {name: np.roll(getattr(first, name), 9, axis=0) for name in ("W", "R", "b")}
    other = replace(imported.model, layers=(replace(first, **turned), *rest))
    assert not prove(replace(imported, model=other), LSTMS.examples).passed
    imported = read_model(files.written_out(tmp_path / "m.tflite"), Choices())
    first, *rest = imported.model.layers
    other = replace(imported.model, layers=(replace(first, b=first.b * 1.001), *rest))
    assert not prove(replace(imported, model=other), FRAMES).passed


def test_the_command_proves_and_says_what_int8_is(tmp_path: Path) -> None:
    path = written("int8", LSTMS, tmp_path / "own.tflite")
    ended = run("import", path)
    assert ended.code == 0, ended
    proof = json.loads((tmp_path / "own.npz.proof.json").read_text())
    assert (proof["passed"], proof["decided"], proof["quantized"]) == (True, False, "values")
    assert proof["engine"].startswith("ai-edge-litert ")
    shown = " ".join(ended.out.split())
    assert "read, not proven" in shown
    assert "int8 weights and activations: read as the numbers that the integers stand for" in shown


def test_a_stream_of_what_begins_anew_is_not_compared(tmp_path: Path) -> None:
    path = files.loop(tmp_path / "m.tflite")
    ended = run("import", path, "--stream")
    assert ended.code == 0, ended
    assert "read, not proven" in ended.out
    ended = run("import", path, "--window", 5)
    assert refused_well(ended)
    assert "--window: 5, expected 7: so many frames the file takes in a call" in ended.err


def test_whether_variables_of_many_frames_are_a_stream_is_asked(tmp_path: Path) -> None:
    """The interpreter keeps them; whether a program resets them is not in the file."""
    path = files.fused(tmp_path / "m.tflite")
    with pytest.raises(UndecidedError, match=r"^--stream or --window N"):
        read_model(path, Choices())
    for choices in (Choices(stream=True), Choices(window=files.T)):
        imported = read_model(path, choices)
        assert "cells held to ±10 in its own engine, here not" in imported.notes
        proof = prove(imported, FRAMES)
        assert (proof.passed, proof.decided) == (True, True), proof.lines()


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "flex": (
        lambda p: files.one_operator(p, "FlexTensorListReserve"),
        "FlexTensorListReserve 'answers': needs Tensor",
    ),
    "custom": (lambda p: files.one_operator(p, "Mine"), "Mine 'answers': none of the operators that are read"),
    "reverse": (lambda p: files.one_operator(p, "REVERSE_V2"), "a stream has no end to read back from"),
    "both ways": (lambda p: files.one_operator(p, "BIDIRECTIONAL_SEQUENCE_LSTM"), "a stream has no end"),
    "none": (lambda p: files.one_operator(p, "TANH"), "at least one that is recurrent"),
    "other": (lambda p: files.one_operator(p, "LESS"), "LESS 'answers': none of the layers that a model holds"),
    "backwards": (lambda p: files.loop(p, backwards=True), "backwards, or not one by one"),
    "ahead": (lambda p: files.fused(p, looks="ahead"), "zeros elsewhere than before the first frame"),
    "fused": (lambda p: files.beside(p, fused=1), "CONCATENATION 'both': a fused activation, expected none"),
    "peepholes": (lambda p: files.fused(p, absent=9), "peepholes is not supported"),
    "projection": (lambda p: files.fused(p, absent=16), "a projection is not supported"),
    "norm": (lambda p: files.fused(p, absent=20), "layer norm is not supported"),
    "not one": (lambda p: p.write_bytes(b"TFLX" * 9) and p, "not a TFLite file"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_held_is_refused_by_its_operator(tmp_path: Path, name: str) -> None:
    write, words = BAD[name]
    ended = run("import", write(tmp_path / "m.tflite"), "--window", files.T)
    assert refused_well(ended)
    assert ended.code == 1
    assert words in " ".join(ended.err.split()), ended.err


def test_a_state_is_not_taken_for_an_answer_that_cannot_be_read(tmp_path: Path) -> None:
    file = TfliteFile()
    part = Part(file, "main")
    for name, shape in (("frame", (1, files.F)), ("h", (1, files.H)), ("c", (1, files.H))):
        part.tensor(name, shape)
    files.lstm_cell(part, "frame", "h", "c")
    part.op("DIV", "h_new h_new", [("bent", (1, files.H))], table="DivOptions")
    part.constant("fc", files.some(files.OUT, files.H))
    part.op("FULLY_CONNECTED", "bent fc _", [("answers", (1, files.OUT))], table="FullyConnectedOptions")
    part.ends("frame h c", "answers h_new c_new")
    file.write(tmp_path / "cut.tflite")
    ended = run("import", tmp_path / "cut.tflite", "-o", tmp_path / "cut.npz")
    assert ended.code == 1, ended
    assert refused_well(ended)
    assert not (tmp_path / "cut.npz").exists()
