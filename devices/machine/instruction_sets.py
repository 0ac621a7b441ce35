"""The instruction sets that matter to an LSTM, from what the kernel tells a process (HWCAP) or /proc/cpuinfo."""

from __future__ import annotations

import struct
from typing import NamedTuple

from edgelstm.devices.machine.sysfs import Tree
from edgelstm.records import Unavailable

_HWCAP, _HWCAP2 = 16, 26  # entry types of the auxiliary vector


class _Set(NamedTuple):
    name: str
    entry: int  # of the auxiliary vector
    bit: int
    word: str  # in /proc/cpuinfo


_ARM64 = (
    _Set("neon", _HWCAP, 1, "asimd"),
    _Set("fp16", _HWCAP, 10, "asimdhp"),
    _Set("dotprod", _HWCAP, 20, "asimddp"),
    _Set("i8mm", _HWCAP2, 13, "i8mm"),
    _Set("bf16", _HWCAP2, 14, "bf16"),
    _Set("sve", _HWCAP, 22, "sve"),
    _Set("sve2", _HWCAP2, 1, "sve2"),
)
_ARM32 = (
    _Set("vfp", _HWCAP, 6, "vfp"),
    _Set("vfpv3", _HWCAP, 13, "vfpv3"),
    _Set("vfpv4", _HWCAP, 16, "vfpv4"),
    _Set("neon", _HWCAP, 12, "neon"),
    _Set("fp16", _HWCAP, 23, "asimdhp"),
    _Set("dotprod", _HWCAP, 24, "asimddp"),
)
_X86 = ("sse4_1", "avx", "fma", "avx2", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni", "amx_int8")


def instruction_sets(tree: Tree, architecture: str, words: set[str]) -> tuple[str, ...] | Unavailable:
    """Names of the sets this process may use; `words` are the features in /proc/cpuinfo.

    On ARM the auxiliary vector comes first: it is the process's own, where an emulator shows its host's cpuinfo.
    """
    if architecture in ("x86_64", "i686"):
        if not words:
            return Unavailable("/proc/cpuinfo has no flags")
        return tuple(name for name in _X86 if name in words)
    if architecture != "aarch64" and not architecture.startswith("arm"):
        return Unavailable(f"no list of instruction sets for {architecture}")
    sets = _ARM64 if architecture == "aarch64" else _ARM32
    vector = _auxiliary_vector(tree, "<QQ" if architecture == "aarch64" else "<II")
    if _HWCAP in vector:
        return tuple(one.name for one in sets if vector.get(one.entry, 0) >> one.bit & 1)
    if words:
        return tuple(one.name for one in sets if one.word in words)
    return Unavailable("neither HWCAP in /proc/self/auxv nor Features in /proc/cpuinfo")


def _auxiliary_vector(tree: Tree, layout: str) -> dict[int, int]:
    data = tree.data("/proc/self/auxv")
    if isinstance(data, Unavailable):
        return {}
    whole = len(data) - len(data) % struct.calcsize(layout)
    return dict(struct.iter_unpack(layout, data[:whole]))
