"""A data set made to fit a model: columns and labels found by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edgelstm.data.dataset import Dataset
from edgelstm.data.hops import in_hops, is_of_channels, is_sound
from edgelstm.data.store import select_columns
from edgelstm.model import Model
from edgelstm.plain import counted, printable

if TYPE_CHECKING:
    from edgelstm.runtime.engines.engine import EngineModel


def match_features(model: Model | EngineModel, dataset: Dataset) -> Dataset:
    """`dataset` with the columns in the order of the model's features, by their names; where one has none, by place.
    Sound becomes frames of so many samples as a model has features that have no names, as streams have it.

    ValueError for a column that one of the two does not have, for a name that occurs twice, for another number of
    nameless columns, for another unit of a name, and for another sample rate.
    """
    if is_sound(dataset) and model.features > 1 and not model.feature_names:
        dataset = in_hops(dataset, model.features, model.sample_rate * model.features)
    found, wanted = dataset.feature_names, model.feature_names
    if is_of_channels(dataset) and not wanted and dataset.features != model.features:
        raise ValueError(
            f"{dataset.name}: sound of {dataset.features} channels, the model takes one: mix them, or leave one out"
        )
    _once(dataset.name, "feature_names", found)
    _once("the model", "feature_names", wanted)
    if not (found and wanted) and dataset.features != model.features:
        raise ValueError(f"{dataset.name}: {counted(dataset.features, 'feature')}, the model takes {model.features}")
    _same_units(dataset.name, found, dataset.feature_units, wanted, _units(model, "feature_units"))
    rates = dataset.sample_rate, model.sample_rate
    if all(rates) and not np.isclose(*rates, rtol=0.01):
        raise ValueError(f"{dataset.name}: sample_rate {rates[0]:g}, the model's is {rates[1]:g}")
    if not (found and wanted) or found == wanted:
        return dataset
    _known(dataset.name, "feature_names", found, wanted, "features")
    missing = next((name for name in wanted if name not in found), None)
    if missing is not None:
        raise ValueError(f"{dataset.name}: feature_names: no {missing[:40]!r}, which the model takes")
    order = [found.index(name) for name in wanted]
    units = dataset.feature_units
    sequences = select_columns(dataset.sequences, order)
    return replace(
        dataset,
        sequences=sequences,
        targets=None if dataset.targets is None else dataset.targets.reordered(order, sequences),
        feature_names=wanted,
        feature_units=tuple(units[place] for place in order) if units else (),
    )


def match(model: Model | EngineModel, dataset: Dataset) -> Dataset:
    """`match_features`, and the labels as the model's outputs have them, by their names; where one has none, by
    place. A label of the model that the data do not have has no sequences.

    ValueError for a label that the model does not have, and for another number of nameless ones.
    """
    dataset = match_features(model, dataset)
    found, wanted = dataset.labels, model.labels
    _once("the model", "labels", wanted)
    _same_units(dataset.name, found, dataset.label_units, wanted, _units(model, "label_units"))
    if not wanted or found == wanted or _is_numbered(found, wanted):
        if len(found) != model.outputs:
            raise ValueError(
                f"{dataset.name}: {counted(len(found), 'label')}, the model has {counted(model.outputs, 'output')}"
            )
        return replace(dataset, labels=wanted or found)
    _known(dataset.name, "labels", found, wanted, "labels")
    places = np.array([wanted.index(label) for label in found])
    if dataset.targets is None:
        return replace(dataset, labels=wanted, y=places[dataset.y])
    units = dict(zip(found, dataset.label_units))
    return replace(
        dataset,
        labels=wanted,
        label_units=tuple(units.get(label, "") for label in wanted) if units else (),
        targets=dataset.targets.relabelled(places, model.outputs),
    )


def _units(model: Model | EngineModel, name: str) -> Sequence[str]:
    """What a model, or the metadata of an exported file, say of units; nothing where they do not."""
    return getattr(model, name) if isinstance(model, Model) else model.metadata.get(name) or ()


def _same_units(
    whose: str, names: Sequence[str], units: Sequence[str], wanted: Sequence[str], of_wanted: Sequence[str]
) -> None:
    """ValueError for what goes by one name and has another unit; "" and none say nothing."""
    expected = dict(zip(wanted, of_wanted))
    for name, unit in zip(names, units):
        other = expected.get(name, "")
        if unit and other and unit != other:
            raise ValueError(f"{whose}: {name[:40]!r} is in {unit[:20]}, the model knows it in {other[:20]}")


def _is_numbered(found: Sequence[str], wanted: Sequence[str]) -> bool:
    """Labels that are only numbers of outputs, where the model has names: the data have none."""
    return list(found) == [str(place) for place in range(len(found))] and not set(found) & set(wanted)


def _once(whose: str, field: str, names: Sequence[str]) -> None:
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise ValueError(f"{whose}: {field}: {twice[:40]!r} occurs twice, expected each name once")


def _known(whose: str, field: str, found: Sequence[str], wanted: Sequence[str], what: str) -> None:
    unknown = next((name for name in found if name not in wanted), None)
    if unknown is not None:
        listed = printable(", ".join(name[:40] for name in wanted), 160)
        raise ValueError(f"{whose}: {field}: {unknown[:40]!r}, expected the model's {what}: {listed}")
