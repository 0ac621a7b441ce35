"""`edgelstm` commands as processes that begin to work at once: forked from one that has imported everything.

So a kill at a random time meets the work, and not the start of Python.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_SERVER = """
import json, os, sys
import edgelstm.cli.export, edgelstm.cli.profile, edgelstm.cli.report, edgelstm.cli.stream, edgelstm.cli.train
import edgelstm.data, edgelstm.devices, edgelstm.devices.profiling.page, edgelstm.evaluation, edgelstm.export
import edgelstm.model_file, edgelstm.quantization, edgelstm.runtime.engines.open, edgelstm.training
from edgelstm.cli import main

def become(arguments, folder):
    os.chdir(folder)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor, name in ((0, null), (1, null), (2, os.open("../errors", os.O_WRONLY | os.O_CREAT | os.O_APPEND))):
        os.dup2(name, descriptor)
    try:
        main(arguments)
    except SystemExit as ended:
        os._exit(ended.code or 0)
    finally:
        os._exit(99)

print(flush=True)
for line in sys.stdin:
    folder, commands = json.loads(line)
    started = []
    for arguments in commands:
        started.append(os.fork())
        if started[-1] == 0:
            become(arguments, folder)
    print(json.dumps(started), flush=True)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(one, 0)[1]) for one in started]), flush=True)
"""


class Forks:
    """Use `forks()`. What commands say on stderr is added to the file `errors` beside their folder."""

    def __init__(self, server: subprocess.Popen[str]):
        self._server = server
        assert self._answer() is None

    def seen(self, folder: Path) -> Path:
        """As the commands see it, whatever is mounted there for them."""
        return Path(f"/proc/{self._server.pid}/root{folder}")

    def run(self, folder: Path, *commands: Sequence[str], kill: tuple[int, float] | None = None) -> list[int]:
        """Exit codes of commands that ran at the same time in `folder`, negative where a signal ended one.

        kill: (which one, after so many seconds): SIGKILL.
        """
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps([str(folder), [list(map(str, one)) for one in commands]]) + "\n")
        self._server.stdin.flush()
        started = self._answer()
        if kill is not None:
            which, after = kill
            time.sleep(after)
            with contextlib.suppress(ProcessLookupError):  # it may have ended before
                os.kill(started[which], signal.SIGKILL)
        codes: list[int] = self._answer()
        return codes

    def _answer(self) -> list[int] | None:
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        assert line, "the process that forks has ended"
        return json.loads(line) if line.strip() else None


@contextlib.contextmanager
def forks(*before: str) -> Iterator[Forks]:
    """before: a program, with its arguments, that becomes the one that forks."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [*before, sys.executable, "-c", _SERVER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        yield Forks(server)
        assert server.stdin is not None
        server.stdin.close()
