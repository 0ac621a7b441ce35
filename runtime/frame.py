"""A frame: what any caller hands in, as the float32 numbers that an engine reads, or an error that names them."""

from __future__ import annotations

from typing import TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float32 = NDArray[np.float32]
Samples = NDArray[np.float32] | NDArray[np.int16]
FLOAT32 = np.dtype(np.float32)


def check_frames(frames: ArrayLike, features: int, names: tuple[str, ...] = ()) -> Float32:
    """`frames` as C-contiguous float32 (T, features), or a ValueError that names what is wrong and where.

    One frame (features,) is taken as (1, features). No copy where none is needed.
    """
    given = np.asarray(frames)
    if given.dtype.kind not in "fiu":
        raise ValueError(f"frames: dtype {given.dtype}, expected real numbers")
    if given.ndim == 1:
        given = given[None]
    if given.ndim != 2 or given.shape[1] != features:
        raise ValueError(f"frames: shape {np.shape(frames)}, expected (frames, {features})")
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(given, np.float32)
    if not array.flags.aligned:  # C may refuse to read it
        array = array.copy()
    finite = np.isfinite(array)
    if not finite.all():
        frame, feature = np.argwhere(~finite)[0]
        raise not_finite(f"frame {frame}", int(feature), given[frame, feature], names)
    return array


def are_frames(frames: ArrayLike, features: int) -> TypeGuard[Float32]:
    """Whether C may read `frames` as they lie, as `check_frames` gives them; but it must look for what is not finite.

    Far less time than `check_frames` takes.
    """
    if not isinstance(frames, np.ndarray) or frames.dtype is not FLOAT32 or frames.ndim != 2:
        return False
    flags = frames.flags
    return frames.shape[1] == features and flags.c_contiguous and flags.aligned


def check_samples(samples: ArrayLike) -> Samples:
    """`samples` as C-contiguous int16 (n,) where they are that, else float32; or a ValueError that names what is
    wrong and where. No copy where none is needed."""
    given = np.asarray(samples)
    if given.dtype.kind not in "fiu" or given.itemsize < 2:  # 8 bits are of another scale
        raise ValueError(f"samples: dtype {given.dtype}, expected int16 or float32, on the scale of 16 bits")
    if given.ndim != 1:
        raise ValueError(f"samples: shape {given.shape}, expected (samples,)")
    dtype = np.int16 if given.dtype == np.int16 else np.float32
    with np.errstate(over="ignore"):
        array: Samples = np.require(given, dtype, ["C_CONTIGUOUS", "ALIGNED"])
    finite = np.isfinite(array)
    if not finite.all():
        (place,) = np.argwhere(~finite)[0]
        raise ValueError(f"sample {place}: {given[place]}, expected a finite float32 number")
    return array


def one_frame(checked: Float32) -> Float32:
    """The one frame (features,) of `checked`, as `check_frames` gives it. ValueError for more or none."""
    if len(checked) != 1:
        raise ValueError(f"step: {len(checked)} frames, expected one")
    frame: Float32 = checked[0]
    return frame


def not_finite(place: str, feature: int, value: object, names: tuple[str, ...]) -> ValueError:
    """The error for a number that float32 does not hold. `place` says which frame it stands in."""
    name = f" ({names[feature]})" if names else ""
    return ValueError(f"{place}, feature {feature}{name}: {value}, expected a finite float32 number")
