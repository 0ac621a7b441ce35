"""What a machine says of itself, from trees of files as boards have them."""

import os

import pytest

from edgelstm.devices.machine.conditions import read_conditions
from edgelstm.records import Unavailable


def put(root, path, content):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def test_power_of_each_sensor(tmp_path):
    put(tmp_path, "sys/class/hwmon/hwmon0/name", "cpu_thermal\n")
    put(tmp_path, "sys/class/hwmon/hwmon0/temp1_input", "48000\n")
    put(tmp_path, "sys/class/hwmon/hwmon1/name", "ina219\n")
    put(tmp_path, "sys/class/hwmon/hwmon1/power1_input", "2512000\n")  # µW
    put(tmp_path, "sys/class/hwmon/hwmon2/name", "ina3221\n")
    put(tmp_path, "sys/class/hwmon/hwmon2/in1_input", "5040\n")  # mV
    put(tmp_path, "sys/class/hwmon/hwmon2/curr1_input", "500\n")  # mA
    put(tmp_path, "sys/class/hwmon/hwmon2/in2_input", "5000\n")
    put(tmp_path, "sys/class/hwmon/hwmon2/curr2_input", "100\n")
    assert read_conditions(tmp_path).power_w == {"ina219": 2.512, "ina3221": 2.52, "ina3221 2": 0.5}


def test_a_bare_machine_says_why_it_does_not_know(tmp_path):
    found = read_conditions(tmp_path)
    for figure in (found.clock_mhz, found.governor, found.temperature_c, found.throttling, found.power_w, found.load):
        assert isinstance(figure, Unavailable)
        assert figure.reason
    assert "/sys/class/hwmon" in found.power_w.reason


def test_the_load(tmp_path):
    put(tmp_path, "proc/loadavg", "0.52 0.40 0.28 2/101 7631\n")
    assert read_conditions(tmp_path).load == 0.52


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("throttled=0x0", ()),
        ("throttled=0x1", ("under-voltage",)),
        ("throttled=0x2", ("frequency capped",)),
        ("throttled=0x4", ("throttled",)),
        ("throttled=0x8", ("soft temperature limit",)),
        (
            "throttled=0xF0000",
            (
                "under-voltage since boot",
                "frequency capped since boot",
                "throttled since boot",
                "soft temperature limit since boot",
            ),
        ),
        ("throttled=0x50005", ("under-voltage", "throttled", "under-voltage since boot", "throttled since boot")),
    ],
)
def test_the_pi_firmwares_bits_are_told_one_by_one(tool, printed, expected):
    tool(f'#!/bin/sh\n[ "$*" = get_throttled ] && echo "{printed}"\n')
    assert read_conditions("/").throttling == expected


@pytest.mark.parametrize(
    "script",
    [
        "#!/bin/sh\necho VCHI initialization failed\nexit 255\n",
        "#!/bin/sh\necho throttled=everything\n",
        "#!/nowhere/sh\n",
        "#!/bin/sh\necho throttled=0x5\nexit 1\n",
    ],
)
def test_a_tool_that_fails_is_no_reading(tool, script):
    """On this machine there is no Raspberry Pi's firmware behind it either."""
    tool(script)
    found = read_conditions("/").throttling
    assert not isinstance(found, tuple) or not any("voltage" in word for word in found)


@pytest.fixture
def tool(tmp_path, monkeypatch):
    def make(script):
        file = tmp_path / "vcgencmd"
        file.write_text(script)
        file.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return make
