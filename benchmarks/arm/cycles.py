"""Cycles of the kernels as they are compiled, by static analysis: llvm-mca on the code that a step executes.

    python benchmarks/arm/cycles.py [--llvm 19] [--output devices/predict/kernel_costs.json]

What is executed, and how often, comes from the emulator's plugin (single_step.c for x86-64); what a piece of code
costs when it is repeated, all data in the first-level cache, from llvm-mca's model of a core. Loops of products give
cycles per multiply-accumulate; all else of a step is fitted, over models of several shapes, to cycles per unit, per
feature and per step. Writes what `edgelstm profile --predict` reads and prints tables of docs/performance.md.
Needs llvm-mca and llvm-objdump (Debian: apt install llvm-19).
"""

from __future__ import annotations

import argparse
import json
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
from models import Size, make_model  # noqa: E402
from run import table  # noqa: E402

SHAPES = (Size(8, 32), Size(40, 64), Size(40, 128), Size(104, 64), Size(24, 48, 2))
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
        "x86_64", "avx2", "", "x86_64", "", {"AMD": "znver3", "Intel": "haswell"}, ((r"vpmaddwd\t.*ymm", 16), _X86[3])
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
_PAGE = re.compile(r"(adrp?\t\w+, )0x[0-9a-f]+$")


def _assembly(text: str) -> str:
    """Without comments, and with a label for each address."""
    text = re.sub(r"\s*(<.*|@ .*|// .*|# .*)$", "", text).replace(" \t", "\t").strip()
    text = _PAGE.sub(r"\1page", _JUMP.sub(lambda m: f"{m[1]}\t{m[2] or ''}{_LABEL}", text))
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


def product_macs(pieces: list[Piece]) -> float:
    """Multiply-accumulates of a step's products."""
    return sum(piece.macs * piece.executions for piece in pieces if piece.product)


def costs(tools: Tools, code: Code) -> list[dict[str, Any]]:
    program = build_from_c(tools.folder, code.runs_on)
    results = []
    for form in FORMS[:2]:
        rows, runs = [], []
        for shape in SHAPES:
            path = tools.folder / f"cycles{form.suffix}"
            path.write_bytes(form.encode(make_model(shape, 0)))
            pieces, _ = execute(tools, code, program, path)
            runs.append(pieces)
            rows.append([-(-shape.units // 16) * 16 * shape.layers, shape.features, 1.0])
        for core, model in code.cores.items():
            products, others = [], []
            for pieces in runs:
                cycles = [c * piece.executions for c, piece in zip(tools.cycles(code, model, pieces), pieces)]
                product = sum(c for c, piece in zip(cycles, pieces) if piece.product)
                products.append(product / product_macs(pieces))
                others.append(sum(cycles) - product)
            fit, *_ = np.linalg.lstsq(np.array(rows), np.array(others), rcond=None)
            worst = float(np.max(np.abs(np.array(rows) @ fit / others - 1)))
            print(f"{core} {code.architecture} {code.kernel} {form.name}: fit within {worst:.1%}", file=sys.stderr)
            loop = max((p for pieces in runs for p in pieces if p.product), key=lambda p: p.macs * p.executions)
            inner = tools.cycles(code, model, [loop])[0] / loop.macs
            results.append(
                {
                    "core": core,
                    "architecture": code.architecture,
                    "kernel": code.kernel,
                    "precision": form.name.split()[1],
                    "model": model,
                    "inner_loop": round(inner, 4),
                    "mac": round(float(np.median(products)), 4),
                    "units": {"lstm": round(float(fit[0]), 2)},
                    "feature": round(float(fit[1]), 2),
                    "step": round(float(fit[2]), 1),
                }
            )
    return results


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
    compilers = {name: _first_line(name) for name in ("aarch64-linux-gnu-gcc", "arm-linux-gnueabihf-gcc", "cc")}
    document: dict[str, Any] = {
        "command": "python benchmarks/arm/cycles.py",
        "llvm": tools.version(),
        "compilers": compilers,
        "kinds": ["lstm", "dense"],
        "costs": found,
    }
    lines = ",\n".join(f"  {json.dumps(cost)}" for cost in document.pop("costs"))
    text = json.dumps(document, indent=1).removesuffix("\n}")
    arguments.output.write_text(f'{text},\n "costs": [\n{lines}\n ]\n}}\n')
    texts = ("core", "architecture", "kernel", "precision", "model")
    rows = [
        [cost[key] or "none" for key in texts]
        + [f"{cost['inner_loop']:.3f}", f"{cost['mac']:.3f}", f"{cost['units']['lstm']:.1f}"]
        + [f"{cost['feature']:.0f}", f"{cost['step']:.0f}"]
        for cost in found
    ]
    head = [
        "core",
        "architecture",
        "kernels",
        "precision",
        "model",
        "inner loop",
        "product",
        "unit",
        "feature",
        "step",
    ]
    print(table(head, rows))


def _first_line(compiler: str) -> str:
    done = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


if __name__ == "__main__":
    main()
