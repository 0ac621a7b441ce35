"""Profiles models on this machine, each in a process of its own so that none pays for another's memory."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.devices.conditions import read_conditions
from edgelstm.devices.detect import detect
from edgelstm.devices.measure import STEADY_FRAMES, Measurement
from edgelstm.devices.memory import read_memory
from edgelstm.devices.plan import Plan
from edgelstm.devices.record import Missing
from edgelstm.devices.report import ModelFacts, Report, Run, Stage, parse_report

MOST_DATA_FRAMES = 10_000
SYNTHETIC_FRAMES = 256


def profile_here(
    path: Path, *, data: Path | None = None, frames: int = STEADY_FRAMES, seconds: float = 5.0
) -> Report:
    """Measure the model at `path` in this process, which should have done nothing else.

    data: CSV or NDJSON with frames to give it; without it they are synthetic.
    frames, seconds: how many steady frames, and how long warm-up and steady state may take.
    """
    board, before = detect(), read_conditions()
    read_memory()  # the first look takes memory itself
    stages = [Stage("start", read_memory())]

    from edgelstm.runtime.engines import open_model  # brings the engine with it

    start = time.perf_counter()
    model = open_model(path)
    open_ms = (time.perf_counter() - start) * 1e3
    stages.append(Stage("model opened", read_memory()))

    start = time.perf_counter()
    stream = model.stream()
    stream_us = (time.perf_counter() - start) * 1e6
    stages.append(Stage("stream made", read_memory()))

    given, kind = _frames(model, data)
    measurement = Measurement(stream, given, steady=frames, seconds=seconds)
    stages.append(Stage("input read", read_memory()))
    measurement.warm_up()
    warm = read_memory()
    measurement.steady()
    done = read_memory()
    stages.append(Stage("after the run", done))

    if isinstance(warm.resident, Missing) or isinstance(done.resident, Missing):
        growth: int | Missing = Missing("resident memory cannot be read")
    else:
        growth = done.resident - warm.resident
    run = Run(
        model=_facts(path, model),
        input=kind,
        open_ms=open_ms,
        stream_us=stream_us,
        latency=measurement.latency(),
        stages=tuple(stages),
        growth=growth,
        before=before,
        after=read_conditions(),
    )
    return Report(board, (run,))


def profile(
    paths: Sequence[Path],
    *,
    data: Path | None = None,
    frames: int = STEADY_FRAMES,
    seconds: float = 5.0,
    on_start: Callable[[Path], None] = lambda _: None,
) -> Report:
    """`profile_here` for each of `paths` in a fresh Python; `on_start` is told which one comes.

    FileNotFoundError for a file that cannot be opened, ValueError for whatever else went wrong, in one line.
    """
    for path in [*paths, *([data] if data else [])]:
        path.open("rb").close()  # before any is measured: the last may be the one that is missing
    reports = []
    for path in paths:
        on_start(path)
        reports.append(_profile_apart(path, data, frames, seconds))
    return Report(reports[0].board, tuple(run for report in reports for run in report.runs))


def _profile_apart(path: Path, data: Path | None, frames: int, seconds: float) -> Report:
    # -P: what lies in the current folder must not be imported
    plan = Plan(frames=frames, seconds=seconds, data=str(data) if data else None)
    command = [sys.executable, "-P", "-m", "edgelstm.devices.agent", f"--plan={plan.to_argument()}"]
    done = subprocess.run([*command, "--", str(path)], stdin=subprocess.DEVNULL, capture_output=True)  # noqa: S603
    if done.returncode == 0:
        return parse_report(done.stdout, f"the profile of {path}")
    if done.returncode < 0:
        raise ValueError(f"{path}: profiling it was ended by {signal.Signals(-done.returncode).name}")
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    problem = lines[-1] if lines else f"{path}: profiling it ended with {done.returncode} and no word"
    raise (FileNotFoundError if done.returncode == 2 else ValueError)(problem)


def _facts(path: Path, model: Any) -> ModelFacts:
    content = path.read_bytes()
    return ModelFacts(
        file=path.name,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        engine=model.engine,
        precision=model.precision,
        kernel=getattr(model, "kernel", None) or Missing("the engine does not say"),
        features=model.features,
        outputs=model.outputs,
        sample_rate=float(model.sample_rate) or Missing("the model does not say"),
        stream_bytes=_bytes(model, "stream_bytes"),
        state_bytes=_bytes(model, "snapshot_bytes"),
    )


def _bytes(model: Any, name: str) -> int | Missing:
    found = getattr(model, name, None)
    return Missing("the engine does not say") if found is None else int(found)


def _frames(model: Any, data: Path | None) -> tuple[NDArray[np.float32], str]:
    """(frames (T, features), what they are)."""
    if data is None:
        return _synthetic(model)
    from edgelstm.runtime.frames import read_frames

    with data.open("rb") as file:
        found = read_frames(file, model.features, model.feature_names, source=str(data))
        frames = np.stack([frame for _, frame in islice(found, MOST_DATA_FRAMES)])
    return frames, f"{len(frames)} frames of {data.name}"


def _synthetic(model: Any) -> tuple[NDArray[np.float32], str]:
    """Noise with the mean and spread of each feature as they were in training, the same on every machine."""
    normalize = model.metadata["normalize"]
    mean, std = np.asarray(normalize["mean"]), np.asarray(normalize["std"])
    noise = np.random.default_rng(0).standard_normal((SYNTHETIC_FRAMES, model.features))
    largest = np.finfo(np.float32).max
    frames = np.clip(mean + std * noise, -largest, largest).astype(np.float32)
    return frames, f"synthetic: {SYNTHETIC_FRAMES} frames of noise in the range of the training data"
