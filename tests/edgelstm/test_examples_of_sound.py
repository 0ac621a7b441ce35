"""Examples on sound: what they do around a model, and models of the field whole."""

from __future__ import annotations

import json
import sys
import wave
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edgelstm.export.elstm import encode
from edgelstm.importers.choices import Choices
from edgelstm.importers.read import read_model
from edgelstm.runtime import Model
from field_models import DTLN, RESEMBLYZER, SILERO, packed, spoken
from in_process import run
from torch_files import write_stream

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
VOICE = Choices(layers=("lstm", "linear", "relu", "l2"), window=160, sample_rate=100)
RNG = np.random.default_rng(11)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return import_module


def ran(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
    code: int = module.main()
    return code


def exported(source: Path, choices: Choices) -> Path:
    path = source.with_suffix(".elstm")
    path.write_bytes(encode(read_model(source, choices).model))
    return path


@pytest.mark.parametrize(("old", "new"), [(8000, 16000), (16000, 8000), (44100, 16000), (16000, 44100)])
def test_resampling_keeps_what_both_rates_hold(example, old: int, new: int) -> None:
    def tone(rate: int) -> np.ndarray:
        t = np.arange(rate // 2) / rate
        return 0.5 * np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * 2900 * t + 1)

    found = example("sound").resampled(tone(old).astype(np.float32), old, new)
    assert len(found) == new // 2
    np.testing.assert_allclose(found[200:-200], tone(new)[200:-200], atol=1e-4)


def test_sound_is_written_as_it_was_read(example, tmp_path: Path) -> None:
    sound = example("sound")
    samples = np.array([0, 0.5, -1, 1, 2, -3], np.float32)
    sound.write(tmp_path / "a.wav", 8000, samples)
    rate, found = sound.read(tmp_path / "a.wav")
    assert rate == 8000
    np.testing.assert_allclose(found, np.clip(samples, -1, 1), atol=1 / 32768)


def test_a_pure_tone_lies_in_the_mel_band_around_it(example) -> None:
    voices = example("voices")
    t = np.arange(16000) / 16000
    for band in (4, 17, 33):
        edges = voices.to_hertz(np.linspace(0, voices.to_mel(8000), 42))
        frames = voices.mel_frames(np.sin(2 * np.pi * edges[band + 1] * t).astype(np.float32))
        assert frames.shape == (101, 40)
        assert (frames[5:-5].argmax(axis=1) == band).all()


def test_mel_frames_are_those_of_librosa(example) -> None:
    """Numbers by librosa 0.11.0: `melspectrogram(y=x, sr=16000, n_fft=400, hop_length=160, n_mels=40)[::6, 20]`."""
    n = np.arange(4000)
    x = (0.3 * np.sin(n * n / 7000) + 0.1 * np.cos(2.5 * n)).astype(np.float32)
    np.testing.assert_allclose(example("voices").mel_frames(x)[20, ::6], LIBROSA, rtol=1e-5)


LIBROSA = [9.33827e-11, 1.75224e-10, 7.87222e-10, 2.66815e-08, 5.08274, 6.33796e-10, 0.00901124]


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def voice_by_hand(tensors: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Of one window, in float64: three LSTMs of PyTorch's, dense, ReLU, length 1."""
    flow = x.astype(np.float64)
    for layer in range(3):
        W, R, b, rb = (
            tensors[f"lstm.{name}_l{layer}"].astype(np.float64)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h, c, seen = np.zeros(R.shape[1]), np.zeros(R.shape[1]), []
        for row in flow @ W.T + b + rb:
            i, f, g, o = np.split(row + R @ h, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            seen.append(h)
        flow = np.array(seen)
    y = np.maximum(0, tensors["linear.weight"].astype(np.float64) @ flow[-1] + tensors["linear.bias"])
    return y / np.linalg.norm(y)


def test_a_voice_is_the_mean_of_windows_that_begin_anew(example, tmp_path: Path) -> None:
    """A network as Resemblyzer's, but small, in PyTorch's old form."""
    shapes = {"linear.weight": (12, 6), "linear.bias": (12,)}
    for layer, width in enumerate((40, 6, 6)):
        shapes |= {f"lstm.weight_ih_l{layer}": (24, width), f"lstm.weight_hh_l{layer}": (24, 6)}
        shapes |= {f"lstm.bias_{which}_l{layer}": (24,) for which in ("ih", "hh")}
    tensors = {name: RNG.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}
    path = tmp_path / "small.pt"
    write_stream(path, {"step": 3, "model_state": tensors})
    frames = RNG.normal(size=(330, 40)).astype(np.float32)
    found = example("voices").voice(Model(exported(path, VOICE)), frames)
    mean = np.mean([voice_by_hand(tensors, frames[first : first + 160]) for first in (0, 77, 154)], axis=0)
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-6)


@pytest.mark.slow
def test_resemblyzer_tells_voices_apart(example, tmp_path: Path, monkeypatch, capsys) -> None:
    """The road of docs/importing.md. Digits at 8 kHz are not what it was trained on, and yet."""
    path = tmp_path / "pretrained.pt"
    path.write_bytes(packed(*RESEMBLYZER))
    model, sound, voices = tmp_path / "voices.elstm", example("sound"), example("voices")
    wavs = []
    for speaker in ("george", "jackson"):
        for take in (0, 1):
            samples = np.concatenate([sound.read(one)[1] for one in spoken(speaker, take)])
            wavs.append(tmp_path / f"{speaker}-{take}.wav")
            sound.write(wavs[-1], 8000, samples)
    assert ran(voices, monkeypatch, "--frames", tmp_path / "frames.npz", *wavs) == 0
    words = ("--layers", "lstm,linear,relu,l2", "--window", "160", "--rate", "100", "-o", tmp_path / "voices.npz")
    assert run("import", path, *words).code == 0
    options = ("--precision", "float32", "--data", tmp_path / "frames.npz", "-o", model)
    assert run("export", tmp_path / "voices.npz", *options).code == 0
    capsys.readouterr()
    assert ran(voices, monkeypatch, model, *wavs) == 0
    table = np.array([line.split()[1:] for line in capsys.readouterr().out.splitlines()], float)
    same = np.arange(4)[:, None] // 2 == np.arange(4) // 2
    assert table[same].min() > 0.8
    assert table[~same].max() < 0.75


@pytest.mark.slow
def test_resemblyzer_in_the_core_is_resemblyzer_in_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "pretrained.pt"
    path.write_bytes(packed(*RESEMBLYZER))
    held = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
    lstm, linear = torch.nn.LSTM(40, 256, 3, batch_first=True), torch.nn.Linear(256, 256)
    for name, module in (("lstm.", lstm), ("linear.", linear)):
        module.load_state_dict({key.removeprefix(name): one for key, one in held.items() if key.startswith(name)})
    x = RNG.gamma(0.3, 0.1, size=(6, 160, 40)).astype(np.float32)
    with torch.no_grad():
        raw = torch.relu(linear(lstm(torch.from_numpy(x))[1][0][-1]))
        expected = (raw / raw.norm(dim=1, keepdim=True)).numpy()
    stream = Model(exported(path, VOICE)).stream()
    for window, answer in zip(x, expected):
        stream.reset()
        np.testing.assert_allclose(stream.push(window)[-1], answer, atol=2e-6)


def small_capture(path: Path) -> Path:
    """A .nam of 5 units at 8 kHz."""
    flat = RNG.normal(0, 0.5, 4 * 5 * 6 + 4 * 5 + 2 * 5 + 5 + 1)
    config = {"input_size": 1, "hidden_size": 5, "num_layers": 1}
    values = {"version": "0.5.4", "architecture": "LSTM", "config": config, "sample_rate": 8000}
    path.write_text(json.dumps({**values, "weights": flat.tolist()}))
    return path


def test_a_capture_plays_a_wav_in_blocks_as_in_one_piece(example, tmp_path: Path, monkeypatch, capsys) -> None:
    capture, sound = example("capture"), example("sound")
    path = exported(small_capture(tmp_path / "amp.nam"), Choices())
    sound.write(tmp_path / "in.wav", 8000, RNG.normal(0, 0.2, 1000).astype(np.float32))
    assert ran(capture, monkeypatch, path, tmp_path / "in.wav", tmp_path / "out.wav") == 0
    assert "0.1 s of sound" in capsys.readouterr().out
    _, samples = sound.read(tmp_path / "in.wav")
    whole = Model(path).stream().push(samples[:, None])[:, 0]
    np.testing.assert_allclose(sound.read(tmp_path / "out.wav")[1], np.clip(whole, -1, 1), atol=1 / 32768)
    for block in (1, 64, 333):
        assert np.array_equal(capture.play(Model(path), samples, block), whole)


def test_stretches_of_speech_end_where_it_was_quiet_for_a_while(example) -> None:
    """In steps of 0.1 s: a breath of one step is none, a word of two is too short, and what is unsure goes on."""
    told = [0, 0.9, 0.9, 0.9, 0.4, 0.4, 0.9, 0, 0, 0.9, 0.9, 0, 0, 0, 0.6, 0.8, 0.7, 0.9]
    found = list(example("voice_activity").stretches(told, 0.1, 1.8))
    np.testing.assert_allclose(found, [(0.07, 0.73), (1.37, 1.8)], atol=1e-9)


def talk(sound: ModuleType, path: Path, noise: float = 0.0) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """(samples at 8 kHz, stretches with speech in seconds): a second of silence, then eight digits, three times."""
    pieces, spans, rng = [], [], np.random.default_rng(1)
    for speaker in ("george", "theo", "jackson"):
        pieces.append(np.zeros(8000, np.float32))
        begin = sum(map(len, pieces))
        pieces += [sound.read(one)[1] for one in spoken(speaker, 1)[:8]]
        spans.append((begin / 8000, sum(map(len, pieces)) / 8000))
    whole = np.concatenate([*pieces, np.zeros(8000, np.float32)])
    sound.write(path, 8000, (whole + noise * rng.normal(size=len(whole))).astype(np.float32))
    return whole, spans


@pytest.mark.slow
def test_silero_finds_who_speaks_in_a_wav(example, tmp_path: Path, monkeypatch, capsys) -> None:
    sound, detector = example("sound"), example("voice_activity")
    (tmp_path / "vad.onnx").write_bytes(packed(*SILERO))
    _, spans = talk(sound, tmp_path / "talk.wav")
    path = exported(tmp_path / "vad.onnx", Choices())
    assert ran(detector, monkeypatch, path, tmp_path / "talk.wav") == 0
    found = [tuple(map(float, line.split())) for line in capsys.readouterr().out.splitlines()]
    at = np.arange(0, spans[-1][1] + 1, 0.01)
    speech, said = (np.any([(at >= one) & (at < other) for one, other in part], axis=0) for part in (spans, found))
    assert np.mean(speech == said) > 0.95


@pytest.mark.slow
def test_dtln_cleans_a_wav(example, tmp_path: Path, monkeypatch) -> None:
    sound, denoise = example("sound"), example("denoise")
    parts = []
    for name, packed_in in zip(("masks", "cores"), DTLN):
        (tmp_path / f"{name}.onnx").write_bytes(packed(*packed_in))
        parts.append(exported(tmp_path / f"{name}.onnx", Choices()))
    whole, _ = talk(sound, tmp_path / "noisy.wav", noise=0.02)
    assert ran(denoise, monkeypatch, *parts, tmp_path / "noisy.wav", tmp_path / "clean.wav") == 0
    truth = sound.resampled(whole, 8000, 16000)

    def decibels(path: Path) -> float:
        heard = sound.read(path, 16000)[1]
        kept = (heard @ truth) / (truth @ truth) * truth
        return float(10 * np.log10(np.sum(kept**2) / np.sum((heard - kept) ** 2)))

    assert len(sound.read(tmp_path / "clean.wav", 16000)[1]) == len(truth)
    assert decibels(tmp_path / "clean.wav") > decibels(tmp_path / "noisy.wav") + 5


def test_frames_come_with_the_samples_before_them(example, tmp_path: Path, monkeypatch) -> None:
    sound = example("sound")
    samples = np.round(RNG.normal(0, 4000, 10)) / 32768
    sound.write(tmp_path / "a.wav", 8000, samples.astype(np.float32))
    words = (tmp_path / "a.wav", "--rate", "8000", "--frame", "4", "--past", "2", "-o", tmp_path / "a.npz")
    assert ran(sound, monkeypatch, *words) == 0
    padded = np.concatenate([np.zeros(2), samples, np.zeros(2)])
    with np.load(tmp_path / "a.npz") as found:
        np.testing.assert_allclose(found["X"], [padded[n : n + 6] for n in (0, 4, 8)], atol=1e-7)
        assert found["lengths"].tolist() == [3]
    assert ran(sound, monkeypatch, *words, "--magnitudes") == 0
    with np.load(tmp_path / "a.npz") as found:
        np.testing.assert_allclose(found["X"][1], np.abs(np.fft.rfft(padded[4:10])), atol=1e-6)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x10\0\0\0WAVEfmt ", bytes(60)])
def test_what_is_no_sound_is_refused_in_one_line(example, tmp_path: Path, monkeypatch, capsys, content) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    sound = example("sound")
    assert ran(sound, monkeypatch, tmp_path / "a.wav", "-o", tmp_path / "a.npz") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert len(error.splitlines()) == 1
    with wave.open(str(tmp_path / "b.wav"), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(9))
    assert ran(sound, monkeypatch, tmp_path / "b.wav", "-o", tmp_path / "b.npz") == 1
    assert "expected WAV of 16 bits" in capsys.readouterr().err
