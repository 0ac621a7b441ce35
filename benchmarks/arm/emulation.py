"""Emulated ARM processors that count what they execute: the plugin, programs and systems for them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1] / "tests" / "arm"


@dataclass(frozen=True)
class Architecture:
    emulator: str  # the dynamic build: the static one has no plugins
    toolchain: str  # in tests/arm
    debian: str
    triplet: str
    packages: tuple[str, ...]  # of Debian, for numpy


_AARCH64 = Architecture("qemu-aarch64", "aarch64", "arm64", "aarch64-linux-gnu", ("libstdc++6", "libgomp1"))
_ARMV7 = Architecture("qemu-arm", "armv7", "armhf", "arm-linux-gnueabihf", ("python3-numpy",))
_ARMV6 = Architecture("qemu-arm", "armv6", "", "", ())

# What /proc/cpuinfo calls them. QEMU 7.2 would show this machine's, on which onnxruntime dies; and engines choose
# kernels by it.
_PARTS = {"cortex-a53": "0xd03", "cortex-a72": "0xd08", "cortex-a76": "0xd0b", "cortex-a7": "0xc07"}
_FEATURES = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
_CPUINFO = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: {features}
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: {part}
CPU revision\t: 3
"""

CORES = {
    "cortex-a53": _AARCH64,
    "cortex-a72": _AARCH64,
    "cortex-a76": _AARCH64,
    "cortex-a7": _ARMV7,
    "cortex-a8": _ARMV7,
    "arm1176": _ARMV6,
}


def missing() -> str:
    """What this machine lacks to count, in one line; empty when it can."""
    needed = {
        "qemu-aarch64": "qemu-user",
        "qemu-arm": "qemu-user",
        "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
        "arm-linux-gnueabihf-gcc": "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross",
        "arm-linux-gnueabi-gcc": "gcc-arm-linux-gnueabi libc6-dev-armel-cross",
        "cc": "gcc",
        "cmake": "cmake",
    }
    packages = dict.fromkeys(package for command, package in needed.items() if not shutil.which(command))
    return f"missing to count instructions (Debian): apt install {' '.join(packages)}" if packages else ""


def build_plugin(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    plugin = folder.resolve() / "count_instructions.so"
    _run("cc", "-O2", "-fPIC", "-shared", "-o", plugin, HERE / "count_instructions.c")
    return plugin


def build_single_step(folder: Path) -> Path:
    program = folder.resolve() / "single_step"
    _run("cc", "-O2", "-o", program, HERE / "single_step.c")
    return program


def build_from_c(folder: Path, core: str, build_type: str = "Release") -> Path:
    """The static program from_c for a core, or for this machine when that is empty."""
    toolchain = CORES[core].toolchain if core else ""
    build = folder.resolve() / f"c-{toolchain or 'here'}"
    static = f"-DCMAKE_TOOLCHAIN_FILE={TESTS / toolchain}.cmake" if core else "-DCMAKE_EXE_LINKER_FLAGS=-static"
    _run("cmake", "-S", HERE, "-B", build, static, f"-DCMAKE_BUILD_TYPE={build_type}", "--log-level=WARNING")
    _run("cmake", "--build", build, "--target", "from_c")
    return build / "from_c"


def make_system(folder: Path, core: str, wheel: Path | None) -> Path:
    """A Debian system with Python, numpy and, on 64 bits, the peers' wheels; made once. This project's wheel is
    `wheel`, or built anew with GNU's cross compiler. → the system's root."""
    architecture = CORES[core]
    root = folder.resolve() / f"root-{architecture.debian}"
    if not (root / "made").exists():
        print(f"making a Debian system for {architecture.debian} …", file=sys.stderr)
        common = ("python3", "libpython3.11-dev", "dash", "coreutils")
        _run(TESTS / "make_root.sh", architecture.debian, root, *common, *architecture.packages)
        headers = root / "usr/include"  # Debian's pyconfig.h asks for the architecture's, at a place of the host's
        shutil.copy(headers / architecture.triplet / "python3.11/pyconfig.h", headers / "python3.11/pyconfig.h")
        if architecture is _AARCH64:
            _install_peers(root / "opt" / "peers")
        else:  # where Debian's alternatives would link to numpy's libraries
            libraries = root / "usr/lib" / architecture.triplet
            for name in ("blas/libblas.so.3", "lapack/liblapack.so.3"):
                (libraries / Path(name).name).symlink_to(name)
        cpus = root / "sys/devices/system/cpu"
        cpus.mkdir(parents=True)
        for name in ("possible", "present"):
            (cpus / name).write_text("0\n")
        (root / "made").touch()
    package = root / "opt" / "edgelstm"
    shutil.rmtree(package, ignore_errors=True)
    _run(sys.executable, "-m", "zipfile", "-e", wheel or _build_wheel(folder, architecture, root), package)
    return root


def _install_peers(target: Path) -> None:
    platforms = [f"--platform=manylinux_2_{n}_aarch64" for n in (28, 27, 17)] + ["--platform=manylinux2014_aarch64"]
    abis = ["--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none", "--python-version=3.11"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    _run(*pip, "--only-binary=:all:", *platforms, *abis, "--target", target, "-r", HERE / "requirements.txt")


def _build_wheel(folder: Path, architecture: Architecture, root: Path) -> Path:
    wheels = folder.resolve() / f"wheel-{architecture.toolchain}"
    shutil.rmtree(wheels, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    build = f"--config-settings=build-dir={folder.resolve()}/build-{architecture.toolchain}"
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={TESTS / architecture.toolchain}.cmake"
    headers = f"-DEDGELSTM_PYTHON_INCLUDE={root}/usr/include/python3.11"
    environment = {**os.environ, "CMAKE_ARGS": f"{toolchain} {headers}"}
    _run(*pip, "--no-build-isolation", "--no-deps", build, "--wheel-dir", wheels, HERE.parents[1], env=environment)
    (wheel,) = wheels.glob("*.whl")
    return wheel


def count(
    plugin: Path, core: str, *command: str | Path, root: Path | None = None, kernel: str = "", blocks: bool = False
) -> tuple[list[dict[str, Any]], str]:
    """Run a command on an emulated core → (counts of each marked stretch, what it wrote on stdout)."""
    out = plugin.with_suffix(f".{os.getpid()}.jsonl")
    arguments = [CORES[core].emulator, "-cpu", core, "-plugin", f"{plugin},out={out}{',blocks=yes' * blocks}"]
    environment = {**os.environ, "EDGELSTM_KERNEL": kernel, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    if root is not None:
        arguments += ["-L", str(root)]
        features = _FEATURES + (" atomics fphp asimdhp asimddp" if core == "cortex-a76" else "")
        (root / "proc/cpuinfo").write_text(_CPUINFO.format(features=features, part=_PARTS[core]))
        packages = (root / "opt/edgelstm", root / "opt/peers", HERE.parent)
        environment["PYTHONPATH"] = ":".join(map(str, packages))
        command = (root / "usr/bin/python3.11", *command)
    try:
        done = subprocess.run([*arguments, *command], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{command[0]} on {core}: exit {done.returncode}\n{done.stderr}")
        return [json.loads(line) for line in out.read_text().splitlines()], done.stdout
    finally:
        out.unlink(missing_ok=True)


def single_step(stepper: Path, *command: str | Path, kernel: str) -> dict[str, Any]:
    """The counts of a command's marked stretch on this machine, blocks too."""
    environment = {**os.environ, "EDGELSTM_KERNEL": kernel}
    done = subprocess.run([stepper, *command], env=environment, capture_output=True, text=True)
    if done.returncode or done.stdout.strip() != kernel:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.splitlines()[0]}")
    found: dict[str, Any] = json.loads(done.stderr)
    return found


def _run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr, env=env)
