"""What names of files say: labels and groups, by a pattern that somebody states; and such patterns, proposed.

A pattern is a name with `{label}` and `{group}` where these stand, and `{}` for what is of no interest:
`{label}.{group}.{}` finds walk and anna in `walk.anna.0.csv`. With `/` it is of the folders, too, as in
`{group}/{label}_{}`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath

from edgelstm.data.packed import stem_of, suffix_of
from edgelstm.data.recordings import BadFilesError, Problem
from edgelstm.plain import printable

MOST_LETTERS = 200
"""Of a pattern."""

_SUFFIXES = (".csv", ".tsv", ".wav")
_FIELD = re.compile(r"\{(\w*)\}")
_ROLES = ("label", "group")
_SIGNS = re.compile(r"[._\- ]+")
_PERSON = re.compile(r"(?:p|s|id|subj?|subject|person|user|patient|participant)\d+", re.I | re.ASCII)


@lru_cache(16)
def _compiled(pattern: str) -> re.Pattern[str]:
    """ValueError for what is no pattern."""
    fields = _FIELD.findall(pattern)
    strange = next((name for name in fields if name and name not in _ROLES), None)
    if strange is not None:
        raise ValueError(f"names: {{{strange[:40]}}} in {pattern[:60]!r}, expected {{label}}, {{group}} or {{}}")
    named = [name for name in fields if name]
    if not named or len(named) > len(set(named)):
        raise ValueError(f"names: {pattern[:60]!r}, expected {{label}} or {{group}} in it, each once at most")
    if "}{" in pattern:
        raise ValueError(f"names: {pattern[:60]!r}, expected a sign between {{}} and {{}} that tells them apart")
    parts = _FIELD.split(pattern)  # text, field, text, …
    texts = [re.escape(text) for text in parts[::2]]
    found = [f"(?P<{name}>[^/]+?)" if name else "[^/]+?" for name in fields]
    return re.compile(texts[0] + "".join(a + b for a, b in zip(found, texts[1:])))


def check_pattern(pattern: str) -> None:
    """ValueError that begins with "names" for what is no pattern; "" is none, and right."""
    if pattern:
        _compiled(pattern)


def told_by(pattern: str) -> tuple[str, ...]:
    """What it says: "label", "group"."""
    return tuple(role for role in _ROLES if f"{{{role}}}" in pattern)


def said_by_names(paths: Sequence[PurePath], pattern: str) -> dict[str, dict[str, str]]:
    """By file, for `paths` from the data's folder: what its name says of "label" and "group". BadFilesError lists the
    files that the pattern does not fit."""
    known = _compiled(pattern)
    found, problems = {}, []
    for path in paths:
        stem = stem_of(path)
        match = known.fullmatch(path.with_name(stem).as_posix() if "/" in pattern else stem)
        if match is None:
            problems.append(Problem(path.as_posix(), None, f"its name is not as names = {pattern!r} says"))
        else:
            found[path.as_posix()] = match.groupdict()
    if problems:
        raise BadFilesError(problems)
    return found


@dataclass(frozen=True)
class Hint:
    """A part of file names that recurs, and the pattern that would take it."""

    pattern: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(repr(printable(value, 20)) for value in self.values[:3])
        return f"--names {self.pattern!r} takes {shown}{', …' if len(self.values) > 3 else ''}"


def group_hints(names: Sequence[str], labels: Sequence[str], by_name: bool) -> list[Hint]:
    """What of the names of files may say who or where, as it recurs over labels: two at most, the likelier first.

    labels: of each file. by_name: these stand before the first dot of its name."""
    cut = _cut(names)
    if cut is None or len(set(labels)) < 2:
        return []
    parts, signs = cut
    own = next((n for n in range(len(signs) + 1) if [part[n] for part in parts] == list(labels)), None)
    first = len(_SIGNS.split(names[0].split(".", 1)[0])) if by_name and own is None else 0  # where it has several
    if first and any(len(_SIGNS.split(name.split(".", 1)[0])) != first for name in names):
        return []
    known = {} if own is None else {own: "{label}"}
    values = [sorted({part[n] for part in parts}) for n in range(len(signs) + 1)]
    places: list[int] = []
    for n in range(first, len(signs) + 1):
        is_count = all(map(str.isdecimal, values[n])) and bool(places)  # of the recordings of what stands before
        if not is_count and _recurs([part[n] for part in parts], labels):
            places.append(n)
    places.sort(key=lambda n: (not _all(_PERSON, values[n]), not all(map(str.isalpha, values[n])), n))
    head = "{label}" + signs[first - 1] if first else ""
    return [Hint(head + _pattern({**known, n: "{group}"}, signs, first), tuple(values[n])) for n in places[:2]]


def label_hints(names: Sequence[str]) -> list[Hint]:
    """Patterns that would take labels from a part of the names of files that are words and recur, for files of which
    nothing else says the label."""
    cut = _cut(names)
    if cut is None:
        return []
    parts, signs = cut
    hints = []
    for n in range(len(signs) + 1):
        values = [part[n] for part in parts]
        if 1 < len(set(values)) <= len(values) // 2 and all(map(str.isalpha, values)):
            hints.append(Hint(_pattern({n: "{label}"}, signs, 0), tuple(sorted(set(values)))))
    return hints


def _cut(names: Sequence[str]) -> tuple[list[list[str]], list[str]] | None:
    """(the parts of each name without its suffix, the signs between them), where these are the same in all; None
    where they are not, and of fewer than four files."""
    files = [PurePath(PurePath(name).name) for name in names]
    if any(suffix_of(file) not in _SUFFIXES for file in files):  # names of series
        return None
    stems = list(map(stem_of, files))
    signs = [_SIGNS.findall(stem) for stem in stems]
    if len(stems) < 4 or not signs[0] or any(one != signs[0] for one in signs):
        return None
    parts = [_SIGNS.split(stem) for stem in stems]
    return (parts, signs[0]) if all(all(part) for part in parts) else None


def _recurs(values: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether values come again under several labels, and are no mere numbers of the recordings of each."""
    found = set(values)
    if not 1 < len(found) <= len(values) // 2 or found == set(labels):
        return False
    both = set(zip(values, labels))
    several = sum(len({label for value, label in both if value == one}) > 1 for one in found)
    if 2 * several < len(found):
        return False
    return len(both) < len(values) or all(map(str.isalpha, found)) or _all(_PERSON, found)


def _all(pattern: re.Pattern[str], values: Sequence[str] | set[str]) -> bool:
    return all(map(pattern.fullmatch, values))


def _pattern(fields: dict[int, str], signs: Sequence[str], first: int) -> str:
    """From part `first` on; what follows the last field is one."""
    last = max(fields)
    found = [fields.get(n, "{}") for n in range(first, last + 1)]
    text = "".join(part + sign for part, sign in zip(found, signs[first:last]))
    return text + found[-1] + (signs[last] + "{}" if last < len(signs) else "")
