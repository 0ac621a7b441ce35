"""Log-mel features of other libraries, on one signal: the table that tests compare with.

    python tests/support/logmel_peers.py > tests/edgelstm/logmel_peers.json

wants librosa, kaldi-native-fbank and torchaudio; the table says which versions made it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version

import numpy as np

RATE, WINDOW, HOP, SIZE, BANDS, LOW, HIGH = 16000, 400, 160, 512, 40, 20, 7600
EVERY = 4
"""Frames from one that the table holds to the next."""

_IN_THE_MIDDLE = (SIZE - WINDOW) // 2
"""Samples that torch and librosa put before a window to have it in the middle of a transform."""


def signal() -> np.ndarray:
    """(4000,): a tone that climbs through noise, whole numbers that need no sine."""
    n = np.arange(4000, dtype=np.int64)
    climbs = 9000 - np.abs((n * n // 37) % 36000 - 18000)
    noise = (n * 1103515245 + 12345) * (n + 77) % 65537 % 2001 - 1000
    return (climbs + noise).astype(np.float64)


def torchaudio() -> np.ndarray:
    torch, transforms = import_module("torch"), import_module("torchaudio.transforms")
    made = transforms.MelSpectrogram(
        RATE, n_fft=SIZE, win_length=WINDOW, hop_length=HOP, f_min=LOW, f_max=HIGH, n_mels=BANDS, center=False
    ).double()
    return _logs(made(torch.tensor(_padded())).numpy().T)


def librosa(htk: bool = True) -> np.ndarray:
    feature = import_module("librosa.feature")
    sizes = {"n_fft": SIZE, "win_length": WINDOW, "hop_length": HOP, "fmin": LOW, "fmax": HIGH, "n_mels": BANDS}
    return _logs(feature.melspectrogram(y=_padded(), sr=RATE, center=False, htk=htk, norm=None, **sizes).T)


def librosa_slaney() -> np.ndarray:
    return librosa(htk=False)


def kaldi_native_fbank() -> np.ndarray:
    native = import_module("kaldi_native_fbank")
    options = native.FbankOptions()
    frames, mel = options.frame_opts, options.mel_opts
    frames.dither, frames.samp_freq, frames.window_type = 0, RATE, "hann"
    frames.preemph_coeff, frames.remove_dc_offset = 0.0, False
    mel.num_bins, mel.low_freq, mel.high_freq = BANDS, LOW, HIGH
    bank = native.OnlineFbank(options)
    bank.accept_waveform(RATE, signal().tolist())
    bank.input_finished()
    return np.maximum([bank.get_frame(n) for n in range(bank.num_frames_ready)], 0)


def _padded() -> np.ndarray:
    return np.pad(signal(), (_IN_THE_MIDDLE, _IN_THE_MIDDLE))


def _logs(power: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(power, 1))


PEERS: dict[str, tuple[str, str, Callable[[], np.ndarray], float]] = {
    "torchaudio": ("torchaudio", "htk", torchaudio, 1e-4),
    "librosa": ("librosa", "htk", librosa, 1e-4),
    "librosa, Slaney's": ("librosa", "slaney", librosa_slaney, 1e-4),
    "kaldi-native-fbank": ("kaldi-native-fbank", "kaldi", kaldi_native_fbank, 2e-4),
}
"""Name → (package, our name of its filters, its log-mel (frames, bands), how far it may be off)."""


def main() -> None:
    table = {}
    for name, (package, _, made, _) in PEERS.items():
        frames = np.round(made()[::EVERY].astype(np.float64), 6).tolist()
        table[name] = {"version": version(package), "frames": frames}
    json.dump(table, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
