"""`edgelstm calibrate`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgelstm.cli.common import check_output, listed_problems, naming
from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph
from edgelstm.plain import counted

if TYPE_CHECKING:
    from edgelstm.model import Model


@click.command(
    "calibrate",
    epilog="Example: edgelstm calibrate model.npz recordings -o model-int8.npz, then edgelstm export.",
)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="[default: MODEL's name with -calibrated behind it]"
)
@click.option(
    "--keep-float",
    "kept",
    metavar="LAYER",
    multiple=True,
    help="A layer (lstm0, conv1 …) whose weights stay float32 in int8 files, more than once; `none` for none.  "
    "[default: chosen by the error that int8 makes, where other layers are float32 anyway]",
)
@click.option(
    "--int16",
    "int16",
    metavar="LAYER",
    multiple=True,
    help="A layer whose weights have 16 bits in int8 files, more than once; `all` for all that may.  "
    "[default: as above]",
)
@click.option(
    "--error",
    "percent",
    type=click.FloatRange(0, 100, min_open=True),
    metavar="PERCENT",
    help="How far int8's scores may be off float32's, of their variation: 1 is 40 dB. More leaves more layers int8, "
    "and the file is smaller.  [default: 0.5; 5 for a direction]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    model: Path,
    data: Path,
    output: Path | None,
    kept: tuple[str, ...],
    int16: tuple[str, ...],
    percent: float | None,
    as_json: bool,
) -> None:
    """Teach MODEL (npz) on recordings what int8 has to hold, as training does at its end.

    Four of five recordings of DATA, in any format, or of fewer than five the first four fifths of each, say how far
    each quantity goes. The model then carries a few of them, and some of the others, which calibration never saw, for
    the proofs of what is exported from it. A model that takes raw frames learns their mean and deviation too; its
    answers stay. Where layers are float32 anyway, those of which int8 would make too much get weights of 16 bits, or
    stay float32, too.
    """
    from edgelstm.again import read_frames_again
    from edgelstm.cli.reporting import forget
    from edgelstm.matching import match_features
    from edgelstm.model_file import load_model, save_model
    from edgelstm.quantization import calibration_remarks, quantization_warnings, quantize
    from edgelstm.recalibration import check_windows, normalized, recalibrated

    output = model.with_name(f"{model.stem}-calibrated.npz") if output is None else output
    check_output(output, ".npz", [model, data])
    source = load_model(model)
    float_layers, int16_layers = _checked(source, kept, int16)
    most_error = None if percent is None else _share(source, percent, float_layers)
    with naming(data), listed_problems():
        dataset = match_features(
            source, read_frames_again(data, source.provenance, source.feature_names, source.task)
        )
        check_windows(source, dataset)
        scaled = normalized(source, dataset)
        remarks = calibration_remarks(scaled, dataset.sequences)
    with naming(model):
        made = recalibrated(
            scaled,
            dataset,
            by_time=True,
            float_layers=float_layers,
            int16_layers=int16_layers,
            most_error=most_error,
        )
    has_int8 = True
    try:
        remarks = (*remarks, *quantization_warnings(quantize(made)))
    except ValueError as error:  # for float32 it is calibrated all the same
        remarks, has_int8 = (*remarks, f"no int8: {error}"), False
    forget(output)
    save_model(made, output)
    for line in remarks:
        click.echo(paragraph(line, "Note: ", "      "), err=True)
    if as_json:
        report = {
            "output": str(output),
            "recordings": len(dataset),
            "frames": dataset.frames,
            "examples": len(made.examples),
            "unseen": len(made.unseen),
            "int8": has_int8,
            "kept_float32": [] if made.ranges is None else list(made.ranges.kept),
            "int16": [] if made.ranges is None else list(made.ranges.int16),
            "normalized": made.normalize is not source.normalize,
            "remarks": list(remarks),
        }
        click.echo(json.dumps(report, allow_nan=False))
        return
    done = "keeps some of" if made.ranges is None else "calibrated on"
    text = f"{output}: {done} {counted(len(dataset), 'recording')}, {dataset.frames:,} frames"
    click.echo(style.passed(paragraph(text, "", "  ")))
    if made.normalize is not source.normalize:
        click.echo("  · the mean and deviation of each feature are in its normalization now")
    click.echo(f"  · {counted(len(made.unseen), 'recording')} that calibration never saw kept for proofs")
    click.echo(f"Next: edgelstm export {shlex.quote(str(output))}{'' if has_int8 else ' --precision float32'}")


def _checked(
    model: Model, kept: tuple[str, ...], int16: tuple[str, ...]
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """The layers that --keep-float and --int16 name; None where neither is given."""
    from edgelstm.quantization.mixed import may_have_integers

    weighted = [at.name for at in model.road if at.layer.columns]
    named = [name for name in kept if name != "none"]
    if "all" in int16:
        if len(int16) > 1:
            raise click.UsageError("--int16: all and another layer, expected all alone, or layers without it")
        int16 = tuple(at.name for at in model.road if may_have_integers(at) and at.name not in named)
    if named and len(named) < len(kept):
        raise click.UsageError(f"--keep-float: none and {named[0]!r:.40}, expected none alone, or layers without it")
    for option, names in (("--keep-float", named), ("--int16", list(int16))):
        for name in names:
            if name not in weighted:
                or_none = ", or none alone" if option == "--keep-float" else ""
                raise click.UsageError(f"{option}: {name!r:.40}, expected one of {', '.join(weighted)}{or_none}")
    for name in int16:
        if name in named:
            raise click.UsageError(f"--int16: {name!r:.40}, which --keep-float names too, expected one of both")
    if not kept and not int16:
        return None, ()
    return tuple(name for name in weighted if name in named), tuple(name for name in weighted if name in int16)


def _share(model: Model, percent: float, float_layers: tuple[str, ...] | None) -> float:
    """--error as a share."""
    from edgelstm.hearing import behind, ear_of
    from edgelstm.quantization import keeping
    from edgelstm.quantization.quantize import why_not_held

    if float_layers is not None:
        raise click.UsageError("--error: given beside --keep-float or --int16, expected one or the other")
    calibrated = model if ear_of(model) is None else behind(model)
    if why_not_held(model) is None and not keeping.can_choose(calibrated):
        raise click.UsageError("--error: all layers of this model are int8, none is chosen: expected none of it")
    return percent / 100
