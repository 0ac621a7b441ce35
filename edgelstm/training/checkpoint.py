"""What a run goes on from: all that its next epoch depends on, in one file.

| array | what |
|---|---|
| `header` | JSON as uint8: whose it is, how far the run came, the state of its random numbers |
| `parameter.NAME`, `best.NAME` | weights now, and those of the best epoch |
| `first.NAME`, `second.NAME`, or `velocity.NAME` | what Adam, or SGD, remembers of gradients |
| `average.NAME` | averaged weights |
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm import records
from edgelstm.data.dataset import Dataset
from edgelstm.data.npz import read_npz, write_npz
from edgelstm.data.store import chunked
from edgelstm.judging import Figure
from edgelstm.plain import printable
from edgelstm.training.network import Parameters
from edgelstm.training.optimizer import Average, Optimizer

VERSION: Literal[1] = 1

_TOLD = 3  # keys that differ
_REMEDY = "without --resume training begins anew"


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to."""

    number: int  # from 1
    epochs: int
    loss: float  # mean over the epoch's batches, with dropout and augmentation
    validation_loss: float | None  # of the answers on what is held out
    score: Figure | None  # the headline of their evaluation
    best: bool  # the best so far: its weights are kept
    seconds: float
    cycle: int = 1  # of the learning rate
    rate: float | None = None  # of learning, at its last step


@dataclass(eq=False)
class Progress:
    """A run between two epochs; arrays are changed in place."""

    parameters: Parameters
    best: Parameters
    optimizer: Optimizer
    average: Average
    rng: np.random.Generator
    history: list[Epoch] = field(default_factory=list)

    @property
    def least(self) -> float:
        """The smallest validation loss; infinity where nothing is held out."""
        losses = [epoch.validation_loss for epoch in self.history if epoch.validation_loss is not None]
        return min(losses, default=math.inf)


@dataclass(frozen=True)
class _Header:
    version: Literal[1]
    config: dict[str, object]
    data: str  # sha256
    steps: int  # of the optimizer
    averaged: int  # steps
    random: dict[str, object]
    history: tuple[Epoch, ...]


class Checkpoint:
    """The file of one run. What it is for: a configuration, and data."""

    def __init__(self, path: Path, config: Mapping[str, Any], data: str) -> None:
        self.path = path
        self._config, self._data = dict(config), data

    def save(self, progress: Progress) -> None:
        """In place of the one before, which stays until this one is whole. OSError that names the file."""
        state: Any = progress.rng.bit_generator.state
        words = {name: str(value) for name, value in state["state"].items()}  # of 128 bits, which JSON's numbers lack
        header = _Header(
            version=VERSION,
            config=self._config,
            data=self._data,
            steps=progress.optimizer.steps,
            averaged=progress.average.steps,
            random={**state, "state": words},
            history=tuple(progress.history),
        )
        text = json.dumps(records.to_json(header), allow_nan=False)
        arrays: dict[str, NDArray[Any]] = {"header": np.frombuffer(text.encode(), np.uint8)}
        for kind, values in _arrays(progress).items():
            arrays |= {f"{kind}.{name}": value for name, value in values.items()}
        write_npz(self.path, arrays)

    def restore(self, progress: Progress) -> None:
        """Bring `progress` to where the file stands. FileNotFoundError without it; ValueError, with nothing changed,
        for one that is damaged, of another configuration or of other data."""
        try:
            found = read_npz(self.path)
        except ValueError as error:
            raise ValueError(f"{error}; {_REMEDY}") from None
        try:
            header = self._header(found)
            kinds = _arrays(progress)
            wanted = {f"{kind}.{name}": value for kind, values in kinds.items() for name, value in values.items()}
            for name, value in wanted.items():
                other = found.get(name)
                if other is None or other.shape != value.shape or other.dtype != value.dtype:
                    raise ValueError(f"{name}: missing or of another shape, expected {value.dtype} {value.shape}")
            rng = _random(header.random)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from None
        for name, value in wanted.items():
            value[...] = found[name]
        progress.rng.bit_generator.state = rng
        progress.optimizer.steps, progress.average.steps = header.steps, header.averaged
        progress.history[:] = header.history

    def _header(self, arrays: Mapping[str, NDArray[Any]]) -> _Header:
        if "header" not in arrays or arrays["header"].dtype != np.uint8:
            raise ValueError("header: missing, expected a checkpoint of edgelstm train")
        header = records.from_json(_Header, records.parse_json(arrays["header"].tobytes(), "header"), "header")
        others = [f"{key}: {now} now, {then} when the run began" for key, now, then in self._changes(header.config)]
        if others:
            raise ValueError(f"{'; '.join(others[:_TOLD])}{'; …' * (len(others) > _TOLD)}; {_REMEDY}")
        if header.data != self._data:
            raise ValueError(f"of other data than these, expected those that the run began with; {_REMEDY}")
        return header

    def _changes(self, began: Mapping[str, object]) -> list[tuple[str, str, str]]:
        """(section.key, what the recipe says now, what it said) of all that differs."""
        now, then = _flat(self._config), _flat(began)
        keys = sorted(key for key in {*now, *then} if now.get(key) != then.get(key))
        return [(printable(key, 80), _word(now.get(key)), _word(then.get(key))) for key in keys]


def digest(dataset: Dataset) -> str:
    """SHA-256 of everything that training reads of a data set."""
    found = sha256()
    for place, x in enumerate(dataset.sequences):
        found.update(str(x.shape).encode())
        for part in chunked(x):
            found.update(part.tobytes())
        for part in dataset.targets.parts(place, len(x)) if dataset.targets is not None else ():
            found.update(part.tobytes())
    found.update(dataset.y.tobytes() + dataset.groups.tobytes())
    found.update(json.dumps([dataset.labels, dataset.group_names, dataset.feature_names]).encode())
    return found.hexdigest()


def fingerprint(dataset: Dataset) -> dict[str, str]:
    """What tells a data set from others, by what it is called for people."""
    return {"recordings": f"{len(dataset)}", "frames": f"{dataset.frames}", "content": digest(dataset)[:16]}


def _arrays(progress: Progress) -> dict[str, Parameters]:
    return {
        "parameter": progress.parameters,
        "best": progress.best,
        **progress.optimizer.moments,
        "average": progress.average.values,
    }


def _random(values: Mapping[str, object]) -> dict[str, Any]:
    """A generator's state. ValueError for what is none."""
    words = values.get("state")
    try:
        state = {**values, "state": {name: int(value) for name, value in words.items()}}  # type: ignore[attr-defined]
        np.random.default_rng().bit_generator.state = state
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise ValueError("header.random: no state of random numbers") from None
    return state


def _flat(values: Mapping[str, object], start: str = "") -> dict[str, object]:
    """Nested tables as section.key → value."""
    found: dict[str, object] = {}
    for key, value in values.items():
        found |= _flat(value, f"{start}{key}.") if isinstance(value, Mapping) else {start + key: value}
    return found


def _word(value: object) -> str:
    """A value of a recipe as a short text; a key that was not there is none."""
    return "none" if value is None else printable(json.dumps(value), 60)
