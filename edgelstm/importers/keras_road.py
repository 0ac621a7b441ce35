"""The layers of a whole model of Keras, one behind the other or with branches, as steps.

Most see one frame and what they remember. Where one sees all frames of a window at once, as convolutions over both
sides, means over time and `Flatten` do, a window is one frame of as many rows, and every layer takes rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgelstm.importers import keras_layers as layers_of
from edgelstm.importers.keras_config import Entry, Network
from edgelstm.importers.keras_layers import Arrays
from edgelstm.importers.results import Results
from edgelstm.importers.road import Step
from edgelstm.layers import GRU, LSTM, Add, Concat, Context, Conv, Dense, Joining, Last, Mean, Multiply
from edgelstm.plain import printable

_PASSED = (  # they do nothing when asked
    *("Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "ActivityRegularization"),
)
_ACTIVE = ("Dense", "TimeDistributedDense", "Conv1D", "Activation")
RECURRENT = ("LSTM", "GRU", "CuDNNLSTM")
_JOINS: Mapping[str, Callable[[], Joining]] = {
    "Add": lambda: Add("?"),
    "Subtract": lambda: Add("?", sign="minus"),
    "Multiply": lambda: Multiply("?"),
    "Concatenate": lambda: Concat("?"),
}
_OVER_TIME = ("GlobalAveragePooling1D", "AveragePooling1D", "Flatten")
_HELD = (
    "LSTM, GRU, Dense, Conv1D, normalizations, Add, Subtract, Multiply, Concatenate, averages over time, Flatten or "
    "an activation"
)


def sees_windows(network: Network) -> bool:
    """Whether a layer sees all frames of a window at once."""
    has_time: dict[str, bool] = {}
    for entry in network.entries:
        timed = any(has_time[source] for source in entry.sources) or not entry.sources
        is_whole = entry.kind in _OVER_TIME or (entry.kind == "Conv1D" and not layers_of.is_causal(entry.settings))
        if timed and is_whole:
            return True
        ends = entry.kind in RECURRENT and not entry.settings.get("return_sequences")
        has_time[entry.name] = timed and not ends
    return False


def steps_of(network: Network, weights: Mapping[str, Arrays], features: int, version: str, window: int) -> list[Step]:
    """window: frames that are rows of one; 0: each goes the whole road by itself. ValueError, naming the layer, for
    what is none of ours."""
    road = _Road(features, version, window)
    for entry in network.entries:
        try:
            road.add(entry, weights.get(entry.name, {}))
        except ValueError as error:
            raise ValueError(f"layer {printable(entry.name, 40)!r} ({entry.kind:.30}): {error}") from None
    return road.steps(network.output)


class _Road:
    def __init__(self, features: int, version: str, window: int):
        self._results = Results(features, Context(window, window) if window else None)
        self._version, self._window = version, window
        self._places: dict[str, int] = {}

    def add(self, entry: Entry, arrays: Arrays) -> None:
        places = [self._places[source] for source in entry.sources] or [self._results.frames]
        if entry.kind in _JOINS:
            self._places[entry.name] = self._joined(entry, places)
            return
        if len(places) > 1:
            raise ValueError(f"takes {len(places)} results, expected one")
        place = places[0]
        for step in self._steps(entry, arrays, place):
            place = self._results.put(step, place)
        self._places[entry.name] = place

    def steps(self, output: str) -> list[Step]:
        return self._results.steps(self._places[output])

    def _joined(self, entry: Entry, places: Sequence[int]) -> int:
        if len(places) < 2:
            raise ValueError(f"takes {len(places)} results, expected several")
        if entry.kind == "Concatenate" and entry.settings.get("axis", -1) not in (-1, 2):
            raise ValueError(f"axis {entry.settings['axis']!s:.10}, expected -1: beside one another")
        if entry.kind != "Concatenate" and len({self._results.shape(place) for place in places}) > 1:
            raise ValueError("results of different sizes, expected such as are alike")
        found = places[0]
        for other in places[1:]:
            found = self._results.put(_JOINS[entry.kind](), found, other)
        return found

    def _steps(self, entry: Entry, arrays: Arrays, place: int) -> Sequence[Step]:
        kind, settings, shape = entry.kind, entry.settings, self._results.shape(place)
        if kind == "InputLayer" or kind in _PASSED:
            return []
        layers_of.check("LSTM" if kind == "CuDNNLSTM" else kind, arrays, settings)
        activation = layers_of.word(settings.get("activation"), self._version) if kind in _ACTIVE else []
        if kind in RECURRENT:
            return self._recurrent(entry, arrays)
        if kind in ("Dense", "TimeDistributedDense"):  # the latter of Keras 1
            return [*self._dense(arrays, place), *activation]
        if kind == "Conv1D":
            made = layers_of.conv(arrays, settings, shape.rows if self._window else 0)
            return [*made, *activation]
        if kind == "Flatten":
            return [Context(1, channels=shape.size)] if shape.rows > 1 else []
        if kind == "GlobalAveragePooling1D":
            return [Mean("rows")] if shape.rows > 1 else []
        if kind == "AveragePooling1D":
            return [layers_of.average(settings, shape.channels)]
        if kind == "Activation":
            return activation
        if kind in layers_of.BY_CHANNEL:
            return layers_of.BY_CHANNEL[kind](arrays, settings, shape)
        if kind == "Bidirectional":
            raise ValueError("a stream has no end to read back from")
        if "MaxPooling1D" in kind:
            raise ValueError("a largest value over time is not held by a model, expected an average or strides")
        if kind in ("Functional", "Model"):
            raise ValueError(
                "a model within the model, expected its layers in the outer one, or a Sequential of them"
            )
        raise ValueError(f"not held by a model, expected {_HELD}")

    def _recurrent(self, entry: Entry, arrays: Arrays) -> list[Step]:
        layer = layers_of.recurrent(entry.kind, arrays, entry.settings, self._version)
        if not self._window or not isinstance(layer, LSTM | GRU):
            return [layer]
        last = [] if entry.settings.get("return_sequences") else [Last()]
        return [replace(layer, carry=False), *last]

    def _dense(self, arrays: Arrays, place: int) -> list[Step]:
        layer, shape = layers_of.dense(arrays), self._results.shape(place)
        if shape.rows > 1 and isinstance(layer, Dense):  # of each row
            return [Conv(np.ascontiguousarray(layer.W[:, None]), layer.b)]
        return [layer]
