"""Wheels for boards: which one suits a machine, and whether a wheel is what its name says."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path, PurePosixPath

from edgelstm.devices.wheels.elf import Library, read_library

ARCHITECTURES = ("x86_64", "aarch64", "armv7l", "armv6l")
"""What `make wheels` builds for, by the names of `Board.architecture`."""

GLIBC = (2, 17)
"""The oldest C library that a wheel may ask for: that of 2012."""

CORE = "edgelstm/runtime/libedgelstm.so"
STEP = "edgelstm/runtime/_step.abi3.so"
TRAINING = "edgelstm/training/kernels/libedgelstm_training.so"

_MOST_BYTES = 64 << 20
_MOST_FILES = 2000
_LIBRARIES = {
    *("libc.so.6", "libm.so.6", "libpthread.so.0"),
    *("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "ld-linux-armhf.so.3"),
}
"""Of glibc; the one of threads is apart in those of before 2.34."""
_NAME = re.compile(r"edgelstm-(?P<version>[A-Za-z0-9.+!_]+)-py3-none-(?P<platforms>[a-z0-9_.]+)\.whl")


@dataclass(frozen=True)
class Wheel:
    """A wheel that was looked into."""

    path: Path
    version: str
    platforms: tuple[str, ...]  # such as manylinux_2_17_aarch64
    architecture: str
    glibc: tuple[int, int]  # the oldest that has every symbol it needs
    libraries: dict[str, Library]  # by their names in the wheel


def find_wheel(architecture: str, libc: str, folders: Iterable[str | Path], version: str | None = None) -> Path:
    """The wheel for a board among those in `folders`, looked into before it is named.

    architecture: what the board's Python runs as, `Board.architecture`.
    libc: the board's C library as `os.confstr("CS_GNU_LIBC_VERSION")` says there, such as `glibc 2.31`.
    version: of edgelstm; the installed one unless given.

    FileNotFoundError: none is there, with what to do. ValueError: the machine or its C library has no wheels, the
    wheel needs a newer C library, or it is not what its name says.
    """
    _known(architecture)
    has = re.fullmatch(r"glibc (\d{1,3})\.(\d{1,3})(\.\d+)?", libc.strip())
    if not has:
        raise ValueError(f"the board's C library is {libc[:40]!r}, expected glibc {_dotted(GLIBC)} or newer")
    wanted = version or installed_version("edgelstm")
    searched = [Path(folder) for folder in folders]
    found = [
        path for folder in searched for path in sorted(folder.glob("edgelstm-*.whl")) if _suits(path, architecture)
    ]
    named = [path for path in found if _parse(path)[0] == wanted]
    if not named:
        others = f", only {', '.join(sorted({_parse(path)[0] for path in found}))}" if found else ""
        places = ", ".join(map(str, searched)) or "no folder"
        raise FileNotFoundError(
            f"no wheel of edgelstm {wanted} for {architecture} in {places}{others}: "
            "`make wheels` builds them in dist, --wheel names one from elsewhere"
        )
    # A manylinux wheel before one that was built for the building machine alone.
    best = min(named, key=lambda path: ("manylinux" not in path.name, path.name))
    wheel = check_wheel(best, architecture)
    if wheel.glibc > (int(has[1]), int(has[2])):
        raise ValueError(f"{best}: needs glibc {_dotted(wheel.glibc)}, the board has {has[1]}.{has[2]}")
    return best


def check_wheel(path: str | Path, architecture: str) -> Wheel:
    """Look into a wheel: its files, its tags, and what its libraries ask of a machine of that architecture.

    ValueError, one line, names the wheel, the file in it, what was found and what would be right. Whether the
    symbols are old enough for `manylinux_2_17` is checked where the name claims it.
    """
    path = Path(path)
    _known(architecture)
    found_version, platforms = _parse(path)
    if not _suits(path, architecture):
        raise ValueError(f"{path}: a wheel for {', '.join(platforms)}, expected one for {architecture}")
    contents = _contents(path)
    try:
        _check_tags(contents, platforms)
        libraries = {}
        for name, data in contents.items():
            if name.endswith(".so"):
                try:
                    libraries[name] = read_library(data)
                    _check_library(name, libraries[name], architecture)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        if CORE not in libraries:
            raise ValueError(f"has no {CORE}")
        glibc = max((_glibc(text) for one in libraries.values() for text in one.versions), default=(0, 0))
        for platform in platforms:
            claimed = re.match(r"manylinux_(\d+)_(\d+)_", platform)
            if claimed and glibc > (int(claimed[1]), int(claimed[2])):
                raise ValueError(f"needs glibc {_dotted(glibc)}, its name says {platform}")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Wheel(path, found_version, platforms, architecture, glibc, libraries)


def _known(architecture: str) -> None:
    if architecture not in ARCHITECTURES:
        raise ValueError(f"no wheels for {architecture[:40]!r}, expected one of {', '.join(ARCHITECTURES)}")


def _parse(path: Path) -> tuple[str, tuple[str, ...]]:
    """(version, platforms) by the name."""
    match = _NAME.fullmatch(path.name)
    if not match:
        raise ValueError(f"{path}: expected a name like edgelstm-0.1.0-py3-none-manylinux_2_17_aarch64.whl")
    return match["version"], tuple(match["platforms"].split("."))


def _suits(path: Path, architecture: str) -> bool:
    return bool(_NAME.fullmatch(path.name)) and all(one.endswith(f"_{architecture}") for one in _parse(path)[1])


def _contents(path: Path) -> dict[str, bytes]:
    """Every file of the wheel. Bounds come before reads, and no name leaves the folder it is unpacked in."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > _MOST_FILES or sum(one.file_size for one in entries) > _MOST_BYTES:
                raise ValueError(f"{path}: over {_MOST_FILES} files or {_MOST_BYTES >> 20} MiB, expected a wheel")
            for one in entries:
                parts = PurePosixPath(one.filename)
                if parts.is_absolute() or ".." in parts.parts or "\\" in one.filename:
                    raise ValueError(f"{path}: holds a file named {one.filename[:80]!r}, expected names within")
            return {one.filename: archive.read(one) for one in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError(f"{path}: no wheel ({error})") from None


def _check_tags(contents: dict[str, bytes], platforms: tuple[str, ...]) -> None:
    metadata = next((data for name, data in contents.items() if name.endswith(".dist-info/WHEEL")), None)
    if metadata is None:
        raise ValueError("has no WHEEL file with tags")
    tags = {line[5:].strip() for line in metadata.decode("utf-8", "replace").splitlines() if line.startswith("Tag: ")}
    named = {f"py3-none-{platform}" for platform in platforms}
    if tags != named:
        raise ValueError(
            f"its tags are {', '.join(sorted(tags)) or 'none'}, its name says {', '.join(sorted(named))}"
        )


def _check_library(name: str, library: Library, architecture: str) -> None:
    machine, bits = ("arm", 32) if architecture.startswith("arm") else (architecture, 64)
    if (library.machine, library.bits) != (machine, bits):
        raise ValueError(f"for {library.machine} of {library.bits} bits, expected {machine} of {bits}")
    if machine == "arm":
        _check_arm(library, architecture)
    strange = sorted(set(library.needed) - _LIBRARIES - ({PurePosixPath(CORE).name} if name == STEP else set()))
    if strange:
        raise ValueError(f"needs {', '.join(strange)}, expected the C library alone")
    for text in library.versions:
        _glibc(text)
    begin = "PyInit_" if name == STEP else "el_"
    others = [symbol for symbol in library.exports if not symbol.startswith(begin)]
    if others or not library.exports:
        raise ValueError(
            f"exports {', '.join(others[:3]) or 'nothing'}, expected names that begin with {begin} alone"
        )


def _check_arm(library: Library, architecture: str) -> None:
    """A Pi Zero has ARMv6 with VFPv2; ARMv7 wheels stay within what a Cortex-A8 has: NEON without fused adds."""
    arm = library.arm
    if not library.hard_float and arm.vfp_args != 1:
        raise ValueError("passes floats in integer registers, expected the hard-float ABI")
    v6 = architecture == "armv6l"
    if arm.cpu_arch not in ((1, 2, 3, 4, 5, 6, 7, 9) if v6 else (*range(1, 11),)):
        raise ValueError(f"is for CPU architecture {arm.cpu_arch} (Tag_CPU_arch), expected ARMv{6 if v6 else 7}")
    if arm.fp_arch > (2 if v6 else 4):
        raise ValueError(f"uses floating point {arm.fp_arch} (Tag_FP_arch), expected VFPv{2 if v6 else 3}")
    if arm.simd_arch > (0 if v6 else 1):
        raise ValueError(f"uses NEON {arm.simd_arch} (Tag_Advanced_SIMD_arch), expected {'none' if v6 else 'NEON'}")


def _glibc(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"GLIBC_(\d{1,3})\.(\d{1,3})(\.\d+)?", text)
    if not match:
        raise ValueError(f"needs symbols of {text[:40]}, expected those of glibc alone")
    return int(match[1]), int(match[2])


def _dotted(numbers: tuple[int, int]) -> str:
    return ".".join(map(str, numbers))
