"""ELF headers as readelf sees them, and hostile ones."""

import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.devices.wheels.elf import ArmAttributes, _arm_attributes, read_library

OURS = Path(str(files("edgelstm.runtime") / "libedgelstm.so"))
LIBRARIES = [
    OURS,
    Path("/lib/x86_64-linux-gnu/libm.so.6"),
    Path("/usr/aarch64-linux-gnu/lib/libm.so.6"),
    Path("/usr/arm-linux-gnueabihf/lib/libm.so.6"),
    Path("/usr/arm-linux-gnueabi/lib/libc.so.6"),
]
MACHINES = {"ARM": "arm", "AArch64": "aarch64", "Advanced Micro Devices X86-64": "x86_64"}


def readelf(path, *options):
    if shutil.which("readelf") is None:
        pytest.skip("readelf is missing (Debian: binutils)")
    return subprocess.run(["readelf", "-W", *options, path], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("path", LIBRARIES, ids=lambda path: "-".join(path.parts[-3:]))
def test_a_library_is_read_as_readelf_reads_it(path):
    if not path.exists():
        pytest.skip(f"{path} is missing (Debian: the libc6-dev cross packages)")
    found = read_library(path.read_bytes())
    header = readelf(path, "-h")
    assert found.machine == MACHINES[re.search(r"Machine: +(.*)", header)[1]]
    assert found.bits == int(re.search(r"Class: +ELF(\d+)", header)[1])
    assert found.hard_float == ("hard-float ABI" in header)
    assert list(found.needed) == re.findall(r"\(NEEDED\) .*\[(.*)\]", readelf(path, "-d"))
    assert set(found.versions) == set(
        re.findall(r"Name: (\S+) +Flags: .*Version: \d", readelf(path, "-V").split("needs")[-1])
    )
    symbols = re.findall(r"(?:GLOBAL|WEAK) +\w+ +(\w+) +([^@\s]+)", readelf(path, "--dyn-syms"))
    assert set(found.exports) == {name for place, name in symbols if place != "UND"}
    assert set(found.imports) == {name for place, name in symbols if place == "UND"}


@pytest.mark.parametrize(
    ("options", "hard_float", "expected"),
    [
        ("-march=armv6 -mfpu=vfp -mfloat-abi=hard -marm", True, ArmAttributes(6, 2, 0, 1)),
        ("-march=armv6 -mfpu=vfp -mfloat-abi=softfp -marm", False, ArmAttributes(6, 2, 0, 0)),
        ("-march=armv6k -mfpu=vfpv3 -mfloat-abi=hard -marm", True, ArmAttributes(9, 3, 0, 1)),
        ("-march=armv7-a -mfpu=vfpv3-d16 -mfloat-abi=hard", True, ArmAttributes(10, 4, 0, 1)),
        ("-march=armv7-a -mfpu=neon -mfloat-abi=hard", True, ArmAttributes(10, 3, 1, 1)),
        ("-march=armv7-a -mfpu=neon-vfpv4 -mfloat-abi=hard", True, ArmAttributes(10, 5, 2, 1)),
    ],
)
def test_arm_attributes_are_those_of_the_options(tmp_path, options, hard_float, expected):
    """Numbers of Arm's addenda32: 6 v6, 9 v6K, 10 v7; 2 VFPv2, 3 VFPv3, 4 VFPv3-D16, 5 VFPv4; 1 NEON, 2 with FMA."""
    found = read_library(arm_library(tmp_path, options).read_bytes())
    assert (found.machine, found.bits, found.hard_float, found.arm) == ("arm", 32, hard_float, expected)


def arm_library(folder, options):
    """A library with floats in it, without the C library."""
    compiler = "arm-linux-gnueabihf-gcc"
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is missing (Debian: gcc-arm-linux-gnueabihf)")
    source = folder / "x.c"
    source.write_text("float el_version(float x) { return x * 2; }\n")
    command = [compiler, *options.split(), "-O1", "-shared", "-fPIC", "-nostdlib", "-o", folder / "x.so", source]
    subprocess.run(command, check=True)
    return folder / "x.so"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no ELF file"),
        (b"PK\x03\x04" * 20, "no ELF file"),
        (b"\x7fELF\x02\x02" + b"\0" * 100, "little-endian"),
        (b"\x7fELF\x02\x01" + b"\0" * 100, "no shared library"),
        (b"\x7fELF\x02\x01" + b"\0" * 4, "ends too early"),
        (OURS.read_bytes()[:40] + b"\xff" * 8 + OURS.read_bytes()[48:], "beyond the file"),
    ],
)
def test_what_is_no_library_is_refused(content, expected):
    with pytest.raises(ValueError, match=expected):
        read_library(content)


def survives(data):
    problem = ""
    try:
        read_library(bytes(data))
    except ValueError as error:
        problem = str(error)
    assert "\n" not in problem


def test_a_library_cut_anywhere_is_refused_or_read():
    data = OURS.read_bytes()
    for end in [*range(0, 1000, 7), *range(1000, len(data), 997)]:
        survives(data[:end])


@given(st.data())
def test_a_changed_library_is_refused_or_read(data):
    """Bytes where the structure is: the header, the table of sections, the sections that are read."""
    content = bytearray(OURS.read_bytes())
    table = int.from_bytes(content[40:48], "little")
    places = st.integers(0, 63) | st.integers(table, len(content) - 1) | st.integers(0, 0x2000)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(places)] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
    survives(content)


@given(st.binary(max_size=60))
def test_any_attributes_are_survived(data):
    length = (4 + 6 + 5 + len(data)).to_bytes(4, "little")
    size = (5 + len(data)).to_bytes(4, "little")
    found = _arm_attributes(b"A" + length + b"aeabi\0" + b"\x01" + size + data)
    assert isinstance(found, ArmAttributes)
    assert isinstance(_arm_attributes(b"A" + data), ArmAttributes)
