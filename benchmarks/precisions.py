"""What weights of fewer bits cost on real recordings: models trained by their recipes, with several seeds, in every
precision of `.elstm`, judged by the recordings that the recipes keep for testing.

    python benchmarks/precisions.py --digits RECORDINGS --seeds 3

RECORDINGS is the folder of spoken digits that `examples/digits/train.py` learns from; without it these are left out.
Two speakers are left out of training, and are the test. `--models FOLDER` keeps what was trained, and takes it the
next time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgelstm.data import Dataset, load_dataset
from edgelstm.evaluation import evaluate_file, evaluate_file_streamed, said_by_file
from edgelstm.export import export_model
from edgelstm.model import Model
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import calibrate
from edgelstm.recipes import load_recipe
from edgelstm.runtime import Model as Opened
from edgelstm.training import evaluation_set, load_config, split, train

PRECISIONS = ("float32", "bf16", "int8", "int4")
RECIPES = ("watch", "watch_gru", "japanese_vowels")
LEFT_OUT = ("theo", "yweweler")
DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class Case:
    """A model to be, and what it is judged by."""

    name: str
    learn: Callable[[], Model]
    fresh: Dataset  # each from a fresh state
    streamed: Dataset | None = None  # in one stream


def of_recipe(name: str, seed: int) -> Case:
    recipe = load_recipe(name)
    recipe = replace(recipe, training=replace(recipe.training, seed=seed))
    fit, test = split(load_dataset(DATA / Path(recipe.data.file).name), recipe)

    def learn() -> Model:
        trained = train(fit, recipe)
        return calibrate(trained.model, trained.calibration)

    return Case(name, learn, evaluation_set(test, recipe), test if recipe.answer.hop else None)


def of_digits(folder: Path, seed: int) -> Case:
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
    from digits.train import RECIPE, learn, read

    recipe = load_config(RECIPE, folder)
    recipe = replace(recipe, training=replace(recipe.training, seed=seed))
    dataset = read(folder)
    is_test = dataset.in_groups(LEFT_OUT)
    fit = dataset.subset(~is_test)
    return Case("digits", lambda: learn(fit, recipe), recipe.sound.framed(dataset.subset(is_test)))


@dataclass(frozen=True)
class Found:
    """Of one model in one precision."""

    fresh: float  # share of right answers
    streamed: float  # the same; NaN without
    otherwise: float  # share of answers decided otherwise than float32 decides
    error: float  # of scores, as the proof tells it


def judged(case: Case, model: Model, folder: Path) -> Iterator[Found]:
    """In each of PRECISIONS."""
    usual = None
    for precision in PRECISIONS:
        made = export_model(model, folder / f"{precision}.elstm", precision=precision, accept_loss=True)
        stream, task = Opened(made.path).stream(), model.task
        fresh = evaluate_file(stream, case.fresh, task, model.thresholds).headline.value
        decided = [said.answers[-1].argmax() for said in said_by_file(stream, case.fresh, task, model.thresholds)]
        usual = usual or decided
        streamed = None
        if case.streamed is not None:
            streamed = evaluate_file_streamed(stream, case.streamed, task, model.thresholds).headline.value
        assert made.proof is not None
        assert fresh is not None
        otherwise = float(np.mean(np.array(decided) != np.array(usual)))
        yield Found(fresh, np.nan if streamed is None else streamed, otherwise, made.proof.agrees.error)


def trained(case: Case, path: Path | None) -> Model:
    """From `path` where it is there."""
    if path is not None and path.exists():
        return load_model(path)
    model = case.learn()
    if path is not None:
        save_model(model, path)
    return model


def show(name: str, rows: list[list[Found]]) -> None:
    """Means over seeds; of the losses against float32 the worst seed's, too."""
    columns = list(zip(*rows))
    floats = np.array([found.fresh for found in columns[0]])
    for precision, column in zip(PRECISIONS, columns):
        fresh = np.array([found.fresh for found in column])
        streamed = 100 * np.mean([found.streamed for found in column])
        otherwise, error = (100 * np.mean([getattr(found, of) for found in column]) for of in ("otherwise", "error"))
        shown = "–" if np.isnan(streamed) else f"{streamed:.1f} %"
        lost = 100 * (floats - fresh)
        print(
            f"| {name} | {precision} | {100 * fresh.mean():.1f} % | {lost.mean():.1f} ({lost.max():.1f}) | {shown} | "
            f"{otherwise:.1f} % | {error:.1f} % |",
            flush=True,
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", type=Path, metavar="RECORDINGS")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", type=Path, metavar="FOLDER")
    parser.add_argument("--only", choices=(*RECIPES, "digits"))
    options = parser.parse_args()
    names = [options.only] if options.only else [*RECIPES, *(("digits",) if options.digits else ())]
    print("| model | precision | right | points lost (worst seed) | streamed | otherwise than float32 | error |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    try:
        for name in names:
            rows = []
            for seed in range(1, options.seeds + 1):
                case = of_digits(options.digits, seed) if name == "digits" else of_recipe(name, seed)
                model = trained(case, options.models and options.models / f"{name}-{seed}.npz")
                with tempfile.TemporaryDirectory() as folder:
                    rows.append(list(judged(case, model, Path(folder))))
            show(name, rows)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
