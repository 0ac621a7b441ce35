"""The folder of a run, beside the model that it makes: what was trained by, on what, and how it went."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np

import edgelstm
from edgelstm import records
from edgelstm.data.dataset import Dataset
from edgelstm.files import write_whole
from edgelstm.plain import printable
from edgelstm.training.checkpoint import Checkpoint, Epoch, digest
from edgelstm.training.config import Config
from edgelstm.training.kernels import description

RUN, RUNNING, CHECKPOINT = "run.json", "running.json", "checkpoint.npz"
_MOST_BYTES = 64 << 20


class RunFolder:
    """`run.json` says all of the run that made the model. Until a run has ended, `running.json` says what is trained,
    and `checkpoint.npz` holds its last epoch: the model that lies there, and its `run.json`, stay till then."""

    def __init__(self, path: Path, config: Config, dataset: Dataset) -> None:
        """`config` and `dataset` of the run, all its recordings. ValueError where something lies at `path` that is no
        folder."""
        if path.exists() and not path.is_dir():
            raise ValueError(f"{path}: a file, expected the folder of a run, or nothing")
        self.path = path
        recipe = config.to_json()
        recipe["data"].pop("file")  # data are known by what they hold
        data = digest(dataset)
        self.checkpoint = Checkpoint(path / CHECKPOINT, recipe, data)
        self._told: dict[str, Any] = {
            "edgelstm": edgelstm.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
            "computed_by": description(),
            "data": {
                "name": dataset.name,
                "sha256": data,
                "recordings": len(dataset),
                "frames": dataset.frames,
            },
            "recipe": recipe,
        }

    @property
    def was_interrupted(self) -> bool:
        """Whether an earlier run left a checkpoint."""
        return self.checkpoint.path.exists()

    @property
    def has_begun(self) -> bool:
        """Whether an earlier run began that did not end, be it before its first checkpoint."""
        return self.was_interrupted or (self.path / RUNNING).exists()

    def made(self, model: Path) -> bool:
        """Whether a run of this recipe on these data has ended, and the file `model` is what it made."""
        try:
            told, _ = read_run(self.path, model)
        except (OSError, ValueError):
            return False
        return self._is_same(told) and not self.was_interrupted

    @property
    def can_go_on(self) -> bool:
        """Whether an earlier run of this recipe on these data left a checkpoint."""
        try:
            told = records.load(self.path / RUNNING, _MOST_BYTES)
        except (OSError, ValueError):
            return False
        return isinstance(told, dict) and self._is_same(told) and self.was_interrupted

    def _is_same(self, told: Mapping[str, Any]) -> bool:
        data = told.get("data")
        of_these = isinstance(data, dict) and data.get("sha256") == self._told["data"]["sha256"]
        return of_these and told.get("recipe") == self._told["recipe"]

    def changes(self) -> list[str]:
        """What rounds otherwise than where the interrupted run began, as "numpy: 2.1.0 now, 2.0.0 then": its weights
        will not be, bit for bit, those of a run that was not interrupted. Nothing where it does not say."""
        try:
            then = records.load(self.path / RUNNING, _MOST_BYTES)
        except (OSError, ValueError):
            return []
        if not isinstance(then, dict):
            return []
        both = ((key, self._told[key], then.get(key)) for key in ("edgelstm", "numpy", "machine", "computed_by"))
        # The number of threads, which is told last, changes nothing.
        return [
            f"{key.replace('_', ' ')}: {now} now, {printable(old, 60)} then"
            for key, now, old in both
            if isinstance(old, str) and old.split(",")[0] != now.split(",")[0]
        ]

    def begin(self) -> None:
        """Make the folder, and say what is trained. OSError where that cannot be written: then none is left."""
        self.path.mkdir(exist_ok=True)
        try:
            self._write(RUNNING, {"finished": False})
        except OSError:
            with contextlib.suppress(OSError):  # one that was there before holds a run
                self.path.rmdir()
            raise

    def finish(self, model: Path, history: Sequence[Epoch], evaluations: Sequence[Mapping[str, Any]]) -> None:
        """The model has been written, to the file `model`."""
        more = {"history": records.to_json(tuple(history)), "evaluations": list(evaluations)}
        self._write(RUN, {"finished": True, "model_sha256": _digest_of(model), **more})

    def close(self) -> None:
        """All that the run writes is there: nothing is left to go on from."""
        (self.path / RUNNING).unlink(missing_ok=True)
        self.checkpoint.path.unlink(missing_ok=True)

    @property
    def told(self) -> Mapping[str, Any]:
        """Versions, data and recipe, as JSON values."""
        return self._told

    def _write(self, name: str, more: Mapping[str, Any]) -> None:
        write_whole(self.path / name, records.to_text({**self._told, **more}).encode())


def read_run(folder: Path, model: Path) -> tuple[dict[str, Any], tuple[Epoch, ...]]:
    """(what it was trained by, how it went) of the run in `folder` that made the file `model`. OSError where there is
    none, ValueError, one line, where it is of another file, damaged, or not at its end."""
    path = folder / RUN
    told = records.load(path, _MOST_BYTES)
    if not isinstance(told, dict) or not isinstance(told.get("history"), list):
        raise ValueError(f"{path}: not the run of a model that was written, expected its history")
    if told.get("model_sha256") != _digest_of(model):
        raise ValueError(f"{path}: of another model than {model.name}, expected the run that made it")
    epochs = tuple(
        records.from_json(Epoch, epoch, f"{path}: history[{n}]", strict=False)
        for n, epoch in enumerate(told["history"])
    )
    return told, epochs


@contextlib.contextmanager
def same_run(folder: Path, model: Path) -> Iterator[None]:
    """Within, the file `model` is given other settings beside its weights: where the run in `folder` made it, that is
    said of what lies there at the end."""
    path = folder / RUN
    try:
        told, _ = read_run(folder, model)
    except (OSError, ValueError):
        told = {}
    yield
    if told:
        write_whole(path, records.to_text({**told, "model_sha256": _digest_of(model)}).encode())


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
