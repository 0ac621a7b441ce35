"""`python -m edgelstm.devices.deploy.service FOLDER`: stream frames on a board for as long as they come.

FOLDER is what `edgelstm deploy` left: a model, `service.json` and `self-test.json`. Needs Python and numpy, no more.
With `--self-test` it compares the answers to a few frames with those that the laptop found, and ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import shlex
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from edgelstm.records import check, from_json, load, to_json
from edgelstm.runtime.pooling import PoolingKind
from edgelstm.runtime.sources.source import Syntax
from edgelstm.runtime.sources.written import syntax_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgelstm.runtime.anomaly import Detector
    from edgelstm.runtime.changes import Changes
    from edgelstm.runtime.engines.engine import EngineModel, EngineStream

SETTINGS, SELF_TEST = "service.json", "self-test.json"
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

    def __post_init__(self) -> None:
        check(self)
        if bool(self.source_file) == bool(self.source_command):
            raise ValueError("source: expected a file or a command")
        if self.output and self.output == self.source_file:
            raise ValueError(f"output: {self.output[:60]!r} is the source too, expected another file")
        for name in ("state_every", "state_max_age"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: {getattr(self, name)}, expected 0 or more seconds")
        if Path(self.model).name != self.model or not self.model:
            raise ValueError(f"model: {self.model[:60]!r}, expected a file's name")


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
        exact = model.precision == "int8" and model.engine.startswith("edgelstm")
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
    return from_json(kind, load(path, _MOST_BYTES), str(path))


def write(value: Settings | SelfTest) -> bytes:
    return json.dumps(to_json(value), allow_nan=False).encode() + b"\n"


def open_version(folder: Path) -> tuple[EngineModel, Settings]:
    """The model of a deployed version, if it is still the one that was sent."""
    from edgelstm.runtime.engines.open import open_model

    settings = read(Settings, folder / SETTINGS)
    path = folder / settings.model
    if hashlib.sha256(path.read_bytes()).hexdigest() != settings.sha256:
        raise ValueError(f"{path}: not the file that was deployed, its SHA-256 is another one")
    return open_model(path, bare=True), settings


def new_stream(
    model: EngineModel, settings: Settings
) -> tuple[EngineStream, tuple[float, ...], Detector | Changes | None]:
    """As the settings want it, with the thresholds of what it says, and what makes scores or values of that.
    ValueError, beginning with the setting's name, for answers that the model cannot give."""
    from edgelstm.runtime.anomaly import check_answering, read_detector
    from edgelstm.runtime.changes import read_changes
    from edgelstm.runtime.thresholds import thresholds_of

    stream = model.stream(pooling=settings.pooling, window=settings.window, hop=settings.hop)
    check_answering(stream)
    return stream, thresholds_of(model, settings.thresholds), read_detector(stream) or read_changes(model)


def serve(folder: Path) -> int:
    from edgelstm.runtime.events.asked import rules_of
    from edgelstm.runtime.events.events import Events
    from edgelstm.runtime.kept_state import KeptState
    from edgelstm.runtime.sources.open import open_source
    from edgelstm.runtime.sources.source import FrameFormat
    from edgelstm.runtime.streaming import Answers, StopSignal, answers_at_the_end, stop_signals, stream_frames

    model, settings = open_version(folder)
    stream, thresholds, beside = new_stream(model, settings)
    code = 0
    if not stream.answering.hop and not Path(settings.source_file or ".").is_file():
        _say(answers_at_the_end(stream))
    with contextlib.ExitStack() as stack:
        kept = None
        if settings.keep_state:
            path, every, most_age = folder.parent.parent / "state", settings.state_every, settings.state_max_age
            kept = stack.enter_context(
                KeptState(stream, path, every=every, most_age=most_age, tell=_say, beside=beside)
            )
            try:
                kept.load()
            except ValueError as error:  # another model's
                _say(f"starts afresh: {error}")
        try:
            syntax = syntax_for(model.metadata, settings.syntax)
            form = FrameFormat(model.features, model.feature_names, syntax, model.sample_rate)
            with stop_signals(), _output(settings) as out, open_source(*_named(settings), form, _remark) as source:
                _tell_systemd("READY=1")
                rules = rules_of(model)
                answers = Answers(
                    model,
                    out,
                    tells_unusual=settings.tells_unusual,
                    thresholds=thresholds,
                    beside=beside,
                    events=Events(rules, model.sample_rate) if rules else None,
                )
                stream_frames(stream, source, answers, limit=None, rate=0, kept=kept)
        except StopSignal:
            pass
        except (ValueError, OSError) as error:
            code = _fail(error)
        if kept is not None:
            kept.save()
    return code


def _remark(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _named(settings: Settings) -> tuple[str, str]:
    """The source of the frames: (its kind, where it is)."""
    if settings.source_command:
        return "program", shlex.join(settings.source_command)
    return "feed", settings.source_file


@contextlib.contextmanager
def _output(settings: Settings) -> Iterator[BinaryIO]:
    if not settings.output:
        yield sys.stdout.buffer
        return
    if settings.source_file:
        with contextlib.suppress(FileNotFoundError):
            if Path(settings.output).samefile(settings.source_file):
                raise ValueError(f"{settings.output}: the file that frames are read from, expected another one")
    with Path(settings.output).open("ab") as file:
        if _ends_in_midst_of_line(Path(settings.output)):
            file.write(b"\n")
        yield file


def _ends_in_midst_of_line(path: Path) -> bool:
    """As where the power was cut while an answer was written."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _tell_systemd(word: str) -> None:
    """As sd_notify(3) does; nothing where no systemd listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address.startswith(("/", "@")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.sendto(word.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)


def _fail(error: Exception) -> int:
    """The reason goes to the journal, and to systemd, which shows it where no journal is kept."""
    line = str(error)
    if isinstance(error, OSError) and error.filename:
        line = f"{error.filename}: {(error.strerror or 'cannot be read').lower()}"
    _say(line)
    _tell_systemd(f"STATUS={line}")
    return 1


def _say(line: str) -> None:
    """To the journal."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """0 at the end of the frames or stopped by a signal; 1 with the reason on stderr."""
    *options, folder = arguments
    try:
        if options == ["--self-test"]:
            model, settings = open_version(Path(folder))
            new_stream(model, settings)
            read(SelfTest, Path(folder) / SELF_TEST).run(model)
            return 0
        return serve(Path(folder))
    except (ValueError, ImportError, OSError) as error:
        return _fail(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
