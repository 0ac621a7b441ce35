"""What is said about a proof in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click import unstyle

from edgelstm.cli.show.export import headline, table
from edgelstm.export import Export, find_form
from edgelstm.export.parity.agreement import Agreement, Data, Way
from edgelstm.export.parity.proof import Proof, SameRounding
from random_models import random_model

AGREES = Agreement("unseen", 3, 900, 281, 120, 0.9964, 0.0123, 0.02, True, Way(281, 120, 280, 0.0123), None)


@pytest.mark.parametrize(
    ("agrees", "expected"),
    [
        (AGREES, "agrees 99.6 %, error 1.2 %"),
        (replace(AGREES, share=0.99999, error=1e-7), "agrees 99.9 %, error < 0.001 %"),
        (replace(AGREES, share=1.0, error=2.5), "agrees 100.0 %, error 2.5 times"),
        (replace(AGREES, share=None, answers=2000, independent=54), "agrees too few (54), error 1.2 %"),
        (replace(AGREES, share=None, data="calibration"), "agrees no data, error 1.2 %"),
        (replace(AGREES, share=None, fresh=Way(281, 120, None, 0.0123)), "agrees linear, error 1.2 %"),
        (replace(AGREES, share=None, fresh=Way(281, 120, None, 0.0123), says="symbols"), "symbols, error 1.2 %"),
        (
            replace(
                AGREES, share=None, fresh=Way(281, 120, None, 0.01, 1, 0.08), worst_output="level", worst_error=0.08
            ),
            "agrees linear, error 8 %",
        ),
    ],
)
def test_how_a_file_agrees_is_told(agrees: Agreement, expected: str) -> None:
    proof = Proof("m", "00", 1, "engine", "int8", SameRounding(1, 1, ()), agrees)
    assert headline(proof) == expected
    assert len(expected) <= 33  # beside the longest name of the demo's files, within 80 columns


def exported(agrees: Agreement) -> Export:
    proof = Proof("m", "00", 1, "engine", "int8", SameRounding(1, 1, ()), agrees)
    return Export(Path("m.elstm"), 1, find_form("elstm"), "per-row", proof, random_model(2, [3], [2]))


def test_the_foot_of_the_table_names_labels_that_no_answer_is() -> None:
    partial = replace(AGREES, unanswered=2, unanswered_labels=("cavitation", "leak"))
    note = "no answer on unseen recordings is: cavitation, leak (nothing is said of them)"
    shown = table([exported(partial), exported(partial)], [None, None])
    assert " ".join(shown.split()).count(note) == 1
    assert "no answer" not in table([exported(AGREES)], [None])


def test_an_accepted_loss_does_not_look_like_a_pass() -> None:
    lossy = exported(replace(AGREES, share=0.9, passed=False))
    assert lossy.proof is not None
    assert unstyle(table([lossy], [None])).splitlines()[1].startswith("✗ m.elstm")
    taken = replace(lossy, proof=lossy.proof.accepting_loss())
    shown = unstyle(table([taken, exported(AGREES)], [None, None]))
    assert [line[:9] for line in shown.splitlines()[1:3]] == ["· m.elstm", "✓ m.elstm"]
    assert "·: loss accepted" in " ".join(shown.split())
    assert "loss accepted" not in table([exported(AGREES)], [None])


@pytest.mark.parametrize(("data", "why"), [("unseen", "too few to say"), ("calibration", "no data")])
def test_what_is_not_known_does_not_look_like_a_pass(data: Data, why: str) -> None:
    """It is no failure either. What decides nothing has nothing that is not known."""
    found = exported(replace(AGREES, share=None, answers=20, independent=12, data=data))
    shown = unstyle(table([found], [None]))
    assert shown.splitlines()[1].startswith("? m.elstm")
    assert f"?: {why} how often it decides as float32" in " ".join(shown.split())
    assert found.proof is not None
    told = found.proof.to_json()
    assert (told["passed"], told["verdict"]) == (True, why)
    assert found.proof.lines()[0].startswith("? agrees: ")
    linear = exported(replace(AGREES, share=None, fresh=Way(20, 12, None, 0.0123), data=data))
    assert unstyle(table([linear], [None])).splitlines()[1].startswith("✓ m.elstm")
