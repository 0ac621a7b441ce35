"""The package that runs here as a wheel, for boards of this machine's kind, this machine itself among them."""

from __future__ import annotations

import io
import platform
import struct
import zipfile
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

from edgelstm.devices.machine.architecture import architecture

_THEN = (1980, 1, 1, 0, 0, 0)
"""The same package gives the same bytes: a board makes no new version of them."""
_BUILT = (".so", ".pyc")
"""What differs between wheels of one build: compiled for each machine, or where it runs."""


def here() -> str:
    """What this Python runs as, as wheels name it."""
    return architecture(platform.machine(), 8 * struct.calcsize("P"))


@cache
def pack() -> tuple[str, bytes]:
    """(name, bytes) of a wheel with the files of the package that runs.

    FileNotFoundError where these lie elsewhere than beside their metadata, as when it was installed to be edited.
    """
    package = _package()
    lacking = FileNotFoundError(f"{package}: has no METADATA beside it")
    try:
        found = distribution("edgelstm")
    except PackageNotFoundError:
        raise lacking from None
    metadata = found.read_text("METADATA")
    if metadata is None or Path(str(found.locate_file("edgelstm"))).resolve() != package:
        raise lacking
    tag = f"py3-none-linux_{here()}"
    described = f"edgelstm-{found.version}.dist-info"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as wheel:
        _write(wheel, f"{described}/METADATA", metadata.encode())
        _write(wheel, f"{described}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n".encode())
        for path in _files(package):
            _write(wheel, f"edgelstm/{path.relative_to(package).as_posix()}", path.read_bytes())
    return f"edgelstm-{found.version}-{tag}.whl", content.getvalue()


def is_of_another_build(wheel: bytes) -> bool:
    """Whether what a wheel holds that is compiled for no machine differs from what runs here."""
    package = _package()
    mine = {f"edgelstm/{path.relative_to(package).as_posix()}": path for path in _files(package)}
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        names = {name for name in archive.namelist() if name.startswith("edgelstm/") and _lasts(name)}
        if names != {name for name in mine if _lasts(name)}:
            return True
        return any(archive.read(name) != mine[name].read_bytes() for name in names)


def _lasts(name: str) -> bool:
    return not name.endswith((*_BUILT, "/"))


def _package() -> Path:
    return Path(str(files("edgelstm"))).resolve()


def _files(package: Path) -> list[Path]:
    return sorted(path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")


def _write(wheel: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _THEN)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    wheel.writestr(entry, data)
