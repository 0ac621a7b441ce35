"""Does int8 drift from float32 while a stream goes on? Root mean square of what the states h differ by, over frames
9,000 to 10,000 of a stream beside its frames 500 to 1,500, and beside that over the same frames of a stream that
began 500 before them: some recordings are told with more difference than others, however long a stream is. The stream
is the test recordings one after the other, and again from the first where they are fewer.

    python benchmarks/streaming_drift.py watch_gru weather pulse [--seeds 1 2 3]

trains by these recipes of `edgelstm.recipes`, on what `make data` puts into data/ (or --data FOLDER); `docstrings` on
the folder of that name which examples/docstrings.py writes there. `sessions` and `tags` are the recipes of
examples/sessions.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgelstm.data import Dataset, load_dataset
from edgelstm.forward import forward
from edgelstm.model import Model
from edgelstm.quantization import calibrate, quantize
from edgelstm.quantization.reference import IntegerStream
from edgelstm.recipes import load_recipe
from edgelstm.tasks import read_dataset
from edgelstm.training import Config, parse_config, split, train

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SESSIONS = {"sessions": False, "tags": True}  # whether labels may be true together
FRAMES = 10_000
EARLY, LATE = (500, 1500), (9000, 10_000)


def asked(name: str, data: Path, seed: int) -> tuple[Dataset, Config]:
    """The recordings and the recipe of that name."""
    if name in SESSIONS:
        sys.path.insert(0, str(EXAMPLES))
        import sessions

        task = sessions.TASKS[SESSIONS[name]]
        config = replace(parse_config(sessions.RECIPE), task=task)
        dataset = sessions.sessions(load_dataset(data / "watch.npz"), task)
    else:
        config = load_recipe(name)
        file = data / Path(config.data.file).name
        dataset = read_dataset(str(file), config.data.read_options(), config.task)
    return dataset, replace(config, training=replace(config.training, seed=seed))


def trained(dataset: Dataset, config: Config) -> tuple[Model, Dataset]:
    """(calibrated model, recordings to test on)."""
    fit, test = split(dataset, config)
    found = train(fit, config)
    return calibrate(found.model, found.calibration), test


def joined(dataset: Dataset) -> NDArray[np.float32]:
    """(FRAMES, features)."""
    whole = np.concatenate(list(dataset.sequences))
    return np.tile(whole, (-(-FRAMES // len(whole)), 1))[:FRAMES]


def ratios(model: Model, frames: NDArray[np.float32]) -> Iterator[tuple[str, float, float, float]]:
    """(layer, RMS of int8 h against float32 early, late, and where the stream begins just before the late frames) of
    every recurrent layer."""
    begun = LATE[0] - EARLY[0]
    whole, short = errors(model, frames), errors(model, frames[begun:])
    for (name, stride, error), (_, _, again) in zip(whole, short):
        yield (
            name,
            *(
                float(np.sqrt(np.mean(of[start // stride : stop // stride] ** 2)))
                for of, (start, stop) in ((error, EARLY), (error, LATE), (again, (EARLY[0], LATE[1] - begun)))
            ),
        )


def errors(model: Model, frames: NDArray[np.float32]) -> Iterator[tuple[str, int, NDArray[np.float64]]]:
    """(layer, its stride, h of int8 minus h of float32 (runs, units)) of every recurrent layer."""
    quantized = quantize(model)
    exact, found = forward(model, frames, np.float32), IntegerStream(quantized).push(frames)
    for at, layer in zip(model.road, quantized.layers):
        if not at.layer.recurrent:
            continue
        h = (found.results[at.name].astype(np.float64) - layer.gives.zero_point) * layer.gives.scale
        yield at.name, at.stride, h - exact.results[at.name]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    print("| recipe | seed | layer | frames 500 to 1,500 | 9,000 to 10,000 | ratio | to the same, begun at 8,500 |")
    print("|---|---|---|---|---|---|---|")
    for name in options.recipes:
        for seed in options.seeds:
            model, test = trained(*asked(name, options.data, seed))
            for layer, early, late, short in ratios(model, joined(test)):
                shown = f"{early:.5f} | {late:.5f} | {late / early:.2f} | {late / short:.2f}"
                print(f"| {name} | {seed} | {layer} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
