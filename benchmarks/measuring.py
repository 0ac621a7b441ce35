"""What measuring itself costs: the harness of `edgelstm profile` beside frames that nobody times one by one.

A real int8 model whose frame takes about 10 µs here is stepped in two ways, in turns: by the harness, and in a
plain loop, where the clock is read once in 20 frames. The medians differ by what the harness adds to each time.
Then a small model runs for a few million frames, and the process's memory is read before and after.

    python benchmarks/measuring.py [--rounds 60] [--frames 3000000]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from models import Size, make_model, make_signal

from edgelstm.devices.machine.usage import grown, read_memory, read_moment
from edgelstm.devices.profiling.measure import Measurement, overhead_us
from edgelstm.devices.profiling.plan import Plan
from edgelstm.devices.units import show_size
from edgelstm.export.elstm import encode
from edgelstm.quantization import quantize
from edgelstm.records import Unavailable
from edgelstm.runtime import Model as RuntimeModel

FEATURES = 40
SIZES = (8, 64, 128, 192, 256, 320, 384, 512)
FRAMES = 1_000  # of a round
BATCH = 20
NO_RATE = Unavailable("flat out alone")


def load(units: int, folder: Path) -> RuntimeModel:
    path = folder / f"{units}.elstm"
    path.write_bytes(encode(quantize(make_model(Size(FEATURES, units), 0))))
    return RuntimeModel(path)


def plain_us(model: RuntimeModel, frames: np.ndarray) -> float:
    """The median over batches of a frame's share, with the clock read twice a batch."""
    stream, clock, rows = model.stream(), time.perf_counter_ns, list(frames)
    step, shares = stream.step, []
    for first in range(0, FRAMES, BATCH):
        batch = rows[first : first + BATCH]
        start = clock()
        for row in batch:
            step(row)
        shares.append((clock() - start) / BATCH / 1000)
    return statistics.median(shares)


def harness_us(model: RuntimeModel, frames: np.ndarray) -> float:
    plan = Plan(frames=FRAMES, seconds=60.0, pace="flat")
    phase = Measurement(model.stream(), frames, plan, NO_RATE, look=read_moment).flat()
    assert not isinstance(phase, Unavailable)
    return phase.spread.p50_us


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--frames", type=int, default=3_000_000)
    given = parser.parse_args()
    frames = make_signal(FRAMES, FEATURES, 1)
    with tempfile.TemporaryDirectory() as folder:
        models = {units: load(units, Path(folder)) for units in SIZES}
        times = {units: plain_us(model, frames) for units, model in models.items()}
        units = min(times, key=lambda one: abs(times[one] - 10))
        model = models[units]
        plain, timed = [], []
        for _ in range(given.rounds):
            plain.append(plain_us(model, frames))
            timed.append(harness_us(model, frames))
        added = [one - other for one, other in zip(timed, plain)]
        print(f"I {FEATURES}, H {units}, int8, {model.kernel}; medians of {given.rounds} rounds of {FRAMES} frames")
        print(f"  a frame, not timed       {statistics.median(plain):8.3f} µs")
        print(f"  a frame, by the harness  {statistics.median(timed):8.3f} µs")
        print(f"  added by the harness     {statistics.median(added):8.3f} µs   (goal: at most 0.3)")
        print(f"  said to be the clock's   {overhead_us():8.3f} µs   (overhead_us of a report)")

        plan = Plan(frames=given.frames, seconds=3600.0, pace="flat")
        measurement = Measurement(models[SIZES[0]].stream(), frames, plan, NO_RATE, look=read_moment)
        measurement.warm_up()
        before = read_memory().resident
        phase = measurement.flat()
        after = read_memory().resident
        assert not isinstance(phase, Unavailable)
        between = 1e6 * phase.seconds / phase.spread.frames - phase.spread.mean_us
        print(f"I {FEATURES}, H {SIZES[0]}, {phase.spread.frames:,} frames")
        print(f"  resident memory grew by  {show_size(grown(before, after))}")
        print(f"  between two frames       {between:8.3f} µs, outside of all times")


if __name__ == "__main__":
    main()
