"""What a whole model of Keras says of itself: its layers, who feeds whom, and where the weights of each lie."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgelstm.importers.choices import Timing
from edgelstm.importers.keras_layers import Array, Arrays, variables
from edgelstm.plain import printable

_WITH_ONE_INSIDE = "TimeDistributed"
_MOST_NESTED = 8


@dataclass(frozen=True)
class Entry:
    """sources: names of the layers that feed it; none of an input. place: of its weights in a file of Keras 3.
    inside: the name of the model in which it is one, "" of the outermost."""

    kind: str
    name: str
    settings: Mapping[str, Any]
    sources: tuple[str, ...]
    place: str = ""
    inside: str = ""


@dataclass(frozen=True)
class Network:
    """Behind those that they take; output: the name of the last layer."""

    entries: tuple[Entry, ...]
    output: str


def network(config: object) -> Network:
    """ValueError where it is none, or has several inputs or outputs, or a layer that is called twice."""
    inner = config.get("config") if isinstance(config, dict) else None
    listed = inner.get("layers") if isinstance(inner, dict) else inner
    if not isinstance(listed, list) or not listed:
        raise ValueError("config: no list of layers")
    is_line = not any(isinstance(entry, dict) and entry.get("inbound_nodes") for entry in listed)
    entries: list[Entry] = []
    known: dict[str, str] = {}  # layers by name, and models by that of their last
    used: dict[str, int] = {}
    for place, entry in enumerate(listed):
        kind = entry.get("class_name") if isinstance(entry, dict) else None
        settings = entry.get("config") if isinstance(entry, dict) else None
        if not isinstance(kind, str) or not isinstance(settings, dict):
            raise ValueError(f"config: layers[{place}]: no class_name and config")
        name = str(entry.get("name") or settings.get("name") or kind)
        before = (entries[-1].name,) if is_line and entries else ()
        at = _numbered(str(kind), used)
        kind, settings = _inside(kind, settings)
        sources = before if is_line else tuple(known[one] for one in _fed_by(name, entry, list(known)))
        if not sources and not is_line and kind != "InputLayer":
            raise ValueError(f"layer {printable(name, 40)!r}: is fed by none, expected a layer before it")
        made = [Entry(kind, name, settings, sources, at)]
        if kind == "Sequential":
            made = list(_unfolded(made[0]))
        entries += made
        known[name] = made[-1].name
    if sum(entry.kind == "InputLayer" for entry in entries) > 1:
        raise ValueError("config: several inputs, expected one of frames")
    outputs = list(_sources(inner.get("output_layers"))) if isinstance(inner, dict) else []
    if len(outputs) > 1:
        raise ValueError(f"config: outputs {', '.join(outputs)[:60]}, expected one")
    output = known.get(outputs[0], "") if outputs else entries[-1].name
    if not output:
        raise ValueError(f"config: output {printable(outputs[0], 40)!r}: no such layer")
    return Network(tuple(entries), output)


def _unfolded(model: Entry, depth: int = 0) -> Iterator[Entry]:
    """The layers of a Sequential within a model, one behind the other, by its name and theirs."""
    listed = model.settings.get("layers")
    if not isinstance(listed, list) or len(model.sources) > 1 or depth > _MOST_NESTED:
        raise ValueError(
            f"layer {printable(model.name, 40)!r}: a model without layers, or that takes several results"
        )
    sources, used, is_empty = model.sources, dict[str, int](), True
    for entry in listed:
        kind = entry.get("class_name") if isinstance(entry, dict) else None
        settings = entry.get("config") if isinstance(entry, dict) else None
        if not isinstance(kind, str) or not isinstance(settings, dict):
            raise ValueError(f"layer {printable(model.name, 40)!r}: a layer without class_name and config")
        at = f"{model.place}/{_numbered(kind, used)}"
        if kind == "InputLayer" and sources:
            continue
        kind, settings = _inside(kind, settings)
        name = f"{model.name}/{entry.get('name') or settings.get('name') or kind}"
        one = Entry(kind, name, settings, sources, at, model.name)
        made = list(_unfolded(one, depth + 1)) if kind == "Sequential" else [one]
        yield from made
        sources, is_empty = (made[-1].name,), False
    if is_empty:
        raise ValueError(f"layer {printable(model.name, 40)!r}: a model without layers")


def _numbered(kind: str, used: dict[str, int]) -> str:
    key = snake(kind)
    count = used[key] = used.get(key, -1) + 1
    return f"layers/{key}_{count}" if count else f"layers/{key}"


def _inside(kind: str, settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What a wrapper does at every frame, which all layers do here."""
    inner = settings.get("layer")
    if (
        kind != _WITH_ONE_INSIDE
        or not isinstance(inner, dict)
        or inner.get("class_name") not in ("Dense", "Activation")
    ):
        return kind, settings
    held = inner.get("config")
    return str(inner["class_name"]), held if isinstance(held, dict) else {}


def _fed_by(name: str, entry: Mapping[str, Any], known: Sequence[str]) -> tuple[str, ...]:
    nodes = entry.get("inbound_nodes")
    if isinstance(nodes, list) and len(nodes) > 1:
        raise ValueError(f"layer {printable(name, 40)!r}: is called {len(nodes)} times, expected once")
    found = tuple(_sources(nodes))
    for source in found:
        if source not in known:
            raise ValueError(f"layer {printable(name, 40)!r}: takes {source[:40]!r}, expected a layer before it")
    return found


def _sources(value: object, depth: int = 0) -> Iterator[str]:
    """Names of layers, whichever way a version writes who feeds whom: lists that begin with name, number of the call
    and of the result. ValueError for another result than the first: a state."""
    if depth > 12:
        return
    if isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
        if value[2] != 0:
            raise ValueError(f"layer {value[0][:40]!r}: its state is taken, expected what it gives")
        yield value[0]
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _sources(item, depth + 1)


def snake(kind: str) -> str:
    """Keras's own rule for the names of groups: LSTM, Conv1D, BatchNormalization."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def numbered(entries: Sequence[Entry], arrays: Arrays) -> dict[str, dict[str, Array]]:
    """Keras 3: layers lie under their class and number, variables under theirs."""
    found: dict[str, dict[str, Array]] = {}
    for entry in entries:
        for number, variable in enumerate(variables(entry.kind, entry.settings)):
            for path in (f"{entry.place}{inner}/vars/{number}" for inner in ("", "/cell", "/layer")):
                if path in arrays:
                    found.setdefault(entry.name, {})[variable] = arrays[path]
    return found


def input_of(network: Network, config: object) -> tuple[int, Timing | None]:
    """(features, windows as long as the file says). None where a length is not said."""
    shapes = [entry.settings.get(key) for entry in network.entries for key in ("batch_shape", "batch_input_shape")]
    built = config.get("build_config") if isinstance(config, dict) else None
    shapes += [built.get("input_shape")] if isinstance(built, dict) else []
    shape = next((one for one in shapes if isinstance(one, list) and len(one) == 3), None)
    if shape is None or type(shape[2]) is not int or shape[2] < 1:
        raise ValueError(f"config: input of shape {str(shape)[:40]}, expected (batch, frames, features)")
    if any(entry.settings.get("stateful") for entry in network.entries):
        return shape[2], Timing()
    return shape[2], Timing(shape[1]) if type(shape[1]) is int and shape[1] > 1 else None
