"""One small file of each kind that commands read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgelstm.data import Dataset, save_dataset
from edgelstm.devices.profiling.report import write_report
from edgelstm.export.api import export_model
from edgelstm.model import Answer
from edgelstm.model_file import save_model
from made_up_report import REPORT
from random_models import random_model, random_signal

RECIPE = "[data]\nfile = 'data.npz'\n[model]\nunits = [2]\n[training]\nepochs = 1\n"


def write_inputs(folder: Path) -> None:
    """model.npz, m.elstm of it, data.npz, recipe.toml, frames.csv, report.json."""
    model = random_model(3, [4], [2], answer=Answer("mean", 4, 2))
    save_model(model, folder / "model.npz")
    export_model(model, folder / "m.elstm", precision="int8")
    sequences = tuple(random_signal(12, 3, seed) for seed in range(8))
    y = np.arange(8) % 2
    save_dataset(Dataset(sequences, y, ("class 0", "class 1"), np.arange(8), ()), folder / "data.npz")
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "frames.csv").write_text("1,2,3\n" * 8)
    write_report(REPORT, folder / "report.json")
