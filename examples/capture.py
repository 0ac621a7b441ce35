"""Play a WAV through a guitar capture in EdgeLSTM's C core, in blocks of 64 samples as a sound card hands them over.

python examples/capture.py amp.elstm guitar.wav amplified.wav

`edgelstm import amp.nam` and `edgelstm export amp.npz` make `amp.elstm` (docs/importing.md). What goes in is played
at the rate of the capture where it says one.
"""

from __future__ import annotations

import argparse
import sys
import time
import wave
from pathlib import Path

import numpy as np
import sound

from edgelstm.runtime import Model


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("source", type=Path, help="WAV of 16 bits")
    parser.add_argument("output", type=Path, help="WAV to write")
    parser.add_argument("--block", type=int, default=64, help="samples of a call [64]")
    given = parser.parse_args()
    try:
        model = Model(given.model)
        rate, samples = sound.read(given.source, round(model.sample_rate))
        began = time.perf_counter()
        played = play(model, samples, given.block)
        took = time.perf_counter() - began
        sound.write(given.output, rate, played)
    except (OSError, ValueError, EOFError, wave.Error) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(
        f"{len(samples) / rate:.1f} s of sound in {took:.2f} s, {1e6 * took / max(1, len(samples)):.2f} µs a sample"
    )
    return 0


def play(model: Model, samples: sound.Samples, block: int) -> sound.Samples:
    """What comes out for each sample, (count,); the state goes on from block to block."""
    stream = model.stream()
    blocks = [samples[first : first + block, None] for first in range(0, len(samples), block)]
    return np.concatenate([stream.push(one)[:, 0] for one in blocks])


if __name__ == "__main__":
    sys.exit(main())
