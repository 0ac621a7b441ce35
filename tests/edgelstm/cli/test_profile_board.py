"""`edgelstm profile --board` and `edgelstm deploy` on a board that is this machine: output, exit codes, nonsense."""

import json
import os
import re

import pytest

import ssh_board
from edgelstm.cli import main
from edgelstm.devices import read_report
from edgelstm.devices.wheels import running
from edgelstm.export.elstm import encode
from edgelstm.quantization import quantize
from random_models import random_model

pytestmark = pytest.mark.skipif(ssh_board.MISSING is not None, reason=str(ssh_board.MISSING))

HOSTS = "Host refused\n  HostName 127.0.0.1\n  Port 1\n  ProxyCommand none\n"
QUICK = ("--frames", "500", "--pace", "flat", "--seconds", "20", "--board-python", ssh_board.PYTHON, "--wait", "120s")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    (folder / "dist").mkdir()
    ssh_board.own_wheel(folder / "dist")
    for seed, name in enumerate(("a", "b")):
        (folder / f"{name}.elstm").write_bytes(encode(quantize(random_model(4, [8], [3], seed=seed))))
    (folder / "bad.elstm").write_bytes(b"no model")
    return folder


@pytest.fixture(scope="module")
def board(folder):
    return ssh_board.SshBoard(folder, HOSTS)


@pytest.fixture
def run(folder, board, monkeypatch, capfd):
    """(exit code, stdout, stderr) of a command in this process."""
    monkeypatch.setenv("PATH", f"{board.bin}:{os.environ['PATH']}")
    monkeypatch.chdir(folder)
    board.login(f"export XDG_RUNTIME_DIR={board.home}/none")

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments)])
        return ended.value.code, *capfd.readouterr()

    yield call
    assert board.left() == []


def test_a_board_gives_the_table_and_the_report_of_this_machine(run, tmp_path):
    code, out, err = run("profile", "a.elstm", "b.elstm", "--board", "board", *QUICK, "--output", tmp_path / "r.json")
    assert (code, err) == (0, "")
    assert re.search(r"a\.elstm +b\.elstm$", out, re.MULTILINE)
    assert [one.model.file for one in read_report(tmp_path / "r.json").runs] == ["a.elstm", "b.elstm"]


def test_boards_stand_in_one_table_and_a_failed_one_is_a_line(run):
    arguments = ("profile", "a.elstm", "--board", "board", "--board", "refused", "--board", "other", *QUICK)
    code, out, err = run(*arguments)
    assert code == 4
    assert re.fullmatch(r"✗ refused: cannot be reached: .*refused\n", err)
    assert "(board)" in out
    assert "(other)" in out
    code, out, err = run(*arguments, "--json")
    assert code == 4
    assert [one["board"]["name"].rpartition(" ")[2] for one in json.loads(out)] == ["(board)", "(other)"]


def test_a_broken_budget_there_exits_with_3(run):
    code, _, _ = run("profile", "a.elstm", "--board", "board", *QUICK, "--budget", "stream_memory=1B")
    assert code == 3


def test_boards_come_from_a_file(run, tmp_path):
    file = tmp_path / "boards.toml"
    file.write_text(f'[[boards]]\nhost = "board"\npython = "{ssh_board.PYTHON}"\n')
    code, out, _ = run("profile", "a.elstm", "--boards", file, "--frames", "500", "--pace", "flat")
    assert code == 0
    assert "a.elstm" in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("boards = 3", r"boards\.toml: boards: 3, expected a list"),
        ("boards = []", r"boards: a list of 0, expected at least 1 items"),
        ("[[boards]]\n", r"boards\[0\]: no field 'host'"),
        ('[[boards]]\nhost = "-oProxyCommand=x"', r"boards\[0\]: board '-oProxyCommand=x': expected a host"),
        ('[[boards]]\nhost = "pi"\npyhton = "x"', r"boards\[0\]: unknown field 'pyhton'"),
        ('[[boards]]\nhost = "pi"\nwheel = 3', r"boards\[0\]\.wheel: 3, expected text"),
        ("[[boards", r"boards\.toml: "),
    ],
)
def test_a_file_with_boards_is_checked(run, tmp_path, text, words):
    (tmp_path / "boards.toml").write_text(text)
    code, out, err = run("profile", "a.elstm", "--boards", tmp_path / "boards.toml")
    assert (code, out) == (1, "")
    assert re.search(words, err)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("profile", "bad.elstm", "--board", "board"), 1, "bad.elstm"),
        (("profile", "none.elstm", "--board", "board"), 2, "none.elstm"),
        (("profile", "a.elstm", "--board", "pi", "--board", "pi"), 2, "given twice"),
        (("profile", "a.elstm", "--board", "-x"), 2, "--board '-x': expected a host"),
        (("deploy", "--board", "@", "--status"), 2, "--board '@': expected a host"),
        (("profile", "a.elstm", "--board", "board", "--wheel", "none"), 2, "none"),
        (("deploy", "--board", "board"), 2, "MODEL"),
        (("deploy", "none.elstm", "--board", "board", "--source", "/x"), 2, "none.elstm"),
        (("deploy", "bad.elstm", "--board", "board", "--source", "/x"), 1, "bad.elstm"),
        (("deploy", "a.elstm", "--board", "board", "--source", "/x", "--source-command", "y"), 2, "one of them"),
        (("deploy", "a.elstm", "--board", "board", "--source-command", "'"), 2, "--source-command"),
        (("deploy", "a.elstm", "--board", "board", "--source", "/x", "--output", "/x"), 2, "--output: '/x' is the"),
        (("deploy", "a.elstm", "--board", "board", "--output", "/x"), 2, "--output"),
        (("deploy", "a.elstm", "--board", "board", "--name", "../x", "--source", "/x"), 2, "--name '../x'"),
        (("deploy", "--board", "board", "--rollback", "--source", "/x"), 2, "--rollback"),
        (("deploy", "--board", "board", "--status", "--no-unusual"), 2, "--no-unusual: goes with a MODEL"),
        (("deploy", "a.elstm", "--board", "board", "--no-unusual"), 2, "--no-unusual: goes with a source"),
        (("deploy", "--board", "board", "--status", "--hop", "0"), 2, "--hop: goes with a MODEL"),
        (("deploy", "a.elstm", "--board", "board", "--threshold", "0"), 2, "--threshold: goes with a source"),
        (("deploy", "a.elstm", "--board", "board", "--source", "/x", "--hop", "-1"), 2, "--hop: -1, expected 0 to"),
        (
            ("deploy", "--board", "board", "--status", "--state-every", "9s"),
            2,
            "--state-every: goes with --keep-state",
        ),
        (("deploy", "--board", "board", "--keep-state", "--state-max-age", "x"), 2, "--state-max-age"),
        (
            ("deploy", "a.elstm", "--board", "board", "--serial", "/x", "--mqtt", "y"),
            2,
            "--serial and --mqtt: expected",
        ),
        (("deploy", "a.elstm", "--board", "board", "--mqtt", "hub"), 2, "--mqtt: 'hub', expected mqtt://HOST/TOPIC"),
        (("deploy", "a.elstm", "--board", "board", "--source", "/x", "--baud", "9"), 2, "--baud: goes with --serial"),
        (
            ("deploy", "a.elstm", "--board", "board", "--serial", "/x", "--home-assistant"),
            2,
            "--home-assistant: goes",
        ),
        (
            ("deploy", "a.elstm", "--board", "board", "--serial", "/x", "--event", "none"),
            2,
            "--event: 'none', expected",
        ),
        (("deploy", "a.elstm", "--board", "board", "--event", "none"), 2, "--event: goes with a source"),
        (("deploy", "--board", "refused", "--status"), 4, "refused: cannot be reached"),
    ],
)
def test_nonsense_gets_one_line(run, arguments, code, words):
    found, out, err = run(*arguments)
    assert (found, out) == (code, "")
    assert words in err
    assert len(err.replace("connecting …\n", "").splitlines()) == 1


def test_a_model_that_answers_at_the_end_alone_is_deployed_with_a_word(run):
    code, _, err = run("deploy", "a.elstm", "--board", "refused", "--source", "/x", "--hop", "0")
    assert code == 4
    assert "Note: a.elstm: answers at the end of input alone; for others meanwhile: --hop N" in " ".join(err.split())


def test_without_wheels_it_is_said_what_makes_them_for_a_board_of_another_kind(run, tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "here", lambda: "riscv64")
    code, _, err = run("profile", folder / "a.elstm", "--board", "board", "--board-python", ssh_board.PYTHON)
    assert code == 4
    assert "make wheels" in err
    assert "--wheel" in err


def test_deploy_from_first_to_last(run, board):
    python = ("--board", "board", "--board-python", ssh_board.PYTHON)
    assert run("deploy", *python, "--status")[:2] == (0, "board: nothing is deployed\n")
    source = ("--source", "/dev/sensor", "--keep-state", "--no-service", "--hop", "5")
    code, out, err = run("deploy", "a.elstm", *python, "--name", "bell", *source)
    assert code == 0, err
    first = re.search(r"bell (0001-[0-9a-f]{8}) is on board", out)[1]
    code, out, _ = run("deploy", "b.elstm", *python, "--name", "bell", "--no-service", "--json")
    second = json.loads(out)
    assert (code, second["before"]) == (0, first)
    code, out, _ = run("deploy", *python, "--status", "--json")
    (found,) = json.loads(out)
    assert (found["current"], found["versions"]) == (second["version"], [first, second["version"]])
    assert found["settings"]["source_file"] == "/dev/sensor"
    code, out, _ = run("deploy", *python, "--status")
    assert "/dev/sensor" in out
    assert re.search("asked for +hop 5\n", out)
    assert "kept: saved every 60 s, gone on from up to 3600 s old" in out
    code, out, _ = run("deploy", *python, "--rollback", "--no-service")
    assert code == 0
    assert f"bell {first} is on board, before it {second['version']}" in out
    # without --no-service the lack of systemd is told, and the files stay
    code, out, err = run("deploy", "b.elstm", *python, "--name", "bell")
    assert code == 4
    assert "the files are there and tested, but no service runs" in err
    assert "bell/current/run" in err
    code, out, _ = run("deploy", *python, "--remove")
    assert (code, out) == (0, "✓ bell is removed from board\n")
    for folder in (".local/share", ".local"):
        (board.home / folder).rmdir()
