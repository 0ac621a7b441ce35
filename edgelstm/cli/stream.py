"""`edgelstm stream`: frames in, answers out, line by line, for as long as frames come."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

import click

_MOST_STATE_BYTES = 1 << 30


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), required=False)
@click.option(
    "--format",
    "syntax",
    type=click.Choice(["auto", "csv", "ndjson"]),
    default="auto",
    show_default=True,
    help="How frames are written. auto: NDJSON when the first line begins with [ or {, else CSV.",
)
@click.option("--rate", is_flag=True, help="Take frames no faster than the model's sample rate, as a sensor would.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop after N answers.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Go on from the state in FILE if it exists; save the state there at the end, and when stopped by a "
    "signal, by --limit or by a closed pipe. An error leaves FILE as it was.",
)
@click.option(
    "--memory-limit", type=click.IntRange(min=1), metavar="BYTES", help="Refuse a stream that needs more memory."
)
def command(
    model: Path,
    file: Path | None,
    syntax: str,
    rate: bool,
    limit: int | None,
    state: Path | None,
    memory_limit: int | None,
) -> None:
    """Stream frames through MODEL and print one line of JSON for each answer.

    Frames come from FILE, or from stdin, one on each line: CSV (comma, semicolon or tab; with a header, columns
    are found by the model's feature names, in any order) or NDJSON (an array of numbers, or an object by name).
    A frame is answered as soon as its line has come. A model with one answer per recording gives it at the end
    of input.

    \b
      "frame"    frames since the stream began; "time" the same in seconds, null where the rate is unknown
      softmax    "label", "probability", and "probabilities" of all labels
      sigmoid    "labels" with a probability of at least 0.5, and "probabilities"
      linear     "values"

    Exit codes: 0 at the end of input, after --limit, and when the reader of the answers has gone; 1 for a bad
    frame, named by its line, after the answers before it. Ctrl-C and SIGTERM end the stream quietly, by that
    signal itself: a shell shows 130 and 143, systemd counts it as a clean stop.

    \b
    Example:
      edgelstm stream model.elstm recording.csv
      tail -f sensor.ndjson | edgelstm stream model.elstm | head -3
    """
    from edgelstm.runtime import Model
    from edgelstm.runtime.engines import open_model

    opened = open_model(model)
    if rate and not opened.sample_rate:
        raise click.UsageError(f"--rate: {model} does not say its sample rate")
    if memory_limit is not None and not isinstance(opened, Model):
        raise click.UsageError(
            f"--memory-limit: only .elstm says what a stream takes, {model} runs in {opened.engine}"
        )
    stream = opened.stream(memory_limit) if isinstance(opened, Model) else opened.stream()
    if state is not None:
        _restore(stream, state)
    stopped_by = None
    try:
        with _signals(), _input(file) as (source, name):
            _run(opened, stream, source, name, syntax=syntax, rate=rate, limit=limit)
    except _StopSignal as stop:
        stopped_by = stop.number
    except BrokenPipeError:
        _forget_stdout()
    if state is not None:
        _save(stream, state)
    if stopped_by is not None:
        signal.signal(stopped_by, signal.SIG_DFL)
        signal.raise_signal(stopped_by)


def _run(model: Any, stream: Any, source: BinaryIO, name: str, *, syntax: Any, rate: bool, limit: int | None) -> None:
    from edgelstm.runtime.frames import read_frames

    frames = read_frames(source, model.features, model.feature_names, source=name, syntax=syntax)
    answers = _Answers(model)
    start = time.monotonic()
    for count, (_, frame) in enumerate(frames):
        if rate:
            time.sleep(max(0.0, start + count / model.sample_rate - time.monotonic()))
        stream.input[:] = frame
        if stream.step():
            answers.write(stream.frames, stream.output)
            if answers.count == limit:
                return
    if model.hop == 0:
        answers.write(stream.frames, stream.answer())


class _Answers:
    """Writes each answer to stdout as one line, at once."""

    def __init__(self, model: Any):
        self.count = 0
        if sys.stdout is None:
            raise click.UsageError("stdout is closed; the answers go there")
        self._out = sys.stdout.buffer  # bytes: UTF-8 whatever the locale
        self._activation = model.activation
        self._sample_rate = model.sample_rate
        unique = len(set(model.labels)) == model.outputs
        self._labels = model.labels if unique else tuple(str(place) for place in range(model.outputs))

    def write(self, frame: int, output: Any) -> None:
        """output: float32 (outputs,)."""
        self.count += 1
        answer: dict[str, Any] = {"frame": frame, "time": None}
        if self._sample_rate:
            answer["time"] = round(frame / self._sample_rate, 6)
        # the shortest decimals that give the same float32
        figures = dict(zip(self._labels, (float(str(value)) for value in output)))
        if self._activation == "softmax":
            best = max(figures, key=lambda label: figures[label])
            answer |= {"label": best, "probability": figures[best], "probabilities": figures}
        elif self._activation == "sigmoid":
            answer["labels"] = [label for label, probability in figures.items() if probability >= 0.5]
            answer["probabilities"] = figures
        else:
            answer["values"] = figures
        try:
            line = json.dumps(answer, ensure_ascii=False, allow_nan=False)
        except ValueError:
            raise ValueError(f"answer at frame {frame}: not finite, the model overflows on this input") from None
        self._out.write(line.encode() + b"\n")
        self._out.flush()


@contextmanager
def _input(file: Path | None) -> Iterator[tuple[BinaryIO, str]]:
    """(an open stream of bytes, its name in errors)."""
    if file is None or str(file) == "-":
        if sys.stdin is None:
            raise click.UsageError("stdin is closed; give FILE")
        if sys.stdin.isatty():
            click.echo("Reading frames from the terminal, one on each line. Ctrl-D ends.", err=True)
        yield sys.stdin.buffer, "stdin"
        return
    with file.open("rb") as source:
        yield source, str(file)


class _StopSignal(BaseException):
    def __init__(self, number: int):
        self.number = number


@contextmanager
def _signals() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into a _StopSignal, wherever the stream waits; a second one kills."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        raise _StopSignal(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _forget_stdout() -> None:
    """Nobody reads any more. What is still buffered must not raise again when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _restore(stream: Any, path: Path) -> None:
    if not path.exists():
        if not path.parent.is_dir():
            raise FileNotFoundError(f"{path.parent}: no such folder to save the state in")
        return
    with path.open("rb") as file:
        snapshot = file.read(_MOST_STATE_BYTES)
    try:
        stream.restore(snapshot)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _save(stream: Any, path: Path) -> None:
    """Written beside, then renamed: `path` holds a whole state or what it held before."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(stream.save())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
