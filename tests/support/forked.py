"""Programs as processes of their own with streams of any kind, each forked from one program that has loaded them.

A program that starts costs half a second, a fork a few milliseconds; to the command there is no difference but the
modules that are there already.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

LOADED = (
    "edgelstm.cli edgelstm.cli.show.model edgelstm.cli.show.profile edgelstm.data edgelstm.model_file "
    "edgelstm.training edgelstm.evaluation edgelstm.quantization edgelstm.export edgelstm.runtime edgelstm.devices "
    "edgelstm.report.page edgelstm.devices.predict edgelstm.devices.profiling.page edgelstm.runtime.sources.open "
    "difflib numpy.fft numpy.ma numpy.random tomllib"
)


class Ended(NamedTuple):
    """What a command left behind; what went elsewhere than into files is empty."""

    code: int
    out: bytes
    err: bytes


class Launcher:
    """Gives commands to the program that forks them."""

    def __init__(self, program: subprocess.Popen[str], folder: Path) -> None:
        self._program, self._folder = program, folder

    def run(
        self,
        *arguments: str | Path,
        out: str | Path | None = None,
        err: str | Path | None = None,
        encoding: str = "utf-8",
        environment: Mapping[str, str] = {},
    ) -> Ended:
        """out, err: a path to write to (a file of its own by default), or `closed`, or `left`: a pipe that nobody
        reads. encoding: of both; "locale" for that of the locale that the launcher was started in. environment: what
        the command finds in its own besides the launcher's."""
        files = {name: self._folder / f"captured.{name}" for name in ("out", "err")}
        streams = {"out": str(out or files["out"]), "err": str(err or files["err"])}
        for path in files.values():
            path.write_bytes(b"")
        order = {"arguments": [str(each) for each in arguments], "encoding": encoding, **streams}
        order["environment"] = dict(environment)
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps(order) + "\n")
        self._program.stdin.flush()
        return Ended(int(self._program.stdout.readline()), *(path.read_bytes() for path in files.values()))


@contextmanager
def launcher(
    folder: Path, environment: Mapping[str, str] = {}, before: str = "", module: str = "edgelstm.cli"
) -> Iterator[Launcher]:
    """One that runs `main(arguments)` of a module in `folder`: `edgelstm` where no other is named. environment: what
    it finds in its own besides this process's. before: what it does first each time, as Python."""
    command, known = [sys.executable, __file__, before, module], os.environ | environment
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="ascii", cwd=folder, env=known
    ) as program:
        yield Launcher(program, folder)
        assert program.stdin is not None
        program.stdin.close()


def _serve() -> None:
    from importlib import import_module

    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.fsync = lambda _descriptor: None  # as in conftest.py
    main = import_module(sys.argv[2]).main
    if sys.argv[2] == "edgelstm.cli":
        for name in LOADED.split():
            import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            _become(main, order)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(main: Callable[[list[str]], object], order: dict[str, Any]) -> None:
    """The command, from its streams to its end."""
    os.environ.update(order["environment"])
    exec(sys.argv[1], {})
    encoding = str(order["encoding"])
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.FileIO(0, closefd=False))  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, str(order["out"]), encoding)  # type: ignore[assignment,misc]
    sys.stderr = sys.__stderr__ = _stream(2, str(order["err"]), encoding)  # type: ignore[assignment,misc]
    code: object = 0
    try:
        code = main(order["arguments"]) or 0
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 99
    try:  # as Python does when it ends
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        code = 120
    os._exit(int(code or 0))  # type: ignore[call-overload]


def _stream(number: int, what: str, encoding: str) -> io.TextIOWrapper | None:
    """What Python would make of the descriptor, which becomes `what`."""
    if what == "closed":
        os.close(number)
        return None
    if what == "left":
        reading, opened = os.pipe()
        os.close(reading)
    else:
        opened = os.open(what, os.O_WRONLY | os.O_CREAT)
    os.dup2(opened, number)
    os.close(opened)
    return io.TextIOWrapper(io.BufferedWriter(io.FileIO(number, "wb", closefd=False)), encoding=encoding)


if __name__ == "__main__":
    _serve()
