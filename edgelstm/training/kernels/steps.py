"""The optimizer's steps in C, over all arrays of a model at once."""

from __future__ import annotations

import ctypes
from ctypes import c_uint8

from edgelstm.training.kernels import arrays
from edgelstm.training.kernels.library import AdamSettings, MomentumSettings, library, threads
from edgelstm.training.passes import Parameters


def steps_of(values: Parameters, *others: Parameters) -> Steps | None:
    """Steps that change `values`; None without the library, or where an array of these or of `others`, all with the
    same names and shapes, is not plain float32."""
    loaded = library()
    if loaded is None or not all(arrays.is_plain(value) for some in (values, *others) for value in some.values()):
        return None
    return Steps(loaded, values)


class Steps:
    """What can be done to a model's arrays, in place."""

    def __init__(self, loaded: ctypes.CDLL, values: Parameters) -> None:
        self._loaded, self._names = loaded, list(values)
        self._decays = (c_uint8 * len(values))(*(value.ndim >= 2 for value in values.values()))
        self._values = values
        self._table = (len(values), self._pointers(values), arrays.sizes(values.values()))

    def squares(self) -> float:
        """The sum of all squares. MemoryError."""
        found: float = self._loaded.el_squares(*self._table, threads())
        if found < 0:
            raise MemoryError("no memory for training")
        return found

    def scale(self, factor: float) -> None:
        self._loaded.el_scale(*self._table, factor, threads())

    def adam(self, gradients: Parameters, firsts: Parameters, seconds: Parameters, settings: AdamSettings) -> None:
        """`keep` of the settings is for what has two dimensions or more, here and below."""
        others = [self._pointers(some) for some in (gradients, firsts, seconds)]
        self._loaded.el_adam(*self._table, self._decays, *others, ctypes.byref(settings), threads())

    def descend(self, gradients: Parameters, velocities: Parameters, settings: MomentumSettings) -> None:
        others = [self._pointers(some) for some in (gradients, velocities)]
        self._loaded.el_momentum(*self._table, self._decays, *others, ctypes.byref(settings), threads())

    def average(self, news: Parameters, share: float) -> None:
        """values += share * (news - values)"""
        count, table, sizes = self._table
        self._loaded.el_average(count, table, self._pointers(news), sizes, share, threads())

    def _pointers(self, values: Parameters) -> arrays.Table:
        return arrays.pointers([values[name] for name in self._names])
