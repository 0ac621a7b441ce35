"""An engine's remarks that nobody asked for do not come to stderr; all else does."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edgelstm.export import find_form
from edgelstm.runtime.engines.quiet import quiet_once
from random_models import random_model


def test_only_the_first_infos_of_an_engine_are_dropped(capfd):
    said = "INFO: made\nWARNING: odd\nINFO: once more\nlast line"
    for expected in ("WARNING: odd\nlast line", said):
        with quiet_once("an engine"):
            os.write(2, said.encode())
        assert capfd.readouterr().err == expected


def test_an_error_within_gives_stderr_back(capfd):
    def refuses():
        with quiet_once("another"):
            os.write(2, b"ERROR: why\n")
            raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        refuses()
    os.write(2, b"and on\n")
    assert capfd.readouterr().err == "ERROR: why\nand on\n"


def test_threads_that_open_files_at_once_take_turns(capfd):
    def open_one(number):
        with quiet_once("a third"):
            os.write(2, f"line {number}\n".encode())

    threads = [threading.Thread(target=open_one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(capfd.readouterr().err.splitlines()) == [f"line {number}" for number in range(8)]


@pytest.mark.parametrize("end", ["", "2>&-"])
def test_a_stream_of_a_tflite_file_says_nothing_on_stderr(tmp_path, end):
    pytest.importorskip("ai_edge_litert")
    model = random_model(3, [4], [2])
    (tmp_path / "m.tflite").write_bytes(find_form("tflite", "float32").encode(model))
    (tmp_path / "frames.csv").write_text("1,2,3\n")
    command = f"exec {sys.executable} -m edgelstm stream m.tflite frames.csv {end}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


def test_onnxruntime_tells_nobody_and_leaves_nothing_in_the_home(tmp_path):
    """In a process of its own: it begins when it is imported."""
    pytest.importorskip("onnxruntime")
    (tmp_path / "home").mkdir()
    path = tmp_path / "m.onnx"
    path.write_bytes(find_form("onnx", "float32").encode(random_model(3, [4], [2])))
    program = "import sys; from edgelstm.runtime.engines.open import open_model; open_model(sys.argv[1])"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    for home in (tmp_path / "home", Path("/proc/self")):  # the second takes no files
        done = subprocess.run(
            [sys.executable, "-c", program, path],
            env={**environment, "HOME": str(home)},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list((tmp_path / "home").iterdir()) == []
