"""What a model's layers do, counted as the C core's kernels work: rows in groups of 16, int8 columns in eights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgelstm.runtime import Model
from edgelstm.runtime.answering import OWN_ANSWER, Answering, Asked
from edgelstm.runtime.layer_kinds import KINDS
from edgelstm.runtime.pooling import rows_of_levels, values_of_row

if TYPE_CHECKING:
    from edgelstm.runtime.layer import Layer

_COLUMNS = {"int8": 8, "int4": 8, "int16": 4}
"""Of weights: what columns are padded to."""


@dataclass(frozen=True)
class LayerWork:
    """One run of a layer."""

    name: str
    kind: str
    precision: str  # of its weights, "int16" among them: mixed files have several
    inputs: int  # values that it reads
    outputs: int  # values of its result
    stride: int  # it runs at every `stride`-th frame
    macs: int  # multiply-accumulates
    units: int  # with gates and a state, worked on 16 at a time
    values: int  # of a result that no units have: copied, or made of products
    bytes: int  # that are read: weights and what belongs to their rows


@dataclass(frozen=True)
class Work:
    """A frame at which every layer runs; `mean_…` over all frames."""

    file: str
    precision: str
    features: int
    layers: tuple[LayerWork, ...]
    stream_bytes: int
    unread_bytes: int  # of a stream: sums and maxima that no frame looks at
    additions: int  # of such sums, at most
    mean_additions: float
    answer: Answering  # of the stream: how its scores become answers

    @property
    def stride(self) -> int:
        return self.layers[-1].stride

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def bytes(self) -> int:
        return sum(layer.bytes for layer in self.layers) + self.state_bytes

    @property
    def state_bytes(self) -> int:
        """Of a stream, that a frame reads."""
        return self.stream_bytes - self.unread_bytes


def work(path: Path, asked: Asked = OWN_ANSWER) -> Work:
    """Operations and bytes of an `.elstm` file, layer by layer, of a stream that answers as `asked`. ValueError for
    another file, and for answers that it cannot give."""
    if path.suffix != ".elstm":
        path.open("rb").close()
        raise ValueError(f"{path}: a prediction needs an .elstm file: it counts what EdgeLSTM's own kernels do")
    model = Model(path)  # checks every field
    passes = 2 if model.metadata.get("input") == "int16" else 1  # over W of the first layer: high and low bytes
    layers = tuple(
        _work(layer, _precision(model, layer), passes if number == 0 else 1)
        for number, layer in enumerate(model.layers)
    )
    try:
        answering = model.answering(asked.pooling, asked.window, asked.hop)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    most, mean = model.description.additions(answering)
    return Work(
        file=path.name,
        precision=model.precision,
        features=model.features,
        layers=layers,
        stream_bytes=model.stream_size(answering),
        unread_bytes=_unread(model, answering, most),
        additions=most,
        mean_additions=mean,
        answer=answering,
    )


def _unread(model: Model, answering: Answering, additions: int) -> int:
    """Bytes of float64 sums and totals that `additions` leave alone."""
    if not additions:
        return 0
    rows = sum(rows_of_levels(answering.window, answering.hop))
    return max(0, rows * values_of_row(answering.pooling, model.outputs) - additions) * 8


def _precision(model: Model, layer: Layer) -> str:
    for name, precision in (("kept_float32", "float32"), ("int16", "int16")):
        if layer.name in model.metadata.get(name, ()):
            return precision
    return model.precision


def _work(layer: Layer, precision: str, passes: int) -> LayerWork:
    """passes: products with the input, where one would do for int8."""
    multiple = _COLUMNS.get(precision, 1)
    gates, rows = KINDS[layer.kind].gates, layer.rows * _up(layer.channels, 16)
    if gates:
        macs = gates * rows * (passes * _up(layer.inputs, multiple) + _up(layer.channels, multiple))
    else:
        macs = passes * rows * _up(layer.macs // (layer.rows * layer.channels), multiple)
    return LayerWork(
        name=layer.name,
        kind=layer.kind,
        precision=precision,
        inputs=layer.inputs,
        outputs=layer.rows * layer.channels,
        stride=layer.stride,
        macs=macs,
        units=rows if gates else 0,
        values=0 if gates else layer.rows * layer.channels,
        bytes=layer.weight_bytes or 0,
    )


def _up(value: int, to: int) -> int:
    return -(-value // to) * to
