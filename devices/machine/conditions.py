"""Under what conditions a machine computes at this moment: clock, temperature, throttling, power, load."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edgelstm.devices.machine.sysfs import Tree
from edgelstm.records import Unavailable

_PI_TOOL = "vcgencmd"
_PI_TOOL_SECONDS = 2.0  # a firmware that hangs must not hang a profile
_PI_THROTTLED = "/sys/devices/platform/soc/soc:firmware/get_throttled"
_PI_BITS = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
    16: "under-voltage since boot",
    17: "frequency capped since boot",
    18: "throttled since boot",
    19: "soft temperature limit since boot",
}
"""As the Raspberry Pi's firmware defines them (`vcgencmd get_throttled`)."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """A moment's readings."""

    clock_mhz: dict[str, float] | Unavailable  # by core
    governor: str | Unavailable  # the first core's
    temperature_c: dict[str, float] | Unavailable  # by thermal zone
    throttling: tuple[str, ...] | Unavailable  # what holds the machine back; empty where nothing does
    power_w: dict[str, float] | Unavailable  # by sensor
    load: float | Unavailable  # processes that ran or wanted to, the mean of the last minute


def highest(values: dict[str, float] | Unavailable) -> float | Unavailable:
    """The largest of several sensors."""
    if isinstance(values, Unavailable):
        return values
    return max(values.values()) if values else Unavailable("no sensor")


def read_conditions(root: str | Path = "/") -> Conditions:
    tree = Tree(root)
    return Conditions(
        clock_mhz=_clocks(tree),
        governor=tree.text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        temperature_c=_temperatures(tree),
        throttling=_throttling(tree),
        power_w=_power(tree),
        load=_load(tree),
    )


def _clocks(tree: Tree) -> dict[str, float] | Unavailable:
    clocks = {}
    for core in tree.folders("/sys/devices/system/cpu", "cpu[0-9]*"):
        khz = tree.number(f"{core}/cpufreq/scaling_cur_freq")
        if not isinstance(khz, Unavailable):
            clocks[core.rpartition("/")[2]] = khz / 1000
    return clocks or Unavailable("no /sys/devices/system/cpu/cpu*/cpufreq/scaling_cur_freq")


def _temperatures(tree: Tree) -> dict[str, float] | Unavailable:
    zones: dict[str, float] = {}
    for zone in tree.folders("/sys/class/thermal", "thermal_zone*"):
        millidegrees, name = tree.number(f"{zone}/temp"), tree.text(f"{zone}/type")
        if not isinstance(millidegrees, Unavailable):
            known = not isinstance(name, Unavailable) and name not in zones
            zones[str(name) if known else zone.rpartition("/")[2]] = millidegrees / 1000
    return zones or Unavailable("no /sys/class/thermal/thermal_zone*/temp that can be read")


def _throttling(tree: Tree) -> tuple[str, ...] | Unavailable:
    bits = _pi_tool() if tree.root == Path("/") else Unavailable(f"{_PI_TOOL} tells of this machine alone")
    if isinstance(bits, Unavailable):
        bits = tree.number(_PI_THROTTLED, 16)
    if not isinstance(bits, Unavailable):
        return tuple(words for bit, words in _PI_BITS.items() if bits >> bit & 1)
    times = tree.number("/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count")
    if not isinstance(times, Unavailable):
        return (f"throttled {times} times since boot",) if times else ()
    return Unavailable(f"neither {_PI_TOOL}, the Raspberry Pi's get_throttled nor a core_throttle_count under /sys")


def _pi_tool() -> int | Unavailable:
    """The bits that `vcgencmd get_throttled` prints as throttled=0x50000."""
    tool = shutil.which(_PI_TOOL)
    if tool is None:
        return Unavailable(f"no {_PI_TOOL}")
    try:
        done = subprocess.run(  # noqa: S603
            [tool, "get_throttled"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_PI_TOOL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Unavailable(f"{_PI_TOOL}: {type(error).__name__}")
    match = re.fullmatch(rb"throttled=(0x[0-9a-fA-F]{1,8})\s*", done.stdout)
    if done.returncode or match is None:  # a user outside the group video may not ask
        return Unavailable(f"{_PI_TOOL} get_throttled gave no bits")
    return int(match[1], 16)


def _power(tree: Tree) -> dict[str, float] | Unavailable:
    """Watts of each hwmon sensor that shows power, or voltage and current of one supply."""
    found: dict[str, float] = {}
    for folder in tree.folders("/sys/class/hwmon", "hwmon*"):
        name = tree.text(f"{folder}/name")
        name = folder.rpartition("/")[2] if isinstance(name, Unavailable) else name
        for n in (1, 2, 3):
            watts = _watts(tree, folder, n)
            if watts is not None:
                found[f"{name} {n}" if n > 1 or name in found else name] = watts
    return found or Unavailable("no sensor of /sys/class/hwmon shows power")


def _watts(tree: Tree, folder: str, n: int) -> float | None:
    for file in (f"power{n}_input", f"power{n}_average"):
        microwatts = tree.number(f"{folder}/{file}")
        if not isinstance(microwatts, Unavailable):
            return microwatts / 1e6
    millivolts, milliamperes = tree.number(f"{folder}/in{n}_input"), tree.number(f"{folder}/curr{n}_input")
    if isinstance(millivolts, Unavailable) or isinstance(milliamperes, Unavailable):
        return None
    return millivolts * milliamperes / 1e6


def _load(tree: Tree) -> float | Unavailable:
    text = tree.text("/proc/loadavg")
    if isinstance(text, Unavailable):
        return text
    match = re.match(r"[0-9]{1,9}\.[0-9]{1,9}", text)
    return float(match[0]) if match else Unavailable("/proc/loadavg begins with no number")
