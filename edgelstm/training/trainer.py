"""Training: data and a configuration in, a model out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgelstm import forward
from edgelstm.data import kept, splits, stretches
from edgelstm.data.dataset import Dataset
from edgelstm.data.seen import feature_range
from edgelstm.data.twins import refuse_twins
from edgelstm.data.windows import cut, spread
from edgelstm.evaluation import pooled, said_fresh, some_at_a_time
from edgelstm.hearing import heard, in_front
from edgelstm.judging import Figure, Said
from edgelstm.layers import Layer, LogMel
from edgelstm.layers.layer import Floats
from edgelstm.model import Model, Normalize
from edgelstm.plain import counted
from edgelstm.training import cycles
from edgelstm.training.aims import Aims, find_aims
from edgelstm.training.apart import tested_apart, watched_apart
from edgelstm.training.batches import batches, steps_per_epoch
from edgelstm.training.checkpoint import Checkpoint, Epoch, Progress
from edgelstm.training.config import Config, RecipeError
from edgelstm.training.learner import Learner
from edgelstm.training.network import Network, Parameters, begin, weights_of
from edgelstm.training.normalizing import fit_normalize, is_still
from edgelstm.training.optimizer import Average, clip_by_global_norm, learning_rate, optimizer_of
from edgelstm.training.persistence import begin_at_persistence

_WATCHED, _WATCHED_PIECE = 1 << 19, 1 << 14
"""Most frames that the best epoch is chosen by, of fewer than 16 outputs, of more in proportion fewer; and those of a
piece, where answers are judged along recordings."""


@dataclass(frozen=True, eq=False)
class Trained:
    model: Model
    history: tuple[Epoch, ...]
    calibration: Sequence[NDArray[np.float32]]  # raw sequences to calibrate on: none of those in `model.unseen`


def split(dataset: Dataset, config: Config, tell: Callable[[str], None] | None = None) -> tuple[Dataset, Dataset]:
    """(train, test) as the configuration says: its test groups, or the split that the data brings along, or a share.
    Frames of the test that are in recordings which train, too, are left out of it; `tell` is given a line on them.

    ValueError for a sequence that is too short for the model to give scores, and for a test of which too little is
    left.
    """
    train, test = _split(dataset, config)
    return train, tested_apart(dataset, train, test, config, tell)


def _split(dataset: Dataset, config: Config) -> tuple[Dataset, Dataset]:
    _check_lengths(dataset, config)
    groups = config.data.test_groups
    if not groups and dataset.test is None and splits.is_by_time(dataset, config.data.split):
        return _by_time(dataset, config.data.test, "data.test")
    if not groups and dataset.test is None and config.data.split == "stretches":
        return stretches.by_stretches(dataset, config.data.test)
    try:
        if groups:
            train, test = splits.by_groups(dataset, groups)
        elif dataset.test is not None:
            train, test = splits.given(dataset)
        else:
            train, test = splits.by_share(dataset, config.data.test, config.task.teaches(dataset))
    except ValueError as error:
        raise RecipeError(f"data.test_groups: {error}") from None
    if not (train.size and test.size):
        raise RecipeError(
            f"data.test: {config.data.test:g} of {counted(len(dataset), 'recording')} leaves {len(train)} to train "
            f"on and {len(test)} to test on, expected some of both"
        )
    refuse_twins(dataset, train, test)
    return dataset.subset(train), dataset.subset(test)


def _by_time(dataset: Dataset, share: float, key: str) -> tuple[Dataset, Dataset]:
    try:
        return splits.by_time(dataset, share)
    except ValueError as error:
        raise RecipeError(f"{key}: {error}") from None


def evaluation_set(dataset: Dataset, config: Config) -> Dataset:
    """What answers are judged over: windows, or whole sequences where the configuration sets no window, or where
    answers are judged all along them."""
    window = 0 if config.task.each_frame else config.data.window
    try:
        return cut(dataset, window, config.data.hop or window) if window else dataset
    except ValueError as error:
        raise RecipeError(f"data.window: {error}") from None


def train(
    dataset: Dataset,
    config: Config,
    on_epoch: Callable[[Epoch], None] | None = None,
    checkpoint: Checkpoint | None = None,
    resumes: bool = False,
    on_step: Callable[[int, int, float], None] | None = None,
) -> Trained:
    """Train on all of `dataset` except what the configuration holds out to stop early.

    The same data, configuration and machine give the same weights, with any number of threads of the C library.
    `on_epoch` is called after every epoch, `on_step` after every step with (epoch, of so many, share of it that is
    done). Keep test sequences out of `dataset` (see `split`).

    checkpoint: is saved after every epoch. resumes: go on from it; the weights are those of a run that was never
    interrupted. ValueError for a loss that is not finite; the checkpoint then is that of the epoch before.
    """
    settings = config.training
    rng = np.random.default_rng(settings.seed)
    sound_of_fit, sound_of_watched, held_out, aims = _sides(dataset, config, rng)
    ear = _ear(dataset, config)
    fit, watched, held_out = (_heard(ear, part) for part in (sound_of_fit, sound_of_watched, held_out))
    assert fit is not None
    if ear is not None:
        _check_features(fit, config)
    network, parameters, normalize = _begun(fit, config, rng)
    columns = None if fit.targets is None else fit.targets.columns_now
    if columns is not None and aims.scaling is not None:
        network = begin_at_persistence(network, parameters, normalize, aims.scaling, columns)
    progress = Progress(
        parameters,
        {name: value.copy() for name, value in parameters.items()},
        optimizer_of(parameters, settings),
        Average(parameters, settings.averaging),
        rng,
    )
    if checkpoint is not None and resumes:
        checkpoint.restore(progress)
    optimizer, average, history = progress.optimizer, progress.average, progress.history
    learner = Learner(network, aims, settings.dropout, rng)
    while cycle := cycles.current(history, settings):
        cycles.begin(cycle, progress)
        in_epoch = steps_per_epoch(fit, config)
        steps = cycle.epochs * in_epoch
        number, epochs = len(history) + 1, settings.epochs + settings.second_epochs
        began = time.perf_counter()
        losses, rate = [], 0.0
        for batch in batches(fit, config, normalize, aims, rng):
            loss, gradients = learner.gradients(parameters, batch)
            clip_by_global_norm(gradients, settings.clip)
            rate = learning_rate(optimizer.steps, steps, cycle.rate, settings.warmup)
            optimizer.step(gradients, rate)
            average.update(parameters)
            losses.append(loss)
            if on_step:
                on_step(number, epochs, len(losses) / in_epoch)
        if not np.isfinite(losses).all():
            raise ValueError(
                f"{dataset.name}: training fell apart in epoch {number}, its loss is not finite: a lower "
                f"training.{cycle.rate_key} ({cycle.rate:g} now) helps, or a lower training.clip"
            )
        current = average.values if settings.averaging else parameters
        value, score = None, None
        if held_out is not None:
            value, score = _validate(network.to_layers(current), held_out, normalize, config, aims)
        is_best = value is None or value < progress.least
        if is_best:
            for name, kept_value in progress.best.items():
                kept_value[...] = current[name]
        seconds = time.perf_counter() - began
        epoch = Epoch(number, epochs, float(np.mean(losses)), value, score, is_best, seconds, cycle.number, rate)
        history.append(epoch)
        if checkpoint is not None:
            checkpoint.save(progress)
        if on_epoch:
            on_epoch(epoch)
    _silence(network, progress.best, is_still(fit))
    layers = network.to_layers(progress.best)
    carried = aims.scaling if config.task.carries_scale else None
    layers = layers if carried is None else carried.carried(layers)
    model = _finished(_model(layers, normalize, config, fit, _best(history)), watched, aims)
    model = _with_thresholds(model, held_out)
    model = model if ear is None else in_front(ear, model)
    return _with_recordings(model, tuple(history), sound_of_fit, sound_of_watched)


def untrained(dataset: Dataset, config: Config) -> tuple[Model, Sequence[NDArray[np.float32]]]:
    """(a model as `train` begins it on `dataset`, raw sequences of what it would learn from).

    Its layers, and all that it tells of itself, are those of the trained one: so what its files weigh and cost is
    known before. ValueError as of `train`."""
    rng = np.random.default_rng(config.training.seed)
    sound_of_fit, *_ = _sides(dataset, config, rng)
    ear = _ear(dataset, config)
    fit = _heard(ear, sound_of_fit)
    assert fit is not None
    network, parameters, normalize = _begun(fit, config, rng)
    best = Epoch(config.training.epochs, config.training.epochs, 1 / 3, 1 / 3, None, True, 0.0)
    model = _model(network.to_layers(parameters), normalize, config, fit, best)
    return model if ear is None else in_front(ear, model), sound_of_fit.sequences


def _begun(fit: Dataset, config: Config, rng: np.random.Generator) -> tuple[Network, Parameters, Normalize]:
    """(layers, their first weights, normalization). RecipeError for what cannot become a model."""
    normalize = fit_normalize(fit) if config.task.normalizes else _as_it_is(fit.features)
    try:
        network, parameters = begin(config.model.all_layers(len(fit.labels)), fit.features, rng)
        _bare_model(network.to_layers(parameters), normalize, config)
    except ValueError as error:
        raise RecipeError(f"model.layers: {error}") from None
    return network, parameters, normalize


def _ear(dataset: Dataset, config: Config) -> LogMel | None:
    """What makes features of sound, where the recipe says so."""
    try:
        return config.sound.ear(dataset)
    except ValueError as error:
        raise RecipeError(str(error)) from None


def _heard(ear: LogMel | None, dataset: Dataset | None) -> Dataset | None:
    return dataset if ear is None or dataset is None else heard(ear, dataset)


def check(dataset: Dataset, config: Config) -> None:
    """What `train` refuses of all of `dataset` before its first epoch. ValueError as of `train`."""
    _ear(dataset, config)
    _sides(dataset, config, np.random.default_rng(config.training.seed))


def _sides(
    dataset: Dataset, config: Config, rng: np.random.Generator
) -> tuple[Dataset, Dataset | None, Dataset | None, Aims]:
    """(what to fit, what is held out to watch it by, as it is evaluated, what is aimed at)."""
    _check_lengths(dataset, config)
    _check_features(dataset, config)
    fit, watched = _hold_out(config.task.to_learn(dataset), config, rng)
    watched = None if watched is None else watched_apart(fit, watched, config)
    aims = find_aims(fit, config)
    held_out = None if watched is None else evaluation_set(watched, config)
    if held_out is not None and config.task.each_frame:
        most = max(_WATCHED // max(len(dataset.labels) // 8, 1), _WATCHED_PIECE)
        held_out = spread(held_out, _WATCHED_PIECE, config.model.stride, most)
    return fit, watched, held_out, aims


def _as_it_is(features: int) -> Normalize:
    return Normalize(np.zeros(features, np.float32), np.ones(features, np.float32))


def _silence(network: Network, parameters: Parameters, silent: NDArray[np.bool_]) -> None:
    """Zeros for the weights that meet features (features,) which never change.

    Nothing was learned of them, and if one moves one day, what its weights began with must not have a say.
    """
    layer, first = next(found for found in zip(network.layers, network.road, strict=True) if found[1].layer.arrays)
    layer.silence(weights_of(parameters, first.name), silent)


def _hold_out(dataset: Dataset, config: Config, rng: np.random.Generator) -> tuple[Dataset, Dataset | None]:
    """(what to fit, what to watch it by)."""
    data = config.data
    share = data.validation or config.task.holds_out
    if share and not data.validation_groups and splits.is_by_time(dataset, data.split):
        return _by_time(dataset, share, "data.validation")
    if share and not data.validation_groups and data.split == "stretches":
        return stretches.chosen(dataset, share)
    if data.validation_groups:
        try:
            fit, watch = splits.by_groups(dataset, data.validation_groups)
        except ValueError as error:
            raise RecipeError(f"data.validation_groups: {error}") from None
    elif share:
        fit, watch = splits.hold_out(dataset, share, rng)
    else:
        return dataset, None
    if not (fit.size and watch.size):
        raise RecipeError(
            f"data.validation: {share:g} of {counted(len(dataset), 'recording')} leaves {len(fit)} to train on and "
            f"{len(watch)} to watch it by, expected some of both, or 0 for none"
        )
    return dataset.subset(fit), dataset.subset(watch)


def _finished(model: Model, watched: Dataset | None, aims: Aims) -> Model:
    """With what the task finds in answers along what was held out, where these stay in deviations."""
    if watched is None or aims.scaling is None or model.task.carries_scale:
        return model
    said = said_fresh(model, watched)
    return replace(model, task=model.task.finish(aims.scaling.mean, aims.scaling.std, watched, said))


def _with_thresholds(model: Model, held_out: Dataset | None) -> Model:
    """The model with the thresholds that its task finds in its answers on what was held out."""
    if held_out is None or not model.task.chooses_thresholds:
        return model
    return replace(model, thresholds=model.task.find_thresholds(held_out, said_fresh(model, held_out)))


def _with_recordings(model: Model, history: tuple[Epoch, ...], fit: Dataset, watched: Dataset | None) -> Trained:
    """The model with sequences to calibrate on, and with others to prove its files with: of those that training was
    watched by, and where these are few or none every fifth of those that it learned from."""
    parts = [] if watched is None else [watched]
    if watched is None or watched.frames < kept.unseen_frames(model):
        seen, proves = splits.every_fifth(fit)
        if proves.size:
            parts.append(fit.subset(proves))
            fit = fit.subset(seen)
    model = kept.with_unseen(replace(model, examples=kept.examples(fit)), parts)
    return Trained(model, history, fit.sequences)


def _check_features(dataset: Dataset, config: Config) -> None:
    last = dataset.features - 1
    for triad in config.augment.triads:
        if max(triad) > last or len(set(triad)) != 3:
            raise RecipeError(f"augment.triads: {list(triad)}, expected three of the features 0 to {last}")
    mirror = config.augment.mirror
    if mirror and (max(mirror) > last or len(set(mirror)) != len(mirror)):
        raise RecipeError(f"augment.mirror: {list(mirror)}, expected some of the features 0 to {last}, each once")


def _check_lengths(dataset: Dataset, config: Config) -> None:
    stride = config.model.stride
    for place in np.flatnonzero(dataset.lengths < stride):
        raise ValueError(
            f"{dataset.name}: sequence {place} has {counted(int(dataset.lengths[place]), 'frame')}, expected at "
            f"least {stride}: the model's scores come every {counted(stride, 'frame')}"
        )


def _validate(
    layers: tuple[Layer, ...], held_out: Dataset, normalize: Normalize, config: Config, aims: Aims
) -> tuple[float, Figure | None]:
    """Loss and score of the answers on what was held out; no score where the task has still to learn of it."""
    model = _bare_model(layers, normalize, config)  # of values as they are learned
    said = [pooled(scores, model, config.task.each_frame) for scores in _all_scores(model, held_out)]
    total, known = 0.0, 0
    for place, one in enumerate(said):
        target = _at_answers(aims, held_out, place, one)
        total += float(aims.objective.of_rows(one.answers.T, target.T)[0].sum())
        known += int(np.isfinite(target).any(axis=1).sum())
    if not config.task.carries_scale:
        return total / max(known, 1), None
    if aims.scaling is not None:
        said = [Said(one.at, aims.scaling.up(one.answers)) for one in said]
    said = [Said(one.at, forward.activate(one.answers, config.activation)) for one in said]
    return total / max(known, 1), config.task.judge("float32", False, held_out, said).headline


def _all_scores(model: Model, dataset: Dataset) -> Iterator[Floats]:
    return (scores for some in some_at_a_time(dataset) for scores in forward.scores(model, some))


def _at_answers(aims: Aims, dataset: Dataset, place: int, said: Said) -> NDArray[np.float32]:
    """What each output should say (answers, outputs) in the answers along a sequence."""
    frames = np.repeat(said.at - 1, aims.stride)  # of which every last of a stride counts
    found = aims.rows(dataset, place, frames)
    return np.repeat(found, len(said.at), axis=0) if len(found) == 1 else found


def _best(history: list[Epoch]) -> Epoch:
    return next(epoch for epoch in reversed(history) if epoch.best)


def _bare_model(layers: tuple[Layer, ...], normalize: Normalize, config: Config) -> Model:
    return Model(normalize, layers, config.activation, config.to_answer(), config.task)


def _model(layers: tuple[Layer, ...], normalize: Normalize, config: Config, fit: Dataset, best: Epoch) -> Model:
    # The data's name says what was read; where it lay on this machine is nobody's business.
    settings = config.to_json()
    settings["data"].pop("file")
    return replace(
        _bare_model(layers, normalize, config),
        labels=fit.labels,
        label_units=fit.label_units,
        feature_names=fit.feature_names,
        feature_units=fit.feature_units,
        sample_rate=fit.sample_rate,
        feature_range=feature_range(fit),
        name=config.model.name,
        licence=config.model.licence,
        provenance={
            "trainer": "edgelstm",
            "data": fit.name,
            "source": fit.source,
            "sequences": len(fit),
            "frames": fit.frames,
            "groups": list(fit.all_groups) if len(fit.all_groups) < len(fit) else [],
            "config": settings,
            "best_epoch": asdict(best) | {"seconds": None},
        },
    )
