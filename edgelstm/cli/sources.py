"""Which source of frames a command was told of, and how it is to be asked."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import click

from edgelstm.cli.common import checked, with_options
from edgelstm.runtime.sources.kind import Named, Option, SourceKind
from edgelstm.runtime.sources.open import DEVICES, SOURCES
from edgelstm.runtime.sources.source import Missing


@dataclass(frozen=True)
class Chosen:
    """A source, as `open_source` takes it."""

    kind: SourceKind
    where: str
    columns: tuple[str, ...]  # of CSV without a header; none where nobody says
    gap: int | None  # frames that are made up at most
    asked_missing: Missing | None  # None where nobody says
    is_live: bool  # frames come as they are measured, as far as that can be told
    file: Path | None = None  # that is read, where one is

    @property
    def missing(self) -> Missing:
        """What becomes of lines that cannot be read."""
        return self.asked_missing or ("gap" if self.is_live else "refuse")

    @property
    def is_pipe(self) -> bool:
        return self.kind.name == "stdin" and self.asked_missing is None


def source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Those that ask for a source, and how it is asked; what `chosen_source` takes."""
    return with_options(function, (*_options(SOURCES), *_COMMON))


def device_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same of what goes on for ever."""
    return with_options(function, (*_options(DEVICES), *_COMMON))


_COMMON = (
    click.option("--columns", metavar="NAME,…", help="What the columns of CSV without a header are called."),
    click.option(
        "--gap",
        type=click.IntRange(0, 1_000_000),
        metavar="N",
        help="Make up N missing frames at most; behind longer gaps the stream begins anew. Times in lines tell gaps "
        "then too.  [default: 5, and these do not]",
    ),
    click.option(
        "--missing",
        type=click.Choice(get_args(Missing)),
        help="What becomes of a line that cannot be read or lacks a value: a missing frame; the newest values in the "
        "place of those; a new start; an error.  [default: refuse of files, else gap]",
    ),
)


def _options(kinds: Mapping[str, type[SourceKind]]) -> Iterator[Callable[[Callable[..., Any]], Callable[..., Any]]]:
    seen = set()
    for kind in kinds.values():
        if kind.named is not None:
            yield _naming(kind.name, kind.named)
        for option in kind.options():
            if option.name not in seen:
                seen.add(option.name)
                yield _asking(option)


def _naming(name: str, named: Named) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    more: dict[str, Any] = {} if named.usual is None else {"is_flag": False, "flag_value": named.usual}
    if named.is_file:
        more["type"] = click.Path(path_type=Path, allow_dash=True)
    return click.option(option_of(name), name, metavar=named.metavar, help=named.help, **more)


def _asking(option: Option) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    kind: Any = option.type
    if option.choices:
        kind = click.Choice(option.choices)
    elif option.type in (int, float):
        limited: Any = click.IntRange if option.type is int else click.FloatRange
        kind = limited(option.bounds.least, option.bounds.most)
    return click.option(
        option_of(option.name),
        option.name,
        type=kind,
        is_flag=option.type is bool,
        metavar=option.told.metavar,
        default=option.default,
        show_default=option.default is not None,
        help=option.told.help,
    )


def option_of(name: str) -> str:
    """A source's or a field's, as it is typed."""
    return f"--{name.replace('_', '-')}"


def asked_of(kind: type[SourceKind], given: Mapping[str, Any]) -> dict[str, Any]:
    """Of what a command was given what goes with a source of that kind, and was asked for."""
    names = [option.name for option in kind.options()]
    return {name: given[name] for name in names if given[name] is not None}


def has_broker(given: Mapping[str, Any]) -> bool:
    """Whether the source is a broker."""
    return any(kind.has_broker and given.get(name) is not None for name, kind in SOURCES.items())


def chosen_source(file: Path | None, given: Mapping[str, Any]) -> Chosen:
    """given: the values of `source_options`. UsageError for more than one source, and for settings of another one."""
    named = {name: given[name] for name, kind in SOURCES.items() if kind.named is not None}
    places = {"FILE": file, **{option_of(name): where for name, where in named.items()}}
    found = [label for label, where in places.items() if where is not None]
    if len(found) > 1:
        raise click.UsageError(f"{found[1]}: beside {found[0]}, expected one source of frames")
    name = next((name for name, where in named.items() if where is not None), "file")
    refuse_foreign(name, {"file": "FILE"} | {name: option_of(name) for name in named})
    kind, where = SOURCES[name], file if name == "file" else named[name]
    is_file = name == "file" or (kind.named is not None and kind.named.is_file)
    is_stdin = is_file and (where is None or str(where) == "-")
    if is_stdin:
        if sys.stdin is None:
            raise click.UsageError("stdin is closed; give FILE")
        if name == "file":
            kind = SOURCES["stdin"]
            if sys.stdin.isatty():
                click.echo("Reading frames from the terminal, one on each line. Ctrl-D ends.", err=True)
    asked = kind(**asked_of(kind, given))
    place = "-" if is_stdin else str(where)
    checked(asked.check_where, place)
    path = Path(place) if is_file and not is_stdin else None
    is_live = _is_live(path) if is_file else True
    return Chosen(asked, place, names_in(given["columns"]), given["gap"], given["missing"], is_live, path)


def refuse_foreign(chosen: str, labels: Mapping[str, str]) -> None:
    """UsageError for settings of another source than `chosen`. labels: what the sources of this command are called,
    by their names."""
    kinds = {name: SOURCES[name] for name in SOURCES if name in labels}
    takers: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        for option in (*(option.name for option in kind.options()), *kind.common):
            takers.setdefault(option, []).append(name)
    for option, names in takers.items():
        if is_given(option) and chosen not in names:
            typed = "--format" if option == "syntax" else option_of(option)
            raise click.UsageError(f"{typed}: goes with {' or '.join(labels[name] for name in names)}")


def names_in(columns: str | None) -> tuple[str, ...]:
    """Those of `--columns`."""
    return tuple(name.strip() for name in (columns or "").split(",") if name.strip())


def is_given(name: str) -> bool:
    """Whether it stands on the command line."""
    return click.get_current_context().get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _is_live(file: Path | None) -> bool:
    try:
        status = file.stat() if file is not None else os.fstat(sys.stdin.fileno())
    except (OSError, ValueError, AttributeError):  # closed, or not there: who opens it says so
        return False
    return not stat.S_ISREG(status.st_mode)
