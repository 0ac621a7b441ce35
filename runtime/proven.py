"""Which file a proof is of: `FILE.proof.json`, which `edgelstm export` leaves beside FILE, names its SHA-256.

ONNX files have no checksum of their own: with a bit flipped they run, and answer otherwise. And a file of any kind
may be another whole one.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from edgelstm.files import followed
from edgelstm.records import Pattern, from_json, load

MAX_PROOF_BYTES = 1 << 20
_LOOKS, _BETWEEN = 5, 0.05
"""An export that is under way puts a file and its proof there one after the other: look again."""


@dataclass(frozen=True)
class _Digest:
    sha256: Annotated[str, Pattern("[0-9a-f]{64}", "64 hex digits, as `edgelstm export` writes them")]


def proof_path(path: str | Path) -> Path:
    """Where the proof of the file at `path` is: beside what it leads to."""
    return Path(f"{followed(path)}.proof.json")


def proven_digest(path: str | Path) -> str | None:
    """The SHA-256 that `FILE.proof.json` beside `path` names; None when there is none. ValueError for a bad one."""
    beside = proof_path(path)
    try:
        value = load(beside, MAX_PROOF_BYTES)
    except FileNotFoundError:
        return None
    return from_json(_Digest, value, str(beside), strict=False).sha256


def check_proven(path: str | Path) -> None:
    """ValueError, one line, where a proof lies beside the file at `path` that is of another file. OSError as `open`.

    A file without a proof may be any, and what is no file is said by whoever opens it. Reads the whole file once.
    """
    if not Path(path).is_file():
        return
    for look in range(_LOOKS):
        if look:
            time.sleep(_BETWEEN)
        expected = proven_digest(path)
        if expected is None or expected == _digest(path):
            return
    raise ValueError(
        f"{path}: not the file that {proof_path(path).name} is of, its SHA-256 is another one: damaged, or replaced "
        "without its proof; expected both as exported, or no proof"
    )


def _digest(path: str | Path) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
