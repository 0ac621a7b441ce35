"""Files of weights under PyTorch's names: state_dicts, checkpoints, TorchScript, safetensors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgelstm.importers import safetensors_file, torch_file
from edgelstm.importers.choices import Choices, UndecidedError, leave_out, timing
from edgelstm.importers.imported import Imported, vanished
from edgelstm.importers.modules import Held, Views, modules, steps_of
from edgelstm.importers.road import build
from edgelstm.plain import printable

_NO_ENGINE = "a file of weights alone runs in no engine"


def read_torch(path: Path, choices: Choices) -> Imported:
    leave_out(choices, "PyTorch", "gates", "set", "overlap", "states")
    part, views = _part(torch_file.read(path), choices.part)
    return read_named(path, "PyTorch", views, choices, [f"read from {part!r} of the checkpoint"] if part else [])


def read_safetensors(path: Path, choices: Choices) -> Imported:
    leave_out(choices, "safetensors", "part", "gates", "set", "overlap", "states")
    views = {name: Held(array) for name, array in safetensors_file.read(path).items()}
    return read_named(path, "safetensors", views, choices)


def _part(groups: dict[str, torch_file.Tensors], asked: str) -> tuple[str, Views]:
    """The group that is asked for, or the only one with recurrent weights."""
    if asked:
        if asked not in groups:
            raise ValueError(f"--part: {asked!r:.60}, expected one of {', '.join(groups) or 'none: it has no parts'}")
        return asked, groups[asked]
    recurrent = [name for name, group in groups.items() if any("weight_hh" in tensor for tensor in group)]
    if len(recurrent) > 1:
        held = ", ".join(recurrent[:12])
        raise UndecidedError(f"--part: not given, and the file holds {held}; expected one of them")
    if not recurrent:
        raise ValueError("no recurrent weights, expected an LSTM or a GRU under names such as lstm.weight_hh_l0")
    return recurrent[0], groups[recurrent[0]]


def read_named(path: Path, format_name: str, views: Views, choices: Choices, notes: Sequence[str] = ()) -> Imported:
    """Weights under PyTorch's names, whatever they lie in."""
    notes = list(notes)
    steps, features, left_out = steps_of(modules(views), choices)
    model = build(steps, features, timing(choices), choices, path.stem)
    if left_out:
        notes.append(f"left out, for --layers does not name them: {printable(', '.join(left_out), 200)}")
    notes += vanished({name: view.array() for name, view in views.items()})
    return Imported(model, format_name, tuple(notes), unproven=_NO_ENGINE)
