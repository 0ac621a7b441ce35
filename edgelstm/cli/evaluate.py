"""`edgelstm evaluate`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgelstm.cli.common import GATE_FAILED, listed_problems, naming
from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph, plain, table

if TYPE_CHECKING:
    from edgelstm.data import Dataset
    from edgelstm.evaluation import Evaluation
    from edgelstm.model import Model
    from edgelstm.quantization import QuantizedModel


LABEL_WIDTH = 40


@dataclass(frozen=True)
class _Asked:
    """What of the data is asked about."""

    use_all: bool
    window: int | None
    streamed: bool

    def recordings(self, dataset: Dataset, provenance: object) -> Dataset:
        from edgelstm.evaluation import kept_for_testing

        return dataset if self.use_all or self.window else kept_for_testing(dataset, provenance)

    def windows(self, dataset: Dataset, recordings: Dataset, provenance: object) -> Dataset:
        """The `recordings` of `dataset` in windows; a line about those that are shorter than one."""
        from edgelstm.data.windows import cut, shorter
        from edgelstm.evaluation import window_of_training

        frames, hop = self.window or 0, self.window or 0
        if not self.window and not self.use_all:
            frames, hop = window_of_training(dataset, provenance)
        if not frames:
            return recordings
        windows, lost = cut(recordings, frames, hop), shorter(recordings, frames)
        if lost:
            text = f"{lost} of {len(recordings)} recordings are shorter than the window of {frames} frames: left out"
            click.echo(paragraph(text, "note: ", "      "), err=True)
        return windows


@click.command(
    "evaluate",
    epilog="Example: edgelstm evaluate model.npz data/watch.npz. Exported files are run in their own engines.",
)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--all", "use_all", is_flag=True, help="All of DATA, not only what training kept for testing.")
@click.option("--window", type=click.IntRange(1), help="Cut DATA into windows of this many frames.")
@click.option(
    "--streamed",
    is_flag=True,
    help="Also the answers as deployed: one stream through all recordings, each answer judged by the label of the "
    "recording in which it falls.",
)
@click.option(
    "--min-accuracy", type=click.FloatRange(0, 1), help="Exit with 3 when a precision is less accurate than this."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    model: Path,
    data: Path,
    use_all: bool,
    window: int | None,
    streamed: bool,
    min_accuracy: float | None,
    as_json: bool,
) -> None:
    """Accuracy of MODEL on the labelled recordings of DATA, one answer per sequence from a fresh state.

    MODEL is a model.npz (float32 beside int8 with scales per row and per gate), or an exported .elstm, .onnx
    or .tflite file. Without --all and --window, DATA is split and cut as in the model's training. Columns and labels
    are found by name; where one of the two has no names, by place.
    """
    ask = _ask_model if model.suffix == ".npz" else _ask_file
    with naming(data, model), listed_problems():
        results = list(ask(model, data, _Asked(use_all, window, streamed)))
    if as_json:
        click.echo(json.dumps([result.to_json() for result in results], allow_nan=False))
    else:
        for way in dict.fromkeys(result.streamed for result in results):
            click.echo(_table([result for result in results if result.streamed == way]))
    worst = min(result.accuracy for result in results)
    if min_accuracy is not None and worst < min_accuracy:
        click.echo(style.failed(f"accuracy {worst:.4f} is below --min-accuracy {min_accuracy}"), err=True)
        raise SystemExit(GATE_FAILED)


def _table(results: list[Evaluation]) -> str:
    """Those of one way to run the data."""
    rows = [
        [
            plain(label, LABEL_WIDTH),
            *(style.percent(r.recall[n]) if r.recall[n] == r.recall[n] else "none" for r in results),
        ]
        for n, label in enumerate(results[0].labels)
    ]
    total = ["all", *(style.percent(result.accuracy) for result in results)]
    found = f"streamed, of {results[0].sequences:,}" if results[0].streamed else f"found, of {results[0].sequences:,}"
    return table([found, *(result.precision for result in results)], [*rows, total], indent="")


def _ask_model(path: Path, data: Path, asked: _Asked) -> Iterator[Evaluation]:
    from edgelstm.data.again import read_again
    from edgelstm.evaluation import check_streams, evaluate, evaluate_streamed
    from edgelstm.matching import match
    from edgelstm.model_file import load_model
    from edgelstm.quantization import quantize

    model = load_model(path)
    provenance = dict(model.provenance)
    dataset = match(model, read_again(data, provenance, model.feature_names))
    if asked.streamed:
        check_streams(model)
    recordings = asked.recordings(dataset, provenance)
    windows = asked.windows(dataset, recordings, provenance)
    models: list[Model | QuantizedModel] = [model]
    if model.ranges is not None:
        with naming(path):
            models += [quantize(model, "per-row"), quantize(model, "per-gate")]
    yield from (evaluate(one, windows) for one in models)
    if asked.streamed:
        yield from (evaluate_streamed(one, recordings) for one in models)


def _ask_file(path: Path, data: Path, asked: _Asked) -> Iterator[Evaluation]:
    import numpy as np

    from edgelstm.data.again import read_again
    from edgelstm.evaluation import check_lengths, check_streams, count, count_streamed
    from edgelstm.matching import match
    from edgelstm.runtime.engines.open import open_model
    from edgelstm.runtime.proven import check_proven

    check_proven(path)
    model = open_model(path)
    provenance = model.metadata.get("provenance")
    dataset = match(model, read_again(data, provenance, model.feature_names))
    if asked.streamed:
        check_streams(model)
    recordings = asked.recordings(dataset, provenance)
    windows = asked.windows(dataset, recordings, provenance)
    check_lengths(model, windows)
    name, stream = f"{model.precision}, {model.engine}", model.stream()
    answers = []
    for sequence in windows.sequences:
        stream.reset()
        stream.push(sequence)
        answers.append(stream.answer())
    yield count(name, answers, windows)
    if asked.streamed:
        stream.reset()
        emitted = np.concatenate([stream.push(sequence) for sequence in recordings.sequences])
        yield count_streamed(name, emitted, model.hop, recordings)
