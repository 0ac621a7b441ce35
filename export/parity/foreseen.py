"""What a proof will say of a model's int8 file along one stream, told before there is a file.

The proof holds the file against the model in float64, frame by frame in numpy. Here the same answers are those of two
`.elstm` files in the C core, int8 and float32, in a hundredth of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.forms import find_form
from edgelstm.export.parity.agreement import MOST_ERRORS, relative_error
from edgelstm.export.parity.expected import windows_of
from edgelstm.model import Model
from edgelstm.quantization import quantize
from edgelstm.runtime.engines.engine import EngineStream
from edgelstm.runtime.engines.open import open_model


@dataclass(frozen=True)
class Steadiness:
    """How far int8's scores are off float32's, relative to these (RMS)."""

    along: float  # one stream through all recordings
    fresh: float  # each window from a fresh state
    most: float  # that a proof lets pass

    @property
    def is_steady(self) -> bool:
        """Whether the state that a stream carries does not make small differences large."""
        return self.along <= self.most or self.fresh > self.most


def steadiness(model: Model) -> Steadiness | None:
    """Of `model` on the recordings for proofs that it carries; None where there are none, where it answers only when
    asked, or has no int8."""
    recordings = [x for x in model.unseen or model.examples if len(x) >= max(model.stride, 1)]
    if not recordings or not model.answer.hop or model.ranges is None:
        return None
    form, exact_form = find_form("elstm", "int8"), find_form("elstm", "float32")
    try:
        source = quantize(model)
        contents = form.encode(source), exact_form.encode(model)
    except ValueError:
        return None
    with TemporaryDirectory() as folder:
        streams = []
        for n, content in enumerate(contents):
            file = Path(folder, f"{n}{form.suffix}")
            file.write_bytes(content)
            streams.append(open_model(file).stream())
        windows = windows_of(model, recordings)
        found, exact = (_answers(stream, recordings, is_fresh=False) for stream in streams)
        fresh, exact_fresh = (_answers(stream, windows, is_fresh=True) for stream in streams)
    most = MOST_ERRORS * form.stated_error(source)
    return Steadiness(relative_error(model, found, exact), relative_error(model, fresh, exact_fresh), most)


def _answers(stream: EngineStream, sequences: Sequence[NDArray[np.float32]], is_fresh: bool) -> NDArray[np.float32]:
    """(answers, outputs) along all sequences."""
    stream.reset()
    rows = []
    for x in sequences:
        if is_fresh:
            stream.reset()
        rows.append(stream.push(x))
    return np.concatenate(rows)
