"""Before there is a file it is known how steady a stream of it will be: as its proof then finds it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgelstm.export import export_model
from edgelstm.export.parity.foreseen import Steadiness, steadiness
from edgelstm.model import Answer, Model
from random_models import random_model, random_signal


def model(gain: float) -> Model:
    """With a recurrence that forgets, or with a gain that makes any difference grow."""
    made = random_model(3, [24], [4], gain=gain, answer=Answer("last", 0, 4))
    signals = (random_signal(400, 3, seed) for seed in (1, 2))
    return replace(made, unseen=tuple(signals), provenance={"config": {"data": {"window": 8}}})


@pytest.mark.parametrize(("gain", "is_steady"), [(0.5, True), (6.0, False)])
def test_it_is_what_the_proof_finds(tmp_path: Path, gain: float, is_steady: bool) -> None:
    found = steadiness(made := model(gain))
    assert found is not None
    proof = export_model(made, tmp_path / "m.elstm").proof
    assert proof is not None
    assert proof.agrees.streamed is not None
    assert found.along == pytest.approx(proof.agrees.streamed.error, rel=0.02 if is_steady else 0.2)
    assert found.fresh == pytest.approx(proof.agrees.fresh.error, rel=0.02 if is_steady else 0.2)
    assert (found.along <= found.most) == is_steady == proof.agrees.passed


def test_what_is_off_from_fresh_states_too_is_no_fault_of_the_stream() -> None:
    assert not Steadiness(0.18, 0.005, 0.04).is_steady
    assert Steadiness(0.03, 0.005, 0.04).is_steady
    assert Steadiness(0.18, 0.17, 0.04).is_steady


def test_of_what_never_streams_nothing_is_said() -> None:
    assert steadiness(replace(model(0.5), answer=Answer("last", 0, 0))) is None
    assert steadiness(replace(model(0.5), ranges=None)) is None
    assert steadiness(replace(model(0.5), unseen=(), examples=())) is None
