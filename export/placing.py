"""A proven file, what goes with it and its proof come to their names together, whoever else exports to the same.

Whenever the process is killed, no file lies beside a proof that speaks of another one: the proof goes first and comes
last.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from edgelstm.export.parity.proof import Proof
from edgelstm.files import Candidate, candidate, check_target, followed, locked_folder
from edgelstm.runtime.proven import proof_path, proven_digest

_MOST_FAILED = 1000


def check_names(path: str | Path, companions: Iterable[str] = (), inputs: Iterable[str | Path] = ()) -> None:
    """ValueError where an export to `path` would replace what is no regular file, one of the files `inputs`, or one
    that it writes itself.

    companions: suffixes of the files that go with it.
    """
    inputs, names = tuple(inputs), names_of(path, companions)
    for name in names:
        check_target(name, inputs)
    check_apart(names)


def names_of(path: str | Path, companions: Iterable[str] = ()) -> list[Path]:
    """Where an export to `path` writes: there, what goes with it, and its proof."""
    real = followed(path)
    return [Path(path), *map(real.with_suffix, companions), proof_path(real)]


def check_apart(names: Iterable[Path]) -> None:
    """ValueError where two of these names lead to one file, there or not: one would be written over the other."""
    seen: dict[str, Path] = {}
    for name in names:
        other = seen.setdefault(os.path.realpath(name), name)
        if other is not name:
            raise ValueError(f"{name}: the same file as {other}, which is written too; expected another one")


def place(proven: Candidate, companions: Mapping[str, bytes], proof: Proof | None) -> None:
    """Let `proven` be at its path; beside it its companions, by their suffixes, and its proof, if it has one.

    What an earlier export left as NAME.failed.SUFFIX goes.
    """
    path = proven.target
    with contextlib.ExitStack() as stack:
        others = [
            stack.enter_context(_filled(path.with_suffix(suffix), content)) for suffix, content in companions.items()
        ]
        written = stack.enter_context(_filled(proof_path(path), proof.content())) if proof else None
        proven.finish()
        with locked_folder(path.parent):
            proof_path(path).unlink(missing_ok=True)
            others = [other for other in others if not _same(other.path, other.target)]
            if others:  # nor does a file lie beside companions of another one
                path.unlink(missing_ok=True)
            for other in others:
                other.put()
            proven.put()
            if written:
                written.put()
            _remove_failed(path, proven.path.suffix)


def place_failed(failed: Candidate, proof: Proof) -> Path:
    """Let `failed` lie as NAME.failed.SUFFIX, or as NAME.failed-1.SUFFIX where that is somebody's own, and its proof
    beside it. Returns where."""
    failed.finish()
    with locked_folder(failed.target.parent):
        path = _failed_path(failed.target, failed.path.suffix)
        with _filled(proof_path(path), proof.of_file(path.name).content()) as written:
            path.unlink(missing_ok=True)
            written.put()
        failed.put(path)
    return path


@contextlib.contextmanager
def _filled(path: Path, content: bytes) -> Iterator[Candidate]:
    with candidate(path) as made:
        made.write(content)
        made.finish()
        yield made


def _failed_path(path: Path, suffix: str) -> Path:
    """A name that is free, or one that an earlier export left a failed file at."""
    for number in range(_MOST_FAILED):
        found = path.with_suffix(f".failed{f'-{number}' if number else ''}{suffix}")
        if _is_ours_or_free(found):
            return found
    raise ValueError(f"{path}: {_MOST_FAILED} failed files beside it, expected fewer: remove some")


def _is_ours_or_free(path: Path) -> bool:
    try:
        digest = proven_digest(path)
        found = check_target(path)
        return found is None or (digest is not None and digest == _digest(path))
    except (OSError, ValueError):  # no regular file, or beside it no proof
        return False


def _remove_failed(path: Path, suffix: str) -> None:
    failed = path.with_suffix(f".failed{suffix}")
    with contextlib.suppress(OSError, ValueError):
        if proven_digest(failed) is not None and _is_ours_or_free(failed):
            failed.unlink(missing_ok=True)
            proof_path(failed).unlink()


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
