"""What Python adds to a frame: `step(frame)` and `step()` beside one push of as many frames, which takes one frame
after another in C.

    python benchmarks/calls.py [--rounds 300]

In turns; each round's difference to the push, and the loop alone taken off, in nanoseconds of a frame.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from models import Size, make_model, make_signal

from edgelstm.export.elstm import encode
from edgelstm.quantization import quantize
from edgelstm.runtime import Model

FRAMES = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.elstm"
        path.write_bytes(encode(quantize(make_model(Size(40, 64), 0))))
        stream = Model(path, chunks=False).stream()
    frames = make_signal(FRAMES, 40, 1)
    rows, step = list(frames), stream.step

    def each_row() -> None:
        for row in rows:
            step(row)

    def from_input() -> None:
        for _ in rows:
            step()

    def loop_alone() -> None:
        for _ in rows:
            pass

    def push() -> None:
        stream.push(frames)

    ways: dict[str, Callable[[], None]] = {
        "push": push,
        "step(frame)": each_row,
        "step()": from_input,
        "loop": loop_alone,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, way in ways.items():
            start = time.perf_counter_ns()
            way()
            times[name].append((time.perf_counter_ns() - start) / FRAMES)
    found = {name: np.array(each) for name, each in times.items()}
    print(f"40/64 int8, medians of {given.rounds} rounds of {FRAMES} frames, ns")
    print(f"  push         {np.median(found['push']):8.1f}")
    for name in ("step(frame)", "step()"):
        print(f"  {name:12} {np.median(found[name] - found['push'] - found['loop']):+8.1f}")


if __name__ == "__main__":
    main()
