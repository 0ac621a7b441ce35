"""What `edgelstm export` and `edgelstm demo` say about several files: one table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgelstm.cli.show import style, text
from edgelstm.devices.units import show_size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgelstm.export import Export

_SECONDS = 0.1
_MOST_FRAMES = 2_000
HEADER = ("file", "size", "scales", "error", "agrees", "µs")
EXPLAINED = (
    "scales: of int8 weights. error: RMS difference of answers from the model in float64. agrees: sequences with its "
    "decision at the end. µs: of a frame, median here, from Python; `edgelstm profile` measures with care."
)


def table(results: Sequence[Export], times: Sequence[float | None]) -> str:
    """One row for each file, marked where its proof passed, and what the columns mean."""
    rows = [_row(result, us) for result, us in zip(results, times, strict=True)]
    engines = ", ".join(dict.fromkeys(_engine(result) for result in results))
    return f"{text.table(HEADER, rows, indent='')}\n{text.paragraph(f'{EXPLAINED} Engines: {engines}.', '  ')}"


def frame_us(path: Path, frames: NDArray[np.float32]) -> float | None:
    """Median microseconds of a frame in the file's engine, a tenth of a second long; None for C source."""
    import numpy as np

    from edgelstm.runtime.engines.open import SUFFIXES, open_model

    if path.suffix not in SUFFIXES:
        return None
    step, clock = open_model(path).stream().step, time.perf_counter
    times: list[float] = []
    end = clock() + _SECONDS
    while len(times) < _MOST_FRAMES and clock() < end:
        frame = frames[len(times) % len(frames)]
        start = clock()
        step(frame)
        times.append(clock() - start)
    return float(np.median(times)) * 1e6


def _row(result: Export, us: float | None) -> tuple[str, ...]:
    proof = result.proof
    if proof is None:
        name, error, agrees = f"– {result.path.name}", "not verified", "–"
    else:
        name, error = style.mark(proof.passed, result.path.name), f"{proof.float_error:.1e}"
        agrees = "–" if proof.float_agreement is None else f"{100 * proof.float_agreement:.0f} %"
    return (name, show_size(result.size), result.scales or "–", error, agrees, "–" if us is None else f"{us:.1f}")


def _engine(result: Export) -> str:
    return result.proof.engine if result.proof else result.form.engine
