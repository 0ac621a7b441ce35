"""The typical year: the facts that are known of it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgelstm.data.npz_file import read_npz_file
from edgelstm.data.weather import MEMBER, read_weather

WEATHER = Path(__file__).parents[3] / "data" / "weather.npz"


@pytest.mark.skipif(not WEATHER.exists(), reason="data/weather.npz is made by `make data`")
def test_known_facts_of_the_year() -> None:
    year = read_npz_file(WEATHER)
    assert [len(r.frames) // 24 for r in year.recordings] == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert [r.name for r in year.recordings][:2] == ["1988-01", "1996-02"]  # as NREL chose them
    assert year.sample_rate == pytest.approx(1 / 3600)
    frames = dict(zip(year.names, np.concatenate([r.frames for r in year.recordings]).T, strict=True))
    assert (frames["temperature"].min(), frames["temperature"].max()) == pytest.approx((-16.7, 35.6))
    assert (frames["dew point"] <= frames["temperature"] + 0.5).all()
    assert np.hypot(frames["wind from east"], frames["wind from north"]) == pytest.approx(frames["wind"], abs=1e-5)
    noon = frames["hour cosine"] < -0.99
    assert frames["sun"][noon].min() > 0
    assert frames["sun"][frames["hour cosine"] > 0.8].max() == 0
    summer = frames["year cosine"] < -0.5
    assert frames["temperature"][summer].mean() > frames["temperature"][~summer].mean() + 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("place\nDate (MM/DD/YYYY),Time (HH:MM)\n01/01/1988,01:00\n", "1 hours, expected 8760"),
        ("", "0 hours"),
        ("place\nDate\n" + "01/01/1988\n" * 8760, "Dry-bulb"),
    ],
)
def test_another_file_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    wheel = tmp_path / "pvlib.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MEMBER, text)
    with pytest.raises(ValueError, match=f"not the wheel of pvlib 0.16.1 .*{message}") as caught:
        read_weather(wheel)
    assert "\n" not in str(caught.value)
