"""From which probability on a label is said, where answers are sigmoids, and from which score on an anomaly is: by
the model's file, or as asked for."""

from __future__ import annotations

from collections.abc import Sequence

from edgelstm.plain import printable
from edgelstm.runtime.anomaly import read_limit, tells_anomalies
from edgelstm.runtime.engines.engine import EngineModel

USUAL = 0.5


def thresholds_of(model: EngineModel, asked: Sequence[str] = ()) -> tuple[float, ...]:
    """(outputs,): the model's own with what is asked for, see `changed_thresholds`; of a model that tells anomalies
    (1,): the score from which on something is one."""
    if tells_anomalies(model):
        return (read_limit(asked),)
    return changed_thresholds(model.description.thresholds, asked, model.output_names, model.activation)


def changed_thresholds(
    own: Sequence[float], asked: Sequence[str], names: Sequence[str], activation: str
) -> tuple[float, ...]:
    """One for each of `names`: of `own`, or 0.5 where that has none, with what is asked for: "0.7" for all labels,
    "LABEL=0.7" for one, the later above the earlier.

    ValueError in one line that begins with "threshold" for what is none, and for answers that are no sigmoids.
    """
    if asked and activation != "sigmoid":
        raise ValueError(f"threshold: the answers are {activation}, expected sigmoid: labels one by one")
    numbers = list(own or (USUAL,) * len(names))
    for text in asked:
        label, has_label, number = text.rpartition("=")
        if has_label and label not in names:
            known = printable(", ".join(names), 200)
            raise ValueError(f"threshold: {printable(label, 60)}, expected one of {known}")
        for place in [names.index(label)] if has_label else range(len(names)):
            numbers[place] = _number(number)
    return tuple(numbers)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise ValueError(f"threshold: {printable(text, 40)}, expected 0 to 1, or LABEL=0 to 1")
    return number
