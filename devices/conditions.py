"""Under what conditions a machine computes at this moment: clock, temperature, throttling."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgelstm.devices.record import Missing
from edgelstm.devices.tree import Tree

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


@dataclass(frozen=True)
class Conditions:
    """A moment's readings."""

    clock_mhz: dict[str, float] | Missing  # by core
    governor: str | Missing  # the first core's
    temperature_c: dict[str, float] | Missing  # by thermal zone
    throttling: tuple[str, ...] | Missing  # what holds the machine back; empty where nothing does


def read_conditions(root: str | Path = "/") -> Conditions:
    tree = Tree(root)
    return Conditions(
        clock_mhz=_clocks(tree),
        governor=tree.text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        temperature_c=_temperatures(tree),
        throttling=_throttling(tree),
    )


def _clocks(tree: Tree) -> dict[str, float] | Missing:
    clocks = {}
    for core in tree.folders("/sys/devices/system/cpu", "cpu[0-9]*"):
        khz = tree.number(f"{core}/cpufreq/scaling_cur_freq")
        if not isinstance(khz, Missing):
            clocks[core.rpartition("/")[2]] = khz / 1000
    return clocks or Missing("no /sys/devices/system/cpu/cpu*/cpufreq/scaling_cur_freq")


def _temperatures(tree: Tree) -> dict[str, float] | Missing:
    zones: dict[str, float] = {}
    for zone in tree.folders("/sys/class/thermal", "thermal_zone*"):
        millidegrees, name = tree.number(f"{zone}/temp"), tree.text(f"{zone}/type")
        if not isinstance(millidegrees, Missing):
            known = not isinstance(name, Missing) and name not in zones
            zones[str(name) if known else zone.rpartition("/")[2]] = millidegrees / 1000
    return zones or Missing("no /sys/class/thermal/thermal_zone*/temp that can be read")


def _throttling(tree: Tree) -> tuple[str, ...] | Missing:
    bits = tree.number(_PI_THROTTLED, 16)
    if not isinstance(bits, Missing):
        return tuple(words for bit, words in _PI_BITS.items() if bits >> bit & 1)
    times = tree.number("/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count")
    if not isinstance(times, Missing):
        return (f"throttled {times} times since boot",) if times else ()
    return Missing("neither the Raspberry Pi's get_throttled nor a core_throttle_count under /sys")
