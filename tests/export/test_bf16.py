"""Files of bfloat16 weights: half a float32 file, its bits with rounded weights."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.export.arithmetic.bf16 import nearest, rounded
from edgelstm.export.elstm import encode, encode_bf16
from edgelstm.layers import LSTM
from edgelstm.runtime import Model as RuntimeModel
from random_float_layers import random_float_layers
from random_layers import random_layers
from random_models import random_model, random_signal


def _answers(content: bytes, folder: Path, frames: np.ndarray) -> tuple[np.ndarray, bytes]:
    path = folder / "model.elstm"
    path.write_bytes(content)
    stream = RuntimeModel(path).stream()
    answers = np.concatenate([stream.push(frames[:7]), stream.push(frames[7:])])
    return answers, stream.save()[64:]


@given(st.floats(-1e6, 1e6, width=32).filter(lambda value: value == 0 or abs(value) > 1.2e-38))
def test_a_weight_becomes_the_nearest_of_eight_bits_ties_to_even(value: float) -> None:
    mantissa, exponent = np.frexp(np.float64(value))
    wanted = np.ldexp(np.rint(mantissa * 256) / 256, exponent)
    assert nearest(np.array([value], np.float32))[0] == wanted


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kernel", ["", "scalar"])
def test_a_file_answers_with_the_bits_of_rounded_float32(
    seed: int, kernel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGELSTM_KERNEL", kernel)
    model = random_layers(seed) if seed % 2 else random_float_layers(seed)
    frames = random_signal(61, model.features, seed)
    answers, state = _answers(encode_bf16(model), tmp_path, frames)
    wanted, wanted_state = _answers(encode(rounded(model)), tmp_path, frames)
    assert answers.tobytes() == wanted.tobytes()
    assert state == wanted_state


def test_a_large_model_takes_half_the_bytes_and_stays_near(tmp_path: Path) -> None:
    model = random_model(8, [96], [4])
    frames = random_signal(200, 8, 1)
    small, large = encode_bf16(model), encode(model)
    assert len(small) < 0.53 * len(large)
    wanted, found = (_answers(content, tmp_path, frames)[0] for content in (large, small))
    assert 0 < np.abs(found - wanted).max() < 0.004
    assert RuntimeModel(tmp_path / "model.elstm").precision == "bf16"


@pytest.mark.parametrize("weight", [np.nan, np.inf, 2e6])
def test_weights_that_are_none_are_refused(weight: float, tmp_path: Path) -> None:
    model = random_model(3, [5], [2])
    lstm = model.layers[0]
    assert isinstance(lstm, LSTM)
    # Rows 0, 8 (of five units: none) and 1 lie side by side.
    marked = replace(model, layers=(replace(lstm, W=np.full_like(lstm.W, 1.875)), *model.layers[1:]))
    content = encode_bf16(marked)
    told = np.array([1.875, weight], np.float32).view(np.uint32) >> 16
    old, new = (int(bits).to_bytes(2, "little") for bits in told)
    path = tmp_path / "model.elstm"
    path.write_bytes(_sealed(content.replace(old + bytes(2) + old, new + bytes(2) + old, 1)))
    with pytest.raises(ValueError, match=r"model\.elstm: .*weight"):
        RuntimeModel(path)


def _sealed(content: bytes) -> bytes:
    """With the checksum made right again."""
    return content[:12] + struct.pack("<I", zlib.crc32(content[16:])) + content[16:]
