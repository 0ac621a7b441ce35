import os
import socket
import stat
import subprocess
import sys

import pytest

from edgelstm.files import check_target, read_bounded, whole_file, write_whole


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "model.onnx"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_a_missing_folder_is_named_by_the_file_that_was_asked_for(tmp_path):
    path = tmp_path / "missing" / "model.onnx"
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(path, b"new")
    assert caught.value.filename == str(path)


def test_permissions_and_links_stay(tmp_path):
    path, link = tmp_path / "model.onnx", tmp_path / "link"
    path.touch(0o640)
    path.chmod(0o640)
    link.symlink_to("model.onnx")
    write_whole(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def make_node(path):
    """Null, as /dev/null is, but nobody's."""
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except OSError as error:
        pytest.skip(f"no device nodes can be made here: {error}")


KINDS = {"a named pipe": make_pipe, "a socket": make_socket, "a device": make_node, "a folder": os.mkdir}


@pytest.mark.parametrize("through_link", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_regular_file_stays_and_is_named(kind, through_link, tmp_path):
    path, asked = tmp_path / "it", tmp_path / ("link" if through_link else "it")
    KINDS[kind](path)
    if through_link:
        asked.symlink_to("it")
    before, names = path.lstat(), sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match=f"{asked}: {kind}, expected a regular file"):
        write_whole(asked, b"new")
    assert path.lstat() == before
    assert sorted(tmp_path.iterdir()) == names


def test_what_came_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "it"

    def write():
        with whole_file(path) as file:
            file.write(b"new")
            os.mkfifo(path)

    with pytest.raises(ValueError, match="a named pipe"):
        write()
    assert [one.name for one in tmp_path.iterdir()] == ["it"]
    assert path.is_fifo()


def test_a_link_to_what_is_not_there_yet_is_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    link, target = tmp_path / "link", tmp_path / "folder/model"
    link.symlink_to(target)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 2
    round_about = tmp_path / "round"
    round_about.symlink_to("round")
    with pytest.raises(OSError, match="symbolic links"):
        write_whole(round_about, b"new")
    assert round_about.is_symlink()


def test_inputs_are_known_by_whatever_name(tmp_path):
    path, link, hard = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    path.write_bytes(b"old")
    link.symlink_to("a")
    os.link(path, hard)
    for one in (path, link, hard):
        for other in (path, link, hard):
            with pytest.raises(ValueError, match=f"{one}: the same file as {other}, which is read"):
                check_target(one, [tmp_path / "missing", other])
    check_target(tmp_path / "d", [path])
    check_target(path, [tmp_path / "missing"])


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_permissions_that_the_umask_leaves(mask, tmp_path):
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "new", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o666 & ~mask


def test_what_replaces_a_secret_is_one_from_the_beginning(tmp_path):
    path = tmp_path / "secret"
    path.touch(0o600)
    with whole_file(path):
        assert {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()} == {0o600}


def test_a_full_disk_names_the_file_that_was_asked_for(tmp_path):
    """A limit on the size of files stands for it: the kernel refuses to write on in the same way."""
    path = tmp_path / "model.npz"
    path.write_bytes(b"old")
    write = {
        "write_whole": "write_whole({path!r}, bytes(1 << 16))",
        "write_npz": "write_npz({path!r}, {{'a': np.random.default_rng(0).random(1 << 14)}})",
    }
    for name, call in write.items():
        program = (
            "import resource, numpy as np\nfrom edgelstm.data.npz import write_npz\n"
            "from edgelstm.files import write_whole\n"
            f"resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 12, 1 << 12))\n{call.format(path=str(path))}\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == f"OSError: [Errno 27] File too large: '{path}'", name
        assert path.read_bytes() == b"old"
        assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]


def killed_while_writing(path):
    """A process that was killed while it wrote to `path`."""
    program = f"""
import time
from edgelstm.files import whole_file
with whole_file({str(path)!r}) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline()
        process.kill()


def test_what_a_killed_process_left_is_removed_by_the_next_and_nothing_else(tmp_path):
    left = {path.name for path in tmp_path.iterdir()}
    killed_while_writing(tmp_path / "a")
    (stale,) = {path.name for path in tmp_path.iterdir()} - left
    others = [stale.replace(".part", ".part.much.more"), f"my{stale}", ".edgelstm-1.part", ".edgelstm-link.part"]
    for name in others[:3]:
        (tmp_path / name).write_bytes(b"mine")
    linked = tmp_path / f".edgelstm-{'0' * 16}.part"
    linked.symlink_to(others[0])
    with whole_file(tmp_path / "b") as living, whole_file(tmp_path / "c") as file:
        file.write(b"c")
        living.write(b"b")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"b", "c", *others[:3], linked.name}
    assert (tmp_path / "b").read_bytes() == b"b"


def test_a_process_that_still_writes_loses_nothing(tmp_path):
    program = f"""
import sys
from edgelstm.files import whole_file
with whole_file({str(tmp_path / "slow")!r}) as file:
    print("writing", flush=True)
    file.write(sys.stdin.buffer.read())
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline()
        for _ in range(3):
            write_whole(tmp_path / "quick", b"quick")
        process.communicate(b"slow")
    assert process.returncode == 0
    assert (tmp_path / "slow").read_bytes() == b"slow"
    assert {path.name for path in tmp_path.iterdir()} == {"slow", "quick"}


def test_what_breaks_off_is_not_seen(tmp_path):
    path = tmp_path / "data.npz"

    def write():
        with whole_file(path) as file:
            file.write(b"half")
            assert not path.exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert not list(tmp_path.iterdir())


def test_reading_is_bounded(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bounded(path, 5) == b"12345"
    with pytest.raises(ValueError, match="file: larger than 4 bytes"):
        read_bounded(path, 4)
