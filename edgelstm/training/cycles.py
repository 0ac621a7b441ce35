"""The cycles of a run: in each the learning rate rises and falls once, the second from the best weights of the first.

Which cycle comes next follows from the epochs that there have been, so that a resumed run knows it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgelstm.training.checkpoint import Epoch, Progress
from edgelstm.training.config import Training


@dataclass(frozen=True)
class Cycle:
    number: int  # from 1
    epochs: int
    rate: float  # at its highest

    @property
    def rate_key(self) -> str:
        """What a recipe calls it."""
        return "learning_rate" if self.number == 1 else "second_rate"


def cycles(settings: Training) -> tuple[Cycle, ...]:
    first = Cycle(1, settings.epochs, settings.learning_rate)
    return (first, Cycle(2, settings.second_epochs, settings.second_rate)) if settings.second_epochs else (first,)


def current(history: Sequence[Epoch], settings: Training) -> Cycle | None:
    """The cycle that the next epoch belongs to; None where the run has ended. A cycle ends with its last epoch, or
    when it has waited `patience` epochs for a better one, or for anything held out to be told wrongly."""
    for cycle in cycles(settings):
        own = [epoch for epoch in history if epoch.cycle == cycle.number]
        waited = max(_since_best(own), _since_perfect(own))
        if len(own) < cycle.epochs and not (settings.patience and waited >= settings.patience):
            return cycle
    return None


def why_early(history: Sequence[Epoch], settings: Training) -> str:
    """Why a run that has ended did so before its last epoch; "" where it did not."""
    planned = settings.epochs + settings.second_epochs
    if not history or len(history) >= planned:
        return ""
    own = [epoch for epoch in history if epoch.cycle == history[-1].cycle]
    if _since_best(own) >= settings.patience:
        why = f"no better in {settings.patience}"
    else:
        why = f"all that is held out was right in {settings.patience} in a row"
    return f"{len(history)} of {planned} epochs: {why}"


def _since_best(own: Sequence[Epoch]) -> int:
    return next((n for n, epoch in enumerate(reversed(own)) if epoch.best), len(own))


def _since_perfect(own: Sequence[Epoch]) -> int:
    """Epochs after the first of those at the end in which all that was held out was told rightly."""
    run = next((n for n, epoch in enumerate(reversed(own)) if not _is_perfect(epoch)), len(own))
    return max(run - 1, 0)


def _is_perfect(epoch: Epoch) -> bool:
    return epoch.score is not None and epoch.score.is_share and epoch.score.value == 1


def begin(cycle: Cycle, progress: Progress) -> None:
    """Where the next epoch is the first of a later cycle: go on from the best weights, and forget how they came."""
    if cycle.number == 1 or any(epoch.cycle == cycle.number for epoch in progress.history):
        return
    for name, value in progress.best.items():
        progress.parameters[name][...] = value
    progress.optimizer.begin()
    progress.average.begin()
