"""Signals far from zero: int8 subtracts the mean first, so that a level costs no more than its float32 spacing."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgelstm.export import export_model
from edgelstm.export.elstm import encode
from edgelstm.model import Model, Normalize
from edgelstm.quantization import quantize
from edgelstm.quantization.reference import quantize_frames
from edgelstm.runtime import Model as RuntimeModel
from edgelstm.runtime.engines.open import open_model
from random_models import random_model, random_signal

FEATURES = 33  # x86 reads 32 and more at once
LEVELS = (0.0, 1e3, 1e6, -1e6)
STD = 0.5
FORMS = ((".elstm", "int8"), (".onnx", "int8-exact"), (".onnx", "int8-portable"), (".tflite", "int8"))
PACKAGES = {".elstm": (), ".onnx": ("onnx", "onnxruntime"), ".tflite": ("flatbuffers", "ai_edge_litert")}
H_MEAN = 96


def at_level(level: float) -> Model:
    model = random_model(FEATURES, [12], [4])
    normalize = Normalize(np.full(FEATURES, level, np.float32), np.full(FEATURES, STD, np.float32))
    return replace(model, normalize=normalize, examples=(frames_at(level),))


def frames_at(level: float) -> np.ndarray:
    """±1 around the level, in steps that float32 has there."""
    return (random_signal(80, FEATURES, 3) / 3 + level).astype(np.float32)


@pytest.mark.parametrize("level", LEVELS)
def test_codes_are_those_of_float64(level: float) -> None:
    quantized, frames = quantize(at_level(level)), frames_at(level)
    exact = (frames.astype(np.float64) - level) / STD / float(quantized.input.scale) + quantized.input.zero_point
    beyond = np.abs(quantize_frames(quantized, frames) - np.clip(exact, -128, 127)) - 0.5
    assert np.ptp(exact) > 100
    assert beyond.max() <= 2.0**-24 * 3 * 256  # three roundings of numbers of at most 256


@pytest.mark.parametrize(("suffix", "name"), FORMS)
def test_a_level_changes_no_answer(suffix: str, name: str, tmp_path: Path) -> None:
    for package in PACKAGES[suffix]:
        pytest.importorskip(package)
    for level in LEVELS[1:]:
        frames = frames_at(level)
        path, ground = tmp_path / f"level{suffix}", tmp_path / f"ground{suffix}"
        export_model(at_level(level), path, precision=name, verify=False)
        export_model(at_level(0.0), ground, precision=name, verify=False)
        # what lies within a factor of two is subtracted exactly
        expected = open_model(ground).stream().push(frames - np.float32(level))
        assert np.ptp(expected, axis=0).max() > 0.05
        np.testing.assert_array_equal(open_model(path).stream().push(frames), expected)


def _with_mean_at(content: bytes, offset: int) -> bytes:
    changed = bytearray(content)
    struct.pack_into("<I", changed, H_MEAN, offset)
    struct.pack_into("<I", changed, 12, zlib.crc32(changed[16:]))
    return bytes(changed)


@pytest.mark.parametrize("kernel", ["", "scalar"])
def test_files_from_before_have_no_mean(kernel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold the mean in the offset, and give what they gave."""
    monkeypatch.setenv("EDGELSTM_KERNEL", kernel)
    quantized, frames = quantize(at_level(0.25)), frames_at(0.25)
    moved = (quantized.input_offset - quantized.input_mean * quantized.input_scale).astype(np.float32)
    before = replace(quantized, input_mean=np.zeros(FEATURES, np.float32), input_offset=moved)
    content = encode(before)
    assert struct.unpack_from("<I", content, H_MEAN)[0] % 64 == 0
    answers = []
    for n, given in enumerate((content, _with_mean_at(content, 0))):
        path = tmp_path / f"{n}.elstm"
        path.write_bytes(given)
        answers.append(RuntimeModel(path).stream().push(frames))
    np.testing.assert_array_equal(*answers)
    assert np.ptp(answers[0], axis=0).max() > 0.05


def test_a_mean_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.elstm"
    content = encode(quantize(at_level(3.0)))
    for offset in (65, len(content) // 64 * 64, 0xFFFFFFC0):
        path.write_bytes(_with_mean_at(content, offset))
        with pytest.raises(ValueError, match=r"outside|beyond|bounds"):
            RuntimeModel(path)
    path.write_bytes(_with_mean_at(encode(at_level(3.0)), struct.unpack_from("<I", content, H_MEAN)[0]))
    with pytest.raises(ValueError, match=r"field"):
        RuntimeModel(path)
