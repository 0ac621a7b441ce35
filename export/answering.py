"""A model whose answers are others than those that it was trained for: how, and from which threshold on labels are
said. Weights have no part in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgelstm.model import Answer, Model
from edgelstm.runtime.answering import Answering
from edgelstm.runtime.description import Description
from edgelstm.runtime.events.asked import NO_SCORES, changed_anomaly_rules, changed_rules
from edgelstm.runtime.events.rule import Rule
from edgelstm.runtime.pooling import PoolingKind
from edgelstm.runtime.thresholds import changed_thresholds
from edgelstm.tasks import read_task


def answering(
    model: Model,
    pooling: PoolingKind | None = None,
    window: int | None = None,
    hop: int | None = None,
    thresholds: Sequence[str] = (),
    events: Sequence[str] = (),
) -> Model:
    """`model`, its answer changed in what is given; see `EngineModel.stream`, `changed_thresholds` and
    `changed_rules`. ValueError, in one line that begins with the name of what is wrong."""
    if events:
        model = replace(model, events=_watched(model, events))
    if (pooling, window, hop) != (None, None, None):
        own = Answering(model.answer.pooling, model.answer.window, model.answer.hop)
        asked = own.changed(pooling, window, hop)
        asked.check(model.stride, model.outputs, model.anew)
        if not model.task.pools and asked.pooling != "last":
            raise ValueError(f"pooling: {asked.pooling}, expected last for {model.task.kind}")
        model = replace(model, answer=Answer(asked.pooling, asked.window, asked.hop))
    if thresholds and (task := model.task.limited(thresholds)) is not None:
        return replace(model, task=task)
    if thresholds:
        changed = changed_thresholds(model.thresholds, thresholds, _names(model), model.activation)
        model = replace(model, thresholds=changed)
    return model


def _names(model: Model) -> tuple[str, ...]:
    """Of what it answers: the labels, or numbers where these do not tell them apart."""
    return model.labels if len(set(model.labels)) == model.outputs else tuple(map(str, range(model.outputs)))


def _watched(model: Model, asked: Sequence[str]) -> dict[str, Rule]:
    if model.task.kind == "anomaly":
        return changed_anomaly_rules(model.events, asked)
    if model.activation == "linear":
        raise ValueError(NO_SCORES)
    return changed_rules(model.events, asked, _names(model))


def as_exported(model: Model, file: Description) -> Model:
    """`model` as a file that was made from it has it, where export may change something: answers, thresholds, the
    licence. From a file of another shape it takes nothing: what differs shows."""
    if (file.stride, file.outputs, file.activation) != (model.stride, model.outputs, model.activation):
        return model
    task = model.task.limited_as(read_task(file.metadata.get("task"), "metadata: task"))
    answer, licence = Answer(file.pooling, file.window, file.hop), str(file.metadata.get("licence") or model.licence)
    return replace(model, answer=answer, thresholds=file.thresholds, events=file.events, task=task, licence=licence)
