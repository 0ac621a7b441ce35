"""`edgelstm export`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from edgelstm.cli.show import style
from edgelstm.cli.show.text import named, paragraph
from edgelstm.files import kind_at

if TYPE_CHECKING:
    from edgelstm.export import Export, Form
    from edgelstm.export.parity.proof import Proof
    from edgelstm.model import Model
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
    callback=lambda context, _, asked: _list_forms(context) if asked else None,
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

    forms = _chosen(formats or ("elstm",), precision, scales, io, input_codes)
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
        files = {form: files[form] for form in _made_of(source, model, forms, scales, input_codes)}
    with naming(model):
        _show_limits(source, [form for form in files if form.scales])
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
        click.echo(json.dumps([_to_json(*pair) for pair in zip(results, times)], allow_nan=False))
    else:
        show(results, times)
    if not all(result.proof is None or result.proof.passed for result in results):
        if as_json or len(results) > 1:
            for result in results:
                show_failure(result)
        elif remedy := _remedy(results[0], source, input_codes):
            click.echo(paragraph(remedy, "Next: ", "      "))
        raise SystemExit(GATE_FAILED)
    path = results[0].path
    if path.suffix == ".c":
        text = f"compile {path} into a program that links libedgelstm; {path.with_suffix('.h').name} says how"
        text = paragraph(text, "Next: ", "      ")
    else:
        text = _next(path, results[0].model)
    if not as_json:
        click.echo(text)


def _next(path: Path, model: Model) -> str:
    """What to do with a file that streams `model`."""
    from edgelstm.hearing import ear_of
    from edgelstm.wav import are_of_sound

    hears = ear_of(model) is not None or are_of_sound(model.feature_names)
    ways = ("--wav sound.wav", "--microphone") if hears else ("frames.csv",)
    commands = (*(f"edgelstm stream {path} {way}" for way in ways), f"edgelstm profile {path}")
    return "Next: " + "\n  or: ".join(commands)


@contextmanager
def asking(model: Path, wanted: str) -> Iterator[None]:
    """Where the model at `model` has no recordings of its own for what is done within: say to give `wanted`."""
    from edgelstm.export import NoRecordingsError

    try:
        yield
    except NoRecordingsError as error:
        raise ValueError(f"{model}: {error}; give {wanted}") from None


def show(results: list[Export], times: list[float | None]) -> None:
    """A table; and for a single file what its proof compared."""
    from edgelstm.cli.show.export import table

    click.echo(table(results, times))
    _show_deaf([result for result in results if "heard" in result.model.provenance])
    for one in (result for result in results if result.remark):
        click.echo(paragraph(f"{one.path.name}: {one.remark}", "  ! ", "    "))
    if len(results) == 1 and (proof := results[0].proof) is not None:
        show_proof(f"{results[0].path}, {results[0].form.format} {results[0].form.name}", proof)


def _show_deaf(results: list[Export]) -> None:
    """A line about files of a model that hears, which do not."""
    if results:
        names = ", ".join(f"{result.form.format} {result.form.name}" for result in results)
        text = f"{names}: takes log-mel features, not samples, as `heard` in its provenance says they are made"
        click.echo(paragraph(text, "  · ", "    "))


def show_failure(result: Export) -> None:
    """One line about a file whose proof failed."""
    if result.proof is not None and not result.proof.passed:
        form = f"{result.form.format} {result.form.name}"
        click.echo(f"failed: {form}: {result.proof.problem()}: {result.path}", err=True)


def _remedy(result: Export, source: Model, input_codes: str) -> str:
    """What to try where a file computes what it should, and that is too far from the model; "" for other faults."""
    from edgelstm.quantization.kinds import KINDS

    proof = result.proof
    if proof is None or not proof.same_rounding.passed or result.form.name == "float32":
        return ""
    finer = ""
    if input_codes == "int8" and "int16" in result.form.inputs and KINDS[source.layers[0].kind].takes_wide:
        finer = "--input int16 takes frames in finer steps and a wider range; "
    return f"{finer}--precision float32 loses nothing; --accept-loss keeps this file"


def show_proof(line: str, proof: Proof) -> None:
    """`line` about the file, marked, and a line for each thing that the proof compared."""
    from edgelstm.cli.show.export import marked

    click.echo(paragraph(f"{line}, {proof.engine}", marked(proof, "")))
    for text in proof.lines():
        click.echo(paragraph(text, "  ", "    "))


def _list_forms(context: click.Context) -> None:
    from edgelstm.export import FORMS

    for form in FORMS:
        click.echo(style.heading(f"{form.format} {form.name}") + f"  {form.engine}")
        lines = [("scales", " or ".join(form.scales))] if form.scales else []
        limit = f"; {form.limit.words}" if form.limit else ""
        lines += [
            ("layers", ", ".join(form.kinds) + limit),
            *([("input", " or ".join(form.inputs))] if form.scales else []),
            ("io", " or ".join(form.io)),
            ("state", form.state),
            ("error", _stated(form)),
            ("choose", form.choose),
            ("beware", form.beware),
        ]
        click.echo(named(lines, "  ", 8))
    context.exit()


def _stated(form: Form) -> str:
    """The error of scores that the form states."""
    from edgelstm.export.parity.agreement import show_error

    of_scales = [f" with scales {scales}" for scales in form.scales] if len(form.errors) > 1 else [""]
    return " or ".join(f"at most {show_error(error)}{of}" for error, of in zip(form.errors, of_scales, strict=True))


def _chosen(
    formats: tuple[str, ...], precision: str | None, scales: str | None, io: str, input_codes: str
) -> list[Form]:
    """The form of each file, refused with the option's name when there is no such form."""
    from edgelstm.export import FORMS, check_input, check_io, find_form

    if io not in {known for form in FORMS for known in form.io}:
        raise click.UsageError(f"--io: {io!r}, expected float32 or int8")
    if input_codes not in {known for form in FORMS for known in form.inputs}:
        raise click.UsageError(f"--input: {input_codes!r}, expected int8 or int16")
    if "all" in formats:
        chosen = [
            form
            for form in FORMS
            if precision in (None, form.name) and io in form.io and input_codes in ("int8", *form.inputs)
        ]
        if not chosen:
            raise _none_chosen(precision, io, input_codes)
        return chosen
    chosen = []
    for name in formats:
        try:
            form = find_form(name, precision)
            check_io(form, io)
            check_input(form, input_codes)
        except ValueError as error:
            raise click.UsageError(f"--{error}") from None
        if scales is not None and scales not in form.scales:
            held = " or ".join(form.scales) or "none"
            raise click.UsageError(f"--scales: {scales!r}, expected {held} for {form.format} {form.name}")
        chosen.append(form)
    return chosen


def _none_chosen(precision: str | None, io: str, input_codes: str) -> click.UsageError:
    """What none of all forms is made with."""
    from edgelstm.export import FORMS

    known = list(dict.fromkeys(form.name for form in FORMS))
    if precision is not None and precision not in known:
        return click.UsageError(f"--precision: {precision!r}, expected one of {', '.join(known)}")
    asked = {"--precision": precision, "--io": io, "--input": input_codes}
    usual = (None, "float32", "int8")
    given = [f"{name} {value}" for (name, value), other in zip(asked.items(), usual) if value != other]
    return click.UsageError(f"{' and '.join(given)}: no form takes them together, expected one of them: see --list")


def _show_limits(model: Model, forms: list[Form]) -> None:
    """What of the integers of these forms lies at a limit."""
    from edgelstm.quantization import quantization_warnings, quantize

    if forms and model.ranges is not None:
        for line in quantization_warnings(quantize(model, forms[0].scales[0])):
            click.echo(paragraph(line, "Note: ", "      "), err=True)


def _made_of(model: Model, path: Path, forms: list[Form], scales: str | None, input_codes: str) -> list[Form]:
    """Those that can be made from the model, which is that at `path`; a line for each other. ValueError when there is
    none."""
    from edgelstm.export import why_not_made

    made = []
    for form in forms:
        why_not = why_not_made(form, model, scales, input_codes)  # type: ignore[arg-type]
        if why_not is None:
            made.append(form)
        else:
            click.echo(f"left out: {form.format} {form.name} {why_not}", err=True)
    if not made:
        raise ValueError(f"{path}: held by none of the forms asked for, expected others: see --list")
    return made


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


def _to_json(result: Export, us: float | None) -> dict[str, Any]:
    return {
        "path": str(result.path),
        "bytes": result.size,
        "format": result.form.format,
        "precision": result.form.name,
        "scales": result.scales,
        "frame_us": us,
        "proof": None if result.proof is None else result.proof.to_json(),
    }
