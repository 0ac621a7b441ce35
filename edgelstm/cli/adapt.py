"""`edgelstm adapt`."""

from __future__ import annotations

import json
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgelstm.cli.common import GATE_FAILED, check_output, listed_problems, naming
from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph, plain, table
from edgelstm.plain import counted

if TYPE_CHECKING:
    from edgelstm.adaptation.adapting import Adapted, Compared, Judged, Report
    from edgelstm.export import Export
    from edgelstm.model import Model


@click.command(
    "adapt",
    epilog="Example: edgelstm adapt model.npz --data clips/labels.csv -o adapted.npz --elstm adapted.elstm. The exit "
    "code is 3 when the new model is refused.",
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Labelled clips: a list of edgelstm annotate's, …"
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The adapted model, an .npz.")
@click.option("--elstm", type=click.Path(path_type=Path), help="Also the int8 file for the board, with its proof.")
@click.option(
    "--known", type=click.Path(path_type=Path), help="Labelled recordings that the new model must not do worse on."
)
@click.option("--by-group", is_flag=True, help="Judge by holding out each group of clips, not single clips.")
@click.option(
    "--window",
    type=click.IntRange(0),
    help="Cut longer clips into pieces of this many frames; 0: never.  [default: as in training]",
)
@click.option(
    "--accept-harm",
    is_flag=True,
    help="Take a model that is worse for a group, on --known, or not taught all labels.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    model: Path,
    data: Path,
    output: Path,
    elstm: Path | None,
    known: Path | None,
    by_group: bool,
    window: int | None,
    accept_harm: bool,
    as_json: bool,
) -> None:
    """Teach MODEL (npz) a place or a person by some labelled clips of them, on the board itself: a new last layer.

    All other layers stay. What the clips are to them the int8 model tells; the last layer is learned from that, held
    back by the old one, how strongly is tried. Every clip is judged by a model that had not learned from it. A model
    that does not beat the old one is refused, and so is one that is worse for a group of clips; nothing is written
    then. Needs numpy and click alone; the same clips give the same bytes on every machine.
    """
    from edgelstm.model_file import load_model, save_model

    inputs = [model, data, known]
    check_output(output, ".npz", inputs)
    check_output(elstm, ".elstm", [*inputs, output], "--elstm")
    source = load_model(model)
    adapted = _adapted(source, model, data, known, by_group=by_group, window=window)
    refusal = _why_refused(adapted.report, accept_harm)
    exported = None
    if not refusal:
        save_model(adapted.model, output)
        exported = None if elstm is None else _export(adapted.model, elstm, data, window)
    if as_json:
        _print_json(output, adapted.report, refusal, exported)
    else:
        _show(output, adapted.report, refusal, exported)
    if refusal:
        click.echo(paragraph(refusal, style.failed("refused: "), "  "), err=True)
    elif forgotten := _forgotten(adapted.report):
        click.echo(paragraph(forgotten, "warning: ", "  "), err=True)
    if refusal or (exported is not None and exported.proof is not None and not exported.proof.passed):
        raise SystemExit(GATE_FAILED)


def _adapted(
    source: Model, path: Path, data: Path, known: Path | None, *, by_group: bool, window: int | None
) -> Adapted:
    from edgelstm.adaptation.adapting import adapt, folds_by_group
    from edgelstm.adaptation.clips import ear_only
    from edgelstm.adaptation.taught import activation_of, read_clips, refuse_shared
    from edgelstm.export.elstm import encode
    from edgelstm.quantization import quantize
    from edgelstm.runtime.engines.elstm import Model as Opened

    with naming(path):
        activation_of(source)
        quantized, ear = quantize(source), ear_only(source)
    with listed_problems():
        with naming(data):
            taught = read_clips(data, source, window)
            folds = folds_by_group(taught) if by_group else None
        beside = None
        if known is not None:
            with naming(known):
                beside = read_clips(known, source, window)
                refuse_shared(taught, beside)
    with tempfile.TemporaryDirectory() as folder, naming(data):
        file = Path(folder, "ear.elstm")
        file.write_bytes(encode(ear))
        style.announce(f"{counted(len(set(taught.clips)), 'clip')}: learning, and holding out")
        try:
            return adapt(quantized, Opened(file).stream(), taught, folds=folds, known=beside)
        finally:
            style.announce(None)


def _why_refused(report: Report, accepts_harm: bool) -> str:
    """Empty where the new model is taken."""
    if not report.is_better:
        return (
            f"on clips held out {_share(report.int8)} of the decisions are right, {_share(report.before)} before: "
            "more clips of each label help"
        )
    if not report.evidence.is_enough:
        return _chance(report)
    if accepts_harm:
        return ""
    if report.untaught and (report.kept is None or report.kept.is_harm):
        return _untaught(report)
    harmed = [f"group {plain(name, 40)}: {_change(report.groups[name])}" for name in report.harmed]
    if report.known is not None and report.known.is_harm:
        harmed.append(f"what was known before: {_change(report.known)}")
    return f"it harms {'; '.join(harmed)} (--accept-harm takes it all the same)" if harmed else ""


def _chance(report: Report) -> str:
    found = report.evidence
    if not found.is_learned:
        return "clips held out cost no less than guessing by how frequent labels are: too few to say, or wrong labels"
    return (
        f"of the clips held out {found.won} are decided better and {found.lost} worse, by chance with a probability "
        f"of {found.chance:.2g}: too few to say, more clips help"
    )


def _untaught(report: Report) -> str:
    names = ", ".join(plain(name, 20) for name in report.untaught[:4]) + (", …" if len(report.untaught) > 4 else "")
    judged = "" if report.kept is None else f", and of recordings of these {_right(report.kept)}"
    return (
        f"no clips of {names}{judged}: what is not taught is forgotten. Give clips of each label, or --known with "
        "recordings of these (--accept-harm takes it all the same)"
    )


def _forgotten(report: Report) -> str:
    """Empty where recordings of before are no worse off, or where --known says so."""
    if not report.forgets or report.known is not None:
        return ""
    if report.carried is not None:
        what = f"of the recordings that the model carries {_right(report.carried)}"
    else:
        what = (
            f"{style.percent(1 - (report.same or 0))} of the recordings that the model carries are decided otherwise"
        )
    return (
        f"it forgets: {what}. If it is also to serve whom the clips are not of (another person, the other arm), give "
        "clips of these too, or judge by --known"
    )


def _right(found: Compared) -> str:
    return f"{_share(found.before)} were right, {_share(found.after)} are now"


def _export(model: Model, path: Path, data: Path, window: int | None) -> Export:
    from edgelstm.adaptation.taught import read_clips
    from edgelstm.export import export_model

    sequences = None if model.unseen or model.examples else read_clips(data, model, window).dataset.sequences
    return export_model(model, path, precision="int8", sequences=sequences)


def _share(judged: Judged) -> str:
    return style.percent(judged.share)


def _change(found: Compared) -> str:
    return f"{_share(found.before)} before, {_share(found.after)} after"


def _print_json(output: Path, report: Report, refusal: str, exported: Export | None) -> None:
    from edgelstm.records import to_json

    proof = None if exported is None or exported.proof is None else exported.proof.to_json()
    result = {
        "output": None if refusal else str(output),
        "refused": refusal or None,
        **to_json(report),
        "elstm": None if exported is None else str(exported.path),
        "proof": proof,
    }
    click.echo(json.dumps(result, allow_nan=False))


def _show(output: Path, report: Report, refusal: str, exported: Export | None) -> None:
    rows = [
        [name, f"{judged.right} of {judged.of}", _share(judged), f"{judged.cost:.3f}"]
        for name, judged in (("before, int8", report.before), ("float32", report.float32), ("int8", report.int8))
    ]
    click.echo(table(["held out", "right", "share", "cost"], rows, ""))
    for name, found in report.groups.items():
        click.echo(paragraph(f"group {plain(name, 40)}: {_change(found)}", "  · ", "    "))
    if report.known is not None:
        click.echo(paragraph(f"known before: {_change(report.known)}", "  · ", "    "))
    if report.carried is not None:
        click.echo(paragraph(f"what the model carries: {_change(report.carried)}", "  · ", "    "))
    elif report.same is not None:
        text = f"of the recordings that the model carries {style.percent(report.same)} are decided as before"
        click.echo(paragraph(text, "  · ", "    "))
    elif report.known is None:
        text = "whether it forgets nobody knows: the model carries no recordings, and no --known was given"
        click.echo(paragraph(text, "  · ", "    "))
    if refusal:
        return
    text = f"{output}: learned from {counted(report.clips, 'clip')}, strength {report.strength:g}"
    click.echo(style.passed(paragraph(text, "", "  ")))
    if exported is None:
        click.echo(f"Next: edgelstm export {shlex.quote(str(output))}")
    elif exported.proof is not None:
        text = f"{exported.path}: {exported.size:,} bytes, proof {'passed' if exported.proof.passed else 'failed'}"
        click.echo(style.mark(exported.proof.passed, paragraph(text, "", "  ")))
