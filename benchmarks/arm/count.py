"""Instructions per step on emulated ARM processors: EdgeLSTM beside its peers, from a Python call to its return.

    python benchmarks/arm/count.py [--cores cortex-a53,…] [--wheel FILE] [--output build/bench-arm]

The forms and models are those of benchmarks/run.py. Counts repeat to the instruction, onnxruntime's to half a
per cent; a time on an emulator would mean nothing. Writes counts.json and prints the tables of docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402
from emulation import CORES, build_from_c, build_plugin, count, make_system, missing  # noqa: E402
from engines import FORMS  # noqa: E402
from models import SIZES, Size, make_model, make_signal  # noqa: E402
from run import table  # noqa: E402

from edgelstm.export.elstm import encode, encode_bf16  # noqa: E402
from edgelstm.quantization import quantize  # noqa: E402

STEPS, WARM_STEPS = 200, 20
COUNTED_SIZES = SIZES[:2]
PYTHON_CORES = ("cortex-a53", "cortex-a72", "cortex-a76", "cortex-a7")
OURS, OURS_FLOAT = "EdgeLSTM int8", "EdgeLSTM float32"

C_STEPS, TOGETHER = 208, 16
C_SIZES = (*COUNTED_SIZES, Size(64, 256))
C_CORES = ("cortex-a53", "cortex-a76")


@dataclass(frozen=True)
class Call:
    """A form and how it is called."""

    name: str
    engine: str  # a class of engines.py or steps.py
    form: int | None  # of FORMS

    @property
    def ours(self) -> bool:
        return self.form is None or FORMS[self.form].package == "edgelstm"


def _calls() -> list[Call]:
    calls = [Call("the calling loop alone", "Nothing", None)]
    documented = {"EdgeLSTM": ("EdgeLSTMPush", "push"), "OnnxRuntime": ("OnnxRuntimeRun", "session.run")}
    for n, form in enumerate(FORMS):
        calls.append(Call(form.name, form.engine.__name__, n))
        name, how = documented.get(form.engine.__name__, ("LiteRTTensors", "set_tensor, get_tensor"))
        calls.append(Call(f"{form.name}, by {how}", name, n))
    return calls


CALLS = _calls()

_BY_TENSORS = "by set_tensor, get_tensor"
_PER_ROW, _ALL_INT8 = (f"LiteRT primitives, {kind}" for kind in ("int8 weights per row", "all int8"))


@dataclass(frozen=True)
class Goal:
    """At most a share of what a peer's form took, called as its documents call it, when the goal was set."""

    core: str
    size: str
    share: float
    peer: str
    peer_then: int

    @property
    def limit(self) -> float:
        return self.share * self.peer_then


GOALS = (
    Goal("cortex-a53", "40/64", 1 / 3, _ALL_INT8, 52_657),
    Goal("cortex-a53", "40/128", 0.5, _PER_ROW, 81_407),
    Goal("cortex-a53", "40/128", 0.6, _ALL_INT8, 75_092),
    Goal("cortex-a76", "40/64", 1 / 3, _ALL_INT8, 46_521),
    Goal("cortex-a76", "40/128", 0.5, _PER_ROW, 73_276),
    Goal("cortex-a76", "40/128", 0.6, _ALL_INT8, 57_250),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", default=",".join(CORES), help="comma-separated  [default: all]")
    parser.add_argument("--wheel", type=Path, help="this project's wheel for aarch64, instead of building one")
    parser.add_argument("--output", type=Path, default=Path("build/bench-arm"))
    arguments = parser.parse_args()
    cores = arguments.cores.split(",")
    if unknown := set(cores) - set(CORES):
        sys.exit(f"--cores {', '.join(sorted(unknown))}: expected some of {', '.join(CORES)}")
    if lacking := missing():
        sys.exit(lacking)
    output: Path = arguments.output.resolve()
    plugin = build_plugin(output)
    files = write_files(output)
    results = {
        "versions": (HERE / "requirements.txt").read_text().split("\n", 1)[1].split(),
        "python": from_python(cores, arguments.wheel, files, output, plugin),
        "c": from_c(cores, files, output, plugin),
        "forms": forms_from_c([core for core in C_CORES if core in cores], output, plugin),
    }
    (output / "counts.json").write_text(json.dumps(results, indent=1) + "\n")
    print("\n\n".join(tables(results)))


def write_files(output: Path) -> dict[str, list[Path]]:
    """Per size, the file of each form."""
    files = {}
    for size in COUNTED_SIZES:
        model = make_model(size, 0)
        np.save(output / f"frames-{size.features}.npy", make_signal(WARM_STEPS + STEPS, size.features, 1))
        paths = [output / f"form{n}-{size.units}{form.suffix}" for n, form in enumerate(FORMS)]
        for path, form in zip(paths, FORMS):
            path.write_bytes(form.encode(model))
        files[str(size)] = paths
    return files


def from_python(
    cores: list[str], wheel: Path | None, files: dict[str, list[Path]], output: Path, plugin: Path
) -> dict[str, Any]:
    """{core: {size: {call: instructions per step}}}"""
    results: dict[str, Any] = {}
    roots: dict[str, Path] = {}
    for core in (core for core in PYTHON_CORES if core in cores):
        print(f"{core} from Python …", file=sys.stderr)
        system = CORES[core].debian
        if system not in roots:
            roots[system] = make_system(output, core, wheel if system == "arm64" else None)
        results[core] = {name: {} for name in files}
        for engine in dict.fromkeys(call.engine for call in CALLS):  # importing an engine takes most of the time
            calls = [c for c in CALLS if c.engine == engine and (c.ours or system == "arm64")]
            jobs = [(size, call) for size in files for call in calls]
            if not jobs:
                continue
            words: list[str | Path] = []
            for size, call in jobs:
                path = files[size][call.form] if call.form is not None else Path("-")
                words += [call.engine, path, output / f"frames-{size.partition('/')[0]}.npy"]
            counts, _ = count(plugin, core, HERE / "steps.py", str(STEPS), *words, root=roots[system])
            for (size, call), found in zip(jobs, counts, strict=True):
                results[core][size][call.name] = found["instructions"] / STEPS
    return results


def from_c(cores: list[str], files: dict[str, list[Path]], output: Path, plugin: Path) -> dict[str, Any]:
    """{core: {size: {form: {kernel, instructions, multiply-accumulates per step}}}}"""
    results: dict[str, Any] = {}
    for core in cores:
        program = build_from_c(output, core)
        results[core] = {}
        for size, paths in files.items():
            results[core][size] = {}
            for form, path in zip(FORMS, paths):
                if form.package != "edgelstm":
                    continue
                (found,), kernel = count(plugin, core, program, path, str(STEPS))
                per_step = {name: value / STEPS for name, value in found.items()}
                results[core][size][form.name] = {"kernel": kernel.strip(), **per_step}
    return results


def forms_from_c(cores: list[str], output: Path, plugin: Path) -> dict[str, Any]:
    """{core: {size: {form: instructions per frame}}}, one frame a push, and TOGETHER"""
    results: dict[str, Any] = {core: {str(size): {} for size in C_SIZES} for core in cores}
    programs = {core: build_from_c(output, core) for core in cores}
    for size in C_SIZES:
        model = make_model(size, 0)
        contents = {
            "int8": encode(quantize(model)),
            "int4": encode(quantize(model, weights="int4")),
            "float32": encode(model),
            "bf16": encode_bf16(model),
        }
        for name, content in contents.items():
            path = output / f"{name}-{size.features}-{size.units}.elstm"
            path.write_bytes(content)
            for core in cores:
                for frames in (1, TOGETHER):
                    (found,), _ = count(plugin, core, programs[core], path, str(C_STEPS), str(frames))
                    form = name if frames == 1 else f"{name}, {frames} frames a push"
                    results[core][str(size)][form] = found["instructions"] / C_STEPS
    return results


def tables(results: dict[str, Any]) -> list[str]:
    python, sizes = results["python"], [str(size) for size in COUNTED_SIZES]

    def pair(core: str, name: str) -> str:
        found = [python[core][size].get(name) for size in sizes]
        return " / ".join("–" if value is None else f"{value:,.0f}" for value in found)

    rows = [[call.name, *(pair(core, call.name) for core in python)] for call in CALLS]
    goals = []
    for goal in (goal for goal in GOALS if goal.core in python):
        found = python[goal.core][goal.size]
        ours, documented, fastest = found[OURS], found[f"{goal.peer}, {_BY_TENSORS}"], found[goal.peer]
        figures = (f"{goal.limit:,.0f}", f"{ours:,.0f}", "yes" if ours <= goal.limit else "no")
        shares = (f"{goal.share:.2f}", f"{ours / documented:.2f}", f"{ours / fastest:.2f}")
        goals.append([goal.core, goal.size, goal.peer, *figures, *shares])
    c_rows = [
        [core, found[sizes[0]][OURS]["kernel"]]
        + [f"{found[size][name]['instructions']:,.0f}" for name in (OURS, OURS_FLOAT) for size in sizes]
        for core, found in results["c"].items()
    ]
    forms = results["forms"]
    form_rows = [
        [form, *(f"{found[str(size)][form]:,.0f}" for found in forms.values() for size in C_SIZES)]
        for form in (next(iter(forms.values()))[sizes[0]] if forms else ())
    ]
    return [
        f"Instructions per step from Python, {' / '.join(sizes)}; {', '.join(results['versions'])}\n\n"
        + table(["", *python], rows),
        "EdgeLSTM int8 against the goals, and its share of the peer's count here: called as documented, and through "
        "its own memory\n\n"
        + table(["core", "size", "peer", "at most", "found", "holds", "goal", "documented", "memory"], goals),
        "Instructions per step from C\n\n"
        + table(["core", "kernels", *(f"{kind}, {size}" for kind in ("int8", "float32") for size in sizes)], c_rows),
        "Instructions per frame from C, weights of fewer bits and frames together\n\n"
        + table(["", *(f"{core}, {size}" for core in forms for size in C_SIZES)], form_rows),
    ]


if __name__ == "__main__":
    main()
