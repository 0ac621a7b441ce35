"""What goes wrong in exporting that callers tell apart."""

from __future__ import annotations

from edgelstm.model import Model


class NoRecordingsError(ValueError):
    """`model` carries no recordings, or too short ones, where some are needed and the caller gave none."""

    def __init__(self, model: Model, purpose: str):
        least = f" of {model.stride} frames or more" if model.stride > 1 else ""
        why = "" if model.examples or model.unseen else " (train --no-examples leaves them out)"
        super().__init__(f"model {model.name}: carries no recordings{least}{why}, expected some {purpose}")
