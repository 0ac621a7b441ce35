"""What a profile is to measure. It travels to the process that measures, here or on a board, as one argument."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal, get_args

from edgelstm.devices.profiling.budget import parse_budget
from edgelstm.devices.record import from_json, to_json

Pace = Literal["both", "flat", "paced"]

STEADY_FRAMES = 10_000
"""Frames a percentile of 99.9 should rest on, at least: its ten slowest."""
WARM_UP_FRAMES = 1_000
MOST_SECONDS = 7 * 86_400.0

BAD_CONTENT, FILE_MISSING, ENGINE_MISSING, BUSY = 1, 2, 5, 6
"""How the process that carries out a plan may end, beside 0. The reason is the last line of its stderr."""


@dataclass(frozen=True)
class Plan:
    """The measuring of one model. ValueError names the field that makes no sense."""

    frames: int = STEADY_FRAMES  # flat out, after the warm-up
    seconds: float = 5.0  # longest time for warm-up and flat-out frames together
    warm_up: int = WARM_UP_FRAMES  # frames after the first one that are told apart
    pace: str = "both"  # flat out, paced like the sensor, or both; see Pace
    rate: float | None = None  # frames per second when paced; None is the model's sample rate
    paced_seconds: float = 3.0
    duration: float = 0.0  # seconds of soaking after that: flat out, or paced where pace says so; 0 is none
    core: int | None = None  # the one to run on
    data: str | None = None  # CSV or NDJSON with frames; None is noise in the range of the training data
    budget: tuple[str, ...] = ()  # such as latency_p99=2ms; they go before the model's own
    wait: float = 20.0  # seconds to wait for another profile on the same machine to end

    def __post_init__(self) -> None:
        def within(name: str, low: float, high: float, *, above: bool = False) -> None:
            value = getattr(self, name)
            if value is not None and not (low < value <= high if above else low <= value <= high):
                raise ValueError(
                    f"{name}: {value}, expected {'more than' if above else 'from'} {low:g} to {high:,.0f}"
                )

        within("frames", 1, 10**9)
        within("seconds", 0, MOST_SECONDS, above=True)
        within("warm_up", 1, 10**6)
        within("rate", 0, 1e6, above=True)
        within("paced_seconds", 0, MOST_SECONDS, above=True)
        within("duration", 0, MOST_SECONDS)
        within("core", 0, 4095)
        within("wait", 0, 86_400)
        if self.pace not in get_args(Pace):
            raise ValueError(f"pace: {self.pace[:20]!r}, expected one of {', '.join(get_args(Pace))}")
        if self.rate is not None and self.pace == "flat":
            raise ValueError(f"rate: {self.rate:g} with pace flat, expected pace both or paced")
        for text in self.budget:
            parse_budget(text)

    def to_argument(self) -> str:
        """One word of a command line. It holds quotes: a shell's needs `shlex.quote`."""
        return json.dumps(to_json(self), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_argument(cls, text: str) -> Plan:
        """The inverse of `to_argument`. ValueError names the field."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"plan: no JSON ({error})") from None
        return from_json(cls, value, "plan")
