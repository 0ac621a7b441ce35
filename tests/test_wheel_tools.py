"""The cross compiler of `make wheels`. What it builds runs in tests/arm/test_wheels.sh."""

import importlib.util
import re
from pathlib import Path

import pytest

from edgelstm.devices.wheels.wheel import ARCHITECTURES

ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("compiler", ROOT / "tools/wheels/compiler.py")
compiler = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(compiler)


def test_wheels_are_built_for_what_the_board_tools_look_for():
    assert tuple(compiler.TARGETS) == ARCHITECTURES
    for architecture, target in compiler.TARGETS.items():
        assert target.platform.endswith(f"_{architecture}")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("-O3 -c x.c", "-O3 -c x.c"),
        ("-march=armv7-a -mfpu=neon -c x.c", "-c x.c -mcpu=generic+v7a+neon"),
        ("-march=armv8.2-a+dotprod -O3", "-O3 -mcpu=generic+v8_2a+dotprod"),
        ("-mtune=cortex-a72", "-Xclang -tune-cpu -Xclang cortex-a72"),
        ("-mavx2 -mfma", "-mavx2 -mfma"),
        ("-march=native", "-march=native"),  # for Zig to refuse
    ],
)
def test_names_of_instruction_sets_are_translated(given, expected):
    assert compiler.translate(given.split()) == expected.split()


def test_every_flag_of_the_core_is_known():
    """Flags that Zig refuses would cost a wheel its kernels."""
    lines = (ROOT / "runtime/core/CMakeLists.txt").read_text().splitlines()
    chosen = [line for line in lines if line.strip().startswith(("edgelstm_kernels(", "set(tune "))]
    flags = set(re.findall(r"-m[\w.=+-]+", " ".join(chosen)))
    assert {"-mfpu=neon", "-march=armv8.2-a+dotprod", "-mavx2"} <= flags
    left = [flag for flag in flags if compiler.translate([flag]) == [flag]]
    assert all(flag.startswith("-mavx") or flag == "-mfma" for flag in left), left
