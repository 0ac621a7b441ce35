"""`edgelstm evaluate`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgelstm.cli.common import GATE_FAILED
from edgelstm.cli.show import style
from edgelstm.cli.show.text import plain, table

if TYPE_CHECKING:
    from edgelstm.data import Dataset
    from edgelstm.evaluation import Evaluation

    Chosen = Callable[[Dataset, object], Dataset]


LABEL_WIDTH = 40


@click.command(
    "evaluate",
    epilog="Example: edgelstm evaluate model.npz data/watch.npz. Exported files are run in their own engines.",
)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--all", "use_all", is_flag=True, help="All of DATA, not only what training kept for testing.")
@click.option("--window", type=click.IntRange(1), help="Cut DATA into windows of this many frames.")
@click.option(
    "--min-accuracy", type=click.FloatRange(0, 1), help="Exit with 3 when a precision is less accurate than this."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    model: Path, data: Path, use_all: bool, window: int | None, min_accuracy: float | None, as_json: bool
) -> None:
    """Accuracy of MODEL on the labelled sequences of DATA (NPZ), one answer per sequence.

    MODEL is a model.npz (float32 beside int8 with scales per row and per gate), or an exported .elstm, .onnx
    or .tflite file. Without --all and --window, DATA is split and cut as in the model's training.
    """
    from edgelstm.data import load_dataset
    from edgelstm.data.windows import cut
    from edgelstm.evaluation import as_in_training

    def chosen(dataset: Dataset, provenance: object) -> Dataset:
        """What of DATA is asked about."""
        if window:
            return cut(dataset, window, window)
        return dataset if use_all else as_in_training(dataset, provenance)

    dataset = load_dataset(data)
    ask = _ask_model if model.suffix == ".npz" else _ask_file
    results = list(ask(model, dataset, chosen))
    if as_json:
        click.echo(json.dumps([result.to_json() for result in results], allow_nan=False))
    else:
        rows = [
            [
                plain(label, LABEL_WIDTH),
                *(style.percent(r.recall[n]) if r.recall[n] == r.recall[n] else "none" for r in results),
            ]
            for n, label in enumerate(results[0].labels)
        ]
        total = ["all", *(style.percent(result.accuracy) for result in results)]
        header = [f"found, of {results[0].sequences}", *(result.precision for result in results)]
        click.echo(table(header, [*rows, total], indent=""))
    worst = min(result.accuracy for result in results)
    if min_accuracy is not None and worst < min_accuracy:
        click.echo(style.failed(f"accuracy {worst:.4f} is below --min-accuracy {min_accuracy}"), err=True)
        raise SystemExit(GATE_FAILED)


def _ask_model(path: Path, dataset: Dataset, chosen: Chosen) -> Iterator[Evaluation]:
    from edgelstm.evaluation import check_fits, evaluate
    from edgelstm.model_file import load_model
    from edgelstm.quantization import quantize

    model = load_model(path)
    check_fits(model, dataset)
    dataset = chosen(dataset, dict(model.provenance))
    yield evaluate(model, dataset)
    if model.ranges is not None:
        yield evaluate(quantize(model, "per-row"), dataset)
        yield evaluate(quantize(model, "per-gate"), dataset)


def _ask_file(path: Path, dataset: Dataset, chosen: Chosen) -> Iterator[Evaluation]:
    from edgelstm.evaluation import check_fits, check_lengths, count
    from edgelstm.runtime.engines.open import open_model

    model = open_model(path)
    check_fits(model, dataset)
    dataset = chosen(dataset, model.metadata.get("provenance"))
    check_lengths(model, dataset)
    stream = model.stream()
    answers = []
    for sequence in dataset.sequences:
        stream.reset()
        stream.push(sequence)
        answers.append(stream.answer())
    yield count(f"{model.precision}, {model.engine}", answers, dataset)
