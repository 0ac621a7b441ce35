"""Silero's detectors of speech and DTLN's pair, imported from the files that packages ship, on speech."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from counts import FULL
from edgelstm.importers.choices import Choices
from edgelstm.importers.proof import prove
from edgelstm.importers.read import read_model
from field_models import DTLN, SPEECH, packed

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

SILERO, WEB = "silero_vad-6.2.3-*.whl", "ricky0123-vad-web-0.0.31.tgz"
AT_16, AT_8 = {"sr": 16000, "input": 576}, {"sr": 8000, "input": 288}
SECONDS = 60

FILES: dict[str, tuple[str, str, Choices]] = {
    "6": (SILERO, "silero_vad/data/silero_vad.onnx", Choices(sets=AT_16, overlap=64)),
    "6 at 8 kHz": (SILERO, "silero_vad/data/silero_vad.onnx", Choices(sets=AT_8, overlap=32)),
    "6, without choices": (SILERO, "silero_vad/data/silero_vad_openvino_16k.onnx", Choices(overlap=64)),
    "6, operators of 15": (SILERO, "silero_vad/data/silero_vad_16k_op15.onnx", Choices(sets=AT_16, overlap=64)),
    "6, written out": (SILERO, "silero_vad/data/silero_vad_op18_ifless.onnx", Choices(sets=AT_16, overlap=64)),
    "6, written out at 8 kHz": (
        SILERO,
        "silero_vad/data/silero_vad_op18_ifless.onnx",
        Choices(sets=AT_8, overlap=32),
    ),
    "6, of chunks": (SILERO, "silero_vad/data/silero_vad_16k_sequence.onnx", Choices(overlap=64)),
    "5": (SILERO, "silero_vad/data/silero_vad_half.onnx", Choices(sets={"input": 576}, overlap=64)),
    "4": (WEB, "package/dist/silero_vad_legacy.onnx", Choices(sets={"sr": 16000, "input": 512})),
    "4 in long frames": (WEB, "package/dist/silero_vad_legacy.onnx", Choices(sets={"sr": 16000, "input": 1536})),
    "4 at 8 kHz": (WEB, "package/dist/silero_vad_legacy.onnx", Choices(sets={"sr": 8000, "input": 256})),
}
LIMITS = {"6": 5e-5, "5": 1e-5, "4": 5e-4}
"""By version. Behind the last convolution of version 6, which subtracts what is nearly alike, onnxruntime itself is
up to 1.3e-5 from float64."""


def speech(values: int, is_slow: bool) -> np.ndarray:
    """A minute of spoken digits with pauses between, in frames."""
    if not SPEECH.exists():
        pytest.skip("no recordings of speech beside the checkout")
    pieces: list[np.ndarray] = []
    for path in sorted(SPEECH.glob("*.wav"))[::7]:
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768
        if not is_slow:
            samples = np.interp(np.arange(0, len(samples) - 1, 0.5), np.arange(len(samples)), samples)
        pieces += [samples, np.zeros(2000)]
    whole = np.concatenate(pieces).astype(np.float32)[: SECONDS * (8000 if is_slow else 16000)]
    return whole[: len(whole) // values * values].reshape(-1, values)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES if FULL else ["6", "4"])
def test_silero_answers_as_its_own_file_on_speech(tmp_path: Path, name: str) -> None:
    package, member, choices = FILES[name]
    path = tmp_path / "vad.onnx"
    path.write_bytes(packed(package, member))
    imported = read_model(path, choices)
    proof = prove(imported, [speech(imported.model.features, "8 kHz" in name)])
    assert proof.decided, proof.lines()
    assert proof.passed, proof.lines()
    assert max(check.largest for check in proof.checks) <= LIMITS[name[0]]
    assert imported.model.activation == ("linear" if "long" in name else "sigmoid")
    assert any(at.layer.kind == "spectrum" for at in imported.model.road)


@pytest.mark.slow
@pytest.mark.parametrize("place", range(2) if FULL else [1])
def test_dtln_answers_as_its_own_files(tmp_path: Path, place: int) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(packed(*DTLN[place]))
    imported = read_model(path, Choices())
    rng = np.random.default_rng(0)
    frames = speech(128, False)[:2000]
    windows = np.concatenate([np.roll(frames, shift, axis=0) for shift in (3, 2, 1, 0)], axis=1)
    windows += 0.02 * rng.normal(size=windows.shape).astype(np.float32)
    x = np.abs(np.fft.rfft(windows)).astype(np.float32) if place == 0 else windows
    proof = prove(imported, [x])
    assert proof.decided, proof.lines()
    assert proof.passed, proof.lines()
    assert max(check.largest for check in proof.checks) <= 1e-5
