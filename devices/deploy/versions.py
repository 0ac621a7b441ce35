"""Where the versions of a deployment lie on a board. The standard library only: see `installation.py`.

A deployment lies in `~/.local/share/edgelstm/NAME`: `versions/NUMBER-HASH` with all that one version needs, and
`current`, a link to the one that runs. A version is made beside, tested, and only then linked; where it does not
start, the link goes back. Each version names in the file `before` the one that ran well before it: a rollback goes
along those, and so never comes to one that was rolled back from. What a killed process left half-done the next order
removes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

BEFORE, NEW = "before", "new"
"""Files of a version: which one ran well before it; and, until it was linked, that it never was."""
_VERSION = re.compile(r"\d{4,}-[0-9a-f]{8}")


class Deployment:
    def __init__(self, name: str):
        self.name = name
        self.unit = f"edgelstm-{name}.service"
        self.root = home("XDG_DATA_HOME", ".local/share") / "edgelstm" / name
        self.link = self.root / "current"

    def versions(self) -> list[str]:
        """The oldest first."""
        found = [path.name for path in (self.root / "versions").glob("*") if _VERSION.fullmatch(path.name)]
        return sorted(found, key=number)

    def current(self) -> str:
        """Empty when none is."""
        try:
            return self.link.readlink().name
        except OSError:
            return ""

    def folder(self, version: str) -> Path:
        return self.root / "versions" / version

    def before(self, version: str) -> str:
        """The version that ran well before it; empty when there is none any more."""
        older = [one for one in self.versions() if number(one) < number(version)] if version else []
        try:
            named = (self.folder(version) / BEFORE).read_text().strip()
        except OSError:  # versions did not always say it
            named = older[-1] if older else ""
        return named if named in older else ""

    def switch(self, version: str) -> None:
        """In one step: at any moment `current` is a whole version."""
        beside = self.root / ".current"
        beside.unlink(missing_ok=True)
        beside.symlink_to(Path("versions", version))
        beside.replace(self.link)
        synced = os.open(self.root, os.O_RDONLY)
        try:
            os.fsync(synced)
        finally:
            os.close(synced)
        (self.folder(version) / NEW).unlink(missing_ok=True)

    def drop(self, version: str) -> None:
        """Nobody takes what is half removed for a version."""
        gone = self.root / "versions" / f".gone-{version}"
        with contextlib.suppress(OSError):
            self.folder(version).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def clean(self) -> None:
        """Remove what somebody who was killed left half-done."""
        for pattern in (".new-*", ".gone-*"):
            for left in (self.root / "versions").glob(pattern):
                shutil.rmtree(left, ignore_errors=True)
        for version in self.versions():
            if version == self.current():
                (self.folder(version) / NEW).unlink(missing_ok=True)
            elif (self.folder(version) / NEW).exists():
                self.drop(version)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else changes it meanwhile; what another one left half-done is removed."""
        self.root.mkdir(0o700, parents=True, exist_ok=True)
        lock = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.clean()
            yield
        except BlockingIOError:
            raise ValueError(f"{self.name}: somebody else is changing it at this moment") from None
        finally:
            os.close(lock)
            for folder in (self.root / "versions", self.root, self.root.parent):
                with contextlib.suppress(OSError):
                    folder.rmdir()  # where nothing is in it


def number(version: str) -> int:
    return int(version.partition("-")[0])


def home(variable: str, below: str) -> Path:
    given = os.environ.get(variable, "")
    return Path(given) if given.startswith("/") else Path.home() / below
