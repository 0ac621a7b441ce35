"""What a model costs, told before it is trained, and what it may cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from edgelstm.data.dataset import Dataset
from edgelstm.devices.boards.profile import BoardProfile
from edgelstm.devices.profiling.budget import FIGURES, Budget
from edgelstm.devices.units import show_figure
from edgelstm.judging import Figure
from edgelstm.model import Model
from edgelstm.records import Unavailable
from edgelstm.training.checkpoint import Epoch
from edgelstm.training.config import Config
from edgelstm.training.trainer import untrained

PREDICTED = "latency_p50"
"""Told of a board from its description: a frame at which every layer runs, on the slowest kind of its cores."""

KNOWN = ("model_size", "stream_memory", "state_memory", PREDICTED)
"""Figures that need no training and no board."""

_CALIBRATED_FRAMES = 256

_LONGEST = -1.2345678901234567e-300
"""No float64 is longer as text."""
_NAME, _PER_FEATURE = 16, 4
"""Letters of a score's name; digits by which a feature's range may grow with more frames."""


@dataclass(frozen=True)
class Costs:
    """Of the int8 `.elstm` file; of the float32 one where int8 cannot hold the model."""

    model_size: int  # bytes: of one to be trained with room for its figures, so that the trained one is no larger
    stream_memory: int  # bytes
    state_memory: int  # bytes
    operations: int  # multiply-accumulates of a frame at which every layer runs
    latency_p50: float | None  # µs, predicted; None without a board

    def figure(self, name: str) -> float | None:
        found: float | None = getattr(self, name)
        return found


def costs(config: Config, train_set: Dataset, board: BoardProfile | None) -> Costs:
    """Of the model that `config` would train on `train_set`. ValueError as of `train`, and for a board whose cores'
    cycles are not known."""
    return costs_of(*_begun(config, train_set), board)


def file_of(config: Config, train_set: Dataset) -> bytes:
    """The `.elstm` file that costs are told of: the model as training begins it, which takes the same time."""
    return _encoded(*_begun(config, train_set))


def _begun(config: Config, train_set: Dataset) -> tuple[Model, list[object]]:
    model, sequences = untrained(train_set, config)
    least = max(_CALIBRATED_FRAMES, 2 * model.stride)
    return _with_figures(model, config), [max(sequences, key=len)[:least]]


def _with_figures(model: Model, config: Config) -> Model:
    """With figures of training as long as they may become: the file has them as text."""
    score = Figure("x" * _NAME, _LONGEST, True, "", "x" * (_PER_FEATURE * model.features))
    epochs = config.training.epochs + config.training.second_epochs
    best = Epoch(epochs, epochs, _LONGEST, _LONGEST, score, True, 0.0, rate=_LONGEST)
    return replace(model, provenance={**(model.provenance or {}), "best_epoch": asdict(best) | {"seconds": None}})


def _encoded(model: Model, sequences: Sequence[object]) -> bytes:
    from edgelstm.export.elstm import encode
    from edgelstm.quantization import calibrate, quantize

    try:
        source = quantize(calibrate(model, sequences, kept=()) if model.ranges is None else model)  # type: ignore[arg-type]
    except ValueError:
        source = model  # type: ignore[assignment]
    return encode(source)


def costs_of(model: Model, sequences: Sequence[object], board: BoardProfile | None) -> Costs:
    """Of a model, calibrated on `sequences` where it is not."""
    from edgelstm.devices.predict.prediction import estimate
    from edgelstm.devices.predict.work import work

    content = _encoded(model, sequences)
    with TemporaryDirectory(prefix="edgelstm-") as folder:
        path = Path(folder, "model.elstm")
        path.write_bytes(content)
        found = work(path)
        latency = None
        if board is not None:
            times = [one for one in estimate(found, board) if not isinstance(one, Unavailable)]
            if not times:
                raise ValueError(f"--board {board.id}: what its cores need for a frame is not known")
            latency = max(one.frame_us for one in times)
        return Costs(len(content), found.stream_bytes, _state_bytes(path), found.macs, latency)


def _state_bytes(path: Path) -> int:
    from edgelstm.runtime import Model as Opened

    return Opened(path).stream().snapshot_bytes


def broken(found: Costs, budgets: Sequence[Budget]) -> list[str]:
    """The budgets that are not kept, as "model_size 80.1 KiB, at most 64.0 KiB"."""
    lines = []
    for budget in budgets:
        value = found.figure(budget.name)
        if value is not None and value > budget.limit:
            unit = FIGURES[budget.name]
            lines.append(f"{budget.name} {show_figure(value, unit)}, at most {show_figure(budget.limit, unit)}")
    return lines


def excess(found: Costs, budgets: Sequence[Budget]) -> float:
    """By what share of it the budget that is broken most is broken; 0 or less where all are kept."""
    values = [(found.figure(budget.name), budget.limit) for budget in budgets]
    return max((value / limit - 1 for value, limit in values if value is not None and limit > 0), default=0.0)
