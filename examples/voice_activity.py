"""Where in a WAV does somebody speak? Silero's detector in EdgeLSTM's C core, 32 ms of sound at a time.

python examples/voice_activity.py vad.elstm talk.wav

prints a line for each stretch of speech, from and to in seconds. docs/importing.md has the way from `silero_vad.onnx`
to `vad.elstm`. A stretch begins where speech is more likely than not, and ends where it was less likely than 35 % for
100 ms; it is widened by 30 ms on either side, and left out where it is shorter than 250 ms.
"""

from __future__ import annotations

import argparse
import sys
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import sound

from edgelstm.runtime import Model

SIZES = {576: (16000, 64), 288: (8000, 32), 512: (16000, 0), 256: (8000, 0)}
"""What a model takes → rate, and how many samples of the frame before come first; version 4 wants none."""
BEGINS, ENDS = 0.5, 0.35  # probabilities
PAUSE, SHORTEST, MARGIN = 0.1, 0.25, 0.03  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("source", type=Path, help="WAV of 16 bits, any rate")
    given = parser.parse_args()
    try:
        model = Model(given.model)
        if model.features not in SIZES:
            raise ValueError(f"{given.model}: takes {model.features} values, expected a detector of {sorted(SIZES)}")
        rate, past = SIZES[model.features]
        samples, size = sound.read(given.source, rate)[1], model.features - past
        stream = model.stream()
        told = (float(stream.push(frame[None])[0, 0]) for frame in sound.frames(samples, size, past))
        for begin, end in stretches(told, size / rate, len(samples) / rate):
            print(f"{begin:8.2f} {end:8.2f}")
    except (OSError, ValueError, EOFError, wave.Error) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def stretches(told: Iterable[float], step: float, whole: float) -> Iterator[tuple[float, float]]:
    """(begin, end) in seconds of each stretch of speech. told: its probability in each `step` seconds of `whole`."""
    begin: float | None = None
    silent = 0.0
    for count, probability in enumerate([*told, *[0.0] * int(np.ceil(PAUSE / step))]):
        if probability >= BEGINS:
            begin = count * step if begin is None else begin
            silent = 0.0
        elif begin is not None:
            silent = silent + step if probability < ENDS or silent else 0.0
            if silent >= PAUSE:
                end = (count + 1) * step - silent
                if end - begin >= SHORTEST:
                    yield max(0.0, begin - MARGIN), min(whole, end + MARGIN)
                begin, silent = None, 0.0


if __name__ == "__main__":
    sys.exit(main())
