"""How good a model is on labelled data: final answers counted per class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.data.dataset import Dataset
from edgelstm.data.windows import cut
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
            "sequences": self.sequences,
            "accuracy": self.accuracy,
            "recall": {
                label: None if np.isnan(value) else float(value) for label, value in zip(self.labels, self.recall)
            },
            "confusion": self.confusion.tolist(),
        }


def count(precision: str, answers: Sequence[NDArray[Any]], dataset: Dataset) -> Evaluation:
    """Decisions (the largest output) of one answer (outputs,) per sequence against `dataset.y`."""
    labels = len(dataset.labels)
    confusion = np.zeros((labels, labels), np.int64)
    for answer, truth in zip(answers, dataset.y, strict=True):
        confusion[truth, int(np.argmax(answer))] += 1
    return Evaluation(precision, dataset.labels, confusion)


def evaluate(model: Model | QuantizedModel, dataset: Dataset) -> Evaluation:
    """Final answers of `model` over each sequence of `dataset`, every one from a fresh state."""
    if isinstance(model, QuantizedModel):
        source, name = model.model, f"int8 {model.granularity}"
        scores: Sequence[NDArray[Any]] = reference.scores(model, dataset.sequences)
    else:
        source, name = model, "float32"
        scores = forward.scores(model, dataset.sequences)
    check_fits(source, dataset)
    check_lengths(source, dataset)
    return count(name, [forward.final_answer(s, source.run_answer) for s in scores], dataset)


def check_features(model: Model | EngineModel, dataset: Dataset) -> None:
    """ValueError when the frames of `dataset` are not those that `model` takes: another number of features, other
    names or another order of them, another sample rate."""
    if dataset.features != model.features:
        raise ValueError(f"{dataset.name}: {dataset.features} features, the model takes {model.features}")
    _check_names("feature_names", dataset.name, dataset.feature_names, model.feature_names)
    rates = dataset.sample_rate, model.sample_rate
    if all(rates) and not np.isclose(*rates, rtol=0.01):
        raise ValueError(f"{dataset.name}: sample_rate {rates[0]:g}, the model's is {rates[1]:g}")


def check_fits(model: Model | EngineModel, dataset: Dataset) -> None:
    """ValueError when `model` cannot be asked about `dataset`."""
    check_features(model, dataset)
    if len(dataset.labels) != model.outputs:
        raise ValueError(f"{dataset.name}: {len(dataset.labels)} labels, the model has {model.outputs} outputs")
    _check_names("labels", dataset.name, dataset.labels, model.labels)


def check_lengths(model: Model | EngineModel, dataset: Dataset) -> None:
    """ValueError for a sequence in which the model gives no scores."""
    for place, sequence in enumerate(dataset.sequences):
        if len(sequence) < model.stride:
            raise ValueError(
                f"{dataset.name}: sequence or window {place} has {len(sequence)} frames, expected at least "
                f"{model.stride}: the model's scores come every {model.stride} frames"
            )


def _check_names(field: str, source: str, found: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    """Where both have names: the first that is another."""
    for place, (one, other) in enumerate(zip(found, wanted) if found and wanted else ()):
        if one != other:
            raise ValueError(
                f"{source}: {field}[{place}] is {one[:40]!r}, expected {other[:40]!r} as the model has it"
            )


def as_in_training(dataset: Dataset, provenance: Any) -> Dataset:
    """The part of `dataset` that a model's training kept for testing, cut into windows as it was trained.

    `provenance`: the model's; where it says nothing of this data set, the data set's own test split counts,
    else all of it.
    """
    config = provenance.get("config") if isinstance(provenance, dict) else None
    data = config.get("data") if isinstance(config, dict) else None
    if isinstance(data, dict) and provenance.get("data") == dataset.name:
        groups = data.get("test_groups")
        if isinstance(groups, list) and groups:
            dataset = dataset.subset(np.isin(dataset.groups, groups))
        elif dataset.test is not None and dataset.test.any():
            dataset = dataset.subset(dataset.test)
        window, hop = data.get("window"), data.get("hop")
        if isinstance(window, int) and window > 0:
            dataset = cut(dataset, window, hop if isinstance(hop, int) and hop > 0 else window)
    elif dataset.test is not None and dataset.test.any():
        dataset = dataset.subset(dataset.test)
    return dataset
