"""What a model may cost at most, and whether a run kept to it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgelstm.devices.units import parse_size, parse_time
from edgelstm.records import Unavailable

if TYPE_CHECKING:
    from edgelstm.devices.profiling.report import Run

_Figure = float | Unavailable
_SPREAD = ("p50", "p90", "p99", "p99_9", "max")


@dataclass(frozen=True)
class Budget:
    """The most that a figure may be."""

    name: str
    limit: float  # in the figure's unit: µs, B, or a plain number


@dataclass(frozen=True)
class Check:
    """A budget beside what was found."""

    name: str
    unit: str  # µs, B, or nothing
    limit: float
    found: float | Unavailable
    source: str  # who set it: the command line or the model

    @property
    def holds(self) -> bool:
        """A figure that could not be had is no figure within the budget."""
        return not isinstance(self.found, Unavailable) and self.found <= self.limit


@dataclass(frozen=True)
class _Kind:
    unit: str
    find: Callable[[Run], _Figure]


def _spread(part: str, figure: str) -> Callable[[Run], _Figure]:
    def find(run: Run) -> _Figure:
        phase = getattr(run.latency, part)
        found: _Figure = phase if isinstance(phase, Unavailable) else getattr(phase.spread, f"{figure}_us")
        return found

    return find


def _misses(run: Run) -> _Figure:
    paced = run.latency.paced
    pacing = paced if isinstance(paced, Unavailable) else paced.pacing
    return pacing if isinstance(pacing, Unavailable) else pacing.misses


KINDS = {
    **{
        f"{prefix}latency_{figure}": _Kind("µs", _spread(part, figure))
        for prefix, part in (("", "flat"), ("paced_", "paced"), ("soak_", "soak"))
        for figure in _SPREAD
    },
    "jitter": _Kind("µs", _spread("flat", "deviation")),
    "first_frame": _Kind("µs", lambda run: run.latency.first_us),
    "start_up": _Kind("µs", lambda run: 1000 * run.open_ms + run.stream_us),
    "deadline_misses": _Kind("", _misses),
    "stream_memory": _Kind("B", lambda run: run.model.stream_bytes),
    "state_memory": _Kind("B", lambda run: run.model.state_bytes),
    "model_size": _Kind("B", lambda run: run.model.size),
    "rss": _Kind("B", lambda run: run.stages[-1].memory.resident),
    "pss": _Kind("B", lambda run: run.stages[-1].memory.proportional),
    "peak": _Kind("B", lambda run: run.stages[-1].memory.peak),
    "growth": _Kind("B", lambda run: run.growth),
}
"""Every figure that a budget may limit. `latency_…` and `jitter` are flat out; rss and pss when all is measured."""


def parse_budget(text: str) -> Budget:
    """`latency_p99=2ms`. ValueError for an unknown name (with the nearest), and for a limit without its unit."""
    name, equals, limit = text.partition("=")
    if not equals:
        raise ValueError(f"budget {text[:60]!r}: expected NAME=LIMIT, such as latency_p99=2ms")
    return _budget(name, limit)


def _budget(name: str, limit: str) -> Budget:
    if name not in KINDS:
        near = difflib.get_close_matches(name, KINDS, 1)
        raise ValueError(
            f"budget {name[:40]!r}: no such figure, "
            + (f"perhaps {near[0]}" if near else f"expected one of {', '.join(KINDS)}")
        )
    try:
        return Budget(name, {"µs": parse_time, "B": parse_size, "": _number}[KINDS[name].unit](limit))
    except ValueError as error:
        raise ValueError(f"budget {name}: {error}") from None


def _number(text: str) -> float:
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise ValueError(f"{text[:40]!r}, expected a whole number such as 0")
    return float(text)


def model_budget(metadata: Mapping[str, object]) -> list[Budget]:
    """The `[budget]` table of the configuration that a model was trained by, from its file's metadata.

    Empty without one. ValueError for a table that is none, or holds what is no budget.
    """
    table: object = metadata
    for key in ("provenance", "config", "budget"):
        table = table.get(key, {}) if isinstance(table, Mapping) else {}
    if not isinstance(table, Mapping) or not all(type(limit) in (str, int) for limit in table.values()):
        raise ValueError("metadata.provenance.config.budget: expected a table of limits such as latency_p99 = '2ms'")
    return [_budget(str(name), str(limit)) for name, limit in table.items()]


def check(run: Run, given: Iterable[Budget], own: Iterable[Budget]) -> tuple[Check, ...]:
    """Each budget beside the run's figure. A budget that is given stands for the model's own of the same name."""
    chosen = {budget.name: (budget, "the model") for budget in own}
    chosen |= {budget.name: (budget, "the command line") for budget in given}
    checks = []
    for budget, source in chosen.values():
        kind = KINDS[budget.name]
        found = kind.find(run)
        figure = found if isinstance(found, Unavailable) else float(found)
        checks.append(Check(budget.name, kind.unit, budget.limit, figure, source))
    return tuple(checks)
