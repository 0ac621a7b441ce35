"""The command line. Commands are loaded when called, so that `--help` stays quick.

Exit codes: 0 done, 1 failed or bad content, 2 usage or a missing file, 3 a gate failed (parity, accuracy,
budget), 4 a board could not be reached. An error is one line on stderr; `--debug` shows the traceback.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from types import FrameType
from typing import NoReturn

import click

import edgelstm
from edgelstm.cli import terminal
from edgelstm.cli.usage import NearestGroup, usage_line
from edgelstm.plain import printable

COMMANDS = {
    "demo": "The whole road on recorded sensor data, in under five minutes.",
    "data": "Look at recordings of any format, or put them into one file.",
    "init": "Look at recordings and write a recipe to train with.",
    "train": "Train a model as a TOML file says: data → model.npz.",
    "search": "Find the best model that fits a board, on many machines.",
    "crossvalidate": "Tell how good a recipe is, each recording tested on once.",
    "evaluate": "Accuracy of a model on labelled data, float32 beside int8.",
    "import": "Read a model that was trained elsewhere, as model.npz.",
    "calibrate": "Teach a model on recordings what int8 has to hold.",
    "annotate": "Ask for the labels of clips that stream --keep kept.",
    "adapt": "Teach a model its place by a few clips, on the board itself.",
    "export": "Write a model for an engine, and prove the file there.",
    "verify": "Repeat the proof of an exported file.",
    "inspect": "What is in a model file: layers, sizes, memory per stream.",
    "stream": "Frames in, predictions out: one line of JSON each.",
    "profile": "Latency percentiles and memory, on this machine or on boards.",
    "report": "How good a model is, or what frames cost, as one page.",
    "deploy": "Put a model on a board as a service, watch it, roll back, remove.",
    "boards": "Known boards, which one this is, and which kernels it runs.",
}
"""Name → summary. The command `NAME` is the object `command` of the module edgelstm.cli.NAME."""

_MODULES = {"import": "import_model"}
"""Where Python has a word of that name."""

_BEGIN = "edgelstm: "
_MOST_LETTERS = 600  # of an error
_OF_OPTION = re.compile(r"--[a-z][a-z-]*[: ]")
"""How an error begins that is about what was asked for, not about what a file holds."""

_NO_ARGUMENTS: tuple[type[click.ClickException], ...] = tuple(
    one for one in (getattr(click.exceptions, "NoArgsIsHelpError", None),) if one is not None
)
"""What a group raises that is called without a command, whose message is its help; older click prints that itself."""


class _Commands(NearestGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"edgelstm.cli.{_MODULES.get(cmd_name, cmd_name)}").command
        return command

    def invoke(self, ctx: click.Context) -> object:
        """click itself would answer Ctrl-C with an empty line."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _InterruptedError from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


class _InterruptedError(Exception):
    """Ctrl-C has come."""


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
    """Runs a command and ends the process."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Small matrices: a second BLAS thread costs more than it brings. Read when numpy is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    terminal.prepare()
    if not sys.warnoptions:  # what overflows is told by what it leads to
        warnings.simplefilter("ignore", RuntimeWarning)
    debug = "--debug" in given[: next((n for n, word in enumerate(given) if word in COMMANDS), len(given))]
    interrupted = _heard_ctrl_c()
    try:
        result = group.main(given, prog_name="edgelstm", standalone_mode=False)
    except (KeyboardInterrupt, click.Abort, _InterruptedError):
        _end_interrupted()
    except Exception as error:
        if debug:
            raise
        if interrupted():  # modules that were being imported make errors of their own of it
            _end_interrupted()
        if isinstance(error, _NO_ARGUMENTS):
            click.echo(error.format_message(), err=True)
            sys.exit(2)
        code, line = _explain(error)
        click.echo(f"{_BEGIN}{_clipped(printable(line))}", err=True)
        sys.exit(code)
    sys.exit(result if isinstance(result, int) else 0)


def _heard_ctrl_c() -> Callable[[], bool]:
    """From here on Ctrl-C raises KeyboardInterrupt, as before; what is returned tells whether it has."""
    heard: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        heard.append(number)
        raise KeyboardInterrupt

    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    return lambda: bool(heard)


def _end_interrupted() -> NoReturn:
    click.echo("edgelstm: interrupted", err=True)
    sys.exit(130)


def _clipped(line: str) -> str:
    """Its beginning says which file and field, its end what would be right."""
    return line if len(line) <= _MOST_LETTERS else f"{line[: _MOST_LETTERS - 120]} … {line[-110:]}"


def _explain(error: Exception) -> tuple[int, str]:
    """(exit code, one line) for an error that a command let through."""
    if isinstance(error, click.UsageError):
        return error.exit_code, usage_line(error, _BEGIN)
    if isinstance(error, click.ClickException):
        return error.exit_code, " ".join(error.format_message().split())
    if isinstance(error, OSError):
        reason = (error.strerror or str(error) or type(error).__name__).splitlines()[0]
        where = f"{error.filename}: " if error.filename else ""
        missing = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError | PermissionError)
        return 2 if missing else 1, where + reason[:1].lower() + reason[1:]
    first = " ".join(str(error).splitlines())
    if isinstance(error, ValueError | ImportError) and first:
        return 2 if _OF_OPTION.match(first) else 1, first
    if isinstance(error, MemoryError):
        return 1, "out of memory"
    if isinstance(error, RecursionError):
        return 1, "lists and objects too deep in one another"
    name = type(error).__name__
    return 1, f"{name}: {first} (an error of EdgeLSTM; edgelstm --debug shows where)"
