"""Frames in lines of JSON."""

from __future__ import annotations

import json
import math

import numpy as np

from edgelstm.plain import counted
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.sources.columns import Columns, UnreadableError, clip, first_bad, plain
from edgelstm.runtime.sources.timing import time_column


class Ndjson:
    """Parses one line after another; each may be an array or an object."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self.time_column: str | None = None
        self.time: object = None

    def __call__(self, line: str, /) -> Float32:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            raise UnreadableError(f"{clip(line)} is not JSON, expected an array or an object of numbers") from None
        columns = self._columns
        if isinstance(value, list):
            if len(value) != columns.features:
                raise UnreadableError(f"{counted(len(value), 'number')}, expected {columns.features}")
            found = value
        elif isinstance(value, dict):
            if not columns.names:
                raise UnreadableError(
                    f"an object, but the model has no feature names; expected an array of {columns.features} numbers"
                )
            columns.refuse_missing(value.keys())
            found = [value[name] for name in columns.names]
            if self.time_column is None and len(value) > len(found):
                self.time_column = time_column([name for name in value if name not in columns.names])
            self.time = value.get(self.time_column) if self.time_column is not None else None
        else:
            raise UnreadableError(f"{clip(line)}, expected an array or an object of numbers")

        values = [cell if type(cell) in (float, int) else None for cell in found]  # bool is an int to Python
        if (bad := first_bad(values)) is not None:
            name = plain(columns.names[bad]) if isinstance(value, dict) else columns.label(bad)
            raise UnreadableError(_value_problem(found[bad]), name, values)
        return np.array(values, np.float32)


def _value_problem(value: object) -> str:
    """Why a JSON value is no finite float32."""
    shown = clip(value if isinstance(value, str) else json.dumps(value), quoted=isinstance(value, str))
    if type(value) not in (float, int):
        return f"{shown} is not a number"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{shown} is not a finite number"
    return f"{shown} is too large for float32 (at most 3.4e38)"
