"""Which exercise is being done, at every moment of a session, or what kind of movement? Beside linear rules.

python examples/sessions.py --data data/watch.npz --seeds 1 2 3
python examples/sessions.py --data data/watch.npz --seeds 1 2 3 --tags

A session is put together of a person's recordings: bouts of 5 to 15 seconds in random order, one exercise after
another without a pause, a label for every frame. --tags: labels that may be true together, or none of them. Three
people whom nobody has seen test.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgelstm.data import Dataset, load_dataset
from edgelstm.data.recordings import Recording, Recordings
from edgelstm.evaluation import evaluate, evaluate_streamed
from edgelstm.judging import Evaluation, Figure, Said
from edgelstm.judging.tagging import best_thresholds
from edgelstm.quantization import calibrate, quantize
from edgelstm.tasks import Frames, Tags
from edgelstm.training import Config, parse_config, split, train

BOUT = (250, 750)  # frames
SECONDS = (
    1,
    2,
    4,
)  # that the linear rule looks back; which is best is found on the person that training is watched by
RIDGE = 10.0
EVERY = 4  # frames from one answer to the next, for all

MOVEMENTS = {  # none: |
    "pendulum": "|",
    "abduction": "arm raised",
    "forward elevation": "arm raised",
    "internal rotation": "elbow bent|rotation",
    "external rotation": "elbow bent|rotation",
    "trapezius extension": "|",
    "upright row": "arm raised|elbow bent",
}
TASKS: Mapping[bool, Frames | Tags] = {False: Frames(), True: Tags(per="frame", thresholds="f1")}

RECIPE = """
[data]
window = 400  # 8 seconds: a change of exercise is in most of them
test_groups = [1, 5, 8]
validation_groups = [3]

[model]
name = "sessions"
layers = [{ kind = "context", rows = 4, hop = 4 }, { kind = "lstm", units = 64 }]

[training]
epochs = 20
batch = 32
learning_rate = 0.005
dropout = 0.2
skip = 20
averaging = 0.98
patience = 7

[augment]
noise = 0.1
rotation = 20
mirror = [0, 4, 5]
triads = [[0, 1, 2], [3, 4, 5]]

[answer]
hop = 4
"""

Floats = NDArray[np.float64]


def sessions(watch: Dataset, task: Frames | Tags) -> Dataset:
    """A recording for each person, whose frames have labels."""
    found = []
    for name in watch.all_groups:
        rng = np.random.default_rng(int(name))
        bouts = []
        for place in np.flatnonzero(watch.in_groups([name])).tolist():
            x, exercise, start = watch.sequences[place], watch.labels[watch.y[place]], 0
            label = exercise if isinstance(task, Frames) else MOVEMENTS[exercise]
            while start < len(x):
                stop = start + int(rng.integers(*BOUT))
                bouts.append((x[start:stop], [label] * len(x[start:stop])))
                start = stop
        chosen = [bouts[n] for n in rng.permutation(len(bouts))]
        labels = [label for _, some in chosen for label in some]
        found.append(Recording(name, np.concatenate([x for x, _ in chosen]), frame_labels=labels, group=name))
    names, units = watch.feature_names, watch.feature_units
    return task.dataset(Recordings(tuple(found), names, units, watch.sample_rate, "sessions"))


def judged_linear(seconds: int, fit: Dataset, watched: Dataset, test: Dataset, task: Frames | Tags) -> Evaluation:
    """Ridge regression of what is true, on mean, deviation and mean change of each column in the last seconds.
    Thresholds of tags are those that are best on `watched`."""
    frames = round(seconds * fit.sample_rate)
    x = np.concatenate([measured(sequence, frames) for sequence in fit.sequences])
    mean, std = x.mean(axis=0), x.std(axis=0) + 1e-9
    A = with_ones((x - mean) / std)
    weights = np.linalg.solve(A.T @ A + RIDGE * np.eye(A.shape[1]), A.T @ truth_of(fit))

    def told(data: Dataset) -> list[Floats]:
        return [with_ones((measured(sequence, frames) - mean) / std) @ weights for sequence in data.sequences]

    limits = best_thresholds(np.concatenate(told(watched)), truth_of(watched)) if isinstance(task, Tags) else ()
    said = [Said(EVERY * np.arange(1, len(answers) + 1), answers, limits) for answers in told(test)]
    return task.judge(f"linear, {seconds} s", False, test, said)


def measured(x: NDArray[np.float32], frames: int) -> Floats:
    """(answers, 3 · columns): of the last so many frames, at every `EVERY`-th."""
    padded = np.concatenate([np.repeat(x[:1], frames, axis=0), x]).astype(np.float64)

    def mean_of(values: Floats) -> Floats:
        sums = np.cumsum(values, axis=0)
        mean: Floats = ((sums[frames:] - sums[:-frames]) / frames)[EVERY - 1 :: EVERY]
        return mean

    level, square = mean_of(padded), mean_of(padded**2)
    change = mean_of(np.abs(np.diff(padded, axis=0, prepend=padded[:1])))
    return np.column_stack([level, np.sqrt(np.maximum(square - level**2, 0)), change])


def truth_of(data: Dataset) -> Floats:
    """(answers, labels): 1 for what is true at every `EVERY`-th frame of all sequences, else 0."""
    assert data.targets is not None  # of every frame
    rows = [data.targets[place][EVERY - 1 :: EVERY] for place in range(len(data))]
    classes = np.concatenate(rows)
    return np.eye(len(data.labels))[classes] if classes.ndim == 1 else classes.astype(np.float64)


def with_ones(x: Floats) -> Floats:
    return np.column_stack([x, np.ones(len(x))])


def judged_lstm(fit: Dataset, test: Dataset, recipe: Config, seed: int) -> list[Evaluation]:
    """float32 and int8, and int8 as one stream over all sessions."""
    trained = train(fit, replace(recipe, training=replace(recipe.training, seed=seed)))
    model = calibrate(trained.model, trained.calibration)
    int8 = quantize(model)
    return [evaluate(model, test), evaluate(int8, test), evaluate_streamed(int8, test)]


def show(name: str, found: Evaluation) -> None:
    figures = "   ".join(told_of(figure) for figure in found.figures() if "most frequent" not in figure.name)
    print(f"{name:<30}{figures}", flush=True)


def told_of(figure: Figure) -> str:
    return f"{figure.name} {100 * (figure.value or 0.0):.1f} %"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/watch.npz"))
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--tags", action="store_true", help="kinds of movement in place of exercises")
    options = parser.parse_args()
    task = TASKS[options.tags]
    recipe = replace(parse_config(RECIPE), task=task)
    try:
        data, test = split(sessions(load_dataset(options.data), task), recipe)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    watching = data.in_groups(recipe.data.validation_groups)
    print(f"{data.frames:,} frames to learn from, {test.frames:,} of {len(test)} people to test on:")
    for seconds in SECONDS:
        linear = judged_linear(seconds, data.subset(~watching), data.subset(watching), test, task)
        show(linear.precision, linear)
    for seed in options.seeds:
        for found in judged_lstm(data, test, recipe, seed):
            show(f"{found.precision}{', stream' if found.streamed else ''}, seed {seed}", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
