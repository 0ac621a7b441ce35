"""The C core as C and C++ projects find it: installed, linked by CMake and pkg-config, streaming a model."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from counts import some
from edgelstm.data import Dataset
from edgelstm.export.elstm import encode
from edgelstm.model import Answer, Model
from edgelstm.quantization import quantize
from edgelstm.runtime import Model as RuntimeModel
from mixed_models import SHAPES, shaped
from random_models import random_model, random_signal

ROOT = Path(__file__).parent.parent.parent
QUICKLY_BUILT = ("-DEDGELSTM_SIMD=OFF", "-DCMAKE_BUILD_TYPE=Debug")


def tool(name: str) -> str:
    """Path of a program, or the test is skipped."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [str(c) for c in command], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The core, installed; then moved, as a package or a board's root file system would be. How it is found is asked
    here, not how fast it runs: kernels of instruction sets and what is done for speed take most of a build."""
    folder = tmp_path_factory.mktemp("core")
    run(tool("cmake"), "-S", ROOT / "runtime/core", "-B", folder / "build", *QUICKLY_BUILT)
    run("cmake", "--build", folder / "build", "--parallel", "2")
    run("cmake", "--install", folder / "build", "--prefix", folder / "installed")
    return (folder / "installed").rename(folder / "moved")


@pytest.fixture(autouse=True)
def scalar_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Python answers with is what was built here: floats of other sets differ in the last bits."""
    monkeypatch.setenv("EDGELSTM_KERNEL", "scalar")


def library_folder(prefix: Path) -> Path:
    return next(prefix.rglob("libedgelstm.a")).parent


def test_what_is_installed(prefix: Path) -> None:
    folder = library_folder(prefix)
    assert (prefix / "include/edgelstm.h").exists()
    assert (folder / "libedgelstm.so").resolve().name == "libedgelstm.so.0.1.0"
    assert (folder / "libedgelstm.so.0").resolve().name == "libedgelstm.so.0.1.0"
    assert "libedgelstm.so.0]" in run(tool("readelf"), "-d", folder / "libedgelstm.so")


def by_cmake(prefix: Path, folder: Path) -> Path:
    run("cmake", "-S", ROOT / "examples/c", "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", folder)
    return folder / "stream_csv"


def by_pkg_config(prefix: Path, folder: Path) -> Path:
    where = str(library_folder(prefix) / "pkgconfig")
    flags = run(tool("pkg-config"), "--cflags", "--libs", "edgelstm", PKG_CONFIG_PATH=where).split()
    program = folder / "stream_csv"
    run(
        tool("cc"), "-std=c11", "-Wall", "-Wextra", "-Werror", ROOT / "examples/c/stream_csv.c", *flags, "-o", program
    )
    return program


@pytest.mark.parametrize("build", [by_cmake, by_pkg_config])
def test_the_example_answers_as_python_does(
    prefix: Path, tmp_path: Path, watch: Dataset, watch_model: Model, build: Callable[[Path, Path], Path]
) -> None:
    model_file, csv = tmp_path / "m.elstm", tmp_path / "frames.csv"
    frames = watch.sequences[0]
    np.savetxt(csv, frames, fmt="%.9g", delimiter=",")
    program = build(prefix, tmp_path)
    libraries = {"LD_LIBRARY_PATH": str(library_folder(prefix))}
    for content in (encode(quantize(watch_model)), encode(watch_model)):
        model_file.write_bytes(content)
        out = run(program, model_file, csv, **libraries)
        answers = np.array([line.split(",") for line in out.splitlines()], np.float32)
        assert len(answers) > 1
        np.testing.assert_array_equal(answers, RuntimeModel(model_file).stream().push(frames))

    model_file.write_bytes(content[:-1])
    done = subprocess.run([program, model_file, csv], env={**os.environ, **libraries}, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "truncated" in done.stderr


def test_the_example_takes_headers_and_says_what_is_wrong(prefix: Path, tmp_path: Path) -> None:
    program, csv, model_file = by_pkg_config(prefix, tmp_path), tmp_path / "frames.csv", tmp_path / "m.elstm"
    environment = {**os.environ, "LD_LIBRARY_PATH": str(library_folder(prefix))}
    frames = np.round(random_signal(9, 3), 3).astype(np.float32)
    rows = [",".join(f"{value:.9g}" for value in frame) for frame in frames]

    def streamed(
        text: str, answer: Answer, out: Path = tmp_path / "out", hop: str | None = None
    ) -> tuple[int, list[list[float]], str]:
        model_file.write_bytes(encode(random_model(3, [5], [2], answer=answer, frames=20)))
        csv.write_text(text)
        with out.open("wb") as to:
            command = [program, model_file, csv, *([] if hop is None else [hop])]
            done = subprocess.run(command, env=environment, stdout=to, stderr=subprocess.PIPE)
        lines = out.read_text().splitlines() if out.is_file() else []
        answers = [np.array(line.split(","), np.float32).tolist() for line in lines]
        return done.returncode, answers, done.stderr.decode()

    plain = streamed("\n".join(rows), Answer())
    assert plain == (0, RuntimeModel(model_file).stream().push(frames).tolist(), "")
    timed = "time,x0,x1,x2\n" + "".join(f"{n / 50},{row}\n" for n, row in enumerate(rows))
    for text in ("x0,x1,x2\n" + "\n".join(rows), timed, timed.replace("\n", "\r\n")):
        assert streamed(text, Answer()) == plain
    status, answers, said = streamed(timed, Answer("mean", 0, 0))
    assert (status, said) == (0, "")
    stream = RuntimeModel(model_file).stream()
    stream.push(frames)
    assert answers == [stream.answer().tolist()]
    status, answers, said = streamed(timed, Answer("mean", 0, 0), hop="2")
    assert (status, said) == (0, "")
    assert answers == RuntimeModel(model_file).stream(hop=2).push(frames).tolist()
    refused = "stream: pooling, window or hop are none that this model's answers can have\n"
    assert streamed(timed, Answer("mean", 20, 10), hop="3") == (1, [], refused)
    assert streamed(timed, Answer(), hop="3x") == (1, [], "3x: no whole number of frames\n")
    few = f"{csv}: no answer: 9 frames, the first needs 10\n"
    assert streamed(timed, Answer("mean", 20, 10)) == (0, [], few)
    assert streamed("", Answer("last", 0, 0)) == (0, [], f"{csv}: no answer: 0 frames, the first needs 1\n")
    for wrong in (f"{rows[0]}\n1,2\n", f"{rows[0]}\n1,2,3,4\n", f"{rows[0]}\nnan,1,2\n", f"{rows[0]}\n\n"):
        status, _, said = streamed(wrong, Answer())
        assert (status, said.count("\n")) == (1, 1)
        assert said.startswith(f"{csv} line 2: ")
    if (full := Path("/dev/full")).exists():
        assert streamed(timed, Answer(), full)[::2] == (1, "standard output: cannot be written\n")


def test_cplusplus_reads_the_header(prefix: Path, tmp_path: Path) -> None:
    source = tmp_path / "program.cpp"
    source.write_text("#include <edgelstm.h>\n#include <cstdio>\nint main() { std::puts(el_version()); }\n")
    folder = library_folder(prefix)
    run(
        tool("c++"),
        "-std=c++11",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        f"-I{prefix / 'include'}",
        source,
        folder / "libedgelstm.a",
        "-o",
        tmp_path / "program",
    )
    assert run(tmp_path / "program") == "0.1.0\n"


BARE = """
#include <edgelstm.h>
static _Alignas(EL_ALIGNMENT) unsigned char model_memory[EL_MODEL_SIZE], stream_memory[1024];
extern const unsigned char file[];
volatile float frame[3], answer[2];
unsigned char saved[256];
void _start(void) {
    el_model *model;
    el_stream *stream;
    if (el_model_open(model_memory, sizeof model_memory, file, 9999, 0, &model) == EL_OK &&
        el_stream_init(stream_memory, sizeof stream_memory, model, NULL, &stream) == EL_OK)
        while (el_stream_push(stream, (const float *)frame, 1, (float *)answer, 1, 0) == EL_OK)
            el_stream_save(stream, saved, sizeof saved);
    for (;;) {
    }
}
const unsigned char file[9999] __attribute__((aligned(EL_ALIGNMENT))) = {1};
"""


@pytest.mark.parametrize("cpu", some(["cortex-m0plus", "cortex-m4"]))  # the first has fewer instructions
def test_a_board_without_an_operating_system(tmp_path: Path, cpu: str) -> None:
    """Links without a single stub of a system call, and stays small: a floor and a ceiling."""
    compiler = tool("arm-none-eabi-gcc")
    options = ["-DEDGELSTM_FLOAT32=OFF", "-DEDGELSTM_SIMD=OFF", "-DCMAKE_BUILD_TYPE=MinSizeRel"]
    core = ROOT / "runtime/core"
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={core / 'cmake/arm-none-eabi.cmake'}"
    run(
        tool("cmake"),
        "-S",
        core,
        "-B",
        tmp_path,
        toolchain,
        f"-DEDGELSTM_CPU={cpu}",
        "-DEDGELSTM_WERROR=ON",
        *options,
    )
    run("cmake", "--build", tmp_path)
    library = tmp_path / "libedgelstm.a"
    rows = run("arm-none-eabi-size", "--totals", library).splitlines()
    code, data, zeroed = (int(n) for n in rows[-1].split()[:3])
    # Every kind of layer that int8 holds, inputs of 16 bits, windows begun anew, samples of one feature.
    assert 4_000 < code < 21_700
    assert (data, zeroed) == (0, 0)

    (tmp_path / "bare.c").write_text(BARE)
    flags = [f"-mcpu={cpu}", "-mthumb", "-Os", "-nostartfiles", "-Wl,--gc-sections", "-Wl,--fatal-warnings"]
    run(compiler, *flags, f"-I{core / 'include'}", tmp_path / "bare.c", library, "-o", tmp_path / "bare.elf")
    unresolved = run("arm-none-eabi-nm", "--undefined-only", tmp_path / "bare.elf")
    assert not unresolved
    names = run("arm-none-eabi-nm", tmp_path / "bare.elf")
    assert " el_stream_push" in names
    assert not [n for n in ("malloc", "_sbrk", "_write", "getenv", "sprintf") if f" {n}\n" in names]


def test_a_library_for_int8_alone_refuses_float32(tmp_path: Path, watch_model: Model) -> None:
    folder = tmp_path / "build"
    run(tool("cmake"), "-S", ROOT / "runtime/core", "-B", folder, "-DEDGELSTM_FLOAT32=OFF", *QUICKLY_BUILT)
    run("cmake", "--build", folder, "--parallel", "2")
    program, csv = tmp_path / "stream_csv", tmp_path / "frames.csv"
    source = ROOT / "examples/c/stream_csv.c"
    include = f"-I{ROOT / 'runtime/core/include'}"
    run(tool("cc"), "-std=c11", include, source, folder / "libedgelstm.a", "-o", program)
    csv.write_text("")
    model_file = tmp_path / "m.elstm"
    model_file.write_bytes(encode(quantize(watch_model)))
    assert run(program, model_file, csv) == ""
    for content in (encode(watch_model), *(encode(quantize(shaped(name))) for name in SHAPES)):
        model_file.write_bytes(content)
        done = subprocess.run([program, model_file, csv], capture_output=True, text=True)
        assert done.returncode == 1
        assert "a precision that this library was built without" in done.stderr
