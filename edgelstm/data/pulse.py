"""A pulse with one anomaly: blood pressure over some forty beats, 7,501 frames, of which 12 are anomalous.

Series 135, "InternalBleeding16", of the archive by R. Wu and E. J. Keogh, "Current Time Series Anomaly Detection
Benchmarks are Flawed and are Creating the Illusion of Progress", IEEE TKDE 35, 2023. It comes inside the wheel of
aeon 1.6.0 as two CSV files: 1,200 normal frames to learn from, and the whole series, which begins with these. Here
the second recording is what follows them. The frame rate is not given; a beat is about 183 frames.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from edgelstm.data.recordings import Recording, Recordings

_FOLDER = "aeon/datasets/data/KDD-TSAD_135"
MEMBERS = tuple(f"{_FOLDER}/135_UCR_Anomaly_InternalBleeding16_{part}.csv" for part in ("TRAIN", "TEST"))
HEADER = "timestamp,value,is_anomaly"
MAX_BYTES = 1 << 20
LEARNED, ALL = 1200, 7501  # frames
LABELS = ("normal", "anomaly")
SOURCE = "aeon 1.6.0, KDD-TSAD 135 (BSD 3-clause package); UCR Time Series Anomaly Archive, Wu and Keogh 2023"


def read_pulse(wheel: Path | str) -> Recordings:
    """The two parts inside an aeon 1.6.0 wheel, which need not be installed; the second is to test on.

    Raises FileNotFoundError or OSError without the file, ValueError when it is another one.
    """
    wheel = Path(wheel)
    try:
        with zipfile.ZipFile(wheel) as archive:
            first, whole = (_part(archive, member) for member in MEMBERS)
        if not np.array_equal(whole[: len(first)], first):
            raise ValueError("the whole series does not begin with what is to be learned from")
        parts = {"first": whole[:LEARNED], "rest": whole[LEARNED:]}
        return Recordings(
            tuple(
                Recording(
                    name,
                    part[:, :1].astype(np.float32),
                    frame_labels=tuple(LABELS[int(odd)] for odd in part[:, 1]),
                    test=name == "rest",
                )
                for name, part in parts.items()
            ),
            ("pressure",),
            name="pulse",
            source=SOURCE,
        )
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(f"{wheel}: not the wheel of aeon 1.6.0 ({str(error).splitlines()[0]})") from None


def _part(archive: zipfile.ZipFile, member: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(frames, 2): value, and whether it is anomalous."""
    size = archive.getinfo(member).file_size
    if size > MAX_BYTES:
        raise ValueError(f"{member} has {size} bytes, expected at most {MAX_BYTES}")
    header, *lines = archive.read(member).decode("ascii").split()
    wanted = LEARNED if member == MEMBERS[0] else ALL
    if header != HEADER or len(lines) != wanted:
        raise ValueError(f"{member}: {len(lines)} lines after {header[:40]!r}, expected {wanted} after {HEADER!r}")
    found = np.array([[float(text) for text in line.split(",")] for line in lines])
    if found.shape != (wanted, 3) or not np.isfinite(found).all() or not np.isin(found[:, 2], (0, 1)).all():
        raise ValueError(f"{member}: expected a number and 0 or 1 in each line")
    return found[:, 1:]
