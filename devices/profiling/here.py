"""Measures one model in this process: what a board's agent does."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from edgelstm.devices.frames import frames_of
from edgelstm.devices.machine.conditions import read_conditions
from edgelstm.devices.machine.detect import detect
from edgelstm.devices.machine.usage import grown, read_memory, read_moment, read_usage
from edgelstm.devices.profiling.budget import model_budget, parse_budget
from edgelstm.devices.profiling.measure import Interval, Latency, Measurement, overhead_us
from edgelstm.devices.profiling.plan import Plan
from edgelstm.devices.profiling.report import ALONE, ModelFacts, Report, Run, Stage
from edgelstm.devices.profiling.sharing import Sharing, beside_one
from edgelstm.devices.profiling.verdict import judge
from edgelstm.plain import file_name
from edgelstm.records import Unavailable

if TYPE_CHECKING:  # what it costs to load is measured below
    import numpy as np
    from numpy.typing import NDArray

    from edgelstm.runtime.engines.engine import EngineModel, EngineStream

NOT_SAID = Unavailable("the engine does not say")
_NO_RATE = Unavailable("neither the model nor the plan says how many frames a second come")


def profile_here(
    path: Path, plan: Plan | None = None, *, tell: Callable[[Interval], None] = lambda _: None
) -> Report:
    """Measure the model at `path` in this process, which should have done nothing else.

    tell: is told each interval of a soak.

    ImportError where the model's engine is not installed, FileNotFoundError without a file, ValueError for
    whatever else is wrong, each in one line.
    """
    plan = plan or Plan()
    core = _pin(plan.core)
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    board, before = detect(), read_conditions()
    read_moment()  # the first look takes memory itself
    stages = _Stages()
    stages.end("start")
    model, open_ms = _open(path)
    stages.end("model opened")
    start = time.perf_counter()
    stream = _new_stream(path, model, plan)
    stream_us = (time.perf_counter() - start) * 1e6
    stages.end("stream made")

    own_budget = model_budget(model.metadata)
    frames, kind = frames_of(model, Path(plan.data) if plan.data else None)
    rate = plan.rate or float(model.sample_rate) or _NO_RATE
    measurement = Measurement(stream, frames, plan, rate, look=read_moment, tell=tell)
    stages.end("input read")
    try:
        latency, growth = _measure(measurement, stages)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    run = Run(
        model=_facts(path, stream),
        input=kind,
        core=core,
        open_ms=open_ms,
        stream_us=stream_us,
        latency=latency,
        stages=tuple(stages.ended),
        growth=growth,
        before=before,
        after=read_conditions(),
        budget=(),
        sharing=_sharing(stream, plan, frames),
    )
    run = replace(run, budget=judge(run, map(parse_budget, plan.budget), own_budget))
    return Report(measured_at, board, (run,), ())


class _Stages:
    """Memory and usage at the end of each part of the work."""

    def __init__(self) -> None:
        self.ended: list[Stage] = []

    def end(self, name: str) -> int | Unavailable:
        """Resident bytes now."""
        self.ended.append(Stage(name, read_memory(), read_usage()))
        return self.ended[-1].memory.resident


def _open(path: Path) -> tuple[EngineModel, float]:
    """(the model, how many milliseconds opening it took)."""
    from edgelstm.runtime.engines.open import open_model  # brings the engine with it

    start = time.perf_counter()
    model = open_model(path, bare=True)
    return model, (time.perf_counter() - start) * 1e3


def _new_stream(path: Path, model: EngineModel, plan: Plan) -> EngineStream:
    try:
        return model.stream(pooling=plan.pooling, window=plan.window, hop=plan.hop, threads=plan.threads)
    except ValueError as error:
        line = str(error)
        raise ValueError(line if line.startswith(str(path)) else f"{path}: {line}") from None


def _sharing(stream: EngineStream, plan: Plan, frames: NDArray[np.float32]) -> Sharing | Unavailable:
    """Last of all, so that a second stream is in none of the other figures."""
    if plan.threads == 1:
        return ALONE
    alone = stream.model.stream(pooling=plan.pooling, window=plan.window, hop=plan.hop)
    return beside_one({1: alone, plan.threads: stream}, frames)


def _measure(measurement: Measurement, stages: _Stages) -> tuple[Latency, int | Unavailable]:
    """(all times, by how much resident memory grew after the warm-up)."""
    first_us, warm_up = measurement.warm_up()
    warm = last = stages.end("warmed up")
    flat = measurement.flat()
    if not isinstance(flat, Unavailable):
        last = stages.end("flat out")
    paced = measurement.paced()
    if not isinstance(paced, Unavailable):
        last = stages.end("paced")
    elif isinstance(flat, Unavailable):
        raise ValueError(f"pace paced, but {paced.reason}; expected a rate")
    soak = measurement.soak()
    if not isinstance(soak, Unavailable):
        last = stages.end("soaked")
    return Latency(first_us, warm_up, flat, paced, soak, overhead_us()), grown(warm, last)


def _pin(core: int | None) -> int | Unavailable:
    if core is None:
        return Unavailable("not asked for: the system chose, and may have moved it")
    check_core(core)
    os.sched_setaffinity(0, {core})
    return core


def check_core(core: int) -> None:
    """ValueError for one that this process cannot be pinned to."""
    if not hasattr(os, "sched_setaffinity"):
        raise ValueError(f"core {core}: {sys.platform} pins no process to a core")
    usable = sorted(os.sched_getaffinity(0))
    if core not in usable:
        raise ValueError(f"core {core}: this process may run on {', '.join(map(str, usable))}")


def _facts(path: Path, stream: EngineStream) -> ModelFacts:
    content, model = path.read_bytes(), stream.model
    size = model.stream_size(stream.answering)
    return ModelFacts(
        file=file_name(path),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        engine=model.engine,
        precision=model.precision,
        kernel=model.kernel or NOT_SAID,
        features=model.features,
        outputs=model.outputs,
        sample_rate=float(model.sample_rate) or Unavailable("the model does not say"),
        stream_bytes=NOT_SAID if size is None else size,
        state_bytes=stream.snapshot_bytes,
        answer=stream.answering,
    )
