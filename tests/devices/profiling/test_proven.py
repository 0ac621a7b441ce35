"""A profile says what the proof beside its model says, when it is the model's own."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgelstm.devices import Plan, profile
from edgelstm.devices.profiling.page import page
from edgelstm.devices.profiling.proven import agreement_of
from edgelstm.devices.profiling.report import Agrees, parse_report
from edgelstm.export import export_model
from edgelstm.records import Unavailable, to_text
from random_models import random_model, random_signal

MODEL = replace(random_model(3, [6], [4]), unseen=(random_signal(1500, 3, 9),))


@pytest.fixture
def exported(tmp_path):
    return export_model(MODEL, tmp_path / "m.elstm", precision="float32")


def test_the_report_has_the_figures_of_the_proof(exported, tmp_path):
    told = exported.proof.agrees
    found = agreement_of(exported.path)
    assert found == Agrees(told.share, told.answers, told.error, told.independent)
    assert found == Agrees(1.0, 1500, told.error, told.independent)
    assert 100 <= told.independent < 1500
    report = profile([exported.path], Plan(frames=50, seconds=0.1, pace="flat"))
    assert report.runs[0].model.agrees == found
    worth = f"({told.independent} independent)"
    assert f"100.0 % of 1,500 answers {worth} with the float model, error of scores" in page([report])
    text = to_text(report.to_json())
    assert parse_report(text, "r").runs[0].model.agrees == found


def test_a_report_of_before_says_nothing_of_it(exported):
    report = profile([exported.path], Plan(frames=50, seconds=0.1, pace="flat")).to_json()
    del report["runs"][0]["model"]["agrees"]
    found = parse_report(json.dumps(report), "r")
    assert isinstance(found.runs[0].model.agrees, Unavailable)
    assert "unknown: not asked" in page([found])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no proof beside the file"),
        ("{", "a proof beside the file that cannot be read"),
        ('{"sha256": "0", "agrees": {"answers": -1, "share": null, "error": 0.1}}', "cannot be read"),
        ('{"sha256": "0", "agrees": {"answers": 9, "share": null, "error": 0.1}}', "is another one's"),
    ],
)
def test_no_proof_of_this_very_file_is_said(exported, content, said):
    beside = Path(f"{exported.path}.proof.json")
    beside.unlink()
    if content is not None:
        beside.write_text(content)
    found = agreement_of(exported.path)
    assert isinstance(found, Unavailable)
    assert said in found.reason
