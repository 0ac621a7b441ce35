#!/usr/bin/env python3
"""Wheels for every board from this machine: x86_64, aarch64, armv7l and armv6l, checked, the same bytes each time.

usage: build.py --zig FOLDER [--output dist] [--build build/cross] [ARCHITECTURE…]

FOLDER is where pip put ziglang. The Python that runs this needs edgelstm, pip, scikit-build-core and cmake.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compiler import TARGETS

from edgelstm.devices.wheels.wheel import STEP, TRAINING, Wheel, check_wheel

PROJECT = Path(__file__).resolve().parents[2]
COMPILER = Path(__file__).resolve().with_name("compiler.py")


PYCONFIG = """/* What Python's limited API asks of pyconfig.h, for whatever machine the compiler builds for. */
#define SIZEOF_INT __SIZEOF_INT__
#define SIZEOF_LONG __SIZEOF_LONG__
#define SIZEOF_LONG_LONG __SIZEOF_LONG_LONG__
#define SIZEOF_SIZE_T __SIZEOF_SIZE_T__
#define SIZEOF_VOID_P __SIZEOF_POINTER__
#define SIZEOF_WCHAR_T __SIZEOF_WCHAR_T__
#define HAVE_STDARG_PROTOTYPES 1
#define WITH_THREAD 1
"""


def headers_for_any_machine(folder: Path) -> Path:
    """This Python's headers with a pyconfig.h that holds for other machines too. FileNotFoundError: it has none."""
    source = Path(sysconfig.get_path("include"))
    if not (source / "Python.h").is_file():
        raise FileNotFoundError(f"{source / 'Python.h'}: no such file (Debian: apt install python3-dev)")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("internal"))
    (folder / "pyconfig.h").write_text(PYCONFIG)
    return folder


def build(architecture: str, zig: Path, headers: Path, output: Path, folder: Path) -> Wheel:
    """One wheel. RuntimeError with the end of the log when it cannot be built, ValueError when it is not right."""
    target, tools = TARGETS[architecture], [sys.executable, str(COMPILER), architecture]
    folder.mkdir(parents=True, exist_ok=True)
    wrappers = {tool: _program(folder / tool, [*tools, tool]) for tool in ("ar", "ranlib")}
    defines = {
        "CMAKE_SYSTEM_NAME": "Linux",
        "CMAKE_SYSTEM_PROCESSOR": architecture,
        "CMAKE_C_COMPILER": ";".join([*tools, "cc"]),
        "CMAKE_AR": wrappers["ar"],
        "CMAKE_RANLIB": wrappers["ranlib"],
        "CMAKE_SHARED_LINKER_FLAGS": "-Wl,--gc-sections -Wl,--build-id=none -s",
        "CMAKE_MODULE_LINKER_FLAGS": "-Wl,--gc-sections -Wl,--build-id=none -s",
        "EDGELSTM_SIMD": "ON" if target.kernels else "OFF",
        "EDGELSTM_TRAINING": "ON",  # a build folder of before may have it otherwise
        "EDGELSTM_PYTHON_INCLUDE": str(headers),
        "CMAKE_BUILD_WITH_INSTALL_RPATH": "ON",  # or the length of the build folder's path would show
    }
    settings = {
        "build-dir": str(folder / "cmake"),
        "wheel.reproducible": "true",  # permissions too
        "wheel.tags": f"py3-none-{target.platform}",
        "install.strip": "false",  # the linker has done it; this machine's strip may not know the format
        **{f"cmake.define.{name}": value for name, value in defines.items()},
    }
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
    ]
    command += [f"-C{name}={value}" for name, value in settings.items()]
    command += ["--wheel-dir", str(output), str(PROJECT)]
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("CC", "CFLAGS", "CPPFLAGS", "LDFLAGS")},
        "EDGELSTM_ZIG": str(zig),
        "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "1577836800"),  # 2020-01-01; any fixed time will do
    }
    with (folder / "log").open("w") as log:
        done = subprocess.run(command, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise RuntimeError(f"{architecture} could not be built:\n{(folder / 'log').read_text()[-3000:]}")
    _check_kernels(architecture, folder / "cmake/CMakeCache.txt")
    wheels = [path for path in output.glob("edgelstm-*.whl") if path.name.endswith(f"-{target.platform}.whl")]
    wheel = check_wheel(max(wheels, key=lambda path: path.stat().st_mtime), architecture)
    for name in (STEP, TRAINING):
        if name not in wheel.libraries:
            raise ValueError(f"{wheel.path}: has no {name}")
    return wheel


def _program(path: Path, command: list[str]) -> str:
    path.write_text(f'#!/bin/sh\nexec {" ".join(command)} "$@"\n')
    path.chmod(0o755)
    return str(path)


def _check_kernels(architecture: str, cache: Path) -> None:
    """CMake leaves out a set that the compiler refuses: here that is an error."""
    compiled = re.findall(r"^edgelstm_compiles_(\w+):INTERNAL=1$", cache.read_text(), re.MULTILINE)
    missing = [name for name in TARGETS[architecture].kernels if name not in compiled]
    if missing:
        raise ValueError(f"{architecture}: no kernels for {', '.join(missing)}: the compiler refused their flags")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--zig", type=Path, required=True, help="folder in which pip put ziglang")
    parser.add_argument("--output", type=Path, default=PROJECT / "dist")
    parser.add_argument("--build", type=Path, default=PROJECT / "build/cross")
    parser.add_argument("architectures", nargs="*", metavar="ARCHITECTURE", help=f"of {', '.join(TARGETS)}")
    options = parser.parse_args()
    zig = options.zig.resolve() / "ziglang/zig"
    if not zig.is_file():
        parser.error(f"{zig}: no such file; make wheels installs it")
    if unknown := set(options.architectures) - set(TARGETS):
        parser.error(f"{', '.join(sorted(unknown))}: expected some of {', '.join(TARGETS)}")
    options.output.mkdir(parents=True, exist_ok=True)
    try:
        headers = headers_for_any_machine(options.build.resolve() / "include")
    except FileNotFoundError as error:
        parser.error(str(error))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        building = [
            pool.submit(build, name, zig, headers, options.output.resolve(), options.build.resolve() / name)
            for name in options.architectures or TARGETS
        ]
    for future in building:
        try:
            print(_line(future.result()))
        except (RuntimeError, ValueError) as error:
            print(f"failed: {error}", file=sys.stderr)
            return 1
    return 0


def _line(wheel: Wheel) -> str:
    content = wheel.path.read_bytes()
    kernels = ", ".join((*TARGETS[wheel.architecture].kernels, "scalar"))
    return (
        f"{wheel.path.name}  {len(content):,} bytes  glibc {'.'.join(map(str, wheel.glibc))}  {kernels}  "
        f"sha256 {hashlib.sha256(content).hexdigest()[:16]}"
    )


if __name__ == "__main__":
    sys.exit(main())
