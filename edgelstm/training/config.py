"""The training configuration: a TOML file, checked strictly.

Every section and key may be left out, except `[data] file`. A key that is unknown is an error that names the
nearest one that is known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from edgelstm import records
from edgelstm.data.columns import Roles
from edgelstm.data.file_names import MOST_LETTERS, check_pattern
from edgelstm.data.options import MAX_RATE, LabelFrom, ReadOptions
from edgelstm.data.splits import Split
from edgelstm.data.times import Missing
from edgelstm.files import read_bounded
from edgelstm.model import MAX_LAYERS, Answer, OutputActivation, Pooling
from edgelstm.records import Bounds, Length, Line, Tagged
from edgelstm.tasks import CLASSIFY, TaskEntry
from edgelstm.tasks.task import Criterion
from edgelstm.training.layers import KINDS, Trainable, TrainableDense, TrainableLSTM, Width
from edgelstm.training.sound import Sound

Loss = Literal["frames", "last", "mean", "mean+max"]
Balance = Literal["none", "weights", "sampling"]
Column = Annotated[str, Line(1000, least=0)]
Count = Annotated[int, Bounds(0, 1 << 20)]
Positive = Annotated[int, Bounds(1, 1 << 20)]
Fraction = Annotated[float, Bounds(0, 0.95)]
Held = Annotated[float, Bounds(above=0, most=0.95)]
Amount = Annotated[float, Bounds(0, 1e6)]
Entry = Annotated[Trainable, Tagged("kind", KINDS)]

_MOST_BYTES = 1 << 20
_UNITS = (64,)  # of the LSTM layers where a recipe names none


class RecipeError(ValueError):
    """What a recipe asks of data that do not have it. One line: section and key, found, expected."""


@dataclass(frozen=True)
class Data:
    """`[data]`: what to learn from, and who is kept to test on."""

    file: Annotated[str, Line(1000, least=0)] = ""  # or folder, of any format; relative to the configuration's folder
    time: Column = ""  # names of columns that are no features; empty = a usual name, if one is there
    label: Column = ""  # of each recording, or of each frame
    group: Column = ""  # who or where it was recorded
    series: Column = ""  # the recording that a row belongs to, in one long file
    features: tuple[Column, ...] = ()  # columns to learn from; empty = all other numbers
    label_from: LabelFrom = "auto"  # a column, the folder, or the name of the file
    names: Annotated[str, Line(MOST_LETTERS, least=0)] = ""  # of files: "{label}_{group}_{}" says what stands where
    missing: Missing = "refuse"  # what becomes of gaps: refuse, interpolate or hold
    rate: Annotated[float, Bounds(0, MAX_RATE)] = 0.0  # frames per second of data that do not say theirs; 0 = unknown
    window: Count = 0  # frames of a training window, cut at random places; 0 = whole sequences
    hop: Count = 0  # frames from one evaluation window to the next; 0 = window
    test_groups: tuple[int | str, ...] = ()  # by name; empty = the split that the data brings along
    split: Split = "auto"  # whole groups apart, or of each recording the last part, or stretches with every class
    test: Held = 0.2  # share of the groups, or of each class, to test on where neither says who; one at least
    validation: Fraction = 0.0  # share of the training groups held out to stop early; 0 = none
    validation_groups: tuple[int | str, ...] = ()  # these instead of a share

    def read_options(self) -> ReadOptions:
        """How `file` is to be read."""
        roles = Roles(self.time, self.label, self.group, self.series, self.features)
        return ReadOptions(roles, self.label_from, self.missing, self.rate, self.names)

    def __post_init__(self) -> None:
        check_pattern(self.names)


@dataclass(frozen=True)
class ModelConfig:
    """`[model]`: its layers, after which one output per label follows.

    Either `units` and `hidden`, for LSTM layers and then dense ones with ReLU, or `[[model.layers]]`: any kinds in
    any order, each a table of `kind` and the fields of its class in `edgelstm.training.layers`.
    """

    name: Annotated[str, Line()] = "model"  # files are called so
    licence: Annotated[str, Length(0, 1000)] = ""  # of the trained weights, such as Apache-2.0
    units: Annotated[tuple[Width, ...], Length(1, 8)] = ()  # empty = 64, where there are no `layers`
    hidden: Annotated[tuple[Width, ...], Length(0, 7)] = ()  # of dense layers with ReLU behind them
    layers: Annotated[tuple[Entry, ...], Length(1, MAX_LAYERS - 1)] | None = None  # instead of units and hidden
    activation: Literal["auto", "softmax", "sigmoid"] = "auto"  # as the task needs it

    def __post_init__(self) -> None:
        if self.layers and (self.units or self.hidden):
            found = "units" if self.units else "hidden"
            raise ValueError(f"{found} and layers: both given, expected either units and hidden, or [[model.layers]]")
        if not self.layers and not self.units:
            object.__setattr__(self, "units", _UNITS)

    def all_layers(self, outputs: int) -> tuple[Trainable, ...]:
        """All layers of the network, the one that gives the scores included."""
        return (*self.hidden_layers, TrainableDense(outputs, "linear"))

    @property
    def hidden_layers(self) -> tuple[Trainable, ...]:
        """Those before the last."""
        return self.layers or (*map(TrainableLSTM, self.units), *map(TrainableDense, self.hidden))

    @property
    def stride(self) -> int:
        """Frames from one row of scores to the next."""
        return math.prod(layer.every for layer in self.hidden_layers)


@dataclass(frozen=True)
class Training:
    """`[training]`: the loss and the optimizer, whose rate rises linearly and falls as a cosine in each cycle."""

    epochs: Positive = 30  # times that everything is seen
    batch: Positive = 64  # sequences, or windows, of a step
    learning_rate: Annotated[float, Bounds(above=0, most=1)] = 0.003  # at its highest
    warmup: Fraction = 0.1  # share of the steps in which the learning rate rises
    second_epochs: Count = 0  # of a second cycle, that begins at the best weights of the first; 0 = none
    second_rate: Annotated[float, Bounds(above=0, most=1)] = 0.002  # its learning rate at its highest
    optimizer: Literal["adam", "sgd"] = "adam"  # sgd wants rates about a hundred times as high
    momentum: Annotated[float, Bounds(0, below=1)] = 0.9  # of sgd
    nesterov: bool = False  # sgd's gradient is taken where the momentum leads to
    weight_decay: Amount = 0.0  # of weights, not of biases
    clip: Annotated[float, Bounds(above=0, most=1e6)] = 1.0  # largest global norm of a gradient
    dropout: Fraction = 0.0  # share of each recurrent layer's results that is zeroed
    smoothing: Fraction = 0.0  # of the labels
    loss: Loss = "frames"  # "frames": of each row of scores, of which a model with strides has fewer than frames
    criterion: Literal["auto", Criterion] = "auto"  # that rows of scores are held to; auto: the task's usual one
    balance: Balance = "none"  # rare classes weigh more, or are drawn more often
    skip: Count = 0  # first frames of a sequence without loss, for all but "last"
    truncate: Count = (
        0  # frames of a piece of long recordings: state goes on, gradients do not; 0 = windows, or wholes
    )
    buckets: Positive = 8  # batches that are sorted by length together, so that little is padded; 1 = none
    averaging: Annotated[float, Bounds(0, below=1)] = 0.0  # decay per step of the averaged weights; 0 = off
    patience: Count = 0  # epochs without a better validation loss, or all right, before stopping; 0 = never
    seed: Annotated[int, Bounds(0, (1 << 63) - 1)] = 1  # the same one gives the same weights on the same machine


@dataclass(frozen=True)
class Augment:
    """`[augment]`: what is done to training sequences, each anew in every epoch. All off by default."""

    noise: Amount = 0.0  # standard deviation of white noise, in units of each feature's own
    scale: Fraction = 0.0  # each triad times 1 ± scale
    rotation: Annotated[float, Bounds(0, 180)] = 0.0  # largest angle in degrees, about any axis
    shift: Amount = 0.0  # standard deviation of an offset, one for each feature and sequence, in units of its own
    mixup: Annotated[float, Bounds(0, 10)] = 0.0  # a and b of the Beta by which sequences and labels are mixed
    speed: Annotated[float, Bounds(0, 0.5)] = 0.0  # time, of windows or whole sequences, stretched by up to 1 ± speed
    mirror: tuple[Count, ...] = ()  # features that change sign together in half of the sequences: left for right
    triads: tuple[tuple[Count, Count, Count], ...] = ()  # features that are x, y, z of one sensor


@dataclass(frozen=True)
class AnswerConfig:
    """`[answer]`: as `edgelstm.model.Answer`."""

    pooling: Pooling = "last"  # answers are of the newest scores, their mean, or midway between mean and maximum
    window: Count = 0  # frames that these cover, a multiple of hop; 0 = all since a reset
    hop: Count = 1  # frames from one answer to the next; 0 = only when asked


@dataclass(frozen=True)
class Config:
    """One training run."""

    task: TaskEntry = CLASSIFY
    data: Data = Data()
    sound: Sound = field(default_factory=Sound)
    model: ModelConfig = ModelConfig()
    training: Training = Training()
    augment: Augment = Augment()
    answer: AnswerConfig = AnswerConfig()
    budget: dict[str, object] = field(default_factory=dict)
    """`[budget]`: what the model may cost at most where it will run, limits by the names that `edgelstm profile
    --budget` has. It travels with the model, and `edgelstm profile` checks it."""
    search: dict[str, object] = field(default_factory=dict)
    """`[search]`: what `edgelstm search` tries; `edgelstm.search.space` reads it. Training leaves it alone."""

    def __post_init__(self) -> None:
        if self.augment.triads == () and (self.augment.rotation or self.augment.scale):
            raise ValueError("augment.triads: empty, expected triples of features for rotation and scale")
        if self.data.window and self.training.skip >= self.data.window:
            raise ValueError(f"training.skip: {self.training.skip}, expected less than data.window")
        if self.training.patience and not (
            self.data.validation or self.data.validation_groups or self.task.holds_out
        ):
            raise ValueError(
                f"training.patience: {self.training.patience}, expected 0 without data.validation and "
                "data.validation_groups: nothing tells which epoch is better"
            )
        self._check_optimizer()
        self._check_truncation()
        self._check_task()
        self._check_stride()
        self._check_budget()

    def _check_optimizer(self) -> None:
        training = self.training
        if training.nesterov and (training.optimizer != "sgd" or not training.momentum):
            raise ValueError('training.nesterov: true, expected false without optimizer = "sgd" and its momentum')

    def _check_truncation(self) -> None:
        """What cannot be done to recordings whose pieces follow one another."""
        training, frames, stride = self.training, self.training.truncate, self.model.stride
        if not frames:
            return
        if frames % stride:
            raise ValueError(
                f"training.truncate: {frames}, expected a multiple of {stride}: the model's scores come every "
                f"{stride} frames"
            )
        if training.loss != "frames":
            raise ValueError(
                f"training.loss: {training.loss!r}, expected frames with training.truncate: a piece has no end and "
                "no mean of its own"
            )
        if training.skip >= frames:
            raise ValueError(f"training.skip: {training.skip}, expected less than training.truncate ({frames})")
        for key in ("mixup", "speed"):
            if value := getattr(self.augment, key):
                raise ValueError(f"augment.{key}: {value:g}, expected 0 with training.truncate: states are carried")
        if training.balance == "sampling":
            raise ValueError(
                "training.balance: 'sampling', expected weights with training.truncate: all is seen once"
            )

    def _check_task(self) -> None:
        """What does not go with the task."""
        task, training = self.task, self.training
        if training.criterion != "auto" and training.criterion not in task.criteria:
            known = ", ".join(task.criteria)
            raise ValueError(f"training.criterion: {training.criterion!r}, expected one of {known} for {task.kind}")
        if task.activation != "softmax" and self.model.activation not in ("auto", task.activation):
            raise ValueError(
                f"model.activation: {self.model.activation!r}, expected {task.activation} for {task.kind}"
            )
        if (self.criterion == "quantile") != (task.levels(1) is not None):
            raise ValueError(
                f"training.criterion: {self.criterion!r}, expected quantile with task.quantiles, and with these alone"
            )
        if task.each_frame and training.loss != "frames":
            raise ValueError(
                f"training.loss: {training.loss!r}, expected frames: {task.kind} tells something of each"
            )
        if task.each_frame and not self.answer.hop:
            raise ValueError(f"answer.hop: 0, expected answers along the recordings for {task.kind}")
        if not task.pools and self.answer.pooling != "last":
            raise ValueError(f"answer.pooling: {self.answer.pooling!r}, expected last for {task.kind}")
        if self.augment.mixup and task.activation == "linear":
            raise ValueError(f"augment.mixup: {self.augment.mixup:g}, expected 0: {task.kind} has no classes to mix")
        if training.balance != "none" and task.activation == "linear":
            raise ValueError(f"training.balance: {training.balance!r}, expected none: {task.kind} has no classes")
        if training.balance == "sampling" and task.kind != CLASSIFY.kind:
            raise ValueError(
                f"training.balance: 'sampling', expected weights for {task.kind}: no recording is of one class alone"
            )
        if task.chooses_thresholds and not (self.data.validation or self.data.validation_groups):
            raise ValueError(
                "task.thresholds: 'f1', expected half without data.validation and data.validation_groups: nothing "
                "tells which are better"
            )

    @property
    def activation(self) -> OutputActivation:
        """Of the model's outputs."""
        if self.model.activation != "auto":
            return self.model.activation
        return "sigmoid" if self.training.criterion == "binary" else self.task.activation

    @property
    def criterion(self) -> Criterion:
        """What training makes small."""
        if self.training.criterion != "auto":
            return self.training.criterion
        return "binary" if self.activation == "sigmoid" else self.task.usual_criterion

    def _check_stride(self) -> None:
        """What is counted in frames has to hold whole rows of scores."""
        stride, window = self.model.stride, self.data.window
        if window % stride:
            raise ValueError(
                f"data.window: {window}, expected a multiple of {stride}: the model's scores come every {stride} "
                "frames"
            )
        try:
            self.to_answer().of_runs(stride)
        except ValueError as error:
            raise ValueError(str(error).replace("Answer.", "answer.")) from None

    def _check_budget(self) -> None:
        from edgelstm.devices.profiling.budget import read_budget  # a board reads what this lets through

        read_budget(self.budget)

    def to_answer(self) -> Answer:
        return Answer(self.answer.pooling, self.answer.window, self.answer.hop)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for a model's provenance."""
        values: dict[str, Any] = records.to_json(self)
        values.pop("search")
        layers = self.model.layers or ()
        values["task"] = self.task.to_json()
        values["model"]["layers"] = [{"kind": layer.kind} | records.to_json(layer) for layer in layers]
        return values


def parse_config(text: str | bytes, where: str = "", changes: Sequence[str] = ()) -> Config:
    """TOML text → Config. ValueError, one line: `where`, such as the file's name, then section and key.

    changes: keys that are set otherwise, such as `training.epochs=3`.
    """
    values = records.parse_toml(text, where or "configuration")
    set_to = dict(_set(values, change) for change in changes)
    return config_of(values, where, set_to)


def config_of(values: dict[str, Any], where: str = "", set_to: Mapping[str, str] | None = None) -> Config:
    """TOML's values → Config, as of `parse_config`. set_to: keys that are set otherwise, by how."""
    try:
        config = records.from_json(Config, values)
        _check_idle(values, config.training)
    except ValueError as error:
        raise ValueError(_placed(str(error), where, set_to or {})) from None
    return config


def _placed(problem: str, where: str, set_to: Mapping[str, str]) -> str:
    """A problem that begins with its key, after what gave that key its value: an option or the recipe."""
    for key, change in set_to.items():
        section, name = key.split(".")
        if re.match(rf"{re.escape(key)}(?![\w.])", problem) or problem.startswith(
            f"{section}: unknown field {name!r}"
        ):
            return f"--set {change[:60]}: {problem}"
    return f"{where}: {problem}" if where else problem


def _check_idle(values: dict[str, Any], training: Training) -> None:
    """ValueError for keys that say something of what the recipe does not do."""
    idle = {}
    if not training.second_epochs:
        idle["second_rate"] = "training.second_epochs with it: there is no second cycle"
    if training.optimizer != "sgd":
        idle["momentum"] = f'it with optimizer = "sgd" alone: {training.optimizer} has its own'
    for key in idle.keys() & values.get("training", {}).keys():
        raise ValueError(f"training.{key}: {getattr(training, key):g}, expected {idle[key]}")


def load_config(path: Path | str, data: Path | str | None = None, changes: Sequence[str] = ()) -> Config:
    """Read a configuration; `data.file` becomes a path from here, or is `data` where that is given. ValueError names
    the file and the key. changes: as for `parse_config`."""
    path = Path(path)
    config = parse_config(read_bounded(path, _MOST_BYTES), str(path), changes)
    if data is None and not config.data.file:
        raise ValueError(f"{path}: data.file: missing, expected the path of a data set, or --data")
    file = path.parent / config.data.file if data is None else data
    return replace(config, data=replace(config.data, file=str(file)))


def _set(values: dict[str, Any], change: str) -> tuple[str, str]:
    """One key of a table in a recipe's values: (key with its section, `change`). What is no TOML is text."""
    name, equals, text = change.partition("=")
    keys = name.strip().split(".")
    if not equals or len(keys) != 2 or not all(keys):
        raise ValueError(f"--set {change[:60]}: expected a key and its value, such as training.epochs=3")
    try:
        value = records.parse_toml(f"value = {text}", "")["value"]
    except ValueError:
        value = text.strip()
    section = values.setdefault(keys[0], {})
    if not isinstance(section, dict):
        raise ValueError(f"--set {change[:60]}: {keys[0]} is no section")
    section[keys[1]] = value
    return ".".join(keys), change
