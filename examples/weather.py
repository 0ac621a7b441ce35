"""The temperature 1, 6 and 24 hours ahead: an LSTM beside persistence, the same hour yesterday and a linear model.

python examples/weather.py --data data/weather.npz --seeds 1 2 3
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgelstm.data import Dataset
from edgelstm.evaluation import evaluate, evaluate_streamed
from edgelstm.judging import Errors, Evaluation, Said
from edgelstm.quantization import calibrate, quantize
from edgelstm.recipes import load_recipe
from edgelstm.tasks import Task, read_dataset
from edgelstm.training import Config, split, train

HOURS = 24  # that the linear model looks back
RIDGE = 100.0  # chosen among 1, 10, 100, 1000 by the recipe's validation part

Floats = NDArray[np.float64]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/weather.npz"))
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    options = parser.parse_args()
    recipe = load_recipe("weather")
    try:
        data, test = split(read_dataset(options.data, task=recipe.task), recipe)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    linear = errors(judged_linear(data, test, recipe.task))
    names = "".join(f"{name:>17}" for name in linear.outputs)
    print(f"{f'RMSE (°C) of {linear.count:,}':<22}{names}")
    show("persistence", linear.guesses["persistence"])
    show("same hour yesterday", linear.guesses["season"])
    show(f"linear, {HOURS} hours", linear.rmse)
    for seed in options.seeds:
        for name, found in judged_lstm(data, test, recipe, seed).items():
            show(f"{name}, seed {seed}", errors(found).rmse)
    return 0


def show(name: str, rmse: Floats) -> None:
    print(f"{name:<22}" + "".join(f"{value:17.3f}" for value in rmse), flush=True)


def errors(found: Evaluation) -> Errors:
    assert isinstance(found, Errors)  # as every forecast of means
    return found


def judged_lstm(data: Dataset, test: Dataset, recipe: Config, seed: int) -> dict[str, Evaluation]:
    """float32 and int8 from a fresh state for each month, and int8 as one stream."""
    trained = train(data, replace(recipe, training=replace(recipe.training, seed=seed)))
    model = calibrate(trained.model, trained.calibration)
    int8 = quantize(model)
    return {
        "float32": evaluate(model, test),
        "int8": evaluate(int8, test),
        "int8 stream": evaluate_streamed(int8, test),
    }


def judged_linear(data: Dataset, test: Dataset, task: Task) -> Evaluation:
    """Ridge regression of what each output changes from now, over the last `HOURS` frames."""
    x = np.concatenate([history(frames) for frames in data.sequences])
    changes = np.concatenate([targets(data, n) - now(data, n) for n in range(len(data))])
    mean, std = x.mean(axis=0), x.std(axis=0) + 1e-9
    weights = []
    for change in changes.T:
        known = np.isfinite(change)
        A = with_ones((x[known] - mean) / std)
        weights.append(np.linalg.solve(A.T @ A + RIDGE * np.eye(A.shape[1]), A.T @ change[known]))
    said = [
        Said(
            np.arange(1, len(frames) + 1),
            now(test, n) + with_ones((history(frames) - mean) / std) @ np.transpose(weights),
        )
        for n, frames in enumerate(test.sequences)
    ]
    return task.judge("linear", False, test, said)


def history(frames: NDArray[np.float32]) -> Floats:
    """(frames, HOURS · columns): at each frame the last `HOURS`; before the first all was as it was then."""
    padded = np.concatenate([np.repeat(frames[:1], HOURS - 1, axis=0), frames])
    windows = np.lib.stride_tricks.sliding_window_view(padded, HOURS, axis=0)
    return windows.reshape(len(windows), -1).astype(np.float64)


def now(data: Dataset, place: int) -> Floats:
    """(frames, outputs): what each output's column is already."""
    assert data.targets is not None
    assert data.targets.columns_now is not None
    return data.sequences[place][:, list(data.targets.columns_now)].astype(np.float64)


def targets(data: Dataset, place: int) -> Floats:
    assert data.targets is not None
    return data.targets[place].astype(np.float64)


def with_ones(x: Floats) -> Floats:
    return np.column_stack([x, np.ones(len(x))])


if __name__ == "__main__":
    sys.exit(main())
