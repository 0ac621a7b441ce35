"""The far end of a connection: sent to a board as text over SSH and run there, never installed.

Orders come on stdin, one JSON object on a line, some with bytes after it; answers go to stdout in the same way.
Everything lies in one folder that is removed at the end. The end comes with the connection: when stdin closes,
or when nobody has spoken for `PATIENCE` seconds, whatever runs is killed. Needs the standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import importlib.metadata
import json
import os
import platform
import selectors
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

PATIENCE = 60
CHUNK = 1 << 16
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>


class GoneError(Exception):
    """Nobody is there any more."""


class Line:
    """To the laptop."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def order(self) -> dict[str, Any]:
        while b"\n" not in self._pending:
            self._more()
        end = self._pending.index(b"\n")
        order: dict[str, Any] = json.loads(self._pending[:end])
        del self._pending[: end + 1]
        return order

    def orders_here(self) -> Iterator[dict[str, Any]]:
        """Those that have come, after something has."""
        self._more()
        while b"\n" in self._pending:
            yield self.order()

    def content(self, size: int) -> Iterator[bytes]:
        while size:
            if not self._pending:
                self._more()
            piece = bytes(self._pending[:size])
            del self._pending[: len(piece)]
            size -= len(piece)
            yield piece

    def say(self, answer: dict[str, Any], content: bytes = b"") -> None:
        data = memoryview(json.dumps(answer).encode() + b"\n" + content)
        try:
            while data:
                data = data[os.write(1, data) :]
        except BrokenPipeError:
            raise GoneError from None

    def _more(self) -> None:
        data = os.read(0, CHUNK)
        if not data:
            raise GoneError
        signal.alarm(PATIENCE)
        self._pending += data


def facts(folder: Path) -> dict[str, Any]:
    """What decides whether a wheel can run here. The architecture is this Python's: a 32-bit system may have a
    64-bit kernel."""
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        libc = ""
    try:
        numpy = importlib.metadata.version("numpy") or "unknown"
    except importlib.metadata.PackageNotFoundError:
        numpy = ""
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "machine": platform.machine(),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "triple": sysconfig.get_config_var("MULTIARCH") or sysconfig.get_config_var("HOST_GNU_TYPE") or "",
        "libc": libc,
        "numpy": numpy,
        "folder": str(folder),
        "free": shutil.disk_usage(folder).free,
    }


def put(line: Line, folder: Path, order: dict[str, Any]) -> None:
    """The bytes after the order become a file."""
    digest = hashlib.sha256()
    (folder / order["name"]).parent.mkdir(exist_ok=True)
    with (folder / order["name"]).open("wb") as file:
        for piece in line.content(order["size"]):
            digest.update(piece)
            file.write(piece)
    if digest.hexdigest() != order["sha256"]:
        raise ValueError(f"{order['name']}: what arrived is not what was sent")


def unpack(folder: Path, order: dict[str, Any]) -> None:
    with zipfile.ZipFile(folder / order["name"]) as archive:
        archive.extractall(folder / order["to"])
    (folder / order["name"]).unlink()


def run(line: Line, folder: Path, order: dict[str, Any]) -> int:
    """Run a program in a session of its own; what it writes goes to the laptop as it comes."""
    homes = {} if order["at_home"] else {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    child = subprocess.Popen(  # noqa: S603 - a vector, from the laptop that sent this program too
        [sys.executable if word is None else word for word in order["arguments"]],
        cwd=folder,
        # Mostly its home is this folder: some engines write into ~/.cache. Packages of the user stay in reach.
        env={"PYTHONUSERBASE": site.getuserbase(), **os.environ, **homes, **order["environment"]},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL),
    )
    assert child.stdout is not None
    assert child.stderr is not None
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ, None)
            selector.register(child.stdout, selectors.EVENT_READ, "out")
            selector.register(child.stderr, selectors.EVENT_READ, "error")
            while len(selector.get_map()) > 1:
                for key, _ in selector.select():
                    if key.data is None:
                        for _ in line.orders_here():  # while a program runs, only "are you there"
                            line.say({"is": "alive"})
                    elif data := os.read(key.fd, CHUNK):
                        line.say({"is": key.data, "size": len(data)}, data)
                    else:
                        selector.unregister(key.fileobj)
        return child.wait()
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def bases() -> Iterator[Path]:
    """Where a folder of ours may lie: a disk before memory."""
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises without a home
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if cache.startswith("/"):
        yield Path(cache, "edgelstm")
    if home.startswith("/"):
        yield Path(home, ".cache", "edgelstm")
    yield Path(tempfile.gettempdir(), f"edgelstm-{os.getuid()}")


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """A new folder, removed at the end, as is what an earlier connection could not clean up."""
    tried = []
    for base in bases():
        try:
            base.mkdir(0o700, parents=True, exist_ok=True)
            if base.is_symlink() or base.stat().st_uid != os.getuid():
                raise PermissionError(1, "belongs to somebody else")
            folder = Path(tempfile.mkdtemp(prefix="run-", dir=base))
        except OSError as error:
            tried.append(f"{base}: {(error.strerror or 'no').lower()}")
            continue
        break
    else:
        raise ValueError(f"no folder to work in ({'; '.join(tried)})")
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sweep(base, folder)
        yield folder
    finally:
        signal.alarm(0)
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
        for left in [base, *([base.parent] if base.parent.name == ".cache" else [])]:  # where they are empty
            with contextlib.suppress(OSError):
                left.rmdir()


def sweep(base: Path, own: Path) -> None:
    """Remove folders whose connection is dead (it held a lock), but not one that is just being made."""
    for other in base.glob("run-*"):
        with contextlib.suppress(OSError):
            if other == own or other.is_symlink() or other.stat().st_mtime > own.stat().st_mtime - 60:
                continue
            lock = os.open(other, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(other, ignore_errors=True)
            finally:
                os.close(lock)


def serve(line: Line) -> None:
    with own_folder() as folder:
        line.say({"is": "facts", "facts": facts(folder)})
        while True:
            order = line.order()
            code = 0
            if order["do"] == "put":
                put(line, folder, order)
            elif order["do"] == "unpack":
                unpack(folder, order)
            elif order["do"] == "run":
                code = run(line, folder, order)
            line.say({"is": "done", "code": code})


def gone(_number: int, _frame: FrameType | None) -> NoReturn:
    raise GoneError


def main() -> None:
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, gone)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.alarm(PATIENCE)
    line = Line()
    with contextlib.suppress(GoneError):
        try:
            serve(line)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            line.say({"is": "problem", "text": where + (error.strerror or str(error)).lower()})
        except (ValueError, zipfile.BadZipFile) as error:
            line.say({"is": "problem", "text": str(error)})


if __name__ == "__main__":
    main()
