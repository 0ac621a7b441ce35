"""Boards as data: the files hold, are refused when wrong, and their tools know the processors they name."""

import shutil
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.devices.boards.profile import board, boards, match, read_board
from edgelstm.devices.machine.detect import Board, Cores, detect
from edgelstm.records import Unavailable

KNOWN = [
    "beaglebone-black", "coral-dev", "imx8m-plus", "jetson-nano", "orange-pi-5", "pi-3b-plus", "pi-400", "pi-4b",
    "pi-5", "pi-cm4", "pi-zero-2w", "pi-zero-w",
]  # fmt: skip
VALID = """
id = "pi-x"
name = "Pi X"
soc = "BCM1"
compatible = ["raspberrypi,x"]
models = ["Raspberry Pi X"]
memory_mib = [512]
[[cores]]
name = "Cortex-A53"
count = 4
max_mhz = 1000
compiler = "-mcpu=cortex-a53"
emulator = "cortex-a53"
caches = [{ name = "L1d", kib = 32, shared = false }]
instruction_sets = { aarch64 = ["neon"] }
bandwidth = { copy = [1300], fill = [1, 2], read = { available = false, reason = "not measured" } }
[sources]
identity = "a"
memory = "a"
cores = "a"
caches = "a"
instruction_sets = "a"
bandwidth = "a"
tools = "a"
"""


def read(tmp_path, text, name="pi-x.toml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_board(path)


def test_every_board_of_the_list_is_there():
    assert [one.id for one in boards()] == KNOWN


@pytest.mark.parametrize(
    ("name", "core", "architecture", "kernel"),
    [
        ("pi-zero-w", 0, "armv6l", "scalar"),
        ("pi-zero-2w", 0, "aarch64", "neon"),
        ("pi-4b", 0, "armv7l", "neon"),
        ("pi-5", 0, "aarch64", "dotprod"),
        ("pi-5", 0, "armv7l", "neon"),
        ("orange-pi-5", 1, "aarch64", "dotprod"),
        ("beaglebone-black", 0, "armv7l", "neon"),
    ],
)
def test_the_kernel_follows_from_the_instruction_sets(name, core, architecture, kernel):
    assert board(name).cores[core].kernel(architecture) == kernel


def test_an_architecture_that_a_core_cannot_run_is_refused():
    with pytest.raises(ValueError, match="'aarch64', expected one of armv6l"):
        board("pi-zero-w").cores[0].kernel("aarch64")


def test_an_unknown_board_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="unknown board 'pi-zero-2-w', perhaps 'pi-zero-2w'"):
        board("pi-zero-2-w")


def test_the_compilers_know_the_processors(tmp_path):
    compilers = {"aarch64": "aarch64-linux-gnu-gcc", "armv7l": "arm-linux-gnueabihf-gcc"}
    if missing := [name for name in compilers.values() if shutil.which(name) is None]:
        pytest.skip(f"needs {', '.join(missing)} (Debian: gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf)")
    source = tmp_path / "x.c"
    source.write_text("int x;\n")
    for core in {core.compiler: core for one in boards() for core in one.cores}.values():
        compiler = compilers.get(core.architectures[0], "arm-linux-gnueabihf-gcc")
        command = [compiler, *core.compiler.split(), "-c", str(source), "-o", str(tmp_path / "x.o")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_the_emulator_knows_the_processors():
    emulators = {"aarch64": "qemu-aarch64-static", "arm": "qemu-arm-static"}
    if missing := [name for name in emulators.values() if shutil.which(name) is None]:
        pytest.skip(f"needs {', '.join(missing)} (Debian: qemu-user-static)")
    help_texts = (
        subprocess.run([name, "-cpu", "help"], capture_output=True, text=True).stdout for name in emulators.values()
    )
    known = set(" ".join(help_texts).split())
    named = {core.emulator for one in boards() for core in one.cores if isinstance(core.emulator, str)}
    assert named <= known


def a_machine(tmp_path, **fields):
    return replace(detect(tmp_path, machine="aarch64", bits=64), **fields)


@pytest.mark.parametrize(
    ("compatible", "name", "expected"),
    [
        (("raspberrypi,4-model-b", "brcm,bcm2711"), "Raspberry Pi 4 Model B Rev 1.4", "pi-4b"),
        (("raspberrypi,400", "brcm,bcm2711"), "Raspberry Pi 400 Rev 1.0", "pi-400"),
        (("raspberrypi,3-model-b", "brcm,bcm2837"), "Raspberry Pi 3 Model B Rev 1.2", None),
        (("radxa,rock-5c", "rockchip,rk3588s"), "Radxa ROCK 5C", "orange-pi-5"),
        (("ti,am335x-bone-black", "ti,am335x-bone", "ti,am33xx"), "TI AM335x BeagleBone Black", "beaglebone-black"),
        ((), "Raspberry Pi Zero W Rev 1.1", "pi-zero-w"),
        ((), "Raspberry Pi Zero 2 W Rev 1.0", "pi-zero-2w"),
        ((), "Raspberry Pi 3 Model B Plus Rev 1.3", "pi-3b-plus"),
        ((), "Raspberry Pi 3 Model B Rev 1.2", None),
        ((), "Raspberry Pi 50", None),
    ],
)
def test_a_machine_is_known_by_its_device_tree(tmp_path, compatible, name, expected):
    found = match(a_machine(tmp_path, name=name, known_by="device tree", compatible=compatible))
    assert (found.id if found else None) == expected


def test_a_pc_of_that_name_is_no_board(tmp_path):
    assert match(a_machine(tmp_path, name="Raspberry Pi 5", known_by="DMI", compatible=())) is None


def test_cores_are_named_as_detection_names_them(tmp_path):
    """So that what is found on a machine can be laid beside its board's file."""
    parts = {"Cortex-A72": "0xd08", "Cortex-A76": "0xd0b", "Cortex-A55": "0xd05", "Cortex-A8": "0xc08",
             "Cortex-A53": "0xd03", "Cortex-A57": "0xd07", "ARM1176": "0xb76"}  # fmt: skip
    assert {core.name for one in boards() for core in one.cores} == set(parts)
    for name, part in parts.items():
        (tmp_path / "proc").mkdir(exist_ok=True)
        (tmp_path / "proc/cpuinfo").write_text(f"processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: {part}\n")
        found: Board = detect(tmp_path, machine="aarch64", bits=64)
        assert [core.name for core in found.cores] == [name]
        assert isinstance(found.cores[0], Cores)


def test_a_valid_file_is_read(tmp_path):
    found = read(tmp_path, VALID)
    assert found.cores[0].max_mhz == 1000.0
    assert found.cores[0].bandwidth.fill == (1.0, 2.0)
    assert found.cores[0].bandwidth.read == Unavailable("not measured")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("count = 4", "count = 0", "pi-x.toml: cores[0].count: 0, expected 1 to 256"),
        ("count = 4", "count = '4'", "pi-x.toml: cores[0].count: '4', expected a whole number"),
        ("count = 4", "cuont = 4", "pi-x.toml: cores[0]: unknown field 'cuont', perhaps 'count'"),
        ("count = 4\n", "", "pi-x.toml: cores[0]: no field 'count'"),
        ("max_mhz = 1000", "max_mhz = nan", "max_mhz: nan, expected a finite number"),
        ("max_mhz = 1000", "max_mhz = 1e9", "max_mhz: 1000000000.0, expected 10 to 10,000"),
        ('"L1d"', '"L4"', "pi-x.toml: cores[0].caches[0].name: 'L4', expected one of L1i, L1d, L2, L3"),
        ("kib = 32", "kib = -1", "kib: -1, expected 1 to "),
        ('aarch64 = ["neon"]', 'arm64 = ["neon"]', "instruction_sets: 'arm64', expected one of aarch64, armv7l"),
        ('["neon"]', '["avx2"]', "instruction_sets['aarch64'][0]: 'avx2', expected one of vfp"),
        ('["neon"]', '["neon", "neon"]', "instruction_sets['aarch64']: a list of 2, expected each once"),
        ("fill = [1, 2]", "fill = [2, 1]", "bandwidth: fill: [2.0, 1.0], expected one result, or the lowest"),
        ("fill = [1, 2]", "fill = []", "fill: a list of 0, expected 1 to 2 items"),
        ("copy = [1300]", "copy = [0]", "copy[0]: 0.0, expected 1 to "),
        ('identity = "a"', 'identity = ""', "pi-x.toml: sources.identity: '', expected one line"),
        ('tools = "a"\n', "", "pi-x.toml: sources: no field 'tools'"),
        ('id = "pi-x"', 'id = "Pi/../x"', "id: 'Pi/../x', expected small letters"),
        ('id = "pi-x"', 'id = "pi-y"', "pi-x.toml: id: 'pi-y', expected the file's name"),
        ('["raspberrypi,x"]', '"raspberrypi,x"', "compatible: 'raspberrypi,x', expected a list"),
        ("memory_mib = [512]", "memory_mib = [0]", "memory_mib[0]: 0, expected 1 to"),
        ("id =", "id = =", "pi-x.toml: no TOML ("),
    ],
)
def test_a_wrong_field_is_named(tmp_path, old, new, expected):
    assert VALID.count(old) >= 1
    with pytest.raises(ValueError, match=r"^[^\n]*pi-x\.toml: [^\n]*$") as caught:
        read(tmp_path, VALID.replace(old, new, 1))
    assert expected in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = " + b"[" * 50_000, b"#" * (1 << 17), b""])
def test_what_is_no_board_file_is_refused(tmp_path, content):
    with pytest.raises(ValueError, match=r"^[^\n]*pi-x\.toml: [^\n]*$"):
        read(tmp_path, content)


@given(st.data())
def test_a_changed_file_reads_or_is_refused_in_one_line(tmp_path_factory, data):
    lines = VALID.splitlines()
    n = data.draw(st.integers(0, len(lines) - 1))
    key = lines[n].partition("=")[0]
    lines[n] = data.draw(
        st.sampled_from(
            [
                "", f"{key} = 1", f"{key} = -1.5", f"{key} = inf", f"{key} = []", f"{key} = [[]]", f"{key} = {{}}",
                f'{key} = "x"', f'{key} = ["x", "x"]', f"{key} = [true]", "[x]", f'{key} = "\\u0000"',
            ]
        )
    )  # fmt: skip
    problem = "pi-x.toml: "
    try:
        read(tmp_path_factory.getbasetemp(), "\n".join(lines))
    except ValueError as error:
        problem = str(error)
    assert "pi-x.toml: " in problem
    assert "\n" not in problem
