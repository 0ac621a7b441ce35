"""What `edgelstm export` tells: its files, what their proofs compared, what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.show.text import paragraph

if TYPE_CHECKING:
    from edgelstm.export import Export, Form
    from edgelstm.export.parity.proof import Proof
    from edgelstm.model import Model


@contextmanager
def asking(model: Path, wanted: str) -> Iterator[None]:
    """Where the model at `model` has no recordings of its own for what is done within: say to give `wanted`."""
    from edgelstm.export import NoRecordingsError

    try:
        yield
    except NoRecordingsError as error:
        raise ValueError(f"{model}: {error}; give {wanted}") from None


def show_limits(model: Model, forms: list[Form]) -> None:
    """What of the integers of these forms lies at a limit."""
    from edgelstm.quantization import quantization_warnings, quantize

    if forms and model.ranges is not None:
        for line in quantization_warnings(quantize(model, forms[0].scales[0])):
            click.echo(paragraph(line, "Note: ", "      "), err=True)


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


def show_proof(line: str, proof: Proof) -> None:
    """`line` about the file, marked, and a line for each thing that the proof compared."""
    from edgelstm.cli.show.export import marked

    click.echo(paragraph(f"{line}, {proof.engine}", marked(proof, "")))
    for text in proof.lines():
        click.echo(paragraph(text, "  ", "    "))


def show_failure(result: Export) -> None:
    """One line about a file whose proof failed."""
    if result.proof is not None and not result.proof.passed:
        form = f"{result.form.format} {result.form.name}"
        click.echo(f"failed: {form}: {result.proof.problem()}: {result.path}", err=True)


def remedy_of(result: Export, source: Model, input_codes: str) -> str:
    """What to try where a file computes what it should, and that is too far from the model; "" for other faults."""
    from edgelstm.quantization.kinds import KINDS

    proof = result.proof
    if proof is None or not proof.same_rounding.passed or result.form.name == "float32":
        return ""
    finer = ""
    if input_codes == "int8" and "int16" in result.form.inputs and KINDS[source.layers[0].kind].takes_wide:
        finer = "--input int16 takes frames in finer steps and a wider range; "
    return f"{finer}--precision float32 loses nothing; --accept-loss keeps this file"


def next_commands(path: Path, model: Model) -> str:
    """What to do with a file that streams `model`."""
    from edgelstm.hearing import ear_of
    from edgelstm.wav import are_of_sound

    hears = ear_of(model) is not None or are_of_sound(model.feature_names, model.sample_rate)
    ways = ("--wav sound.wav", "--microphone") if hears else ("frames.csv",)
    commands = (*(f"edgelstm stream {path} {way}" for way in ways), f"edgelstm profile {path}")
    return "Next: " + "\n  or: ".join(commands)


def to_json(result: Export, us: float | None) -> dict[str, Any]:
    return {
        "path": str(result.path),
        "bytes": result.size,
        "format": result.form.format,
        "precision": result.form.name,
        "scales": result.scales,
        "frame_us": us,
        "proof": None if result.proof is None else result.proof.to_json(),
    }
