"""`edgelstm boards` on the machine that runs the tests."""

import json
import os
import platform
import re

import pytest

from edgelstm.cli import main
from edgelstm.devices import detect
from edgelstm.runtime import kernel_name


@pytest.fixture
def run(capfd):
    """(exit code, stdout, stderr) of a command in this process."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["boards", *arguments])
        return ended.value.code, *capfd.readouterr()

    return call


def test_boards_describes_this_machine(run):
    code, out, err = run()
    assert (code, err) == (0, "")
    assert platform.release() in out
    assert re.search(rf"^kernel +{kernel_name()}$", out, re.MULTILINE)
    assert f"{len(os.sched_getaffinity(0))} for this process" in out


def test_boards_as_json(run):
    code, out, _ = run("--json")
    found = json.loads(out)
    assert (code, found["version"]) == (0, 1)
    assert found["board"]["name"] == detect().name
    assert found["kernel"] == kernel_name()
    assert set(found["now"]) == {"clock_mhz", "governor", "temperature_c", "throttling"}


@pytest.mark.parametrize("arguments", [["--frobnicate"], ["extra"]])
def test_boards_takes_no_nonsense(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_help_has_an_example(run):
    code, out, _ = run("--help")
    assert code == 0
    assert "Example:" in out
