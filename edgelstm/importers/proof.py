"""The proof that an imported model answers as its file does in its own engine: frame by frame, with states carried
over recordings, and once more after a reset. Beside `model.npz` it leaves `model.npz.proof.json`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edgelstm.export.parity.checks import Check, Ledger
from edgelstm.forward import FloatStream, activate
from edgelstm.importers.imported import Imported
from edgelstm.importers.origin import Origin
from edgelstm.layers.layer import Floats
from edgelstm.model import Model
from edgelstm.plain import file_name
from edgelstm.records import to_json, to_text
from edgelstm.runtime.frame import Float32

VERSION = 1
LIMIT = 1e-5
"""Of the largest difference: of probabilities, and of scores in shares of the largest of them, where above 1."""
FRAMES = 3000
"""Of each recording that are compared, and of what is made up."""
Data = Literal["given", "made up"]


@dataclass(frozen=True)
class ImportProof:
    """What was compared. source: the file, its format and its SHA-256."""

    source: dict[str, str]
    engine: str
    data: Data
    frames: int
    checks: tuple[Check, ...]
    own_error: float  # by how much the model's own float32 differs from float64 on these signals

    @property
    def decided(self) -> bool:
        """Whether these signals can tell: where float32 itself departs from float64, as in a recurrence driven far
        from what it was trained on, two engines differ however alike they are."""
        return all(check.limit is not None for check in self.checks)

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def content(self, path: Path) -> bytes:
        """Of `path.proof.json`, where the model is written to `path`."""
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        values = {
            "version": VERSION,
            "file": file_name(path),
            "sha256": digest,
            **self.to_json(),
        }
        return to_text(values).encode()

    def lines(self) -> list[str]:
        """For people."""
        sound = "the recordings given" if self.data == "given" else "made-up signals (--data FILE gives real ones)"
        first = [f"· {self.frames:,} frames of {sound}, in {self.engine}"]
        if not self.decided:
            first.append(
                f"· on these signals the model's own float32 is {self.own_error:.2g} off float64, so that nothing "
                "can be told to 1e-5: give real ones with --data"
            )
        return [*first, *(check.line() for check in self.checks)]

    def to_json(self) -> dict[str, Any]:
        return {**to_json(self), "decided": self.decided, "passed": self.passed}


def prove(imported: Imported, recordings: Sequence[Float32] = ()) -> ImportProof:
    """Compare on `recordings`, each (frames, features), or on signals that are made up. ValueError where the file has
    no engine or does not run there."""
    if imported.origin is None:
        raise ValueError(imported.unproven)
    model, origin = imported.model, imported.origin()
    data: Data = "given" if recordings else "made up"
    whole = [_whole(x[:FRAMES], origin.frames) for x in recordings or made_up(model)]
    whole = [x for x in whole if len(x)]
    if not whole:
        raise ValueError(f"recordings of fewer than {origin.frames} frames, which the file takes in a call")
    ledger = Ledger()
    source = dict(model.provenance.get("imported", {}))
    run = _windows if model.answer.hop > model.stride else _streams
    own_error = run(ledger, model, origin, whole)
    return ImportProof(source, origin.engine, data, sum(map(len, whole)), ledger.checks(), own_error)


def made_up(model: Model) -> list[Float32]:
    """Signals like speech in how they swell and pause, of the size that the model's normalization expects."""
    rng = np.random.default_rng(0)
    t = np.arange(FRAMES)[:, None] / 100
    found = []
    for _ in range(2):
        rates, phases = rng.uniform(0.2, 20, (6, model.features)), rng.uniform(0, 7, (6, model.features))
        waves = sum(np.sin(rate * t + phase) for rate, phase in zip(rates, phases))
        swell = np.clip(np.sin(rng.uniform(0.5, 2) * t + rng.uniform(0, 7)) + 0.4, 0, None)
        noise = rng.normal(0, 0.1, (FRAMES, model.features))
        signal = (0.6 * waves * swell + noise) * model.normalize.std + model.normalize.mean
        found.append(np.ascontiguousarray(signal, np.float32))
    return found


def _whole(x: Float32, frames: int) -> Float32:
    return np.ascontiguousarray(x[: len(x) // frames * frames], np.float32)


def _limit(answers: Float32, activation: str) -> float:
    return LIMIT * (1.0 if activation != "linear" else max(1.0, float(np.abs(answers).max(initial=0.0))))


def _compare(
    ledger: Ledger, name: str, model: Model, scores: Float32, found: Float32, is_judged: bool = True
) -> None:
    expected = activate(scores, model.activation)
    ledger.near(name, np.asarray(expected), found, _limit(found, model.activation) if is_judged else None)


def _called(origin: Origin, x: Float32) -> list[Float32]:
    return [origin.run(part) for part in np.split(x, len(x) // origin.frames)]


def _streams(ledger: Ledger, model: Model, origin: Origin, recordings: Sequence[Float32]) -> float:
    """The model's own error."""
    single, double = FloatStream(model), FloatStream(model, np.float64)
    scores = [single.push(x) for x in recordings]
    exact = [double.push(x) for x in recordings]
    own_error, is_judged = _own_error(model, scores, exact)
    origin.reset()
    for x, y in zip(recordings, scores):
        found = np.concatenate(_called(origin, x))
        _compare(ledger, "answers, states carried", model, y, found, is_judged)
    origin.reset()
    x = recordings[0][: origin.frames * 50]
    _compare(ledger, "answers, after a reset", model, FloatStream(model).push(x), np.concatenate(_called(origin, x)))
    return own_error


def _own_error(model: Model, scores: Sequence[Float32], exact: Sequence[Floats]) -> tuple[float, bool]:
    """(the largest, whether it leaves room for another engine's)"""
    errors, limits = [], []
    for one, other in zip(scores, exact):
        answers = activate(other, model.activation)
        errors.append(float(np.abs(activate(one, model.activation) - answers).max(initial=0.0)))
        limits.append(_limit(np.asarray(answers, np.float32), model.activation))
    return max(errors), max(errors) <= max(limits)


def _windows(ledger: Ledger, model: Model, origin: Origin, recordings: Sequence[Float32]) -> float:
    """The model's own error: in windows it has no time to grow."""
    for x in recordings:
        for window in np.split(x, len(x) // origin.frames):
            origin.reset()
            found = origin.run(window)
            scores = FloatStream(model).push(window)
            _compare(ledger, "answers of windows", model, scores[-len(found) :], found)
    return 0.0
