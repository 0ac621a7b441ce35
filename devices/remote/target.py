"""A board as the user names it, and what must come with a program that runs there."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from edgelstm.devices.remote.session import BoardError, Session, check_host
from edgelstm.devices.wheels import running
from edgelstm.devices.wheels.wheel import check_wheel, find_wheel
from edgelstm.files import read_bounded
from edgelstm.records import Length, from_json, parse_toml

LEAST_NUMPY = (1, 24)
WHEELS = Path("dist")
"""Where `make wheels` puts them."""
REMEDY = (
    "expected EdgeLSTM's wheel for the board by --wheel; in a checkout `make wheels` builds one for each kind "
    "(docs/deploying.md)"
)

_MOST_BYTES = 1 << 20  # of a file with boards
_MARGIN = 1 << 20  # bytes that stay free on a board


@dataclass(frozen=True)
class Target:
    """A board and what to use there."""

    host: str  # as ssh takes it
    python: str = "python3"  # a name on its PATH, an absolute path, or one from the home folder
    wheels: Path = WHEELS  # a wheel, or a folder with wheels for several kinds of boards


@dataclass(frozen=True)
class _Table:
    """A `[[boards]]` of a file."""

    host: str
    python: str | None = None
    wheel: str | None = None

    def __post_init__(self) -> None:
        check_host(self.host)


@dataclass(frozen=True)
class _Tables:
    boards: Annotated[tuple[_Table, ...], Length(least=1)]


def read_targets(file: Path, python: str, wheels: Path) -> list[Target]:
    """The boards of a TOML file: tables `[[boards]]` with a host; where one has no python or wheel of its own, it
    takes the one that is given here. ValueError, one line, names the file and what is wrong in it."""
    tables = from_json(_Tables, parse_toml(read_bounded(file, _MOST_BYTES), str(file)), str(file)).boards
    return [
        Target(one.host, one.python or python, wheels if one.wheel is None else Path(one.wheel)) for one in tables
    ]


def refuse_twice(targets: Sequence[Target]) -> None:
    """ValueError for a host that is named twice: its figures would spoil each other."""
    hosts = [target.host for target in targets]
    for host in hosts:
        if hosts.count(host) > 1:
            raise ValueError(f"board {host}: given twice, expected each once")


def see_wheels(target: Target) -> None:
    """FileNotFoundError where neither a wheel nor a folder with wheels is. Where none was named, the package that
    runs here may do: the board's machine decides."""
    if target.wheels != WHEELS and not target.wheels.exists():
        raise FileNotFoundError(2, f"no such wheel or folder; {REMEDY}", str(target.wheels))


def choose_wheel(session: Session, wheels: Path) -> tuple[Path, bytes]:
    """The wheel for the board's Python, looked into, and its bytes.

    ValueError for a wheel that was named and does not suit; BoardError when there is none, or no numpy.
    """
    _check_numpy(session)
    if wheels == WHEELS and not _is_in(wheels, session.facts.architecture):
        return _packed(session)
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


def _is_in(wheels: Path, architecture: str) -> bool:
    return any(wheels.glob(f"edgelstm-*_{architecture}.whl"))


def _packed(session: Session) -> tuple[Path, bytes]:
    """The package that runs here, where the board is of the same kind, looked into as any wheel."""
    facts, host = session.facts, session.host
    if facts.architecture != running.here():
        raise BoardError(host, f"{WHEELS}: no wheel for {facts.architecture} there; {REMEDY}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            name, content = running.pack()
            Path(folder, name).write_bytes(content)
            find_wheel(facts.architecture, facts.libc, [folder])
        except (FileNotFoundError, ValueError) as error:
            why = str(error).replace(f"{folder}/", "")
            raise BoardError(host, f"{WHEELS}: no wheel there, and of what runs here none is made: {why}") from None
    return Path(name), content


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
