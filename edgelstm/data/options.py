"""How recordings are to be read, whatever format they have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgelstm.data.columns import Roles
from edgelstm.data.times import Missing

MAX_RATE = 1e9
"""Frames per second."""

LabelFrom = Literal["auto", "column", "folder", "name"]
"""Where a recording's label stands. auto: the first of these that tells recordings apart."""


@dataclass(frozen=True)
class ReadOptions:
    """Names of columns, and what to do where something lacks."""

    roles: Roles = field(default_factory=Roles)
    label_from: LabelFrom = "auto"
    missing: Missing = "refuse"
    rate: float = 0.0  # frames per second of data that do not say theirs; 0 = not known
    names: str = ""  # what names of files say, see `edgelstm.data.file_names`; "" = the label, as `label_from` has it
    looks: bool = False  # at the data alone: what lacks is counted, and held for the time being
    measured: tuple[str, ...] = ()  # columns that are no labels, whatever they are called
    may_lack: tuple[str, ...] = ()  # roles whose columns need not be there though they are named


DEFAULTS = ReadOptions()
