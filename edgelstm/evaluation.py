"""How good a model is on data of which the truth is known: what it says along them, judged as its task says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.data import splits
from edgelstm.data.dataset import Dataset
from edgelstm.data.leaks import LEAST, find_leak
from edgelstm.data.store import Growing
from edgelstm.data.stretches import by_stretches
from edgelstm.forward import LONG, FloatStream
from edgelstm.judging import Evaluation, Said
from edgelstm.judging.gathering import Gathered
from edgelstm.matching import match
from edgelstm.model import Model
from edgelstm.plain import counted
from edgelstm.quantization import reference
from edgelstm.quantization.quantized_model import QuantizedModel
from edgelstm.tasks import CLASSIFY, Task, read_task

if TYPE_CHECKING:
    from edgelstm.runtime.engines.engine import EngineModel, EngineStream

Told = Callable[[int], None]
"""Is told of work as it is done: so many frames more were taken."""

_SOME = 1 << 18  # frames, of fewer than 8 features; of more in proportion fewer


def nobody(_frames: int) -> None:
    """Is told, and does nothing."""


def evaluate(model: Model | QuantizedModel, dataset: Dataset, told: Told = nobody) -> Evaluation:
    """Answers of `model` over each sequence of `dataset`, every one from a fresh state, judged as its task says: the
    final answer of each, or all along it. Columns and labels are found by name, see `edgelstm.matching`."""
    source = _float(model)
    task = source.task
    dataset = match(source, dataset)
    check_lengths(source, dataset)
    if task.each_frame:
        check_streams(source.answer.hop)
    return task.judge(_name(model), False, dataset, said_fresh(model, dataset, told))


def said_fresh(model: Model | QuantizedModel, dataset: Dataset, told: Told = nobody) -> list[Said]:
    """What `evaluate` judges: of each sequence, from a fresh state. One that is long is computed in parts."""
    source = _float(model)
    along = source.task.each_frame
    gathered = Gathered(source.thresholds)
    for some in some_at_a_time(dataset):
        if len(some) == 1 and len(some[0]) > LONG:
            if along:
                _gather(model, some, gathered, told)
            else:
                one = _said(_long_scores(model, some[0], told), source, along)
                gathered.add(one.at, one.answers)
            gathered.end()
            continue
        found = reference.scores(model, some) if isinstance(model, QuantizedModel) else forward.scores(model, some)
        for scores in found:
            one = _said(scores, source, along)
            gathered.add(one.at, one.answers)
            gathered.end()
        told(sum(map(len, some)))
    return gathered.done()


def _long_scores(model: Model | QuantizedModel, sequence: NDArray[np.float32], told: Told) -> NDArray[Any]:
    """Scores (runs, outputs), which may lie in a file."""
    push = _push(model)
    growing: Growing | None = None
    for part in _long_parts([sequence], told):
        scores = push(part)
        growing = growing or Growing(scores.shape[1:], scores.dtype)
        growing.add(scores)
    assert growing is not None  # no sequence is empty
    return growing.done()


def _push(model: Model | QuantizedModel) -> Callable[[NDArray[np.float32]], NDArray[Any]]:
    """What takes the next frames of a stream to their scores."""
    return reference.IntegerStream(model).scores if isinstance(model, QuantizedModel) else FloatStream(model).push


def _gather(
    model: Model | QuantizedModel, sequences: Sequence[NDArray[np.float32]], gathered: Gathered, told: Told
) -> None:
    """What `model` says in one stream through all these sequences."""
    source = _float(model)
    push = _push(model)
    emitter = forward.Emitter(source.run_answer, source.outputs)
    emitted = (emitter.push(push(x)) for x in _long_parts(sequences, told))
    _add_all(gathered, (forward.activate(answers, source.activation) for answers in emitted), source.answer.hop)


def _add_all(gathered: Gathered, emitted: Iterable[NDArray[Any]], hop: int) -> None:
    """Answers (answers, outputs), part by part, of which there is one for every `hop` frames."""
    count = 0
    for answers in emitted:
        gathered.add(hop * np.arange(count + 1, count + len(answers) + 1), answers)
        count += len(answers)


def evaluate_streamed(model: Model | QuantizedModel, dataset: Dataset, told: Told = nobody) -> Evaluation:
    """Answers of `model` as it emits them while one stream runs through all recordings of `dataset`, its state
    carried from one to the next; each is judged by what is true of the recording, or the frame, in which it falls."""
    source = _float(model)
    check_streams(source.answer.hop)
    dataset = match(source, dataset)
    gathered = Gathered(source.thresholds)
    _gather(model, dataset.sequences, gathered, told)
    gathered.end()
    (whole,) = gathered.done()
    return source.task.judge(_name(model), True, dataset, along_each(whole, dataset))


def evaluate_file(
    stream: EngineStream, dataset: Dataset, task: Task, thresholds: tuple[float, ...], told: Told = nobody
) -> Evaluation:
    """As `evaluate`, for an exported file in its own engine, with the answers that `stream` gives. thresholds:
    (outputs,) of sigmoids' labels, or none."""
    said = said_by_file(stream, dataset, task, thresholds, told)
    return task.judge(_engine(stream.model), False, dataset, said)


def said_by_file(
    stream: EngineStream, dataset: Dataset, task: Task, thresholds: tuple[float, ...], told: Told = nobody
) -> list[Said]:
    """What `evaluate_file` judges: of each sequence, from a fresh state."""
    hop = stream.answering.hop
    check_lengths(stream.model, dataset)
    if task.each_frame:
        check_streams(hop)
    gathered = Gathered(thresholds)
    for sequence in dataset.sequences:
        stream.reset()
        emitted = (stream.push(part) for part in _long_parts([sequence], told))
        if task.each_frame:
            _add_all(gathered, emitted, hop)
        else:
            for _ in emitted:
                pass  # only the last answer counts
            gathered.add(np.array([len(sequence)]), stream.answer()[None])
        gathered.end()
    return gathered.done()


def said_along(stream: EngineStream, sequence: NDArray[np.float32], thresholds: tuple[float, ...]) -> Said:
    """The answers that `stream` emits along one sequence (frames, features), from a fresh state."""
    stream.reset()
    emitted = np.concatenate([stream.push(part) for part in _long_parts([sequence])])
    return Said(stream.answering.hop * np.arange(1, len(emitted) + 1), emitted, thresholds)


def evaluate_file_streamed(
    stream: EngineStream, dataset: Dataset, task: Task, thresholds: tuple[float, ...], told: Told = nobody
) -> Evaluation:
    """As `evaluate_streamed`, for an exported file in its own engine, see `evaluate_file`."""
    said = said_by_file_streamed(stream, dataset, thresholds, told)
    return task.judge(_engine(stream.model), True, dataset, said)


def said_by_file_streamed(
    stream: EngineStream, dataset: Dataset, thresholds: tuple[float, ...], told: Told = nobody
) -> list[Said]:
    """What `evaluate_file_streamed` judges: along each recording, the state carried from one to the next."""
    hop = stream.answering.hop
    check_streams(hop)
    stream.reset()
    gathered = Gathered(thresholds)
    _add_all(gathered, (stream.push(part) for part in _long_parts(dataset.sequences, told)), hop)
    gathered.end()
    (whole,) = gathered.done()
    return along_each(whole, dataset)


def some_at_a_time(dataset: Dataset) -> Iterator[Sequence[NDArray[np.float32]]]:
    """All sequences in their order, so many together that little memory is taken by what a model makes of them."""
    ends = np.cumsum(dataset.lengths)
    most = _SOME // max(dataset.features // 4, 1)
    start = 0
    while start < len(dataset):
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + most, side="right")), start + 1)
        yield dataset.sequences[start:stop]
        start = stop


def _long_parts(sequences: Sequence[NDArray[np.float32]], told: Told = nobody) -> Iterator[NDArray[np.float32]]:
    """Parts of all sequences in their order; `told` of each once the next is asked for."""
    for x in sequences:
        for start in range(0, len(x), LONG):
            part = x[start : start + LONG]
            yield part
            told(len(part))


def task_of_file(model: EngineModel) -> Task:
    """What an exported file is for. ValueError where its metadata say it wrongly."""
    return read_task(model.metadata.get("task"), f"{model.path}: metadata.task")


def along_each(whole: Said, dataset: Dataset) -> list[Said]:
    """What was said along all sequences of `dataset` in a row, as along each of them."""
    ends = np.cumsum(dataset.lengths)
    starts = np.concatenate([[0], ends[:-1]])
    sides = np.searchsorted(whole.at, ends, side="right")
    return [
        Said(whole.at[first:last] - start, whole.answers[first:last], whole.thresholds)
        for first, last, start in zip(np.concatenate([[0], sides[:-1]]), sides, starts)
    ]


def _float(model: Model | QuantizedModel) -> Model:
    return model.model if isinstance(model, QuantizedModel) else model


def _name(model: Model | QuantizedModel) -> str:
    return f"int8 {model.granularity}" if isinstance(model, QuantizedModel) else "float32"


def _engine(model: EngineModel) -> str:
    return f"{model.precision}, {model.engine}"


def pooled(scores: NDArray[Any], model: Model, along: bool) -> Said:
    """What these scores (runs, outputs) of a sequence come to, along it or at its end, before the output
    activation."""
    answer = model.run_answer
    if along:
        found = forward.answers(scores, answer)
        return Said(model.answer.hop * np.arange(1, len(found) + 1), found)
    return Said(np.array([len(scores) * model.stride]), forward.final_answer(scores, answer)[None])


def _said(scores: NDArray[Any], model: Model, along: bool) -> Said:
    raw = pooled(scores, model, along)
    return Said(raw.at, forward.activate(raw.answers, model.activation), model.thresholds)


def check_streams(hop: int) -> None:
    """ValueError where no answers are emitted while frames stream."""
    if not hop:
        raise ValueError(
            "streamed: the model answers only when asked (hop 0), expected one that answers by itself: see --hop"
        )


def check_lengths(model: Model | EngineModel, dataset: Dataset) -> None:
    """ValueError for a sequence in which the model gives no scores."""
    for place in np.flatnonzero(dataset.lengths < model.stride):
        raise ValueError(
            f"{dataset.name}: sequence or window {place} has {counted(int(dataset.lengths[place]), 'frame')}, "
            f"expected at least {model.stride}: the model's scores come every {model.stride} frames"
        )


def kept_for_testing(dataset: Dataset, provenance: Any, task: Task = CLASSIFY) -> Dataset:
    """The recordings of `dataset` that a model's training kept for testing, without frames that trained elsewhere.

    `provenance` and `task`: the model's; where the former says nothing of this data set, the data set's own test
    split counts, else all of it.
    """
    data = _trained_on(dataset, provenance)
    train, test = _sides(dataset, data, task)
    if train is None or not data:
        return test
    window = 0 if task.each_frame else window_of_training(dataset, provenance)[0]
    leak = find_leak(train, test, max(window, LEAST))
    return test if leak is None or leak.rest is None else leak.rest


def _sides(dataset: Dataset, data: dict[str, Any], task: Task) -> tuple[Dataset | None, Dataset]:
    """(what trained, what tests), as the recipe's `data` or the data set itself say; all tests where neither does."""
    groups, share = data.get("test_groups"), data.get("test")
    if isinstance(groups, list) and groups:
        tests = dataset.in_groups(groups)
    elif dataset.test is not None and dataset.test.any():
        tests = dataset.test
    elif dataset.test is None and isinstance(share, float) and 0 < share < 1:
        if data.get("split") == "stretches":
            return by_stretches(dataset, share)
        if splits.is_by_time(dataset, data.get("split")):
            return splits.by_time(dataset, share)
        trains, places = splits.by_share(dataset, share, task.teaches(dataset))
        return dataset.subset(trains), dataset.subset(places)
    else:
        return None, dataset
    return (None if tests.all() else dataset.subset(~tests)), dataset.subset(tests)


def is_of_training(dataset: Dataset, provenance: Any) -> bool:
    """Whether a model was trained on `dataset`, by its name."""
    return isinstance(provenance, dict) and provenance.get("data") == dataset.name


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
    return data if isinstance(data, dict) and is_of_training(dataset, provenance) else {}
