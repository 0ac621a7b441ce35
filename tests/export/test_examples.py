"""The examples that stream with one engine alone give what the stream of that engine gives."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from counts import FULL
from edgelstm.export import FORMS, export_model
from edgelstm.model import Answer
from edgelstm.runtime.engines.open import open_model
from layer_lists import layer_list
from random_models import random_model, random_signal

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = {"onnx": ("onnxruntime_stream.py", "onnxruntime"), "tflite": ("litert_stream.py", "ai_edge_litert")}
WITHOUT_EDGELSTM = "import runpy, sys; sys.modules['edgelstm'] = None; sys.argv = sys.argv[1:]; "


OF_ENGINES = [form for form in FORMS if form.format in PROGRAMS]
# Each form with one of the activations, and a program with both.
CASES = [
    (form, activation)
    for n, form in enumerate(OF_ENGINES)
    for k, activation in enumerate(["softmax", "linear"])
    if FULL or (n + k) % 2 == 0
]


@pytest.mark.parametrize(
    ("form", "activation"), CASES, ids=[f"{form.format}{form.name}-{word}" for form, word in CASES]
)
def test_an_example_streams_every_form_of_its_engine(form, activation, tmp_path):
    model = random_model(5, [12, 7], [4], activation=activation, answer=Answer("last", 0, 1))
    streams_as_its_engine(form, model, tmp_path)


@pytest.mark.parametrize("form", OF_ENGINES, ids=lambda form: form.format + form.name)
def test_an_example_gathers_the_frames_of_a_call(form, tmp_path):
    model = layer_list("strides around", features=5)
    assert model.stride == 4
    if form.why_not(model) is None:
        streams_as_its_engine(form, model, tmp_path)


def streams_as_its_engine(form, model, tmp_path):
    program, package = PROGRAMS[form.format]
    pytest.importorskip(package)
    path = export_model(model, tmp_path / f"model{form.suffix}", precision=form.name, verify=False).path
    signal = random_signal(30, 5, 1)
    lines = "".join(",".join(f"{value:.9g}" for value in frame) + "\n" for frame in signal)
    found = streamed(path, program, lines)
    np.testing.assert_allclose(found, open_model(path).stream().push(signal), rtol=0, atol=1e-5)


@pytest.mark.parametrize("form", PROGRAMS)
def test_an_example_takes_a_header(form, tmp_path):
    program, package = PROGRAMS[form]
    pytest.importorskip(package)
    model = random_model(3, [5], [2])
    path = export_model(model, tmp_path / f"model.{form}", precision="float32", verify=False).path
    signal = random_signal(5, 3, 1)
    rows = [",".join(f"{value:.9g}" for value in frame) for frame in signal]
    expected = streamed(path, program, "\n".join(rows))
    assert len(expected) == 5
    timed = "time,x0,x1,x2\n" + "".join(f"{n / 50},{row}\n" for n, row in enumerate(rows))
    np.testing.assert_array_equal(streamed(path, program, timed), expected)
    if form == "onnx":  # whose metadata are at hand: columns go by name
        other = "x2, x0,note,x1\n" + "".join(f"{c},{a},word,{b}\n" for a, b, c in signal.astype(float))
        np.testing.assert_allclose(streamed(path, program, other), expected, rtol=0, atol=1e-6)


def streamed(path, program, lines):
    """What the program prints, (answers, outputs)."""
    code = WITHOUT_EDGELSTM + "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", code, EXAMPLES / program, path]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    return np.array([line.split(",") for line in done.stdout.splitlines()], np.float64)
