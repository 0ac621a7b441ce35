"""Which source of frames a command was told of, and how it is to be asked."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import click

from edgelstm.cli.common import with_options
from edgelstm.runtime.mqtt.address import Login
from edgelstm.runtime.sources.source import Device, Missing


@dataclass(frozen=True)
class Chosen:
    """A source, as `open_source` takes it."""

    kind: str
    where: str
    device: Device
    columns: tuple[str, ...]  # of CSV without a header; none where nobody says
    gap: int | None  # frames that are made up at most
    asked_missing: Missing | None  # None where nobody says
    is_live: bool  # frames come as they are measured, as far as that can be told
    file: Path | None = None  # that is read, where one is

    @property
    def is_device(self) -> bool:
        """Whether it is one of those that go on for ever."""
        return self.kind in ("serial", "microphone", "mqtt")

    @property
    def missing(self) -> Missing:
        """What becomes of lines that cannot be read."""
        return self.asked_missing or ("gap" if self.is_live else "refuse")

    @property
    def is_pipe(self) -> bool:
        return self.kind == "stdin" and self.asked_missing is None


def source_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--wav`, `--serial`, `--microphone` and how these are asked; what `chosen_source` takes."""
    return with_options(function, (_WAV, *_OPTIONS))


def device_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but for `--wav`: what goes on for ever."""
    return with_options(function, _OPTIONS)


_WAV = click.option(
    "--wav",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Take the samples of a WAV file, on the scale of 16 bits; - for one on stdin.",
)

_OPTIONS = (
    click.option("--serial", metavar="DEVICE", help="Take the lines that come through a serial port."),
    click.option("--mqtt", metavar="URL", help="Take the lines in messages: mqtt://USER@HOST/TOPIC, or mqtts://."),
    click.option("--baud", type=click.IntRange(min=1), default=115200, show_default=True, help="Of the serial port."),
    click.option(
        "--microphone",
        metavar="[CARD]",
        is_flag=False,
        flag_value="default",
        help="Take what arecord records, from the card that `arecord -L` calls so, or sounddevice where there is no "
        "arecord; behind MODEL.",
    ),
    click.option(
        "--card-rate",
        type=click.IntRange(1, 1 << 20),
        metavar="HZ",
        help="Ask the card for that rate, such as 44100 or 48000, and filter here.  [default: the model's]",
    ),
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
    click.option(
        "--channel", type=click.IntRange(1, 64), metavar="N", help="Take this channel of a sound alone, from 1."
    ),
)


def chosen_source(
    file: Path | None,
    *,
    wav: Path | None,
    serial: str | None,
    baud: int,
    microphone: str | None,
    card_rate: int | None,
    channel: int | None,
    mqtt: str | None,
    columns: str | None,
    gap: int | None,
    missing: Missing | None,
    login: Login,
) -> Chosen:
    """UsageError for more than one, and for settings of another one."""
    named = {"FILE": file, "--wav": wav, "--serial": serial, "--microphone": microphone, "--mqtt": mqtt}
    given = [name for name, where in named.items() if where is not None]
    if len(given) > 1:
        raise click.UsageError(f"{given[1]}: beside {given[0]}, expected one source of frames")
    kind = given[0].strip("-").lower() if given else "file"
    refuse_foreign("FILE" if kind == "file" else f"--{kind}", "FILE")
    device = Device(baud, card_rate or 0, channel or 0, login)
    said = (device, names_in(columns), gap, missing)
    if mqtt is not None:
        return Chosen("mqtt", mqtt, *said, is_live=True)
    if serial is not None:
        return Chosen("serial", serial, *said, is_live=True)
    if microphone is not None:
        return Chosen("microphone", microphone, *said, is_live=True)
    path = file if wav is None else wav
    if path is not None and str(path) != "-":
        return Chosen(kind, str(path), *said, _is_live(path), path)
    if sys.stdin is None:
        raise click.UsageError("stdin is closed; give FILE")
    if wav is None and sys.stdin.isatty():
        click.echo("Reading frames from the terminal, one on each line. Ctrl-D ends.", err=True)
    return Chosen("wav" if wav is not None else "stdin", "-", *said, _is_live(None))


def refuse_foreign(source: str, *files: str) -> None:
    """UsageError for settings of another source than `source`. files: what those with lines are called here, besides
    ports and brokers."""
    lines = (*files, "--serial", "--mqtt")
    sounds = ("--wav", "--microphone") if "FILE" in files else ("--microphone",)
    for name, sources in (
        ("baud", ("--serial",)),
        ("card_rate", ("--microphone",)),
        ("columns", lines),
        ("missing", lines),
        ("syntax", lines),
        ("gap", (*lines, "--microphone")),
        ("channel", sounds),
    ):
        if _is_given(name) and source not in sources:
            option = "format" if name == "syntax" else name.replace("_", "-")
            raise click.UsageError(f"--{option}: goes with {' or '.join(sources)}")


def names_in(columns: str | None) -> tuple[str, ...]:
    """Those of `--columns`."""
    return tuple(name.strip() for name in (columns or "").split(",") if name.strip())


def _is_given(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _is_live(file: Path | None) -> bool:
    try:
        status = file.stat() if file is not None else os.fstat(sys.stdin.fileno())
    except (OSError, ValueError, AttributeError):  # closed, or not there: who opens it says so
        return False
    return not stat.S_ISREG(status.st_mode)
