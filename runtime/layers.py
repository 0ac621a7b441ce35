"""The layers of a model, as its file lists them, and the parts that a stream's state has.

Lists come from files that nobody vouches for: every
number is held against the layers before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgelstm.runtime.layer import MAX_ROWS, MAX_WIDTH, Layer, Shape
from edgelstm.runtime.layer_kinds import KINDS, Given, Kind

LAYERS_FIELD, STRIDE_FIELD = "layers", "stride"
INPUT = "input"
"""The name of the normalized frame, where layers name results."""

MAX_LAYERS = 64
MAX_STRIDE = 1 << 20


def shape_of_part(kind: str, rows: int, channels: int) -> Shape:
    """Of a part of such a layer's state: one value for each channel, or rows of them."""
    return (rows, channels) if KINDS[kind].keeps_rows else (channels,)


def read_layers(values: Mapping[str, Any], features: int, outputs: int) -> tuple[Layer, ...]:
    """From the metadata's fields `layers` and `stride`. ValueError, in one line that names the layer, where they fit
    neither each other nor a frame of `features` and `outputs` scores."""
    entries = values.get(LAYERS_FIELD)
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_LAYERS:
        raise ValueError(f"metadata: {LAYERS_FIELD}: expected a list of 1 to {MAX_LAYERS} layers")
    layers: list[Layer] = []
    results = {INPUT: _Result(1, features, 1)}
    for place, entry in enumerate(entries):
        layer = _read_layer(entry, f"metadata: {LAYERS_FIELD}[{place}]", results, layers)
        layers.append(layer)
        results[layer.name] = _Result(layer.rows, layer.channels, layer.stride)
    if layers[-1].rows * layers[-1].channels != outputs:
        found = f"{layers[-1].rows} × {layers[-1].channels}"
        raise ValueError(f"metadata: {LAYERS_FIELD}: the last one's result is {found}, expected {outputs} scores")
    said = values.get(STRIDE_FIELD)
    if said != layers[-1].stride:
        raise ValueError(f"metadata: {STRIDE_FIELD}: {str(said)[:40]!r}, expected {layers[-1].stride}")
    return tuple(layers)


@dataclass(frozen=True)
class _Result:
    rows: int
    channels: int
    stride: int


def _read_layer(entry: Any, where: str, results: Mapping[str, _Result], before: Sequence[Layer]) -> Layer:
    kind_name = entry.get("kind") if isinstance(entry, dict) else None
    kind = KINDS.get(kind_name) if isinstance(kind_name, str) else None
    if kind is None:
        raise ValueError(f"{where}.kind: {str(kind_name)[:40]!r}, expected one of {', '.join(KINDS)}")
    name = f"{kind_name}{sum(layer.kind == kind_name for layer in before)}"
    if entry.get("name") != name:
        raise ValueError(f"{where}.name: {str(entry.get('name'))[:40]!r}, expected {name!r}")
    of, other = _read_source(entry, where, "of", results), _read_source(entry, where, "other", results)
    source = results[of or list(results)[-1]]
    if bool(other) != kind.joins or (other and results[other].stride != source.stride):
        expected = f"a result that comes every {source.stride} frames" if kind.joins else "nothing"
        raise ValueError(f"{where}.other: {other!r}, expected {expected}")
    second = results[other] if other else None
    bounds = {"rows": range(1, MAX_ROWS + 1), "channels": range(1, MAX_WIDTH + 1), **kind.settings}
    bounds |= {setting: allowed for setting, allowed in kind.further.items() if setting in entry}
    found = {setting: _read_setting(entry, where, setting, allowed) for setting, allowed in bounds.items()}
    beside = (second.rows, second.channels) if second else (0, 0)
    given = Given(found.pop("rows"), found.pop("channels"), found, source.rows, source.channels, *beside)
    _expect(entry, where, dict(zip(("rows", "channels"), kind.follows(given))))
    hop, stride = found.get("hop", 1), source.stride
    if hop > given.rows or given.rows * given.channels > MAX_WIDTH or stride * hop > MAX_STRIDE:
        limits = f"hop at most rows, {MAX_WIDTH} values and {MAX_STRIDE} frames at most"
        raise ValueError(f"{where}: {given.rows} × {given.channels} values with hop {hop}, expected {limits}")
    _expect(entry, where, {"stride": stride * hop})
    inputs = given.source_channels if kind.by_rows and given.rows > 1 else given.inputs
    return Layer(
        name=name,
        kind=str(kind_name),
        rows=given.rows,
        channels=given.channels,
        stride=stride * hop,
        macs=kind.macs(given),
        inputs=inputs,
        settings=found,
        of=of,
        other=other,
    )


def _read_source(entry: Mapping[str, Any], where: str, name: str, results: Mapping[str, _Result]) -> str:
    found = entry.get(name, "")
    if found and found not in results:
        raise ValueError(f"{where}.{name}: {str(found)[:40]!r}, expected one of {', '.join(results)}"[:200])
    return str(found)


def _read_setting(entry: Mapping[str, Any], where: str, name: str, allowed: range | tuple[str, ...]) -> Any:
    value = entry.get(name)
    if isinstance(allowed, tuple):
        right, expected = isinstance(value, str) and value in allowed, f"one of {', '.join(allowed)}"
    else:
        right = isinstance(value, int) and not isinstance(value, bool) and value in allowed
        expected = f"a whole number from {allowed.start} to {allowed.stop - 1}"
    if not right:
        raise ValueError(f"{where}.{name}: {str(value)[:40]!r}, expected {expected}")
    return value


def _expect(entry: Mapping[str, Any], where: str, expected: Mapping[str, int]) -> None:
    """The numbers that follow from the others are what the file says."""
    for name, value in expected.items():
        found = entry.get(name)
        if isinstance(found, bool) or found != value:
            raise ValueError(f"{where}.{name}: {str(found)[:40]!r}, expected {value}")


def take_sound(layers: Iterable[Layer]) -> bool:
    """Whether frames are samples of sound, on the scale of 16 bits."""
    return any(KINDS[layer.kind].hears for layer in layers)


def frame_macs(layers: Iterable[Layer]) -> int:
    """Multiply-accumulates of a frame, on average over frames: rounded up where layers do not run at every one."""
    layers = tuple(layers)
    whole = max((layer.stride for layer in layers), default=1)
    return -(-sum(layer.macs * (whole // layer.stride) for layer in layers) // whole)


def parts_of_streams(layers: Sequence[Layer]) -> dict[str, tuple[str, Shape]]:
    """Name of each part → (its layer's name, its shape), in order: what a stream of the C core keeps."""
    return _parts(layers, lambda kind: kind.parts)


def parts_of_calls(layers: Sequence[Layer]) -> dict[str, tuple[str, Shape]]:
    """The same for a file that takes as many frames a call as its last layer has stride."""
    return _parts(layers, lambda kind: kind.parts_of_a_call)


def _parts(
    layers: Sequence[Layer], of: Callable[[Kind], Callable[[Layer], dict[str, Shape]]]
) -> dict[str, tuple[str, Shape]]:
    """A part's number counts the layers before it whose first part has the same letter as its own layer's."""
    counts: dict[str, int] = {}
    found = {}
    for layer in layers:
        first = next(iter(KINDS[layer.kind].parts(layer)), None)
        if first is None:
            continue
        number = counts[first] = counts.get(first, -1) + 1
        for letter, shape in of(KINDS[layer.kind])(layer).items():
            found[f"{letter}{number}"] = (layer.name, shape)
    return found
