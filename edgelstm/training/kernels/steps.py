"""The optimizer's steps in C, over all arrays of a model at once."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import c_uint8

from edgelstm.training.kernels import arrays
from edgelstm.training.kernels.library import AdamSettings, MomentumSettings, library, threads
from edgelstm.training.passes import Parameters


def steps_of(values: Parameters, *others: Parameters) -> Steps | None:
    """Steps that change `values` and `others`, all with the same names and shapes; None without the library, or where
    one of these arrays is not plain float32."""
    loaded = library()
    if loaded is None or not all(map(_are_plain, (values, *others))):
        return None
    return Steps(loaded, values, others)


def _are_plain(values: Parameters) -> bool:
    return all(arrays.is_plain(value) for value in values.values())


class Steps:
    """What can be done to a model's arrays, in place: those that it was made for."""

    def __init__(self, loaded: ctypes.CDLL, values: Parameters, others: Sequence[Parameters]) -> None:
        self._loaded, self._names = loaded, list(values)
        self._decays = (c_uint8 * len(values))(*(value.ndim >= 2 for value in values.values()))
        self._held = [list(some.values()) for some in (values, *others)]
        self._others = [self._pointers(some) for some in others]
        self._table = (len(values), self._pointers(values), arrays.sizes(values.values()))

    def take(self, news: Parameters) -> bool:
        """Whether steps can be by these: they are plain float32, and C is still wanted."""
        return library() is not None and _are_plain(news)

    def squares(self) -> float:
        """The sum of all squares. MemoryError."""
        found: float = self._loaded.el_squares(*self._table, threads())
        if found < 0:
            raise MemoryError("no memory for training")
        return found

    def scale(self, factor: float) -> None:
        self._loaded.el_scale(*self._table, factor, threads())

    def adam(self, gradients: Parameters, settings: AdamSettings) -> None:
        """The others are the first and the second moments. `keep` of the settings is for what has two dimensions or
        more, here and below."""
        others = (self._pointers(gradients), *self._others)
        self._loaded.el_adam(*self._table, self._decays, *others, ctypes.byref(settings), threads())

    def descend(self, gradients: Parameters, settings: MomentumSettings) -> None:
        """The others are the velocities."""
        others = (self._pointers(gradients), *self._others)
        self._loaded.el_momentum(*self._table, self._decays, *others, ctypes.byref(settings), threads())

    def average(self, news: Parameters, share: float) -> None:
        """values += share * (news - values)"""
        count, table, sizes = self._table
        self._loaded.el_average(count, table, self._pointers(news), sizes, share, threads())

    def _pointers(self, values: Parameters) -> arrays.Table:
        return arrays.pointers([values[name] for name in self._names])
