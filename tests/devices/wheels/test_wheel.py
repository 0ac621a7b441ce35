"""Wheels for boards: the right one is found, and none that is not what its name says."""

import platform
import shutil
import subprocess
import zipfile

import pytest

from edgelstm.devices.wheels.wheel import ARCHITECTURES, check_wheel, find_wheel

COMPILERS = {
    "x86_64": "cc" if platform.machine() == "x86_64" else "x86_64-linux-gnu-gcc",
    "aarch64": "aarch64-linux-gnu-gcc",
    "armv7l": "arm-linux-gnueabihf-gcc",
    "armv6l": "arm-linux-gnueabihf-gcc -march=armv6 -mfpu=vfp -mfloat-abi=hard -marm",
}
PLATFORMS = {"armv6l": "linux_armv6l"}
CORE = "edgelstm/runtime/libedgelstm.so"
PLAIN = "float el_version(float x) { return x * 2; }\n"


def library(folder, architecture, options="-nostdlib", source=PLAIN):
    """The bytes of a library for that architecture."""
    compiler, *given = COMPILERS[architecture].split()
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is missing")
    (folder / "x.c").write_text(source)
    command = [compiler, *given, "-O1", "-shared", "-fPIC", "-o", folder / "x.so", folder / "x.c", *options.split()]
    subprocess.run(command, check=True, stderr=subprocess.PIPE)
    return (folder / "x.so").read_bytes()


def make_wheel(folder, tag, contents, version="0.1.0", said=None):
    path = folder / f"edgelstm-{version}-py3-none-{tag}.whl"
    tags = "".join(
        f"Tag: {one}\n" for one in ([f"py3-none-{one}" for one in tag.split(".")] if said is None else said)
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"edgelstm-{version}.dist-info/WHEEL", f"Wheel-Version: 1.0\n{tags}")
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_wheel_for_each_board_passes(tmp_path, architecture):
    tag = PLATFORMS.get(architecture, f"manylinux_2_17_{architecture}")
    path = make_wheel(tmp_path, tag, {CORE: library(tmp_path, architecture), "edgelstm/__init__.py": b""})
    wheel = check_wheel(path, architecture)
    assert (wheel.version, wheel.platforms, wheel.architecture) == ("0.1.0", (tag,), architecture)
    assert wheel.libraries[CORE].exports == ("el_version",)
    assert wheel.glibc == (0, 0)
    assert find_wheel(architecture, "glibc 2.17", [tmp_path], version="0.1.0") == path


@pytest.mark.parametrize(
    ("named", "built", "options", "expected"),
    [
        ("aarch64", "armv7l", "-nostdlib", "for arm of 32 bits, expected aarch64 of 64"),
        ("armv7l", "aarch64", "-nostdlib", "for aarch64 of 64 bits, expected arm of 32"),
        ("armv6l", "armv7l", "-nostdlib", "CPU architecture 10 (Tag_CPU_arch), expected ARMv6"),
        ("armv6l", "armv6l", "-nostdlib -mfpu=vfpv3", "floating point 3 (Tag_FP_arch), expected VFPv2"),
        ("armv6l", "armv6l", "-nostdlib -mfloat-abi=softfp", "expected the hard-float ABI"),
        ("armv7l", "armv7l", "-nostdlib -mfpu=neon-vfpv4", "floating point 5 (Tag_FP_arch), expected VFPv3"),
        ("armv7l", "armv7l", "-nostdlib -march=armv8-a -mfpu=neon", "CPU architecture 14 (Tag_CPU_arch)"),
    ],
)
def test_a_library_for_another_processor_is_refused(tmp_path, named, built, options, expected):
    tag = PLATFORMS.get(named, f"manylinux_2_17_{named}")
    path = make_wheel(tmp_path, tag, {CORE: library(tmp_path, built, options)})
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        check_wheel(path, named)
    assert str(caught.value).startswith(f"{path}: {CORE}: ")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("source", "options", "expected"),
    [
        ("int helper(void) { return 1; }\n", "-nostdlib", "exports helper, expected names that begin with el_"),
        ("__attribute__((visibility(\"hidden\"))) int el_x(void) { return 1; }\n", "-nostdlib", "exports nothing"),
        ("#include <math.h>\ndouble el_x(double x) { return pow(x, x); }\n", "-lm -Wl,--no-as-needed -lgcc_s",
         "needs libgcc_s.so.1, expected the C library alone"),
    ],
)  # fmt: skip
def test_what_a_library_asks_and_offers_is_bounded(tmp_path, source, options, expected):
    path = make_wheel(tmp_path, "linux_aarch64", {CORE: library(tmp_path, "aarch64", options, source)})
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        check_wheel(path, "aarch64")
    assert expected in str(caught.value)


def test_newer_symbols_than_the_name_says_are_refused(tmp_path):
    """glibc has a new `pow` since 2.29."""
    data = library(tmp_path, "aarch64", "-lm", "#include <math.h>\ndouble el_x(double x) { return pow(x, x); }\n")
    plain = make_wheel(tmp_path, "linux_aarch64", {CORE: data})
    assert check_wheel(plain, "aarch64").glibc == (2, 29)
    assert find_wheel("aarch64", "glibc 2.31", [tmp_path], version="0.1.0") == plain
    with pytest.raises(ValueError, match=r"needs glibc 2\.29, the board has 2\.28"):
        find_wheel("aarch64", "glibc 2.28", [tmp_path], version="0.1.0")
    named = make_wheel(tmp_path, "manylinux_2_17_aarch64", {CORE: data})
    with pytest.raises(ValueError, match=r"needs glibc 2\.29, its name says manylinux_2_17_aarch64"):
        check_wheel(named, "aarch64")


def test_the_right_wheel_is_found(tmp_path):
    data = library(tmp_path, "aarch64")
    older, newer = tmp_path / "older", tmp_path / "newer"
    for folder in (older, newer):
        folder.mkdir()
    make_wheel(newer, "linux_aarch64", {CORE: data}, "0.2.0")
    best = make_wheel(newer, "manylinux_2_17_aarch64.manylinux2014_aarch64", {CORE: data}, "0.2.0")
    make_wheel(newer, "manylinux_2_17_x86_64", {CORE: data}, "0.2.0")
    make_wheel(older, "manylinux_2_17_aarch64", {CORE: data}, "0.1.0")
    (newer / "edgelstm-notes.whl").write_text("no wheel, and no name of one")
    assert find_wheel("aarch64", "glibc 2.36", [tmp_path / "nowhere", older, newer], version="0.2.0") == best
    with pytest.raises(
        FileNotFoundError, match=r"^no wheel of edgelstm 0\.3\.0 for aarch64 in .*only 0\.1\.0, 0\.2\.0"
    ):
        find_wheel("aarch64", "glibc 2.36", [older, newer], version="0.3.0")
    with pytest.raises(FileNotFoundError, match=r"for armv7l in .*`make wheels` builds them"):
        find_wheel("armv7l", "glibc 2.36", [older, newer], version="0.2.0")


@pytest.mark.parametrize(
    ("architecture", "libc", "expected"),
    [
        ("riscv64", "glibc 2.36", "no wheels for 'riscv64', expected one of x86_64, aarch64, armv7l, armv6l"),
        ("aarch64", "musl", "C library is 'musl', expected glibc 2.17 or newer"),
        ("aarch64", "glibc 2", "C library is 'glibc 2'"),
        ("aarch64", "", "C library is ''"),
    ],
)
def test_a_machine_without_wheels_is_told(tmp_path, architecture, libc, expected):
    with pytest.raises(ValueError, match=expected):
        find_wheel(architecture, libc, [tmp_path])


@pytest.mark.parametrize(
    ("tag", "contents", "said", "expected"),
    [
        ("linux_aarch64", {}, None, f"has no {CORE}"),
        ("linux_aarch64", {CORE: b"text"}, None, f"{CORE}: no ELF file"),
        ("linux_aarch64", {"../x": b""}, None, "holds a file named '../x'"),
        ("linux_aarch64", {"/etc/x": b""}, None, "holds a file named '/etc/x'"),
        ("linux_aarch64", {}, ["py3-none-any"], "its tags are py3-none-any, its name says py3-none-linux_aarch64"),
        ("linux_aarch64", {}, [], "its tags are none"),
        ("linux_armv7l", {}, None, "a wheel for linux_armv7l, expected one for aarch64"),
        ("linux_aarch64", {"x": b"\0" * (65 << 20)}, None, "over 2000 files or 64 MiB"),
        ("linux_aarch64", {str(n): b"" for n in range(2001)}, None, "over 2000 files or 64 MiB"),
    ],
    ids=lambda value: f"{len(value)} files" if isinstance(value, dict) else str(value)[:30],
)
def test_a_wheel_that_is_not_what_it_says_is_refused(tmp_path, tag, contents, said, expected):
    path = make_wheel(tmp_path, tag, contents, said=said)
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        check_wheel(path, "aarch64")
    assert expected in str(caught.value)


def test_what_is_no_wheel_is_refused(tmp_path):
    path = tmp_path / "edgelstm-0.1.0-py3-none-linux_aarch64.whl"
    path.write_bytes(b"no zip")
    with pytest.raises(ValueError, match="no wheel"):
        check_wheel(path, "aarch64")
    with pytest.raises(FileNotFoundError):
        check_wheel(tmp_path / "edgelstm-0.2.0-py3-none-linux_aarch64.whl", "aarch64")
    with pytest.raises(ValueError, match="expected a name like"):
        check_wheel(tmp_path / "other-0.1.0-py3-none-linux_aarch64.whl", "aarch64")


def test_a_damaged_wheel_is_refused(tmp_path):
    path = make_wheel(tmp_path, "linux_aarch64", {CORE: library(tmp_path, "aarch64")})
    whole = path.read_bytes()
    check_wheel(path, "aarch64")
    middle = whole.index(b"\x7fELF") + 500
    for damaged in (whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :], whole[:-30], whole[:middle]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="no wheel"):
            check_wheel(path, "aarch64")
