"""`edgelstm adapt`."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from edgelstm.cli import adapt_told as told
from edgelstm.cli.common import GATE_FAILED, check_output, event_option, finite, listed_problems, naming
from edgelstm.cli.show import style
from edgelstm.plain import counted

if TYPE_CHECKING:
    from edgelstm.adaptation.adapting import Adapted
    from edgelstm.adaptation.negatives import Quiet
    from edgelstm.adaptation.taught import Taught
    from edgelstm.data import Dataset
    from edgelstm.export import Export
    from edgelstm.model import Model
    from edgelstm.quantization import QuantizedModel
    from edgelstm.runtime.engines.elstm_stream import Stream
    from edgelstm.runtime.frame import Float32


@click.command(
    "adapt",
    epilog="Example: edgelstm adapt model.npz --data clips/labels.csv -o adapted.npz --elstm adapted.elstm. The exit "
    "code is 3 when the new model is refused.",
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Labelled clips: a list of edgelstm annotate's, …")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The adapted model, an .npz.")
@click.option("--elstm", type=click.Path(path_type=Path), help="Also the int8 file for the board, with its proof.")
@click.option("--layers", is_flag=True, help="All layers learn, where that is better than the last one alone.")
@click.option(
    "--known", type=click.Path(path_type=Path), help="Labelled recordings that the new model must not do worse on."
)
@click.option(
    "--rehearse",
    type=click.Path(path_type=Path),
    help="Labelled recordings that teach as well, such as some of training's, and judge nothing.",
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
    help="Take a model that is worse for a group, on --known, not taught all labels, or by doubtful labels.",
)
@click.option(
    "--negatives",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Recordings of the place in which none of the events happens: thresholds become as high as they ask for; "
    "may be repeated.",
)
@click.option(
    "--most-false",
    type=click.FloatRange(min=0),
    callback=finite,
    default=1.0,
    show_default=True,
    help="Events an hour that --negatives may have.",
)
@event_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    model: Path,
    data: Path | None,
    output: Path,
    elstm: Path | None,
    layers: bool,
    known: Path | None,
    rehearse: Path | None,
    by_group: bool,
    window: int | None,
    accept_harm: bool,
    negatives: tuple[Path, ...],
    most_false: float,
    events: tuple[str, ...],
    as_json: bool,
) -> None:
    """Teach MODEL (npz) a place or a person by some labelled clips of them, on the board itself: a new last layer.

    All other layers stay, or with --layers learn a little. What the clips are to them the int8 model tells; the last
    layer is learned from that, held back by the old one, how strongly is tried. Every clip is judged by a model that
    had not learned from it. A model that does not beat the old one is refused, and so is one that is worse for a
    group of clips; nothing is written then. Needs numpy and click alone; without --layers the same clips give the
    same bytes on every machine.

    --negatives, with --data or without, makes events quiet where nothing happens.
    """
    from edgelstm.model_file import load_model

    if data is None and not negatives:
        raise click.UsageError("--data: expected labelled clips to learn from, or --negatives")
    alone = {"--layers": layers, "--known": known, "--rehearse": rehearse, "--by-group": by_group}
    for option, given in alone.items():
        if data is None and given:
            raise click.UsageError(f"{option}: goes with --data, which is learned from")
    if events and not negatives:
        raise click.UsageError("--event: goes with --negatives")
    is_given = click.get_current_context().get_parameter_source("most_false") is ParameterSource.COMMANDLINE
    if is_given and not negatives:
        raise click.UsageError("--most-false: goes with --negatives")
    if model.suffix.lower() in (".elstm", ".onnx", ".tflite"):
        raise click.UsageError(f"{model}: an exported file cannot learn, expected the model.npz that it was made of")
    for option, folder in (("--data", data), ("--known", known), ("--rehearse", rehearse)):
        _refuse_folder_of_list(option, folder)
    inputs = [model, data, known, rehearse, *negatives]
    check_output(output, ".npz", inputs)
    check_output(elstm, ".elstm", [*inputs, output], "--elstm")
    made, report, refusal, taught = load_model(model), None, "", None
    with tempfile.TemporaryDirectory() as scratch:
        opened = _opener(Path(scratch))
        if data is not None:
            adapted, taught = _adapted(
                made, opened, model, data, known, rehearse, by_group=by_group, window=window, layers=layers
            )
            made, report = adapted.model, adapted.report
            refusal = told.why_refused(report, accept_harm)
        quiet: dict[str, Quiet] = {}
        heard: list[Float32] = []
        if negatives and not refusal:
            with naming(model, "--negatives"):
                made, quiet, heard = _quietened(made, opened, negatives, events, most_false, taught)
    exported = None
    if not refusal:
        heard = heard if taught is None else list(taught.dataset.sequences)
        exported = _write(made, output, elstm, heard)
    is_proven = exported is None or exported.proof is None or exported.proof.passed
    if as_json:
        told.print_json(output if not refusal and is_proven else None, report, refusal, exported, quiet)
    else:
        told.show(output, report, refusal, exported, quiet)
    told.warn(report, refusal, quiet)
    if refusal or not is_proven:
        raise SystemExit(GATE_FAILED)
    if not as_json:
        told.show_next(output, exported)


def _opener(folder: Path) -> Callable[[QuantizedModel], Stream]:
    """What opens int8 models in the C core, by files in `folder`."""
    from edgelstm.export.elstm import encode
    from edgelstm.runtime.engines.elstm import Model as Opened

    numbers = itertools.count()

    def opened(quantized: QuantizedModel) -> Stream:
        file = folder / f"{next(numbers)}.elstm"
        file.write_bytes(encode(quantized))
        return Opened(file).stream()

    return opened


def _refuse_folder_of_list(option: str, folder: Path | None) -> None:
    """UsageError for a folder in which `annotate`'s list lies: its labels are told there, and not by the folder."""
    found = None if folder is None else folder / "labels.csv"
    if found is not None and found.is_file():
        raise click.UsageError(f"{option} {folder}: a folder with a list of labels, expected the list: {found}")


def _adapted(
    source: Model,
    opened: Callable[[QuantizedModel], Stream],
    path: Path,
    data: Path,
    known: Path | None,
    rehearse: Path | None,
    *,
    by_group: bool,
    window: int | None,
    layers: bool,
) -> tuple[Adapted, Taught]:
    from edgelstm.adaptation.adapting import adapt, folds_by_group
    from edgelstm.adaptation.clips import ear_only
    from edgelstm.adaptation.taught import activation_of, read_clips, refuse_shared
    from edgelstm.quantization import quantize

    with naming(path):
        activation_of(source)
        quantized = quantize(source)
        ear_only(source)
        if layers:
            from edgelstm.adaptation.fine_tuning import check_layers  # brings the trainer

            check_layers(source)
    with naming(data), listed_problems(), _in_our_words():
        taught = read_clips(data, source, window)
    if rehearse is not None:
        with naming("--rehearse"), naming(rehearse), listed_problems(), _in_our_words():
            more = read_clips(rehearse, source, window)
            refuse_shared(taught, more, "among the clips, expected others")
        taught = taught.rehearsing(more)
    with naming(data):
        folds = folds_by_group(taught) if by_group else None
    beside = None
    if known is not None:
        with naming("--known"), naming(known), listed_problems(), _in_our_words():
            beside = read_clips(known, source, window)
            refuse_shared(taught, beside)
        told.note_known(len(beside.seen), len(set(beside.clips)))
    if layers:
        told.note_numpy()
    style.announce(f"{counted(len(set(taught.clips)), 'clip')}: learning, and holding out")
    try:
        with naming(data):
            return adapt(quantized, opened, taught, folds=folds, known=beside, layers=layers), taught
    finally:
        style.announce(None)


@contextmanager
def _in_our_words() -> Iterator[None]:
    """What readers say of options that `adapt` does not have, said of what there is."""
    from edgelstm.data.filling import REMEDY
    from edgelstm.data.recordings import BadFilesError

    def ours(line: str) -> str:
        return line.replace(REMEDY, f"edgelstm data convert {REMEDY.replace(', or data.missing in a recipe,', '')}")

    try:
        yield
    except BadFilesError as error:
        problems = [replace(one, reason=ours(one.reason), remedy=ours(one.remedy)) for one in error.problems]
        raise BadFilesError(problems) from None
    except ValueError as error:
        raise ValueError(ours(str(error))) from None


def _quietened(
    model: Model,
    opened: Callable[[QuantizedModel], Stream],
    paths: Sequence[Path],
    asked: tuple[str, ...],
    most: float,
    taught: Taught | None,
) -> tuple[Model, dict[str, Quiet], list[Float32]]:
    """`model` with events whose thresholds keep quiet along the recordings at `paths`, what came of each, and the
    recordings. taught: clips that tell what is missed, else those that the model carries do. ValueError for a model
    that has no events."""
    from edgelstm.adaptation.negatives import carried, noted, of_clips, quiet
    from edgelstm.again import read_frames_again
    from edgelstm.cli.common import of_options
    from edgelstm.matching import match_features
    from edgelstm.quantization import quantize
    from edgelstm.runtime.events.asked import rules_of

    if model.activation == "linear" or not model.sample_rate or not model.answer.hop:
        what = "answers are values, expected probabilities of labels"
        if model.activation != "linear":
            what = "does not say its sample rate, so there are no hours"
            what = what if not model.sample_rate else "answers at the end alone, expected one that answers every hop"
        raise ValueError(f"--negatives: model {model.name}: {what}")
    found = []
    for path in paths:
        with naming("--negatives"), naming(path), listed_problems(), _in_our_words():
            data = read_frames_again(path, model.provenance, model.feature_names, model.task)
            found.append(match_features(model, data))
    stream = opened(quantize(model))
    with of_options():
        rules = rules_of(stream.model, asked) or rules_of(stream.model, stream.model.output_names)
    positives = carried(model) if taught is None else of_clips(taught)
    chosen = quiet(stream, found, rules, most, positives)
    return noted(model, chosen), {label: one for label, (_, one) in chosen.items()}, [*_sequences(found)]


def _sequences(datasets: Sequence[Dataset]) -> Iterator[Float32]:
    return (x for dataset in datasets for x in dataset.sequences)


def _write(model: Model, output: Path, elstm: Path | None, heard: Sequence[Float32]) -> Export | None:
    """Both files or none: the model is on the disk before the other one is made, and comes to its name when that is
    there and proven. heard: recordings to prove with, of a model that carries none."""
    from edgelstm.export import export_model
    from edgelstm.files import candidate
    from edgelstm.model_file import model_content

    exported = None
    with candidate(output) as made:
        made.write(model_content(model))
        made.finish()
        if elstm is not None:
            given = None if model.unseen or model.examples else heard
            exported = export_model(model, elstm, precision="int8", sequences=given)
        if exported is None or exported.proof is None or exported.proof.passed:
            made.put()
    return exported
