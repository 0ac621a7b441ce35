"""What a deployed version does, and the test that it makes before it does."""

import json

import pytest

from edgelstm.devices.deploy.settings import SelfTest, Settings, read, write
from edgelstm.export.elstm import encode
from edgelstm.export.onnx import float32 as onnx_float32
from edgelstm.runtime import Model
from edgelstm.runtime.engines.open import open_model
from edgelstm.runtime.sources.files import Feed
from edgelstm.runtime.sources.microphone import Microphone
from edgelstm.runtime.sources.serial_port import Serial
from random_models import random_model, random_signal


def test_a_float_model_of_another_engine_is_tested_by_its_answer(tmp_path):
    model = random_model(4, [16], [3])
    (tmp_path / "m.onnx").write_bytes(onnx_float32.encode(model))
    (tmp_path / "m.elstm").write_bytes(encode(model))
    test = SelfTest.of(Model(tmp_path / "m.elstm"), random_signal(20, 4))
    assert test.state_sha256 == ""
    test.run(open_model(tmp_path / "m.onnx"))
    with pytest.raises(ValueError, match="answers are off by"):
        SelfTest(test.frames[:10], test.answer, "").run(open_model(tmp_path / "m.onnx"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source_file": "", "source_command": ()}, "expected a file or a command"),
        ({"source_file": "/x", "source_command": ("y",)}, "expected a file or a command"),
        ({"syntax": "xml", "source_file": "/x"}, "syntax: 'xml'"),
        ({"source_file": "/x", "output": "/x"}, "output: '/x' is the source too"),
        ({"source_file": "/x", "state_every": -1.0}, "state_every: -1.0, expected 0 or more"),
        ({"source_file": "/x", "state_max_age": float("nan")}, "state_max_age: nan"),
        ({"source_file": "/x", "device": "mqtt", "where": "mqtt://hub/a"}, "expected a file or a command"),
        ({"device": "serial"}, "serial: expected both which kind and where"),
        ({"source_file": "/x", "home_assistant": True}, "home_assistant: goes with publish"),
        ({"device": "gpio", "where": "1"}, "device: 'gpio', expected one of serial, mqtt, microphone"),
        ({"device": "file", "where": "/x"}, "device: 'file', expected one of serial, mqtt, microphone"),
        ({"device": "serial", "where": "/x", "asked": {"channel": 1}}, "asked: unknown field 'channel'"),
        ({"device": "serial", "where": "/x", "asked": {"baud": 0}}, "asked: baud: 0, expected at least 1"),
        ({"device": "mqtt", "where": "hub"}, "mqtt: 'hub', expected mqtt://HOST/TOPIC"),
        ({"source_file": "/x", "keep": "clips"}, "keep: 'clips', expected a folder of the board, from / on"),
        ({"source_file": "/x", "keep_most": 0}, "keep_most: 0, expected at least 1 MiB"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        Settings("m.elstm", "", **change)


@pytest.mark.parametrize(
    ("kept", "source", "place"),
    [
        ({"device": "serial", "where": "/dev/x", "baud": 9600, "card_rate": 0, "channel": 0}, Serial(9600), "/dev/x"),
        (
            {"device": "microphone", "where": "hall", "baud": 115200, "card_rate": 48000, "channel": 2},
            Microphone(card_rate=48000, channel=2),
            "hall",
        ),
        ({"source_file": "/x", "baud": 115200, "card_rate": 0, "channel": 0}, Feed(), "/x"),
    ],
)
def test_settings_of_before_a_source_had_its_own_are_read(tmp_path, kept, source, place):
    path = tmp_path / "service.json"
    path.write_text(json.dumps({"model": "m.elstm", "sha256": "", **kept}))
    found = read(Settings, path)
    assert (found.source, found.place) == (source, place)
    path.write_bytes(write(found))
    assert read(Settings, path) == found
