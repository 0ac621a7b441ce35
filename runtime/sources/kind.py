"""What a kind of source is: how commands name it and what goes with it, and how it is opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from edgelstm.records import Bounds, check
from edgelstm.runtime.sources.source import FrameFormat, Source

Common = Literal["syntax", "columns", "missing", "gap"]
"""What several kinds are asked for beside their own options: fields of `FrameFormat`, and the most frames that are
made up."""

LINES: tuple[Common, ...] = get_args(Common)
"""Those of kinds whose frames come as text."""


@dataclass(frozen=True)
class Told:
    """What `--help` says of a field; stands in `Annotated`."""

    help: str
    metavar: str | None = None


@dataclass(frozen=True)
class Named:
    """The option that asks for a kind of source: `--serial DEVICE`."""

    help: str
    metavar: str
    usual: str | None = None  # where the source is if the option stands alone; None: it never does
    is_file: bool = False  # `-` is standard input then


@dataclass(frozen=True)
class Option:
    """One that goes with a kind of source."""

    name: str  # of the field: `card_rate` is `--card-rate`
    type: type  # int, float, str or bool
    default: Any  # None: nothing is asked for
    told: Told
    bounds: Bounds
    choices: tuple[str, ...] = ()  # of a str; none: any


@dataclass(frozen=True)
class SourceKind(ABC):
    """How a source is to be asked for what it has.

    Subclasses are frozen dataclasses. Their fields are what commands have as options and services keep: int, float,
    str, bool or a Literal of texts, `| None` where nothing need be asked for, each with a default, `Annotated` with
    `Told` and `Bounds`. Where two kinds have one of the same name, it is the same.
    """

    name: ClassVar[str]
    named: ClassVar[Named | None] = None
    """None: another way of a command leads there."""
    common: ClassVar[tuple[Common, ...]] = ()
    is_device: ClassVar[bool] = False
    """It goes on for ever: a board may live on it."""
    is_sound: ClassVar[bool] = False
    """Its frames are made of samples."""
    has_broker: ClassVar[bool] = False
    """It asks its way in by `FrameFormat.login`."""

    def __post_init__(self) -> None:
        check(self)

    @abstractmethod
    def open(self, where: str, form: FrameFormat) -> AbstractContextManager[Source]:
        """The frames at `where`. OSError where it cannot be opened; ValueError, ImportError in one line."""

    def check_where(self, where: str) -> None:  # noqa: B027 - any place will do
        """ValueError, beginning with the kind's name, for what is no place of this kind at all."""

    def check_form(self, form: FrameFormat) -> None:
        """ValueError for frames that such a source never gives, in words that go on from its name."""
        if self.is_device and "syntax" in self.common and form.syntax == "text":
            raise ValueError("gives CSV or NDJSON, expected a model that takes numbers")

    def check_machine(self) -> None:  # noqa: B027 - most need nothing
        """ImportError or OSError for what this machine lacks of what it needs."""

    @classmethod
    def options(cls) -> tuple[Option, ...]:
        hints = get_type_hints(cls, include_extras=True)
        return tuple(_option(field.name, field.default, hints[field.name]) for field in fields(cls))


def _option(name: str, default: Any, hint: Any) -> Option:
    assert get_origin(hint) is Annotated, f"{name}: expected Annotated[…, Told(…)]"
    inner, *rules = get_args(hint)
    told = next(rule for rule in rules if isinstance(rule, Told))
    bounds = next((rule for rule in rules if isinstance(rule, Bounds)), Bounds())
    if type(None) in get_args(inner):
        inner = get_args(inner)[0]
    if get_origin(inner) is Literal:
        return Option(name, str, default, told, bounds, get_args(inner))
    return Option(name, inner, default, told, bounds)
