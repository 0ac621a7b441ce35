"""The package that runs here, as a wheel for boards of the same kind."""

import io
import os
import zipfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgelstm.devices import detect
from edgelstm.devices.deploy import deployment
from edgelstm.devices.deploy.settings import Settings
from edgelstm.devices.remote import BoardError
from edgelstm.devices.remote.target import WHEELS, Target, choose_wheel
from edgelstm.devices.wheels import running
from edgelstm.devices.wheels.wheel import find_wheel
from edgelstm.export.elstm import encode
from edgelstm.quantization import quantize
from random_models import random_model


@pytest.fixture(scope="module")
def packed():
    return running.pack()


class Told:
    """A session with a board, as far as a wheel is chosen by it."""

    def __init__(self, architecture):
        self.host, self.facts = "board", self
        self.architecture, self.libc = architecture, os.confstr("CS_GNU_LIBC_VERSION")
        self.numpy, self.executable = "2.0.0", "python3"


def test_it_is_a_wheel_for_this_machine_and_the_same_bytes_each_time(packed, tmp_path):
    name, content = packed
    (tmp_path / name).write_bytes(content)
    assert find_wheel(detect().architecture, os.confstr("CS_GNU_LIBC_VERSION"), [tmp_path]) == tmp_path / name
    assert running.pack.__wrapped__() == packed
    assert not running.is_of_another_build(content)


def test_it_serves_where_no_wheel_is_there_and_for_no_other_kind_of_board(packed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, content = choose_wheel(Told(detect().architecture), WHEELS)
    assert (path.name, content) == packed
    other = "armv6l" if detect().architecture != "armv6l" else "x86_64"
    with pytest.raises(BoardError, match=f"dist: no wheel for {other} there; .*--wheel.*make wheels"):
        choose_wheel(Told(other), WHEELS)


@pytest.mark.parametrize("change", ["another line", "one less", "one more"])
def test_a_wheel_of_another_build_is_known_by_what_is_not_compiled(packed, change):
    other = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed[1])) as archive, zipfile.ZipFile(other, "w") as wheel:
        for name in archive.namelist():
            data = archive.read(name)
            if name.endswith("edgelstm/model.py"):
                data += b"# older\n" * (change == "another line")
            if name.endswith("edgelstm/model.py") and change == "one less":
                continue
            wheel.writestr(name, b"compiled otherwise" if name.endswith(".so") else data)
        if change == "one more":
            wheel.writestr("edgelstm/more.py", b"")
    assert running.is_of_another_build(other.getvalue())


@pytest.mark.parametrize("is_older", [True, False])
def test_a_deployment_that_fails_with_a_wheel_of_another_build_says_so(packed, tmp_path, monkeypatch, is_older):
    """A self-test that an older core fails reads as broken arithmetic otherwise."""
    older = io.BytesIO()
    zipfile.ZipFile(older, "w").close()

    def fail(session, _):
        raise BoardError(session.host, "self-test: the int8 state is another one than on the laptop")

    session = nullcontext(SimpleNamespace(host="board", put=lambda *_: None))
    monkeypatch.setattr(deployment, "Session", lambda *_, **__: session)
    monkeypatch.setattr(deployment, "check_room", lambda *_: None)
    wheel = (Path(packed[0]), older.getvalue() if is_older else packed[1])
    monkeypatch.setattr(deployment, "choose_wheel", lambda *_: wheel)
    monkeypatch.setattr(deployment, "_act", fail)
    model = tmp_path / "m.elstm"
    model.write_bytes(encode(quantize(random_model(2, [4], [2], seed=1))))
    settings = Settings(model="m", sha256="", source_file="/x")
    with pytest.raises(BoardError, match=r"^board: self-test: the int8 state is another one") as failed:
        deployment.deploy(Target("board"), model, settings, "bell")
    assert ("of another build than the edgelstm here; in a checkout: make wheels" in str(failed.value)) == is_older
    assert str(failed.value).count("board: ") == 1
