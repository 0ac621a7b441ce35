"""What the proof beside an exported file says of how it agrees with its model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from edgelstm.devices.profiling.report import Agrees
from edgelstm.files import followed
from edgelstm.records import Bounds, Unavailable, from_json, load

_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class _Figures:
    answers: Annotated[int, Bounds(0)]
    share: Annotated[float, Bounds(0, 1)] | None
    error: Annotated[float, Bounds(0)]


@dataclass(frozen=True)
class _Proof:
    sha256: str
    agrees: _Figures


def agreement_of(path: Path) -> Agrees | Unavailable:
    """From `FILE.proof.json` beside the file at `path`."""
    beside = Path(f"{followed(path)}.proof.json")
    try:
        proof = from_json(_Proof, load(beside, _MOST_BYTES), beside.name, strict=False)
    except FileNotFoundError:
        return Unavailable("no proof beside the file")
    except (OSError, ValueError):
        return Unavailable("a proof beside the file that cannot be read")
    if proof.sha256 != hashlib.sha256(path.read_bytes()).hexdigest():
        return Unavailable("the proof beside the file is another one's")
    return Agrees(proof.agrees.share, proof.agrees.answers, proof.agrees.error)
