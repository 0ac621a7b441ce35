"""Clips get their labels on a terminal, and the list is read by whoever learns from it."""

from __future__ import annotations

import io
import os
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgelstm.adaptation.taught import read_clips
from edgelstm.data.columns import Roles
from edgelstm.data.options import ReadOptions
from edgelstm.data.read import read_recordings
from edgelstm.files import held
from edgelstm.runtime.clips import AFTER, Clips, label_in
from in_process import Ended, run
from random_models import random_model, random_signal

LABELS = ("deep cough", "other", "dog")


class Typed(io.StringIO):
    """What somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four clips that a stream kept, of a cough, a dog, and twice a cough that nearly was one."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "clips"
    folder.mkdir()
    keeper = Clips(folder, ("x0", "x1", "x2"), 3, 50.0, pytest.fail, most=1 << 20)
    for n, (kind, label) in enumerate(
        [("start", "deep cough"), ("start", "dog"), ("near", "deep cough"), ("near", "deep cough")]
    ):
        for frame in random_signal(160, 3, n):
            keeper.take(frame)
        keeper.mark(kind, label, 0.5 + n / 10)
        for frame in random_signal(20 if n == 3 else 110, 3, n):
            keeper.take(frame)
        keeper.end()
    return folder


@pytest.fixture
def annotate(clips: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    def typing(text: str, *more: str) -> Ended:
        monkeypatch.setattr(sys, "stdin", Typed(text))
        return run("annotate", "clips", "--labels", ",".join(LABELS), *more)

    return typing


def listed() -> list[str]:
    return [line.split(",", 1)[1] for line in Path("clips/labels.csv").read_text().splitlines()]


def test_numbers_names_beginnings_and_enter(annotate: Callable[..., Ended]) -> None:
    ended = annotate("2\ndog\nDE\n\n")
    assert ended.code == 0, ended.err
    assert listed() == ["label", "other", "dog", "deep cough", "deep cough"]
    assert "[dog]" in ended.out
    assert "4 clips with a label, 0 without" in ended.out


def test_skip_undo_quit_and_going_on(annotate: Callable[..., Ended]) -> None:
    ended = annotate("u\n1\nu\n2\ns\nd\n7\nq\n")  # d is the beginning of two
    assert "there is nothing to undo" in ended.out
    assert ended.out.count("expected a number, a label") == 2
    assert listed() == ["label", "other"]
    ended = annotate("1\n1\n")  # its input ends before the last
    assert "1 of 3" in ended.out
    assert listed() == ["label", "other", "deep cough", "deep cough"]
    assert "1 without" in ended.out
    annotate("3\n", "--group", "ann")
    assert listed() == ["label,group", "other,", "deep cough,", "deep cough,", "dog,ann"]
    assert "all 4 clips have a label" in annotate("").out


def test_the_last_answer_can_be_taken_back(annotate: Callable[..., Ended]) -> None:
    ended = annotate("1\n1\n1\n1\nx\nu\n3\n\n")
    assert listed() == ["label", *["deep cough"] * 3, "dog"]
    assert ended.out.count("That was the last. u takes back its answer") == 3


def test_what_is_otherwise_than_the_list_has_it_is_remarked(annotate: Callable[..., Ended]) -> None:
    assert "note" not in annotate("1\nq\n", "--group", "ann").err
    ended = annotate("1\nq\n", "--labels", "cat,dog")
    assert "note: the list has labels that --labels has not: deep cough" in ended.err
    assert "the list has groups (ann), new clips get none" in " ".join(ended.err.split())
    assert "groups" not in annotate("1\nq\n", "--group", "bob").err


def test_no_answer_means_two_things(annotate: Callable[..., Ended]) -> None:
    """Labels called like commands, and by numbers: both kinds can still be said."""
    ended = annotate("/s\ns\n/u\nu\nP\n/q\n", "--labels", "s,u,P")
    assert listed() == ["label", "u", "P"]
    assert "/s skip  /u undo" in ended.out
    assert "4 clips" not in ended.out
    ended = annotate("2\n3\n1\n", "--labels", "10,3,1")
    assert sorted(listed()) == ["1", "3", "P", "label", "u"]
    assert ended.out.count("expected a label, s, u, p or q") == 1  # the second is called 3
    assert "1 10" not in ended.out


def test_of_two_annotators_the_second_is_told(annotate: Callable[..., Ended]) -> None:
    with held("clips/labels.csv"):
        ended = annotate("1\n1\n1\n1\n")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "edgelstm: clips/labels.csv: somebody else is annotating it, expected one at a time\n"
    assert not Path("clips/labels.csv").exists()


def test_a_spreadsheets_list_is_gone_on_with(annotate: Callable[..., Ended], clips: Path) -> None:
    first, second, *_ = sorted(path.name for path in clips.iterdir())
    (clips / "labels.csv").write_bytes(f"\ufeffFile;Label\r\n{first};dog\r\n\r\n{second}; other\r\n".encode())
    annotate("1\nq\n")
    assert listed() == ["label", "dog", "other", "deep cough"]
    (clips / "labels.csv").write_text(f"file,label\n{first},dog\n{first},other\n")
    ended = annotate("q\n")
    assert ended.code == 1
    assert f"line 3: {first} is there twice" in ended.err


def test_clips_of_which_nothing_can_be_learned_are_left_out(annotate: Callable[..., Ended], clips: Path) -> None:
    """And those whose names no list can hold: what is listed is found again, commas, quotes, umlauts and all."""
    for path in clips.iterdir():
        path.unlink()
    frames = "x0,x1,x2\n" + "1,2,3\n" * 30
    odd = ['a "b", c.csv', "#1.csv", "Übung;1.csv"]
    strange = os.fsdecode(b"\xff.csv")  # no text in UTF-8; where names are Latin-1 a letter as any other
    names = [*odd, strange] if strange.isprintable() else odd
    for name in [*odd, strange, " blank.csv", "new\nline.csv"]:
        (clips / name).write_text(frames)
    (clips / "empty.csv").touch()
    (clips / "zero.csv").write_bytes(b"x0,x1,x2\n1,2,\0\n")
    ended = annotate("1\n" * len(names))
    assert ended.code == 0, ended.err
    assert ended.err.count("note: ") == 8 - len(names)
    assert "empty.csv: no rows, expected a table: left out" in " ".join(ended.err.split())
    assert f"{len(names)} clips with a label, 0 without, {8 - len(names)} left out" in ended.out
    assert sorted(r.name for r in read_recordings("clips/labels.csv").recordings) == sorted(names)
    assert annotate("").code == 0


def test_the_list_is_read_up_to_the_moment_of_each_event(annotate: Callable[..., Ended]) -> None:
    annotate("1\n1\n2\n2\n", "--group", "ann")
    found = read_recordings("clips/labels.csv")
    assert [(r.label, r.group) for r in found.recordings] == [("deep cough", "ann")] * 2 + [("other", "ann")] * 2
    assert [len(r.frames) for r in found.recordings] == [250, 250, 250, 180]
    labels = ("deep cough", "dog", "other")
    model = random_model(3, [4], [3])
    object.__setattr__(model, "labels", labels)
    object.__setattr__(model, "sample_rate", 50.0)
    taught = read_clips(Path("clips/labels.csv"), model)
    after = round(AFTER * 50)
    assert taught.dataset.lengths.tolist() == [250 - after] * 3 + [100]
    np.testing.assert_array_equal(taught.dataset.sequences[0], found.recordings[0].frames[:-after])
    assert taught.truth.tolist() == [[1, 0, 0]] * 2 + [[0, 0, 1]] * 2
    assert read_clips(Path("clips/labels.csv"), model, 40).dataset.lengths.tolist() == [40] * 4


def test_without_a_terminal_it_says_so(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    ended = run("annotate", "clips", "--labels", "a,b")
    assert (ended.code, ended.out) == (2, "")
    assert "stdin is no terminal, expected one" in ended.err


def test_sound_is_played_and_what_fails_is_told(annotate: Callable[..., Ended], clips: Path, tmp_path: Path) -> None:
    for path in clips.iterdir():
        path.unlink()
    with wave.open(str(clips / "a.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(800))
    player = tmp_path / "player"
    player.write_text('#!/bin/sh\necho "$@" >>played\necho no card >&2\nexit 1\n')
    player.chmod(0o755)
    ended = annotate("p\n1\n", "--play", f"{player} -x")
    assert Path("played").read_text().splitlines() == [f"-x {Path('clips', 'a.wav')}"] * 2
    assert " ".join(ended.err.split()).count("player: no card") == 2
    named = ReadOptions(Roles(features=("sound",)))
    assert read_recordings("clips/labels.csv", named).recordings[0].label == "deep cough"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,2\n", "expected file,label"),
        (b"file,label\n\xff,b\n", "expected CSV in UTF-8"),
        (b"file,label\nx.csv\n", "line 2: expected a file and its label"),
        (b"", "expected file,label"),
    ],
)
def test_another_list_is_refused(clips: Path, content: bytes, words: str) -> None:
    (clips / "labels.csv").write_bytes(content)
    ended = run("annotate", "clips", "--labels", "a,b")
    assert ended.code == 1
    assert words in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 2, "no such folder"),
        (["clips"], 2, "--labels: none, expected what clips may be"),
        (["clips", "--labels", "a,,b"], 2, "expected names by commas"),
        (["clips", "--labels", "a,a"], 2, "'a' occurs twice"),
        (["clips", "--labels", "a,None"], 2, "'None' stands for no label in tables"),
        (["clips", "--labels", "a", "-o", "labels.csv"], 2, "its files are told from its folder"),
        (["empty", "--labels", "a"], 1, "no clips, expected .wav or .csv files"),
        (["both", "--labels", "a"], 1, "expected clips of one kind"),
    ],
)
def test_what_cannot_be_asked_about(clips: Path, arguments: list[str], code: int, words: str) -> None:
    Path("empty").mkdir()
    Path("both").mkdir()
    Path("both/a.wav").touch()
    Path("both/a.csv").touch()
    ended = run("annotate", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert words in ended.err


def test_what_a_list_may_not_name(clips: Path) -> None:
    good = next(path.name for path in clips.iterdir())
    (clips / "other.csv").write_text("a,b\n1,2\n")
    for name, words in (
        ("gone.csv", "a .csv or .tsv file that is there"),
        ("other.csv", "columns a, b, expected x0"),
    ):
        (clips / "labels.csv").write_text(f"file,label\n{good},a\n{name},b\n")
        ended = run("data", "inspect", clips / "labels.csv")
        assert ended.code == 1
        assert words in ended.err


def test_names_of_other_files_tell_no_label() -> None:
    assert label_in("20261126T160431250Z-near-deep_cough_a1b2c3-0.87.wav") == "deep_cough_a1b2c3"
    assert label_in("cough-1.wav") == ""
