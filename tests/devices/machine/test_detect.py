"""Machines known by their files. The trees are made up; what is in them is what such boards show."""

import os
import struct

import pytest

from edgelstm.devices.machine.conditions import read_conditions
from edgelstm.devices.machine.detect import Board, Cache, Cores, detect
from edgelstm.devices.machine.usage import read_memory
from edgelstm.records import Unavailable, from_json, to_json


def core(number, part, features="fp asimd evtstrm crc32 cpuid"):
    return (
        f"processor\t: {number}\nBogoMIPS\t: 108.00\nFeatures\t: {features}\nCPU implementer\t: 0x41\n"
        f"CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: {part}\nCPU revision\t: 3\n"
    )


def plant(root, files):
    for path, content in files.items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def frequencies(*mhz):
    return {f"/sys/devices/system/cpu/cpu{n}/cpufreq/cpuinfo_max_freq": f"{f * 1000}\n" for n, f in enumerate(mhz)}


@pytest.fixture
def pi4(tmp_path):
    return plant(
        tmp_path,
        {
            "/proc/device-tree/model": b"Raspberry Pi 4 Model B Rev 1.4\0",
            "/proc/device-tree/compatible": b"raspberrypi,4-model-b\0brcm,bcm2711\0",
            "/proc/cpuinfo": "\n".join(core(n, "0xd08") for n in range(4))
            + "\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n",
            "/proc/meminfo": "MemTotal:        3884328 kB\nMemFree:  1 kB\n",
            "/proc/self/auxv": struct.pack("<6Q", 6, 4096, 16, 0b10000111, 0, 0),
            "/etc/os-release": 'PRETTY_NAME="Raspbian GNU/Linux 12 (bookworm)"\nID=raspbian\n',
            "/sys/devices/system/cpu/cpu0/cache/index0/level": "1\n",
            "/sys/devices/system/cpu/cpu0/cache/index0/type": "Data\n",
            "/sys/devices/system/cpu/cpu0/cache/index0/size": "32K\n",
            "/sys/devices/system/cpu/cpu0/cache/index2/level": "2\n",
            "/sys/devices/system/cpu/cpu0/cache/index2/type": "Unified\n",
            "/sys/devices/system/cpu/cpu0/cache/index2/size": "1024K\n",
            "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "600000\n",
            "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
            "/sys/class/thermal/thermal_zone0/temp": "48312\n",
            "/sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "/sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
            **frequencies(1800, 1800, 1800, 1800),
        },
    )


def test_a_raspberry_pi_4(pi4):
    board = detect(pi4, machine="aarch64", bits=64)
    assert (board.name, board.known_by) == ("Raspberry Pi 4 Model B Rev 1.4", "device tree")
    assert board.compatible == ("raspberrypi,4-model-b", "brcm,bcm2711")
    assert board.cores == (Cores("Cortex-A72", 4, 1800.0),)
    assert board.instruction_sets == ("neon",)  # an A72 has neither fp16 nor dotprod
    assert board.memory == 3884328 * 1024
    assert board.caches == (Cache("L1d", 32 * 1024), Cache("L2", 1024 * 1024))
    assert board.system == "Raspbian GNU/Linux 12 (bookworm)"
    assert isinstance(board.virtual, Unavailable)


def test_its_conditions(pi4):
    now = read_conditions(pi4)
    assert now.clock_mhz == {"cpu0": 600.0}
    assert now.governor == "ondemand"
    assert now.temperature_c == {"cpu-thermal": 48.312}
    # 0x50005: bits 0, 2, 16 and 18 of the firmware's word
    assert now.throttling == ("under-voltage", "throttled", "under-voltage since boot", "throttled since boot")


def test_a_32_bit_system_on_a_64_bit_kernel(tmp_path):
    neon, vfp, vfpv4, thumb = 1 << 12, 1 << 6, 1 << 16, 1 << 2
    plant(tmp_path, {"/proc/self/auxv": struct.pack("<4I", 16, neon | vfp | vfpv4 | thumb, 0, 0)})
    board = detect(tmp_path, machine="aarch64", bits=32)
    assert (board.architecture, board.kernel_machine) == ("armv7l", "aarch64")
    assert board.instruction_sets == ("vfp", "vfpv4", "neon")


def test_a_pi_zero_has_no_neon(tmp_path):
    cpuinfo = (
        "processor\t: 0\nmodel name\t: ARMv6-compatible processor rev 7 (v6l)\n"
        "Features\t: half thumb fastmult vfp edsp java tls\nCPU implementer\t: 0x41\nCPU part\t: 0xb76\n\n"
        "Hardware\t: BCM2835\nModel\t\t: Raspberry Pi Zero W Rev 1.1\n"
    )
    board = detect(plant(tmp_path, {"/proc/cpuinfo": cpuinfo}), machine="armv6l", bits=32)
    assert (board.name, board.known_by) == ("Raspberry Pi Zero W Rev 1.1", "/proc/cpuinfo")
    assert board.cores[0].name == "ARM1176"
    assert board.instruction_sets == ("vfp",)


def test_slow_and_fast_cores_are_told_apart(tmp_path):
    features = "fp asimd atomics fphp asimdhp asimddp"
    cpuinfo = "\n".join(core(n, "0xd05" if n < 4 else "0xd0b", features) for n in range(8))
    plant(tmp_path, {"/proc/cpuinfo": cpuinfo, **frequencies(*[1800] * 4, *[2400] * 4)})
    board = detect(tmp_path, machine="aarch64", bits=64)
    assert board.cores == (Cores("Cortex-A55", 4, 1800.0), Cores("Cortex-A76", 4, 2400.0))
    assert board.instruction_sets == ("neon", "fp16", "dotprod")


def test_the_process_is_believed_before_cpuinfo(tmp_path):
    """Under an emulator /proc/cpuinfo may be the host's; the auxiliary vector is the process's own."""
    plant(tmp_path, {"/proc/cpuinfo": core(0, "0xd0b", "asimd asimddp i8mm")})
    plant(tmp_path, {"/proc/self/auxv": struct.pack("<4Q", 16, 0b10, 0, 0)})
    assert detect(tmp_path, machine="aarch64", bits=64).instruction_sets == ("neon",)


@pytest.mark.parametrize(
    ("vendor", "product", "name"),
    [
        ("LENOVO", "20XW", "LENOVO 20XW"),
        ("Dell Inc.", "Dell Inc. XPS 13", "Dell Inc. XPS 13"),
        ("To Be Filled By O.E.M.", "NUC", "NUC"),
        ("To Be Filled By O.E.M.", "To Be Filled By O.E.M.", "machine with Some CPU"),
    ],
)
def test_a_laptop(tmp_path, vendor, product, name):
    cpuinfo = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu sse4_1 avx fma avx2 avx512_vnni hypervisor\n"
    plant(
        tmp_path,
        {
            "/proc/cpuinfo": cpuinfo,
            "/sys/class/dmi/id/sys_vendor": f"{vendor}\n",
            "/sys/class/dmi/id/product_name": f"{product}\n",
            "/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "3\n",
        },
    )
    board = detect(tmp_path, machine="x86_64", bits=64)
    assert board.name == name
    assert board.instruction_sets == ("sse4_1", "avx", "fma", "avx2", "avx512_vnni")
    assert board.virtual is True
    assert read_conditions(tmp_path).throttling == ("throttled 3 times since boot",)


def stat(size, name="python3"):
    """/proc/self/stat with that size of virtual memory, the 23rd field."""
    return (
        f"41 ({name}) R " + " ".join("1" for _ in range(19)) + f" {size} " + " ".join("7" for _ in range(29)) + "\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (stat(17285120), False),
        (stat(17285120, "a) R 0 0 (b"), False),
        # as qemu 7.2 makes it up for python3
        ("1 (python3) 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 203499 0 0 0 0 0 365080610992" + " 0" * 16 + "\n", True),
        (stat(0), True),
    ],
)
def test_an_emulator_is_known_by_what_it_leaves_out(tmp_path, text, expected):
    assert detect(plant(tmp_path, {"/proc/self/stat": text}), machine="aarch64", bits=64).emulated is expected


def test_this_python_is_emulated_only_under_qemu():
    """On the host's own processor. tests/arm runs the other half."""
    board = detect()
    if isinstance(board.emulated, Unavailable):
        pytest.skip(board.emulated.reason)
    assert board.emulated is ("QEMU_CPU" in os.environ)


def test_a_machine_without_any_files_is_described(tmp_path):
    board, now, memory = (
        detect(tmp_path, machine="riscv64", bits=64),
        read_conditions(tmp_path),
        read_memory(tmp_path),
    )
    assert (board.name, board.architecture) == ("unknown machine", "riscv64")
    for figure in (board.memory, board.caches, board.instruction_sets, board.system, board.virtual, board.emulated,
                   now.clock_mhz, now.governor, now.temperature_c, now.throttling,
                   memory.resident, memory.proportional, memory.peak):  # fmt: skip
        assert isinstance(figure, Unavailable)
        assert figure.reason
    assert to_json(board)["memory"] == {"available": False, "reason": "no /proc/meminfo"}


@pytest.mark.parametrize(
    "junk", [b"", b"\xff\x00\xfe" * 100, b"processor\t: x\nprocessor : 99999999999999999999\n" * 9]
)
def test_junk_in_every_file_is_survived(tmp_path, junk):
    plant(
        tmp_path,
        dict.fromkeys(
            [
                "/proc/cpuinfo", "/proc/meminfo", "/proc/self/auxv", "/etc/os-release", "/proc/device-tree/model",
                "/proc/self/stat", "/proc/self/status", "/proc/self/smaps_rollup",
                "/sys/class/thermal/thermal_zone0/temp",
                "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
                "/sys/devices/system/cpu/cpu0/cache/index0/level", "/sys/devices/system/cpu/cpu0/cache/index0/type",
                "/sys/devices/system/cpu/cpu0/cache/index0/size",
                "/sys/devices/platform/soc/soc:firmware/get_throttled",
            ],
            junk,
        ),
    )  # fmt: skip
    for machine, bits in (("aarch64", 64), ("armv7l", 32), ("x86_64", 64)):
        board = detect(tmp_path, machine=machine, bits=bits)
        assert from_json(Board, to_json(board), "board") == board
    assert isinstance(read_memory(tmp_path).resident, Unavailable)
    read_conditions(tmp_path)


def test_memory_of_a_process_is_read(tmp_path):
    plant(
        tmp_path,
        {
            "/proc/self/smaps_rollup": "55-7f ---p 0 00:00 0    [rollup]\nRss:   1708 kB\nPss:    484 kB\n",
            "/proc/self/status": "Name:\tpython\nVmHWM:\t    1756 kB\nVmRSS:\t    1700 kB\n",
        },
    )
    memory = read_memory(tmp_path)
    assert (memory.resident, memory.proportional, memory.peak) == (1708 * 1024, 484 * 1024, 1756 * 1024)
    (tmp_path / "proc/self/smaps_rollup").unlink()  # kernels before 4.14
    assert read_memory(tmp_path).resident == 1700 * 1024
    assert read_memory(tmp_path).proportional == Unavailable("no /proc/self/smaps_rollup")


def test_this_machine_sees_its_own_memory_grow():
    before = read_memory().resident
    if isinstance(before, Unavailable):
        pytest.skip(before.reason)
    block = bytearray(b"x" * (32 << 20))
    grown = read_memory().resident - before
    assert 31 << 20 <= grown <= 40 << 20
    assert len(block) == 32 << 20
