"""Whoever reads our output may leave: that ends a command quietly."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", [["export", "--list"], ["boards"], ["boards", "pi-5"], ["--help"]], ids=" ".join)
def test_a_reader_that_has_left_is_no_failure(command: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    program = [sys.executable, "-c", "from edgelstm.cli import main; main()", *command]
    try:
        done = subprocess.run(program, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
