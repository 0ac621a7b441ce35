"""Keras's files: `.keras`, the `.h5` of Keras 1 to 3, and files of weights alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgelstm import records
from edgelstm.importers import keras_layers as layers_of
from edgelstm.importers.child import in_child
from edgelstm.importers.choices import Choices, Timing, UndecidedError, leave_out, timing
from edgelstm.importers.imported import Imported
from edgelstm.importers.keras_layers import NAMES, WORDS, Array, Arrays
from edgelstm.importers.modules import Module, steps_of
from edgelstm.importers.road import Step, build
from edgelstm.layers.functions import Candidate, Gate
from edgelstm.plain import printable

_PASSED = ("Dropout", "SpatialDropout1D", "GaussianNoise", "ActivityRegularization")  # they do nothing when asked
_CANDIDATES: Mapping[str, Candidate] = {"tanh": "tanh", "linear": "linear", "relu": "relu"}


@dataclass(frozen=True)
class _Header:
    config: str
    version: str
    paths: tuple[str, ...]
    prefix: str
    layers: dict[str, tuple[str, ...]]
    order: tuple[str, ...]


def read(path: Path, choices: Choices) -> Imported:
    """ValueError, one line without the path, for what is no such model. ImportError without h5py."""
    from importlib.util import find_spec

    leave_out(choices, "Keras", "part", "set", "overlap")
    if find_spec("h5py") is None:
        raise ImportError("Keras's files need h5py; install it: pip install 'edgelstm[toolchain]'")
    raw, held = in_child("edgelstm.importers.keras_child", path)
    header = records.from_json(_Header, raw, "file")
    arrays = {name: held[f"c{place}"] for place, name in enumerate(header.paths)}
    if not header.config:
        return _weights_alone(path, header, arrays, choices)
    leave_out(choices, "a whole model of Keras", "layers", "gates")
    config = records.parse_json(header.config, "config")
    entries = list(_entries(config))
    steps: list[Step] = []
    weights = _numbered(entries, arrays) if not header.order else _named(header, arrays)
    for kind, name, inner in entries:
        try:
            steps += _layer(kind, weights.get(name, {}), inner, header.version)
        except ValueError as error:
            raise ValueError(f"layer {printable(name, 40)!r} ({kind:.30}): {error}") from None
    features, said = _input(entries, config)
    model = build(steps, features, timing(choices, said), choices, path.stem)
    return Imported(model, "Keras", unproven="Keras itself would have to be installed to run this file")


def _entries(config: object) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(class, name, configuration) of each layer. ValueError where they are no straight line."""
    inner = config.get("config") if isinstance(config, dict) else None
    listed = inner.get("layers") if isinstance(inner, dict) else inner
    if not isinstance(listed, list) or not listed:
        raise ValueError("config: no list of layers")
    before = ""
    for place, entry in enumerate(listed):
        kind = entry.get("class_name") if isinstance(entry, dict) else None
        settings = entry.get("config") if isinstance(entry, dict) else None
        if not isinstance(kind, str) or not isinstance(settings, dict):
            raise ValueError(f"config: layers[{place}]: no class_name and config")
        name = str(settings.get("name", kind))
        sources = set(_sources(entry.get("inbound_nodes")))
        if sources - {before}:
            raise ValueError(
                f"layer {printable(name, 40)!r}: takes {', '.join(sorted(sources))[:60]}; only layers one "
                "after the other are read"
            )
        before = name
        yield kind, name, settings


def _sources(value: object, depth: int = 0) -> Iterator[str]:
    """Names of layers, whichever way a version writes who feeds whom: lists that begin with name and number."""
    if depth > 12:
        return
    if isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
        yield value[0]
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _sources(item, depth + 1)


def _snake(kind: str) -> str:
    """Keras's own rule for the names of groups: LSTM, Conv1D, BatchNormalization."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _numbered(entries: Sequence[tuple[str, str, Any]], arrays: Arrays) -> dict[str, dict[str, Array]]:
    """Keras 3: layers lie under their class and number, variables under theirs."""
    used: dict[str, int] = {}
    found: dict[str, dict[str, Array]] = {}
    for kind, name, _ in entries:
        key = _snake(kind)
        count = used[key] = used.get(key, -1) + 1
        place = f"layers/{key}_{count}" if count else f"layers/{key}"
        names = NAMES.get("Dense" if kind == "TimeDistributed" else kind, ())
        for number, variable in enumerate(names):
            for path in (f"{place}{inner}/vars/{number}" for inner in ("", "/cell", "/layer")):
                if path in arrays:
                    found.setdefault(name, {})[variable] = arrays[path]
    return found


def _named(header: _Header, arrays: Arrays) -> dict[str, dict[str, Array]]:
    """The older ages: every layer says the names of its weights."""
    found: dict[str, dict[str, Array]] = {}
    for layer, names in header.layers.items():
        for name in names:
            array = arrays.get(f"{header.prefix}{layer}/{name}")
            if array is not None:
                short = name.removesuffix(":0").split("/")[-1]
                found.setdefault(layer, {})[short] = array
    return found


def _layer(kind: str, arrays: Arrays, config: Mapping[str, Any], version: str) -> list[Step]:
    if kind == "InputLayer" or kind in _PASSED:
        return []
    if kind in ("LSTM", "GRU", "CuDNNLSTM"):
        return [_recurrent(kind, arrays, config, version)]
    if kind == "Activation":
        return _word(config.get("activation"))
    if kind in ("ReLU", "Softmax"):
        return [WORDS[kind.lower()] or "relu"]
    if kind == "Dense":
        return [layers_of.dense(arrays), *_word(config.get("activation"))]
    if (
        kind == "TimeDistributed"
        and isinstance(inner := config.get("layer"), dict)
        and inner.get("class_name") == "Dense"
    ):
        return [layers_of.dense(arrays), *_word(dict(inner.get("config") or {}).get("activation"))]
    if kind == "Conv1D":
        return [*layers_of.conv(arrays, config), *_word(config.get("activation"))]
    if kind == "BatchNormalization":
        epsilon = config.get("epsilon", 1e-3)
        return [layers_of.batch_norm(arrays, float(epsilon) if isinstance(epsilon, int | float) else 1e-3)]
    if kind == "Bidirectional":
        raise ValueError("a stream has no end to read back from")
    raise ValueError("not held by a model, expected LSTM, GRU, Dense, Conv1D, BatchNormalization or an activation")


def _word(activation: object) -> list[Step]:
    if activation is None:
        return []
    if not isinstance(activation, str) or activation not in WORDS:
        raise ValueError(f"activation {str(activation)[:30]!r}, expected one of {', '.join(WORDS)}")
    word = WORDS[activation]
    return [] if word is None else [word]


def _recurrent(kind: str, arrays: Arrays, config: Mapping[str, Any], version: str) -> Step:
    if config.get("go_backwards"):
        raise ValueError("go_backwards; a stream has no end to read back from")
    candidate, gate = config.get("activation", "tanh"), config.get("recurrent_activation", "sigmoid")
    if candidate not in _CANDIDATES:
        raise ValueError(f"activation {str(candidate)[:30]!r}, expected one of {', '.join(_CANDIDATES)}")
    if gate not in ("sigmoid", "hard_sigmoid"):
        raise ValueError(f"recurrent_activation {str(gate)[:30]!r}, expected sigmoid or hard_sigmoid")
    make = layers_of.gru if kind == "GRU" else layers_of.lstm
    return make(arrays, _gate(str(gate), version), _CANDIDATES[str(candidate)])


def _gate(name: str, version: str) -> Gate:
    """Keras 3's hard sigmoid has another slope; it alone writes no version beside its weights, or 3."""
    if name != "hard_sigmoid":
        return "sigmoid"
    return "hard_sigmoid" if version[:1] in ("1", "2") else "hard_sigmoid6"


def _input(entries: Sequence[tuple[str, str, Mapping[str, Any]]], config: object) -> tuple[int, Timing | None]:
    """(features, windows as long as the file says). None where a length is not said."""
    shapes = [inner.get(key) for _, _, inner in entries[:2] for key in ("batch_shape", "batch_input_shape")]
    shapes += [config.get("build_config", {}).get("input_shape")] if isinstance(config, dict) else []
    shape = next((one for one in shapes if isinstance(one, list) and len(one) == 3), None)
    if shape is None or type(shape[2]) is not int or shape[2] < 1:
        raise ValueError(f"config: input of shape {str(shape)[:40]}, expected (batch, frames, features)")
    if any(inner.get("stateful") for _, _, inner in entries):
        return shape[2], Timing()
    return shape[2], Timing(shape[1]) if type(shape[1]) is int and shape[1] > 1 else None


def _weights_alone(path: Path, header: _Header, arrays: Arrays, choices: Choices) -> Imported:
    if not header.order:
        raise ValueError("has no layer names or settings, expected a whole model: save it as .keras")
    found = [_module(name, one, choices, header.version) for name, one in _named(header, arrays).items()]
    steps, features, left_out = steps_of(found, choices)
    model = build(steps, features, timing(choices), choices, path.stem)
    notes = (f"left out, for --layers does not name them: {printable(', '.join(left_out), 200)}",) if left_out else ()
    return Imported(model, "Keras", notes, unproven="a file of weights alone runs in no engine")


def _module(name: str, arrays: Arrays, choices: Choices, version: str) -> Module:
    kernel, back = arrays.get("kernel"), arrays.get("recurrent_kernel")
    shown = printable(name, 60)
    if kernel is not None and back is not None and kernel.ndim == back.ndim == 2:
        is_lstm = back.shape[1] == 4 * len(back)
        words = f"{'LSTM' if is_lstm else 'GRU'} {len(kernel)} to {len(back)}"

        def cell(_: Mapping[str, str]) -> list[Step]:
            is_cudnn = is_lstm and arrays.get("bias", back).shape == (8 * len(back),)
            if choices.gates is None and not is_cudnn:
                raise UndecidedError(
                    "--gates: not given, and weights alone do not say their activation; expected sigmoid or "
                    "hard-sigmoid, which was usual before Keras 2.3"
                )
            if is_cudnn and choices.gates == "hard-sigmoid":
                raise ValueError(f"--gates: hard-sigmoid, expected sigmoid: {shown} was made for cuDNN")
            gate = _gate((choices.gates or "sigmoid").replace("-", "_"), version)
            return [(layers_of.lstm if is_lstm else layers_of.gru)(arrays, gate)]

        return Module(shown, words, len(kernel), cell)
    if kernel is not None and kernel.ndim == 2:
        words = f"dense {kernel.shape[0]} to {kernel.shape[1]}"
        return Module(shown, words, len(kernel), lambda _: [layers_of.dense(arrays)])
    if "moving_mean" in arrays:
        return Module(shown, "batch norm", 0, lambda _: [layers_of.batch_norm(arrays, 1e-3)])

    def refuse(_: Mapping[str, str]) -> list[Step]:
        raise ValueError(
            f"{shown}: weights {', '.join(arrays)[:60]}, expected those of an LSTM, a GRU or a dense layer"
        )

    return Module(shown, "weights of another layer", 0, refuse)
