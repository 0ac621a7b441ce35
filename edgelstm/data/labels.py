"""Labels that the places of files tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgelstm.data.options import ReadOptions
from edgelstm.plain import is_unicode, printable


def labels_of_places(paths: Sequence[Path], options: ReadOptions) -> dict[str, str]:
    """By file: the label that its folder or its name tells, for `paths` from the data's folder; empty where neither
    does. ValueError where a file lies in no folder of a label and the options ask for them."""
    files = [path.as_posix() for path in paths]
    folders = [path.parts[-2] if len(path.parts) > 1 else "" for path in paths]
    strange = next((file for file in files if not is_unicode(file)), None)
    if strange is not None:
        raise ValueError(f"{printable(strange)}: a name that is not UTF-8, expected one that is")
    stems = [path.name.split(".", 1)[0] for path in paths]
    source = options.label_from
    if source == "auto":
        if len(set(folders)) > 1 and "" not in folders:
            source = "folder"
        elif 1 < len(set(stems)) < len(stems):
            source = "name"
    if source == "folder":
        if "" in folders:
            lost = files[folders.index("")]
            raise ValueError(f"{lost}: lies in no folder of a label, which label_from = folder needs")
        return dict(zip(files, folders))
    return dict(zip(files, stems)) if source == "name" else {}
