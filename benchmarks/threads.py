"""What threads gain that share the frames of one stream: `step(frame)` from Python, one thread and several in turns.

    python benchmarks/threads.py [--threads 2] [--precisions int8 float32] [40/128 40/3x256]

Lower quartile of rounds of 48 calls (90th percentile), µs, and by how much several are faster. 16 calls
before each round wake the threads that sleep. What that costs say the last columns: medians of single frames, each
after 50 ms without one.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from fewer_bytes import read_size
from in_turns import in_turns
from models import SIZES, Size, make_model, make_signal

from edgelstm.export.elstm import encode
from edgelstm.quantization import quantize
from edgelstm.runtime import Model, Stream

WARM_CALLS, CALLS, PAUSES = 16, 48, 20
ENCODE = {"int8": lambda model: encode(quantize(model)), "float32": encode}


def after_pauses(stream: Stream, features: int) -> float:
    """Median µs of a frame that comes after a pause."""
    times = []
    for frame in make_signal(PAUSES, features, 1):
        time.sleep(0.05)
        began = time.perf_counter()
        stream.step(frame)
        times.append(time.perf_counter() - began)
    return 1e6 * float(np.median(times))


def show(size: Size, precision: str, threads: int, rounds: int, *, pauses: bool) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.elstm"
        path.write_bytes(ENCODE[precision](make_model(size, 0)))
        model = Model(path)
    streams = {1: model.stream(), threads: model.stream(threads=threads)}
    frames = make_signal(WARM_CALLS + CALLS, size.features, 1)
    took = in_turns(streams, frames, rounds=rounds, warm=WARM_CALLS)
    low, high = ({n: float(np.quantile(some, at)) for n, some in took.items()} for at in (0.25, 0.9))
    late = {n: after_pauses(stream, size.features) if pauses else np.nan for n, stream in streams.items()}
    cells = [f"{low[n]:.1f} ({high[n]:.1f})" for n in streams]
    return (
        f"| {size} {precision} | {cells[0]} | {cells[1]} | {low[1] / low[threads]:.2f} | "
        f"{late[1]:.0f} | {late[threads]:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=read_size, metavar="SIZE")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--precisions", nargs="+", choices=ENCODE, default=list(ENCODE))
    parser.add_argument("--no-pauses", action="store_true")
    given = parser.parse_args()
    print(f"|  | 1 thread | {given.threads} threads | × | 1, after 50 ms | {given.threads}, after 50 ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for size in given.sizes or SIZES:
        for precision in given.precisions:
            row = show(size, precision, given.threads, given.rounds, pauses=not given.no_pauses)
            print(row, flush=True)


if __name__ == "__main__":
    main()
