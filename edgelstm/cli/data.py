"""`edgelstm data`: what recordings hold, and the file that holds them all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from edgelstm.cli.common import check_output, finite, listed_problems, of_options
from edgelstm.cli.show import style
from edgelstm.cli.usage import NearestGroup
from edgelstm.plain import counted

if TYPE_CHECKING:
    from edgelstm.data.options import ReadOptions
    from edgelstm.data.recordings import Recordings


@click.group("data", cls=NearestGroup, epilog="Example: edgelstm data inspect recordings/")
def command() -> None:
    """Look at recordings before anything is trained, or put them into one file."""


def read_options(decorated: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how recordings are to be read."""
    from edgelstm.data.options import MAX_RATE, LabelFrom
    from edgelstm.data.times import Missing

    for role, what in (
        ("series", "the recording that a row belongs to, in one long CSV file"),
        ("group", "who or where it was recorded; a split keeps a group together"),
        ("label", "the label"),
        ("time", "the time stamps"),
    ):
        decorated = click.option(f"--{role}", default="", metavar="COLUMN", help=f"Column with {what}.")(decorated)
    decorated = click.option(
        "--label-from",
        type=click.Choice(get_args(LabelFrom)),
        default="auto",
        show_default=True,
        help="Where labels are.",
    )(decorated)
    decorated = click.option(
        "--names",
        default="",
        metavar="PATTERN",
        help="What names of files say, such as '{label}_{group}_{}' (docs/data.md).",
    )(decorated)
    decorated = click.option(
        "--rate",
        type=click.FloatRange(0, MAX_RATE, min_open=True),
        callback=finite,
        metavar="HZ",
        help="Frames per second, where neither times nor a header say it.",
    )(decorated)
    return click.option(
        "--missing",
        type=click.Choice(get_args(Missing)),
        default="refuse",
        show_default=True,
        help="What becomes of values and frames that are not there.",
    )(decorated)


@command.command(
    "inspect", epilog="Example: edgelstm data inspect recordings/ --label activity --missing interpolate"
)
@click.argument("data", type=click.Path(path_type=Path))
@read_options
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def inspect(data: Path, as_json: bool, **given: Any) -> None:
    """Show what is understood of DATA: recordings, labels, groups, the range of every column, holes.

    DATA is a folder of CSV, WAV or text files, one CSV file, an sktime .ts file or an NPZ file. Without --missing,
    values that are not there are counted.
    """
    from edgelstm.cli.show.data import print_summary
    from edgelstm.data.summary import summarize

    looks = click.get_current_context().get_parameter_source("missing") is click.core.ParameterSource.DEFAULT
    with listed_problems():
        found = summarize(*_read(data, replace(to_options(given), looks=looks)))
    if as_json:
        click.echo(json.dumps(found.to_json(), allow_nan=False))
    else:
        print_summary(found)


@command.command("convert", epilog="Example: edgelstm data convert recordings/ -o recordings.npz")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The .npz file to write.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--unique", "is_unique", is_flag=True, help="Leave out recordings that are the same as one before.")
@read_options
def convert(data: Path, output: Path, force: bool, is_unique: bool, **given: Any) -> None:
    """Write the recordings of DATA into one NPZ file, which reads faster and can be sent away."""
    from edgelstm.data.labels import labels_of
    from edgelstm.data.npz_writing import save_recordings
    from edgelstm.data.twins import unique

    check_output(output, ".npz", [data])
    if output.exists() and not force:
        raise click.UsageError(f"--output {output}: is there already, expected a new name, or --force")
    with listed_problems():
        found, _ = _read(data, to_options(given))
    if is_unique:
        found = unique(found)
    save_recordings(found, output)
    told = (
        counted(len(found.target_names), "target") if found.target_names else counted(len(labels_of(found)), "label")
    )
    click.echo(
        style.passed(f"{output}: {counted(len(found.recordings), 'recording')}, {found.frames:,} frames, {told}")
    )


def _read(data: Path, options: ReadOptions) -> tuple[Recordings, str]:
    """The recordings, and the name of the format in which they lie there. Texts are symbols, as the task `text` takes
    them."""
    from edgelstm.cli.show.data import TEXTS
    from edgelstm.data.read import find_format, read_recordings
    from edgelstm.data.texts import holds_texts
    from edgelstm.tasks import Text

    if data.exists() and holds_texts(data):
        return Text().recordings(data, options), TEXTS
    return read_recordings(data, options), find_format(data).name


def to_options(given: Mapping[str, Any]) -> ReadOptions:
    """What `read_options` were given."""
    from edgelstm.data.columns import Roles
    from edgelstm.data.file_names import check_pattern
    from edgelstm.data.options import ReadOptions

    with of_options():
        check_pattern(given["names"])
    roles = Roles(given["time"], given["label"], given["group"], given["series"])
    return ReadOptions(roles, given["label_from"], given["missing"], given["rate"] or 0.0, given["names"])
