"""Which labels are watched: by what a model's file keeps, and by what is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace

from edgelstm.plain import printable
from edgelstm.records import check
from edgelstm.runtime.anomaly import tells_anomalies
from edgelstm.runtime.engines.engine import EngineModel
from edgelstm.runtime.events.rule import Rule, Rules

ANOMALY = "anomaly"
"""What the score of a model that tells anomalies is called as an event."""
NO_SCORES = "event: the answers are values, expected scores of labels or of anomalies"


def rules_of(model: EngineModel, asked: Sequence[str] = (), own: Rules | None = None) -> dict[str, Rule]:
    """`own`, or the model's, with what is asked for, see `changed_rules`. ValueError for a model whose answers are no
    scores."""
    own = model.description.events if own is None else own
    if tells_anomalies(model):
        return changed_anomaly_rules(own, asked)
    if asked and model.activation == "linear":
        raise ValueError(NO_SCORES)
    return changed_rules(own, asked, model.output_names)


def changed_anomaly_rules(own: Rules, asked: Sequence[str]) -> dict[str, Rule]:
    """As `changed_rules`, of the score of anomalies, which may be of any size."""
    return changed_rules(own, asked, (ANOMALY,), usual=Rule(threshold=1.0), most=math.inf)


def changed_rules(
    own: Rules,
    asked: Sequence[str],
    labels: Sequence[str],
    usual: Rule = Rule(),  # noqa: B008
    most: float = 1.0,
) -> dict[str, Rule]:
    """`own` with what is asked for, the later above the earlier: "LABEL" or "LABEL:threshold=0.8,least=2"; without a
    label, ":smooth=9", of all that are watched by then. usual: of labels that no rule is kept for. most: the largest
    score that there is, which a threshold may ask for.

    ValueError in one line that begins with "event" for what is none.
    """
    rules = dict(own)
    for label in rules:
        if label not in labels:
            raise ValueError(f"event: the file keeps {printable(label, 60)!r}, which is no label of it")
    for text in asked:
        label, settings = (text, "") if text in labels else _parted(text)
        if label and label not in labels:
            known = printable(", ".join(labels), 200)
            raise ValueError(f"event: {printable(label, 60)!r}, expected one of {known}")
        if not label and not rules:
            raise ValueError(f"event: {printable(text, 60)!r} before any label, expected LABEL{printable(text, 60)}")
        for one in [label] if label else list(rules):
            try:
                rules[one] = _changed(rules.get(one, usual), settings, most)
            except ValueError as error:
                raise ValueError(f"event {printable(one, 60)}: {error}") from None
    return rules


def _parted(text: str) -> tuple[str, str]:
    label, _, settings = text.rpartition(":")
    return (label, settings) if ":" in text else (text, "")


_KINDS = {field.name.replace("_", "-"): int if "int" in str(field.type) else float for field in fields(Rule)}


def _changed(rule: Rule, settings: str, most: float) -> Rule:
    given: dict[str, float] = {}
    for setting in filter(None, settings.split(",")):
        name, has_value, value = setting.partition("=")
        if not has_value:
            name, value = "threshold", setting
        name = name.strip().replace("_", "-")
        if name not in _KINDS:
            raise ValueError(f"{printable(name, 40)!r}, expected one of {', '.join(_KINDS)}")
        if name in given:
            raise ValueError(f"{name}: given twice, expected once, and a point in 0.5")
        try:
            given[name] = _KINDS[name](value)
        except ValueError:
            kind = "a whole number" if _KINDS[name] is int else "a number"
            raise ValueError(f"{name}: {printable(value, 40)!r}, expected {kind}") from None
    if given.get("threshold", 0.0) > most:
        raise ValueError(f"threshold: {given['threshold']:g}, expected at most {most:g}, as probabilities are")
    try:
        changed = replace(rule, **{name.replace("-", "_"): value for name, value in given.items()})  # type: ignore[arg-type]
        check(changed)
    except ValueError as error:
        raise ValueError(str(error).replace("warm_up", "warm-up")) from None
    return changed
