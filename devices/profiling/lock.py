"""One profile at a time on one machine: two at once would spoil each other's figures."""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NAME_VARIABLE = "EDGELSTM_PROFILE_LOCK"
"""Environment variable with another name for the place: tests set it, whose figures nobody reads."""


class BusyError(ValueError):
    """Another profile has the machine's one place."""


@contextmanager
def alone(wait: float, tell: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Hold the machine's one place for a profile; `tell` hears what is waited for, once.

    BusyError when the place is still taken after `wait` seconds.
    """
    if sys.platform != "linux":
        yield
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as place:
        end, told = time.monotonic() + wait, False
        while not _take(place):
            if time.monotonic() >= end:
                raise BusyError(
                    f"another profile is being measured on this machine{_holder()}: "
                    f"waited {wait:g} s for it, two at once would spoil each other's figures"
                )
            if not told:
                tell(f"waiting for another profile on this machine{_holder()} to end")
                told = True
            time.sleep(0.1)
        yield


def _name() -> str:
    """In Linux's abstract namespace: one for all users, and gone with the process however it ends."""
    return "\0" + (os.environ.get(NAME_VARIABLE) or "edgelstm.profile")[:100]


def _take(place: socket.socket) -> bool:
    try:
        place.bind(_name())
        place.listen(1)
    except OSError:
        return False
    return True


def _holder() -> str:
    """` (process N)`, by the credentials that the kernel noted when the holder began to listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(0.1)
        try:
            asking.connect(_name())
            credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError:
            return ""
    return f" (process {struct.unpack('3i', credentials)[0]})"
