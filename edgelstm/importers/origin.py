"""A file in its own engine, as what an imported model is held against."""

from __future__ import annotations

from abc import ABC, abstractmethod

from edgelstm.runtime.frame import Float32


class Origin(ABC):
    """One stream through the file. `engine` names what runs it, with its version."""

    engine: str

    @abstractmethod
    def reset(self) -> None:
        """As before the first frame."""

    @abstractmethod
    def run(self, frames: Float32) -> Float32:
        """Frames (T, features), as many as a call takes → what the file gives, (rows, outputs): probabilities where
        it ends with such, else scores. States go on from call to call where the model is a stream."""

    @property
    @abstractmethod
    def frames(self) -> int:
        """Frames that a call takes."""
