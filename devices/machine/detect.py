"""Which board is this? An unknown machine is described, not refused."""

from __future__ import annotations

import os
import platform
import re
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from edgelstm.devices.machine.architecture import architecture
from edgelstm.devices.machine.instruction_sets import instruction_sets
from edgelstm.devices.machine.sysfs import Tree
from edgelstm.records import Unavailable

_ARM_CORES = {
    0xB76: "ARM1176",
    0xC07: "Cortex-A7",
    0xC08: "Cortex-A8",
    0xC09: "Cortex-A9",
    0xC0F: "Cortex-A15",
    0xD03: "Cortex-A53",
    0xD04: "Cortex-A35",
    0xD05: "Cortex-A55",
    0xD07: "Cortex-A57",
    0xD08: "Cortex-A72",
    0xD09: "Cortex-A73",
    0xD0A: "Cortex-A75",
    0xD0B: "Cortex-A76",
    0xD0C: "Neoverse-N1",
    0xD41: "Cortex-A78",
}
"""`CPU part` of /proc/cpuinfo where `CPU implementer` is 0x41, Arm."""

_NO_CLOCK = Unavailable("no /sys/devices/system/cpu/cpu*/cpufreq/cpuinfo_max_freq")
_NO_NAME = {"", "to be filled by o.e.m.", "system product name", "default string", "not specified", "none"}


@dataclass(frozen=True)
class Cores:
    """Cores of one kind."""

    name: str | Unavailable
    count: int
    max_mhz: float | Unavailable


@dataclass(frozen=True)
class Cache:
    """One cache as the first core sees it."""

    name: str  # L1d, L1i, L2, …
    size: int  # bytes


@dataclass(frozen=True)
class Board:
    """What a machine is. Figures that change from moment to moment are `Conditions`."""

    name: str
    known_by: str  # where the name comes from
    compatible: tuple[str, ...]  # the device tree's, the most precise first; empty without one
    architecture: str  # of this Python, which decides what it can load
    kernel_machine: str  # of the kernel, as `uname -m` says
    system: str | Unavailable
    kernel: str
    python: str
    cores: tuple[Cores, ...]
    usable_cores: int  # that this process may run on
    memory: int | Unavailable  # bytes
    caches: tuple[Cache, ...] | Unavailable
    instruction_sets: tuple[str, ...] | Unavailable
    virtual: bool | Unavailable  # a virtual machine's times are its host's as well
    emulated: bool | Unavailable  # instructions are translated to another processor's: times mean nothing


def detect(root: str | Path = "/", *, machine: str | None = None, bits: int | None = None) -> Board:
    """Describe this machine from the files under `root`, and what Python runs as: `uname -m` and pointer size."""
    tree = Tree(root)
    machine = machine or platform.machine()
    bits = bits or 8 * struct.calcsize("P")
    runs_as = architecture(machine, bits)
    processors = _processors(tree)
    compatible = tree.text("/proc/device-tree/compatible")
    name, known_by = _name(tree, processors)
    return Board(
        name=name,
        known_by=known_by,
        compatible=() if isinstance(compatible, Unavailable) else tuple(compatible.split("\0")),
        architecture=runs_as,
        kernel_machine=machine,
        system=_system(tree),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        cores=_cores(tree, processors),
        usable_cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory=_total_memory(tree),
        caches=_caches(tree),
        instruction_sets=instruction_sets(tree, runs_as, _words(processors)),
        virtual=_virtual(processors),
        emulated=_emulated(tree),
    )


def _processors(tree: Tree) -> list[dict[str, str]]:
    """One dict of `key: value` lines per processor in /proc/cpuinfo, then one of what belongs to all."""
    text = tree.text("/proc/cpuinfo")
    if isinstance(text, Unavailable):
        return []
    found: list[dict[str, str]] = []
    for block in re.split(r"\n\s*\n", text):
        pairs = (line.partition(":") for line in block.splitlines())
        found.append({key.strip(): value.strip() for key, _, value in pairs})
    return found


def _words(processors: list[dict[str, str]]) -> set[str]:
    """The features of the first processor that lists any."""
    for processor in processors:
        words = processor.get("flags") or processor.get("Features")
        if words:
            return set(words.split())
    return set()


def _name(tree: Tree, processors: list[dict[str, str]]) -> tuple[str, str]:
    model = tree.text("/proc/device-tree/model")
    if not isinstance(model, Unavailable) and model:
        return model, "device tree"
    for processor in processors:
        if processor.get("Model"):  # what a Raspberry Pi's kernel adds
            return processor["Model"], "/proc/cpuinfo"
    vendor, product = (tree.text(f"/sys/class/dmi/id/{name}") for name in ("sys_vendor", "product_name"))
    if not isinstance(product, Unavailable) and product.lower() not in _NO_NAME:
        named = isinstance(vendor, Unavailable) or vendor.lower() in _NO_NAME or product.startswith(vendor)
        return product if named else f"{vendor} {product}", "DMI"
    core = _core_name(processors[0]) if processors else Unavailable("no /proc/cpuinfo")
    return (
        ("unknown machine", "nothing") if isinstance(core, Unavailable) else (f"machine with {core}", "/proc/cpuinfo")
    )


def _core_name(processor: dict[str, str]) -> str | Unavailable:
    part = processor.get("CPU part")
    if part is None:
        return processor.get("model name") or Unavailable("/proc/cpuinfo names no core")
    try:
        known = _ARM_CORES.get(int(part, 16)) if int(processor["CPU implementer"], 16) == 0x41 else None
    except (KeyError, ValueError):
        known = None
    return known or f"core {processor.get('CPU implementer', '?')}/{part}"


def _cores(tree: Tree, processors: list[dict[str, str]]) -> tuple[Cores, ...]:
    """Cores by kind: a board may have slow and fast ones."""
    kinds: Counter[tuple[str | Unavailable, float | Unavailable]] = Counter()
    for processor in processors:
        number = processor.get("processor", "")
        if number.isdecimal():  # 32-bit kernels end with a block that is no processor
            khz = tree.number(f"/sys/devices/system/cpu/cpu{int(number)}/cpufreq/cpuinfo_max_freq")
            kinds[_core_name(processor), _NO_CLOCK if isinstance(khz, Unavailable) else khz / 1000] += 1
    if not kinds:
        return (Cores(Unavailable("/proc/cpuinfo lists no processors"), os.cpu_count() or 1, _NO_CLOCK),)
    return tuple(Cores(name, count, mhz) for (name, mhz), count in kinds.items())


def _system(tree: Tree) -> str | Unavailable:
    text = tree.text("/etc/os-release")
    if isinstance(text, Unavailable):
        return text
    match = re.search(r"^PRETTY_NAME=(.*)$", text, re.MULTILINE)
    return match[1].strip("\"'") if match else Unavailable("/etc/os-release has no PRETTY_NAME")


def _total_memory(tree: Tree) -> int | Unavailable:
    text = tree.text("/proc/meminfo")
    if isinstance(text, Unavailable):
        return text
    match = re.search(r"^MemTotal:\s*(\d+) kB", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else Unavailable("/proc/meminfo has no MemTotal")


def _caches(tree: Tree) -> tuple[Cache, ...] | Unavailable:
    found = []
    for folder in tree.folders("/sys/devices/system/cpu/cpu0/cache", "index*"):
        level, kind, size = (tree.text(f"{folder}/{name}") for name in ("level", "type", "size"))
        if isinstance(level, Unavailable) or isinstance(kind, Unavailable) or isinstance(size, Unavailable):
            continue
        if match := re.fullmatch(r"(\d+)K", size):
            letter = {"Data": "d", "Instruction": "i"}.get(kind, "")
            found.append(Cache(f"L{level}{letter}", int(match[1]) * 1024))
    return tuple(found) or Unavailable("no /sys/devices/system/cpu/cpu0/cache/index*")


def _virtual(processors: list[dict[str, str]]) -> bool | Unavailable:
    """x86 processors tell; ARM ones do not."""
    if not processors or "flags" not in processors[0]:
        return Unavailable("/proc/cpuinfo has no flags to tell by")
    return "hypervisor" in processors[0]["flags"].split()


def _emulated(tree: Tree) -> bool | Unavailable:
    """Whether qemu runs this process in its user mode.

    It makes up /proc/self/stat and leaves the size of virtual memory 0, which no process of a kernel's has.
    """
    text = tree.text("/proc/self/stat")
    if isinstance(text, Unavailable):
        return text
    fields = text.rpartition(")")[2].split()  # the third field and all after it; the name may hold anything
    return fields[20] == "0" if len(fields) > 20 else Unavailable("/proc/self/stat has no size of virtual memory")
