"""What a form is: one kind of file, for one engine, with one arithmetic. Its name is also the precision that its
files name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgelstm.export.arithmetic.arithmetic import Arithmetic
from edgelstm.export.denormals import without_denormals
from edgelstm.model import Model
from edgelstm.quantization import Granularity, QuantizedModel
from edgelstm.quantization.affine import InputCodes
from edgelstm.quantization.quantized_model import Weights
from edgelstm.runtime.description import Precision
from edgelstm.runtime.states import Io

MOST_RUNS = 64
"""Of a recurrent layer in one call, where each is written out."""

FLOAT_ERROR, BF16_ERROR, INT4_ERROR, PER_ROW_ERROR, PER_GATE_ERROR = 1e-4, 0.004, 0.05, 0.02, 0.03
"""What forms state to be off by. Measured: float32 1e-7 to 6e-7, where large weights do not magnify it; int8 with
scales per row 0.5 to 1.7 %, per gate 1 to 2.7 % (medians over models of each kind of layer, and trained ones); int4
0.7 to 3.8 % of trained models."""

Source = Model | QuantizedModel
"""What a file is made from."""


@dataclass(frozen=True)
class Limit:
    """What a form asks of a model, though it holds all kinds of its layers."""

    words: str  # for those who choose a form
    broken: Callable[[Model], str | None]  # why a model is not held: "no …"; None when it is


def _repeated_too_often(model: Model) -> str | None:
    for at in model.road:
        runs = model.stride // at.stride
        if at.layer.recurrent and runs > MOST_RUNS:
            return f"no recurrent layer that runs more than {MOST_RUNS} times in a call ({at.name}: {runs})"
    return None


def _any_stride(model: Model) -> str | None:
    return f"no stride of {model.stride} frames" if model.stride > 1 else None


WRITTEN_OUT = Limit(f"at most {MOST_RUNS} runs of a recurrent layer in a call", _repeated_too_often)
"""Of forms that write the nodes of a recurrent layer once for each of its runs in a call."""

STRIDE_1 = Limit("scores at every frame", _any_stride)
"""Of forms that take any number of frames, one after the other."""


def _as_it_is(proven: bytes, _path: Path, _model: Model) -> dict[str, bytes]:
    return {"": proven}


@dataclass(frozen=True, kw_only=True, eq=False)
class Form(ABC):
    """Subclasses say whether it is made from floats or from integers."""

    format: str
    name: Precision  # as `--precision` takes it: unique within the format
    engine: str
    state: str  # where it is kept between frames
    choose: str  # when to take this form
    beware: str
    kinds: Collection[str]  # of layers that it holds
    extras: Mapping[str, Collection[str]] = field(default_factory=dict)
    """By kind: what layers may have beyond the plain one (`Layer.extras`)."""

    limit: Limit | None = None
    scales: tuple[Granularity, ...] = ()  # that the integer model may have, the default first; none: made from floats
    inputs: tuple[InputCodes, ...] = ("int8",)  # what frames may become, where the form is made from integers
    errors: tuple[float, ...]
    """What the form states to be off by, for each of `scales`, or the one: the RMS error of scores relative to
    float64's that well calibrated models stay below. A file that is off by more than twice as much has failed."""
    mixes: bool = False  # where it is made from integers: it holds layers in float32 among them
    io: tuple[Io, ...] = ("float32",)  # what may go in and come out, the default first

    opened_as: str = ""  # suffix of the file that an engine opens for the proof; empty: the form's own
    companions: tuple[str, ...] = ()  # suffixes of the files that go with one
    files: Callable[[bytes, Path, Model], dict[str, bytes]] = _as_it_is
    """What is written once these bytes are proven: "" is the file at the path, other keys are `companions`."""

    @property
    def suffix(self) -> str:
        return f".{self.format}"

    def why_not(self, model: Model) -> str | None:
        """What of `model` the form does not hold: "no …"; None when it holds all."""
        for at in model.road:
            if at.layer.kind not in self.kinds:
                return f"no {at.layer.kind} layer ({at.name})"
            for extra in at.extras:
                if extra not in self.extras.get(at.layer.kind, ()):
                    return f"no {at.layer.kind} layer with {extra!r} of its own ({at.name})"
        if self.scales and not self.mixes and model.ranges is not None:
            if model.ranges.kept:
                return f"no float32 layers among its integers ({', '.join(model.ranges.kept)})"
            if model.ranges.int16:
                return f"no layers with weights of 16 bits ({', '.join(model.ranges.int16)})"
        return None if self.limit is None else self.limit.broken(model)

    def stated_error(self, source: Source) -> float:
        """Of a file made from `source`."""
        if isinstance(source, QuantizedModel) and self.scales:
            return self.errors[self.scales.index(source.granularity)]
        return self.errors[0]

    @abstractmethod
    def encode(self, source: Source, io: Io = "float32") -> bytes:
        """The bytes of a file; the same source gives the same bytes.

        ValueError for a model that the form cannot hold, ModuleNotFoundError where the format's package is missing.
        """

    @abstractmethod
    def arithmetic(self, source: Source) -> Arithmetic:
        """What a file made from `source` computes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatForm(Form):
    """Made from the float model."""

    write: Callable[[Model], bytes]
    computes: Callable[[Model], Arithmetic]

    def encode(self, source: Source, io: Io = "float32") -> bytes:  # noqa: ARG002 - floats only
        return self.write(without_denormals(_float(source)))

    def arithmetic(self, source: Source) -> Arithmetic:
        return self.computes(_float(source))


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerForm(Form):
    """Made from the integer model."""

    weights: Weights = "int8"  # of its integer model
    write: Callable[[QuantizedModel, Io], bytes]
    computes: Callable[[QuantizedModel], Arithmetic]

    def encode(self, source: Source, io: Io = "float32") -> bytes:
        quantized = _quantized(source)
        if quantized.input_type == "int16" and "int16" not in self.inputs:
            raise ValueError(f"input: int16, expected int8 for {self.format} {self.name}")
        return self.write(quantized, io)

    def arithmetic(self, source: Source) -> Arithmetic:
        return self.computes(_quantized(source))


def _float(source: Source) -> Model:
    return source.model if isinstance(source, QuantizedModel) else source


def _quantized(source: Source) -> QuantizedModel:
    if not isinstance(source, QuantizedModel):
        raise TypeError("a float model, expected a quantized one")
    return source
