"""What a profile is to measure. It travels to the process that measures, here or on a board, as one argument."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Literal

from edgelstm.devices.profiling.budget import parse_budget
from edgelstm.records import Bounds, check, from_json, parse_json, to_json
from edgelstm.runtime.pooling import PoolingKind

MOST_SECONDS = 7 * 86_400.0

Pace = Literal["both", "flat", "paced"]
Seconds = Annotated[float, Bounds(above=0, most=MOST_SECONDS)]

STEADY_FRAMES = 10_000
"""Frames a percentile of 99.9 should rest on, at least: its ten slowest."""
WARM_UP_FRAMES = 1_000

BAD_CONTENT, FILE_MISSING, ENGINE_MISSING, BUSY = 1, 2, 5, 6
"""How the process that carries out a plan may end, beside 0. The reason is the last line of its stderr."""


@dataclass(frozen=True)
class Plan:
    """The measuring of one model. A soak is flat out, or paced where `pace` says so. ValueError names the field that
    makes no sense."""

    frames: Annotated[int, Bounds(1, 10**9)] = STEADY_FRAMES  # flat out, after the warm-up
    seconds: Seconds = 5.0  # longest time for warm-up and flat-out frames together
    warm_up: Annotated[int, Bounds(1, 10**6)] = WARM_UP_FRAMES  # frames after the first one that are told apart
    pace: Pace = "both"  # flat out, paced like the sensor, or both
    rate: Annotated[float, Bounds(above=0, most=1e6)] | None = None  # when paced; None is the model's sample rate
    paced_seconds: Seconds = 3.0
    duration: Annotated[float, Bounds(0, MOST_SECONDS)] = 0.0  # of soaking after that; 0 is none
    core: Annotated[int, Bounds(0, 4095)] | None = None  # the one to run on
    threads: Annotated[int, Bounds(1, 64)] = 1  # that share a frame
    pooling: PoolingKind | None = None  # of answers, as the next two; None: the model's own
    window: int | None = None
    hop: int | None = None
    data: str | None = None  # CSV or NDJSON with frames; None is noise in the range of the training data
    budget: tuple[str, ...] = ()  # such as latency_p99=2ms; they go before the model's own
    wait: Annotated[float, Bounds(0, 86_400)] = 20.0  # seconds for another profile on the same machine to end

    def __post_init__(self) -> None:
        check(self)
        if self.rate is not None and self.pace == "flat":
            raise ValueError(f"rate: {self.rate:g} with pace flat, expected pace both or paced")
        if self.threads > 1 and self.core is not None:
            raise ValueError(f"threads: {self.threads}, expected 1 with core: all would run on that one")
        for text in self.budget:
            parse_budget(text)

    def to_argument(self) -> str:
        """One word of a command line. It holds quotes: a shell's needs `shlex.quote`."""
        return json.dumps(to_json(self), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_argument(cls, text: str) -> Plan:
        """The inverse of `to_argument`. ValueError names the field."""
        return from_json(cls, parse_json(text, "plan", is_ours=True), "plan")
