"""Which character follows in the docstrings of a package? An LSTM beside 5-grams with back-off, on the same modules.

python examples/docstrings.py build/wheels/pvlib-0.16.1-py3-none-any.whl data/docstrings

The wheel is read as it is, not installed: a text file for each module, a fifth of them to test on. `make data` has
pvlib's. Training takes ten minutes of a fast core, or more; --epochs 0 compares the 5-grams alone.
"""

from __future__ import annotations

import argparse
import ast
import sys
import zipfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from math import log2
from pathlib import Path

from edgelstm.data.options import DEFAULTS
from edgelstm.evaluation import evaluate, evaluate_streamed
from edgelstm.quantization import calibrate, quantize
from edgelstm.recipes import load_recipe
from edgelstm.tasks import read_dataset
from edgelstm.training import split, train

Counts = dict[tuple[int, ...], Counter[int]]
ORDER = 5
DISCOUNT = 0.75


def extract(wheel: Path, folder: Path) -> int:
    """Write the docstrings of every module of `wheel` into a text file of `folder`: how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith(".py") or "/tests/" in name:
                continue
            nodes = ast.walk(ast.parse(archive.read(name).decode()))
            texts = [
                ast.get_docstring(n) for n in nodes if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef))
            ]
            if any(texts):
                path = folder / f"{name.removesuffix('.py').replace('/', '.')}.txt"
                path.write_text("\n\n".join(text for text in texts if text) + "\n", encoding="utf-8")
                count += 1
    return count


def counts_of(texts: Sequence[Sequence[int]]) -> list[Counts]:
    """How often each symbol follows each context of 0 to ORDER - 1 symbols."""
    counts: list[Counts] = [defaultdict(Counter) for _ in range(ORDER)]
    for text in texts:
        for at, symbol in enumerate(text):
            for length in range(min(at, ORDER - 1) + 1):
                counts[length][tuple(text[at - length : at])][symbol] += 1
    return counts


class WittenBell:
    """Witten and Bell 1991: the shorter context weighs as much as the longer one has different successors."""

    def __init__(self, texts: Sequence[Sequence[int]], symbols: int) -> None:
        self.counts, self.symbols = counts_of(texts), symbols

    def probability(self, context: tuple[int, ...], symbol: int) -> float:
        shorter = self.probability(context[1:], symbol) if context else 1 / self.symbols
        found = self.counts[len(context)].get(context)
        if not found:
            return shorter
        return (found[symbol] + len(found) * shorter) / (found.total() + len(found))


class KneserNey:
    """Kneser and Ney 1995, interpolated: shorter contexts count in how many longer ones a symbol follows."""

    def __init__(self, texts: Sequence[Sequence[int]], symbols: int) -> None:
        self.symbols = symbols
        full = counts_of(texts)
        self.counts: list[Counts] = [defaultdict(Counter) for _ in range(ORDER - 1)] + [full[-1]]
        for text in texts:  # no longer context comes before the beginnings
            for at, symbol in enumerate(text[: ORDER - 1]):
                self.counts[at][tuple(text[:at])][symbol] += 1
        for length in range(ORDER - 2, -1, -1):
            for context, found in self.counts[length + 1].items():
                self.counts[length][context[1:]].update(dict.fromkeys(found, 1))

    def probability(self, context: tuple[int, ...], symbol: int) -> float:
        shorter = self.probability(context[1:], symbol) if context else 1 / self.symbols
        found = self.counts[len(context)].get(context)
        if not found:
            return shorter
        kept = max(found[symbol] - DISCOUNT, 0)
        return (kept + DISCOUNT * len(found) * shorter) / found.total()


def bits(model: WittenBell | KneserNey, texts: Sequence[Sequence[int]]) -> float:
    """A symbol of `texts` costs so many, the first of each left out."""
    known: dict[tuple[int, ...], float] = {}
    total = 0.0
    for text in texts:
        for at in range(1, len(text)):
            window = tuple(text[max(at - ORDER + 1, 0) : at + 1])
            if window not in known:
                known[window] = -log2(model.probability(window[:-1], window[-1]))
            total += known[window]
    return total / sum(len(text) - 1 for text in texts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path, help="for the texts")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    options = parser.parse_args()
    recipe = load_recipe("docstrings")
    try:
        modules = extract(options.wheel, options.folder)
        fit, test = split(read_dataset(options.folder, DEFAULTS, recipe.task), recipe)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(
        f"{modules} modules, {fit.frames:,} characters to learn from, {test.frames:,} to test on; bits a character:"
    )
    known, asked = ([x.argmax(axis=1).tolist() for x in part.sequences] for part in (fit, test))
    for name, kind in (("5-gram, Witten-Bell", WittenBell), ("5-gram, Kneser-Ney", KneserNey)):
        print(f"{name:<20} {bits(kind(known, len(fit.labels)), asked):.3f}", flush=True)
    epochs = recipe.training.epochs if options.epochs is None else options.epochs
    if not epochs:
        return 0
    found = train(fit, replace(recipe, training=replace(recipe.training, epochs=epochs)))
    model = calibrate(found.model, found.calibration)
    quantized = quantize(model)
    for name, judged in (
        ("LSTM, float32", evaluate(model, test)),
        ("LSTM, int8", evaluate(quantized, test)),
        ("LSTM, int8 streamed", evaluate_streamed(quantized, test)),
    ):
        print(f"{name:<20} {judged.headline.value:.3f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
