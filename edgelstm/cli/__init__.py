"""The command line. Commands are loaded when called, so that `--help` stays quick.

Exit codes: 0 done, 1 failed or bad content, 2 usage or a missing file, 3 a gate failed (parity, accuracy,
budget), 4 a board could not be reached. An error is one line on stderr; `--debug` shows the traceback.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

import edgelstm

COMMANDS = {
    "demo": "The whole road on recorded sensor data, in under five minutes.",
    "train": "Train a model as a TOML file says: data → model.npz.",
    "evaluate": "Accuracy of a model on labelled data, float32 beside int8.",
    "export": "Write a model for an engine, and prove the file there.",
    "verify": "Repeat the proof of an exported file.",
    "inspect": "What is in a model file: layers, sizes, memory per stream.",
    "stream": "Frames in, predictions out: one line of JSON each.",
    "profile": "Latency percentiles and memory, on this machine or on boards.",
    "report": "Profiles of boards and engines as one page.",
    "deploy": "Put a model on a board as a service, watch it, roll back, remove.",
    "boards": "Known boards, which one this is, and which kernels it runs.",
}
"""Name → summary. The command `NAME` is the object `command` of the module edgelstm.cli.NAME."""


_ALIKE = dict(zip("✓✗–→·…█×−µ°≤", "+x->.~#x-uo<"))


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"edgelstm.cli.{cmd_name}").command
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Prints help and version; see `invoke`."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except BrokenPipeError as error:
            raise _LeftError from error

    def invoke(self, ctx: click.Context) -> object:
        """Whoever read our output may have left: that ends a command quietly. click itself would make it exit 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _LeftError from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


class _LeftError(Exception):
    """The reader of our output has left."""


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: edgelstm demo. Each command has a --help with an example of its own.",
)
@click.version_option(edgelstm.__version__, message="edgelstm %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def group(ctx: click.Context, debug: bool) -> None:
    """Train, quantize and export LSTM models, stream them on small boards, measure what they cost there."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    # A refused option or argument raises before this runs; everything later finds it here.
    ctx.meta["edgelstm.debug"] = debug


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: runs a command and ends the process."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Small matrices: a second BLAS thread costs more than it brings. Read when numpy is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _write_what_the_terminal_can()
    debug = "--debug" in given[: next((n for n, word in enumerate(given) if word in COMMANDS), len(given))]
    try:
        result = group.main(given, prog_name="edgelstm", standalone_mode=False)
    except (BrokenPipeError, _LeftError):
        # Whoever read our output has left. Keep Python from flushing into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        code, line = _explain(error)
        click.echo(f"edgelstm: {line}", err=True)
        sys.exit(code)
    sys.exit(result if isinstance(result, int) else 0)


def _write_what_the_terminal_can() -> None:
    """Where the locale's encoding lacks a sign, as ISO 8859-1 lacks check marks, one that is like it is written."""
    codecs.register_error("edgelstm", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="edgelstm")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_ALIKE.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


def _explain(error: Exception) -> tuple[int, str]:
    """(exit code, one line) for an error that a command let through."""
    if isinstance(error, click.ClickException):
        line = " ".join(error.format_message().split())
        context = error.ctx if isinstance(error, click.UsageError) else None
        return error.exit_code, f"{line} (see {context.command_path} --help)" if context else line
    if isinstance(error, OSError):
        reason = (error.strerror or str(error) or type(error).__name__).splitlines()[0]
        where = f"{error.filename}: " if error.filename else ""
        missing = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError | PermissionError)
        return 2 if missing else 1, where + reason[:1].lower() + reason[1:]
    first = " ".join(str(error).splitlines())
    if isinstance(error, ValueError | ImportError) and first:
        return 1, first
    if isinstance(error, MemoryError):
        return 1, "out of memory"
    name = type(error).__name__
    return 1, f"{name}: {first} (an error of EdgeLSTM; edgelstm --debug shows where)"
