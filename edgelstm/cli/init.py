"""`edgelstm init`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from edgelstm.cli.common import check_output, listed_problems
from edgelstm.cli.data import read_options, to_options
from edgelstm.cli.show import style, text

_MOST_NOTES = 12


@click.command("init", epilog="Example: edgelstm init recordings/ -o recipe.toml, then edgelstm train recipe.toml")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("recipe.toml"), show_default=True)
@click.option("--force", is_flag=True, help="Replace a recipe that is there.")
@read_options
def command(data: Path, output: Path, force: bool, **given: str) -> None:
    """Look at DATA and write a recipe to train with.

    DATA is a folder of CSV or WAV files, one CSV file, an sktime .ts file or an NPZ file (docs/data.md). The recipe
    has sizes that fit, a split, and a word on every key.
    """
    from edgelstm.data.labelled import labelled
    from edgelstm.data.read import find_format, read_recordings
    from edgelstm.data.summary import summarize
    from edgelstm.files import whole_file
    from edgelstm.training.config import parse_config
    from edgelstm.training.proposal import propose, recipe

    check_output(output, ".toml", [data])
    if output.exists() and not force:
        raise click.UsageError(f"--output {output}: is there already, expected a new name, or --force")
    options = to_options(given)
    with listed_problems():
        found = read_recordings(data, options)
    dataset = labelled(found)
    written = recipe(dataset, propose(dataset), os.path.relpath(data, output.parent), options)
    parse_config(written, str(output))
    with whole_file(output) as file:
        file.write(written.encode())
    click.echo(style.passed(f"{output}: {len(dataset)} recordings, {len(dataset.labels)} labels"))
    summary = summarize(found, find_format(data).name)
    for warning in (*summary.notes[:_MOST_NOTES], *summary.warnings):
        click.echo(text.paragraph(text.plain(warning), "  ! ", "    "))
    click.echo(f"Next: edgelstm train {shlex.quote(str(output))} -o model.npz")
