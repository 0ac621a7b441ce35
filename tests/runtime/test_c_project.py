"""The C core as C and C++ projects find it: installed, linked by CMake and pkg-config, streaming a model."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgelstm.data import Dataset
from edgelstm.export.elstm import encode
from edgelstm.model import Model
from edgelstm.quantization import quantize
from edgelstm.runtime import Model as RuntimeModel

ROOT = Path(__file__).parent.parent.parent


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
    """The core, installed; then moved, as a package or a board's root file system would be."""
    folder = tmp_path_factory.mktemp("core")
    run(tool("cmake"), "-S", ROOT / "runtime/core", "-B", folder / "build")
    run("cmake", "--build", folder / "build", "--parallel", "2")
    run("cmake", "--install", folder / "build", "--prefix", folder / "installed")
    return (folder / "installed").rename(folder / "moved")


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
@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_the_example_answers_as_python_does(
    prefix: Path,
    tmp_path: Path,
    watch: Dataset,
    watch_model: Model,
    build: Callable[[Path, Path], Path],
    precision: str,
) -> None:
    model_file, csv = tmp_path / "m.elstm", tmp_path / "frames.csv"
    model_file.write_bytes(encode(quantize(watch_model) if precision == "int8" else watch_model))
    frames = watch.sequences[0]
    np.savetxt(csv, frames, fmt="%.9g", delimiter=",")
    program = build(prefix, tmp_path)
    out = run(program, model_file, csv, LD_LIBRARY_PATH=str(library_folder(prefix)))
    answers = np.array([line.split(",") for line in out.splitlines()], np.float32)
    assert len(answers) > 1
    np.testing.assert_array_equal(answers, RuntimeModel(model_file).stream().push(frames))

    damaged = tmp_path / "damaged.elstm"
    damaged.write_bytes(model_file.read_bytes()[:-1])
    done = subprocess.run(
        [program, damaged, csv],
        env={**os.environ, "LD_LIBRARY_PATH": str(library_folder(prefix))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "truncated" in done.stderr


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
