"""How good a recipe is on recordings that it has not seen, told by all of them: each is tested on once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.leaks import find_leak, together
from edgelstm.data.overlaps import Shared, overlaps
from edgelstm.data.pieces import Piece
from edgelstm.data.twins import TOO_GOOD, refuse_twins, twins
from edgelstm.evaluation import evaluate, evaluate_streamed
from edgelstm.judging import Evaluation
from edgelstm.plain import counted
from edgelstm.quantization import calibrate, quantize
from edgelstm.tasks import read_dataset
from edgelstm.training.checkpoint import fingerprint
from edgelstm.training.config import Config, RecipeError
from edgelstm.training.kernels import threads as kernel_threads
from edgelstm.training.trainer import check, evaluation_set, train
from edgelstm.training.workers import begin_worker, none_half_begun

_MIN_FOLDS, USUAL_FOLDS = 2, 5
_LEAST_STRETCH = 16  # frames that tell anything


@dataclass(frozen=True, eq=False)
class Fold:
    """What one run learns from, and what it is tested on."""

    name: str
    train: Dataset
    test: Dataset


@dataclass(frozen=True, eq=False)
class Outcome:
    """One run's evaluations: float32 and int8, fresh and streamed where the model answers by itself."""

    fold: str
    evaluations: tuple[Evaluation, ...]


def folds(dataset: Dataset, count: int, by_groups: bool = False) -> list[Fold]:
    """`count` folds. Groups stay together, where there are as many; of recordings that are each their own every class
    is spread over the folds; of fewer recordings than folds each is cut into so many stretches of time.

    Recordings that hold frames of one another are on one side; frames of a group, or of a stretch, that are in what
    trains, too, are left out of its test.

    by_groups: a fold for each group instead. ValueError where there are too few, where a recording of one group is
    the same as one of another, and for a test of which less than half would be left.
    """
    groups = dataset.all_groups
    has_groups = 1 < len(groups) < len(dataset)
    shared = list(overlaps(dataset.sequences))
    if by_groups:
        if len(groups) < _MIN_FOLDS:
            raise ValueError(
                f"{dataset.name}: {counted(len(groups), 'group')}, expected two or more to leave one out"
            )
        return [_fold(dataset, name, np.flatnonzero(dataset.in_groups([name])), shared) for name in groups]
    if count < _MIN_FOLDS:
        raise ValueError(f"folds: {count}, expected two or more")
    if has_groups and len(groups) >= count:
        spread = _spread_groups(dataset, count)
        return [_fold(dataset, f"{n + 1}", places, shared) for n, places in enumerate(spread)]
    if len(dataset) >= count and not has_groups:
        fold_of = np.empty(len(dataset), np.int64)
        fold_of[np.argsort(dataset.y, kind="stable")] = np.arange(len(dataset)) % count
        alike = [Shared(other, one, 0, len(dataset.sequences[one])) for one, other in twins(dataset.sequences)]
        fold_of = fold_of[together([*alike, *shared], len(dataset))]
        if (left := len(np.unique(fold_of))) < count:
            raise ValueError(
                f"{dataset.name}: recordings that hold frames of one another are on one side, which leaves {left} of "
                f"{count} folds"
            )
        return [_fold(dataset, f"{n + 1}", np.flatnonzero(fold_of == n), shared) for n in range(count)]
    if has_groups:
        raise ValueError(
            f"{dataset.name}: {counted(len(groups), 'group')}, expected as many as folds ({count}) or more"
        )
    return [_stretch(dataset, n, count, shared) for n in range(count)]


def most_folds(dataset: Dataset, window: int) -> int:
    """How many folds `dataset` has for: one for each group, or each recording that is its own; of a few long
    recordings stretches that hold a training window of so many frames."""
    groups = len(dataset.all_groups)
    if 1 < groups < len(dataset):
        return groups
    return max(len(dataset), int(dataset.lengths.max()) // max(window, _LEAST_STRETCH))


def _fold(dataset: Dataset, name: str, test: NDArray[np.int64], shared: Sequence[Shared]) -> Fold:
    rest = np.setdiff1d(np.arange(len(dataset)), test)
    refuse_twins(dataset, rest, test)
    return _apart(Fold(name, dataset.subset(rest), dataset.subset(test)), shared)


def _apart(fold: Fold, shared: Sequence[Shared]) -> Fold:
    """Without frames to test on that are in what trains, too. ValueError where that is most of them."""
    leak = find_leak(fold.train, fold.test, 1, shared)
    if leak is None:
        return fold
    if leak.rest is None or leak.rest.frames * 2 < fold.test.frames:
        raise ValueError(
            f"{fold.test.name}: {leak.frames:,} of {fold.test.frames:,} frames that fold {fold.name} tests on are in "
            f"recordings that train, too: {TOO_GOOD}"
        )
    return replace(fold, test=leak.rest)


def _spread_groups(dataset: Dataset, count: int) -> list[NDArray[np.int64]]:
    """Groups in folds of like size, each class spread: the largest group first, each to where it adds least."""
    classes = int(dataset.y.max()) + 1
    _, members = np.unique(dataset.groups, return_inverse=True)
    tables = np.zeros((members.max() + 1, classes + 1))  # frames of each class, and of all
    np.add.at(tables, (members, dataset.y), [len(x) for x in dataset.sequences])
    tables[:, classes] = tables.sum(axis=1)
    share = tables / np.maximum(tables.sum(axis=0), 1)
    filled, fold_of = np.zeros((count, classes + 1)), np.zeros(len(tables), np.int64)
    for group in np.argsort(-share.sum(axis=1), kind="stable"):
        fold = int(((filled + share[group]) ** 2 - filled**2).sum(axis=1).argmin())
        filled[fold] += share[group]
        fold_of[group] = fold
    return [np.flatnonzero(fold_of[members] == fold) for fold in range(count)]


def _stretch(dataset: Dataset, number: int, count: int, shared: Sequence[Shared]) -> Fold:
    """The `number`-th of so many stretches of each recording tests; what lies before and after it trains."""
    early, tested = [], []
    for place, x in enumerate(dataset.sequences):
        start, stop = (len(x) * n // count for n in (number, number + 1))
        early += [Piece(place, a, b) for a, b in ((0, start), (stop, len(x))) if a < b]
        tested += [Piece(place, start, stop)] * (start < stop)
    if not tested:
        raise ValueError(f"{dataset.name}: recordings too short for {counted(count, 'stretch')}")
    return _apart(Fold(f"{number + 1}", dataset.pieces(early), dataset.pieces(tested)), shared)


def crossvalidate(
    config: Config,
    count: int | None = None,
    by_groups: bool = False,
    jobs: int = 0,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Train and test once for each fold of `config.data.file`, in `jobs` processes (0: one for each processor), and
    give the outcomes in the order of the folds, whatever the number of processes the same. count: five where nobody
    says, or as many as the data have for. ValueError for more than that.

    The recipe's own test groups play no part; a share of its validation is held out of each fold's training.
    on_outcome: called as each ends. Errors as of `train`.
    """
    folding = prepare(config, count, by_groups)
    config, count, names = folding.config, folding.count, folding.names
    jobs = min(jobs or os.cpu_count() or 1, len(names))
    done: dict[int, Outcome] = {}
    if jobs == 1:
        for n in range(len(names)):
            done[n] = _run(config, count, by_groups, n)
            if on_outcome:
                on_outcome(done[n])
        return [done[n] for n in range(len(names))]
    # Threads of libraries do not survive a fork.
    each = max(kernel_threads() // jobs, 1)
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=begin_worker, initargs=(each,))
    try:
        with none_half_begun():
            waiting = {pool.submit(_run, config, count, by_groups, n): n for n in range(len(names))}
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                outcome = done[waiting.pop(future)] = future.result()
                if on_outcome:
                    on_outcome(outcome)
    except BrokenProcessPool:
        raise ValueError("the process of a fold was killed, most likely for memory: fewer jobs need less") from None
    except BaseException:
        for worker in active_children():  # else the end would wait for the folds that run
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return [done[n] for n in range(len(names))]


@dataclass(frozen=True)
class Folding:
    """What is trained for a cross-validation."""

    config: Config  # without groups to test on
    count: int
    by_groups: bool
    names: tuple[str, ...]  # of the folds
    data: dict[str, str]  # their fingerprint

    def run(self, number: int) -> Outcome:
        """Train and test fold `number`. ValueError as of `train`."""
        return _run(self.config, self.count, self.by_groups, number)


def prepare(config: Config, count: int | None = None, by_groups: bool = False) -> Folding:
    """The folds of a recipe. Arguments and errors as of `crossvalidate`."""
    config = _without_test(config)
    dataset = _read(config)
    count = _count(dataset, config, count, by_groups)
    names = tuple(fold.name for fold in folds(dataset, count, by_groups))
    return Folding(config, count, by_groups, names, fingerprint(dataset))


def _count(dataset: Dataset, config: Config, asked: int | None, by_groups: bool) -> int:
    most = most_folds(dataset, config.data.window)
    if by_groups or (asked or _MIN_FOLDS) <= most:
        return _trainable(dataset, config, asked, by_groups, min(USUAL_FOLDS, most))
    if 1 < len(dataset.all_groups) < len(dataset):
        why = f"it has {counted(most, 'group')}"
    else:
        why = f"each tests on a recording, or on {max(config.data.window, _LEAST_STRETCH)} frames in a row"
    wanted = f"at most {most}" if most >= _MIN_FOLDS else "more data"
    raise ValueError(f"{dataset.name}: {asked or _MIN_FOLDS} folds, expected {wanted}: {why}")


def _trainable(dataset: Dataset, config: Config, asked: int | None, by_groups: bool, usual: int) -> int:
    """`asked` folds, or `usual` ones, or the most below these that leave enough to learn from and to test on, where
    nobody asked. ValueError, before anything is trained, where they do not."""
    wanted = asked or usual
    problem = _problem(dataset, config, wanted, by_groups)
    if problem is None:
        return wanted
    fits, fails = 1, wanted
    while not by_groups and fails - fits > 1:
        middle = (fits + fails) // 2
        fits, fails = (middle, fails) if _problem(dataset, config, middle, False) is None else (fits, middle)
    if fits < _MIN_FOLDS:
        raise ValueError(problem)
    if asked is None:
        return fits
    raise ValueError(f"{dataset.name}: {asked} folds, expected at most {fits}: {problem}")


def _problem(dataset: Dataset, config: Config, count: int, by_groups: bool) -> str | None:
    """Why a fold could not be trained or tested; None where all can."""
    fold = None
    try:
        for fold in folds(dataset, count, by_groups):
            check(fold.train, config)
            evaluation_set(fold.test, config)
            if lost := _unknown(fold.test):
                raise ValueError(f"{lost}: nothing is known of it to test on")
    except ValueError as error:
        return str(error) if fold is None else f"fold {fold.name}: {error}"
    return None


def _unknown(dataset: Dataset) -> str:
    """The first output of which no number is known; "" where there is none, or outputs are classes."""
    if dataset.targets is None:
        return ""
    known = np.zeros(len(dataset.labels), np.bool_)
    for place, length in enumerate(dataset.lengths.tolist()):
        for part in dataset.targets.parts(place, length):
            if part.ndim == 1:
                return ""
            known |= np.isfinite(part).any(axis=0)
    return "" if known.all() else dataset.labels[int(known.argmin())]


def _read(config: Config) -> Dataset:
    return config.sound.framed(read_dataset(config.data.file, config.data.read_options(), config.task))


def _without_test(config: Config) -> Config:
    """The recipe without names of groups: those that it watches by may be those that a fold tests on."""
    data = config.data
    share = data.validation or (0.2 if data.validation_groups else 0.0)
    return replace(config, data=replace(data, test_groups=(), validation_groups=(), validation=share))


def _run(config: Config, count: int, by_groups: bool, number: int) -> Outcome:
    fold = folds(_read(config), count, by_groups)[number]
    try:
        trained = train(fold.train, config)
    except RecipeError as error:
        raise ValueError(f"fold {fold.name}: {error}") from None
    test = evaluation_set(fold.test, config)
    model = trained.model
    quantized = quantize(calibrate(model, trained.calibration, kept=()))
    found = [evaluate(model, test), evaluate(quantized, test)]
    if model.answer.hop:
        found += [evaluate_streamed(model, fold.test), evaluate_streamed(quantized, fold.test)]
    return Outcome(fold.name, tuple(found))


def spread(values: Sequence[float | None]) -> tuple[float, float] | None:
    """(mean, standard deviation of a fold's value) of the values that are known; None where there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return float(np.mean(known)), float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
