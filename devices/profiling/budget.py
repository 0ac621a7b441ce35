"""What a model may cost at most: the figures that can be limited, and limits as people write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edgelstm.devices.units import parse_size, parse_time
from edgelstm.hints import near

Unit = Literal["µs", "B", ""]

PHASES = {"": "flat", "paced_": "paced", "soak_": "soak"}
"""What a latency's name begins with → the field of `Latency`."""
PERCENTILES = ("p50", "p90", "p99", "p99_9", "max")

FIGURES: dict[str, Unit] = {
    **{f"{prefix}latency_{figure}": "µs" for prefix in PHASES for figure in PERCENTILES},
    "jitter": "µs",
    "first_frame": "µs",
    "start_up": "µs",
    "deadline_misses": "",
    "stream_memory": "B",
    "state_memory": "B",
    "model_size": "B",
    "rss": "B",
    "pss": "B",
    "peak": "B",
    "growth": "B",
}
"""Every figure that a budget may limit, and its unit; `edgelstm.devices.profiling.verdict` finds them in a run.
`latency_…` and `jitter` are flat out; rss and pss when all is measured."""


@dataclass(frozen=True)
class Budget:
    """The most that a figure may be."""

    name: str
    limit: float  # in the figure's unit


def parse_budget(text: str) -> Budget:
    """`latency_p99=2ms`. ValueError for an unknown name (with the nearest), and for a limit without its unit."""
    name, equals, limit = text.partition("=")
    if not equals:
        raise ValueError(f"budget {text[:60]!r}: expected NAME=LIMIT, such as latency_p99=2ms")
    return _budget(name, limit)


def read_budget(table: object) -> list[Budget]:
    """The `[budget]` table of a configuration: names and limits, such as latency_p99 = '2ms', deadline_misses = 0.

    ValueError for what is no table, an unknown name (with the nearest), and a limit without its unit.
    """
    if not isinstance(table, Mapping) or not all(type(limit) in (str, int) for limit in table.values()):
        raise ValueError("budget: expected a table of limits such as latency_p99 = '2ms'")
    return [_budget(str(name), limit if isinstance(limit, str) else f"{limit:d}") for name, limit in table.items()]


def model_budget(metadata: Mapping[str, object]) -> list[Budget]:
    """The `[budget]` table of the configuration that a model was trained by, from its file's metadata.

    Empty without one. ValueError as `read_budget`.
    """
    table: object = metadata
    for key in ("provenance", "config", "budget"):
        table = table.get(key, {}) if isinstance(table, Mapping) else {}
    try:
        return read_budget(table)
    except ValueError as error:
        raise ValueError(f"metadata.provenance.config: {error}") from None


def _budget(name: str, limit: str) -> Budget:
    if name not in FIGURES:
        raise ValueError(f"budget {name[:40]!r}: no such figure{near(name, FIGURES)}")
    try:
        return Budget(name, {"µs": parse_time, "B": parse_size, "": _parse_count}[FIGURES[name]](limit))
    except ValueError as error:
        raise ValueError(f"budget {name}: {error}") from None


def _parse_count(text: str) -> float:
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise ValueError(f"{text[:40]!r}, expected a whole number such as 0")
    return float(text)
