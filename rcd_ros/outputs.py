"""Result files: never overwritten unasked, and written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rcd_ros.errors import RcdError


def refuse_occupied(path: Path, force: bool, remedy: str = "pass --force to replace it") -> None:
    """Refuse to overwrite a result; called before the work begins that makes it.

    Raises:
        RcdError: there is something at `path` and `force` is false, or it is a folder.
    """
    if path.is_dir():
        raise RcdError(f"'{path}' is a folder: name a file")
    if path.exists() and not force:
        raise RcdError(f"'{path}' exists already: choose another file or {remedy}")


def make_folder_of(path: Path) -> None:
    """Make the folder that `path` will lie in.

    Raises:
        RcdError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RcdError(f"cannot write to '{path.parent}' ({error.strerror}): choose another folder") from error


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, replacing what is there; its folder is made.

    Raises:
        RcdError: it cannot be written.
    """
    text = json.dumps(content, indent=2) + "\n"
    make_folder_of(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError as error:
        raise RcdError(f"cannot write '{path}' ({error.strerror}): choose another file") from error
