"""Commands that write files, small enough to be run hundreds of times, and what they read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgelstm.data import Dataset, save_dataset
from edgelstm.devices.profiling.report import write_report
from edgelstm.export.elstm import encode
from edgelstm.model_file import save_model
from made_up_report import REPORT
from random_models import random_model

RECIPE = """
[data]
file = "data.npz"
test_groups = [0, 1, 2, 3]
[model]
units = [4]
[training]
epochs = 2
[answer]
hop = 0
"""


def make_inputs(folder: Path) -> Path:
    """What the commands read; returns the folder in it that they are to be run in and write to."""
    rng = np.random.default_rng(0)
    sequences = tuple(rng.normal(size=(20, 3)).astype(np.float32) for _ in range(12))
    data = Dataset(sequences, np.arange(12) % 2, ("a", "b"), np.arange(12), ("x", "y", "z"))
    save_dataset(data, folder / "data.npz")
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "frames.csv").write_text("1,2,3\n" * 20)
    (folder / "quiet.csv").write_text("x0,x1,x2\n" + "1,2,3\n" * 20)
    for seed in (1, 2):
        model = random_model(3, [4], [2], seed=seed, frames=20)
        save_model(model, folder / f"model{seed}.npz")
        (folder / f"m{seed}.elstm").write_bytes(encode(model))
        write_report(REPORT, folder / f"report{seed}.json")
    (folder / "outputs").mkdir()
    return folder / "outputs"


def export(seed: int, name: str, *more: str) -> list[str]:
    form = name.rpartition(".")[2]
    return ["export", f"../model{seed}.npz", "--format", form, "--precision", "float32", "-o", name, *more]


def train(seed: int) -> list[str]:
    return ["train", "../recipe.toml", "--seed", str(seed), "-o", "model.npz"]


def report(seed: int) -> list[str]:
    return ["report", *["../report1.json", "../report2.json"][:seed], "-o", "page.html"]


def profile(seed: int) -> list[str]:
    return ["profile", f"../m{seed}.elstm", "--frames", "20", "--pace", "flat", "--output", "r.json"]


def stream(seed: int) -> list[str]:
    return ["stream", f"../m{seed}.elstm", "../frames.csv", "--state", "s.state"]


def convert(_: int) -> list[str]:
    return ["data", "convert", "../data.npz", "-o", "all.npz"]


def adapt(seed: int) -> list[str]:
    outputs = ["-o", "new.npz", "--elstm", "new.elstm"]
    return ["adapt", f"../model{seed}.npz", "--negatives", "../quiet.csv", *outputs]
