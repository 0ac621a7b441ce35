"""Sound for the examples that listen: WAV files as samples of -1 to 1, at the rate that a model wants.

python examples/sound.py a.wav b.wav --rate 16000 --frame 512 --past 64 -o frames.npz

writes what `edgelstm import --data`, `calibrate` and `export --data` take for a model whose frames are so many
samples, with some of those before them in front.
"""

from __future__ import annotations

import argparse
import sys
import wave
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
ZEROS = 16  # of the sinc on either side of its middle


def read(path: Path, rate: int = 0) -> tuple[int, Samples]:
    """(rate, samples of the first channel, (count,)); resampled where `rate` is another than the file's."""
    with wave.open(str(path)) as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"{path}: {8 * file.getsampwidth()} bits, expected WAV of 16 bits")
        whole = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        own = file.getframerate()
    samples = (whole[:, 0] / 32768).astype(np.float32)
    return (own, samples) if rate in (0, own) else (rate, resampled(samples, own, rate))


def write(path: Path, rate: int, samples: Samples) -> None:
    """16 bits; what is louder than 1 is cut."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2").tobytes())


def resampled(samples: Samples, old: int, new: int) -> Samples:
    """By a sinc under a Hann window, which lets through what both rates hold."""
    up, down = new // gcd(new, old), old // gcd(new, old)
    widest = max(up, down)
    reach = ZEROS * widest
    taps = np.sinc(np.arange(-reach, reach + 1) / widest) * np.hanning(2 * reach + 3)[1:-1] * up / widest
    count = -(-len(samples) * up // down)
    padded = np.pad(samples.astype(np.float64), reach // up + 1)
    found = np.empty(count)
    for phase in range(min(up, count)):  # of the samples new, which come round after every `up`
        at = np.arange(phase, count, up) * down  # in steps of 1 / (up · old)
        first = -(-(at[0] - reach) // up)  # the oldest sample within reach
        own = taps[at[0] + reach - np.arange(first, (at[0] + reach) // up + 1) * up]
        begins = first + len(padded[: reach // up + 1]) + np.arange(len(at)) * down
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(padded, (0, len(own))), len(own))
        found[phase::up] = windows[begins] @ own
    return found.astype(np.float32)


def frames(samples: Samples, size: int, past: int = 0) -> Samples:
    """(count, past + size): every `size` samples with `past` before them in front, silence before the first and
    behind the last."""
    padded = np.pad(samples, (past, -len(samples) % size))
    return np.lib.stride_tricks.sliding_window_view(padded, past + size)[::size]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--rate", type=int, default=16000)
    parser.add_argument("--frame", type=int, default=512)
    parser.add_argument("--past", type=int, default=0)
    parser.add_argument("--magnitudes", action="store_true", help="of the Fourier transform of each frame")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    try:
        found = [frames(read(path, given.rate)[1], given.frame, given.past) for path in given.files]
        if given.magnitudes:
            found = [np.abs(np.fft.rfft(one)).astype(np.float32) for one in found]
        save_frames(given.output, found)
    except (OSError, ValueError, EOFError, wave.Error) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def save_frames(path: Path, recordings: list[Samples]) -> None:
    """Recordings, each (frames, values), as data for EdgeLSTM."""
    np.savez(path, X=np.concatenate(recordings), lengths=[len(one) for one in recordings])


if __name__ == "__main__":
    sys.exit(main())
