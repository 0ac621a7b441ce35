"""How far int8's scores are from float64's, calibrated on 9,000 frames: weights rounded by error feedback, and to the
nearest. Root mean square error over the scores' variation, median of five models.

    python benchmarks/int8_error.py
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from models import SIZES, make_model, make_signal

from edgelstm.forward import forward
from edgelstm.model import Model
from edgelstm.quantization import calibrate, quantize
from edgelstm.quantization.reference import IntegerStream

FRAMES, SEEDS = 9000, 5
ERROR_FRAMES, WARM_FRAMES = 400, 100  # as in run.py


def main() -> None:
    print("| model | error feedback | nearest |\n| --- | --- | --- |")
    for size in SIZES:
        found = []
        for seed in range(SEEDS):
            model = calibrate(make_model(size, seed), [make_signal(FRAMES, size.features, seed + 1000)])
            frames = make_signal(ERROR_FRAMES, size.features, seed + 2000)
            found.append([error(model, frames), error(replace(model, covariances={}), frames)])
        feedback, nearest = np.median(found, axis=0)
        print(f"| {size} | {100 * feedback:.2f} % | {100 * nearest:.2f} % |", flush=True)


def error(model: Model, frames: np.ndarray) -> float:
    exact = forward(model, frames).scores[WARM_FRAMES:]
    scores = IntegerStream(quantize(model)).push(frames).scores[WARM_FRAMES:]
    variation = np.mean((exact - exact.mean(axis=0)) ** 2)
    return float(np.sqrt(np.mean((scores - exact) ** 2) / variation))


if __name__ == "__main__":
    main()
