"""What makes the tests of imports quick: fewer frames where no recordings are given, and children that are forked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from counts import FULL, times
from edgelstm.importers import child, proof
from forked_modules import ForkedModules, forked_modules

FORKED = (
    "test_keras_import",
    "test_keras_refused",
    "test_keras_weights",
    "test_onnx_graphs",
    "test_onnx_import",
    "test_onnx_loops",
    "test_tflite_import",
)
"""Files of tests that ask what is read. The others, that of damaged files among them, start children as they are."""


@pytest.fixture(autouse=True)
def _fewer_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float64 and float32 run frame by frame in numpy."""
    monkeypatch.setattr(proof, "FRAMES", times(800, proof.FRAMES))


@pytest.fixture(scope="session")
def _modules() -> Iterator[ForkedModules]:
    with forked_modules() as found:
        yield found


@pytest.fixture(autouse=True)
def _forked_children(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not FULL and request.path.stem in FORKED:
        monkeypatch.setattr(child, "subprocess", request.getfixturevalue("_modules"))
