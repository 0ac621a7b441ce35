"""What a Python runs as, which decides what it can load."""

from __future__ import annotations

_OTHER_NAMES = {"arm64": "aarch64", "AMD64": "x86_64"}
_AS_32_BITS = {"aarch64": "armv7l", "armv8l": "armv7l", "x86_64": "i686"}


def architecture(machine: str, bits: int) -> str:
    """As wheels name it, from `uname -m` and the bits of a pointer: a 64-bit kernel may run a 32-bit system."""
    name = _OTHER_NAMES.get(machine, machine)
    return _AS_32_BITS.get(name, name) if bits == 32 else name
