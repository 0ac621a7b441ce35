"""Files whose layers have weights of four bits: the reference's integers, about half the bytes of int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgelstm import forward
from edgelstm.cli import main
from edgelstm.export import export_model
from edgelstm.export.elstm import encode
from edgelstm.quantization import quantize
from edgelstm.quantization.matrix import with_four_bits
from edgelstm.quantization.reference import IntegerStream
from edgelstm.quantization.rounding import fitted, nearest
from edgelstm.quantization.weighted import GatedLayer
from edgelstm.runtime import Model as RuntimeModel
from edgelstm.runtime.metadata import NO_FOUR_BITS
from random_layers import random_layers
from random_models import random_model, random_signal
from sound_models import hearing_model

HEAD = 64  # bytes of a saved state before its parts


@pytest.mark.parametrize("kernel", ["", "scalar"])
@pytest.mark.parametrize("seed", range(8))
def test_a_stream_has_the_states_and_scores_of_the_reference(
    seed: int, kernel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGELSTM_KERNEL", kernel)
    model = random_layers(seed)
    quantized = quantize(model, weights="int4")
    frames = random_signal(40, model.features, seed)
    path = tmp_path / "model.elstm"
    path.write_bytes(encode(quantized))
    opened = RuntimeModel(path)
    stream = opened.stream()
    stream.push(frames[:11])
    stream.push(frames[11:])
    trace = IntegerStream(quantized).push(frames)
    assert opened.precision == "int4"
    narrow = [at.name for at in model.road[:-1] if at.layer.columns]
    assert opened.metadata["int4"] == narrow
    state = stream.save()[HEAD:]
    at = 0
    for part in opened.parts:
        if part.name[0] in "hc":
            wanted = trace.states[part.name][-1].ravel()
            np.testing.assert_array_equal(np.frombuffer(state, wanted.dtype, wanted.size, at), wanted)
        at += part.bytes
    wanted = forward.activate(forward.final_answer(trace.scores, model.run_answer), model.activation)
    np.testing.assert_allclose(stream.answer(), wanted, rtol=1e-5, atol=1e-6)


def test_weights_are_multiples_of_sixteen_near_the_model() -> None:
    model = random_model(8, [64], [4], frames=2000)
    quantized = quantize(model, weights="int4")
    lstm, plain = quantized.layers[0], model.layers[0]
    assert isinstance(lstm, GatedLayer)
    for codes in (lstm.W, lstm.R):
        assert not (codes % 16).any()
        assert np.abs(codes.astype(int)).max() <= 112
    (scaled,) = fitted((with_four_bits(plain.R),), None)
    lost = nearest(scaled) * scaled.scale[:, None] - plain.R
    usual = np.abs(plain.R).max(axis=1, keepdims=True) / 7
    to_nearest = np.rint(plain.R / usual) * usual - plain.R
    assert np.square(lost).sum() < np.square(to_nearest).sum()
    assert not quantized.layers[-1].four_bits


def test_a_large_model_takes_little_more_than_half_the_bytes() -> None:
    model = random_model(16, [256], [5], frames=60)
    assert len(encode(quantize(model, weights="int4"))) <= 0.57 * len(encode(quantize(model)))


@pytest.mark.parametrize("hears", [False, True])
def test_a_file_none_of_whose_layers_takes_four_bits_says_so(
    hears: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Behind log-mel features an LSTM takes codes of 16 bits."""
    model, path = hearing_model(512) if hears else random_model(8, [16], [4], frames=60), tmp_path / "model.elstm"
    made = export_model(model, path, precision="int4", verify=False)
    assert made.remark == (NO_FOUR_BITS if hears else "")
    assert ("int4" in RuntimeModel(path).metadata) != hears
    with pytest.raises(SystemExit):
        main(["inspect", str(path)])
    assert (NO_FOUR_BITS in capsys.readouterr().out) == hears
