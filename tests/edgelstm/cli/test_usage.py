"""What is wrong with a call is said in one style by every command, whichever words click has for it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from edgelstm.cli import COMMANDS, group
from edgelstm.cli.usage import usage_line
from in_process import run


def commands() -> Iterator[tuple[str, click.Command]]:
    """("data inspect", that command), for every one."""
    context = click.Context(group)
    for name in COMMANDS:
        one = group.get_command(context, name)
        assert one is not None
        if isinstance(one, click.Group):
            yield from ((f"{name} {each}", found) for each, found in one.commands.items())
        else:
            yield name, one


ALL = dict(commands())


def said(*arguments: str) -> str:
    """The one line of an error of usage, without its beginning and its end that names the help."""
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, ""), ended
    (line,) = ended.err.splitlines()
    assert len(line) <= 80 or line.count(", ") > 4, line  # but for the longest lists of choices
    return re.sub(r" \(see edgelstm[a-z ]* --help\)$", "", line).removeprefix("edgelstm: ")


@pytest.mark.parametrize("name", ALL)
def test_every_option_says_what_it_takes(name: str) -> None:
    command = ALL[name]
    words = name.split()
    given = [param.human_readable_name for param in command.params if isinstance(param, click.Argument)]
    for param in command.params:
        if not isinstance(param, click.Option) or param.is_eager:
            continue
        option = max(param.opts, key=len)
        if param.is_flag:
            assert said(*words, f"{option}=x") == f"{option}: takes no value"
            continue
        if isinstance(param.flag_value, str):  # its value may be left out
            continue
        assert said(*words, *given, option) == f"{option}: no value, expected one behind it"
        if isinstance(param.type, click.Choice | click.IntRange | click.FloatRange) or param.type is click.INT:
            line = said(*words, option, "zz", *given)
            assert re.fullmatch(rf"{option}: 'zz', expected [a-z0-9 ,.-]+", line), line
        if isinstance(param.type, click.IntRange) and param.type.min is not None:
            least = param.type.min
            line = said(*words, option, str(least - 1), *given)
            assert line.startswith(f"{option}: {least - 1}, expected a whole number"), line


@pytest.mark.parametrize("name", ALL)
def test_every_command_names_what_is_missing_and_the_nearest_option(name: str) -> None:
    command = ALL[name]
    needed = [param for param in command.params if param.required]
    if needed:
        assert said(*name.split()).endswith(": missing")
    assert said(*name.split(), "--zzzzzz") == "--zzzzzz: no such option"
    options = [max(param.opts, key=len) for param in command.params if isinstance(param, click.Option)]
    longest = max(options, key=len)
    assert said(*name.split(), longest[:-1] + "_") == f"{longest[:-1]}_: no such option, perhaps {longest}"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("strem", "m.elstm"), "no command 'strem', perhaps stream"),
        (("frobnicate",), "no command 'frobnicate'"),
        (("data", "inspct", "x"), "no command 'inspct', perhaps inspect"),
        (("stream", "a", "b", "c"), "c: more than the command takes"),
        (("boards", "a", "b", "c"), "b c: more than the command takes"),
        (("boards", "nowhere"), "unknown board 'nowhere', expected one that edgelstm boards lists"),
        (
            ("stream", "m.elstm", "--state-every", "x"),
            "--state-every: 'x', expected a duration such as 90s, 10m or 1h",
        ),
        (("stream", "m.elstm", "--state", "."), "--state: '.' is a directory"),
        (("profile", "m.elstm", "--wheel", "none"), "--wheel: 'none' does not exist"),
    ],
)
def test_the_words_of_others(arguments: tuple[str, ...], line: str) -> None:
    assert said(*arguments) == line


@pytest.mark.parametrize(
    ("kind", "given", "line"),
    [
        (click.FloatRange(min=0, min_open=True), "0", "--x: 0.0, expected a number above 0"),
        (click.FloatRange(max=1, max_open=True), "1", "--x: 1.0, expected a number below 1"),
        (click.FloatRange(0, 1), "2", "--x: 2.0, expected a number, 0 to 1"),
        (click.IntRange(max=3), "4", "--x: 4, expected a whole number of at most 3"),
        (click.Choice(["one"]), "two", "--x: 'two', expected one"),
        (click.FLOAT, "two", "--x: 'two', expected a number"),
    ],
)
def test_every_kind_of_limit_is_said(kind: click.types.ParamType, given: str, line: str) -> None:
    command = click.Command("c", params=[click.Option(["--x"], type=kind)])
    with pytest.raises(click.UsageError) as caught:
        command.make_context("c", ["--x", given])
    assert usage_line(caught.value, "").startswith(line)


def test_letters_that_a_terminal_would_obey_are_not_shown() -> None:
    assert said("str\x1b[31mem").startswith("no command 'str")
    assert "\x1b" not in said("stream", "--\x1b[31mx") + said("stream", "a", "b", "\x1b[31m")
