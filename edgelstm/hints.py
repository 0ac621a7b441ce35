"""Hints for errors about unknown names. The standard library only."""

from __future__ import annotations

from collections.abc import Iterable

_MOST_NAMED = 30  # names in a hint


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The name that was most likely meant by one that is unknown; None where none is near."""
    import difflib

    found = difflib.get_close_matches(name[:80], list(known), 1)
    return found[0] if found else None


def near(name: str, known: Iterable[str]) -> str:
    """For an error about an unknown name: `, perhaps 'x'`, or which ones there are."""
    listed = list(known)
    found = nearest(name, listed)
    if found:
        return f", perhaps {found!r}"
    return f", expected one of {', '.join(listed)}" if 0 < len(listed) <= _MOST_NAMED else ""
