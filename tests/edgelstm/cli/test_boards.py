"""`edgelstm boards` on the machine that runs the tests."""

import json
import os
import platform
import re
from dataclasses import replace

import pytest

from edgelstm.cli import main
from edgelstm.devices import detect
from edgelstm.devices.boards.profile import boards
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
    assert f"{len(os.sched_getaffinity(0))} for this process" in " ".join(out.split())


def test_boards_as_json(run):
    code, out, _ = run("--json")
    found = json.loads(out)
    assert (code, found["version"]) == (0, 1)
    assert found["board"]["name"] == detect().name
    assert found["kernel"] == kernel_name()
    assert set(found["now"]) >= {"clock_mhz", "governor", "temperature_c", "throttling"}
    assert [one["id"] for one in found["profiles"]] == [one.id for one in boards()]


def test_every_known_board_has_a_line(run):
    _, out, _ = run()
    for one in boards():
        (line,) = re.findall(rf"^[ →] {one.id} .*$", out, re.MULTILINE)
        assert one.cores[0].name in line
        assert one.cores[0].kernel(one.cores[0].architectures[0]) in line


def test_a_machine_that_is_a_known_board(run, monkeypatch):
    machine = replace(detect(), name="Raspberry Pi 5 Model B Rev 1.0", known_by="device tree", emulated=True)
    monkeypatch.setattr("edgelstm.devices.detect", lambda: machine)
    _, out, _ = run()
    assert re.search(r"^known as +Raspberry Pi 5 \(pi-5\)$", out, re.MULTILINE)
    assert re.search(r"^emulated +yes: times mean nothing$", out, re.MULTILINE)
    assert re.findall(r"^→ (\S+)", out, re.MULTILINE) == ["pi-5"]
    assert json.loads(run("--json")[1])["known_as"] == "pi-5"


def test_one_board_with_its_sources(run):
    code, out, err = run("pi-zero-2w")
    assert (code, err) == (0, "")
    for words in ("4 × Cortex-A53 1000 MHz", "L2 512 KiB shared", "copy 1300, fill 1570, read 2114 MB/s",
                  "aarch64: neon; armv7l: neon", "bcm2837.dtsi", "sbc-bench"):  # fmt: skip
        assert words in out
    _, out, _ = run("orange-pi-5")
    assert "no read: " in out
    assert out.count("4 × Cortex-A") == 2


def test_one_board_as_json(run):
    profile = json.loads(run("pi-5", "--json")[1])["profile"]
    assert profile["cores"][0]["kernels"] == {"aarch64": "dotprod", "armv7l": "neon"}
    assert profile["cores"][0]["bandwidth"]["read"]["available"] is False


@pytest.mark.parametrize("arguments", [["--frobnicate"], ["extra"], ["pi-5", "pi-4b"], ["../pi-5"], [""]])
def test_boards_takes_no_nonsense(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_help_has_an_example(run):
    code, out, _ = run("--help")
    assert code == 0
    assert "Example:" in out
