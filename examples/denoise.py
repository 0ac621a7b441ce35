"""Take noise out of a WAV with DTLN in EdgeLSTM's C core, 8 ms of sound at a time.

python examples/denoise.py masks.elstm cores.elstm noisy.wav clean.wav

Its two networks are the files `model_1.onnx` and `model_2.onnx`, imported and exported (docs/importing.md). The first
tells from 257 magnitudes how much of each to keep, the second cleans 512 samples; the transforms between them and the
sum of what overlaps are here.
"""

from __future__ import annotations

import argparse
import sys
import wave
from pathlib import Path

import numpy as np
import sound

from edgelstm.runtime import Model

RATE, SIZE, HOP = 16000, 512, 128


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("masks", type=Path)
    parser.add_argument("cores", type=Path)
    parser.add_argument("source", type=Path, help="WAV of 16 bits, any rate")
    parser.add_argument("output", type=Path, help="WAV to write, 16 kHz")
    given = parser.parse_args()
    try:
        samples = sound.read(given.source, RATE)[1]
        sound.write(given.output, RATE, clean(Model(given.masks), Model(given.cores), samples))
    except (OSError, ValueError, EOFError, wave.Error) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def clean(masks: Model, cores: Model, samples: sound.Samples) -> sound.Samples:
    """As many samples, moved back by what the overlap holds them up."""
    late = SIZE - HOP
    mask, core = masks.stream(), cores.stream()
    newest, sums = np.zeros(SIZE, np.float32), np.zeros(SIZE, np.float32)
    found = []
    for chunk in sound.frames(np.pad(samples, (0, late)), HOP):
        newest = np.concatenate([newest[HOP:], chunk])
        spectrum = np.fft.rfft(newest)
        kept = mask.push(np.abs(spectrum).astype(np.float32)[None])[0]
        piece = core.push(np.fft.irfft(spectrum * kept).astype(np.float32)[None])[0]
        sums = np.concatenate([sums[HOP:], np.zeros(HOP, np.float32)]) + piece
        found.append(sums[:HOP].copy())
    return np.concatenate(found)[late : late + len(samples)]


if __name__ == "__main__":
    sys.exit(main())
