"""Result files: never overwritten unasked, and written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rcd_ros.errors import RcdError


def claim(path: Path, force: bool, remedy: str = "pass --force to replace it") -> None:
    """Make sure that a result can be written to `path`, before the work begins that makes it; makes its folder.

    Raises:
        RcdError: there is something at `path` and `force` is false, it is a folder, or its folder cannot be written.
    """
    if path.is_dir():
        raise RcdError(f"'{path}' is a folder: name a file")
    if path.exists() and not force:
        raise RcdError(f"'{path}' exists already: choose another file or {remedy}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RcdError(f"cannot write to '{path.parent}' ({error.strerror}): choose another folder") from error
    if not os.access(path.parent, os.W_OK):
        raise RcdError(f"cannot write to '{path.parent}' (no permission): choose another folder")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, replacing what is there.

    Raises:
        RcdError: it cannot be written.
    """
    text = json.dumps(content, indent=2) + "\n"
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError as error:
        raise RcdError(f"cannot write '{path}' ({error.strerror}): choose another file") from error


def claim_new(path: Path) -> None:
    """Make sure that a file or folder can be made at `path`, where nothing may be yet; makes the folder it lies in.

    Raises:
        RcdError: there is something, if only a link to nowhere, or its folder cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise RcdError(f"'{path}' exists already: choose another name or remove it first")
    claim(path, force=False)
