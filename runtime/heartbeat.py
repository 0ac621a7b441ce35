"""How a stream that goes on for ever says that it does: to systemd, and in a line of the journal now and then.

As sd_notify(3) does it: datagrams to the socket that `NOTIFY_SOCKET` names. Where there is none, nothing is said.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from collections.abc import Callable, Mapping

from edgelstm.plain import counted
from edgelstm.runtime.counts import Counts
from edgelstm.runtime.gaps import Gaps

STATUS_EVERY = 10.0
"""Seconds between two words on the status to systemd."""


def notify(word: str, environment: Mapping[str, str] = os.environ) -> None:
    """OSError where systemd's socket is named and not there."""
    address = environment.get("NOTIFY_SOCKET", "")
    if address.startswith(("/", "@")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.sendto(word.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)


def watchdog(environment: Mapping[str, str] = os.environ) -> float:
    """Seconds within which systemd wants to hear of this process; 0 where it does not."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    given = environment.get("WATCHDOG_USEC", "")
    return int(given) / 1e6 if given.isdecimal() and len(given) < 18 else 0.0


def status(frames: int, gaps: Gaps, counts: Counts) -> str:
    """How a stream does that stands at `frames`, in one line."""
    parts = [counted(frames, "frame"), f"{counted(gaps.count, 'gap')} ({gaps.length})"]
    if counts.unreadable:
        parts.append(f"{counted(counts.unreadable, 'line')} not readable")
    parts += [f"{counts.dropped:,} dropped", counted(counts.reconnections, "reconnection")]
    if counts.away:
        parts.append("no connection to the broker")
    return ", ".join(parts)


class Heartbeat:
    """To be told of every frame, and now and then while none comes, by the loop that takes them: a loop that hangs
    says nothing.

    status: says how it does, in one line. tell: gets that every `tell_every` seconds; 0: never.
    """

    def __init__(
        self,
        status: Callable[[], str],
        tell: Callable[[str], None],
        tell_every: float = 0.0,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._status, self._tell, self._environment = status, tell, environment
        limit, now = watchdog(environment), time.monotonic()
        self._due: dict[Callable[[], None], tuple[float, float]] = {}  # what to say → when next, and how often
        if limit:
            self._due[self._live] = now, limit / 4
        if environment.get("NOTIFY_SOCKET"):
            self._due[self._show] = now, STATUS_EVERY
        if tell_every:
            self._due[self._report] = now + tell_every, tell_every
        self._next = min((when for when, _ in self._due.values()), default=math.inf)

    def beat(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        for say, (when, every) in self._due.items():
            if now >= when:
                say()
                self._due[say] = now + every, every
        self._next = min(when for when, _ in self._due.values())

    def _live(self) -> None:
        self._notify("WATCHDOG=1")

    def _show(self) -> None:
        self._notify(f"STATUS={self._status()}")

    def _report(self) -> None:
        self._tell(self._status())

    def _notify(self, word: str) -> None:
        with contextlib.suppress(OSError):  # a systemd that is being replaced; it asks again
            notify(word, self._environment)
