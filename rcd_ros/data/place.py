"""Where data sets lie: Minari's place (`MINARI_DATASETS_PATH`, or ~/.minari/datasets)."""

from __future__ import annotations

import os
from pathlib import Path

from minari.storage import get_dataset_path

from rcd_ros.errors import RcdError
from rcd_ros.outputs import check_folder

VARIABLE = "MINARI_DATASETS_PATH"


def dataset_folder(name: str = "") -> Path:
    """The folder of the data set called `name`, or of all of them; makes the latter.

    Raises:
        RcdError: the folder of all data sets is none, cannot be made, or its variable is empty.
    """
    named = os.environ.get(VARIABLE)
    if named is not None and not named.strip():
        raise RcdError(f"{VARIABLE} is set and empty: set it to the folder of the data sets, or unset it")
    try:
        folder: Path = get_dataset_path(name)
    except OSError as error:
        raise RcdError(f"{_where(named)} cannot be made ({error.strerror}): {_REMEDY}") from error
    root = folder if not name else get_dataset_path()
    if not os.access(root, os.R_OK | os.X_OK):
        raise RcdError(f"{_where(named)} cannot be read (no permission): {_REMEDY}")
    return folder


def check_writable() -> None:
    """Make sure that data sets can be stored, before the work begins that makes one.

    Raises:
        RcdError: they cannot.
    """
    root = dataset_folder()
    try:
        check_folder(root)
    except RcdError as error:
        raise RcdError(f"no data set can be stored: {error} by {VARIABLE}") from error


_REMEDY = f"name another folder by {VARIABLE}"


def _where(named: str | None) -> str:
    return f"the folder of the data sets, {VARIABLE}='{named}'," if named else "~/.minari/datasets"
