"""Cycles of the kernels as they are compiled, by static analysis: llvm-mca on the code that a step executes.

    python benchmarks/arm/cycles.py [--llvm 19] [--output devices/predict/kernel_costs.json]

What is executed, and how often, comes from the emulator's plugin (single_step.c for x86-64); what a piece of code
costs when it is repeated, all data in the first-level cache, from llvm-mca's model of a core. Over models of several
shapes and kinds of layers, loops of products are fitted to cycles per multiply-accumulate of each kind, all else of a
step to cycles per unit and per value of each kind, per feature and per step. What this machine cannot run keeps its
cycles of before. Writes what `edgelstm profile --predict` reads and prints tables of docs/performance.md.
Needs llvm-mca and llvm-objdump (Debian: apt install llvm-19).
"""

from __future__ import annotations

import argparse
import json
import operator
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402
from emulation import build_from_c, build_plugin, build_single_step, count, missing, single_step  # noqa: E402
from engines import FORMS  # noqa: E402
from models import make_layers  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from run import table  # noqa: E402

from edgelstm.devices.predict.work import Work, work  # noqa: E402

MODELS = (
    (8, "lstm 32"),
    (40, "lstm 64"),
    (40, "lstm 128"),
    (104, "lstm 64"),
    (24, "lstm 48, lstm 48"),
    (40, "lstm 32, dense 64"),
    (40, "lstm 32, dense 192, dense 64"),
    (8, "gru 32"),
    (40, "gru 128"),
    (104, "gru 64"),
    (24, "gru 48, gru 48"),
    (16, "context 8, lstm 32"),
    (32, "context 16, gru 32"),
    (16, "context 8, conv 3 16, lstm 32"),
    (24, "context 24, conv 5 32, lstm 32"),
    (16, "context 16, conv 3 32, conv 3 16, gru 32"),
)
"""Features; layers with their widths, rows, or taps and channels."""
LARGE = 2
"""Of MODELS: the one whose innermost loop is told."""
PRODUCTS, UNITS, VALUES = ("lstm", "gru", "conv", "dense"), ("lstm", "gru"), ("context", "conv", "dense")
STEPS = 2
REPEATS = 100  # of a piece of code, so that what starts and ends it hardly counts
PRODUCT_DENSITY = 0.2  # multiply-accumulates among a loop of products' instructions, at least; gates have fewer


@dataclass(frozen=True)
class Code:
    """A kernel set of an architecture."""

    architecture: str
    kernel: str
    runs_on: str  # a core for the emulator; "" is this machine
    triple: str  # LLVM's
    attributes: str
    cores: dict[str, str]  # → LLVM's model of it or of a near one, "" where it has none
    products: tuple[tuple[str, int], ...]  # pattern of assembly → its multiply-accumulates


_NEON64 = (
    (r"sdot\tv\d+\.4s", 16),
    (r"sml?[ua]ll?2?\tv\d+\.8h", 8),
    (r"fmla\tv\d+\.4s", 4),
)
_X86 = ((r"vpdpbusd\t.*zmm", 64), (r"vfmadd\w+ps\t.*zmm", 16), (r"vpdpbusd\t.*ymm", 32), (r"vfmadd\w+ps\t.*ymm", 8))
CODES = (
    Code(
        "aarch64",
        "neon",
        "cortex-a53",
        "aarch64",
        "",
        {"Cortex-A53": "cortex-a53", "Cortex-A57": "cortex-a57", "Cortex-A72": "cortex-a72"},
        _NEON64,
    ),
    Code(
        "aarch64",
        "dotprod",
        "cortex-a76",
        "aarch64",
        "+dotprod",
        {"Cortex-A55": "cortex-a55", "Cortex-A76": "neoverse-n1"},
        _NEON64,
    ),
    Code(
        "armv7l",
        "neon",
        "cortex-a7",
        "thumbv7-linux-gnueabihf",
        "+neon",
        {"Cortex-A8": "cortex-a9", "Cortex-A53": "cortex-a9", "Cortex-A72": "cortex-a72"},
        ((r"vm[ul][la]l\.s8", 8), (r"vmla\.f32\tq", 4)),
    ),
    Code("armv6l", "scalar", "arm1176", "", "", {"ARM1176": ""}, ((r"sm[ul][la]bb\t", 1), (r"vmla\.f32\t", 1))),
    Code("x86_64", "avx512vnni", "", "x86_64", "", {"AMD": "znver4", "Intel": "sapphirerapids"}, _X86),
    Code("x86_64", "avxvnni", "", "x86_64", "", {"AMD": "znver4", "Intel": "alderlake"}, _X86),
    Code(
        "x86_64",
        "avx2",
        "",
        "x86_64",
        "",
        {"AMD": "znver3", "Intel": "haswell"},
        ((r"vpmaddubsw\t.*ymm", 32), _X86[3]),
    ),
)


@dataclass(frozen=True)
class Piece:
    """Instructions that follow each other, executed equally often."""

    assembly: tuple[str, ...]
    executions: float  # per step
    macs: int

    @property
    def product(self) -> bool:
        return self.macs / len(self.assembly) >= PRODUCT_DENSITY


class Tools:
    def __init__(self, llvm: str, folder: Path):
        self.folder = folder
        self.plugin = build_plugin(folder)
        self.known: dict[tuple[str, tuple[str, ...]], float] = {}
        self.mca, self.objdump = (shutil.which(f"{name}-{llvm}") or "" for name in ("llvm-mca", "llvm-objdump"))
        if not self.mca or not self.objdump:
            sys.exit(f"missing: llvm-mca-{llvm} (Debian: apt install llvm-{llvm})")

    def version(self) -> str:
        found = subprocess.run([self.mca, "--version"], capture_output=True, text=True, check=True).stdout
        return re.search(r"version (\S+)", found)[1]  # type: ignore[index]

    def disassemble(self, program: Path) -> dict[int, str]:
        """address → assembly that llvm-mca reads"""
        command = [self.objdump, "-d", "--no-show-raw-insn", "--no-leading-headers", program]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = {}
        for line in done.stdout.splitlines():
            if parts := re.match(r"\s*([0-9a-f]+):\s+(\S.*)", line):
                found[int(parts[1], 16)] = _assembly(parts[2])
        return found

    def cycles(self, code: Code, model: str, pieces: list[Piece]) -> list[float]:
        """Of one execution of each piece."""
        texts = [piece.assembly for piece in pieces]
        if not model:
            return [float(len(text)) for text in texts]
        if unknown := [text for text in dict.fromkeys(texts) if (model, text) not in self.known]:
            self.known |= zip([(model, text) for text in unknown], self._ask(code, model, unknown))
        return [self.known[model, text] for text in texts]

    def _ask(self, code: Code, model: str, texts: list[tuple[str, ...]]) -> list[float]:
        lines: list[str] = []
        for n, text in enumerate(texts):
            lines += [f"# LLVM-MCA-BEGIN {n}", *text, f"# LLVM-MCA-END {n}"]
        command = [self.mca, f"-mtriple={code.triple}", f"-mattr={code.attributes}", f"-mcpu={model}"]
        command += [f"-iterations={REPEATS}", "-resource-pressure=0", "-instruction-info=0"]
        command.append("-skip-unsupported-instructions=lack-sched")
        while True:
            done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True)
            refused = {int(n) - 1 for n in re.findall(r"<stdin>:(\d+):\d+: error", done.stderr)}
            if not refused:
                break
            for n in refused:
                print(f"{model} does not know: {lines[n]}", file=sys.stderr)
                lines[n] = ""
        if done.returncode:
            raise RuntimeError(f"llvm-mca for {model}: {done.stderr.strip()}")
        found = {int(n): int(total) / REPEATS for n, total in _REGION.findall(done.stdout)}
        return [found.get(n, 0.0) for n in range(len(texts))]


_LABEL = ".L"
_REGION = re.compile(r"Code Region - (\d+)\n.*?Total Cycles:\s+(\d+)", re.DOTALL)
_JUMP = re.compile(r"(b\S*|cbn?z\S*|tbn?z|j[a-z]+|callq?)\t(.*, )?0x[0-9a-f]+$")
_CALL = re.compile(r"^(blx?|callq?)(?=\t\.L)")
_FILL = re.compile(r"^rep\s+stos.*")
_PAGE = re.compile(r"(adrp?\t\w+, )0x[0-9a-f]+$")


def _assembly(text: str) -> str:
    """Without comments, and with a label for each address."""
    text = re.sub(r"\s*(<.*|@ .*|// .*|# .*)$", "", text).replace(" \t", "\t").strip()
    text = _PAGE.sub(r"\1page", _JUMP.sub(lambda m: f"{m[1]}\t{m[2] or ''}{_LABEL}", text))
    text = _FILL.sub("movq\t%rax, (%rdi)", text)  # by the model llvm-mca takes it for 2 cycles or for 100
    return _CALL.sub(
        lambda m: "jmp" if m[0].startswith("call") else "b", text
    )  # llvm-mca takes a call for 100 cycles


def execute(tools: Tools, code: Code, program: Path, path: Path) -> tuple[list[Piece], dict[str, int]]:
    """What a step executes, and the plugin's counts."""
    if code.runs_on:
        (found,), _ = count(tools.plugin, code.runs_on, program, path, str(STEPS), kernel=code.kernel, blocks=True)
    else:
        found = single_step(build_single_step(tools.folder), program, path, str(STEPS), kernel=code.kernel)
    assembly = tools.disassemble(program)
    executions: dict[int, int] = {}
    places = {address: n for n, address in enumerate(assembly)}
    addresses = list(assembly)
    for start, length, times in found["blocks"]:  # type: ignore[attr-defined]
        if start not in places:  # the kernel's own code, in every program's memory
            continue
        first = places[start]
        for address in addresses[first : first + length]:
            executions[address] = executions.get(address, 0) + times
    pieces: list[Piece] = []
    text: list[str] = []
    previous: tuple[int, int] | None = None  # place, executions
    for address in sorted(executions):
        now = (places[address], executions[address])
        if previous and (now[0] != previous[0] + 1 or now[1] != previous[1] or text[-1].endswith(_LABEL)):
            pieces.append(_piece(code, text, previous[1]))
            text = []
        text.append(assembly[address])
        previous = now
    if previous:
        pieces.append(_piece(code, text, previous[1]))
    return pieces, found


def _piece(code: Code, text: list[str], executions: int) -> Piece:
    macs = sum(n for line in text for pattern, n in code.products if re.match(pattern, line))
    return Piece(tuple(text), executions / STEPS, macs)


def costs(tools: Tools, code: Code) -> list[dict[str, Any]]:
    program = build_from_c(tools.folder, code.runs_on)
    results = []
    for form in FORMS[:2]:
        macs, rows, runs = [], [], []
        for features, layers in MODELS:
            path = tools.folder / f"cycles{form.suffix}"
            path.write_bytes(form.encode(make_layers(features, layers, 0)))
            pieces, _ = execute(tools, code, program, path)
            runs.append(pieces)
            found = work(path)
            macs.append(_of_kinds(found, "macs", PRODUCTS))
            rows.append([*_of_kinds(found, "units", UNITS), *_of_kinds(found, "values", VALUES), found.features, 1])
        for core, model in code.cores.items():
            products, others = [], []
            for pieces in runs:
                cycles = [c * piece.executions for c, piece in zip(tools.cycles(code, model, pieces), pieces)]
                product = sum(c for c, piece in zip(cycles, pieces) if piece.product)
                products.append(product)
                others.append(sum(cycles) - product)
            product, far = fit(np.array(macs, float), np.array(products))
            other, worst = fit(np.array(rows, float), np.array(others))
            name = f"{core} {code.architecture} {code.kernel} {form.name}"
            print(f"{name}: products fit within {far:.1%}, all else within {worst:.1%}", file=sys.stderr)
            loop = max((p for p in runs[LARGE] if p.product), key=lambda p: p.macs * p.executions)
            inner = tools.cycles(code, model, [loop])[0] / loop.macs
            units, values, (feature, step) = other[: len(UNITS)], other[len(UNITS) : -2], other[-2:]
            results.append(
                {
                    "core": core,
                    "architecture": code.architecture,
                    "kernel": code.kernel,
                    "precision": form.name.split()[1],
                    "model": model,
                    "inner_loop": round(inner, 4),
                    "macs": {kind: round(float(cost), 4) for kind, cost in zip(PRODUCTS, product)},
                    "units": {kind: round(float(cost), 2) for kind, cost in zip(UNITS, units)},
                    "values": {kind: round(float(cost), 2) for kind, cost in zip(VALUES, values)},
                    "feature": round(float(feature), 2),
                    "step": round(float(step), 1),
                }
            )
    return results


def _of_kinds(found: Work, name: str, kinds: tuple[str, ...]) -> list[int]:
    """The sum of that field over the layers of each kind."""
    return [sum(getattr(layer, name) for layer in found.layers if layer.kind == kind) for kind in kinds]


def fit(rows: NDArray[np.float64], cycles: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """(cycles of each term, none below 0; the largest relative error), by least squares of relative errors."""
    scaled, used = rows / cycles[:, None], list(range(rows.shape[1]))
    while True:
        found, *_ = np.linalg.lstsq(scaled[:, used], np.ones(len(cycles)), rcond=None)
        if (found >= 0).all():
            break
        used.pop(int(found.argmin()))
    whole = np.zeros(rows.shape[1])
    whole[used] = found
    return whole, float(np.abs(scaled @ whole - 1).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--llvm", default="19", help="version of LLVM's tools")
    parser.add_argument("--output", type=Path, default=HERE.parents[1] / "devices" / "predict" / "kernel_costs.json")
    parser.add_argument("--folder", type=Path, default=Path("build/bench-arm"))
    arguments = parser.parse_args()
    if lacking := missing():
        sys.exit(lacking)
    tools = Tools(arguments.llvm, arguments.folder.resolve())
    found: list[dict[str, Any]] = []
    for code in CODES:
        try:
            found += costs(tools, code)
        except RuntimeError as error:
            print(f"left out: {code.architecture} {code.kernel}: {error}", file=sys.stderr)
    key = operator.itemgetter("core", "architecture", "kernel", "precision")
    measured = set(map(key, found))
    before = json.loads(arguments.output.read_text())["costs"] if arguments.output.exists() else []
    kept = [cost for cost in before if key(cost) not in measured]
    compilers = {name: _first_line(name) for name in ("aarch64-linux-gnu-gcc", "arm-linux-gnueabihf-gcc", "cc")}
    head = {"command": "python benchmarks/arm/cycles.py", "llvm": tools.version(), "compilers": compilers}
    lines = ",\n".join(f"  {json.dumps(cost)}" for cost in [*found, *kept])
    text = json.dumps(head, indent=1).removesuffix("\n}")
    arguments.output.write_text(f'{text},\n "costs": [\n{lines}\n ]\n}}\n')
    print(table(HEAD, [_row(cost) for cost in found]))


HEAD = ["core", "architecture", "kernels", "precision", "model", "inner loop", *(f"{kind} mac" for kind in PRODUCTS)]
HEAD += [*(f"{kind} unit" for kind in UNITS), *(f"{kind} value" for kind in VALUES), "feature", "step"]


def _row(cost: dict[str, Any]) -> list[str]:
    texts = [cost[key] or "none" for key in ("core", "architecture", "kernel", "precision", "model")]
    texts += [f"{cost['inner_loop']:.3f}", *(f"{cost['macs'][kind]:.3f}" for kind in PRODUCTS)]
    texts += [f"{cost['units'][kind]:.1f}" for kind in UNITS] + [f"{cost['values'][kind]:.1f}" for kind in VALUES]
    return [*texts, f"{cost['feature']:.0f}", f"{cost['step']:.0f}"]


def _first_line(compiler: str) -> str:
    done = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


if __name__ == "__main__":
    main()
