"""The task `text`: symbols as columns, what follows them, what it costs, and the whole road to a stream of text."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.data.columns import Roles
from edgelstm.data.next_symbol import NextSymbol
from edgelstm.data.options import DEFAULTS, ReadOptions
from edgelstm.data.pieces import Piece
from edgelstm.data.recordings import BadFilesError, Recording, Recordings
from edgelstm.data.texts import OTHER, read_texts
from edgelstm.judging.symbols import symbols
from edgelstm.model_file import load_model
from edgelstm.runtime.sources.source import FrameFormat, NoFramesError
from edgelstm.runtime.sources.written import syntax_for, written
from edgelstm.tasks import Text, read_dataset
from edgelstm.training import parse_config
from edgelstm.training.remarks import remarks

Command = Callable[..., Any]
RECIPE = """
[task]
kind = "text"
tell = "next"

[data]
window = 48
test = 0.25

[model]
units = [16]

[training]
epochs = 20
batch = 8
learning_rate = 0.02
averaging = 0.9
"""


def folder(at: Path, **texts: str | bytes) -> Path:
    at.mkdir()
    for name, text in texts.items():
        (at / f"{name}.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return at


def told(recordings: Recordings) -> list[str]:
    return ["".join(recordings.names[n] for n in r.frames.argmax(axis=1)) for r in recordings.recordings]


def test_the_most_frequent_characters_are_columns_and_the_rest_is_one(tmp_path: Path) -> None:
    found = read_texts(folder(tmp_path / "t", a="abba\r\n", b="b\u00e4é?"), DEFAULTS, "", False, 3)
    assert found.names == ("\n", "a", "b", OTHER)
    assert told(found) == ["abba\n", "b" + 3 * OTHER]
    assert all((r.frames.sum(axis=1) == 1).all() for r in found.recordings)


def test_the_symbols_of_a_model_stay_its_own(tmp_path: Path) -> None:
    texts = folder(tmp_path / "t", a="xyz")
    found = read_texts(texts, ReadOptions(Roles(features=("z", "y", OTHER))), "", False, 9)
    assert (found.names, told(found)) == (("z", "y", OTHER), [f"{OTHER}yz"])
    with pytest.raises(ValueError, match=r"^a\.txt: 'x' is none of the symbols, and there is no 'other'$"):
        read_texts(texts, ReadOptions(Roles(features=("z", "y"))), "", False, 9)


def test_texts_of_a_column_and_symbols_that_are_cells(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text('song,label,what\none,slow,C4\none,slow,"D, 4"\ntwo,fast,C4\n')
    rows = read_texts(path, ReadOptions(Roles(label="label")), "what", False, 9)
    assert told(rows) == ["C4", "D, 4", "C4"]
    assert [r.label for r in rows.recordings] == ["slow", "slow", "fast"]
    cells = read_texts(path, ReadOptions(Roles(series="song")), "what", True, 9)
    assert cells.names == ("C4", "D, 4", OTHER)
    assert told(cells) == ["C4D, 4", "C4"]
    assert Text(tell="label", column="what").dataset(rows).labels == ("fast", "slow")


@pytest.mark.parametrize(
    ("name", "content", "column", "said"),
    [
        (
            "t.csv",
            "a,b\nx,y\n",
            "",
            "t.csv: no task.column (init --columns), expected one that holds texts: 'a', 'b'",
        ),
        ("t.csv", "a,b\nx,y\n", "c", "t.csv: no column 'c', expected one that holds texts: 'a', 'b'"),
        ("t.csv", "a,b\n,y\n", "a", "t.csv line 2: no text, expected some"),
        ("t.txt", "", "", "t.txt: no text, expected some"),
        ("t.txt", b"ab\xff", "", "t.txt: byte 2 is not UTF-8, expected text"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, name: str, content: str | bytes, column: str, said: str) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((ValueError, BadFilesError)) as error:
        read_texts(tmp_path / name, DEFAULTS, column, False, 9)
    assert str(error.value) == said


def test_what_follows_is_known_within_a_piece_alone() -> None:
    x = np.eye(3, dtype=np.float32)[[0, 2, 1, 1]]
    whole = NextSymbol((x,))
    assert whole[0].tolist() == [2, 1, 1, -1]
    assert whole.pieces([Piece(0, 0, 2)], (x[:2],))[0].tolist() == [2, -1]
    order = [2, 0, 1]
    assert whole.reordered(order, (x[:, order],))[0].tolist() == whole[0].tolist()
    assert whole.relabelled(np.array([5, 6, 7]), 8)[0].tolist() == [7, 6, 6, -1]


def test_columns_that_are_no_symbols_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^r: expected frames with one 1 among zeros, a column for each symbol$"):
        Text().dataset(Recordings((Recording("r", np.ones((2, 2), np.float32)),), ("a", "b")))


def in_parts(answers: np.ndarray, truth: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(answers[:2], truth[:2]), (answers[2:], truth[2:])]


def test_bits_are_the_entropy_of_what_is_known() -> None:
    """Whoever gives the true probabilities pays the entropy; whoever is sure and right pays nothing."""
    truth = np.array([0, 0, 0, 1, -1])
    fair = symbols("x", False, ("a", "b"), in_parts(np.tile([0.75, 0.25], (5, 1)), truth))
    entropy = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    assert (fair.count, fair.accuracy, fair.majority) == (4, 0.75, 0.75)
    assert fair.bits == pytest.approx(entropy)
    assert fair.of_frequencies == pytest.approx(entropy)
    assert fair.remarks()
    assert symbols("x", False, ("a", "b"), in_parts(np.eye(2)[truth], truth)).bits == 0
    assert symbols("x", False, ("a", "b"), in_parts(np.eye(2)[[1, 1, 1, 0, 0]], truth)).bits == 64


def streamed(raw: bytes, *names: str, chunk: int = 7) -> list[str]:
    stream = io.BufferedReader(io.BytesIO(raw), buffer_size=chunk)  # type: ignore[arg-type]
    source = written(stream, "stdin", FrameFormat(len(names), names, "text"))
    return [names[int(frame.argmax())] for frame in source]


def test_a_stream_of_text_is_read_character_by_character() -> None:
    assert streamed("aä\r\n".encode() * 5, "a", "ä", "\n") == ["a", "ä", "\n"] * 5
    assert streamed(b"a?b", "a", OTHER) == ["a", OTHER, OTHER]
    assert streamed(b"C4\n\nD4\r\nC4", "C4", "D4") == ["C4", "D4", "C4"]


@pytest.mark.parametrize(
    ("raw", "names", "error", "said"),
    [
        (b"", ("a",), NoFramesError, "stdin: no text, expected some"),
        (
            b"ab",
            ("a",),
            ValueError,
            "stdin character 2: 'b' is no symbol of the model; to go on with the one before it: --missing hold",
        ),
        (b"aa\xff", ("a",), ValueError, "stdin character 2: then byte 0xff is not UTF-8, expected text"),
        (
            b"C4\nE4\n",
            ("C4",),
            ValueError,
            "stdin line 2: 'E4' is no symbol of the model; to go on with the one before it: --missing hold",
        ),
        (b"x" * 5000, ("C4", OTHER), ValueError, "stdin line 1: longer than 4096 characters"),
        (b"a", (), ValueError, "stdin: the model's features have no names, expected symbols to read text by"),
    ],
)
def test_hostile_text_is_one_line(raw: bytes, names: tuple[str, ...], error: type[Exception], said: str) -> None:
    with pytest.raises(error) as found:
        streamed(raw, *names)
    assert str(found.value) == said


def test_models_of_texts_take_text_unless_something_else_is_asked() -> None:
    assert syntax_for({"task": {"kind": "text"}}, "auto") == "text"
    assert syntax_for({"task": {"kind": "text"}}, "csv") == "csv"
    assert [syntax_for({"task": task}, "auto") for task in ({"kind": "frames"}, None, "text")] == ["auto"] * 3


def test_from_text_files_to_a_stream_of_text(command: Command, tmp_path: Path) -> None:
    """Words of which all but the first letter follow from it: a model that learned them needs few bits."""
    rng = np.random.default_rng(1)
    texts = {f"t{n}": " ".join(rng.choice(["alpha", "beta", "gamma"], 60)) for n in range(8)}
    data = folder(tmp_path / "data", **texts)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    model, file = tmp_path / "model.npz", tmp_path / "model.elstm"
    ended = command("train", tmp_path / "recipe.toml", "--data", data, "-o", model, "--json")
    assert ended.code == 0, ended.err
    float32, int8 = json.loads(ended.out)["evaluations"]
    assert float32["bits"] < 0.6 < 2.5 < float32["bits_by_frequencies"]
    assert int8["bits"] < 0.7
    assert load_model(model).feature_names == (*sorted(set("alpha beta gamma")), OTHER)

    ended = command("export", model, "--format", "elstm", "--data", data, "-o", file)
    assert ended.code == 0, ended.err
    found = json.loads(command("evaluate", file, data, "--all", "--json").out)
    assert found[0]["bits"] < 0.7
    (tmp_path / "some.txt").write_text("alpha g")
    *_, last = command("stream", file, tmp_path / "some.txt").out.splitlines()
    assert json.loads(last)["label"] == "a"
    assert json.loads(last)["frame"] == 7


def test_a_recipe_is_proposed_for_texts(command: Command, tmp_path: Path) -> None:
    data = folder(tmp_path / "data", **{f"t{n}": "to be or not to be " * (20 + n) for n in range(6)})
    ended = command("init", data, "-o", tmp_path / "recipe.toml")
    assert ended.code == 0, ended.err
    recipe = (tmp_path / "recipe.toml").read_text()
    assert 'kind = "text"' in recipe
    assert "noise" not in recipe
    dataset = read_dataset(data, DEFAULTS, Text())
    assert dataset.labels == dataset.feature_names
    assert parse_config(recipe).training.balance == "none"  # the space is far more frequent than the r


@pytest.mark.parametrize(("tell", "balance"), [("next", "weights"), ("next", "none"), ("label", "weights")])
def test_weights_of_symbols_are_told_of(tmp_path: Path, tell: str, balance: str) -> None:
    """How often a symbol comes is part of what is foretold; of labels of whole texts it is not."""
    (tmp_path / "data").mkdir()
    for label in "ab":
        folder(tmp_path / "data" / label, **{f"t{n}": label * 30 + "x" for n in range(4)})
    loss = "frames" if tell == "next" else "last"
    config = parse_config(
        f'[task]\nkind = "text"\ntell = "{tell}"\n[training]\nloss = "{loss}"\nbalance = "{balance}"\n'
    )
    dataset = read_dataset(tmp_path / "data", DEFAULTS, config.task)
    said = [line for line in remarks(config, dataset, dataset) if "training.balance" in line]
    assert bool(said) == (tell == "next" and balance == "weights")


def test_texts_are_looked_at_and_converted(command: Command, tmp_path: Path) -> None:
    for n, words in enumerate(("abba", "A bad cab", "dad")):
        (tmp_path / "texts").mkdir(exist_ok=True)
        (tmp_path / "texts" / f"{n}.txt").write_text(words)
    shown = command("data", "inspect", tmp_path / "texts").out
    assert "recordings  3 of 3 to 9 frames" in shown
    assert "symbols     7:   A a b c d other" in shown
    assert "tells nothing" not in shown
    assert command("data", "convert", tmp_path / "texts", "-o", tmp_path / "t.npz").code == 0
    first = Text().dataset(Text().recordings(tmp_path / "t.npz", DEFAULTS)).sequences[0]
    assert "".join(" Aabcd"[n] for n in first.argmax(axis=1)) == "abba"


@pytest.mark.parametrize(("length", "is_refused"), [(30, False), (100, True)])
def test_phrases_may_come_again_and_long_texts_may_not(
    tmp_path: Path, command: Command, length: int, is_refused: bool
) -> None:
    rng = np.random.default_rng(0)
    lines = ["".join(rng.choice(list("abcdefgh"), length)) for _ in range(20)] * 2
    (tmp_path / "names.csv").write_text("name\n" + "\n".join(lines) + "\n")
    ended = command("init", tmp_path / "names.csv", "--task", "text", "--columns", "name", "-o", tmp_path / "r.toml")
    assert ended.code == int(is_refused), ended.err
    assert ("are the same, and one trains" in ended.err) == is_refused


def test_a_label_that_is_named_is_told_of_texts(tmp_path: Path, command: Command) -> None:
    lines = [f"{'ab'[n % 2] * (n // 2 + 5)},{('x', 'y')[n % 2]}" for n in range(40)]
    (tmp_path / "t.csv").write_text("text,kind\n" + "\n".join(lines) + "\n")
    init = ("init", tmp_path / "t.csv", "--task", "text", "--columns", "text")
    assert command(*init, "--label", "kind", "-o", tmp_path / "r.toml").code == 0
    assert 'tell = "label"' in (tmp_path / "r.toml").read_text()
    assert command(*init, "-o", tmp_path / "next.toml").code == 0
    assert 'tell = "next"' in (tmp_path / "next.toml").read_text()
    assert "--columns: 2, expected the one" in command(*init, "--columns", "kind", "-o", tmp_path / "no.toml").err
