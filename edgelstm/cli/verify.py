"""`edgelstm verify`."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgelstm.cli.common import GATE_FAILED, listed_problems, naming
from edgelstm.cli.export_told import asking, show_proof
from edgelstm.cli.show.text import paragraph

if TYPE_CHECKING:
    from edgelstm.model import Model


@click.command(
    "verify",
    epilog="Example: edgelstm verify model-int8.tflite --against model.npz. The exit code is 3 when the proof "
    "fails, or when FILE is not the one that FILE.proof.json was written for.",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option("--against", required=True, type=click.Path(path_type=Path), help="The model that FILE was made from.")
@click.option("--calibrate", is_flag=True, help="Calibrate the model on DATA first, as export --data did.")
@click.option("--accept-loss", is_flag=True, help="As export: that it agrees less than it should is no failure.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(file: Path, data: Path | None, against: Path, calibrate: bool, accept_loss: bool, as_json: bool) -> None:
    """Repeat the proof of an exported FILE, on any machine: run it in its engine and compare.

    DATA holds the recordings to run, which calibration must not have seen; without it, those that the model
    carries. With --calibrate, every fifth of DATA is run.
    """
    from edgelstm.again import read_frames_again
    from edgelstm.devices.units import show_size
    from edgelstm.export import verify
    from edgelstm.matching import match_features
    from edgelstm.quantization.quantize import NotCalibratedError
    from edgelstm.recalibration import precisions_of, recalibrated
    from edgelstm.runtime.proven import proven_digest

    if calibrate and data is None:
        raise click.UsageError("--calibrate: no DATA, expected a file of sequences")
    expected = proven_digest(file)
    model = _made_from(against)
    sequences = None
    if data is not None:
        with naming(data), listed_problems():
            dataset = match_features(
                model, read_frames_again(data, model.provenance, model.feature_names, model.task)
            )
        if calibrate:
            model = recalibrated(model, dataset, **precisions_of(model))
        else:
            sequences = dataset.sequences
    with asking(against, f"DATA to run {file} on" if data is None else "--calibrate"):
        try:
            proof = verify(file, model, sequences)
        except NotCalibratedError:
            needed = "the calibrated model that it was made from, or DATA and --calibrate as export --data did"
            raise ValueError(f"{against}: not calibrated, and {file} is of integers; give {needed}") from None
    if accept_loss:
        proof = proof.accepting_loss()
    is_same = expected is None or expected == proof.sha256
    if as_json:
        same = None if expected is None else is_same
        result = {"path": str(file), "as_exported": same, "proof": proof.to_json()}
        click.echo(json.dumps(result, allow_nan=False))
    else:
        show_proof(f"{file}  {show_size(proof.size)}, {proof.precision}", proof)
        if expected is None:
            text = f"no {file.name}.proof.json: nobody says which file was proven at export"
            click.echo(paragraph(text, "  · ", "    "))
        else:
            text = "the file that was proven at export" if is_same else "not the file that was proven at export"
            click.echo(f"  {'✓' if is_same else '✗'} SHA-256: {text}")
    # Files of integers follow the ranges of calibration; `saturated` is told of them alone. A model that was never
    # calibrated learns from an export's data what its features' range is.
    if not (calibrate or proof.same_rounding.passed) and (proof.saturated is not None or model.ranges is None):
        needed = "DATA and --calibrate" if data is None else "--calibrate"
        click.echo(paragraph(f"if the file was exported with --data, give {needed}", "Note: ", "      "), err=True)
    if not (proof.passed and is_same):
        raise SystemExit(GATE_FAILED)


def _made_from(path: Path) -> Model:
    """ValueError also for a model that was trained elsewhere, which says to import it."""
    from edgelstm.importers.read import find_format
    from edgelstm.model_file import load_model

    try:
        return load_model(path)
    except ValueError:
        with suppress(ValueError):
            summary = find_format(path).summary
            text = f"--against: {path}: {summary}, expected the model.npz that `edgelstm import` makes of it"
            raise click.UsageError(text) from None
        raise
