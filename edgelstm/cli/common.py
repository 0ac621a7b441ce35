"""What several commands share: exit codes, options, and checks of what was given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

FAILED, GATE_FAILED, BOARD_TROUBLE = 1, 3, 4
"""Exit codes: bad content; a proof, an accuracy or a budget was not kept; a board could not be reached or failed."""


def wheel_option(boards: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--wheel`, as `wheels`. boards: "the board", or "the boards"."""
    return click.option(
        "--wheel",
        "wheels",
        type=click.Path(path_type=Path, exists=True),
        help=f"EdgeLSTM for {boards}, or a folder with wheels.  [default: dist, where make wheels puts them]",
    )


def syntax_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--format`, as `syntax`: how frames are written."""
    from edgelstm.runtime.sources.source import Syntax  # brings numpy, which other commands need not

    return click.option(
        "--format", "syntax", type=click.Choice(get_args(Syntax)), default="auto", show_default=True, help=text
    )


def checked(check: Callable[[str], str], text: str) -> str:
    """An option's text if `check` takes it; else UsageError."""
    try:
        return check(text)
    except ValueError as error:
        raise click.UsageError(f"--{error}") from None


def check_output(output: Path | None, suffix: str | None = None) -> None:
    """UsageError for an `--output` of another suffix, or whose folder is not there."""
    if output is None:
        return
    if suffix is not None and output.suffix != suffix:
        raise click.UsageError(f"--output {output}: suffix {output.suffix or 'missing'}, expected {suffix}")
    if not output.parent.is_dir():
        raise click.UsageError(f"--output {output}: folder {output.parent} does not exist")
