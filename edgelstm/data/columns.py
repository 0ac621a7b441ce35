"""Which column of a table is what: time, label, group, series; the rest are features."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edgelstm.stamps import is_time

_NAMES = {
    "time": (),  # by the rules of edgelstm.stamps
    "label": ("label", "class", "target", "activity", "y", "annotation", "is_anomaly", "anomaly"),
    "group": ("group", "subject", "speaker", "person", "patient", "user", "site"),
    "series": ("series", "recording", "sequence", "session", "case", "id", "unit"),
}
ROLES = tuple(_NAMES)
_UNIT = re.compile(r"[\[(]\s*([^\[\]()]{1,20}?)\s*[\])]\s*$")


@dataclass(frozen=True)
class Roles:
    """Names of columns by what they are for; "" where there is none. `features` empty: all other numbers."""

    time: str = ""
    label: str = ""
    group: str = ""
    series: str = ""
    features: tuple[str, ...] = ()
    clock: str = ""  # times of the day, where `time` holds days alone

    @property
    def others(self) -> tuple[str, ...]:
        """The columns that are no features."""
        return tuple(name for name in (self.time, self.clock, self.label, self.group, self.series) if name)


def find_roles(
    header: Sequence[str],
    wanted: Roles,
    use: Sequence[str] = ROLES,
    may_lack: Sequence[str] = (),
    measured: Sequence[str] = (),
) -> Roles:
    """What `wanted` names, and for roles that it leaves open the first column with a usual name for it.

    use: the roles that may be found by a usual name. may_lack: roles that are left open too where what `wanted` names
    is not there; for others that is a ValueError. measured: columns that have no role by their names.
    """
    found: dict[str, str] = {}
    for role in _NAMES:
        name = getattr(wanted, role)
        if role in may_lack and name not in header:
            name = ""
        if name and name not in header:
            raise ValueError(f"no column {name!r} for {role}; found {', '.join(map(repr, header[:12]))}")
        if not name and role in use:
            taken = {*found.values(), *wanted.features, *_axes(header)}
            taken |= {n for n in header if n in measured or _plain(n) in measured}
            name = next((n for n in header if _is_usual(role, n) and n not in taken), "")
        found[role] = name
    for name in wanted.features:
        if name not in header:
            raise ValueError(f"no column {name!r} for features; found {', '.join(map(repr, header[:12]))}")
    return Roles(**found, features=wanted.features)


def is_of_anomalies(label: str) -> bool:
    """Whether a column of labels of this name says what is anomalous."""
    return _plain(label) in ("is_anomaly", "anomaly")


def unit_of(name: str) -> str:
    """The unit in a column's name, such as bar in `pressure [bar]`; "" where it has none."""
    match = _UNIT.search(name)
    return match[1] if match else ""


def _is_usual(role: str, name: str) -> bool:
    return is_time(name) if role == "time" else _plain(name) in _NAMES[role]


def _axes(header: Sequence[str]) -> list[str]:
    """Columns named x, y, z of which there are several: y is an axis then, and no label."""
    found = [name for name in header if _plain(name) in ("x", "y", "z")]
    return found if len(found) > 1 else []


def _plain(name: str) -> str:
    return _UNIT.sub("", name).strip().lower()
