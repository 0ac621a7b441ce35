"""Keras's files: `.keras`, the `.h5` of Keras 1 to 3, and files of weights alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edgelstm import records
from edgelstm.importers import keras_layers as layers_of
from edgelstm.importers.child import in_child
from edgelstm.importers.choices import Choices, Timing, UndecidedError, leave_out, timing
from edgelstm.importers.imported import Imported
from edgelstm.importers.keras_config import input_of, network, numbered
from edgelstm.importers.keras_layers import Array, Arrays
from edgelstm.importers.keras_road import sees_windows
from edgelstm.importers.keras_road import steps_of as keras_steps
from edgelstm.importers.modules import Module, epsilon_of, norm, steps_of
from edgelstm.importers.road import Step, build
from edgelstm.model import Model
from edgelstm.plain import printable

_EPSILON = 1e-3  # that of Keras's norms, which weights alone do not hold


@dataclass(frozen=True)
class _Header:
    config: str
    version: str
    paths: tuple[str, ...]
    prefix: str
    layers: dict[str, tuple[str, ...]]
    order: tuple[str, ...]


NO_VERSION = (
    "the file says no version of Keras: its hard sigmoids are read as x/6 + 0.5, as Keras 3 has them; they were "
    "0.2·x + 0.5 before"
)


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
    found = network(config)
    weights = numbered(config, found.entries, arrays) if not header.order else _named(header, arrays)
    features, said = input_of(found, config)
    timed = _timed(choices, said, sees_windows(found))
    window = timed.window if timed.gathered else 0
    steps = keras_steps(found, weights, features, header.version, window)
    model = build(steps, features, timed, choices, path.stem)
    notes = (NO_VERSION,) if not header.version and _has_hard_gates(model) else ()
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
    return any(getattr(layer, "gate", "").startswith("hard") for layer in model.layers)


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


def _weights_alone(path: Path, header: _Header, arrays: Arrays, choices: Choices) -> Imported:
    if not header.order:
        raise ValueError("has no layer names or settings, expected a whole model: save it as .keras")
    found = [_module(name, one, choices, header.version) for name, one in _named(header, arrays).items()]
    steps, features, left_out = steps_of(found, choices)
    model = build(steps, features, timing(choices), choices, path.stem)
    notes: tuple[str, ...] = ()
    if left_out:
        notes = (f"left out, for --layers does not name them: {printable(', '.join(left_out), 200)}",)
    if not header.version and _has_hard_gates(model):
        notes += (NO_VERSION,)
    return Imported(model, "Keras", notes, unproven="a file of weights alone runs in no engine")


def _module(name: str, arrays: Arrays, choices: Choices, version: str) -> Module:
    kernel, back = arrays.get("kernel"), arrays.get("recurrent_kernel")
    shown = printable(name, 60)
    if kernel is not None and back is not None and kernel.ndim == back.ndim == 2:
        is_lstm = back.shape[1] == 4 * len(back)
        words = f"{'LSTM' if is_lstm else 'GRU'} {len(kernel)} to {len(back)}"

        def cell(said: Mapping[str, str]) -> list[Step]:
            is_cudnn = is_lstm and arrays.get("bias", back).shape == (8 * len(back),)
            if choices.gates is None and not is_cudnn:
                raise UndecidedError(
                    "--gates: not given, and weights alone do not say their activation; expected sigmoid or "
                    "hard-sigmoid, which was usual before Keras 2.3"
                )
            if is_cudnn and choices.gates == "hard-sigmoid":
                raise ValueError(f"--gates: hard-sigmoid, expected sigmoid: {shown} was made for cuDNN")
            gate = layers_of.gate_of((choices.gates or "sigmoid").replace("-", "_"), version)
            if is_lstm:
                return [layers_of.lstm(arrays, gate)]
            return [layers_of.gru(arrays, gate, reset=_reset(shown, said) if "bias" not in arrays else None)]

        return Module(shown, words, len(kernel), cell, () if is_lstm or "bias" in arrays else ("reset",))
    if kernel is not None and kernel.ndim == 2:
        words = f"dense {kernel.shape[0]} to {kernel.shape[1]}"
        return Module(shown, words, len(kernel), lambda _: [layers_of.dense(arrays)])
    if "moving_mean" in arrays:

        def batch_norm(said: Mapping[str, str]) -> list[Step]:
            return [layers_of.batch_norm(arrays, epsilon_of(said, _EPSILON))]

        return Module(shown, "batch norm", 0, batch_norm, ("epsilon",))
    if arrays.keys() == {"gamma", "beta"} and arrays["gamma"].ndim == 1:
        return norm(shown, arrays["gamma"].size, lambda: arrays["gamma"], lambda: arrays["beta"], _EPSILON)

    def refuse(_: Mapping[str, str]) -> list[Step]:
        raise ValueError(
            f"{shown}: weights {', '.join(arrays)[:60]}, expected those of an LSTM, a GRU or a dense layer"
        )

    return Module(shown, "weights of another layer", 0, refuse)


def _reset(name: str, said: Mapping[str, str]) -> layers_of.Reset:
    """Of a GRU without a bias, whose sides would tell."""
    for word in layers_of.RESETS:
        if said.get("reset") == word:
            return word
    raise UndecidedError(
        f"--layers: {name}: a GRU without bias, and the file does not say whether its reset comes after the product; "
        f"expected {name}:reset=after, usual since TensorFlow 2, or {name}:reset=before"
    )
