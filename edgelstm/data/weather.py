"""Hourly weather: a typical year at Greensboro, North Carolina, of twelve months of 1980 to 2003.

S. Wilcox and W. Marion, "Users manual for TMY3 data sets", NREL/TP-581-43156, 2008. Each month is the most typical
of its name, measured at the airport, so that months that follow one another are of different years: here each is a
recording of its own. The file comes inside the wheel of pvlib 0.16.1 (BSD 3-clause) as CSV.
"""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.recordings import Recording, Recordings

MEMBER = "pvlib/data/723170TYA.CSV"
MAX_BYTES = 8 << 20
HOURS = 8760
SOURCE = "pvlib 0.16.1, 723170TYA.CSV (BSD 3-clause package); NREL, TMY3 data sets, 2008"
MEASURED = {
    "temperature": ("Dry-bulb (C)", "°C"),
    "dew point": ("Dew-point (C)", "°C"),
    "pressure": ("Pressure (mbar)", "hPa"),
    "wind": ("Wspd (m/s)", "m/s"),
    "sun": ("GHI (W/m^2)", "W/m²"),
    "clouds": ("TotCld (tenths)", "tenths"),
}
_DIRECTION = "Wdir (degrees)"
_DATE, _TIME = "Date (MM/DD/YYYY)", "Time (HH:MM)"
_CIRCLES = ("wind from east", "wind from north", "hour sine", "hour cosine", "year sine", "year cosine")
"""What goes round: wind as two components (m/s), the hour of the day and the day of the year as two each."""

Floats = NDArray[np.float64]


def read_weather(wheel: Path | str) -> Recordings:
    """The months inside a pvlib 0.16.1 wheel, which need not be installed, a frame an hour.

    Raises FileNotFoundError or OSError without the file, ValueError when it is another one.
    """
    wheel = Path(wheel)
    try:
        with zipfile.ZipFile(wheel) as archive:
            size = archive.getinfo(MEMBER).file_size
            if size > MAX_BYTES:
                raise ValueError(f"{MEMBER} has {size} bytes, expected at most {MAX_BYTES}")
            return _months(archive.read(MEMBER).decode("ascii"))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(f"{wheel}: not the wheel of pvlib 0.16.1 ({str(error).splitlines()[0]})") from None


def _months(text: str) -> Recordings:
    rows = list(csv.DictReader(io.StringIO(text.partition("\n")[2])))  # the first line tells of the place
    if len(rows) != HOURS:
        raise ValueError(f"{len(rows)} hours, expected {HOURS}")
    frames = np.column_stack([*(_numbers(rows, column) for column, _ in MEASURED.values()), *_circles(rows)])
    months = [f"{row[_DATE][6:]}-{row[_DATE][:2]}" for row in rows]
    return Recordings(
        tuple(
            Recording(month, frames[np.array(months) == month].astype(np.float32)) for month in dict.fromkeys(months)
        ),
        (*MEASURED, *_CIRCLES),
        (*(unit for _, unit in MEASURED.values()), "m/s", "m/s", *[""] * 4),
        sample_rate=1 / 3600,
        name="weather",
        source=SOURCE,
    )


def _numbers(rows: list[dict[str, str]], column: str) -> Floats:
    found = np.array([float(row[column]) for row in rows])
    if not np.isfinite(found).all():
        raise ValueError(f"{column}: not finite")
    return found


def _circles(rows: list[dict[str, str]]) -> list[Floats]:
    speed, direction = _numbers(rows, MEASURED["wind"][0]), np.radians(_numbers(rows, _DIRECTION))
    hour = 2 * np.pi / 24 * np.array([int(row[_TIME][:2]) for row in rows])
    day = 2 * np.pi / HOURS * np.arange(HOURS)
    return [f(angle) * size for angle, size in ((direction, speed), (hour, 1), (day, 1)) for f in (np.sin, np.cos)]
