"""The field's own models, whole, in the C core: streaming against their files in onnxruntime, on speech."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from edgelstm.export.elstm import encode
from edgelstm.model import Model
from edgelstm.runtime import Model as RuntimeModel
from field_models import DTLN, SILERO, dtln, packed, silero

SPEECH = Path(__file__).parents[3] / "shared" / "data" / "fsdd" / "recordings"
SECONDS, RATE = 60, 16000


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """A minute of spoken digits at 16 kHz, with pauses between."""
    if not SPEECH.exists():
        pytest.skip("no recordings of speech beside the checkout")
    pieces: list[np.ndarray] = []
    for path in sorted(SPEECH.glob("*.wav"))[::7]:
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768
        middles = np.interp(np.arange(0, len(samples) - 1, 0.5), np.arange(len(samples)), samples)
        pieces += [middles, np.zeros(2000)]
    return np.concatenate(pieces).astype(np.float32)[: SECONDS * RATE]


def opened(model: Model, folder: Path) -> RuntimeModel:
    path = folder / "model.elstm"
    path.write_bytes(encode(model))
    return RuntimeModel(path)


def session(content: bytes):
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


@pytest.mark.slow
def test_silero_is_its_own_file(speech: np.ndarray, tmp_path: Path) -> None:
    content = packed(*SILERO)
    frames = speech[: len(speech) // 512 * 512].reshape(-1, 512)
    found = opened(silero(content), tmp_path).stream().push(frames)[:, 0]
    theirs, state, before, expected = session(content), np.zeros((2, 1, 128), np.float32), np.zeros(64), []
    for frame in frames:
        given = np.concatenate([before, frame])[None].astype(np.float32)
        probability, state = theirs.run(None, {"input": given, "state": state})
        before = frame[-64:]
        expected.append(probability[0, 0])
    assert 0.1 < np.mean(np.array(expected) > 0.5) < 0.95
    # Its fourth convolution subtracts what is nearly alike: onnxruntime itself is up to 1.3e-5 from float64.
    apart = np.abs(found - np.array(expected))
    assert np.sqrt(np.mean(apart**2)) < 2e-6
    assert np.mean(apart > 1e-5) < 0.003
    assert apart.max() < 5e-5


@pytest.mark.slow
def test_dtln_is_its_own_files_with_the_transforms_around_them(speech: np.ndarray, tmp_path: Path) -> None:
    contents = [packed(*part) for part in DTLN]
    noisy = speech[: 20 * RATE] + 0.02 * np.random.default_rng(3).normal(size=20 * RATE).astype(np.float32)
    frames = noisy.reshape(-1, 128)
    found = opened(dtln(*contents), tmp_path).stream().push(frames)
    masks, cores = map(session, contents)
    of_masks = of_cores = np.zeros((1, 2, 128, 2), np.float32)
    newest, sums, expected = np.zeros(512, np.float32), np.zeros(512, np.float32), []
    for frame in frames:
        newest = np.concatenate([newest[128:], frame])
        spectrum = np.fft.rfft(newest)
        given = np.abs(spectrum).astype(np.float32)[None, None]
        mask, of_masks = masks.run(None, {"input_2": given, "input_3": of_masks})
        masked = np.fft.irfft(spectrum * mask[0, 0]).astype(np.float32)[None, None]
        piece, of_cores = cores.run(None, {"input_4": masked, "input_5": of_cores})
        sums = np.concatenate([sums[128:], np.zeros(128, np.float32)]) + piece[0, 0]
        expected.append(sums[:128].copy())
    np.testing.assert_allclose(found, expected, atol=1e-5)
