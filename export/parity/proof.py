"""The proof that an exported file answers as the model does. It says two things.

**Same rounding**: the file, in its own engine on real sequences, frame by frame, in one push, and over a saved and
restored state, computes what its form's arithmetic says, told by a reference that shares no code with it.

**Agrees**: its answers, on recordings that calibration never saw, are decided as those of the model in float64, and
its scores are near them (`edgelstm.export.parity.agreement`).

Beside `FILE` it leaves `FILE.proof.json`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.form import Form, Source
from edgelstm.export.metadata import layers_of, metadata
from edgelstm.export.parity.agreement import Agreement, Data, agreement
from edgelstm.export.parity.checks import Check
from edgelstm.export.parity.compare import Judge
from edgelstm.export.parity.references import saturated
from edgelstm.export.parity.run import witness
from edgelstm.model import Model
from edgelstm.plain import file_name
from edgelstm.quantization.quantized_model import QuantizedModel
from edgelstm.records import to_json, to_text
from edgelstm.runtime.engines.open import open_model
from edgelstm.runtime.states import FILE_FIELDS

VERSION = 2


@dataclass(frozen=True)
class SameRounding:
    """What a file computes, against its form's arithmetic."""

    sequences: int
    frames: int
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


@dataclass(frozen=True)
class Proof:
    """What was run, and what came of it."""

    file: str
    sha256: str
    size: int  # bytes
    engine: str
    precision: str
    same_rounding: SameRounding
    agrees: Agreement
    saturated: Mapping[str, float] | None = None  # share of values at an end of their integers, by name; int8 alone
    accepted_loss: bool = False  # it does not agree as it should, and its maker took it all the same

    @property
    def passed(self) -> bool:
        return self.same_rounding.passed and (self.agrees.passed or self.accepted_loss)

    @property
    def verdict(self) -> str:
        """In a word: passed, failed, loss accepted; or why it is not said how often it decides as the model, which is
        no failure."""
        if not self.passed:
            return "failed"
        return "loss accepted" if self.accepted_loss else self.agrees.undecided or "passed"

    def accepting_loss(self) -> Proof:
        """The same, where that it does not agree is no failure."""
        return replace(self, accepted_loss=not self.agrees.passed)

    def of(self, file: str, content: bytes) -> Proof:
        """The same, said of `file` that holds `content`."""
        return replace(self, file=file, sha256=hashlib.sha256(content).hexdigest(), size=len(content))

    def of_file(self, file: str) -> Proof:
        """The same, said of a file of that name."""
        return replace(self, file=file)

    def to_json(self) -> dict[str, Any]:
        """JSON values, the same for the same file, engine and sequences."""
        values = {"version": VERSION, **to_json(self), "passed": self.passed, "verdict": self.verdict}
        values["same_rounding"]["passed"] = self.same_rounding.passed
        return values

    def content(self) -> bytes:
        """Of `FILE.proof.json`."""
        return to_text(self.to_json()).encode()

    def lines(self) -> list[str]:
        """For people: how it agrees, and one line per check of the same rounding."""
        agrees = self.agrees
        mark = "✗" if not agrees.passed else "?" if agrees.undecided else "✓"
        mark = "·" if self.accepted_loss else mark
        accepted = "; the loss was accepted" if self.accepted_loss else ""
        first = [f"{mark} {agrees.line()}{accepted}"]
        if self.saturated is not None:
            cut = [f"{name} {100 * share:.2g} %" for name, share in self.saturated.items() if share]
            first.append(f"· at an end of their integers, of values on these recordings: {', '.join(cut) or 'none'}")
        return [*first, *(check.line() for check in self.same_rounding.checks)]

    def problem(self) -> str:
        """Why it failed, in a few words; empty where it passed."""
        if self.passed:
            return ""
        if not self.same_rounding.passed:
            wrong = [check.name for check in self.same_rounding.checks if not check.passed]
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            return f"not the same rounding: {wrong[0]}{more}"
        return "; ".join(self.agrees.problems())


def prove(
    path: str | Path,
    form: Form,
    source: Source,
    sequences: Sequence[NDArray[np.float32]],
    recordings: Sequence[NDArray[np.float32]] | None = None,
    data: Data = "given",
) -> Proof:
    """Run the file at `path`, which `form` made from `source`, on raw `sequences`, each (frames, features).

    recordings: those that it must agree on with the float model; left out, `sequences`. data: what they are.

    A file that answers wrongly gives a proof that has not passed; ValueError is for one that cannot be run, or
    sequences that do not fit.
    """
    path = Path(path)
    model = source.model if isinstance(source, QuantizedModel) else source
    if not sequences or any(len(sequence) < model.stride for sequence in sequences):
        least = "one frame" if model.stride == 1 else f"{model.stride} frames, after which the scores come,"
        raise ValueError(f"{path}: proof: no sequences or too short a one, expected at least {least} in each")
    engine = open_model(path)
    found = (engine.features, _sizes(layer.to_json() for layer in engine.layers), engine.precision, engine.activation)
    expected = (model.features, _sizes(layers_of(model)), form.name, model.activation)
    if found != expected:
        raise ValueError(f"{path}: features, layers, precision, activation are {found}, expected {expected}")
    arithmetic = form.arithmetic(source)
    witnessed = witness(engine, as_integers=arithmetic.integers, splits_exactly=arithmetic.splits_exactly)
    judge = Judge(model, arithmetic, witnessed)
    said = {name: value for name, value in engine.metadata.items() if name not in FILE_FIELDS}
    judge.ledger.exact("metadata", *_same_metadata(said, metadata(source, form.name)))
    for sequence in _as_computed(model, sequences):
        judge.sequence(np.ascontiguousarray(sequence, np.float32))
    same_rounding = SameRounding(len(sequences), sum(len(sequence) for sequence in sequences), judge.ledger.checks())
    on = sequences if recordings is None else recordings
    agrees = agreement(model, engine, on, data, form.stated_error(source))
    content = path.read_bytes()
    return Proof(
        file=file_name(path),
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        engine=engine.engine,
        precision=engine.precision,
        same_rounding=same_rounding,
        agrees=agrees,
        saturated=saturated(source, on) if isinstance(source, QuantizedModel) else None,
    )


def _as_computed(model: Model, sequences: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """What goes through an arithmetic from one fresh state: whole sequences, or the windows of a model that begins
    anew after each. That its file does so as well, streamed answers tell."""
    if not model.anew:
        return list(sequences)
    cut = (np.split(x, range(model.anew, len(x), model.anew)) for x in sequences)
    return [window for windows in cut for window in windows if len(window) >= model.stride]


def _sizes(layers: Iterable[Mapping[str, Any]]) -> str:
    """Every layer's name and the size of its result, in one line."""
    return ", ".join(f"{layer['name']} {layer['rows']}x{layer['channels']}" for layer in layers)


def _same_metadata(found: dict[str, Any], wanted: dict[str, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Per field 1 where the file says what the model says, else 0; and what is expected."""
    wanted = json.loads(json.dumps(wanted))
    same = [found.get(name, ...) == wanted.get(name, ...) for name in sorted(found.keys() | wanted.keys())]
    return np.array(same, np.float64), np.ones(len(same))
