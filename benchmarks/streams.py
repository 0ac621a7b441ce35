"""`edgelstm stream` on a long file: frames a second, from the command's start to its end.

    python benchmarks/streams.py [--rounds 3] [--command edgelstm] [--command OTHER]

Several commands, such as two installed versions, take turns. CSV has 6 columns, WAV 16 kHz, of which a frame takes a
sample or 160; answers go to /dev/null.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import wave
from dataclasses import replace
from pathlib import Path

from models import Size, make_model, make_signal

from edgelstm.export.elstm import encode
from edgelstm.model import Answer
from edgelstm.quantization import quantize

RATE = 16_000
NAMES = tuple(f"x{n + 1}" for n in range(6))


def write_csv(path: Path, frames: int) -> None:
    rows = make_signal(frames, len(NAMES), 1)
    path.write_text(
        ",".join(NAMES) + "\n" + "".join(",".join(f"{value:.4f}" for value in row) + "\n" for row in rows)
    )


def write_wav(path: Path, samples: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((3000 * make_signal(samples, 1, 2)).astype("<i2").tobytes())


def cases(folder: Path) -> list[tuple[str, list[str], int]]:
    """(what it is, arguments, frames)."""
    write_csv(folder / "x.csv", 100_000)
    write_wav(folder / "x.wav", 160_000)
    write_wav(folder / "long.wav", 3_200_000)
    found = []
    for size, hop, file, frames in (
        (Size(6, 32), 50, "x.csv", 100_000),
        (Size(6, 32), 1, "x.csv", 100_000),
        (Size(6, 256, 3), 50, "x.csv", 100_000),
        (Size(1, 32), 160, "x.wav", 160_000),
        (Size(160, 64), 1, "long.wav", 20_000),
        (Size(160, 256, 3), 10, "long.wav", 20_000),
    ):
        is_sound = file.endswith(".wav")
        hop_samples = size.features if is_sound else 1
        model = replace(
            make_model(size, 0),
            answer=Answer(hop=hop),
            feature_names=() if is_sound else NAMES,
            sample_rate=RATE / hop_samples if is_sound else 50.0,
        )
        path = folder / f"{size.features}-{size.units}-{hop}.elstm"
        path.write_bytes(encode(quantize(model)))
        words = f"{file[-3:].upper()}, {size}, an answer every {hop}"
        found.append((words, [str(path), *(["--wav"] if is_sound else []), str(folder / file)], frames))
    return found


def seconds(command: str, arguments: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([command, "stream", *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--command", action="append")
    given = parser.parse_args()
    commands = given.command or [str(Path(sys.executable).with_name("edgelstm"))]
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        for words, arguments, frames in cases(Path(folder)):
            least = [float("inf")] * len(commands)
            for _ in range(given.rounds):
                for n, command in enumerate(commands):
                    least[n] = min(least[n], seconds(command, arguments))
            print(f"{words:45}" + "".join(f" {frames / each:10,.0f}" for each in least), flush=True)


if __name__ == "__main__":
    main()
