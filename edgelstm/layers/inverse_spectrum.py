"""Inverse spectrum: samples from real and imaginary parts, as `spectrum` gives them without a taper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgelstm.layers.layer import Floats, Shape, Stateless
from edgelstm.layers.spectrum import check_size, transform_macs


@dataclass(frozen=True, eq=False)
class InverseSpectrum(Stateless):
    """Rows of size + 2 channels → rows of `size` samples. Imaginary parts of the first and the last frequency, which
    no real samples have, count for nothing."""

    kind = "inverse_spectrum"

    def result(self, source: Shape) -> Shape:
        check_size("InverseSpectrum", source.channels - 2)
        return Shape(source.rows, source.channels - 2)

    def macs(self, source: Shape) -> int:
        return source.rows * transform_macs(source.channels - 2)

    def computed(self, x: Floats, source: Shape) -> Floats:
        half = source.channels // 2
        found = np.fft.irfft(x[..., :half] + 1j * x[..., half:], source.channels - 2)
        return found.astype(x.dtype)
