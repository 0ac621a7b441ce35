"""What the board does with versions, without a board: orders carried out in a home of the test's own."""

import fcntl
import itertools
import json
import os
import random
import subprocess
import sys
import time
import zipfile
from importlib.resources import as_file, files

import pytest

from counts import times
from edgelstm.devices.deploy import installation, services
from edgelstm.devices.deploy.versions import BEFORE, NEW, Deployment


@pytest.fixture
def home(tmp_path, monkeypatch):
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def sent(tmp_path):
    """A folder with what a laptop sends: a wheel whose self-test passes; the model says which version it is."""
    folder = tmp_path / "sent"
    folder.mkdir()
    with zipfile.ZipFile(folder / "a.whl", "w") as wheel:
        for name in ("edgelstm", "edgelstm/devices", "edgelstm/devices/deploy"):
            wheel.writestr(f"{name}/__init__.py", "")
        wheel.writestr("edgelstm/devices/deploy/service.py", "")
    return folder


def order(sent, what, content="", service=False):
    (sent / "m.elstm").write_text(content)
    found = {"do": what, "name": "bell", "wheel": "a.whl", "files": ["m.elstm"], "service": service}
    (sent / "order.json").write_text(json.dumps(found))
    return found


@pytest.fixture
def act(home, sent):
    """Carries out an order here and returns the current version's content."""

    def call(what, content="", service=False):
        installation.act(order(sent, what, content, service), sent)
        return current()

    return call


def current():
    return (Deployment("bell").link / "m.elstm").read_text()


def test_a_rollback_never_comes_to_what_was_rolled_back_from(act):
    assert [act("install", "v1"), act("install", "v2"), act("rollback")] == ["v1", "v2", "v1"]
    assert [act("install", "v3"), act("rollback")] == ["v3", "v1"]
    with pytest.raises(ValueError, match=r"no version before 0001-.*, nothing was changed"):
        act("rollback")
    assert [act("install", "v2"), act("install", "v4"), act("rollback"), act("rollback")] == ["v2", "v4", "v2", "v1"]


def test_any_order_of_installs_and_rollbacks_is_a_stack(act, monkeypatch):
    """The law: what runs is on top; a rollback takes it off; what does not start changes nothing."""
    monkeypatch.setattr(installation, "self_test", lambda _: None)
    starts = {"systemd": True, "problem": "", "linger": True}
    rng, stack, names = random.Random(1), [], map(str, itertools.count(1))
    for _ in range(times(25, 600)):
        what = rng.choice(["install", "install", "broken", "rollback", "rollback"])
        if what == "install":
            stack.append(act("install", next(names)))
        elif what == "broken":
            with monkeypatch.context() as patch:
                answers = iter([{**starts, "problem": "no"}, starts])
                patch.setattr(installation, "start", lambda *_, found=answers: next(found))
                with pytest.raises(ValueError, match="does not start"):
                    act("install", next(names))
        elif len(stack) > 1:
            stack.pop()
            assert act("rollback") == stack[-1]
        else:
            with pytest.raises(ValueError, match=r"no version before|not deployed there"):
                act("rollback")
        stack = stack[-installation.KEPT :]
        assert not stack or current() == stack[-1]
        assert len(Deployment("bell").versions()) <= installation.KEPT


def test_a_deployment_that_somebody_else_is_changing_is_left_alone(act):
    act("install", "v1")
    lock = os.open(Deployment("bell").root, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(ValueError, match="somebody else is changing it"):
        act("install", "v2")
    os.close(lock)
    assert (current(), len(Deployment("bell").versions())) == ("v1", 1)


def test_versions_that_do_not_say_what_was_before_them_go_by_number(act):
    for content in ("v1", "v2", "v3"):
        act("install", content)
    for version in Deployment("bell").versions():
        (Deployment("bell").folder(version) / BEFORE).unlink()
    assert [act("rollback"), act("install", "v4"), act("rollback"), act("rollback")] == ["v2", "v4", "v2", "v1"]


def test_a_version_that_fails_when_the_next_one_comes_is_passed_over(act, monkeypatch):
    states = {"ActiveState": "active", "SubState": "running"}
    monkeypatch.setattr(installation, "no_systemd", lambda: "")
    monkeypatch.setattr(installation, "start", lambda *_: {"systemd": True, "problem": "", "linger": True})
    monkeypatch.setattr(installation, "show", lambda _: states)
    act("install", "v1", service=True)
    act("install", "v2", service=True)
    states |= {"ActiveState": "activating", "SubState": "auto-restart"}
    act("install", "v3", service=True)
    states |= {"ActiveState": "active", "SubState": "running"}
    assert act("rollback") == "v1"


def test_secrets_stay_with_later_versions_and_nobody_else_reads_them(act, sent):
    """Of the version before, unless another one is sent."""
    with_secret = {"secrets": ["password"]}

    def install(content, **more):
        installation.act(order(sent, "install", content) | more, sent)
        path = Deployment("bell").link / "password"
        return (path.read_text(), path.stat().st_mode & 0o777) if path.exists() else None

    assert install("v1") is None
    (sent / "password").write_text("one")
    assert install("v1", **with_secret) == ("one", 0o600)
    (sent / "password").unlink()
    assert install("v2", **with_secret) == ("one", 0o600)
    (sent / "password").write_text("two")
    assert install("v2", **with_secret) == ("two", 0o600)
    assert len(Deployment("bell").versions()) == 4
    assert Deployment("bell").root.stat().st_mode & 0o077 == 0
    (sent / "password").unlink()
    assert install("v3") is None


def test_a_unit_has_a_watchdog_and_no_secrets(home):
    text = services.unit_text(Deployment("bell"))
    assert "\nType=notify\n" in text
    assert f"\nWatchdogSec={services.WATCHDOG}\n" in text


def test_a_masked_unit_stays_masked(home, tmp_path):
    unit = services.units() / "edgelstm-bell.service"
    unit.parent.mkdir(parents=True)
    unit.symlink_to(tmp_path / "null")
    (tmp_path / "null").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services, "no_systemd", lambda: "")
        assert "no regular file" in services.start(Deployment("bell"), True)["problem"]
    assert unit.is_symlink()
    assert (tmp_path / "null").read_text() == ""


def killed(sent, after):
    """Carry out the order in a process of its own; SIGKILL after so many seconds."""
    with as_file(files("edgelstm.devices.deploy").joinpath("installation.py")) as program:
        command = [sys.executable, str(program), str(sent / "order.json")]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            try:
                process.wait(after)
            except subprocess.TimeoutExpired:
                process.kill()
            return process.wait(), process.stderr.read().decode()


def usual(root):
    """No name in it tells of work that was not done."""
    return [path for path in root.rglob("*") if path.name.startswith((".new", ".gone", ".removed", ".current"))] == []


def test_kills_at_random_places_leave_whole_versions_and_the_next_order_cleans_up(home, sent):
    rng = random.Random(3)
    everything = home / ".local/share/edgelstm"
    started = time.monotonic()
    order(sent, "install", "v0")
    code, err = killed(sent, 60)
    assert code == 0, err
    usually = time.monotonic() - started
    contents = {"v0"}
    for number in range(1, times(3, 60) + 1):
        order(sent, rng.choice(["install", "install", "rollback", "remove"]), f"v{number}")
        contents.add(f"v{number}")
        killed(sent, rng.uniform(0, usually))
        deployment = Deployment("bell")
        if deployment.link.exists():  # what it leads to is whole
            assert current() in contents
            assert subprocess.run([deployment.link / "run", "--self-test"], check=False).returncode == 0
        order(sent, "install", f"v{number}, after")
        contents.add(f"v{number}, after")
        code, err = killed(sent, 60)
        assert code == 0, err
        assert current() == f"v{number}, after"
        assert usual(everything)
        assert [path.name for path in everything.iterdir()] == ["bell"]
        for version in deployment.versions():
            assert subprocess.run([deployment.folder(version) / "run", "--self-test"], check=False).returncode == 0
            assert not (deployment.folder(version) / NEW).exists()
