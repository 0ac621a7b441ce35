"""The field's models in EdgeLSTM beside their own engines: one process, one thread, in turns, from Python.

    make models
    EDGELSTM_MODELS=CHECKOUTS make bench-models SPEECH=FOLDER

FOLDER holds WAV files of speech, 16 bits. Of each way it prints the median time of a chunk and the least median of a
round, the file's size, by how much the process grew until 50 chunks were through, and what the engine takes
installed; then how far answers are apart, and what int8 changes. Where CHECKOUTS has RTNeural, it is built for this
machine, and captures of one LSTM run from C++ in blocks of 64 samples. docs/performance.md says how to read it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, files, version
from pathlib import Path
from typing import Any

import numpy as np
from field_captures import captures
from field_contests import Contest, Way, contests, repository
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
SECONDS, RATE = 60, 16000

Float32 = NDArray[np.float32]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("build/bench-models"))
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    paths = sorted(given.speech.rglob("*.wav"))
    if not paths:
        print(f"error: {given.speech}: no WAV files, expected speech", file=sys.stderr)
        return 1
    results: dict[str, Any] = {}
    for contest in contests(speech(paths), given.output):
        found = results[f"{contest.name}, {contest.chunk}"] = run(contest, given.rounds)
        print("\n".join(lines(contest, found)), flush=True)
    if (rtneural := repository("RTNeural")) is not None:
        results["captures"] = captures(rtneural, given.output)
        for one in results["captures"]:
            print(
                f"capture, LSTM {one['units']}: ns a sample: " + ", ".join(f"{k} {v}" for k, v in one["ns"].items())
            )
    (given.output / "results.json").write_text(json.dumps(results, indent=1))
    return 0


def speech(paths: Iterable[Path]) -> Float32:
    """A minute at 16 kHz, with pauses between the files, which are taken from all over the folder."""
    sys.path.insert(0, str(ROOT / "examples"))
    import sound

    listed, pieces, count = list(paths), list[Float32](), 0
    for path in listed[:: max(1, len(listed) // 300)]:
        pieces += [sound.read(path, RATE)[1], np.zeros(2000, np.float32)]
        count += len(pieces[-2]) + 2000
        if count >= SECONDS * RATE:
            break
    return np.concatenate(pieces)[: SECONDS * RATE]


def run(contest: Contest, rounds: int) -> dict[str, Any]:
    grown = {way.name: growth(way, contest.chunks) for way in contest.ways}
    steps = {way.name: way.open() for way in contest.ways}
    times: dict[str, list[list[float]]] = {name: [] for name in steps}
    for count in range(rounds):
        first, size = count * contest.at_once, len(contest.chunks)
        chunks = [contest.chunks[(first + n) % size] for n in range(contest.at_once)]
        for name, step in steps.items():
            times[name].append(timed(step, chunks))
    answers = {
        way.name: np.array([np.copy(step(x)) for step in [way.open()] for x in contest.chunks])
        for way in contest.ways
    }
    own = answers[contest.truth]
    return {
        "ways": {
            way.name: {
                "median_us": statistics.median(one for round_ in times[way.name] for one in round_),
                "least_us": min(map(statistics.median, times[way.name])),
                "file_bytes": way.file_bytes,
                "state_bytes": way.state_bytes,
                "grown_bytes": grown[way.name],
                "installed_bytes": installed(way.package),
                "engine": f"{way.package} {found_version(way.package)}",
                "judged": contest.judge(own, answers[way.name]),
            }
            for way in contest.ways
        },
        "missing": contest.missing,
    }


def timed(step: Callable[[Float32], Float32], chunks: list[Float32]) -> list[float]:
    """µs of the processor's time, which a machine's other work does not lengthen as it does the clock's."""
    clock, found = time.thread_time_ns, []
    for chunk in chunks:
        start = clock()
        step(chunk)
        found.append((clock() - start) / 1000)
    return found


def growth(way: Way, chunks: Float32) -> int:
    """Resident bytes that a process of its own takes to open it and to answer 50 chunks, its package imported too."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        before = resident()
        step = way.open()
        for chunk in chunks[:50]:
            step(chunk)
        os.write(write, str(resident() - before).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    said = os.read(read, 64)
    os.close(read)
    return int(said or 0)


def resident() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) << 10


def installed(package: str) -> int:
    """Bytes of its files, without what it depends on."""
    try:
        listed = files(package) or []
    except PackageNotFoundError:
        return 0
    return sum(path.stat().st_size for one in listed if (path := Path(str(one.locate()))).is_file())


def found_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "?"


def lines(contest: Contest, found: Mapping[str, Any]) -> list[str]:
    head = (
        f"{'':<28}{'µs':>9}{'least':>9}{'file MB':>9}{'state B':>8}{'grown MB':>10}{'inst. MB':>10}  {contest.judged}"
    )
    rows = [f"{contest.name}, {contest.chunk}", head]
    for name, one in found["ways"].items():
        numbers = f"{one['median_us']:9.1f}{one['least_us']:9.1f}{one['file_bytes'] / 1e6:9.2f}"
        numbers += (
            f"{one['state_bytes'] or '':>8}{one['grown_bytes'] / 1e6:10.1f}{one['installed_bytes'] / 1e6:10.1f}"
        )
        rows.append(f"{name:<28}{numbers}  {one['judged']}")
    return [*rows, *(f"  {line}" for line in contest.missing), ""]


if __name__ == "__main__":
    sys.exit(main())
