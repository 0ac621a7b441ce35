"""What is said of a stream before it begins, in one line each."""

from __future__ import annotations

from edgelstm.runtime.engines.engine import EngineModel, EngineStream
from edgelstm.runtime.metadata import imported_window


def answers_at_the_end(stream: EngineStream) -> str:
    """For who waits for answers of a stream without a hop, whose frames come live: what to do, in one line."""
    model = stream.model
    window = " --window W" if stream.answering.pooling != "last" else ""
    of_rate = max(1, round(model.sample_rate / model.stride)) * model.stride
    second = f", {of_rate} for about 1 s" if model.sample_rate else ""
    return f"{model.path}: answers at the end of input alone; for others meanwhile: --hop N{window} (frames{second})"


def window_carried(model: EngineModel) -> str | None:
    """For a model that was imported as one that starts anew for every window: that a stream does not, in one line."""
    window = imported_window(model.metadata)
    if window is None:
        return None
    return (
        f"{model.path}: imported for windows of {window} frames, each from a fresh state; this stream carries its "
        "state on from window to window, so that answers after the first are others"
    )
