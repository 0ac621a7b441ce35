"""A board that is this machine: OpenSSH's own server behind OpenSSH's own client, without a port or root rights.

The client's configuration starts `sshd -i` for each connection and talks to it through a pipe. The board's home is
a folder of the test's, and its login script does what the test wants to happen there.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import edgelstm
from edgelstm.devices import detect
from edgelstm.devices.profiling.lock import NAME_VARIABLE
from other_environment import package_copy

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
MISSING = None if SSHD and shutil.which("ssh") else "no sshd or ssh (Debian: apt install openssh-server)"


class SshBoard:
    """`host` reaches it where `bin` comes first on PATH; more hosts are lines of `more`, as in ~/.ssh/config."""

    host = "board"

    def __init__(self, folder: Path, more: str = ""):
        assert SSHD is not None
        self.home, self.config, self._login = folder / "home", folder / "ssh_config", folder / "login"
        self.home.mkdir()
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where root's sshd wants to be when it has given up its rights
        for key in ("host_key", "key", "other_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
        shutil.copy(folder / "key.pub", folder / "authorized_keys")
        host_key = (folder / "host_key.pub").read_text().split()
        (folder / "known_hosts").write_text(f"board {host_key[0]} {host_key[1]}\n")
        other = (folder / "other_key.pub").read_text().split()
        (folder / "changed_hosts").write_text(f"board {other[0]} {other[1]}\n")
        force = folder / "force.sh"
        force.write_text(
            "#!/bin/sh\n"
            "unset XDG_CACHE_HOME XDG_DATA_HOME XDG_CONFIG_HOME XDG_RUNTIME_DIR TMPDIR PYTHONPATH PYTHONSAFEPATH\n"
            f"export HOME={shlex.quote(str(self.home))}\n"
            f"export {NAME_VARIABLE}={shlex.quote(os.environ.get(NAME_VARIABLE, ''))}\n"
            f'cd "$HOME"\necho $PPID >{shlex.quote(str(folder / "sshd_pid"))}\n'
            f'. {shlex.quote(str(self._login))}\nexec "$@" /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n'
        )
        force.chmod(0o755)
        self.login("")
        sshd_config = {
            "HostKey": folder / "host_key",
            "AuthorizedKeysFile": folder / "authorized_keys",
            "PidFile": "none",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "UsePAM": "no",
            "StrictModes": "no",
            "ForceCommand": force,
            "SetEnv": f"HOME={self.home}",  # else the shell reads ~/.bashrc of this machine first
        }
        _write(folder / "sshd_config", sshd_config)
        server = shlex.join([SSHD, "-i", "-f", str(folder / "sshd_config"), "-E", str(folder / "log")])
        self.config.write_text(
            more.format(folder=folder)
            + "Host *\n"
            + f"  HostKeyAlias board\n  ProxyCommand {server}\n"
            + f"  User {pwd.getpwuid(os.getuid()).pw_name}\n"
            + "  IdentitiesOnly yes\n  IdentityAgent none\n"
            + f"  UserKnownHostsFile {folder / 'known_hosts'}\n  GlobalKnownHostsFile none\n"
            + f"Host * !wrongkey\n  IdentityFile {folder / 'key'}\n"
        )
        self.bin = _client(folder / "bin", self.config)
        self._folder = folder

    def login(self, script: str) -> None:
        """What the login shell does before any command; `set -- PROGRAM…` puts the command behind a program."""
        self._login.write_text(script)

    @property
    def server(self) -> int:
        """The process that serves the last connection."""
        return int((self._folder / "sshd_pid").read_text())

    def left(self) -> list[str]:
        """Every file and folder in the board's home."""
        try:
            return sorted(str(path.relative_to(self.home)) for path in self.home.rglob("*"))
        except FileNotFoundError:  # something is being removed right now
            return [str(self.home)]

    def running(self) -> list[str]:
        """Command lines of processes whose folder or environment is the board's."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                inside = str((process / "cwd").readlink()).startswith(str(self.home))
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if inside and command:
                found.append(command)
        return found


def own_wheel(folder: Path, architecture: str | None = None) -> Path:
    """A wheel of the EdgeLSTM that is being tested, without building it again; its name may claim another machine."""
    tag = f"py3-none-linux_{architecture or detect().architecture}"
    path = folder / f"edgelstm-{edgelstm.__version__}-{tag}.whl"
    shutil.copy(_packed(), path)
    with zipfile.ZipFile(path, "a") as wheel:
        wheel.writestr(f"edgelstm-{edgelstm.__version__}.dist-info/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
    return path


@cache
def _packed() -> Path:
    """The package as a zip file, packed once. With the bytecode of what boards import: boards keep none, and to
    compile it takes a third of the time in which a program starts."""
    package = package_copy()
    path = package / "packed.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for file in sorted(package.rglob("edgelstm/**/*")):
            name = str(file.relative_to(package))
            if file.is_file() and file.suffix != ".pyc":
                packed.write(file, name)
            elif name.startswith(("edgelstm/__pycache__", "edgelstm/runtime", "edgelstm/devices")) and (
                content := _lasting(file)
            ):
                packed.writestr(name, content)
    return path


def _lasting(bytecode: Path) -> bytes:
    """Bytecode that Python takes whatever its source's time, which unpacking changes: PEP 552. Empty where the
    source is newer, or this is no bytecode of its."""
    source = bytecode.parent.parent / f"{bytecode.name.partition('.')[0]}.py"
    if bytecode.suffix != ".pyc" or not source.is_file():
        return b""
    content, stat = bytecode.read_bytes(), source.stat()
    flags, time, size = (int.from_bytes(content[at : at + 4], "little") for at in (4, 8, 12))
    if (flags, time, size) != (0, int(stat.st_mtime) & 0xFFFFFFFF, stat.st_size & 0xFFFFFFFF):
        return b""
    return content[:4] + (1).to_bytes(4, "little") + bytes(8) + content[16:]


def _write(path: Path, settings: dict[str, object]) -> None:
    path.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))


PYTHON = sys.executable
"""The board's Python: the one that runs the tests has numpy."""


def together(folder: Path, boards: dict[str, SshBoard]) -> Path:
    """A folder with an `ssh` that reaches each board by its name."""
    config = folder / "all_boards"
    config.write_text("".join(f"Host {name}\n  Include {board.config}\n" for name, board in boards.items()))
    return _client(folder / "all_bin", config)


def _client(folder: Path, config: Path) -> Path:
    folder.mkdir()
    ssh = folder / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {shlex.quote(str(config))} "$@"\n')
    ssh.chmod(0o755)
    return folder
