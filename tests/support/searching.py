"""A search of a few moments: a recipe, its recordings, a plan of it, and workers that may be killed in the middle."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from edgelstm.data import Dataset, save_dataset
from edgelstm.search.plan import Plan
from edgelstm.search.working import work
from edgelstm.training.config import load_config

RECIPE = """
[data]
file = "waves.npz"
validation = 0.25
test = 0.25

[model]
name = "waves"
units = [8]

[training]
epochs = 1
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


_LOADED = (
    "pytest numpy.ma numpy.random optuna optuna.importance optuna.storages.journal optuna.storages._rdb.models "
    "sqlalchemy.dialects.postgresql alembic.command alembic.config alembic.migration alembic.script psycopg "
    "in_process edgelstm.search.working edgelstm.search.proposing edgelstm.search.folds edgelstm.export.elstm "
    "edgelstm.quantization edgelstm.runtime edgelstm.devices.predict.work edgelstm.cli.search"
)


def begun(work: Callable[..., None], *arguments: object) -> BaseProcess:
    """`work`, a module's function, in a process of its own: to load what a search needs takes seconds, so it is
    forked from one that has."""
    context = get_context("forkserver")
    context.set_forkserver_preload(_LOADED.split())  # one that lacks is passed over
    process = context.Process(target=_alone, args=(work, *arguments))
    process.start()
    return process


def _alone(work: Callable[..., None], *arguments: object) -> None:
    os.environ["EDGELSTM_THREADS"] = "1"
    work(*arguments)


def search(plan: Plan, kill: int) -> None:
    """The plan's work. kill: by SIGKILL when it was told so often that something went on; 0 for never."""
    calls = 0

    def note() -> None:
        nonlocal calls
        calls += 1
        if calls == kill:
            os.kill(os.getpid(), signal.SIGKILL)

    work(plan, note)


def terminal(folder: Path, arguments: list[str | Path], out: Path) -> None:
    """`edgelstm ARGUMENTS` in `folder`; what it prints, and why it failed, goes into the file `out`."""
    import in_process

    os.chdir(folder)
    ended = in_process.run(*arguments)
    out.write_text(ended.out if ended.code == 0 else ended.err, encoding="utf-8")
    sys.exit(ended.code)


def crossvalidate(recipe: Path, storage: str, study: str, dies: bool) -> None:
    """The recipe's three folds, with whoever else is at them. dies: by SIGKILL, in the middle of the first."""
    from edgelstm.search.folds import crossvalidate_by
    from edgelstm.training import crossvalidation

    if dies:
        crossvalidation.train = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
    crossvalidate_by(crossvalidation.prepare(load_config(recipe), 3), storage, study, 1, 1)


def ended(process: BaseProcess) -> int:
    """Its exit code, negative where a signal ended it."""
    process.join()
    assert process.exitcode is not None
    return process.exitcode
