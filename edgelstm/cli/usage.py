"""What is wrong with how a command was called, in the words of all other errors: what was given, what would be right.

click says it in words of its own, which change with its version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import click

_COLUMNS = 80
_CONVERTED = re.compile(r"(?P<given>'.*'|[^' ]+) is not (?:a valid |in the range |one of |')", re.DOTALL)
_PATH = re.compile(r"(?:File|Directory|Path) (?P<rest>'.*' .*?)\.?", re.DOTALL)
_EXTRA = re.compile(r"Got unexpected extra arguments? \((?P<given>.*)\)", re.DOTALL)


def usage_line(error: click.UsageError, begin: str) -> str:
    """One line; it names the command's help where that fits behind `begin` into a terminal's usual width."""
    line = " ".join(_line(error).split())
    hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
    return line + hint if len(begin) + len(line) + len(hint) <= _COLUMNS else line


class NearestGroup(click.Group):
    """A group that names the nearest command where there is none of that name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        # what begins as an option is one to click
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            raise click.UsageError(f"no command {name!r}{_perhaps(name, self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)


def _line(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption):
        return f"{error.option_name}: no such option{_perhaps(error.option_name, _options(error.ctx))}"
    if isinstance(error, click.BadOptionUsage):
        is_lone = error.message.endswith("not take a value.")
        return f"{error.option_name}: {'takes no value' if is_lone else 'no value, expected one behind it'}"
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{_name(error.param)}: missing{_what(error.param)}"
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"{_name(error.param)}: {_problem(error.param, error.message)}"
    if extra := _EXTRA.fullmatch(error.message):
        return f"{extra['given']}: more than the command takes"
    return error.message


def _name(param: click.Parameter) -> str:
    """As people write it: the long form of an option, an argument's name in capitals."""
    if isinstance(param, click.Option):
        return max((*param.opts, *param.secondary_opts), key=len)
    return param.human_readable_name.strip("[].")


def _what(param: click.Parameter) -> str:
    expected = _expected(param)
    return f", expected {expected}" if expected else ""


def _problem(param: click.Parameter, message: str) -> str:
    """What was given, and what would be right, where `message` is one of click's own."""
    found, expected = _CONVERTED.match(message), _expected(param)
    if found and expected:
        return f"{found['given']}, expected {expected}"
    path = _PATH.fullmatch(message)
    return path["rest"] if path else message


def _expected(param: click.Parameter) -> str:
    """A value of its kind, in words; empty where there are none for it."""
    kind = param.type
    if isinstance(kind, click.Choice):
        *others, last = map(str, kind.choices)
        return f"{', '.join(others)} or {last}" if others else last
    if isinstance(kind, click.IntRange | click.FloatRange):
        number = "a whole number" if isinstance(kind, click.IntRange) else "a number"
        if kind.min is not None and kind.max is not None:
            return f"{number}, {kind.min:,} to {kind.max:,}"
        least, most = "above" if kind.min_open else "of at least", "below" if kind.max_open else "of at most"
        limits = ((least, kind.min), (most, kind.max))
        return " ".join([number, *(f"{words} {limit:,}" for words, limit in limits if limit is not None)])
    return {click.INT.name: "a whole number", click.FLOAT.name: "a number"}.get(kind.name, "")


def _options(context: click.Context | None) -> list[str]:
    params = context.command.get_params(context) if context else []
    return [
        name for param in params if isinstance(param, click.Option) for name in (*param.opts, *param.secondary_opts)
    ]


def _perhaps(name: str, known: Iterable[str]) -> str:
    from edgelstm.hints import nearest

    found = nearest(name, known)
    return f", perhaps {found}" if found else ""
