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
from torch_files import write_zip

RECIPE = "[data]\nfile = 'data.npz'\n[model]\nunits = [2]\n[training]\nepochs = 1\n"


def write_inputs(folder: Path) -> None:
    """model.npz, m.elstm of it, data.npz, recipe.toml, frames.csv, report.json; clips.npz, which
    it can learn; kept, a folder with a labelled clip; net.pt, an LSTM of 3 features, as PyTorch writes it."""
    model = random_model(3, [4], [2], answer=Answer("mean", 4, 2))
    save_model(model, folder / "model.npz")
    export_model(model, folder / "m.elstm", precision="int8")
    sequences = tuple(random_signal(12, 3, seed) for seed in range(8))
    y = np.arange(8) % 2
    save_dataset(Dataset(sequences, y, ("class 0", "class 1"), np.arange(8), ()), folder / "data.npz")
    y = np.arange(24) % 2
    loud = tuple((random_signal(12, 3, n) + 4 * y[n] - 2).astype(np.float32) for n in range(24))
    other = Dataset(loud, y, ("class 0", "class 1"), np.arange(24), ())
    save_dataset(other, folder / "clips.npz")
    (folder / "kept").mkdir()
    (folder / "kept" / "one.csv").write_text("x0,x1,x2\n1,2,3\n")
    (folder / "kept" / "labels.csv").write_text("file,label\none.csv,class 0\n")
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "frames.csv").write_text("1,2,3\n" * 8)
    sides = {"weight_ih": (8, 3), "weight_hh": (8, 2), "bias_ih": (8,), "bias_hh": (8,)}
    write_zip(folder / "net.pt", {f"rnn.{name}_l0": np.ones(shape, np.float32) for name, shape in sides.items()})
    write_report(REPORT, folder / "report.json")
