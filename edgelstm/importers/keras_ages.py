"""What the ages of Keras call the weights of a layer, under the names of today: kernel, recurrent_kernel, bias."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from edgelstm.importers.keras_config import snake
from edgelstm.importers.keras_layers import NAMES, Array, Arrays
from edgelstm.plain import printable

_FIRST = re.compile(r"(?:^|.*_)(?P<what>[WUb])(?P<gate>_[a-z])?")
_WHATS = {"W": "kernel", "U": "recurrent_kernel", "b": "bias"}
_GATES = ("ifco", "zrh")  # of an LSTM and a GRU, in the order of today's columns
_NUMBERED = re.compile(r"(?P<owner>.*?)(?P<inner>/cell|/layer)?/vars/(?P<number>\d{1,3})")
_OTHERS = ("optimizer", "_compile_metrics", "_loss_tracker", "seed_generator")  # no layers
_KINDS = {snake(kind): names for kind, names in NAMES.items()} | {"group_normalization": ("gamma", "beta")}
_LEAST = {"LSTM": 2, "GRU": 2, "BatchNormalization": 4, "LayerNormalization": 2, "Normalization": 2}
_COUNTS = {snake(kind): count for kind, count in _LEAST.items()} | {"group_normalization": 2}
"""Of variables without which those of a kind cannot be told from one another; else one."""


def is_first(layers: Mapping[str, Arrays]) -> bool:
    """Whether layers have the names of Keras 1, once `named` has read them."""
    return any(isinstance(arrays, _First) for arrays in layers.values())


class _First(dict[str, Array]):
    """Weights of a layer of Keras 1."""


def unified(arrays: dict[str, Array]) -> dict[str, Array]:
    """Of Keras 1, with an array for every gate (`lstm_1_W_i`) or for all (`lstm_1_W`): those of today. Others as they
    are. ValueError where a gate is missing."""
    matches = {name: _FIRST.fullmatch(name) for name in arrays}
    parts = {match["what"] + (match["gate"] or ""): arrays[name] for name, match in matches.items() if match}
    if not arrays or len(parts) != len(arrays):
        return arrays
    gates = {part[2:] for part in parts if part[1:]}
    if parts.keys() == {"W"}:  # as layers of one's own have, such as attention
        return arrays
    if not gates:
        return _First({_WHATS[part]: array for part, array in parts.items()})
    order = next((known for known in _GATES if gates == set(known)), None)
    if order is None:
        raise ValueError(f"arrays of gates {', '.join(sorted(gates))}, expected i, f, c, o or z, r, h of Keras 1")
    made = _First()
    for what, name in _WHATS.items():
        found = [parts[f"{what}_{gate}"] for gate in order if f"{what}_{gate}" in parts]
        if len({array.shape[:-1] for array in found}) != 1 or len(found) != len(order) or not found[0].ndim:
            raise ValueError(f"{what}_{order[0]} to {what}_{order[-1]}: missing or of other sides than one another")
        made[name] = np.concatenate(found, axis=-1)
    return made


def by_group(arrays: Arrays, titles: Mapping[str, str]) -> dict[str, dict[str, Array]]:
    """Weights alone of Keras 3: layers lie under their class and number, or under the attribute of a class of one's
    own, variables under numbers. titles: names that layers have in their program, by their place. Variables whose
    meaning cannot be told keep their numbers."""
    found: dict[str, dict[int, Array]] = {}
    cells = set()
    for path, array in arrays.items():
        match = _NUMBERED.fullmatch(path)
        if match is None or not match["owner"] or not {*match["owner"].split("/")}.isdisjoint(_OTHERS):
            continue
        if array.ndim:  # a count of what was seen is none
            found.setdefault(match["owner"], {})[int(match["number"])] = array
            cells |= {match["owner"]} if match["inner"] == "/cell" else set()
    names = {place: printable(titles.get(place, ""), 60) for place in found}
    if "" in names.values() or len({*names.values()}) < len(names):
        names = {place: printable(re.sub(r"(^|/)layers/", r"\1", place), 60) for place in found}
    return {names[place]: _variables(place, held, place in cells) for place, held in found.items()}


def _variables(place: str, held: Mapping[int, Array], is_cell: bool) -> dict[str, Array]:
    """By their names of today."""
    values = [held[number] for number in sorted(held)]
    container, _, last = place.rpartition("/")
    kind = re.sub(r"_\d+$", "", last)
    names: tuple[str, ...] = ()
    if "_layer" in last and container.endswith("bidirectional"):
        pass
    elif is_cell:
        names = NAMES["LSTM"] if len(values) > 1 else ()
    elif container.rpartition("/")[2] == "layers" and kind != "time_distributed":
        names = _KINDS.get(kind, ()) if len(values) >= _COUNTS.get(kind, 1) else ()
    elif values[0].ndim in (2, 3) and (len(values) == 1 or values[1].shape == values[0].shape[-1:]):
        names = NAMES["Dense"] if len(values[0]) > 1 or len(values) > 1 else ()
    if len(values) > len(names):
        names = tuple(map(str, sorted(held)))
    return dict(zip(names, values))
