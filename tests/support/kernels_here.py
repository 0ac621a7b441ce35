"""The kernel sets that run on this machine."""

from __future__ import annotations

import pytest

from edgelstm.runtime import kernel_name

SETS = ("scalar", "avx2", "avxvnni", "avx512vnni", "neon", "dotprod")


def kernels_here() -> list[str]:
    """Those of `SETS` that the core takes when they are forced."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        for name in SETS:
            patch.setenv("EDGELSTM_KERNEL", name)
            if kernel_name() == name:
                found.append(name)
    return found
