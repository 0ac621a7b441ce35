"""What the proof beside an exported file says of how it agrees with its model."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from edgelstm.devices.profiling.report import Agrees
from edgelstm.records import Bounds, Unavailable, from_json, load
from edgelstm.runtime.proven import MAX_PROOF_BYTES, proof_path


@dataclass(frozen=True)
class _Figures:
    answers: Annotated[int, Bounds(0)]
    share: Annotated[float, Bounds(0, 1)] | None
    error: Annotated[float, Bounds(0)]
    independent: Annotated[int, Bounds(0)] | None = None  # proofs of before do not say


@dataclass(frozen=True)
class _Proof:
    sha256: str
    agrees: _Figures


def agreement_of(path: Path) -> Agrees | Unavailable:
    """From `FILE.proof.json` beside the file at `path`."""
    beside = proof_path(path)
    try:
        proof = from_json(_Proof, load(beside, MAX_PROOF_BYTES), beside.name, strict=False)
    except FileNotFoundError:
        return Unavailable("no proof beside the file")
    except (OSError, ValueError):
        return Unavailable("a proof beside the file that cannot be read")
    if proof.sha256 != hashlib.sha256(path.read_bytes()).hexdigest():
        return Unavailable("the proof beside the file is another one's")
    found = proof.agrees
    return Agrees(found.share, found.answers, found.error, found.independent)


def show_agreement(found: Agrees | Unavailable) -> str:
    """For people."""
    if isinstance(found, Unavailable):
        return f"unknown: {found.reason}"
    error = f"error of scores {100 * found.error:.2g} %"
    fewer = (found.independent or found.answers) < found.answers
    answers = f"{found.answers:,} answers" + (f" ({found.independent:,} independent)" if fewer else "")
    if found.share is None:
        return f"no share to tell ({answers}), {error}"
    # Never 100 % where one differs.
    return f"{math.floor(1000 * found.share) / 10:.1f} % of {answers} with the float model, {error}"
