"""Measures one model in this process: what a board's agent does."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgelstm.devices.machine.conditions import read_conditions
from edgelstm.devices.machine.detect import detect
from edgelstm.devices.machine.usage import grown, read_memory, read_moment, read_usage
from edgelstm.devices.profiling.budget import model_budget, parse_budget
from edgelstm.devices.profiling.measure import Interval, Latency, Measurement, overhead_us
from edgelstm.devices.profiling.plan import Plan
from edgelstm.devices.profiling.report import ModelFacts, Report, Run, Stage
from edgelstm.devices.profiling.verdict import judge
from edgelstm.records import Unavailable

if TYPE_CHECKING:  # what it costs to load is measured below
    from edgelstm.runtime.engines.engine import EngineModel

MOST_DATA_FRAMES = 10_000
SYNTHETIC_FRAMES = 256
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
    stages: list[Stage] = []

    def stage(name: str) -> None:
        stages.append(Stage(name, read_memory(), read_usage()))

    stage("start")
    from edgelstm.runtime.engines.open import open_model  # brings the engine with it

    start = time.perf_counter()
    model = open_model(path)
    open_ms = (time.perf_counter() - start) * 1e3
    stage("model opened")

    start = time.perf_counter()
    stream = model.stream()
    stream_us = (time.perf_counter() - start) * 1e6
    stage("stream made")

    own_budget = model_budget(model.metadata)
    frames, kind = _frames(model, Path(plan.data) if plan.data else None)
    rate = plan.rate or float(model.sample_rate) or _NO_RATE
    measurement = Measurement(stream, frames, plan, rate, look=read_moment, tell=tell)
    stage("input read")
    first_us, warm_up = measurement.warm_up()
    stage("warmed up")
    warm = stages[-1].memory.resident
    flat = measurement.flat()
    if not isinstance(flat, Unavailable):
        stage("flat out")
    paced = measurement.paced()
    if not isinstance(paced, Unavailable):
        stage("paced")
    elif isinstance(flat, Unavailable):
        raise ValueError(f"{path}: pace paced, but {paced.reason}; expected a rate")
    soak = measurement.soak()
    if not isinstance(soak, Unavailable):
        stage("soaked")

    run = Run(
        model=_facts(path, model),
        input=kind,
        core=core,
        open_ms=open_ms,
        stream_us=stream_us,
        latency=Latency(first_us, warm_up, flat, paced, soak, overhead_us()),
        stages=tuple(stages),
        growth=grown(warm, stages[-1].memory.resident),
        before=before,
        after=read_conditions(),
        budget=(),
    )
    run = replace(run, budget=judge(run, map(parse_budget, plan.budget), own_budget))
    return Report(measured_at, board, (run,), ())


def _pin(core: int | None) -> int | Unavailable:
    if core is None:
        return Unavailable("not asked for: the system chose, and may have moved it")
    if not hasattr(os, "sched_setaffinity"):
        raise ValueError(f"core {core}: {sys.platform} pins no process to a core")
    usable = sorted(os.sched_getaffinity(0))
    if core not in usable:
        raise ValueError(f"core {core}: this process may run on {', '.join(map(str, usable))}")
    os.sched_setaffinity(0, {core})
    return core


def _facts(path: Path, model: EngineModel) -> ModelFacts:
    content = path.read_bytes()
    return ModelFacts(
        file=path.name,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        engine=model.engine,
        precision=model.precision,
        kernel=model.kernel or NOT_SAID,
        features=model.features,
        outputs=model.outputs,
        sample_rate=float(model.sample_rate) or Unavailable("the model does not say"),
        stream_bytes=NOT_SAID if model.stream_bytes is None else model.stream_bytes,
        state_bytes=model.snapshot_bytes,
    )


def _frames(model: EngineModel, data: Path | None) -> tuple[NDArray[np.float32], str]:
    """(frames (T, features), what they are)."""
    if data is None:
        return _synthetic(model)
    from edgelstm.runtime.sources.text import read_frames

    with data.open("rb") as file:
        found = read_frames(file, model.features, model.feature_names, source=str(data))
        frames = np.stack([frame for _, frame in islice(found, MOST_DATA_FRAMES)])
    return frames, f"{len(frames)} frames of {data.name}"


def _synthetic(model: EngineModel) -> tuple[NDArray[np.float32], str]:
    """Noise with the mean and spread of each feature as they were in training, the same on every machine."""
    normalize = model.metadata["normalize"]
    mean, std = np.asarray(normalize["mean"]), np.asarray(normalize["std"])
    noise = np.random.default_rng(0).standard_normal((SYNTHETIC_FRAMES, model.features))
    largest = np.finfo(np.float32).max
    frames = np.clip(mean + std * noise, -largest, largest).astype(np.float32)
    return frames, f"synthetic: {SYNTHETIC_FRAMES} frames of noise in the range of the training data"
