"""The training configuration: a TOML file, checked strictly.

Every section and key may be left out, except `[data] file`. A key that is unknown is an error that names the
nearest one that is known.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from edgelstm.model import Answer

Loss = Literal["frames", "last", "mean"]
Count = Annotated[int, Meta(ge=0, le=1 << 20)]
Positive = Annotated[int, Meta(ge=1, le=1 << 20)]
Width = Annotated[int, Meta(ge=1, le=4096)]
Fraction = Annotated[float, Meta(ge=0, le=0.95)]
Amount = Annotated[float, Meta(ge=0, le=1e6)]
_NUMBER = r"[0-9]{1,15}(\.[0-9]{1,15})?"
Time = Annotated[str, Meta(pattern=rf"^({_NUMBER}(us|µs|ms|s))?$", description="a time such as '800us' or '2ms'")]
Size = Annotated[str, Meta(pattern=rf"^({_NUMBER}(B|KiB|MiB|GiB))?$", description="a size such as '768B' or '4KiB'")]


class Data(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[data]`: what to learn from, and who is kept to test on."""

    file: str = ""  # NPZ, relative to the configuration's folder
    window: Count = 0  # frames of a training window, cut at random places; 0 = whole sequences
    hop: Count = 0  # frames from one evaluation window to the next; 0 = window
    test_groups: tuple[int, ...] = ()  # empty = the split that the data brings along
    validation: Fraction = 0.0  # share of the training groups held out to stop early; 0 = none
    validation_groups: tuple[int, ...] = ()  # these instead of a share


class Network(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[model]`: LSTM layers, then dense layers with ReLU, then one output per label."""

    name: str = "model"
    licence: Annotated[str, Meta(max_length=1000)] = ""  # of the trained weights, such as Apache-2.0
    units: Annotated[tuple[Width, ...], Meta(min_length=1, max_length=8)] = (64,)
    hidden: Annotated[tuple[Width, ...], Meta(max_length=7)] = ()
    activation: Literal["softmax", "sigmoid"] = "softmax"


class Training(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[training]`: the loss and the optimizer (Adam with decoupled weight decay, cosine schedule)."""

    epochs: Positive = 30
    batch: Positive = 64
    learning_rate: Annotated[float, Meta(gt=0, le=1)] = 0.003
    warmup: Fraction = 0.1  # share of the steps in which the learning rate rises
    weight_decay: Amount = 0.0
    clip: Annotated[float, Meta(gt=0, le=1e6)] = 1.0  # largest global norm of a gradient
    dropout: Fraction = 0.0  # share of each LSTM layer's results that is zeroed
    smoothing: Fraction = 0.0  # of the labels
    loss: Loss = "frames"
    skip: Count = 0  # first frames of a sequence without loss, for "frames" and "mean"
    averaging: Annotated[float, Meta(ge=0, lt=1)] = 0.0  # decay per step of the averaged weights; 0 = off
    patience: Count = 0  # epochs without improvement before stopping; 0 = never
    seed: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] = 1


class Augment(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[augment]`: what is done to training sequences, each anew in every epoch. All off by default."""

    noise: Amount = 0.0  # standard deviation of white noise, in units of each feature's own
    scale: Fraction = 0.0  # each triad times 1 ± scale
    rotation: Annotated[float, Meta(ge=0, le=180)] = 0.0  # largest angle in degrees, about any axis
    speed: Annotated[float, Meta(ge=0, le=0.5)] = 0.0  # time stretched by up to 1 ± speed
    mirror: tuple[Count, ...] = ()  # features that change sign together in half of the sequences: left for right
    triads: tuple[tuple[Count, Count, Count], ...] = ()  # features that are x, y, z of one sensor


class AnswerConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[answer]`: as `edgelstm.model.Answer`."""

    pooling: Literal["last", "mean"] = "last"
    window: Count = 0
    hop: Count = 1


class Budget(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """`[budget]`: what the model may cost at most where it will run. It travels with the model; `edgelstm profile`
    checks it, by `edgelstm.devices.profiling.budget`, which knows what each figure is."""

    latency_p50: Time = ""
    latency_p90: Time = ""
    latency_p99: Time = ""
    latency_p99_9: Time = ""
    latency_max: Time = ""
    paced_latency_p50: Time = ""
    paced_latency_p90: Time = ""
    paced_latency_p99: Time = ""
    paced_latency_p99_9: Time = ""
    paced_latency_max: Time = ""
    soak_latency_p50: Time = ""
    soak_latency_p90: Time = ""
    soak_latency_p99: Time = ""
    soak_latency_p99_9: Time = ""
    soak_latency_max: Time = ""
    jitter: Time = ""
    first_frame: Time = ""
    start_up: Time = ""
    deadline_misses: Count | None = None
    stream_memory: Size = ""
    state_memory: Size = ""
    model_size: Size = ""
    rss: Size = ""
    pss: Size = ""
    peak: Size = ""
    growth: Size = ""


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One training run."""

    data: Data = Data()
    model: Network = Network()
    training: Training = Training()
    augment: Augment = Augment()
    answer: AnswerConfig = AnswerConfig()
    budget: Budget = Budget()

    def __post_init__(self) -> None:
        if self.augment.triads == () and (self.augment.rotation or self.augment.scale):
            raise ValueError("augment.triads: empty, expected triples of features for rotation and scale")
        if self.augment.speed and not self.data.window:
            raise ValueError("augment.speed: expected 0 without data.window")
        if self.data.window and self.training.skip >= self.data.window:
            raise ValueError(f"training.skip: {self.training.skip}, expected less than data.window")
        try:
            self.to_answer()
        except ValueError as error:
            raise ValueError(str(error).replace("Answer.", "answer.")) from None

    def to_answer(self) -> Answer:
        return Answer(self.answer.pooling, self.answer.window, self.answer.hop)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for a model's provenance."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return values


_SECTIONS: dict[str, type[msgspec.Struct]] = {
    "data": Data,
    "model": Network,
    "training": Training,
    "augment": Augment,
    "answer": AnswerConfig,
    "budget": Budget,
}


def _refuse_unknown(raw: dict[str, Any]) -> None:
    def refuse(found: str, section: str, known: tuple[str, ...]) -> None:
        near = difflib.get_close_matches(found, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
        raise ValueError(f"unknown key {section}{found!r}, {hint}")

    for name, content in raw.items():
        if name not in _SECTIONS:
            refuse(name, "", tuple(_SECTIONS))
        fields = _SECTIONS[name].__struct_fields__
        for key in content if isinstance(content, dict) else ():
            if key not in fields:
                refuse(key, f"[{name}] ", fields)


def parse_config(text: str) -> Config:
    """TOML text → Config. A ValueError in one line names section and key."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"not TOML: {error}") from None
    _refuse_unknown(raw)
    try:
        return msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise ValueError(_in_our_words(str(error))) from None


def _in_our_words(message: str) -> str:
    """msgspec's "Expected `int` >= 1 - at `$.training.epochs`" → "training.epochs: expected `int` >= 1"."""
    what, _, where = message.partition(" - at ")
    place = re.sub(r"^`?\$\.?|`$", "", where)
    what = what.replace("`object`", "`table`")
    if what.startswith("Invalid enum value"):
        section, _, key = place.partition(".")
        allowed = get_args(get_type_hints(_SECTIONS[section])[key])
        what = f"{what.removeprefix('Invalid enum value ')}, expected one of {', '.join(allowed)}"
    elif "matching regex" in what:
        section, _, key = place.partition(".")
        hint = get_type_hints(_SECTIONS[section], include_extras=True)[key]
        what = f"expected {hint.__metadata__[0].description}"
    return f"{place}: {what[0].lower()}{what[1:]}" if place else what


def load_config(path: Path | str) -> Config:
    """Read a configuration; `data.file` becomes a path from here. ValueError names the file and the key."""
    path = Path(path)
    try:
        config = parse_config(path.read_text(encoding="utf-8"))
        if not config.data.file:
            raise ValueError("[data] file: missing, expected the path of an NPZ file")
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {str(error).splitlines()[0]}") from None
    data = msgspec.structs.replace(config.data, file=str(path.parent / config.data.file))
    return msgspec.structs.replace(config, data=data)
