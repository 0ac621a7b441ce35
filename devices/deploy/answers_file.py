"""The file that a service adds its answers to, for years: a full disk is no reason to stop."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


class AnswersFile:
    """Each line is there at once, whole. Lines that find no room are dropped and counted; what was written of one
    that did not end is ended, so that what comes later stands on lines of its own.

    tell: hears, one line each, when the disk is full and when it takes lines again. OSError where the file at `path`
    cannot be opened, or for another reason not be written.
    """

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._path, self._tell = path, tell
        self._number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        self._is_torn = _ends_in_midst_of_line(path)  # as where the power was cut
        self._lost_at: int | None = None  # lines that had been dropped when the disk was full
        self.dropped = 0

    def write(self, line: bytes) -> int:
        data = b"\n" * self._is_torn + line
        try:
            written = os.write(self._number, data)
        except OSError as error:
            if error.errno not in _FULL:
                error.filename = str(self._path)
                raise
            written, why = 0, (error.strerror or str(error)).lower()
        else:
            why = "no space left on device"
        if written == len(data) - 1:  # all but its end, which comes before the next line: it is there
            self._is_torn = True
            return len(line)
        if written == len(data):
            self._is_torn = False
            if self._lost_at is not None:
                self._tell(f"{self._path}: takes answers again, {self.dropped - self._lost_at:,} dropped")
                self._lost_at = None
            return len(line)
        self._is_torn = self._is_torn if not written else not data[:written].endswith(b"\n")
        if self._lost_at is None:
            self._lost_at = self.dropped
            self._tell(f"{self._path}: {why}; answers are dropped until there is room")
        self.dropped += 1
        return len(line)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        os.close(self._number)


def _ends_in_midst_of_line(path: Path) -> bool:
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
