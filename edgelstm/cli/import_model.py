"""`edgelstm import`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.common import check_output
from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph

if TYPE_CHECKING:
    from edgelstm.importers import Gates, Imported


def _names(_context: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Callback of an option that takes names with commas between."""
    return tuple(name.strip() for name in value.split(",")) if value else ()


@click.command(
    "import",
    epilog="Example: edgelstm import model.pt --layers lstm,fc,softmax --window 128 -o model.npz. What FILE does not "
    "say is asked for by the option's name.",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="[default: FILE with the suffix .npz]")
@click.option(
    "--layers",
    callback=_names,
    metavar="NAMES",
    help="The file's layers in the order in which they run, with relu, softmax, sigmoid or context:ROWS[:HOP] where "
    "the model has them, such as lstm,relu,fc,softmax.",
)
@click.option("--part", default="", metavar="NAME", help="Which of several models, or members of a checkpoint.")
@click.option("--gates", type=click.Choice(["sigmoid", "hard-sigmoid"]), help="The activation of the gates.")
@click.option("--stream", is_flag=True, help="The model keeps its state from frame to frame.")
@click.option("--window", type=click.IntRange(1), metavar="N", help="It starts anew for every window of N frames.")
@click.option("--labels", callback=_names, metavar="NAMES", help="Of the outputs, with commas between.")
@click.option("--features", callback=_names, metavar="NAMES", help="Of the columns of a frame, in their order.")
@click.option("--rate", type=click.FloatRange(0, 1e9), default=0.0, metavar="HZ", help="Frames per second.")
@click.option("--licence", default="", help="Of the weights, such as Apache-2.0.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    file: Path,
    output: Path | None,
    layers: tuple[str, ...],
    part: str,
    gates: Gates | None,
    stream: bool,
    window: int | None,
    labels: tuple[str, ...],
    features: tuple[str, ...],
    rate: float,
    licence: str,
    as_json: bool,
) -> None:
    """Read a model that was trained elsewhere and write it as model.npz, which export takes.

    Files of PyTorch and safetensors are read, without these installed, and without running what is in them.
    """
    from edgelstm.importers import Choices, read_model
    from edgelstm.model_file import save_model

    if stream and window:
        raise click.UsageError(f"--stream: goes not with --window {window}, expected one of them")
    output = file.with_suffix(".npz") if output is None else output
    choices = Choices(layers, part, gates, stream, window or 0, labels, features, rate, licence)
    check_output(output, ".npz", [file])
    imported = read_model(file, choices)
    save_model(imported.model, output)
    if as_json:
        click.echo(json.dumps(_to_json(imported, output), allow_nan=False))
    else:
        _show(imported, output)


def _show(imported: Imported, output: Path) -> None:
    model = imported.model
    road = ", ".join(f"{at.name} {at.result.size}" for at in model.road)
    click.echo(style.accepted(paragraph(f"{output}: {model.weights:,} weights, read, not proven", "", "  ")))
    click.echo(paragraph(f"frames of {model.features}, {road}, {model.activation}", "  ", "    "))
    for note in imported.notes:
        click.echo(paragraph(note, "  · ", "    "))
    click.echo(paragraph(imported.unproven, "  · not proven: ", "    "))
    click.echo(f"Next: edgelstm calibrate {shlex.quote(str(output))} recordings")


def _to_json(imported: Imported, output: Path) -> dict[str, Any]:
    model = imported.model
    return {
        "output": str(output),
        "format": imported.format,
        "weights": model.weights,
        "features": model.features,
        "outputs": model.outputs,
        "layers": [{"name": at.name, "kind": at.layer.kind, "values": at.result.size} for at in model.road],
        "notes": list(imported.notes),
        "proof": None,
        "unproven": imported.unproven,
    }
