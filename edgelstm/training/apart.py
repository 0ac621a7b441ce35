"""What trains and what tests, kept apart: no frame of one is in the other."""

from __future__ import annotations

from collections.abc import Callable

from edgelstm.data.dataset import Dataset
from edgelstm.data.leaks import LEAST, find_leak
from edgelstm.data.twins import recording_told
from edgelstm.training.config import Config, RecipeError

_MOST = 0.5  # of the test that is left out before it is another test


def tested_apart(
    dataset: Dataset, train: Dataset, test: Dataset, config: Config, tell: Callable[[str], None] | None
) -> Dataset:
    """`test` without frames that are in recordings of `train`, too; both are parts of `dataset`. `tell` is given a
    line about them. RecipeError where too little would be left, or where recordings are judged as wholes."""
    leak = find_leak(train, test, _least(config))
    if leak is None:
        return test
    one, other = (recording_told(dataset, place) for place in leak.pair)
    said = (
        f"{leak.frames:,} of {test.frames:,} frames to test on are in recordings that train, too, such as {one} in "
        f"{other}"
    )
    judged = config.task.each_frame or config.data.window
    if leak.rest is None or not judged or leak.rest.frames < (1 - _MOST) * test.frames:
        raise RecipeError(
            f"{dataset.name}: {said}: the result would be too good; give recordings of one origin one group "
            "(data.group), or leave some out"
        )
    if tell is not None:
        tell(f"{said}: they are left out of the test")
    return leak.rest


def watched_apart(fit: Dataset, watched: Dataset, config: Config) -> Dataset:
    """`watched` without frames that are in recordings of `fit`, too, where something is left."""
    leak = find_leak(fit, watched, _least(config))
    return watched if leak is None or leak.rest is None else leak.rest


def _least(config: Config) -> int:
    """Frames of a part that can be judged."""
    return max(config.model.stride, 0 if config.task.each_frame else config.data.window, LEAST)
