"""A model on what a board sends through a serial port, which is pulled out and put in again.

    python examples/serial_board.py MODEL [SECONDS]

A pseudo-terminal stands for the port: `edgelstm stream` knows no other difference. The board sends its header when it
starts, then a row for each frame, at the model's rate; half way through its plug is pulled. With a real one leave all
this and say `edgelstm stream MODEL --serial /dev/serial/by-id/…`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from edgelstm.runtime.engines.open import open_model


def send(port: int, rows: list[str], rate: float) -> None:
    """As a board does: a line whenever it has one."""
    for row in rows:
        os.write(port, row.encode() + b"\n")
        time.sleep(1 / rate)


def main(path: str, seconds: float) -> None:
    model = open_model(Path(path))
    rate = model.sample_rate or 50.0
    names = model.feature_names or tuple(f"x{n + 1}" for n in range(model.features))
    walk = np.random.default_rng(1).normal(size=(max(2, round(seconds * rate)), model.features)).cumsum(0)
    rows = [",".join(f"{value:.3f}" for value in row) for row in walk]
    half = len(rows) // 2
    with tempfile.TemporaryDirectory() as folder:
        plug = Path(folder, "board")
        near, far = os.openpty()
        plug.symlink_to(os.ttyname(far))
        command = [sys.executable, "-P", "-m", "edgelstm", "stream", path, "--serial", str(plug)]
        with subprocess.Popen(command) as stream:
            time.sleep(2)  # what is sent before the port is opened is lost
            send(near, [",".join(names), *rows[:half]], rate)
            plug.unlink()
            os.close(far)
            os.close(near)
            time.sleep(1)
            near, far = os.openpty()
            plug.symlink_to(os.ttyname(far))
            time.sleep(1.5)  # until it is back
            send(near, ["", *rows[half:]], rate)
            time.sleep(0.5)
            stream.terminate()
        os.close(far)
        os.close(near)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 4.0)
