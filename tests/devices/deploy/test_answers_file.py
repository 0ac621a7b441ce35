"""The file that a service's answers go to, on a disk without room."""

import contextlib
import os
from pathlib import Path

from edgelstm.devices.deploy.answers_file import AnswersFile


def test_a_full_disk_drops_answers_counts_them_and_goes_on():
    told = []
    with contextlib.closing(AnswersFile(Path("/dev/full"), told.append)) as file:
        for _ in range(3):
            file.write(b"{}\n")
        assert file.dropped == 3
    assert told == ["/dev/full: no space left on device; answers are dropped until there is room"]


def test_a_line_that_lacks_its_end_alone_is_not_dropped(tmp_path, monkeypatch):
    told, whole = [], os.write
    with contextlib.closing(AnswersFile(tmp_path / "answers", told.append)) as file:
        for room in (99, 3, 4, 1, 99):  # bytes that the disk has left at each line, and at the end before it
            monkeypatch.setattr(os, "write", lambda number, data, room=room: whole(number, data[:room]))
            file.write(b"one\n")
    assert (tmp_path / "answers").read_text() == "one\n" * 4
    assert file.dropped == 1


def test_what_was_written_of_a_line_is_ended_before_the_next(tmp_path, monkeypatch):
    told, whole = [], os.write
    with contextlib.closing(AnswersFile(tmp_path / "answers", told.append)) as file:
        file.write(b"one\n")
        monkeypatch.setattr(os, "write", lambda number, data: whole(number, data[:2]))  # a disk with two bytes left
        file.write(b"two\n")
        monkeypatch.setattr(os, "write", whole)
        file.write(b"three\n")
    assert (tmp_path / "answers").read_text() == "one\ntw\nthree\n"
    assert file.dropped == 1
    assert told[-1].endswith("takes answers again, 1 dropped")
