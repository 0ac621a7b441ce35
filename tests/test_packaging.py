"""Wheel, sdist and editable install, from outside the checkout, in environments of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from edgelstm.export.elstm import encode
from edgelstm.quantization import quantize
from random_models import random_model

ROOT = Path(__file__).parent.parent

STREAM = """
import importlib.util, sys
import numpy as np
import edgelstm.devices
from edgelstm.runtime import Model
stream = Model(sys.argv[1]).stream()
print(stream.push(np.zeros((3, 4), np.float32)).shape, stream.frames)
for name in ("onnx", "onnxruntime", "ai_edge_litert", "tflite_runtime", "flatbuffers"):
    assert importlib.util.find_spec(name) is None, name
assert "edgelstm.model" not in sys.modules and "edgelstm.cli" not in sys.modules
"""


def run(*command: str | Path, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PIP_REQUIRE_VIRTUALENV")}
    environment["CMAKE_ARGS"] = "-DEDGELSTM_SIMD=OFF"  # what is packed is looked at here, not how fast it runs
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def unpacked(sdist: Path) -> Path:
    """The sdist's checkout, so that what is missing there shows."""
    run("tar", "-xzf", sdist, cwd=sdist.parent)
    return sdist.with_name(sdist.name.removesuffix(".tar.gz"))


def settings(unpacked: Path) -> list[str]:
    """pip's for a build without optimization, in one folder for whatever is built: it compiles once."""
    said = ("cmake.build-type=Debug", f"build-dir={unpacked.parent / 'build'}")
    return [f"--config-settings={one}" for one in said]  # whose short form Debian 12's pip lacks


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation")
    run(*pip, *settings(unpacked), "-w", folder, unpacked, cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "m.elstm"
    path.write_bytes(encode(quantize(random_model(4, [9], [3]))))
    return path


def empty_environment(folder: Path) -> tuple[Path, Path]:
    """The Python of a new environment, and where its packages lie. It is filled by the pip of this one."""
    venv.create(folder / "venv")
    python = folder / "venv/bin/python"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return python, Path(run(python, "-c", where, cwd=folder).strip())


def install(python: Path, *what: str | Path, cwd: Path) -> None:
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "--disable-pip-version-check",
        "install",
        "-q",
        "--no-deps",
        "--no-compile",
    )
    run(*pip, *what, cwd=cwd)


def ours() -> list[Path]:
    """The folders in which the tests' own environment finds its packages."""
    return [Path(path) for path in sys.path if path.endswith(("site-packages", "dist-packages"))]


def metadata(wheel: Path) -> list[str]:
    """The lines of its METADATA."""
    with zipfile.ZipFile(wheel) as held:
        name = next(name for name in held.namelist() if name.endswith(".dist-info/METADATA"))
        return held.read(name).decode().splitlines()


def test_one_wheel_for_every_python(wheel: Path) -> None:
    python, abi, platform = wheel.stem.split("-")[-3:]
    assert (python, abi) == ("py3", "none")
    assert platform.startswith(("linux_", "manylinux", "macosx"))
    names = zipfile.ZipFile(wheel).namelist()
    assert "edgelstm/runtime/libedgelstm.so" in names
    assert "edgelstm/runtime/include/edgelstm.h" in names
    assert "edgelstm/recipes/watch.toml" in names
    boards = ROOT.glob("devices/boards/*.toml")
    found = {name for name in names if "/boards/" in name and name.endswith(".toml")}
    assert {f"edgelstm/devices/boards/{board.name}" for board in boards} == found
    assert "edgelstm/py.typed" in names
    strays = [n for n in names if n.endswith((".c", ".a", ".txt", ".npz")) and "dist-info" not in n]
    assert not strays
    assert not [n for n in names if n.split("/")[0] in ("export", "runtime", "devices", "tests")]


def test_a_board_needs_numpy_and_click_alone(wheel: Path, model_file: Path, tmp_path: Path) -> None:
    """Those of this environment, linked: no index is asked."""
    python, packages = empty_environment(tmp_path)
    needed = [line for line in metadata(wheel) if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert sorted(re.split(r"[ :<>=]+", line)[1] for line in needed) == ["click", "numpy"]
    install(python, wheel, cwd=tmp_path)
    for name in ("numpy", "numpy.libs", "click"):
        found = next((folder / name for folder in ours() if (folder / name).exists()), None)
        if found:
            (packages / name).symlink_to(found)
    assert run(python, "-c", STREAM, model_file, cwd=tmp_path) == "(3, 3) 3\n"
    command = python.parent / "edgelstm"
    frames = tmp_path / "frames.csv"
    frames.write_text("x3,x0,x1,x2\n1,2,3,4\n")
    assert '"label"' in run(command, "stream", model_file, frames, cwd=tmp_path)
    assert "libedgelstm" not in run(command, "boards", cwd=tmp_path)
    assert "memory" in run(command, "inspect", model_file, cwd=tmp_path)


def test_an_editable_install_works_from_anywhere(unpacked: Path, model_file: Path, tmp_path: Path) -> None:
    """With the dependencies of this environment: what is new is where the package comes from."""
    python, packages = empty_environment(tmp_path)
    (packages / "tools.pth").write_text("".join(f"{folder}\n" for folder in ours()))
    install(python, "--no-build-isolation", "--ignore-installed", *settings(unpacked), "-e", unpacked, cwd=tmp_path)
    found = run(python, "-c", "import edgelstm.runtime as r; print(r.__file__)", cwd=tmp_path).strip()
    assert Path(found) == unpacked / "runtime/__init__.py"
    code = "import sys; from edgelstm.runtime import Model; print(Model(sys.argv[1]).stream().frames)"
    assert run(python, "-c", code, model_file, cwd=tmp_path) == "0\n"
    code = "from edgelstm.devices.boards.profile import board; print(board('pi-5').soc)"
    assert run(python, "-c", code, cwd=tmp_path) == "BCM2712\n"
