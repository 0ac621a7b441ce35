"""A connection to a board by the user's own `ssh`: send files, run a program, get what it writes.

One connection carries everything, so one login is enough, and with its end all that it started ends
(`far_end.py`, which runs on the board). The board may be anybody: what it says is bounded and checked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shlex
import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from types import TracebackType
from typing import Any

from edgelstm.devices.machine.architecture import architecture
from edgelstm.devices.remote.channel import Channel, CutError, LateError
from edgelstm.records import from_json

LEAST_PYTHON = (3, 11)
_HOST = re.compile(
    r"(?=.{1,255}\Z)"
    r"(?:(?:[\w.:%+][\w.:@%+-]*@)?(?=[^@]*[a-zA-Z0-9])[\w.:%\[\]+][\w.:%\[\]+-]*"
    r"|ssh://(?:[\w.][\w.+-]*@)?\w[\w.-]*(?::[1-9]\d{0,4})?/?)",
    re.ASCII,
)
_CONNECT_SECONDS = 15
_START_SECONDS = 60.0  # a slow board's login and first Python
_ANSWER_SECONDS = 60.0
_PING_SECONDS = 10.0
_MOST_LINE = 64 << 10
_MOST_NOISE = 1 << 20
_MOST_OUTPUT = 64 << 20
_KEPT_LINES = 20

_OPTIONS = {
    "BatchMode": "yes",  # nobody is there to answer a question
    "ConnectTimeout": str(_CONNECT_SECONDS),
    "ServerAliveInterval": "10",
    "ServerAliveCountMax": "3",
    # What users have in their configuration for their own sessions and that would be in the way here.
    "ControlMaster": "no",  # one that is there is used; none is left behind
    "ClearAllForwardings": "yes",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "PermitLocalCommand": "no",
    "EscapeChar": "none",
}


class BoardError(Exception):
    """Something went wrong on a board or on the way there; one line that begins with the host."""

    def __init__(self, host: str, problem: str):
        super().__init__(f"{host}: {plain(problem)}")


@dataclass(frozen=True)
class Facts:
    """What decides whether a wheel runs on a board."""

    python: str  # its version
    executable: str
    machine: str  # of the kernel
    bits: int  # of the Python: a 32-bit system may have a 64-bit kernel
    triple: str  # that the Python was built for, such as arm-linux-gnueabihf
    libc: str  # such as "glibc 2.36"; empty when it is another one
    numpy: str  # its version; empty when there is none
    folder: str  # what is sent lies there while the connection lasts
    free: int  # bytes there

    @property
    def architecture(self) -> str:
        """As wheels name it."""
        return architecture(self.machine, self.bits)


@dataclass(frozen=True)
class Ended:
    """A program that has run on the board."""

    code: int  # negative: the signal that ended it
    out: bytes
    errors: tuple[str, ...]  # the last lines of its stderr

    def problem(self, what: str) -> str:
        """Why it failed: its last word."""
        if self.code < 0:
            return f"{what} was ended by signal {-self.code}{' (out of memory?)' if self.code == -9 else ''}"
        return self.errors[-1] if self.errors else f"{what} ended with {self.code} and no word"


def check_host(host: str) -> str:
    """A destination as ssh takes it: HOST, USER@HOST or ssh://USER@HOST:PORT. ValueError for anything else."""
    if not _HOST.fullmatch(host):
        raise ValueError(f"board {host[:60]!r}: expected a host as ssh takes it, such as pi or user@192.168.0.7")
    return host


def plain(text: str, most: int = 400) -> str:
    """Text from a board in one line that can do a terminal no harm."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return line if len(line) <= most else line[: most - 1] + "…"


def printable(value: Any) -> Any:
    """JSON from a board with text that can be printed."""
    if isinstance(value, str):
        return plain(value, 4096)
    if isinstance(value, list):
        return [printable(item) for item in value]
    if isinstance(value, dict):
        return {plain(key): printable(item) for key, item in value.items()}
    return value


class _Lines:
    """Tells lines as they come in pieces, and keeps the last ones."""

    def __init__(self, tell: Callable[[str], None]):
        self._tell = tell
        self._pending = b""
        self._kept: deque[str] = deque(maxlen=_KEPT_LINES)

    def take(self, piece: bytes) -> None:
        *whole, self._pending = (self._pending + piece).split(b"\n")
        self._pending = self._pending[:_MOST_LINE]
        for raw in whole:
            if line := plain(raw.decode("utf-8", "replace")).strip():
                self._kept.append(line)
                self._tell(line)

    def end(self) -> tuple[str, ...]:
        self.take(b"\n")
        return tuple(self._kept)


class Session:
    """Use as a context. Every method raises BoardError when the board or the way there fails."""

    def __init__(self, host: str, *, python: str = "python3"):
        self.host = check_host(host)
        self._python = python
        self._doing = "connecting"
        self._aborted = False
        self.facts: Facts

    def __enter__(self) -> Session:
        ssh = shutil.which("ssh")
        if ssh is None:
            raise FileNotFoundError(
                2, "not found, needed to reach a board (Debian: apt install openssh-client)", "ssh"
            )
        source = files("edgelstm.devices.remote").joinpath("far_end.py").read_bytes()
        options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
        self._channel = Channel([ssh, "-T", *options, "--", self.host, _command(self._python, len(source))])
        try:
            if self._aborted:
                raise BoardError(self.host, "not connected, as all was ended")
            self._greet()
            self._send(source)
            self.facts = self._facts()
        except BaseException:
            self._channel.close(0)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._channel.close(10)

    def abort(self) -> None:
        """From another thread: cut the connection; the board cleans up by itself."""
        self._aborted = True
        if hasattr(self, "_channel"):  # else __enter__ sees it
            self._channel.process.kill()

    def put(self, name: str, content: bytes) -> None:
        """Send a file into the session's folder; the board compares its SHA-256."""
        self._doing = f"sending {name}"
        digest = hashlib.sha256(content).hexdigest()
        self._order({"do": "put", "name": name, "size": len(content), "sha256": digest}, content)
        self._done()

    def unpack(self, name: str, to: str) -> None:
        """Unpack a ZIP file that was sent into the folder `to`, and remove it."""
        self._doing = f"unpacking {name}"
        self._order({"do": "unpack", "name": name, "to": to})
        self._done()

    def run(
        self,
        arguments: Sequence[str | None],
        *,
        what: str,
        seconds: float,
        environment: Mapping[str, str] = {},
        at_home: bool = False,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> Ended:
        """Run a program in the session's folder; an argument None is the board's Python.

        what: for messages. seconds: how long it may take. at_home: with the user's own home folder, else the
        session's is its home too. tell: hears each line of its stderr.
        """
        self._doing = what
        self._order({"do": "run", "arguments": list(arguments), "environment": dict(environment), "at_home": at_home})
        out, lines = bytearray(), _Lines(tell)
        deadline, asked = time.monotonic() + seconds, False
        while True:
            try:
                answer = self._answer(_ANSWER_SECONDS if asked else _PING_SECONDS)
            except LateError:
                if asked:
                    raise self._cut(f"no word for {_ANSWER_SECONDS:.0f} s") from None
                self._order({"do": "ping"})  # it shows the board that somebody is there, and us that it is
                asked = True
                continue
            asked = False
            if time.monotonic() > deadline:
                raise BoardError(self.host, f"{what}: not done after {seconds:.0f} s")
            if answer["is"] == "done":
                return Ended(self._whole(answer, "code", -64, 255), bytes(out), lines.end())
            if answer["is"] in ("out", "error"):
                piece = self._read(self._whole(answer, "size", 1, _MOST_LINE))
                if answer["is"] == "error":
                    lines.take(piece)
                    continue
                out += piece
                if len(out) > _MOST_OUTPUT:
                    raise BoardError(self.host, f"{what}: wrote more than {_MOST_OUTPUT} bytes")

    def _greet(self) -> None:
        """Find the line that our side begins with; before it a login script may have printed anything."""
        deadline, noise = time.monotonic() + _START_SECONDS, 0
        while True:
            try:
                line = self._channel.read_line(_MOST_NOISE, deadline - time.monotonic())
            except CutError:
                raise self._refused() from None
            except LateError:
                raise BoardError(self.host, f"connected, but no Python after {_START_SECONDS:.0f} s") from None
            if found := re.fullmatch(rb"edgelstm-python (\d{1,3})\.(\d{1,3})", line.strip()):
                break
            noise += len(line) + 1
            if noise > _MOST_NOISE:
                raise BoardError(self.host, "its login scripts print without end, expected nothing")
        version = int(found[1]), int(found[2])
        if version < LEAST_PYTHON:
            least = ".".join(map(str, LEAST_PYTHON))
            raise BoardError(
                self.host, f"Python {version[0]}.{version[1]} as {self._python}, expected {least} or newer"
            )

    def _facts(self) -> Facts:
        self._doing = "asking the board what it is"
        answer = self._answer(_ANSWER_SECONDS)
        try:
            return from_json(Facts, answer.get("facts"), "what it says of itself")
        except ValueError as error:
            raise BoardError(self.host, str(error)) from None

    def _refused(self) -> BoardError:
        """Why ssh, or the shell behind it, did not begin."""
        code = self._channel.close(5)
        lines = [line.strip() for line in self._channel.errors() if line.strip()]
        last = lines[-1] if lines else f"ssh ended with {code} and no word"
        if code == 127 or (code != 255 and "not found" in last):
            return BoardError(self.host, f"no {self._python} there (Debian: apt install python3 python3-numpy)")
        if code != 255:
            return BoardError(self.host, f"{self._python} cannot be started there: {last}")
        said = "\n".join(lines)
        if "usage: ssh" in said:
            return BoardError(self.host, "no host as ssh takes it, such as pi or user@192.168.0.7")
        if "Permission denied" in said:
            last += f"; `ssh {self.host}` must log in without a question (ssh-copy-id, ssh-add)"
        elif "Host key verification failed" in said:
            changed = "IDENTIFICATION HAS CHANGED" in said
            last += "; the board's key has changed" if changed else f"; log in once by hand: ssh {self.host}"
        return BoardError(self.host, f"cannot be reached: {last}")

    def _send(self, data: bytes) -> None:
        try:
            self._channel.write(data, _ANSWER_SECONDS)
        except LateError:
            raise self._cut(f"nothing is taken for {_ANSWER_SECONDS:.0f} s") from None
        except CutError:
            with contextlib.suppress(LateError):
                self._answer(5)  # it may have said why
            raise self._cut() from None

    def _order(self, order: dict[str, Any], content: bytes = b"") -> None:
        self._send(json.dumps(order).encode() + b"\n" + content)

    def _done(self) -> None:
        try:
            answer = self._answer(_ANSWER_SECONDS)
        except LateError:
            raise self._cut(f"no word for {_ANSWER_SECONDS:.0f} s") from None
        if answer["is"] != "done":
            raise self._garbled()

    def _answer(self, seconds: float) -> dict[str, Any]:
        """The next thing the board says. LateError when that takes longer; a problem it names is raised."""
        try:
            answer = json.loads(self._channel.read_line(_MOST_LINE, seconds))
        except CutError:
            raise self._cut() from None
        except (ValueError, RecursionError):
            raise self._garbled() from None
        if not isinstance(answer, dict) or not isinstance(answer.get("is"), str):
            raise self._garbled()
        if answer["is"] == "problem":
            raise BoardError(self.host, f"{self._doing}: {answer.get('text')}")
        return answer

    def _read(self, size: int) -> bytes:
        try:
            return self._channel.read(size, _ANSWER_SECONDS)
        except LateError:
            raise self._cut(f"no word for {_ANSWER_SECONDS:.0f} s") from None
        except CutError:
            raise self._cut() from None

    def _whole(self, answer: dict[str, Any], name: str, least: int, most: int) -> int:
        value = answer.get(name)
        if type(value) is not int or not least <= value <= most:
            raise self._garbled()
        return value

    def _garbled(self) -> BoardError:
        return BoardError(self.host, f"{self._doing}: what it answers makes no sense")

    def _cut(self, why: str = "") -> BoardError:
        self._channel.close(1)
        last = why or next((line.strip() for line in reversed(self._channel.errors()) if line.strip()), "")
        return BoardError(self.host, f"the connection was cut while {self._doing}{f' ({last})' if last else ''}")


def _command(python: str, size: int) -> str:
    """What the board's login shell runs: a Python that says its version and then becomes far_end.py, the next
    `size` bytes. Without line breaks and exclamation marks it means the same to sh, csh and fish."""
    start = (
        'import sys; print("\\nedgelstm-python %d.%d" % sys.version_info[:2]); sys.stdout.flush(); '
        f"exec(sys.stdin.buffer.read({size}))"
    )
    # PYTHONSAFEPATH: what lies in the home folder must not be imported
    words = ["env", "PYTHONSAFEPATH=1", "PYTHONDONTWRITEBYTECODE=1", python, "-c", start]
    return "exec " + " ".join(map(shlex.quote, words))
