"""How well are exercises told of people whom the model has never seen?

Trains one model per subject on the recordings of all others, and tests on that subject: accuracy per window of
`data.window` frames from a fresh state, and over whole recordings streamed with carried state, every answer
that covers a full window counted. Nobody is held out to stop early: every run trains for all its epochs.

    OPENBLAS_NUM_THREADS=1 python examples/leave_one_subject_out.py --data data/watch.npz

The matrices are small: one thread of BLAS is as fast as two, or faster.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgelstm import forward
from edgelstm.data import Dataset, load_dataset
from edgelstm.data.splits import leave_one_group_out
from edgelstm.model import Model
from edgelstm.quantization import calibrate, quantize, reference
from edgelstm.recipes import load_recipe
from edgelstm.training import Config, Epoch, evaluation_set, load_config, train

Scores = Callable[[Dataset], list[Any]]


@dataclass(frozen=True)
class Row:
    """Accuracies on one subject."""

    windows: float
    windows_int8: float
    streamed: float
    streamed_int8: float


def window_accuracy(scores: Scores, windows: Dataset, model: Model) -> float:
    """Share of windows whose final answer is right."""
    answers = [forward.final_answer(s, model.run_answer) for s in scores(windows)]
    return float(np.mean([answer.argmax() == y for answer, y in zip(answers, windows.y)]))


def streamed_accuracy(scores: Scores, recordings: Dataset, model: Model) -> float:
    """Share of the answers emitted along whole recordings, from the first full window on, that are right."""
    answer = model.run_answer
    full = max(answer.window // answer.hop - 1, 0) if answer.hop else 0
    right = [forward.answers(s, answer)[full:].argmax(axis=1) == y for s, y in zip(scores(recordings), recordings.y)]
    return float(np.mean(np.concatenate(right)))


def run_subject(fit: Dataset, test: Dataset, config: Config, on_epoch: Callable[[Epoch], None]) -> Row:
    model = train(fit, config, on_epoch).model
    quantized = quantize(calibrate(model, fit.sequences))
    windows = evaluation_set(test, config)

    def float32(dataset: Dataset) -> list[Any]:
        return forward.scores(model, dataset.sequences)

    def int8(dataset: Dataset) -> list[Any]:
        return reference.scores(quantized, dataset.sequences)

    return Row(
        window_accuracy(float32, windows, model),
        window_accuracy(int8, windows, model),
        streamed_accuracy(float32, test, model),
        streamed_accuracy(int8, test, model),
    )


def changed(config: Config, epochs: int | None, seed: int | None) -> Config:
    """`config` without test groups or validation, and with what the command line asks for."""
    data = replace(config.data, test_groups=(), validation=0.0, validation_groups=())
    asked = {name: value for name, value in (("epochs", epochs), ("seed", seed)) if value is not None}
    training = replace(config.training, patience=0, **asked)
    return replace(config, data=data, training=training)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, help="TOML file; default: watch_gru")
    parser.add_argument("--data", type=Path, help="NPZ file; default: the configuration's")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    try:
        config = load_config(options.config) if options.config else load_recipe("watch_gru")
        config = changed(config, options.epochs, options.seed)
        dataset = load_dataset(options.data or config.data.file)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1

    def progress(epoch: Epoch) -> None:
        if sys.stderr.isatty():
            print(f"\repoch {epoch.number}/{epoch.epochs}  loss {epoch.loss:.3f} ", end="", file=sys.stderr)

    print("subject  windows float32   int8   streamed float32   int8   seconds")
    rows = []
    for group, fit, test in leave_one_group_out(dataset):
        began = time.perf_counter()
        row = run_subject(dataset.subset(fit), dataset.subset(test), config, progress)
        rows.append(row)
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr)
        print(_line(str(group), row, time.perf_counter() - began), flush=True)
    fields = ("windows", "windows_int8", "streamed", "streamed_int8")
    print(_line("mean", Row(*(float(np.mean([getattr(row, name) for row in rows])) for name in fields))))
    return 0


def _line(name: str, row: Row, seconds: float | None = None) -> str:
    numbers = f"{row.windows:15.3f} {row.windows_int8:6.3f} {row.streamed:18.3f} {row.streamed_int8:6.3f}"
    return f"{name:>7}  {numbers}" + ("" if seconds is None else f" {seconds:9.0f}")


if __name__ == "__main__":
    sys.exit(main())
