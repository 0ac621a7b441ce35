"""`python -m edgelstm.data`: what the Makefile runs to get the demo sets out of their wheels."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgelstm.data import load_dataset
from edgelstm.data.__main__ import main
from edgelstm.data.japanese_vowels import MEMBERS

HEADER = "@problemName JapaneseVowels\n@data\n"


def utterance(speaker: int, frames: int) -> str:
    return ":".join(",".join(f"{k}.{t}" for t in range(frames)) for k in range(12)) + f":{speaker}\n"


def test_a_wheel_becomes_a_data_set(tmp_path: Path) -> None:
    wheel, out = tmp_path / "sktime.whl", tmp_path / "new" / "vowels.npz"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MEMBERS[0], HEADER + utterance(1, 7) + utterance(9, 8))
        archive.writestr(MEMBERS[1], HEADER + utterance(2, 9))
    result = CliRunner().invoke(main, ["japanese-vowels", str(wheel), str(out)])
    assert result.exit_code == 0, result.output
    dataset = load_dataset(out)
    assert [len(x) for x in dataset.sequences] == [7, 8, 9]
    assert dataset.y.tolist() == [0, 8, 1]
    assert dataset.test is not None
    assert dataset.test.tolist() == [False, False, True]


@pytest.mark.parametrize("name", ["watch", "japanese-vowels", "weather", "pulse"])
def test_nonsense_is_one_line_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    wheel, out = tmp_path / "a.whl", tmp_path / "out.npz"
    wheel.write_bytes(b"no wheel")
    result = CliRunner().invoke(main, [name, str(wheel), str(out)])
    assert result.exit_code == 1
    assert result.output.startswith(f"error: {wheel}: not the wheel of")
    assert result.output.count("\n") == 1
    assert not out.exists()
    assert CliRunner().invoke(main, [name, str(tmp_path / "none.whl"), str(out)]).exit_code == 2
