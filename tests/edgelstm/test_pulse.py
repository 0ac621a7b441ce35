"""The anomaly in a pulse, by the recipe and the example that ship: found without a false alarm."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PULSE = ROOT / "data" / "pulse.npz"


@pytest.mark.skipif(not PULSE.exists(), reason="data/pulse.npz is made by `make data`")
def test_the_anomaly_is_found_without_a_false_alarm(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import pulse_anomaly

    monkeypatch.setattr(sys, "argv", ["pulse_anomaly.py", "--data", str(PULSE), "--seeds", "1"])
    assert pulse_anomaly.main() == 0
    *heads, change, level, floats, integers, core = capsys.readouterr().out.splitlines()
    assert len(heads) == 2
    for line in (floats, integers, core):
        _, _, rest = line.partition(" 1 of 1 ")  # found
        false, _, normal, peak = map(float, rest.split())
        assert false == 0
        assert peak > 2 > 1 > normal  # thresholds
    assert "1 of 1     0" in change  # the anomaly is easy
    assert "0 of 1" in level
