"""The proof that an imported model answers as its file does in its own engine: frame by frame, with states carried
over recordings, and once more after a reset. Beside `model.npz` it leaves `model.npz.proof.json`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgelstm.export.parity.checks import MAX_REPORTED, Check, Ledger
from edgelstm.forward import FloatStream, activate
from edgelstm.importers.imported import Imported, Quantized
from edgelstm.importers.origin import Answers, Opening, ask
from edgelstm.layers.layer import Floats
from edgelstm.model import Model
from edgelstm.plain import counted, file_name
from edgelstm.records import to_json, to_text
from edgelstm.runtime.frame import Float32

VERSION = 1
LIMIT = 1e-5
"""Of the largest difference: of probabilities, and of scores in shares of the largest of them."""
FLAT = 10
"""Answers that are no further apart than so many times the limit tell nothing: wrong ones may be as near."""
TWICE, TIMES, MOST = 2, 4, 5e-4
"""The file's engine rounds as well, about as much as float32 does in the model: twice that is the limit where it is
more, or so many times what the engine's answers move by where every value of the frames moves by its last bit; up to
the most. Where both are more than that, nothing can be told."""
SHARES = {"weights": 0.05, "values": 0.25}
"""Where the file computes with integers: of the RMS of the difference, in shares of the answers' own spread. Up to
0.008 was seen with int8 weights, 0.19 where gates and cell are int8 too; gates that are exchanged give about 1."""
CALLS_AGAIN = 50
"""After a reset."""
FRAMES = 3000
"""Of each recording that are compared, and of what is made up."""
Data = Literal["given", "made up"]
Compared = Sequence[tuple[Float32, Float32]]
"""Recordings (frames, features), and what the file answered to each."""


@dataclass(frozen=True)
class ImportProof:
    """What was compared. source: the file, its format and its SHA-256."""

    source: dict[str, str]
    engine: str
    data: Data
    frames: int
    checks: tuple[Check, ...]
    own_error: float  # by how much the model's own float32 differs from float64 on these signals
    moved: float = (
        0.0  # by how much the engine's answers move with the last bits of frames; 0 where nobody had to ask
    )
    quantized: Quantized = ""  # what of the file is integers
    flat: bool = False  # the file's answers hardly differ from one another
    infinite: int = 0  # of the file's answers that are NaN or infinite
    still: int = 0  # of the outputs, those that hardly vary

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
        first = [
            f"· {self.frames:,} frames of {sound}, in {self.engine}, against the model in float64, which its own "
            f"float32 is {self.own_error:.2g} off"
        ]
        if self.moved:
            first.append(f"· the engine's own answers move by {self.moved:.2g} where frames move by their last bits")
        if self.quantized:
            first.append(
                f"· the file computes with int8 {'weights' if self.quantized == 'weights' else 'values'}, the model "
                "with floats: judged by the RMS of the difference in shares of the answers' spread"
            )
        if not self.decided and self.quantized == "values" and self.data == "made up":
            first.append(
                "· its ranges fit what it was calibrated on, not made-up signals: give real ones with --data"
            )
        elif not self.decided and self.flat:
            first.append(
                "· on these signals the file's answers hardly differ from one another, so that nothing can be told: "
                "give real ones with --data"
            )
        elif not self.decided:
            first.append(
                "· on these signals rounding alone does so much that nothing can be told: give real ones with --data"
            )
        if self.still and self.decided:
            first.append(
                f"· {counted(self.still, 'output')} hardly {'varies' if self.still == 1 else 'vary'} on these "
                "signals, or rounding does more: of such nothing can be told"
            )
        if self.infinite:
            first.append(
                f"· {counted(self.infinite, 'answer')} of the file {'is' if self.infinite == 1 else 'are'} NaN or "
                "infinite, as of logarithms and roots of negative numbers: a model answers with numbers alone, and "
                "takes 1e-30 for what is less"
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
    theirs = ask(imported.origin, whole, model.anew > 0, CALLS_AGAIN)
    whole = [x[: len(x) // theirs.frames * theirs.frames] for x in whole]
    compared = [(x, y) for x, y in zip(whole, theirs.each) if len(x)]
    if not compared:
        raise ValueError(f"recordings of fewer than {theirs.frames} frames, which the file takes in a call")
    wanted, single = (_said(model, compared, theirs.frames, dtype) for dtype in (np.float64, np.float32))
    answers = [found for _, found in compared]
    units = np.stack([_units(model, found) for found in answers]).max(axis=0)
    own = _most(wanted, single)
    judge = _Judge(Ledger(), model, imported.quantized, data == "given", units, own)
    if (_most(wanted, answers) > LIMIT * units).any():
        judge = replace(judge, moved=_moved(imported.origin, model, theirs, [x for x, _ in compared]))
    for one, (_, found) in zip(wanted, compared):
        judge.compare("answers of windows" if model.anew else "answers, states carried", one, found)
    if not model.anew:
        first = [(compared[0][0][: theirs.frames * CALLS_AGAIN], theirs.again)]
        judge.compare("answers, after a reset", _said(model, first, theirs.frames, np.float64)[0], theirs.again)
    frames = sum(len(x) for x, _ in compared)
    source, checks = dict(model.provenance.get("imported", {})), judge.ledger.checks()
    still = np.all([judge.still(found) for found in answers], axis=0)
    return ImportProof(
        source,
        theirs.engine,
        data,
        frames,
        checks,
        float(own.max()),
        0.0 if judge.moved is None else float(judge.moved.max()),
        imported.quantized,
        any(judge.is_flat(found) for found in answers),
        sum(int(np.count_nonzero(~np.isfinite(found))) for found in answers),
        0 if imported.quantized else int(np.count_nonzero(still)),
    )


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


def _said(model: Model, compared: Compared, call: int, dtype: DTypeLike) -> list[Floats]:
    """What one stream of `model` answers to recordings, as often as the file does in a call of so many frames."""
    stream = FloatStream(model, dtype)
    found = []
    for x, theirs in compared:
        scores = stream.push(x)
        calls = len(x) // call
        if model.answer.pooling == "mean":
            scores = scores.reshape(calls, -1, model.outputs).mean(axis=1)
        rows, rest = divmod(len(scores), calls)
        if rest or not rows:
            raise ValueError(f"calls of {call} frames, in which the model does not answer, expected such as it does")
        each = min(max(len(theirs) // calls, 1), rows)  # the newest of a call, where the file tells no others
        scores = scores.reshape(calls, rows, model.outputs)[:, rows - each :].reshape(-1, model.outputs)
        found.append(activate(scores, model.activation))
    return found


def _apart(one: Floats, other: Floats) -> Floats:
    """The largest difference of each output, (outputs,). Of other shapes, or where one is not finite: infinity."""
    if one.shape != other.shape:
        return np.full(one.shape[-1], np.inf)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nan_to_num(np.abs(one - other), nan=np.inf).max(axis=0, initial=0.0))


def _most(ones: Sequence[Floats], others: Sequence[Floats]) -> Floats:
    """`_apart` over recordings."""
    return np.asarray(np.max([_apart(one, other) for one, other in zip(ones, others)], axis=0))


def _units(model: Model, found: Floats) -> Floats:
    """That differences of each output are counted in: 1 of probabilities, else its largest answer."""
    if model.activation != "linear" or found.shape[-1:] != (model.outputs,):
        return np.ones(model.outputs)
    return np.asarray(np.abs(np.where(np.isfinite(found), found, 0)).max(axis=0, initial=0.0), np.float64)


def _moved(opening: Opening, model: Model, theirs: Answers, recordings: Sequence[Float32]) -> Floats:
    """By how much each output of the file moves where every value of the frames moves by its last bit: what rounding
    does to them, told by their own engine, whatever was read of the file."""
    rng = np.random.default_rng(0)
    ends = [np.where(rng.random(x.shape) < 0.5, -np.inf, np.inf).astype(np.float32) for x in recordings]
    nudged = [np.nextafter(x, end) for x, end in zip(recordings, ends)]
    others = ask(opening, nudged, model.anew > 0, 0)
    again = [y for y in theirs.each if len(y)]
    finite = [[np.nan_to_num(y, posinf=0, neginf=0) for y in each] for each in (again, others.each)]
    return _most(finite[0], finite[1])


@dataclass(frozen=True, eq=False)
class _Judge:
    """units, own, moved, (outputs,): of the answers; by how much float32, and last bits of frames, move them."""

    ledger: Ledger
    model: Model
    quantized: Quantized
    is_given: bool  # real recordings
    units: Floats
    own: Floats
    moved: Floats | None = None

    def limits(self) -> Floats:
        """Of the largest difference of each output; NaN where rounding does more."""
        unit = np.where(self.units > 0, self.units, self.units.max() or 1.0)
        rounding = [TWICE * self.own, *([] if self.moved is None else [TIMES * self.moved])]
        told = np.array([np.where(by <= MOST * unit, by, np.nan) for by in rounding])
        most = np.max(np.nan_to_num(told), axis=0)
        return np.where(np.isnan(told).all(axis=0), np.nan, np.maximum(LIMIT * unit, most))

    def still(self, found: Floats) -> NDArray[np.bool_]:
        """Which outputs tell nothing: their answers are too near one another, or rounding does too much."""
        limits = self.limits()
        if not len(found) or found.shape[-1:] != limits.shape:
            return np.zeros(len(limits), np.bool_)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.isnan(limits) | (np.ptp(found, axis=0) < FLAT * limits))

    def limit(self) -> float | None:
        """For all outputs together; None where rounding does more in each."""
        limits = self.limits()
        return None if np.isnan(limits).all() else float(np.nanmax(limits))

    def is_flat(self, found: Floats) -> bool:
        """Whether no output tells anything."""
        return not self.quantized and self.limit() is not None and bool(self.still(found).all())

    def compare(self, name: str, expected: Floats, found: Float32) -> None:
        if not self.quantized:
            limit, apart = self.limit(), _apart(expected, found)
            is_alike = expected.shape == found.shape
            left_out = np.isnan(self.limits()) if is_alike and limit is not None else np.zeros(len(apart), np.bool_)
            columns = np.flatnonzero(~left_out)
            if limit is not None and self.is_flat(found) and (apart[columns] <= limit).all():
                limit = None
            self.ledger.near(name, expected[:, columns], found[:, columns] if is_alike else found, limit)
            self._each(name, expected, found, apart)
            return
        spread = float(np.sqrt(np.mean((found - found.mean(axis=0)) ** 2)))
        share = float(np.sqrt(np.mean((expected - found) ** 2))) / max(spread, LIMIT)
        told = self.is_given or self.quantized == "weights"
        told = told and float(self.own.max()) <= MOST / TIMES * float(self.units.max() or 1.0)
        limit = SHARES[self.quantized] if told else None
        self.ledger.near(f"{name}, in shares of their spread", np.array([share]), np.zeros(1), limit)
        self.ledger.near(name, expected, found, None)

    def _each(self, name: str, expected: Floats, found: Float32, apart: Floats) -> None:
        """The output that is furthest beyond its own limit, which may be far below that of all together."""
        limits = self.limits()
        with np.errstate(invalid="ignore"):
            beyond = np.nan_to_num(apart / limits, nan=0.0, posinf=MAX_REPORTED)
        worst = int(np.argmax(beyond))
        if self.model.outputs > 1 and expected.shape == found.shape and beyond[worst] > 1:
            column = slice(worst, worst + 1)
            label = self.model.labels[worst] if self.model.labels else str(worst + 1)
            self.ledger.near(f"{name}, output {label}", expected[:, column], found[:, column], float(limits[worst]))
