"""Plain values as TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(values: Mapping[str, object]) -> str:
    """A recipe's values as text, a table for each section. Values are those that `records.parse_toml` gives."""
    lines: list[str] = []
    for section, table in values.items():
        if not isinstance(table, Mapping):
            lines.insert(0, f"{_key(section)} = {inline(table)}")
            continue
        lines += ["", f"[{_key(section)}]", *(f"{_key(key)} = {inline(value)}" for key, value in table.items())]
    return "\n".join(lines).lstrip("\n") + "\n"


def inline(value: object) -> str:
    """One value, in one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inline, value))}]"
    # JSON's text, numbers, true and false are TOML's, but for one letter.
    return _json(value)


def _key(name: object) -> str:
    return str(name) if _BARE.fullmatch(str(name)) else _json(str(name))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")
