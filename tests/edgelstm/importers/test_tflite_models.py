"""The field's models as TFLite files, of checkouts in the folder that EDGELSTM_MODELS names: DTLN's pair
(github.com/breizhn/DTLN, 1de1f15) and Precise (github.com/OpenVoiceOS/precise-lite-models, 1927411)."""

from __future__ import annotations

import numpy as np
import pytest

from edgelstm.importers.choices import Choices
from edgelstm.importers.proof import prove
from edgelstm.importers.read import read_model
from field_models import elsewhere

pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")


def spectra(values: int) -> np.ndarray:
    """Frames of a voice-like signal at 16 kHz, 128 samples apart: samples, or magnitudes."""
    t = np.arange(16000 * 4) / 16000
    pitch = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * t)) / 16000
    voice = sum(np.sin(n * pitch) / n for n in range(1, 25)) * np.clip(np.sin(2 * np.pi * 2.3 * t), 0, None)
    sound = 0.1 * voice + np.random.default_rng(0).normal(0, 0.01, t.size)
    frames = np.lib.stride_tricks.sliding_window_view(sound, 512)[::128]
    return np.asarray(frames if values == 512 else np.abs(np.fft.rfft(frames)), np.float32)


DTLN = {
    1: ["lstm", "lstm", "dense"],
    2: ["dense", "layer_norm", "lstm", "lstm", "dense", "activation", "multiply", "context", "dense"],
}


@pytest.mark.parametrize("quantized", ["", "quant_"])
@pytest.mark.parametrize("part", DTLN)
def test_dtln_answers_as_in_litert(part: int, quantized: str) -> None:
    imported = read_model(elsewhere(f"DTLN/pretrained_model/model_{quantized}{part}.tflite"), Choices())
    assert [layer.kind for layer in imported.model.layers] == DTLN[part]
    proof = prove(imported, [spectra(257 if part == 1 else 512)])
    assert (proof.passed, proof.decided) == (True, True), proof.lines()


@pytest.mark.parametrize("name", ["hey_mycroft", "android"])
def test_precise_answers_as_in_litert(name: str) -> None:
    imported = read_model(elsewhere(f"precise-lite-models/wakewords/en/{name}.tflite"), Choices())
    assert [layer.kind for layer in imported.model.layers] == ["gru", "dense"]
    (gru, _), window = imported.model.layers, imported.model.answer.hop
    assert (gru.gate, gru.candidate, gru.reset, window) == ("hard_sigmoid", "linear", "before", 29)
    proof = prove(imported)
    assert (proof.passed, proof.decided) == (True, True), proof.lines()
    assert max(one.largest for one in proof.checks) < 2e-6
