"""Many numbers in plain digits are read as `float` reads each of them, or are left to it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from edgelstm.data.plain_numbers import plain_numbers


def written(choose: random.Random) -> str:
    digits = "".join(choose.choices("0123456789", k=choose.randint(1, 15)))
    place = choose.randint(0, len(digits))
    point = choose.choice([digits, digits[:place] + "." + digits[place:]])
    return choose.choice(["", "-"]) + point


@pytest.mark.parametrize("sign", [",", "\n"])
def test_numbers_are_what_float_makes_of_each(sign: str) -> None:
    choose = random.Random(0)
    for _ in range(50):
        cells = [written(choose) for _ in range(choose.randint(65, 300))]
        found = plain_numbers(sign.join(cells), sign)
        assert found is not None
        assert found.tobytes() == np.array([float(cell) for cell in cells]).tobytes()  # -0 too


@pytest.mark.parametrize(
    "odd", ["", "-", ".", "1e5", "1.2.3", "--1", "1-", "+1", " 1", "x", "0" * 16, "1\u0661", "?"]
)
@pytest.mark.parametrize("place", [0, 50, 99])
def test_others_are_left_to_those_who_look_at_each(odd: str, place: int) -> None:
    cells = ["-1.5"] * 100
    cells[place] = odd
    assert plain_numbers(",".join(cells), ",") is None
    assert plain_numbers("1,2", ",") is None
