"""What a file does not say, and the user does: the options of `edgelstm import`. Nothing of it is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from edgelstm import records
from edgelstm.model import MAX_POOLING

Gates = Literal["sigmoid", "hard-sigmoid"]


@dataclass(frozen=True)
class Choices:
    """layers: names of the file's layers in the order in which they run, and what stands between them; empty: as the
    file says. part: which of several models or members of a checkpoint. gates: the activation of the gates.
    stream: states are carried from frame to frame. window: the model starts anew after every so many frames.
    sets: numbers for inputs of the file that choose, or lengths of those that it leaves open, by their names.
    states: inputs of the file that take states, by the outputs that renew them in the next call.
    overlap: how many values of the file's frame are the newest of the one before, put there by the program around it.
    The others are fields of `Model`, empty where nobody gives them.
    """

    layers: tuple[str, ...] = ()
    part: str = ""
    gates: Gates | None = None
    stream: bool = False
    window: int = 0
    labels: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    sample_rate: float = 0.0
    licence: str = ""
    sets: Mapping[str, int] = field(default_factory=dict)
    overlap: int = 0
    states: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Timing:
    """When a model starts anew, and what it answers. window: frames after which it does; 0: a stream, it does not.
    mean: a window's answer is that of the mean of its scores. gathered: layers run when all frames of a window are
    there, so that streams of the model begin anew as well."""

    window: int = 0
    mean: bool = False
    gathered: bool = False


class UndecidedError(ValueError):
    """Something that the file does not say was not said by an option either. The line begins with the option."""


def anew_of(about: bytes | str) -> int:
    """After how many frames the model of a file begins anew, by the metadata of `edgelstm export`; 0: it never does,
    or the file is not ours."""
    try:
        held = records.parse_json(about, "metadata") if about else None
    except ValueError:
        held = None
    said = held.get("anew") if isinstance(held, dict) else 0
    return said if type(said) is int and 0 < said <= MAX_POOLING else 0


def leave_out(choices: Choices, origin: str, *options: str) -> None:
    """ValueError, which begins with the option, for one of `options` (layers, part, gates, set, overlap, states) that
    was given for files of `origin`, which say it themselves or know no such thing."""
    whys = {
        "layers": "the file says its layers itself",
        "part": "the file holds one model",
        "gates": "the format says the activation of its gates",
        "set": "the file has no inputs by name",
        "overlap": "its frames are the model's",
        "states": "the file has no inputs by name",
    }
    for option in options:
        if getattr(choices, "sets" if option == "set" else option):
            raise ValueError(f"--{option}: goes not with {origin}: {whys[option]}")


def timing(choices: Choices, said: Timing | None = None) -> Timing:
    """As the options say, or else the file. UndecidedError where neither does."""
    mean = said is not None and said.mean
    if choices.stream:
        if mean:
            raise ValueError("--stream: the model answers with a mean over its window, expected --window N")
        return Timing()
    if choices.window:
        return Timing(choices.window, mean)
    if said is None or (said.mean and not said.window):
        raise UndecidedError(
            "--stream or --window N: not given, and the file does not say whether the model keeps its state from "
            "frame to frame or starts anew for every window of N frames; expected one of them"
        )
    return said
