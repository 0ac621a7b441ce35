"""A new source of frames is a file and a line of the table: commands and services have all they need of it there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import click
import numpy as np
import pytest
from click.testing import CliRunner

from edgelstm.cli.sources import Chosen, chosen_source, source_options
from edgelstm.devices.deploy.settings import Settings
from edgelstm.records import Bounds
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.sources.kind import Named, SourceKind, Told
from edgelstm.runtime.sources.open import DEVICES, SOURCES, open_source
from edgelstm.runtime.sources.source import FrameFormat, Source


class Steps(Source):
    place = "steps"

    def __init__(self, frames: list[list[float]]) -> None:
        super().__init__("steps")
        self._frames = frames

    def __iter__(self) -> Iterator[Float32]:
        return iter(np.array(self._frames, np.float32))


@dataclass(frozen=True)
class Ramp(SourceKind):
    name = "ramp"
    named = Named("Take numbers that grow.", "COUNT", usual="3")
    common = ("gap",)
    is_device = True

    step_size: Annotated[float | None, Bounds(least=0), Told("Between two of them.", "SIZE")] = None
    shape: Annotated[Literal["line", "saw"], Told("Of the curve.")] = "line"
    backwards: Annotated[bool, Told("From the end.")] = False

    @contextmanager
    def open(self, where: str, form: FrameFormat) -> Iterator[Source]:
        frames = [[n * (self.step_size or 1.0)] * form.features for n in range(int(where))]
        yield Steps(frames[::-1] if self.backwards else frames)


@pytest.fixture(autouse=True)
def ramp(monkeypatch: pytest.MonkeyPatch) -> None:
    for table in (SOURCES, DEVICES):
        monkeypatch.setitem(table, "ramp", Ramp)  # type: ignore[arg-type]


def chosen(*arguments: str) -> tuple[Chosen | None, str]:
    """What a command makes of them, and what it prints."""
    found: list[Chosen] = []

    @click.command()
    @click.option("--format", "syntax")
    @source_options
    def command(syntax: str | None, **given: Any) -> None:
        found.append(chosen_source(None, given))

    output = CliRunner().invoke(command, arguments).output
    return found[0] if found else None, output


def test_its_options_are_those_of_its_fields() -> None:
    text = " ".join(chosen("--help")[1].split())
    for line in (
        "--ramp COUNT Take numbers that grow.",
        "--step-size SIZE Between two of them. [x>=0]",
        "--shape [line|saw] Of the curve. [default: line]",
        "--backwards From the end.",
    ):
        assert line in text


def test_it_opens_as_it_was_asked() -> None:
    found, _ = chosen("--ramp", "4", "--step-size", "0.5", "--backwards")
    assert found is not None
    with open_source(found.kind, found.where, FrameFormat(2)) as source:
        assert [frame.tolist() for frame in source] == [[1.5, 1.5], [1, 1], [0.5, 0.5], [0, 0]]
    alone, _ = chosen("--ramp")
    assert alone is not None
    assert (alone.kind, alone.where, alone.is_live) == (Ramp(), "3", True)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--ramp", "4", "--serial", "/x"), "--ramp: beside --serial, expected one source of frames"),
        (("--serial", "/x", "--shape", "saw"), "--shape: goes with --ramp"),
        (("--ramp", "4", "--columns", "x"), "--columns: goes with FILE or --serial or --mqtt"),
        (("--wav", "x", "--gap", "1"), "--gap: goes with FILE or --serial or --mqtt or --microphone or --ramp"),
        (("--ramp", "4", "--step-size", "-1"), "-1.0 is not in the range x>=0"),
    ],
)
def test_what_does_not_go_with_it_is_refused(arguments: tuple[str, ...], problem: str) -> None:
    found, output = chosen(*arguments)
    assert found is None
    assert problem in " ".join(output.split())


def test_a_service_keeps_what_it_is_asked() -> None:
    settings = Settings("m.elstm", "", device="ramp", where="4", asked={"shape": "saw", "step_size": 2})
    assert settings.source == Ramp(2.0, "saw")
    with pytest.raises(ValueError, match="asked: shape: 'round', expected one of line, saw"):
        Settings("m.elstm", "", device="ramp", where="4", asked={"shape": "round"})
