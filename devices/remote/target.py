"""A board as the user names it, and what must come with a program that runs there."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from edgelstm.devices.remote.session import BoardError, Session
from edgelstm.devices.wheels.wheel import check_wheel, find_wheel

LEAST_NUMPY = (1, 24)
_MARGIN = 1 << 20  # bytes that stay free on a board


@dataclass(frozen=True)
class Target:
    """A board and what to use there."""

    host: str  # as ssh takes it
    python: str = "python3"  # a name on its PATH, an absolute path, or one from the home folder
    wheels: Path = Path("dist")  # a wheel, or a folder with wheels for several kinds of boards


def see_wheels(target: Target) -> None:
    """FileNotFoundError where neither a wheel nor a folder with wheels is."""
    if not target.wheels.exists():
        raise FileNotFoundError(2, "no such wheel or folder; `make wheels` builds wheels in dist", str(target.wheels))


def choose_wheel(session: Session, wheels: Path) -> tuple[Path, bytes]:
    """The wheel for the board's Python, looked into, and its bytes.

    ValueError for a wheel that was named and does not suit; BoardError when there is none, or no numpy.
    """
    _check_numpy(session)
    path = _find(session, wheels)
    return path, path.read_bytes()


def check_room(session: Session, wheel: bytes, more: int) -> None:
    """BoardError where the wheel, packed and unpacked, and `more` bytes do not fit."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    needed, facts = len(wheel) + unpacked + more + _MARGIN, session.facts
    if facts.free < needed:
        free = f"{facts.free / 2**20:.1f} MiB free in {facts.folder}"
        raise BoardError(session.host, f"{free}, {needed / 2**20:.1f} MiB are needed")


def _find(session: Session, wheels: Path) -> Path:
    host, facts = session.host, session.facts
    try:
        if wheels.is_dir():
            return find_wheel(facts.architecture, facts.libc, [wheels])
    except (FileNotFoundError, ValueError) as error:
        raise BoardError(host, str(error)) from None
    try:
        needs = check_wheel(wheels, facts.architecture).glibc
    except ValueError as error:
        raise ValueError(f"{host}: {error}") from None
    has = re.fullmatch(r"glibc (\d{1,3})\.(\d{1,3}).*", facts.libc)
    if not has or (int(has[1]), int(has[2])) < needs:
        there = facts.libc or "unknown"
        raise BoardError(host, f"its C library is {there}, {wheels} needs glibc {needs[0]}.{needs[1]}")
    return wheels


def _check_numpy(session: Session) -> None:
    facts, least = session.facts, ".".join(map(str, LEAST_NUMPY))
    if not facts.numpy:
        there = f"no numpy for {facts.executable}"
        raise BoardError(session.host, f"{there}, {least} or newer is needed (Debian: apt install python3-numpy)")
    numbers = [int(part) for part in facts.numpy.split(".")[:2] if part.isascii() and part.isdecimal()]
    if len(numbers) == 2 and tuple(numbers) < LEAST_NUMPY:
        raise BoardError(session.host, f"numpy {facts.numpy} for {facts.executable}, expected {least} or newer")
