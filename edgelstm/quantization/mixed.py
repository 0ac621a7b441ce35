"""Which layers of an int8 model compute in integers, and what lies between them.

LSTM, GRU, dense layers and convolutions without groups have int8 weights; all others stay in float32. In a model
where some do, dense layers and convolutions give float32, and what reads it rounds it itself: to 16 bits where its
sums have room for these, so that sound and spectra lose nothing on their way, else to 8. int8 codes are frames and
results of LSTM and GRU layers, where all that read them compute in integers. Without layers in float32 all results
are codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgelstm.layers import Context, Conv, Layer
from edgelstm.road import INPUT, Placed

INTEGER_KINDS = ("lstm", "gru", "conv", "dense")
"""Of layers that have int8 weights."""


def has_integers(layer: Layer) -> bool:
    """Whether int8 weights stand for the layer's."""
    return layer.kind in INTEGER_KINDS and not (isinstance(layer, Conv) and layer.groups > 1)


@dataclass(frozen=True)
class Mixture:
    """Of a road."""

    codes: frozenset[str]  # results that are int8 codes; with "input": the frames are codes, of 8 or of 16 bits

    def rounds(self, at: Placed) -> bool:
        """Whether a layer makes codes of float32."""
        return has_integers(at.layer) and at.takes not in self.codes


def mixture(road: Sequence[Placed]) -> Mixture:
    """Scores are float32."""
    alike = all(has_integers(at.layer) or isinstance(at.layer, Context) for at in road)
    wanted = {INPUT: True} | {at.name: alike or at.layer.recurrent or not at.layer.columns for at in road}
    wanted[road[-1].name] = False
    for at in reversed(road):
        takes_codes = has_integers(at.layer) or (isinstance(at.layer, Context) and wanted[at.name])
        for name in at.reads:
            wanted[name] &= takes_codes
    codes = {INPUT} if wanted[INPUT] else set()
    for at in road:
        if wanted[at.name] if has_integers(at.layer) else isinstance(at.layer, Context) and at.takes in codes:
            codes.add(at.name)
    return Mixture(frozenset(codes))
