"""Programs `python -P -m MODULE`, forked from one that has loaded what they import: to start Python and an engine is
most of the time of a file's import. In place of `subprocess` in `edgelstm.importers.child`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOADED = (
    "h5py onnx onnxruntime ai_edge_litert.interpreter numpy.random edgelstm.data.npz edgelstm.importers.origin_child"
)


class ForkedModules:
    """What `in_child` asks of `subprocess`."""

    DEVNULL = subprocess.DEVNULL
    TimeoutExpired = subprocess.TimeoutExpired

    def __init__(self, program: subprocess.Popen[str], folder: Path) -> None:
        self._program, self._errors = program, folder / "errors"

    def run(self, call: Sequence[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        """`options` are those of a program without input whose errors are kept; its own limits end it."""
        assert list(call[:3]) == [sys.executable, "-P", "-m"]
        assert options.pop("timeout") > 0
        assert options == {"capture_output": True, "check": False, "stdin": subprocess.DEVNULL}
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps([str(self._errors), *call[3:]]) + "\n")
        self._program.stdin.flush()
        code = int(self._program.stdout.readline())
        return subprocess.CompletedProcess(call, code, b"", self._errors.read_bytes())


@contextmanager
def forked_modules() -> Iterator[ForkedModules]:
    command = [sys.executable, "-P", __file__]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as program,
    ):
        yield ForkedModules(program, Path(folder))
        assert program.stdin is not None
        program.stdin.close()


def _serve() -> None:
    from contextlib import suppress
    from importlib import import_module

    for name in LOADED.split():
        with suppress(ImportError):  # whoever needs it says so
            import_module(name)
    for line in sys.stdin:
        errors, module, *arguments = json.loads(line)
        child = os.fork()
        if not child:
            _become(errors, module, arguments)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(errors: str, module: str, arguments: list[str]) -> None:
    import runpy
    import traceback

    for number, path in ((0, os.devnull), (1, os.devnull), (2, errors)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
    code: Any = 0
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(int(code or 0))


if __name__ == "__main__":
    _serve()
