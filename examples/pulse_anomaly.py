"""Is the pulse's anomaly found, and how many false alarms are there? Several seeds, float32 beside int8, the latter
also streamed through the C core, and two rules that know no model.

python examples/pulse_anomaly.py --data data/pulse.npz
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgelstm.data import Dataset, splits
from edgelstm.evaluation import evaluate, evaluate_file_streamed
from edgelstm.export.elstm import encode
from edgelstm.judging import Evaluation, Events, Said
from edgelstm.model import Model
from edgelstm.quantization import calibrate, quantize
from edgelstm.recipes import load_recipe
from edgelstm.runtime.engines.open import open_model
from edgelstm.tasks import Anomaly, read_dataset
from edgelstm.training import Config, split, train


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/pulse.npz"))
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    recipe = load_recipe("pulse")
    try:
        fit, test = split(read_dataset(options.data, task=recipe.task), recipe)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("                          found  false  delay   highest score    peak of")
    print("                                       frames  that is normal  the event")
    for name, found in rules(options.data):
        show(name, found)
    for seed in range(1, options.seeds + 1):
        for found in judged(fit, test, replace(recipe, training=replace(recipe.training, seed=seed))):
            show(f"seed {seed}, {'C core' if found.streamed else found.precision}", found)
    return 0


def judged(fit: Dataset, test: Dataset, recipe: Config) -> Iterator[Evaluation]:
    """A model by itself, its integers, and these as one stream through the C core."""
    trained = train(fit, recipe)
    model: Model = calibrate(trained.model, trained.calibration)
    integers = quantize(model)
    yield from (evaluate(model, test), evaluate(integers, test))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pulse.elstm"
        path.write_bytes(encode(integers))
        yield evaluate_file_streamed(open_model(path).stream(), test, model.task, ())


def rules(data: Path) -> Iterator[tuple[str, Evaluation]]:
    """What needs no model, its threshold found as a model's is, in the last fifth of what is to be learned from: how
    fast the pressure changes, beside no change, and how far it is from its mean."""
    for name, task in (("change", Anomaly()), ("level", Anomaly(method="reconstruct"))):
        fit, test = split(read_dataset(data, task=task), Config(task=task))
        learned, held_out = splits.by_time(fit, task.holds_out)
        assert learned.targets is not None  # of this task
        values = learned.targets[0]
        mean, std = np.nanmean(values, axis=0, dtype=np.float64), np.nanstd(values, axis=0, dtype=np.float64)
        yield name, task.finish(mean, std, held_out, silent(held_out)).judge("rule", False, test, silent(test))


def silent(dataset: Dataset) -> list[Said]:
    """What a model says that says nothing."""
    return [Said(np.arange(1, len(x) + 1), np.zeros((len(x), 1), np.float32)) for x in dataset.sequences]


def show(name: str, found: Evaluation) -> None:
    assert isinstance(found, Events)
    count = found.at_threshold
    delay = "–" if not count.delays else f"{np.mean(count.delays):.0f}"
    print(
        f"{name:<24} {count.found} of {count.events} {count.false:>5} {delay:>6} {found.highest_normal:>15.2f} "
        f"{found.lowest_event:>10.2f}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
