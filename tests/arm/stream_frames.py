"""What a model answers, frame by frame: stream_frames.py KERNEL MODEL.elstm FRAMES.csv

A line for each frame: its answer in full, then a digest of the state after it. Ends with an error where the C core
does not choose KERNEL.
"""

import hashlib
import sys

import numpy as np

from edgelstm.runtime import Model, kernel_name


def main(kernel: str, model: str, frames: str) -> None:
    if kernel_name() != kernel:
        sys.exit(f"the C core chose {kernel_name()}, expected {kernel}")
    stream = Model(model).stream()
    for frame in np.loadtxt(frames, dtype=np.float32, delimiter=","):
        (answer,) = stream.push(frame[np.newaxis])
        print(",".join(f"{x:.9g}" for x in answer), hashlib.sha256(stream.save()).hexdigest())


if __name__ == "__main__":
    main(*sys.argv[1:])
