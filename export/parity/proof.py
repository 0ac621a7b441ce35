"""The proof that an exported file answers as the model does.

The file runs in its own engine on real sequences: frame by frame, in one push, and over a saved and restored
state. What it computes is held against a reference that shares no code with it: float32 files against the
model's equations in float64, int8 files against the integer reference. Beside `FILE` it leaves `FILE.proof.json`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.form import Form, Source
from edgelstm.export.metadata import layers_of, metadata
from edgelstm.export.parity.checks import Check
from edgelstm.export.parity.compare import Judge
from edgelstm.export.parity.run import witness
from edgelstm.quantization.quantized_model import QuantizedModel
from edgelstm.records import Pattern, from_json, load, to_json, to_text
from edgelstm.runtime.engines.open import open_model
from edgelstm.runtime.states import FILE_FIELDS

VERSION = 1

MAX_PROOF_BYTES = 1 << 20


@dataclass(frozen=True)
class Proof:
    """What was run, and what came of it."""

    file: str
    sha256: str
    size: int  # bytes
    engine: str
    precision: str
    sequences: int
    frames: int
    agreement: float | None  # share of sequences with the reference's decision at the end; None: no decisions
    checks: tuple[Check, ...]
    float_agreement: float | None  # the same, against the decisions of the model in float64
    float_error: float  # RMS difference of the answers from those of the model in float64

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def of(self, file: str, content: bytes) -> Proof:
        """The same, said of `file` that holds `content`."""
        return replace(self, file=file, sha256=hashlib.sha256(content).hexdigest(), size=len(content))

    def of_file(self, file: str) -> Proof:
        """The same, said of a file of that name."""
        return replace(self, file=file)

    def to_json(self) -> dict[str, Any]:
        """JSON values, the same for the same file, engine and sequences."""
        return {"version": VERSION, **to_json(self), "passed": self.passed}

    def content(self) -> bytes:
        """Of `FILE.proof.json`."""
        return to_text(self.to_json()).encode()

    def lines(self) -> list[str]:
        """For people, one line per check."""
        lines = [check.line() for check in self.checks]
        if self.agreement is not None:
            lines.append(f"· decisions: {self.agreement:.2%} as the reference, {self.sequences} sequences")
        return lines


@dataclass(frozen=True)
class _Digest:
    sha256: Annotated[str, Pattern("[0-9a-f]{64}", "64 hex digits, as `edgelstm export` writes them")]


def real_path(path: str | Path) -> Path:
    """What `path` leads to: a link's own name says nothing about what it points to."""
    return Path(os.path.realpath(path))


def proof_path(path: str | Path) -> Path:
    """Where the proof of the file at `path` is: beside what it leads to."""
    return Path(f"{real_path(path)}.proof.json")


def proven_digest(path: str | Path) -> str | None:
    """The SHA-256 that `FILE.proof.json` beside `path` names; None when there is none. ValueError for a bad one."""
    beside = proof_path(path)
    try:
        value = load(beside, MAX_PROOF_BYTES)
    except FileNotFoundError:
        return None
    return from_json(_Digest, value, str(beside), strict=False).sha256


def prove(path: str | Path, form: Form, source: Source, sequences: Sequence[NDArray[np.float32]]) -> Proof:
    """Run the file at `path`, which `form` made from `source`, on raw `sequences`, each (frames, features).

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
    for sequence in sequences:
        judge.sequence(np.ascontiguousarray(sequence, np.float32))
    content = path.read_bytes()
    return Proof(
        file=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        engine=engine.engine,
        precision=engine.precision,
        sequences=len(sequences),
        frames=sum(len(sequence) for sequence in sequences),
        agreement=judge.agreement(judge.finals),
        checks=judge.ledger.checks(),
        float_agreement=judge.agreement(judge.float_finals),
        float_error=judge.float_error(),
    )


def _sizes(layers: Iterable[Mapping[str, Any]]) -> str:
    """Every layer's name and the size of its result, in one line."""
    return ", ".join(f"{layer['name']} {layer['rows']}x{layer['channels']}" for layer in layers)


def _same_metadata(found: dict[str, Any], wanted: dict[str, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Per field 1 where the file says what the model says, else 0; and what is expected."""
    wanted = json.loads(json.dumps(wanted))
    same = [found.get(name, ...) == wanted.get(name, ...) for name in sorted(found.keys() | wanted.keys())]
    return np.array(same, np.float64), np.ones(len(same))
