"""When does the gait of somebody with Parkinson's disease freeze? A label for every frame, by an LSTM beside
thresholds on the power of the ankle's vertical acceleration.

python examples/freezing.py dataset_fog_release/dataset

The folder is that of Daphnet's recordings (Roggen, Plotnik and Hausdorff 2013, UCI Machine Learning Repository,
CC BY 4.0), which no package carries: S06R02E0, which comes with aeon, has no frame in which the gait freezes. Nine
accelerations in mg at 64 Hz. The last 40 % of each recording test, the same people as before: of people that it has
not seen, a model of so few knows little.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edgelstm.data import Dataset
from edgelstm.data.recordings import Recording, Recordings
from edgelstm.data.splits import by_time
from edgelstm.evaluation import evaluate, evaluate_streamed
from edgelstm.judging import Decisions
from edgelstm.quantization import calibrate, quantize
from edgelstm.tasks import Frames
from edgelstm.training import parse_config, train

RATE = 64
PLACES, AXES = ("ankle", "leg", "trunk"), ("forward", "vertical", "lateral")
LABELS = {1: "walking", 2: "freezing"}  # 0: no part of the experiment
SHORTEST = 8 * RATE  # frames
TEST = 0.4
RECIPE = """
[task]
kind = "frames"

[data]
window = 512  # 8 seconds

[model]
layers = [
    { kind = "context", rows = 8, hop = 8 },  # eight labels a second
    { kind = "lstm", units = 32 },
]

[training]
epochs = 40
batch = 32
learning_rate = 0.003
dropout = 0.4
balance = "weights"
skip = 128  # frames
averaging = 0.98

[augment]
noise = 0.2
rotation = 20
scale = 0.1
triads = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]

[answer]
pooling = "mean"
window = 64  # a second
hop = 8
"""


def read(folder: Path) -> Dataset:
    """Each stretch of the experiment in a recording `SxxRyy.txt` as one: time, nine accelerations, annotation."""
    found = []
    for path in sorted(folder.glob("S??R??.txt")):
        lines = path.read_text().replace(",", " ").splitlines()
        rows = np.array([line.split() for line in lines if line[:1].isdigit()], np.float64)
        inside = np.flatnonzero(np.diff(rows[:, 10] > 0, prepend=False, append=False))
        for n, (start, stop) in enumerate(inside.reshape(-1, 2).tolist()):
            if stop - start >= SHORTEST:
                labels = [LABELS[int(code)] for code in rows[start:stop, 10]]
                frames = rows[start:stop, 1:10].astype(np.float32)
                found.append(Recording(f"{path.stem}E{n}", frames, frame_labels=labels, group=path.stem[:3]))
    if not found:
        raise ValueError(f"{folder}: no recordings S01R01.txt … of Daphnet")
    names = tuple(f"{place} {axis}" for place in PLACES for axis in AXES)
    return Frames().dataset(Recordings(tuple(found), names, ("mg",) * 9, RATE, "freezing"))


def power(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """(frames, 2): power of the ankle's vertical acceleration from 3 to 8 Hz, where freezing trembles, and from 0.5
    to 3 Hz, where steps are, over the last 4 seconds; anew every 16 frames (Bächlin et al. 2010)."""
    seconds, every = 4, 16
    signal = np.concatenate([np.full(seconds * RATE - 1, frames[0, 1]), frames[:, 1]]).astype(np.float64)
    windows = sliding_window_view(signal, seconds * RATE)[::every]
    spectrum = np.abs(np.fft.rfft(windows - windows.mean(axis=1, keepdims=True), axis=1)) ** 2
    hertz = np.fft.rfftfreq(seconds * RATE, 1 / RATE)
    high = spectrum[:, (hertz >= 3) & (hertz <= 8)].sum(axis=1)
    low = spectrum[:, (hertz >= 0.5) & (hertz < 3)].sum(axis=1)
    return np.repeat(np.stack([high, low], axis=1), every, axis=0)[: len(frames)]


def truth(dataset: Dataset) -> NDArray[np.bool_]:
    assert dataset.targets is not None  # of every frame
    found = np.concatenate([dataset.targets[place] for place in range(len(dataset))])
    return np.asarray(found == dataset.labels.index("freezing"))


def f1(true: NDArray[np.bool_], said: NDArray[np.bool_]) -> float:
    return float(2 * (true & said).sum() / max(true.sum() + said.sum(), 1))


def thresholds(fit: Dataset, test: Dataset) -> dict[str, float]:
    """F1 on `test` of the thresholds that are best on `fit`: on the power, and on the freeze index, high over low
    power, together with one on the power."""

    def measured(dataset: Dataset) -> tuple[Any, Any, Any]:
        both = np.concatenate([power(x) for x in dataset.sequences])
        return both[:, 0], both[:, 0] / (both[:, 1] + 1e-9), both.sum(axis=1)

    (high, index, total), (high_test, index_test, total_test) = measured(fit), measured(test)
    true, asked = truth(fit), truth(test)
    _, least = max((f1(true, high >= limit), limit) for limit in np.quantile(high, np.linspace(0.01, 0.99, 99)))
    pairs = [
        (f1(true, (index >= a) & (total >= b)), a, b)
        for a in np.quantile(index, np.linspace(0.3, 0.99, 30))
        for b in np.quantile(total, np.linspace(0, 0.9, 19))
    ]
    _, a, b = max(pairs)
    return {
        "power from 3 to 8 Hz": f1(asked, high_test >= least),
        "freeze index and power": f1(asked, (index_test >= a) & (total_test >= b)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    try:
        fit, test = by_time(read(options.folder), TEST)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    share = 100 * float(truth(test).mean())
    print(f"{fit.frames:,} frames to learn from, {test.frames:,} to test on, {share:.1f} % of them freezing; F1:")
    for name, found in thresholds(fit, test).items():
        print(f"{name:<24} {found:.3f}", flush=True)
    recipe = parse_config(RECIPE)
    for seed in range(1, options.seeds + 1):
        trained = train(fit, replace(recipe, training=replace(recipe.training, seed=seed)))
        model = calibrate(trained.model, trained.calibration)
        quantized = quantize(model)
        results = evaluate(model, test), evaluate(quantized, test), evaluate_streamed(quantized, test)
        of_freezing = [r.f1[test.labels.index("freezing")] for r in results if isinstance(r, Decisions)]
        float32, int8, streamed = of_freezing
        print(f"LSTM, seed {seed:<13} {float32:.3f}   int8 {int8:.3f}   int8 streamed {streamed:.3f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
