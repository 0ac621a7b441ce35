"""Many numbers in plain digits at once: what large tables mostly hold, and several times faster than one by one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST = 15  # digits, which float64 holds exactly: a quotient by a power of ten then is rounded once, as `float` does
_LEAST = 64  # numbers, below which one by one is as fast
_POWERS = 10.0 ** np.arange(_MOST + 1)

Places = NDArray[np.int64]


def plain_numbers(text: str, sign: str) -> NDArray[np.float64] | None:
    """The numbers between the `sign`s of a text, each what `float` makes of it.

    None where one is written otherwise than with a minus or none, up to 15 digits and a point or none: exponents,
    blanks, words. None too where there are few.
    """
    if text.count(sign) < _LEAST or not text.isascii():
        return None
    data = text.encode()
    if data.translate(None, b"0123456789.-" + sign.encode()):
        return None
    starts, ends = _between(data, sign)
    decimals = _after_points(_places(data, "."), starts, ends)
    values = _whole(data.translate(None, b".-"), sign)
    if decimals is None or values is None:
        return None
    negative = np.frombuffer(data, np.uint8)[starts] == ord("-")
    if data.count(b"-") != np.count_nonzero(negative):
        return None
    values /= _POWERS[decimals]
    return np.negative(values, out=values, where=negative)


def _places(data: bytes, sign: str) -> Places:
    return np.flatnonzero(np.frombuffer(data, np.uint8) == ord(sign))


def _between(data: bytes, sign: str) -> tuple[Places, Places]:
    """Where what is between signs begins, and ends."""
    signs = _places(data, sign)
    return np.append(0, signs + 1), np.append(signs, len(data))


def _after_points(points: Places, starts: Places, ends: Places) -> Places | None:
    """(numbers,): how many places stand after the point of each, 0 without one; None where one has two."""
    if len(points) == len(ends) and bool(((starts <= points) & (points < ends)).all()):
        return ends - 1 - points
    of = np.searchsorted(ends, points)
    if bool((of[1:] == of[:-1]).any()):
        return None
    found = np.zeros(len(ends), np.int64)
    found[of] = ends[of] - 1 - points[: len(of)]
    return found


def _whole(data: bytes, sign: str) -> NDArray[np.float64] | None:
    """Whole numbers of digits alone; None where one has none, or too many."""
    starts, ends = _between(data, sign)
    counts = ends - starts
    least, most = int(counts.min()), int(counts.max())
    if least < 1 or most > _MOST:
        return None
    digits = np.frombuffer(bytes(_MOST) + data, np.uint8)
    last = ends + (_MOST - 1)
    values = np.zeros(len(counts))
    for place in range(most):
        found = digits[last - place] - np.uint8(ord("0"))
        values += (found if place < least else found * (place < counts)) * _POWERS[place]
    return values
