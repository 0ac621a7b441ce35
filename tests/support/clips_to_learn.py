"""A small model, clips that teach it other names of what it tells, and the command."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgelstm.data import Dataset
from edgelstm.model import Answer, Model
from edgelstm.quantization import calibrate, quantize, reference
from in_process import Ended, run
from random_models import random_model, random_signal

FEATURES, LABELS = 3, ("a", "b", "c")
ANSWERS = {
    "last": Answer("last", 0, 1),
    "mean": Answer("mean", 0, 0),
    "window": Answer("mean", 8, 4),
    "max": Answer("mean+max", 0, 1),
}


def model_of(answer: str = "mean") -> Model:
    """Its ranges hold what clips have."""
    model = random_model(FEATURES, [12], [3], seed=4, answer=ANSWERS[answer])
    return replace(calibrate(model, clips(20, seed=9)), labels=LABELS, name="m", sample_rate=50.0)


def clips(count: int, seed: int = 1) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    return tuple(
        random_signal(30, FEATURES, 100 * seed + n) + rng.normal(0, 1.5, FEATURES).astype(np.float32)
        for n in range(count)
    )


def decisions(model: Model, sequences: tuple[np.ndarray, ...]) -> np.ndarray:
    scores = reference.scores(quantize(model), sequences)
    return np.array([each.mean(axis=0).argmax() for each in scores])


def data(
    sequences: tuple[np.ndarray, ...], y: np.ndarray, groups: np.ndarray | None = None, names: tuple[str, ...] = ()
) -> Dataset:
    own = np.arange(len(y)) if groups is None else groups
    return Dataset(sequences, y, LABELS, own, ("x0", "x1", "x2"), sample_rate=50.0, group_names=names)


def adapt(*more: str) -> Ended:
    return run("adapt", "old.npz", "--data", "clips.npz", "-o", "new.npz", "--json", *more)


def told(ended: Ended) -> str:
    """What it said on stderr, in one line."""
    return " ".join(ended.err.split())
