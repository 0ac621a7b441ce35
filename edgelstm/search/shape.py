"""The shape of a recipe's recurrent part: kind, units, number of layers, frames side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, fields
from typing import Any

from edgelstm import records
from edgelstm.training.config import ModelConfig
from edgelstm.training.layers import KINDS

SHAPES = ("kind", "units", "layers", "stack")
"""Names of `[search]` that are no keys of a recipe: the kind of the recurrent layers, their units, how many of them,
and how many frames the first one takes side by side, at every so many frames."""

RECURRENT = tuple(kind for kind, layer in KINDS.items() if layer.recurrent)
Values = dict[str, Any]
"""A recipe's, as TOML has it."""


@dataclass(frozen=True)
class Shape:
    """Of a model: its layers without the last, each a table as recipes have it."""

    layers: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, model: ModelConfig) -> Shape:
        found = ({"kind": layer.kind} | records.to_json(layer) for layer in model.hidden_layers)
        return cls(tuple(found))

    @property
    def stack(self) -> int:
        first = self.layers[0]
        return int(first["rows"]) if first["kind"] == "context" and first["hop"] == first["rows"] else 1

    @property
    def recurrent(self) -> list[int]:
        """Places of the recurrent layers."""
        return [n for n, layer in enumerate(self.layers) if layer["kind"] in RECURRENT]

    @property
    def units(self) -> int:
        return int(self.layers[self.recurrent[0]]["units"])

    @property
    def is_plain(self) -> bool:
        """Whether it is frames side by side or not, recurrent layers in a row, then dense ones: no more."""
        kinds = [layer["kind"] for layer in self.layers[self.stack > 1 :]]
        count = len(self.recurrent)
        return all(kind in RECURRENT for kind in kinds[:count]) and set(kinds[count:]) <= {"dense"}

    def value(self, name: str) -> object:
        """Of one of `SHAPES`."""
        if name == "stack":
            return self.stack
        if name == "layers":
            return len(self.recurrent)
        return self.layers[self.recurrent[0]][name]

    def with_values(self, given: Mapping[str, object]) -> list[dict[str, Any]]:
        """The layers with what of `SHAPES` is given. ValueError where recurrent layers do not follow one another."""
        layers = [dict(layer) for layer in self.layers]
        start, stop = self.recurrent[0], self.recurrent[-1] + 1
        between = [layer["kind"] for layer in layers[start:stop] if layer["kind"] not in RECURRENT]
        if between:
            raise ValueError(f"model.layers: {between[0]} between recurrent layers, expected these in a row")
        recurrent = [_recurrent(layer, given) for layer in layers[start:stop]]
        if "layers" in given:
            recurrent = [dict(recurrent[0]) for _ in range(int(str(given["layers"])))]
        layers[start:stop] = recurrent
        if "stack" in given:
            layers = layers[1:] if self.stack > 1 else layers
            rows = int(str(given["stack"]))
            layers = ([{"kind": "context", "rows": rows, "hop": rows}] if rows > 1 else []) + layers
        return layers


def _recurrent(layer: Mapping[str, Any], given: Mapping[str, object]) -> dict[str, Any]:
    kind = given.get("kind", layer["kind"])
    keys = fields(KINDS[str(kind)])  # type: ignore[arg-type]  # of a dataclass
    own = {key.name: layer[key.name] for key in keys if key.name in layer}
    return {"kind": kind, **own, "units": given.get("units", layer["units"])}


def with_choices(values: Values, model: ModelConfig, chosen: Mapping[str, object]) -> Values:
    """A recipe's `values` with what a trial chose: keys SECTION.KEY, and those of `SHAPES`. model: as `values` have
    it. An answer that would come more often than scores do comes with each of them."""
    found = deepcopy(values)
    found.pop("search", None)
    for name, value in chosen.items():
        section, _, key = name.rpartition(".")
        if section:
            found.setdefault(section, {})[key] = value
    table = found.setdefault("model", {})
    if "layers" not in table and any(name in SHAPES for name in chosen):
        hidden = [{"kind": "dense", "units": units} for units in table.get("hidden", [])]
        recurrent = tuple(layer for layer in Shape.of(model).layers if layer["kind"] != "dense")
        table["layers"] = Shape((*recurrent, *hidden)).with_values(chosen)
    elif any(name in SHAPES for name in chosen):
        table["layers"] = Shape.of(model).with_values(chosen)
    if "layers" in table:
        table.pop("units", None)
        table.pop("hidden", None)
        stride = math.prod(layer.get("hop", 1) for layer in table["layers"])
        if 0 < found.get("answer", {}).get("hop", 1) < stride:
            found.setdefault("answer", {})["hop"] = stride
    return found
