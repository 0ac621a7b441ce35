"""Cells that count: int8 holds them to ±1024 where a form can, and a form that cannot says which layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counts import some
from edgelstm import forward
from edgelstm.export import FORMS, export_model
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Answer, Model, Normalize
from edgelstm.quantization import QuantizedLSTM, calibrate, quantize
from edgelstm.quantization.reference import IntegerStream
from edgelstm.runtime.engines.open import open_model

UNITS = 2
WAITING = 10  # frames before it counts


def uncalibrated(frames: int) -> Model:
    """After a few frames of 0 c rises by almost 1 in each of `frames` frames of 1, then falls; the answer is the
    difference of two such cells, one of which goes the other way: 0 before they count, and 1 from then on."""
    W, R, b = np.zeros((4 * UNITS, 1)), np.zeros((4 * UNITS, UNITS)), np.zeros(4 * UNITS)
    b[:UNITS], b[UNITS : 2 * UNITS], b[3 * UNITS :] = 8, 12, 8  # i, f and o near 1
    W[2 * UNITS : 3 * UNITS, 0] = [2, -2]
    steps = [np.zeros((WAITING, 1)), np.ones((frames, 1)), -np.ones((frames * 3 // 4, 1))]
    signal = np.concatenate(steps).astype(np.float32)
    layers = (LSTM(W, R, b), Dense(np.array([[0.5, -0.5]]), np.zeros(1)))
    return Model(
        Normalize(np.zeros(1), np.ones(1)),
        layers,
        activation="linear",
        answer=Answer("last", 0, 1),
        feature_names=("x",),
        sample_rate=10.0,
        examples=(signal,),
        name="counting",
    )


def counting(frames: int) -> Model:
    model = uncalibrated(frames)
    return calibrate(model, model.examples)


@pytest.mark.parametrize("frames", some([45, 800, 20, 200], 2))
@pytest.mark.parametrize("name", ["elstm int8", "c int8", "onnx int8-exact"])
def test_a_cell_that_counts_gives_the_answers_of_floats(frames: int, name: str, tmp_path: Path) -> None:
    format_name, precision = name.split()
    for package in ("onnx", "onnxruntime") if format_name == "onnx" else ():
        pytest.importorskip(package)
    model = counting(frames)
    exported = export_model(model, tmp_path / f"counting.{format_name}", precision=precision)
    assert exported.proof is not None
    assert exported.proof.passed, exported.proof.lines()
    if format_name == "c":
        return
    answers = open_model(exported.path).stream().push(model.examples[0])
    assert (answers[WAITING + 2 :] > 0.9).all()  # it never comes back to zero
    np.testing.assert_allclose(answers[WAITING + 20 :], 1, atol=0.01)


def test_the_integer_cell_follows_the_float_one() -> None:
    """A gate is sigmoid(8) = 0.99966 at most: 350 frames lose a ninth of what they hold, no more."""
    model = counting(200)
    quantized = quantize(model)
    lstm = quantized.layers[0]
    assert isinstance(lstm, QuantizedLSTM)
    counted = IntegerStream(quantized).push(model.examples[0]).states["c0"] * 2.0**lstm.cell_exponent
    exact = forward.forward(model, model.examples[0]).states["c0"]
    assert np.abs(exact).max() > 190
    assert np.abs(counted - exact).max() < 190 / 9


def test_a_form_that_stops_earlier_names_the_layer(tmp_path: Path) -> None:
    for frames, holds in ((20, True), (45, True), (60, False), (200, False)):
        model = counting(frames)
        for form in FORMS:
            wrong = form.why_not(model)
            expected = not holds and (form.format, form.name) == ("tflite", "int8")
            assert (wrong is not None) == expected, (form.format, form.name, wrong)
    with pytest.raises(
        ValueError, match=r"^tflite int8 holds no cell beyond ±64 \(lstm0: ±19[0-9.]+, [^\n]*elstm int8"
    ):
        export_model(counting(200), tmp_path / "counting.tflite", precision="int8")
    assert not list(tmp_path.iterdir())


def test_a_cell_beyond_all_saturates_where_answers_do_not_suffer(tmp_path: Path) -> None:
    """It reaches 897 and falls to 222: calibration bounds it, and the answers stay those of floats until int8's cell,
    which forgets sooner, has come to zero."""
    model = counting(900)
    assert model.ranges is not None
    exact = forward.forward(model, model.examples[0]).states["c0"]
    assert model.ranges.largest("c0") < 820 < np.abs(exact).max()
    answers = IntegerStream(quantize(model)).push(model.examples[0]).scores
    np.testing.assert_allclose(answers[WAITING + 20 : WAITING + 1500], 1, atol=0.01)
    assert export_model(uncalibrated(900), tmp_path / "counting.elstm", precision="float32").proof
