"""`edgelstm export`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgelstm.cli.common import (
    GATE_FAILED,
    answer_options,
    check_output,
    event_option,
    files_read,
    listed_problems,
    naming,
    of_options,
    threshold_option,
)
from edgelstm.cli.export_told import asking, next_commands, remedy_of, show, show_failure, show_limits, to_json
from edgelstm.cli.forms import chosen_forms, forms_made_of, list_forms
from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph
from edgelstm.files import kind_at

if TYPE_CHECKING:
    from edgelstm.export import Form
    from edgelstm.runtime.pooling import PoolingKind


@click.command(
    "export",
    epilog="Example: edgelstm export model.npz --format elstm --format tflite. "
    "A file whose proof fails is left as NAME.failed.SUFFIX, and the exit code is 3.",
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, asked: list_forms(context) if asked else None,
    help="Show every form: engine, precision, state, when to choose it, what to beware.",
)
@click.option("--format", "formats", multiple=True, help="See --list, or all; may be repeated. [default: elstm]")
@click.option("--precision", help="A form of the format: see --list. [default: int8; for onnx float32]")
@click.option(
    "--scales",
    help="Of int8 weights: per-row (more accurate) or per-gate (equals TFLite bit for bit). "
    "[default: per-row; for tflite per-gate]",
)
@click.option(
    "--io",
    default="float32",
    show_default=True,
    help="float32: raw frames in, scores and probabilities out. int8: integers in and out, for forms that say so.",
)
@click.option(
    "--input",
    "input_codes",
    default="int8",
    show_default=True,
    help="What frames become in a file of integers: int8, or int16 (elstm and c: more accurate, up to 512 features).",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File, or folder for several. [default: beside MODEL]"
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Recordings of any format instead of MODEL's own: four of five for calibration, every fifth for the proof.",
)
@answer_options()
@threshold_option
@event_option
@click.option("--licence", help="Of the model, for the file's metadata, such as Apache-2.0. [default: MODEL's own]")
@click.option("--no-verify", is_flag=True, help="Do not run the file in its engine.")
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Keep a file that agrees with the model less than it should; the proof says so.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    model: Path,
    formats: tuple[str, ...],
    precision: str | None,
    scales: str | None,
    io: str,
    input_codes: str,
    output: Path | None,
    data: Path | None,
    pooling: PoolingKind | None,
    window: int | None,
    hop: int | None,
    thresholds: tuple[str, ...],
    events: tuple[str, ...],
    licence: str | None,
    no_verify: bool,
    accept_loss: bool,
    as_json: bool,
) -> None:
    """Write MODEL (npz) for an engine, run the file there on real sequences, and compare.

    A file passes when it computes what its form says (same rounding), and agrees with the float model on recordings
    that calibration never saw: 98 % of 200 answers or more, worth 100 independent ones, are decided alike, and the
    scores are off by at most twice what --list states. The proof is stored beside the file as FILE.proof.json.

    The file's own answers are MODEL's, or as --hop, --window, --pooling and --threshold say; the proof judges those.
    What --event says is kept in the file for streams.
    """
    import numpy as np

    from edgelstm.again import read_frames_again
    from edgelstm.devices.profiling.glance import frame_us
    from edgelstm.export import answering, export_model
    from edgelstm.matching import match_features
    from edgelstm.model_file import load_model
    from edgelstm.quantization import calibration_remarks
    from edgelstm.recalibration import precisions_of, recalibrated
    from edgelstm.runtime.engines.open import SUFFIXES

    forms = chosen_forms(formats or ("elstm",), precision, scales, io, input_codes)
    ending = ("" if io == "float32" else "-integers") + ("" if input_codes == "int8" else f"-from-{input_codes}")
    files = dict(zip(forms, _paths(model, forms, output, ending)))
    source = load_model(model)
    _check_outputs(files, [path for path in (model, data) if path is not None])
    with of_options():
        own, source = source, answering(source, pooling, window, hop, thresholds, events)
    if own.events and not events and own.answer != source.answer:
        text = "the model's thresholds of events were for its own answers: evaluate --events judges others"
        click.echo(paragraph(text, "Note: ", "      "), err=True)
    if licence is not None:
        source = replace(source, licence=licence)
    if data is not None:
        with naming(data), listed_problems():
            dataset = match_features(
                source, read_frames_again(data, source.provenance, source.feature_names, source.task)
            )
        for line in calibration_remarks(source, dataset.sequences):
            click.echo(paragraph(line, "Note: ", "      "), err=True)
        with naming(model):
            source = recalibrated(source, dataset, **precisions_of(source))
    if "all" in formats:
        files = {form: files[form] for form in forms_made_of(source, model, forms, scales, input_codes)}
    with naming(model):
        show_limits(source, [form for form in files if form.scales])
    results, times = [], []
    for form, path in files.items():
        style.announce(f"writing and proving {path.name}")
        with naming(model, path), asking(model, "--data FILE"):
            result = export_model(
                source,
                path,
                precision=form.name,
                scales=scales if scales in form.scales else None,
                io=io,  # type: ignore[arg-type]
                input_codes=input_codes,  # type: ignore[arg-type]
                verify=not no_verify,
                accept_loss=accept_loss,
            )
        results.append(result)
        frames = (*result.model.examples, np.zeros((1, result.model.features), np.float32))[0]
        times.append(None if no_verify or form.suffix not in SUFFIXES else frame_us(result.path, frames))
    style.announce(None)
    if as_json:
        click.echo(json.dumps([to_json(*pair) for pair in zip(results, times)], allow_nan=False))
    else:
        show(results, times)
    if not all(result.proof is None or result.proof.passed for result in results):
        if as_json or len(results) > 1:
            for result in results:
                show_failure(result)
        elif remedy := remedy_of(results[0], source, input_codes):
            click.echo(paragraph(remedy, "Next: ", "      "))
        raise SystemExit(GATE_FAILED)
    path = results[0].path
    if path.suffix == ".c":
        text = f"compile {path} into a program that links libedgelstm; {path.with_suffix('.h').name} says how"
        text = paragraph(text, "Next: ", "      ")
    else:
        text = next_commands(path, results[0].model)
    if not as_json:
        click.echo(text)


def _paths(model: Path, forms: list[Form], output: Path | None, ending: str) -> list[Path]:
    if output is None or output.is_dir():
        folder = model.parent if output is None else output
        return [folder / f"{model.stem}-{form.name}{ending}{form.suffix}" for form in forms]
    if len(forms) > 1:
        raise click.UsageError(f"--output {output}: no folder, expected one that is there for {len(forms)} files")
    if not output.suffix:
        expected = f"a folder that is there or a file as NAME{forms[0].suffix}"
        raise click.UsageError(f"--output {output}: {kind_at(output) or 'no such folder'}, expected {expected}")
    check_output(output, forms[0].suffix)
    return [output]


def _check_outputs(files: dict[Form, Path], inputs: list[Path]) -> None:
    """UsageError for what cannot be written, or what is read."""
    from edgelstm.export.placing import check_apart, check_names, names_of

    for path in files.values():
        check_output(path, inputs=inputs)
    try:
        for form, path in files.items():
            check_names(path, form.companions, list(files_read(inputs)))
        check_apart(name for form, path in files.items() for name in names_of(path, form.companions))
    except ValueError as error:
        raise click.UsageError(f"--output: {error}") from None
