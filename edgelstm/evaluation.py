"""How good a model is on labelled data: final answers counted per class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.data import splits
from edgelstm.data.dataset import Dataset
from edgelstm.matching import match
from edgelstm.model import Model
from edgelstm.quantization import reference
from edgelstm.quantization.quantized_model import QuantizedModel

if TYPE_CHECKING:
    from edgelstm.runtime.engines.engine import EngineModel


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Counts of decisions. `confusion[true, decided]` (labels, labels)."""

    precision: str  # what computed: "float32", "int8 per-row", an engine's name …
    labels: tuple[str, ...]
    confusion: NDArray[np.int64]
    streamed: bool = False  # answers of one stream over all recordings, not one of each sequence from a fresh state

    @property
    def sequences(self) -> int:
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        return float(np.trace(self.confusion)) / self.sequences

    @property
    def recall(self) -> NDArray[np.float64]:
        """(labels,): share of each class that was found; NaN for a class without sequences."""
        totals = self.confusion.sum(axis=1)
        found = np.diag(self.confusion)
        share: NDArray[np.float64] = np.divide(found, totals, out=np.full(len(totals), np.nan), where=totals > 0)
        return share

    def to_json(self) -> dict[str, Any]:
        return {
            "precision": self.precision,
            "streamed": self.streamed,
            "sequences": self.sequences,
            "accuracy": self.accuracy,
            "recall": {
                label: None if np.isnan(value) else float(value) for label, value in zip(self.labels, self.recall)
            },
            "confusion": self.confusion.tolist(),
        }


def count(precision: str, answers: Sequence[NDArray[Any]], dataset: Dataset) -> Evaluation:
    """Decisions (the largest output) of one answer (outputs,) per sequence against `dataset.y`. ValueError for an
    answer that is not finite."""
    _check_finite(precision, answers)
    return _count(precision, np.array([np.argmax(answer) for answer in answers]), dataset.y, dataset.labels)


def _check_finite(precision: str, answers: Iterable[NDArray[Any]]) -> None:
    for place, answer in enumerate(answers):
        if not np.isfinite(answer).all():
            raise ValueError(f"{precision}: answer {place} is not finite, the model overflows on these data")


def _count(
    precision: str, decided: NDArray[np.int64], truth: NDArray[np.int64], labels: tuple[str, ...]
) -> Evaluation:
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth, decided), 1)
    return Evaluation(precision, labels, confusion)


def evaluate(model: Model | QuantizedModel, dataset: Dataset) -> Evaluation:
    """Final answers of `model` over each sequence of `dataset`, every one from a fresh state. Columns and labels are
    found by name, see `edgelstm.matching`."""
    source = model.model if isinstance(model, QuantizedModel) else model
    dataset = match(source, dataset)
    check_lengths(source, dataset)
    if isinstance(model, QuantizedModel):
        name, scores = f"int8 {model.granularity}", list(reference.scores(model, dataset.sequences))
    else:
        name, scores = "float32", forward.scores(model, dataset.sequences)
    return count(name, [forward.final_answer(s, source.run_answer) for s in scores], dataset)


def evaluate_streamed(model: Model | QuantizedModel, dataset: Dataset) -> Evaluation:
    """Answers of `model` as it emits them while one stream runs through all recordings of `dataset`, its state
    carried from one to the next; each is judged by the label of the recording in which it falls."""
    source = model.model if isinstance(model, QuantizedModel) else model
    check_streams(source)
    dataset = match(source, dataset)
    frames = np.concatenate(dataset.sequences)
    if isinstance(model, QuantizedModel):
        name, scores = f"int8 {model.granularity}", reference.IntegerStream(model).push(frames).scores
    else:
        name, scores = "float32", forward.scores(model, [frames])[0]
    return count_streamed(name, forward.answers(scores, source.run_answer), source.answer.hop, dataset)


def count_streamed(precision: str, answers: NDArray[Any], hop: int, dataset: Dataset) -> Evaluation:
    """Decisions of the answers (answers, outputs) that a stream emits, one after every `hop` frames of all recordings
    of `dataset` in a row."""
    _check_finite(precision, answers)
    ends = np.cumsum([len(sequence) for sequence in dataset.sequences])
    truth = dataset.y[np.searchsorted(ends, hop * np.arange(1, len(answers) + 1))]
    return replace(_count(precision, answers.argmax(axis=1), truth, dataset.labels), streamed=True)


def check_streams(model: Model | EngineModel) -> None:
    """ValueError for a model that emits no answers while it streams."""
    hop = model.answer.hop if isinstance(model, Model) else model.hop
    if not hop:
        raise ValueError("streamed: the model answers only when asked (hop 0), expected one that answers by itself")


def check_lengths(model: Model | EngineModel, dataset: Dataset) -> None:
    """ValueError for a sequence in which the model gives no scores."""
    for place, sequence in enumerate(dataset.sequences):
        if len(sequence) < model.stride:
            raise ValueError(
                f"{dataset.name}: sequence or window {place} has {len(sequence)} frames, expected at least "
                f"{model.stride}: the model's scores come every {model.stride} frames"
            )


def kept_for_testing(dataset: Dataset, provenance: Any) -> Dataset:
    """The recordings of `dataset` that a model's training kept for testing.

    `provenance`: the model's; where it says nothing of this data set, the data set's own test split counts, else all
    of it.
    """
    data = _trained_on(dataset, provenance)
    groups, share = data.get("test_groups"), data.get("test")
    if isinstance(groups, list) and groups:
        return dataset.subset(dataset.in_groups(groups))
    if dataset.test is not None and dataset.test.any():
        return dataset.subset(dataset.test)
    if dataset.test is None and isinstance(share, float) and 0 < share < 1:
        return dataset.subset(splits.by_share(dataset, share)[1])
    return dataset


def window_of_training(dataset: Dataset, provenance: Any) -> tuple[int, int]:
    """(frames, hop) of the windows that a model's training evaluated `dataset` by; (0, 0) for whole recordings."""
    data = _trained_on(dataset, provenance)
    window, hop = data.get("window"), data.get("hop")
    if not isinstance(window, int) or window <= 0:
        return 0, 0
    return window, hop if isinstance(hop, int) and hop > 0 else window


def _trained_on(dataset: Dataset, provenance: Any) -> dict[str, Any]:
    """What a recipe said of its data, where these are they."""
    config = provenance.get("config") if isinstance(provenance, dict) else None
    data = config.get("data") if isinstance(config, dict) else None
    return data if isinstance(data, dict) and provenance.get("data") == dataset.name else {}
