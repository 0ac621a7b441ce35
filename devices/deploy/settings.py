"""What a deployed version does, and what it must come to before it does it: the files beside its model."""

from __future__ import annotations

import hashlib
import json
import math
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from edgelstm.records import check, from_json, load, to_json
from edgelstm.runtime.clips import USUAL_MOST
from edgelstm.runtime.pooling import PoolingKind
from edgelstm.runtime.sources.kind import SourceKind
from edgelstm.runtime.sources.open import DEVICES, SOURCES
from edgelstm.runtime.sources.source import Missing, Syntax

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgelstm.runtime.engines.engine import EngineModel

SETTINGS, SELF_TEST = "service.json", "self-test.json"
PASSWORD, AUTHORITY = "mqtt-password", "mqtt-ca.pem"
SECRETS = (PASSWORD, AUTHORITY)
"""Files of a version that nobody else may read."""
TOLERANCE = 1e-3
"""How far a float answer may be from the laptop's: other kernels, other roundings."""

_MOST_BYTES = 16 << 20
T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """What a deployed version does."""

    model: str  # the file's name
    sha256: str
    source_file: str = ""  # a file, a named pipe or a device with frames
    source_command: tuple[str, ...] = ()  # or a program that prints them
    device: str = ""  # or one of `DEVICES`,
    where: str = ""  # which one: the port, the card, the broker's URL,
    asked: dict[str, object] = field(default_factory=dict)  # and how it is asked: fields of that kind of source
    columns: tuple[str, ...] = ()  # of CSV without a header
    gap: int | None = None  # frames that are made up at most; None: as usual, and times tell no gaps
    missing: Missing | None = None  # what becomes of lines that cannot be read; None: as is usual for the source
    syntax: Syntax = "auto"
    output: str = ""  # a file that answers are added to; empty is stdout, which is the journal
    keep_state: bool = False  # go on after a restart where the stream was
    state_every: float = 0.0  # seconds between saves of the state; 0: at the end alone
    state_max_age: float = 0.0  # seconds; an older state is not gone on from; 0: any is
    tells_unusual: bool = True  # of values far outside of what training saw
    pooling: PoolingKind | None = None  # of answers, as the next two; None: the model's own
    window: int | None = None
    hop: int | None = None
    thresholds: tuple[str, ...] = ()  # as `edgelstm.runtime.thresholds` reads them
    events: tuple[str, ...] = ()  # as `edgelstm.runtime.events.asked` reads them
    publish: str = ""  # a broker's URL, with a prefix of topics
    home_assistant: bool = False  # is told of what is published
    keep: str = ""  # a folder for clips of events and near misses; empty: none are kept
    keep_most: int = USUAL_MOST  # MiB of all of them
    status_every: float = 3600.0  # seconds between lines on how it does in the journal; 0: none

    def __post_init__(self) -> None:
        check(self)
        if sum(map(bool, (self.source_file, self.source_command, self.device))) != 1:
            raise ValueError(f"source: expected a file or a command, or one of {', '.join(DEVICES)}")
        if self.device and self.device not in DEVICES:
            raise ValueError(f"device: {self.device[:40]!r}, expected one of {', '.join(DEVICES)}")
        if bool(self.device) != bool(self.where):
            raise ValueError(f"{self.device or 'source'}: expected both which kind and where")
        self.source.check_where(self.where)
        if self.keep and not self.keep.startswith("/"):
            raise ValueError(f"keep: {self.keep[:60]!r}, expected a folder of the board, from / on")
        if self.keep_most < 1:
            raise ValueError(f"keep_most: {self.keep_most}, expected at least 1 MiB")
        if self.home_assistant and not self.publish:
            raise ValueError("home_assistant: goes with publish")
        if self.output and self.output == self.source_file:
            raise ValueError(f"output: {self.output[:60]!r} is the source too, expected another file")
        for name in ("state_every", "state_max_age", "status_every"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: {getattr(self, name)}, expected 0 or more seconds")
        if Path(self.model).name != self.model or not self.model:
            raise ValueError(f"model: {self.model[:60]!r}, expected a file's name")

    @property
    def has_broker(self) -> bool:
        return self.source.has_broker or bool(self.publish)

    @property
    def source(self) -> SourceKind:
        """How the frames are asked for. ValueError for what its kind is not asked."""
        return from_json(SOURCES[self.device or ("program" if self.source_command else "feed")], self.asked, "asked")

    @property
    def place(self) -> str:
        """Where they are."""
        return self.where or shlex.join(self.source_command) or self.source_file


@dataclass(frozen=True)
class SelfTest:
    """Frames, and what a stream must make of them."""

    frames: tuple[tuple[float, ...], ...]
    answer: tuple[float, ...]  # after the last of them
    state_sha256: str  # of the saved state; empty where it need not be the same in every bit

    @classmethod
    def of(cls, model: EngineModel, frames: NDArray[np.float32]) -> SelfTest:
        """What `model` makes of frames (T, features) on this machine."""
        stream = model.stream()
        for frame in frames:
            stream.step(frame)
        exact = model.precision in ("int8", "int4") and model.engine.startswith("edgelstm")
        return cls(
            frames=tuple(tuple(map(float, frame)) for frame in frames),
            answer=tuple(map(float, stream.answer())),
            state_sha256=hashlib.sha256(stream.save()).hexdigest() if exact else "",
        )

    def run(self, model: EngineModel) -> None:
        """ValueError where this machine comes to something else."""
        import numpy as np

        here = SelfTest.of(model, np.array(self.frames, np.float32).reshape(len(self.frames), -1))
        furthest = max((abs(a - b) / max(1.0, abs(b)) for a, b in zip(here.answer, self.answer)), default=0.0)
        if len(here.answer) != len(self.answer) or not furthest <= TOLERANCE:
            raise ValueError(f"self-test: answers are off by {furthest:.1e}, expected at most {TOLERANCE:.0e}")
        if self.state_sha256 and here.state_sha256 != self.state_sha256:
            raise ValueError("self-test: the int8 state is another one than on the laptop")


def read(kind: type[T], path: Path) -> T:
    values = load(path, _MOST_BYTES)
    return from_json(kind, as_today(values) if kind is Settings else values, str(path))


_WERE_BESIDE = ("baud", "card_rate", "channel")


def as_today(values: object) -> object:
    """JSON of settings, also of those that kept beside all others what their source was asked; 0 asked nothing."""
    if not isinstance(values, dict) or not any(name in values for name in _WERE_BESIDE):
        return values
    kind = DEVICES.get(str(values.get("device")))
    known = [option.name for option in kind.options()] if kind is not None else []
    asked = {name: values[name] for name in _WERE_BESIDE if name in known and values.get(name)}
    return {name: value for name, value in values.items() if name not in _WERE_BESIDE} | {"asked": asked}


def write(value: Settings | SelfTest) -> bytes:
    return json.dumps(to_json(value), allow_nan=False).encode() + b"\n"
