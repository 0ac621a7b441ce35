"""The anomaly in a pulse, by the recipe that ships: found without a false alarm, and streamed as it was judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgelstm.cli import main
from edgelstm.evaluation import evaluate
from edgelstm.export.elstm import encode
from edgelstm.judging import Events
from edgelstm.quantization import calibrate, quantize
from edgelstm.recipes import load_recipe
from edgelstm.tasks import read_dataset
from edgelstm.training import split, train

PULSE = Path(__file__).parents[2] / "data" / "pulse.npz"


@pytest.mark.skipif(not PULSE.exists(), reason="data/pulse.npz is made by `make data`")
def test_the_anomaly_is_found_without_a_false_alarm(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    recipe = load_recipe("pulse")
    fit, test = split(read_dataset(PULSE, task=recipe.task), recipe)
    assert (len(fit.sequences[0]), len(test.sequences[0])) == (1200, 6301)
    trained = train(fit, recipe)
    model = calibrate(trained.model, trained.calibration)
    integers = quantize(model)
    for found in (evaluate(model, test), evaluate(integers, test)):
        assert isinstance(found, Events)
        count = found.at_threshold
        assert (count.events, count.found, count.false, count.alarmed) == (1, 1, 0, 0)
        assert found.lowest_event is not None
        assert found.lowest_event > 2  # thresholds
    (tmp_path / "pulse.elstm").write_bytes(encode(integers))
    np.savetxt(tmp_path / "pulse.csv", test.sequences[0], fmt="%.9g", header="pressure", comments="")
    with pytest.raises(SystemExit) as ended:
        main(["stream", str(tmp_path / "pulse.elstm"), str(tmp_path / "pulse.csv")])
    assert not ended.value.code
    answers = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    alarms = [answer["frame"] - 1 + 1200 for answer in answers if answer["anomaly"]]
    assert 4187 <= alarms[0] <= 4198
    assert alarms[-1] <= 4198 + recipe.task.to_json()["slack"]
