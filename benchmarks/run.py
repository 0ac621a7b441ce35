"""EdgeLSTM beside its peers: one frame per call, batch 1, one thread, state carried, LSTM layers and Dense(12).

    python benchmarks/run.py [--seconds 30] [--output build/bench]

Engines take turns in short rounds, so that whatever else the machine does hits all alike. Writes results.json and
prints the tables of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import date
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

import numpy as np
from engines import FORMS, Engine, Form
from models import OUTPUTS, SIZES, Size, make_model, make_signal

from edgelstm.forward import forward

SEEDS = 5
ERROR_FRAMES, WARM_FRAMES = 400, 100  # per seed; the first ones are not compared
CALLS, WARM_CALLS = 16, 4  # of a round
ALONE = Size(64, 256)  # the model for load time and memory: 350 KB in int8
HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30, help="timing rounds of each size")
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    parser.add_argument("--alone", nargs=2, metavar=("FORM", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.alone:
        print(json.dumps(measure_alone(FORMS[int(arguments.alone[0])], Path(arguments.alone[1]))))
        return
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    program = build_from_c(output)
    results: dict[str, Any] = {"machine": machine(), "sizes": {}}
    for size in SIZES:
        print(f"{size} …", file=sys.stderr)
        paths = write_files(size, 0, output)
        results["sizes"][str(size)] = {
            "python_us": time_from_python(size, paths, arguments.seconds),
            "relative_error": errors(size, output),
            "c": time_from_c(program, size, paths),
        }
    print("each alone …", file=sys.stderr)
    paths = write_files(ALONE, 0, output)
    results["alone"] = {form.name: alone(n, path) for n, (form, path) in enumerate(zip(FORMS, paths))}
    results["installed_mb"] = {package: installed_mb(package) for package in sorted({form.package for form in FORMS})}
    (output / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    print("\n\n".join(tables(results)))


def machine() -> dict[str, str]:
    from edgelstm.runtime.engines.library import kernel_name

    model = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    packages = {form.package for form in FORMS} | {"numpy"}
    return {
        "cpu": f"{model}, {os.cpu_count()} cores",
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "kernel": kernel_name(),
        **{package: version(package) for package in sorted(packages)},
    }


def write_files(size: Size, seed: int, output: Path) -> list[Path]:
    model, paths = make_model(size, seed), []
    for n, form in enumerate(FORMS):
        paths.append(output / f"model{n}{form.suffix}")
        paths[-1].write_bytes(form.encode(model))
    return paths


def time_from_python(size: Size, paths: list[Path], seconds: float) -> dict[str, list[float]]:
    """Per form [median, 90th percentile] over rounds, in microseconds per call."""
    engines = [form.engine(path) for form, path in zip(FORMS, paths)]
    frames = list(make_signal(WARM_CALLS + CALLS, size.features, 1))
    rounds: list[list[float]] = [[] for _ in engines]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for engine, times in zip(engines, rounds):
            times.append(time_round(engine, frames))
    return {form.name: [float(np.percentile(t, q)) for q in (50, 90)] for form, t in zip(FORMS, rounds)}


def time_round(engine: Engine, frames: list[Any]) -> float:
    step = engine.step
    for frame in frames[:WARM_CALLS]:
        step(frame)
    timed = frames[WARM_CALLS:]
    start = time.perf_counter_ns()
    for frame in timed:
        step(frame)
    return (time.perf_counter_ns() - start) / 1e3 / len(timed)


def errors(size: Size, output: Path) -> dict[str, float]:
    """Per form the scores' root mean square error against float64 over their variation; the median of seeds."""
    found: dict[str, list[float]] = {form.name: [] for form in FORMS}
    for seed in range(SEEDS):
        frames = make_signal(ERROR_FRAMES, size.features, seed + 2000)
        exact = forward(make_model(size, seed), frames).scores[WARM_FRAMES:]
        variation = np.mean((exact - exact.mean(axis=0)) ** 2)
        for form, path in zip(FORMS, write_files(size, seed, output)):
            engine = form.engine(path)
            scores = np.array([engine.step(frame).copy() for frame in frames])[WARM_FRAMES:]
            found[form.name].append(float(np.sqrt(np.mean((scores - exact) ** 2) / variation)))
    return {name: float(np.median(values)) for name, values in found.items()}


def build_from_c(output: Path) -> Path:
    build = output / "c"
    subprocess.run(["cmake", "-S", HERE / "c", "-B", build, "--log-level=WARNING"], check=True, stdout=sys.stderr)
    subprocess.run(["cmake", "--build", build, "--target", "from_c"], check=True, stdout=sys.stderr)
    return build / "from_c"


def time_from_c(program: Path, size: Size, paths: list[Path]) -> dict[str, Any]:
    results = {}
    for form, path in zip(FORMS, paths):
        if form.package == "edgelstm":
            shape = [str(n) for n in (size.features, size.units, size.layers, OUTPUTS)]
            done = subprocess.run([program, path, *shape], check=True, capture_output=True, text=True)
            results[form.name] = json.loads(done.stdout)
    return results


def alone(number: int, path: Path) -> dict[str, float]:
    """Medians of five processes."""
    command = [sys.executable, __file__, "--alone", str(number), path]
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        for _ in range(5)
    ]
    return {key: float(np.median([run[key] for run in runs])) for key in runs[0]}


def measure_alone(form: Form, path: Path) -> dict[str, float]:
    """The first output of a model once its engine is imported, and growth over Python with numpy."""
    frames = make_signal(200, ALONE.features, 1)
    before = resident_mb()
    __import__(form.module)
    if form.package == "edgelstm":  # the others load their libraries when they are imported
        from edgelstm.runtime.engines.library import library

        library()
    start = time.perf_counter_ns()
    engine = form.engine(path)
    engine.step(frames[0])
    first_ms = (time.perf_counter_ns() - start) / 1e6
    for frame in frames:
        engine.step(frame)
    return {"first_output_ms": first_ms, "growth_mb": resident_mb() - before}


def resident_mb() -> float:
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/smaps_rollup: no Rss")


def installed_mb(package: str) -> float | None:
    """Of the package alone, without what it depends on."""
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        return None
    paths = {Path(str(file.locate())) for file in files}
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def tables(results: dict[str, Any]) -> list[str]:
    sizes = results["sizes"]
    names = [str(size) for size in SIZES]

    def of_all(what: str, write: Any) -> list[list[str]]:
        return [[form.name, *(write(sizes[name][what], form) for name in names)] for form in FORMS]

    def median(found: dict[str, list[float]], form: Form) -> str:
        own = "EdgeLSTM float32" if form.float32 else "EdgeLSTM int8"
        middle, tail = found[form.name]
        return f"{middle:.2f} ({tail:.2f})" + ("" if form.name == own else f" ×{middle / found[own][0]:.2f}")

    def from_c(name: str) -> list[str]:
        int8, float32 = (sizes[name]["c"][f"EdgeLSTM {precision}"] for precision in ("int8", "float32"))
        ours, limit = int8["frame_ns"][0] / 1e3, int8["product_ns"][0] / 1e3
        return [name, f"{ours:.2f}", f"{limit:.2f}", f"{ours / limit:.2f}", f"{float32['frame_ns'][0] / 1e3:.2f}"]

    def lead(name: str) -> list[str]:
        found = sizes[name]["python_us"]
        peers = [form for form in FORMS if form.package != "edgelstm"]
        any_peer = min(found[form.name][0] for form in peers)
        float_peer = min(found[form.name][0] for form in peers if form.float32)
        ours = (any_peer / found["EdgeLSTM int8"][0], float_peer / found["EdgeLSTM float32"][0])
        return [name, *(f"{value:.2f}" for value in ours)]

    def mega(value: float | None) -> str:
        return "–" if value is None else f"{value:.1f}"

    alone_rows = [
        [form.name, f"{found['first_output_ms']:.2f}", f"{found['growth_mb']:.1f}"]
        for form, found in zip(FORMS, results["alone"].values())
    ]
    return [
        "\n".join(f"{key}: {value}" for key, value in results["machine"].items()),
        "From Python, µs per call: median (90th percentile), × EdgeLSTM's of the same kind\n\n"
        + table(["", *names], of_all("python_us", median)),
        "Fastest peer over EdgeLSTM\n\n" + table(["", "int8: any form", "float32"], [lead(n) for n in names]),
        "From C, µs per frame\n\n"
        + table(["", "int8", "plain product", "int8 ÷ product", "float32"], [from_c(name) for name in names]),
        "Relative error of the scores, %\n\n"
        + table(["", *names], of_all("relative_error", lambda found, form: f"{100 * found[form.name]:.2f}")),
        f"Alone, {ALONE}\n\n" + table(["", "first output, ms", "growth, MB"], alone_rows),
        "Installed, MB\n\n" + table(["", "MB"], [[p, mega(mb)] for p, mb in results["installed_mb"].items()]),
    ]


if __name__ == "__main__":
    main()
