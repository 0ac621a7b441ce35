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
from edgelstm.importers.imported import Imported, Quantized
from edgelstm.importers.origin import Answers, ask
from edgelstm.layers.layer import Floats
from edgelstm.model import Model
from edgelstm.plain import file_name
from edgelstm.records import to_json, to_text
from edgelstm.runtime.frame import Float32

VERSION = 1
LIMIT = 1e-5
"""Of the largest difference: of probabilities, and of scores in shares of the largest of them, where above 1."""
OTHERS, MOST, LOST = 8, 5e-4, 1.25e-4
"""Where the model's own float32 is off float64, another engine is in another order of sums: by up to so many times as
much, which is the limit then, up to the most. Where its own is lost, nothing can be told."""
SHARES = {"weights": 0.05, "values": 0.25}
"""Where the file computes with integers: of the RMS of the difference, in shares of the answers' own spread. Up to
0.008 was seen with int8 weights, 0.19 where gates and cell are int8 too; gates that are exchanged give about 1."""
CALLS_AGAIN = 50
"""After a reset."""
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
    quantized: Quantized = ""  # what of the file is integers

    @property
    def decided(self) -> bool:
        """Whether these signals can tell: where float32 itself departs from float64, as in a recurrence driven far
        from what it was trained on, two engines differ however alike they are."""
        told = [check.limit is not None for check in self.checks]
        return any(told) if self.quantized else all(told)

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
        if self.quantized:
            first.append(
                f"· the file computes with int8 {'weights' if self.quantized == 'weights' else 'values'}, the model "
                "with floats: judged by the RMS of the difference in shares of the answers' spread"
            )
        if not self.decided and self.quantized == "values" and self.data == "made up":
            first.append(
                "· its ranges fit what it was calibrated on, not made-up signals: give real ones with --data"
            )
        elif not self.decided:
            first.append(
                f"· on these signals the model's own float32 is {self.own_error:.2g} off float64, so that nothing "
                "can be told: give real ones with --data"
            )
        return [*first, *(check.line() for check in self.checks)]

    def to_json(self) -> dict[str, Any]:
        return {**to_json(self), "decided": self.decided, "passed": self.passed}


def prove(imported: Imported, recordings: Sequence[Float32] = ()) -> ImportProof:
    """Compare on `recordings`, each (frames, features), or on signals that are made up. ValueError where the file has
    no engine or does not run there."""
    if imported.origin is None:
        raise ValueError(imported.unproven)
    model = imported.model
    data: Data = "given" if recordings else "made up"
    whole = [np.ascontiguousarray(x[:FRAMES], np.float32) for x in recordings or made_up(model)]
    is_anew = model.answer.hop > model.stride
    theirs = ask(imported.origin, whole, is_anew, CALLS_AGAIN)
    whole = [x[: len(x) // theirs.frames * theirs.frames] for x in whole]
    compared = [(x, y) for x, y in zip(whole, theirs.each) if len(x)]
    if not compared:
        raise ValueError(f"recordings of fewer than {theirs.frames} frames, which the file takes in a call")
    ledger = Ledger()
    source = dict(model.provenance.get("imported", {}))
    judge = _Judge(ledger, model, imported.quantized, data == "given")
    own_error = (_windows if is_anew else _streams)(judge, theirs, compared)
    frames = sum(len(x) for x, _ in compared)
    return ImportProof(source, theirs.engine, data, frames, ledger.checks(), own_error, imported.quantized)


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


def _limit(answers: Floats, activation: str, own_error: float) -> float | None:
    """None where the model's own float32 is so far off that nothing can be told."""
    unit = 1.0 if activation != "linear" else max(1.0, float(np.abs(answers).max(initial=0.0)))
    if own_error > LOST * unit:
        return None
    return unit * min(MOST, max(LIMIT, OTHERS * own_error / unit))


@dataclass(frozen=True)
class _Judge:
    ledger: Ledger
    model: Model
    quantized: Quantized
    is_given: bool  # real recordings

    def compare(self, name: str, scores: Floats, found: Float32, own_error: float = 0.0) -> None:
        expected = np.asarray(activate(scores, self.model.activation), np.float32)
        if not self.quantized:
            self.ledger.near(name, expected, found, _limit(found, self.model.activation, own_error))
            return
        spread = float(np.sqrt(np.mean((found - found.mean(axis=0)) ** 2)))
        share = float(np.sqrt(np.mean((expected - found) ** 2))) / max(spread, LIMIT)
        told = self.is_given or self.quantized == "weights"
        if _limit(found, self.model.activation, own_error) is None:
            told = False
        limit = SHARES[self.quantized] if told else None
        self.ledger.near(f"{name}, in shares of their spread", np.array([share]), np.zeros(1), limit)
        self.ledger.near(name, expected, found, None)


def _streams(judge: _Judge, theirs: Answers, compared: Sequence[tuple[Float32, Float32]]) -> float:
    """The model's own error."""
    model = judge.model
    single, double = FloatStream(model), FloatStream(model, np.float64)
    scores = [single.push(x) for x, _ in compared]
    exact = [double.push(x) for x, _ in compared]
    own_error = max(_apart(model, one, other) for one, other in zip(scores, exact))
    for (_, found), y in zip(compared, scores):
        judge.compare("answers, states carried", _as_often(y, found), found, own_error)
    x = compared[0][0][: theirs.frames * CALLS_AGAIN]
    judge.compare(
        "answers, after a reset", _as_often(FloatStream(model).push(x), theirs.again), theirs.again, own_error
    )
    return own_error


def _as_often(scores: Floats, found: Float32) -> Floats:
    """Those at the ends of calls, where a file answers once in a call of several frames."""
    every = len(scores) // max(len(found), 1)
    return scores[every - 1 :: every] if every > 1 else scores


def _apart(model: Model, scores: Floats, exact: Floats) -> float:
    answers = activate(exact, model.activation)
    return float(np.abs(activate(scores, model.activation) - answers).max(initial=0.0))


def _windows(judge: _Judge, theirs: Answers, compared: Sequence[tuple[Float32, Float32]]) -> float:
    """The model's own error: in windows it has no time to grow."""
    model = judge.model
    for x, found in compared:
        count = len(x) // theirs.frames
        rows = len(found) // count
        scores = FloatStream(model).push(x)  # begins anew by itself
        scores = scores.reshape(count, -1, model.outputs)
        if model.answer.pooling == "mean":
            scores = scores.mean(axis=1, keepdims=True)
        judge.compare("answers of windows", scores[:, -rows:].reshape(-1, model.outputs), found)
    return 0.0
