#!/usr/bin/env python3
"""Zig's C compiler as CMake wants one: for a board's architecture and with gcc's names of instruction sets.

usage: compiler.py ARCHITECTURE cc|ar|ranlib ARGUMENTS…    (EDGELSTM_ZIG names the zig program)
"""

from __future__ import annotations

import os
import re
import sys
from typing import NamedTuple


class Target(NamedTuple):
    triple: str  # Zig's, with the oldest glibc that programs shall run with
    processor: str  # the least that a board has
    platform: str  # of the wheel's tag
    kernels: tuple[str, ...]  # sets that must be compiled in, beside `scalar`


TARGETS = {
    "x86_64": Target("x86_64-linux-gnu.2.17", "baseline", "manylinux_2_17_x86_64", ("avx2", "avxvnni", "avx512vnni")),
    "aarch64": Target("aarch64-linux-gnu.2.17", "generic", "manylinux_2_17_aarch64", ("neon", "dotprod")),
    # What Debian's armhf asks for. Zig's v7a brings NEON along, which only the files with NEON kernels may use.
    "armv7l": Target(
        "arm-linux-gnueabihf.2.17", "generic+v7a-neon-vfp3-vfp3sp-d32+vfp3d16", "manylinux_2_17_armv7l", ("neon",)
    ),
    # A Pi Zero's. PyPI knows no manylinux tag for it; pip on the board takes this one.
    "armv6l": Target("arm-linux-gnueabihf.2.17", "arm1176jzf_s", "linux_armv6l", ()),
}
_FPU = {"neon": "+neon", "neon-vfpv4": "+neon+vfp4"}


def translate(arguments: list[str]) -> list[str]:
    """gcc's -march, -mfpu and -mtune as Zig takes them; anything else stays."""
    processor, units, kept = "", "", []
    for argument in arguments:
        name, _, value = argument.partition("=")
        match = re.fullmatch(r"armv(\d)(?:\.(\d))?-a((?:\+\w+)*)", value)
        if name == "-march" and match:
            processor = f"generic+v{match[1]}{f'_{match[2]}' if match[2] else ''}a{match[3]}"
        elif name == "-mfpu" and value in _FPU:
            units = _FPU[value]
        elif name == "-mtune":
            kept += ["-Xclang", "-tune-cpu", "-Xclang", value]
        else:
            kept.append(argument)
    return [*kept, f"-mcpu={processor}{units}"] if processor else kept


def main() -> None:
    architecture, tool, *arguments = sys.argv[1:]
    zig = os.environ["EDGELSTM_ZIG"]
    if tool == "cc":
        target = TARGETS[architecture]
        # Zig checks for undefined behaviour unless told not to; that would bring a runtime of its own.
        given = ["-target", target.triple, f"-mcpu={target.processor}", "-fno-sanitize=undefined", "-g0"]
        arguments = [*given, *translate(arguments)]
    os.execv(zig, [zig, tool, *arguments])


if __name__ == "__main__":
    main()
