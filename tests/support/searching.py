"""A search of a few moments: a recipe, its recordings, and a plan of it. As a program, a worker that may kill itself
in the middle: searching.py PLAN KILL, with the plan's fields as JSON, killed when it has called so often that
something went on, or never by 0."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

from edgelstm.data import Dataset, save_dataset
from edgelstm.search.plan import Plan
from edgelstm.search.working import work

RECIPE = """
[data]
file = "waves.npz"
validation = 0.25
test = 0.25

[model]
name = "waves"
units = [8]

[training]
epochs = 2
loss = "last"

[search]
units = { low = 4, high = 12, step = 4 }
kind = ["lstm", "gru"]
training.learning_rate = { low = 0.001, high = 0.02, log = true }
"""


def write_recipe(folder: Path, text: str = RECIPE) -> Path:
    """The recipe in `folder`, beside its recordings: two kinds of waves."""
    rng = np.random.default_rng(5)
    waves = [
        (np.sin(np.arange(16)[:, None] * (0.3 + 0.5 * (n % 2)) + rng.random(2)) + 0.1 * rng.normal(size=(16, 2)))
        for n in range(16)
    ]
    sequences = tuple(wave.astype(np.float32) for wave in waves)
    save_dataset(
        Dataset(sequences, np.arange(16) % 2, ("slow", "quick"), np.arange(16), ("a", "b")), folder / "waves.npz"
    )
    (folder / "recipe.toml").write_text(text)
    return folder / "recipe.toml"


def plan_of(recipe: Path, storage: str, trials: int = 3, **more: object) -> Plan:
    fields: dict[str, object] = {
        "recipe": recipe.read_text(),
        "where": str(recipe),
        "data": str(recipe.parent / "waves.npz"),
        "board": None,
        "budgets": (),
        "against": None,
        "trials": trials,
        "seeds": 1,
        "finalists": 1,
        "storage": storage,
        "study": "waves",
    }
    return Plan(**{**fields, **more})  # type: ignore[arg-type]


def main() -> None:
    plan, kill = plan_of(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])), int(sys.argv[4])
    calls = 0

    def note() -> None:
        nonlocal calls
        calls += 1
        if calls == kill:
            os.kill(os.getpid(), signal.SIGKILL)

    work(plan, note)
    print(json.dumps({"calls": calls}))


if __name__ == "__main__":
    main()
