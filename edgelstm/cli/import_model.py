"""`edgelstm import`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.common import GATE_FAILED, check_output, finite, listed_problems, naming
from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph

if TYPE_CHECKING:
    from edgelstm.importers.choices import Gates
    from edgelstm.importers.imported import Imported
    from edgelstm.importers.proof import ImportProof
    from edgelstm.model import Model
    from edgelstm.runtime.frame import Float32


def _names(_context: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Callback of an option that takes names with commas between."""
    return tuple(name.strip() for name in value.split(",")) if value else ()


def _unlike_names(context: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """The same, of which no two may be alike."""
    names = _names(context, param, value)
    for place, name in enumerate(names):
        if name in names[:place]:
            raise click.UsageError(f"--{param.name}: {name!r:.60} twice, expected names that differ")
    return names


def _numbers(_context: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> dict[str, int]:
    """Callback of an option that takes NAME=NUMBER, once or more."""
    found: dict[str, int] = {}
    for one in value:
        name, mark, number = one.rpartition("=")
        if not mark or not name or not number.isdecimal() or len(number) > 9:
            raise click.UsageError(f"--set: {one!r:.60}, expected NAME=NUMBER, such as sr=16000")
        if name in found:
            raise click.UsageError(f"--set: {name!r:.60} twice, expected once")
        found[name] = int(number)
    return found


def _pairs(_context: click.Context, _param: click.Parameter, value: str | None) -> dict[str, str]:
    """Callback of an option that takes INPUT=OUTPUT with commas between."""
    found: dict[str, str] = {}
    for one in value.split(",") if value else ():
        name, _, after = one.strip().partition("=")
        if not name or not after or name in found or after in found.values():
            raise click.UsageError(f"--states: {one!r:.60}, expected INPUT=OUTPUT, each name once, such as h=h_out")
        found[name] = after
    return found


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
    help="The file's layers in the order in which they run, with relu, tanh, sigmoid, hard_sigmoid, softmax, l2 or "
    "context:ROWS[:HOP] where the model has them, such as lstm,relu,fc,softmax.",
)
@click.option(
    "--part",
    default="",
    metavar="NAME",
    help="Which of several models, members of a checkpoint, or answers of a graph.",
)
@click.option("--gates", type=click.Choice(["sigmoid", "hard-sigmoid"]), help="The activation of the gates.")
@click.option("--stream", is_flag=True, help="The model keeps its state from frame to frame.")
@click.option("--window", type=click.IntRange(1), metavar="N", help="It starts anew for every window of N frames.")
@click.option(
    "--set",
    "sets",
    multiple=True,
    callback=_numbers,
    metavar="NAME=N",
    help="ONNX: a number for an input that chooses what is computed, such as sr=16000, or how many values a frame of "
    "an input has where the file leaves it open.",
)
@click.option(
    "--overlap",
    type=click.IntRange(1),
    metavar="N",
    help="ONNX: so many values of a frame in FILE are the newest of the frame before, which the program around it "
    "puts there. The model takes the others and remembers these.",
)
@click.option(
    "--states",
    callback=_pairs,
    metavar="PAIRS",
    help="ONNX: inputs that take states with the outputs that renew them, where names say otherwise than the graph, "
    "such as h=h_out,c=c_out.",
)
@click.option("--labels", callback=_unlike_names, metavar="NAMES", help="Of the outputs, with commas between.")
@click.option(
    "--features", callback=_unlike_names, metavar="NAMES", help="Of the columns of a frame, in their order."
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 1e9),
    callback=finite,
    default=0.0,
    metavar="HZ",
    help="Frames per second.",
)
@click.option("--licence", default="", help="Of the weights, such as Apache-2.0.")
@click.option("--data", type=click.Path(path_type=Path), help="Recordings of any format to compare on.")
@click.option("--no-verify", is_flag=True, help="Do not compare the model with FILE in its own engine.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    file: Path,
    output: Path | None,
    layers: tuple[str, ...],
    part: str,
    gates: Gates | None,
    stream: bool,
    window: int | None,
    sets: dict[str, int],
    overlap: int | None,
    states: dict[str, str],
    labels: tuple[str, ...],
    features: tuple[str, ...],
    rate: float,
    licence: str,
    data: Path | None,
    no_verify: bool,
    as_json: bool,
) -> None:
    """Read a model that was trained elsewhere and write it as model.npz, which export takes.

    No framework has to be installed, and nothing that is in FILE runs here. ONNX and TFLite files are run in their
    own engine beside the model: frame by frame, with states carried, after a reset. The proof is stored as
    NAME.npz.proof.json. Where a format has no engine, the model is "read, not proven".
    """
    from edgelstm.cli.reporting import forget
    from edgelstm.files import write_whole
    from edgelstm.importers.choices import Choices
    from edgelstm.importers.read import read_model
    from edgelstm.model_file import save_model
    from edgelstm.runtime.proven import proof_path

    if stream and window:
        raise click.UsageError(f"--stream: goes not with --window {window}, expected one of them")
    if data is not None and not data.exists():
        raise click.UsageError(f"--data: {data}: no such file or folder, expected recordings")
    if data is not None and no_verify:
        raise click.UsageError("--data: goes not with --no-verify, which compares nothing, expected one of them")
    output = file.with_suffix(".npz") if output is None else output
    choices = Choices(
        layers, part, gates, stream, window or 0, labels, features, rate, licence, sets, overlap or 0, states
    )
    check_output(output, ".npz", [file])
    imported = read_model(file, choices)
    if imported.origin is None and data is not None:
        raise click.UsageError(
            f"--data: goes not with this file, there is nothing to compare with: {imported.unproven}"
        )
    proof = None
    if imported.origin is not None and not no_verify:
        proof = _proven(file, imported, _recordings(imported, data))
    proof_path(output).unlink(missing_ok=True)  # of another model, if there is one
    forget(output)
    save_model(imported.model, output)
    if proof is not None:
        write_whole(proof_path(output), proof.content(output))
    if as_json:
        click.echo(json.dumps(_to_json(imported, output, proof), allow_nan=False))
    else:
        _show(imported, output, proof)
    if proof is not None and not proof.passed:
        raise SystemExit(GATE_FAILED)


def _proven(file: Path, imported: Imported, recordings: list[Float32]) -> ImportProof:
    """What goes wrong is said of the file, but where an option is to blame."""
    from edgelstm.importers.proof import prove

    try:
        return prove(imported, recordings)
    except ValueError as error:
        line = str(error)
        raise ValueError(line if line.startswith("--") or str(file) in line else f"{file}: {line}") from None


def _recordings(imported: Imported, data: Path | None) -> list[Float32]:
    from edgelstm.again import read_frames_again
    from edgelstm.matching import match_features

    if data is None:
        return []
    model = imported.model
    with naming(data), listed_problems():
        dataset = match_features(model, read_frames_again(data, {}, model.feature_names, model.task))
    return list(dataset.sequences)


def _show(imported: Imported, output: Path, proof: ImportProof | None) -> None:
    model = imported.model
    road = ", ".join(f"{at.name} {at.result.size}" for at in model.road)
    text = f"{output}: {model.weights:,} weights"
    if proof is None or (proof.passed and not proof.decided):
        click.echo(style.accepted(paragraph(f"{text}, read, not proven", "", "  ")))
    else:
        says = "answers as the file does" if proof.passed else "answers otherwise than the file does"
        click.echo(style.mark(proof.passed, paragraph(f"{text}, {says}", "", "  ")))
    click.echo(paragraph(f"frames of {model.features}, {road}, {model.activation}", "  ", "    "))
    for note in imported.notes:
        click.echo(paragraph(note, "  · ", "    "))
    for line in proof.lines() if proof else [f"· not proven: {imported.unproven or '--no-verify'}"]:
        click.echo(paragraph(line, "  ", "    "))
    if proof is None or proof.passed:
        click.echo(_next(model, shlex.quote(str(output))))


def _next(model: Model, output: str) -> str:
    """What to do with it; `output` as a shell takes it."""
    from edgelstm.quantization.quantize import why_not_held

    why_not = why_not_held(model)
    if why_not is None:
        return f"Next: edgelstm calibrate {output} recordings"
    click.echo(paragraph(f"{why_not}: float32 alone", "  · ", "    "))
    return f"Next: edgelstm export {output} --precision float32 --data recordings"


def _to_json(imported: Imported, output: Path, proof: ImportProof | None) -> dict[str, Any]:
    model = imported.model
    return {
        "output": str(output),
        "format": imported.format,
        "weights": model.weights,
        "features": model.features,
        "outputs": model.outputs,
        "layers": [{"name": at.name, "kind": at.layer.kind, "values": at.result.size} for at in model.road],
        "notes": list(imported.notes),
        "proof": None if proof is None else proof.to_json(),
        "unproven": imported.unproven,
    }
