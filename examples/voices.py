"""Whose voice is it? Resemblyzer's network in EdgeLSTM's C core: a voice as 256 numbers, compared by their cosines.

python examples/voices.py voices.elstm ann-1.wav ann-2.wav bob.wav
python examples/voices.py --frames frames.npz ann-1.wav bob.wav

The second line writes the mel frames that the model takes, for `edgelstm export --data`. docs/importing.md has the
whole way from `pretrained.pt`. Numbers near 1 are one voice; the model was trained on English at 16 kHz.
"""

from __future__ import annotations

import argparse
import sys
import wave
from pathlib import Path

import numpy as np
import sound
from numpy.typing import NDArray

from edgelstm.runtime import Model

RATE, SIZE, HOP, BANDS = 16000, 400, 160, 40  # of its frames: 25 ms of sound every 10 ms
WINDOW, STEP = 160, 77  # frames that an answer is about, and between two
LOUDNESS = 10 ** (-30 / 20)  # that quieter sound is raised to

Floats = NDArray[np.float32]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--frames", type=Path, help="write mel frames to this .npz, and compare nothing")
    given = parser.parse_args()
    files = [*([given.model] if given.model and given.frames else []), *given.files]
    if not files:
        parser.error("no WAV files")
    try:
        heard = [mel_frames(sound.read(path, RATE)[1]) for path in files]
        if given.frames:
            sound.save_frames(given.frames, heard)
            return 0
        voices = [voice(Model(given.model), frames) for frames in heard]
    except (OSError, ValueError, EOFError, wave.Error) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    width = max(len(path.name) for path in files)
    for path, one in zip(files, voices):
        print(f"{path.name:<{width}}  " + " ".join(f"{float(one @ other):4.2f}" for other in voices))
    return 0


def voice(model: Model, frames: Floats) -> Floats:
    """(256,), of length 1: the mean of what windows of 1.6 s give, each from a fresh state."""
    stream, found = model.stream(), []
    short = max(0, WINDOW - len(frames))
    frames = np.pad(frames, ((0, short), (0, 0)))
    for first in range(0, len(frames) - WINDOW + 1, STEP):
        stream.reset()
        found.append(stream.push(frames[first : first + WINDOW])[-1])
    mean = np.mean(found, axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def mel_frames(samples: Floats) -> Floats:
    """(count, 40): power in mel bands, as librosa's `melspectrogram` gives it, of sound that is loud enough."""
    loudness = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))
    if 0 < loudness < LOUDNESS:
        samples = samples * np.float32(LOUDNESS / loudness)
    padded = np.pad(samples.astype(np.float64), SIZE // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, SIZE)[::HOP]
    power = np.abs(np.fft.rfft(windows * np.hanning(SIZE + 1)[:-1])) ** 2
    return np.asarray(power @ bands().T, np.float32)


def bands() -> NDArray[np.float64]:
    """(40, 201): triangles of area 1 between points that lie evenly in mel (Slaney, "Auditory Toolbox", 1998)."""
    points = to_hertz(np.linspace(0, to_mel(RATE / 2), BANDS + 2))
    bins = np.linspace(0, RATE / 2, SIZE // 2 + 1)
    left, middle, right = points[:-2, None], points[1:-1, None], points[2:, None]
    rising, falling = (bins - left) / (middle - left), (right - bins) / (right - middle)
    triangles: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling)) * 2 / (right - left)
    return triangles


def to_mel(hertz: float) -> float:
    """Linear to 1 kHz, which is 15, then 27 steps for a factor of 6.4."""
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)


def to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


if __name__ == "__main__":
    sys.exit(main())
