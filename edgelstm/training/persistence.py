"""Networks that tell columns ahead begin at persistence: that all stays as it is.

From there training has only to find what changes. Begun at random it has to learn first to say the newest value, of
which a recurrent layer has only pieces: one frame ahead it often ended behind persistence.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgelstm.data.targets import NONE_NOW
from edgelstm.model import Normalize
from edgelstm.training.aims import Scaling
from edgelstm.training.layers import Carried
from edgelstm.training.network import Network, Parameters, weights_of

_REST = 0.1
"""What the other first weights of the last layer are of the usual: they have no say yet."""


def begin_at_persistence(
    network: Network, parameters: Parameters, normalize: Normalize, scaling: Scaling, columns: tuple[int, ...]
) -> Network:
    """Change first `parameters` such that every output says the newest value of its column, nearly; `columns` are
    those of the features, one for each output, or `NONE_NOW` for one that tells a change: it begins at the mean. As
    they were where a layer has no room for the columns.

    Returns the network, in which what carries them is never dropped."""
    told = sorted(set(columns) - {NONE_NOW})
    if not told:
        parameters[f"{network.road[-1].name}.W"] *= _REST
        return network
    first = {name: value.copy() for name, value in parameters.items()}
    road = _carried(network, first, Carried(np.array(told)))
    if not road:
        return network
    carried = road[network.road[-2].name]
    last = network.road[-1].name
    W, b = first[f"{last}.W"], first[f"{last}.b"]
    telling = np.flatnonzero(np.array(columns) != NONE_NOW)
    now = [columns[output] for output in telling]
    mean, std = (np.asarray(v, np.float64)[now] for v in (normalize.mean, normalize.std))
    gain = std / scaling.std[telling] / carried.factor
    W *= _REST
    W[:, carried.places] = 0
    W[telling, carried.places[[told.index(column) for column in now]]] = gain
    b[telling] = (mean - scaling.mean[telling]) / scaling.std[telling] - gain * carried.offset
    for name, value in first.items():
        parameters[name][...] = value
    return replace(network, carriers={name: one.places for name, one in road.items()})


def _carried(network: Network, parameters: Parameters, carried: Carried) -> dict[str, Carried]:
    """What each layer before the last carries of features, its weights changed; empty where one cannot."""
    found = {}
    for layer, at in zip(network.layers[:-1], network.road[:-1], strict=True):
        passed = layer.carry(weights_of(parameters, at.name), carried, at.source)
        if passed is None:
            return {}
        found[at.name] = carried = passed
    return found
