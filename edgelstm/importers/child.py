"""Parsers written in C run in a process of their own, with limits: whatever a file does to them, it is one line here.

The child writes plain arrays and a JSON object, which are checked as those of a stranger. A module that is such a
child calls `limit`, then reads, then calls `tell` or `refuse`: `keras_child.py` is the shortest. Engines of the
formats, which proofs ask, have one child together, `origin_child.py`: a new engine is a line in its table.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm import records
from edgelstm.plain import printable

SECONDS = 60
"""Of the processor's time."""
WAITING = 5
"""So many times that are waited: on a machine that does much else a child comes slowly to its share."""
MEMORY = 8 << 30
"""Of addresses; engines map much that they never touch."""
MAX_BYTES = 1 << 30
HEADER = "header"


def in_child(
    module: str,
    *arguments: str | Path,
    given: tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]] | None = None,
    who: str = "parser",
    seconds: int = SECONDS,
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `module`, run as a program with `arguments` and the name of a file to write, says: a JSON object and
    arrays. given: the same, for it to take by `taken` from a file whose name comes before that one. who: what runs
    there, for people. ValueError, one line, for what it refuses and for its end."""
    from edgelstm.data.npz import read_npz  # the child itself need not wait for it

    with tempfile.TemporaryDirectory(prefix="edgelstm-") as folder:
        target, source = Path(folder) / "found.npz", Path(folder) / "given.npz"
        files = [target]
        if given is not None:
            tell(str(source), *given)
            files = [source, target]
        call = [sys.executable, "-P", "-m", module, *map(str, (*arguments, *files))]
        try:
            done = subprocess.run(  # noqa: S603 - our own module
                call, capture_output=True, check=False, timeout=WAITING * seconds, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            raise ValueError(f"its {who} took more than {WAITING * seconds} s, expected a small file") from None
        if done.returncode:
            raise ValueError(_why(who, done.returncode, done.stderr))
        arrays = read_npz(target, MAX_BYTES)
    header = records.parse_json(arrays.pop(HEADER).tobytes(), f"what the {who} found")
    return header, arrays


def _why(who: str, code: int, errors: bytes) -> str:
    lines = [line for line in errors.decode("utf-8", "replace").splitlines() if line.strip()]
    said = [line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)]
    if said:
        return printable(said[-1], 400)
    if code < 0:
        return f"its {who} was ended by signal {-code}: damaged, or it takes too much memory or time"
    return f"its {who} failed: {printable(lines[-1], 200) if lines else 'no word'}"


_MARK = "refused: "


def limit(seconds: int = SECONDS) -> None:
    """For the child, before it reads: no more memory and time than a model needs."""
    import resource

    for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def refuse(problem: object) -> None:
    """For the child: says why, and ends."""
    print(_MARK + " ".join(str(problem).split())[:400], file=sys.stderr)
    sys.exit(1)


def tell(target: str, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """A JSON object and arrays as a file: what a child found, or was given."""
    text = np.frombuffer(records.to_text(header).encode(), np.uint8)
    with Path(target).open("wb") as file:
        np.savez(file, **{HEADER: text}, **arrays)  # type: ignore[arg-type]


def taken(source: str) -> tuple[Any, dict[str, NDArray[Any]]]:
    """For the child: what it was `given`."""
    from edgelstm.data.npz import read_npz

    arrays = read_npz(Path(source), MAX_BYTES)
    return records.parse_json(arrays.pop(HEADER).tobytes(), "what is asked"), arrays
