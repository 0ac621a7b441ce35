"""Rules of events that change while a stream runs: by a file that is read anew, or by what somebody says."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from edgelstm.files import kind_at, read_bounded
from edgelstm.plain import printable
from edgelstm.runtime.anomaly import tells_anomalies
from edgelstm.runtime.engines.engine import EngineModel
from edgelstm.runtime.events.asked import rules_of
from edgelstm.runtime.events.events import Events
from edgelstm.runtime.events.hangup import Hangup
from edgelstm.runtime.events.rule import Rule, Rules

_MOST_BYTES = 64 << 10
_MOST_SAID = 16
_SAID = "PREFIX/set"  # where it is said, as the documents call it


class Watching:
    """The events of a stream that goes on: by the rules of `model` with what was asked for at first, then what the
    file says, then what was said since. `KeptState` takes it for what is remembered of them.

    path: a file with lines as `--event` takes them, empty ones and those that begin with # left out; None for none.
    is_optional: the file need not be there. hangup: where SIGHUP is noted, which has the file read anew; what was
    said is forgotten then. tell: hears, in a line, what counts now, or why nothing changed.
    ValueError, OSError for what is wrong at first.
    """

    def __init__(
        self,
        model: EngineModel,
        asked: Sequence[str],
        path: Path | None,
        tell: Callable[[str], None],
        *,
        is_optional: bool = False,
        hangup: Hangup | None = None,
    ) -> None:
        self._model, self._asked, self._path, self._is_optional = model, tuple(asked), path, is_optional
        self._tell = tell
        self._said: deque[str] = deque(maxlen=_MOST_SAID)
        self._kept: tuple[str, ...] = ()  # of what was said, that which counts
        self._hangup = hangup or Hangup()
        self.rules: Rules = self._all(())
        self.events = Events(self.rules, model.sample_rate)
        self._place: Callable[[], int] = int
        self._change: Callable[[Rules], None] = lambda _rules: None

    def attach(self, place: Callable[[], int], change: Callable[[Rules], None]) -> None:
        """place: the frame at which the stream stands, counted on over gaps. change: gets new rules, from `apply`
        alone."""
        self._place, self._change = place, change

    def save(self) -> bytes:
        return self.events.save(self._place())

    def restore(self, saved: bytes, frames: int) -> None:
        self.events.restore(saved, frames, math.inf if tells_anomalies(self._model) else 1.0)

    def reset(self) -> None:
        self.events.clear()

    def say(self, text: str) -> None:
        """One or more lines as `--event` takes them. From any thread; counts from `apply` on."""
        self._said.append(text)

    def apply(self) -> None:
        """To be called by the loop, often."""
        if self._said:
            self._kept = self._take((*self._kept, *(line for _, line in _lines(self._said.popleft()))), self._kept)
        elif self._hangup.is_due:
            self._hangup.is_due = False
            self._kept = self._take((), self._kept)

    def _take(self, said: tuple[str, ...], before: tuple[str, ...]) -> tuple[str, ...]:
        try:
            rules = self._all(said)
        except (ValueError, OSError) as error:
            why = str(error)
            if isinstance(error, OSError):
                why = f"{self._path}: {(error.strerror or why).lower()}"
            self._tell(f"events stay as they were: {printable(why, 200)}")
            return before
        self.rules = rules
        self._change(rules)
        listed = "; ".join(rule.words(printable(label, 40)) for label, rule in rules.items())
        self._tell(f"events: {listed or 'none'}")
        return said

    def _all(self, said: Sequence[str]) -> dict[str, Rule]:
        """ValueError that begins with where the wrong line stands: in the file, or said."""
        rules = rules_of(self._model, self._asked)
        for where, line in (*self._in_file(), *((_SAID, line) for line in said)):
            try:
                rules = rules_of(self._model, [line], rules)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None
        return rules

    def _in_file(self) -> list[tuple[str, str]]:
        """(file and line's number, line)."""
        if self._path is None or (self._is_optional and not self._path.exists()):
            return []
        if self._path.exists() and not self._path.is_file():  # a pipe would be waited for
            raise ValueError(f"{self._path}: {kind_at(self._path)}, expected a regular file")
        try:
            text = read_bounded(self._path, _MOST_BYTES).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError(f"{self._path}: not UTF-8, expected text") from None
        return [(f"{self._path}: line {number}", line) for number, line in _lines(text)]


def _lines(text: str) -> list[tuple[int, str]]:
    """(its number from 1, line), without empty ones and remarks."""
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [(number, line) for number, line in lines if line and not line.startswith("#")]
