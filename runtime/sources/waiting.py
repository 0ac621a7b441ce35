"""Reading from what may say nothing for hours, without being silent meanwhile."""

from __future__ import annotations

import io
import os
import select
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

EVERY = 1.0
"""Seconds between two words while nothing comes."""


def waiting(number: int, idle: Callable[[], None]) -> BinaryIO:
    """What comes through the descriptor `number`, which stays its owner's. idle is called once a second while nothing
    comes."""
    return io.BufferedReader(_Waiting(number, idle))


def patiently(file: BinaryIO, idle: Callable[[], None]) -> BinaryIO:
    """`file`, of which nothing has been read yet, so that idle is called while nothing comes. What never waits is
    given back as it is: a regular file, or none of the system's."""
    try:
        number = file.fileno()
    except io.UnsupportedOperation:
        return file
    return file if stat.S_ISREG(os.fstat(number).st_mode) else waiting(number, idle)


class _Waiting(io.RawIOBase):
    def __init__(self, number: int, idle: Callable[[], None]) -> None:
        self._number, self._idle = number, idle

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        while not select.select([self._number], [], [], EVERY)[0]:
            self._idle()
        view = memoryview(buffer)
        data = os.read(self._number, view.nbytes)
        view[: len(data)] = data
        return len(data)
