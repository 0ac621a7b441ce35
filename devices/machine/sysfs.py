"""The files by which Linux describes a machine, under `/` or under a made-up root."""

from __future__ import annotations

from pathlib import Path

from edgelstm.records import Unavailable

_MOST_BYTES = 1 << 20


class Tree:
    """Reads small files. What cannot be read is Unavailable, with the reason."""

    def __init__(self, root: str | Path = "/"):
        self.root = Path(root)

    def data(self, path: str) -> bytes | Unavailable:
        """The bytes of `path`, which begins with `/`; at most 1 MiB."""
        try:
            with (self.root / path.lstrip("/")).open("rb") as file:
                return file.read(_MOST_BYTES)
        except FileNotFoundError:
            return Unavailable(f"no {path}")
        except OSError as error:  # a sensor that sleeps gives EIO or EINVAL
            return Unavailable(f"{path}: {error.strerror or error}")

    def text(self, path: str) -> str | Unavailable:
        """The stripped text of `path`; device trees end theirs with NUL."""
        data = self.data(path)
        return data if isinstance(data, Unavailable) else data.decode("utf-8", "replace").strip(" \n\t\0")

    def number(self, path: str, base: int = 10) -> int | Unavailable:
        text = self.text(path)
        if isinstance(text, Unavailable):
            return text
        try:
            return int(text, base)
        except ValueError:
            return Unavailable(f"{path}: {text[:40]!r} is not a whole number")

    def folders(self, path: str, pattern: str) -> list[str]:
        """Paths of the folders in `path` that match `pattern`, by the number in their name."""

        def place(found: Path) -> tuple[int, str]:
            return int("".join(filter(str.isdecimal, found.name)) or -1), found.name

        found = sorted((self.root / path.lstrip("/")).glob(pattern), key=place)
        return [f"{path}/{folder.name}" for folder in found if folder.is_dir()]
