"""What several commands share: exit codes, options, and checks of what was given."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from edgelstm.files import check_target, followed

T = TypeVar("T")
R = TypeVar("R")

FAILED, GATE_FAILED, BOARD_TROUBLE = 1, 3, 4
"""Exit codes: bad content; a proof, an accuracy or a budget was not kept; a board could not be reached or failed."""


class BoardProblem(click.ClickException):
    """What went wrong on a board."""

    exit_code = BOARD_TROUBLE


def wheel_option(boards: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--wheel`, as `wheels`. boards: "the board", or "the boards"."""
    return click.option(
        "--wheel",
        "wheels",
        type=click.Path(path_type=Path, exists=True),
        help=f"EdgeLSTM for {boards}, or a folder with wheels.  [default: dist, where make wheels puts "
        "them; without one there the package that runs here, where the board is of this machine's kind]",
    )


def syntax_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--format`, as `syntax`: how frames are written."""
    from edgelstm.runtime.sources.source import Syntax  # brings numpy, which other commands need not

    return click.option(
        "--format", "syntax", type=click.Choice(get_args(Syntax)), default="auto", show_default=True, help=text
    )


def answer_options(window: str = "--window") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--hop`, `--window` and `--pooling`: each None where it is not given. window: the name of that one, where a
    command has another `--window`."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for name, kind, metavar, text in (
            (
                "--pooling",
                str,
                "KIND",
                "last: answers are of the newest scores; mean: of their mean; mean+max: midway to their maximum.",
            ),
            (window, int, "N", "Frames that mean and maximum cover, a multiple of the hop; 0: all."),
            ("--hop", int, "N", "An answer after every N frames; 0: only when asked, or at the end."),
        ):
            function = click.option(name, type=kind, metavar=metavar, help=f"{text}  [default: MODEL's own]")(
                function
            )
        return function

    return add


def with_options(
    function: Callable[..., Any], options: Sequence[Callable[[Callable[..., Any]], Callable[..., Any]]]
) -> Callable[..., Any]:
    """`function` with click's `options`, listed by `--help` in their order."""
    for option in reversed(options):
        function = option(function)
    return function


def threshold_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--threshold`, as `thresholds`: texts that `runtime.thresholds` reads."""
    return click.option(
        "--threshold",
        "thresholds",
        multiple=True,
        metavar="[LABEL=]P",
        help="Of sigmoids: a label is said from this probability on; for one label, or for all; may be repeated. Of "
        "anomalies: from this score on it is one, 1 is what was learned.  [default: MODEL's own, else 0.5, or 1]",
    )(function)


def event_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--event`, as `events`: texts that `runtime.events.asked` reads."""
    return click.option(
        "--event",
        "events",
        multiple=True,
        metavar="LABEL[:SETTINGS]",
        help="Tell when LABEL begins and ends. SETTINGS: threshold=P, release, smooth, least, refractory, warm-up, "
        "by commas, or P alone; without a label, of all; may be repeated.  [default: MODEL's own]",
    )(function)


@contextmanager
def of_options(window: str = "--window") -> Iterator[None]:
    """A ValueError whose line begins with an option's name is a UsageError. window: as for `answer_options`."""
    try:
        yield
    except ValueError as error:
        line = f"--{error}"
        raise click.UsageError(line.replace("--window:", f"{window}:", 1)) from None


def finite(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Callback of an option that takes a number: FloatRange lets nan pass, which no limit is broken by."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value}, expected a finite number", ctx, param)
    return value


def seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Callback of an option that takes a duration, such as 10m."""
    from edgelstm.devices.units import parse_duration

    try:
        return None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def state_options(default_age: str | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--state-every` and `--state-max-age`, in seconds. default_age: None where any state is gone on from."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        said = "any age" if default_age is None else default_age
        function = click.option(
            "--state-max-age",
            callback=seconds,
            metavar="TIME",
            default=default_age,
            help=f"Start afresh, and say so, where the last frame of a state is longer ago; 0s: whatever its age.  "
            f"[default: {said}]",
        )(function)
        return click.option(
            "--state-every",
            callback=seconds,
            metavar="TIME",
            default="60s",
            show_default=True,
            help="Save the state so often while frames come; 0s: at the end alone.",
        )(function)

    return add


def check_state_options(context: click.Context, with_option: str, kept: bool) -> None:
    """UsageError for options about a state that is not kept: what asks for nothing is a mistake."""
    for name in ("state_every", "state_max_age"):
        if not kept and context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')}: goes with {with_option}")


@contextmanager
def naming(path: Path | str, *others: Path | str) -> Iterator[None]:
    """What goes wrong within is said of the file `path`, where the error names none of these."""
    try:
        yield
    except ValueError as error:
        line = str(error)
        is_named = any(str(each) in line for each in (path, *others))
        raise ValueError(line if is_named else f"{path}: {line}") from None


def checked(check: Callable[[T], R], value: T) -> R:
    """What `check` makes of an option's value; UsageError where it refuses it."""
    try:
        return check(value)
    except ValueError as error:
        raise click.UsageError(f"--{error}") from None


def check_output(
    output: Path | None,
    suffix: str | None = None,
    inputs: Iterable[str | Path | None] = (),
    option: str = "--output",
) -> None:
    """UsageError for an output that cannot be written, before any work is done.

    That is one of another suffix; one in a folder that is not there or that takes no files; one where something lies
    that is no regular file, or that is one of `inputs`, the files that the command reads, or in a folder of these.
    """
    if output is None:
        return
    if suffix is not None and output.suffix != suffix:
        raise click.UsageError(f"{option} {output}: suffix {output.suffix or 'missing'}, expected {suffix}")
    for folder in (output.parent, followed(output).parent):
        if not folder.is_dir():
            raise click.UsageError(f"{option} {output}: folder {folder} does not exist")
    try:
        check_target(output, files_read(inputs))
    except ValueError as error:
        raise click.UsageError(f"{option} {error}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise click.UsageError(
            f"{option} {output}: no files can be made in the folder {folder}, expected one to write in"
        )


def files_read(inputs: Iterable[str | Path | None]) -> Iterator[Path]:
    """Every file that is read where `inputs` are given: of folders and lists of recordings those in them too."""
    from edgelstm.data.inside import files_of  # brings numpy; asked for where an output is there already

    for one in inputs:
        if one is not None:
            yield from files_of(Path(one))


@contextmanager
def listed_problems() -> Iterator[None]:
    """Everything that is wrong with a set of files, a line each, where one line cannot say it; exits with 1 then."""
    from edgelstm.data.recordings import BadFilesError

    try:
        yield
    except BadFilesError as error:
        for line in str(error).splitlines():
            click.echo(f"edgelstm: {line}", err=True)
        sys.exit(FAILED)
