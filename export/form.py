"""What a form is: one kind of file, for one engine, with one arithmetic. Its name is also the precision that its
files name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from edgelstm.export.arithmetic.arithmetic import Arithmetic
from edgelstm.model import Model
from edgelstm.quantization import Granularity, QuantizedModel
from edgelstm.runtime.description import Precision
from edgelstm.runtime.states import Io

Source = Model | QuantizedModel
"""What a file is made from."""


def _rename(proven: Path, path: Path, _: Model) -> bytes:
    proven.replace(path)
    return path.read_bytes()


@dataclass(frozen=True, kw_only=True)
class Form(ABC):
    """Subclasses say whether it is made from floats or from integers."""

    format: str
    name: Precision  # as `--precision` takes it: unique within the format
    engine: str
    state: str  # where it is kept between frames
    choose: str  # when to take this form
    beware: str
    kinds: Collection[str]  # of layers that it holds
    scales: tuple[Granularity, ...] = ()  # that the integer model may have, the default first; none: made from floats
    io: tuple[Io, ...] = ("float32",)  # what may go in and come out, the default first

    opened_as: str = ""  # suffix of the file that an engine opens for the proof; empty: the form's own
    put: Callable[[Path, Path, Model], bytes] = _rename
    """Lets the proven file at the first path be the one at the second; returns what that holds."""

    @property
    def suffix(self) -> str:
        return f".{self.format}"

    @abstractmethod
    def encode(self, source: Source, io: Io = "float32") -> bytes:
        """The bytes of a file; the same source gives the same bytes.

        ValueError for a model that the form cannot hold, ModuleNotFoundError where the format's package is missing.
        """

    @abstractmethod
    def arithmetic(self, source: Source) -> Arithmetic:
        """What a file made from `source` computes."""


@dataclass(frozen=True, kw_only=True)
class FloatForm(Form):
    """Made from the float model."""

    write: Callable[[Model], bytes]
    computes: Callable[[Model], Arithmetic]

    def encode(self, source: Source, io: Io = "float32") -> bytes:  # noqa: ARG002 - floats only
        return self.write(_float(source))

    def arithmetic(self, source: Source) -> Arithmetic:
        return self.computes(_float(source))


@dataclass(frozen=True, kw_only=True)
class IntegerForm(Form):
    """Made from the integer model."""

    write: Callable[[QuantizedModel, Io], bytes]
    computes: Callable[[QuantizedModel], Arithmetic]

    def encode(self, source: Source, io: Io = "float32") -> bytes:
        return self.write(_quantized(source), io)

    def arithmetic(self, source: Source) -> Arithmetic:
        return self.computes(_quantized(source))


def _float(source: Source) -> Model:
    return source.model if isinstance(source, QuantizedModel) else source


def _quantized(source: Source) -> QuantizedModel:
    if not isinstance(source, QuantizedModel):
        raise TypeError("a float model, expected a quantized one")
    return source
