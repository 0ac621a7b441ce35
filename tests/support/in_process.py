"""Commands within this process, for laws that run hundreds of them."""

from __future__ import annotations

import contextlib
import io
import math
import re
from pathlib import Path
from typing import NamedTuple

import pytest


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


PROGRESS = "edgelstm.cli.show.progress._Line.EVERY"
"""Seconds after which work says how far it has come: for ever in tests, whatever the load."""


def run(*arguments: str | Path) -> Ended:
    """`edgelstm ARGUMENTS`."""
    from edgelstm.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code: object = 0
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(PROGRESS, math.inf)
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
    texts = (stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
    return Ended(int(code or 0), *texts)  # type: ignore[call-overload]


def refused_well(ended: Ended) -> bool:
    """Done; or refused in one short line that blames the input, not EdgeLSTM."""
    if ended.code == 0:
        return True
    assert ended.code in (1, 2), ended
    lines = ended.err.splitlines()
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("edgelstm: ")
    assert "an error of EdgeLSTM" not in lines[0], lines[0]
    words = re.sub(r"/\S*/", "", lines[0])  # folders of tests have long names
    assert len(words) < 300 or "file name too long" in words, lines[0]
    assert lines[0].isprintable(), ascii(lines[0])
    return True
