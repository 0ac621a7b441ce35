"""Training steps in C, in numpy and in PyTorch, in turns; and what each of them learns from the same first weights.

    python benchmarks/training.py [--units 32 64 128 256] [--threads 1 2] [--rounds 15] [--json FILE]
    python benchmarks/training.py --accuracy edgelstm/recipes/japanese_vowels.toml [--seeds 5]

A step is a batch forward and back, clipping and Adam: one LSTM layer over 64 sequences of 100 frames of 40 values,
and 12 classes of the mean of scores. One thread is timed by the CPU time it takes, more by the wall clock. torch is
optional.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's threads collapse where others work

import numpy as np

from edgelstm.evaluation import evaluate
from edgelstm.quantization import calibrate, quantize
from edgelstm.tasks import read_dataset
from edgelstm.training import evaluation_set, load_config, split, train
from edgelstm.training.kernels import description
from edgelstm.training.layers import TrainableDense, TrainableLSTM
from edgelstm.training.losses import Objective
from edgelstm.training.network import Memories, Network, Pass, begin
from edgelstm.training.optimizer import Adam, clip_by_global_norm

try:
    import torch
except ImportError:
    torch = None

FRAMES, SEQUENCES, FEATURES, CLASSES = 100, 64, 40, 12
STEPS = 2  # of a turn, after one that is not timed
REST = 0.02  # seconds before a turn: threads of the engine before may spin for some milliseconds and take a core

Step = Callable[[], None]


def our_step(units: int, in_c: bool) -> Step:
    rng = np.random.default_rng(0)
    network, parameters = begin((TrainableLSTM(units), TrainableDense(CLASSES, "linear")), FEATURES, rng)
    memories, adam = network.memories() if in_c else Memories(), Adam(parameters)
    # Each frame's values lie together, as trainers make batches.
    x = rng.normal(size=(FRAMES, SEQUENCES, FEATURES)).astype(np.float32).transpose(0, 2, 1)
    target = np.eye(CLASSES, dtype=np.float32)[:, rng.integers(CLASSES, size=SEQUENCES)]
    objective, lengths = Objective("cross-entropy", "mean"), np.full(SEQUENCES, FRAMES)

    def step() -> None:
        gradients = network.learn(parameters, x, objective, target, lengths, memories=memories).gradients
        clip_by_global_norm(gradients, 1.0)
        adam.step(gradients, 1e-3)

    def in_numpy() -> None:
        with patch.dict(os.environ, EDGELSTM_TRAINING="numpy"):
            step()

    return step if in_c else in_numpy


def torch_step(units: int) -> Step:
    lstm, head = torch.nn.LSTM(FEATURES, units), torch.nn.Linear(units, CLASSES)
    parameters = [*lstm.parameters(), *head.parameters()]
    adam = torch.optim.Adam(parameters, 1e-3, fused=True)
    x, y = torch.randn(FRAMES, SEQUENCES, FEATURES), torch.randint(CLASSES, (SEQUENCES,))

    def step() -> None:
        adam.zero_grad()
        torch.nn.functional.cross_entropy(head(lstm(x)[0]).mean(0), y).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        adam.step()

    return step


def measure(units: int, threads: int, rounds: int) -> dict[str, Any]:
    """Milliseconds a step of each, least, median and quartiles over rounds, and how many times C's of the round."""
    os.environ["EDGELSTM_THREADS"] = str(threads)
    steps = {"C": our_step(units, True), "numpy": our_step(units, False)}
    if torch is not None:
        torch.set_num_threads(threads)
        steps["torch"] = torch_step(units)
    clock = time.process_time if threads == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    for _ in range(rounds):
        for name, step in steps.items():
            time.sleep(REST)
            step()
            start = clock()
            for _ in range(STEPS):
                step()
            times[name].append((clock() - start) * 1e3 / STEPS)
    engines = {}
    for name, found in times.items():
        low, median, high = statistics.quantiles(found, n=4)
        ratio = statistics.median(one / c for one, c in zip(found, times["C"], strict=True))
        least = min(found)
        engines[name] = {
            "least_ms": least,
            "median_ms": median,
            "quartiles_ms": [low, high],
            "times_c": ratio,
            "least_times_c": least / min(times["C"]),
        }
    return {"units": units, "threads": threads, "rounds": rounds, "engines": engines}


class TorchPass(Pass):
    """A network of LSTM and dense layers in torch, with the weights of ours."""

    def __init__(self, network: Network, parameters: Mapping[str, Any], x: Any, drops: Mapping[str, Any]) -> None:
        self._weights = {name: torch.tensor(value, requires_grad=True) for name, value in parameters.items()}
        flow = torch.tensor(np.ascontiguousarray(x.transpose(0, 2, 1)))
        for layer, at in zip(network.layers, network.road, strict=True):
            W, b = self._weights[f"{at.name}.W"], self._weights[f"{at.name}.b"]
            if layer.kind == "lstm":
                R, start = self._weights[f"{at.name}.R"], torch.zeros(1, flow.shape[1], layer.units)
                weights = (W, R, b, torch.zeros_like(b))
                flow = torch._VF.lstm(flow, (start, start), weights, True, 1, 0.0, True, False, False)[0]
            elif layer.kind == "dense":
                flow = torch.nn.functional.linear(flow, W, b)
                flow = flow.relu() if layer.activation == "relu" else flow
            else:
                sys.exit(f"error: {layer.kind}: expected a recipe of LSTM and dense layers for torch")
            if at.name in drops:
                flow = flow * torch.tensor(drops[at.name].T)
        self._scores = flow
        self.scores = flow.detach().numpy().transpose(0, 2, 1)

    def after(self) -> Mapping[str, Any]:
        return {}  # recipes with training.truncate are refused

    def gradients(self, dscores: Any) -> dict[str, Any]:
        self._scores.backward(torch.tensor(np.ascontiguousarray(dscores.transpose(0, 2, 1))))
        return {name: value.grad.numpy() for name, value in self._weights.items()}


def accuracy(recipe: Path, seeds: int) -> dict[str, dict[str, list[float]]]:
    """What int8 models come to, engine → seed by seed, with the same first weights, batches and draws."""
    found: dict[str, dict[str, list[float]]] = {}
    engines = ["C", "numpy"] + (["torch"] if torch is not None else [])
    os.environ["EDGELSTM_THREADS"] = "1"
    if torch is not None:
        torch.set_num_threads(1)
    for seed in range(1, seeds + 1):
        config = load_config(recipe, changes=[f"training.seed={seed}"])
        if torch is not None and config.training.truncate:
            sys.exit("error: training.truncate: expected a recipe without it for torch")
        dataset = read_dataset(config.data.file, config.data.read_options(), config.task)
        train_set, test_set = split(dataset, config)
        test = evaluation_set(test_set, config)
        for engine in engines:
            with patch.dict(os.environ, EDGELSTM_TRAINING="c" if engine == "C" else "numpy"):
                start = time.process_time()
                if engine == "torch":
                    with patch.object(Network, "run", lambda self, p, x, drops, *_: TorchPass(self, p, x, drops)):
                        trained = train(train_set, config)
                else:
                    trained = train(train_set, config)
                seconds = time.process_time() - start
            model = calibrate(trained.model, trained.calibration)
            headline = evaluate(quantize(model), test).headline.value
            one = found.setdefault(engine, {"headline": [], "cpu_seconds": []})
            one["headline"].append(headline)
            one["cpu_seconds"].append(seconds)
            print(f"seed {seed}  {engine:<6} {headline:.4f}  {seconds:6.1f} s of CPU", flush=True)
    return found


def show(row: dict[str, Any]) -> str:
    parts = [f"H {row['units']:>4}  {row['threads']} thread{'s' if row['threads'] > 1 else ' '}"]
    for name, one in row["engines"].items():
        ratio = "" if name == "C" else f" ×{one['times_c']:.2f}"
        parts.append(f"{name} {one['least_ms']:.1f}, {one['median_ms']:.1f} ms{ratio}")
    return "  ".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, nargs="+", default=[32, 64, 128, 256])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--accuracy", type=Path, metavar="RECIPE", help="compare what is learned instead of times")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    print(description(), f"torch {torch.__version__}" if torch is not None else "torch is not there", sep="; ")
    if options.accuracy:
        result: dict[str, Any] = {
            "recipe": options.accuracy.name,
            "accuracy": accuracy(options.accuracy, options.seeds),
        }
    else:
        rows = []
        print("least and median of a step; × how many times C's in the same round, median")
        for threads in options.threads:
            for units in options.units:
                rows.append(measure(units, threads, options.rounds))
                print(show(rows[-1]), flush=True)
        result = {"steps": rows}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
