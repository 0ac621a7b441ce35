"""A model for tests of what the runtime says."""

from __future__ import annotations

import pathlib

import pytest

from edgelstm.export.elstm import encode
from edgelstm.model import Answer
from edgelstm.quantization import quantize
from edgelstm.runtime import Model as RuntimeModel
from random_models import random_model


@pytest.fixture
def runtime_model(tmp_path: pathlib.Path) -> RuntimeModel:
    path = tmp_path / "m.elstm"
    path.write_bytes(encode(quantize(random_model(3, [8], [2], answer=Answer("mean", 4, 2)))))
    return RuntimeModel(path)
