"""A search on the watch data, and what it finds for people whom it never saw.

    python examples/search_watch.py --trials 40 --workers 2

Seven of the ten people are searched with, two held out of each training in turn; people 1, 5 and 8 are for the end.
The best recipe within 64 KiB and 200 µs on a Pi Zero 2 W (predicted) is then trained with three seeds, watched by
person 3, as is `watch_gru`, which was made by hand. 40 trials take about as long as 13 whole trainings, and the end
13 more. Begun again it goes on; `edgelstm search` elsewhere with the recipe that is written here joins in.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from edgelstm.evaluation import evaluate
from edgelstm.quantization import calibrate, quantize
from edgelstm.recipes import load_recipe
from edgelstm.search.toml import to_toml
from edgelstm.tasks import read_dataset
from edgelstm.training import Config, evaluation_set, load_config, split, train

BUDGETS = ("latency_p50=200us", "model_size=64KiB")
WATCHED, SEEDS = "3", (1, 2, 3)


def begin(folder: Path, data: Path | None, epochs: int) -> Path:
    """The recipe to begin with: `watch`, for which a share of the people is held out instead of one of them."""
    values = tomllib.loads(files("edgelstm.recipes").joinpath("watch.toml").read_text())
    del values["data"]["validation_groups"]
    file = data or Path(load_recipe("watch").data.file)
    values["data"] |= {"validation": 0.3, "file": str(file.resolve())}
    values["training"] |= {"epochs": epochs, "patience": 0}
    folder.mkdir(exist_ok=True)
    path = folder / "begin.toml"
    path.write_text(to_toml(values))
    return path


def search(recipe: Path, folder: Path, trials: int, workers: int) -> int:
    """Its exit code."""
    command = [sys.executable, "-P", "-m", "edgelstm", "search", recipe, "-o", folder, "--board", "pi-zero-2w"]
    command += [part for budget in BUDGETS for part in ("--budget", budget)]
    return subprocess.run([*command, "--trials", str(trials), "--workers", str(workers)], check=False).returncode


def accuracies(config: Config, seed: int) -> tuple[float, float]:
    """Of windows of the people for the end: float32, int8."""
    data = replace(config.data, validation=0.0, validation_groups=(WATCHED,))
    config = replace(config, data=data, training=replace(config.training, seed=seed))
    train_set, test_set = split(read_dataset(data.file, data.read_options(), config.task), config)
    trained = train(train_set, config)
    model, windows = calibrate(trained.model, trained.calibration, kept=()), evaluation_set(test_set, config)
    found = [evaluate(one, windows).headline.value for one in (model, quantize(model))]
    return found[0] or 0.0, found[1] or 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="NPZ file; default: the recipe's")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("-o", "--output", type=Path, default=Path("watch.search"), help="Folder of results.")
    options = parser.parse_args()
    recipe = begin(options.output, options.data, options.epochs)
    if code := search(recipe, options.output, options.trials, options.workers):
        return code
    found = load_config(options.output / "recipe.toml")
    by_hand = load_recipe("watch_gru")
    by_hand = replace(by_hand, data=replace(by_hand.data, file=found.data.file))
    print("recipe     seed  float32   int8")
    for name, config in (("found", found), ("watch_gru", by_hand)):
        for seed in options.seeds:
            float32, int8 = accuracies(config, seed)
            print(f"{name:<9} {seed:>5} {float32:8.3f} {int8:6.3f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
