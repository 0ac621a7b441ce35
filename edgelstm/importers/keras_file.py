"""Keras's files: `.keras`, the `.h5` of Keras 1 to 3, and files of weights alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edgelstm import records
from edgelstm.importers.child import in_child
from edgelstm.importers.choices import Choices, Timing, leave_out, timing
from edgelstm.importers.imported import Imported, vanished
from edgelstm.importers.keras_ages import by_group, is_first, unified
from edgelstm.importers.keras_config import Network, input_of, network, numbered
from edgelstm.importers.keras_layers import Array, Arrays
from edgelstm.importers.keras_road import sees_windows, steps_of
from edgelstm.importers.keras_weights import modules_of
from edgelstm.importers.modules import steps_of as named_steps
from edgelstm.importers.road import build
from edgelstm.model import Model
from edgelstm.plain import printable


@dataclass(frozen=True)
class _Header:
    config: str
    version: str
    paths: tuple[str, ...]
    prefix: str
    layers: dict[str, tuple[str, ...]]
    order: tuple[str, ...]
    titles: dict[str, str]


NO_VERSION = (
    "the file says no version of Keras: its hard sigmoids are read as x/6 + 0.5, as Keras 3 has them; they were "
    "0.2·x + 0.5 before"
)


def read(path: Path, choices: Choices) -> Imported:
    """ValueError, one line without the path, for what is no such model. ImportError without h5py."""
    from importlib.util import find_spec

    leave_out(choices, "Keras", "part", "set", "overlap", "states")
    if find_spec("h5py") is None:
        raise ImportError("Keras's files need h5py; install it: pip install 'edgelstm[toolchain]'")
    raw, held = in_child("edgelstm.importers.keras_child", path)
    header = records.from_json(_Header, raw, "file")
    arrays = {name: held[f"c{place}"] for place, name in enumerate(header.paths)}
    if not header.config:
        return _weights_alone(path, header, arrays, choices)
    leave_out(choices, "a whole model of Keras", "layers", "gates")
    config = records.parse_json(header.config, "config")
    found = network(config)
    weights = numbered(found.entries, arrays) if not header.order else _named(header, arrays, found)
    version = header.version or ("1" if is_first(weights) else "")
    features, said = input_of(found, config)
    timed = _timed(choices, said, sees_windows(found))
    window = timed.window if timed.gathered else 0
    steps = steps_of(found, weights, features, version, window)
    model = build(steps, features, timed, choices, path.stem)
    notes = vanished(arrays) + ((NO_VERSION,) if not version and _has_hard_gates(model) else ())
    return Imported(model, "Keras", notes, unproven="Keras itself would have to be installed to run this file")


def _timed(choices: Choices, said: Timing | None, is_whole: bool) -> Timing:
    """is_whole: a layer sees all frames of a window at once."""
    if not is_whole:
        return timing(choices, said)
    if choices.stream or (said is not None and not said.window):
        raise ValueError("--stream: a layer sees all frames of a window at once, expected --window N")
    if said is not None and choices.window not in (0, said.window):
        raise ValueError(f"--window: {choices.window}, expected {said.window}: so many frames the file takes at once")
    return replace(timing(choices, said), gathered=True)


def _has_hard_gates(model: Model) -> bool:
    words = (getattr(layer, name, "") for layer in model.layers for name in ("gate", "activation", "function"))
    return any(str(word).startswith("hard") for word in words)


def _named(header: _Header, arrays: Arrays, network: Network | None = None) -> dict[str, dict[str, Array]]:
    """The older ages: every layer says the names of its weights, a model within a model those of its layers."""
    inner = {entry.name: entry.inside for entry in network.entries if entry.inside} if network else {}
    found: dict[str, dict[str, Array]] = {}
    for layer, names in header.layers.items():
        for name in names:
            array = arrays.get(f"{header.prefix}{layer}/{name}")
            if array is not None:
                *before, short = name.removesuffix(":0").split("/")
                own = next((full for part in before if (full := f"{layer}/{part}") in inner), layer)
                if short in found.get(own, {}):
                    raise ValueError(f"layer {printable(layer, 40)!r}: two arrays {printable(short, 40)!r}")
                found.setdefault(own, {})[short] = array
    return {layer: _unified(layer, held) for layer, held in found.items()}


def _unified(layer: str, held: dict[str, Array]) -> dict[str, Array]:
    try:
        return unified(held)
    except ValueError as error:
        raise ValueError(f"layer {printable(layer, 40)!r}: {error}") from None


def _weights_alone(path: Path, header: _Header, arrays: Arrays, choices: Choices) -> Imported:
    named = _named(header, arrays) if header.order else by_group(arrays, header.titles)
    if not named:
        raise ValueError("has neither layers nor settings, expected a whole model, or weights as Keras saves them")
    version = header.version or ("1" if is_first(named) else "")
    steps, features, left_out = named_steps(modules_of(named, choices, version), choices)
    if version[:1] in ("1", "2"):
        steps = ["hard_sigmoid" if isinstance(step, str) and step == "hard_sigmoid6" else step for step in steps]
    model = build(steps, features, timing(choices), choices, path.stem.removesuffix(".weights"))
    notes = vanished(arrays)
    if left_out:
        notes += (f"left out, for --layers does not name them: {printable(', '.join(left_out), 200)}",)
    if not version and _has_hard_gates(model):
        notes += (NO_VERSION,)
    return Imported(model, "Keras", notes, unproven="a file of weights alone runs in no engine")
