"""Which layers of an int8 model compute in integers, and what lies between them.

LSTM, GRU, dense layers and convolutions without groups have int8 weights, but for those to which calibration gives 16
bits (`int16_layers.py`) or that it keeps in float32; all others stay in float32, too. In a model where some do, dense
layers and convolutions give float32, and what reads it rounds it itself: to 16 bits where its sums have room for
these, so that sound and spectra lose nothing on their way, else to 8. int8 codes are frames and results of LSTM and
GRU layers, where all that read them compute in integers. Without layers in float32 all results are codes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from edgelstm.model import Model
from edgelstm.quantization.kinds import KINDS
from edgelstm.road import INPUT, Placed


def only_moves(at: Placed) -> bool:
    """Whether a layer's integers, or floats, are those that it takes."""
    kind = KINDS.get(at.layer.kind)
    return kind is not None and kind.only_moves


def may_have_integers(at: Placed) -> bool:
    """Whether int8 weights can stand for the layer's."""
    kind = KINDS.get(at.layer.kind)
    return kind is not None and kind.columns is not None and not set(kind.float_extras) & set(at.extras)


@dataclass(frozen=True)
class Mixture:
    """Of a road."""

    integers: frozenset[str]  # layers that int8 weights stand for
    int16: frozenset[str]  # layers of float32 whose weights have 16 bits
    codes: frozenset[str]  # results that are int8 codes; with "input": the frames are codes, of 8 or of 16 bits

    def rounds(self, at: Placed) -> bool:
        """Whether a layer makes codes of float32."""
        return at.name in self.integers and at.takes not in self.codes


def mixture_of(model: Model) -> Mixture:
    """Of a model as it is calibrated."""
    ranges = model.ranges
    return mixture(model.road) if ranges is None else mixture(model.road, ranges.kept, ranges.int16)


def mixture(road: Sequence[Placed], kept: Collection[str] = (), int16: Collection[str] = ()) -> Mixture:
    """Scores are float32. `kept`: layers that stay in float32 though they could have int8 weights; `int16`: those
    that could and have weights of 16 bits."""
    could = {at.name for at in road if may_have_integers(at)} - set(kept)
    wider = could & set(int16)
    integers = could - wider
    alike = all(at.name in integers or only_moves(at) for at in road)
    wanted = {INPUT: True} | {at.name: alike or at.layer.recurrent or not at.layer.columns for at in road}
    wanted[road[-1].name] = False
    for at in reversed(road):
        takes_codes = at.name in integers or (only_moves(at) and wanted[at.name])
        for name in at.reads:
            wanted[name] &= takes_codes
    codes = {INPUT} if wanted[INPUT] else set()
    for at in road:
        if wanted[at.name] if at.name in integers else only_moves(at) and at.takes in codes:
            codes.add(at.name)
    return Mixture(frozenset(integers), frozenset(wider), frozenset(codes))
