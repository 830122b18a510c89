"""The local data sets as folders: where they lie, which there are, and what their metadata say.

Minari lays out a data set as `<root>/<name>/data/metadata.json` beside the episodes. Its `list_local_datasets` leaves
damaged data sets out, and fails as a whole on a folder whose name has no version; so the folders are walked here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rcd_ros.errors import RcdError
from rcd_ros.outputs import check_folder
from rcd_ros.suggest import did_you_mean

_NAME = re.compile(r"([-_\w]+/)*[-_\w]+-v\d+")
_LONGEST = 255
"""Bytes of a file's name."""
_DATA = "data"
_METADATA = "metadata.json"


class Metadata(BaseModel):
    """Those entries of a data set's `metadata.json` that are used here; others may be there and may be anything."""

    model_config = ConfigDict(extra="allow", frozen=True)

    total_episodes: int = Field(ge=0)
    total_steps: int = Field(ge=0)
    data_format: str = "hdf5"
    observation_space: str | None = None
    action_space: str | None = None
    content_hash: str | None = None
    task: str | None = None
    task_spec: str | None = None


def datasets_root() -> Path:
    """The folder of all data sets, `MINARI_DATASETS_PATH` or else ~/.minari/datasets; it is made where there is none.

    Raises:
        RcdError: `MINARI_DATASETS_PATH` is empty, or the folder cannot be made or read.
    """
    stated = os.environ.get("MINARI_DATASETS_PATH")
    if stated is not None and not stated.strip():
        raise RcdError("MINARI_DATASETS_PATH is empty: set it to the folder of the data sets, or unset it")
    root = Path(stated) if stated is not None else Path.home() / ".minari" / "datasets"
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RcdError(
            f"the folder of the data sets, '{root}', cannot be used ({error.strerror}): set MINARI_DATASETS_PATH to "
            "a folder"
        ) from error
    if not os.access(root, os.R_OK | os.X_OK):
        raise RcdError(
            f"the folder of the data sets, '{root}', cannot be read (no permission): set MINARI_DATASETS_PATH"
        )
    return root


def check_writable() -> None:
    """Make sure that data sets can be stored, before the work begins that makes one.

    Raises:
        RcdError: the folder of the data sets cannot be made, read or written to.
    """
    try:
        check_folder(datasets_root())
    except RcdError as error:
        raise RcdError(f"no data set can be stored: {error}, or set MINARI_DATASETS_PATH to another") from error


def is_name(name: str) -> bool:
    """Whether a data set can have this name: parts without blanks between slashes, and a version at the end alone."""
    *parents, last = name.split("/")
    short = all(len(part.encode(errors="replace")) <= _LONGEST for part in (*parents, last))
    return short and _NAME.fullmatch(name) is not None and not any(map(_NAME.fullmatch, parents))


def dataset_folder(name: str) -> Path:
    """Where the data set of that name lies, whether or not it is there.

    Raises:
        RcdError: as `datasets_root`.
    """
    return datasets_root() / name


def data_folder(name: str) -> Path:
    """The folder of metadata and episodes of the data set of that name.

    Raises:
        RcdError: there is no such data set, or as `datasets_root`.
    """
    folder = dataset_folder(name)
    if not is_name(name) or not folder.is_dir():
        raise RcdError(
            f"there is no local data set '{name}'{did_you_mean(name, stored_names())}; "
            "see `rcd data list`, or get one with `rcd data import` or `rcd data fetch`"
        )
    if not (folder / _DATA).is_dir():
        raise damaged(name, folder, f"it has no folder '{_DATA}'")
    return folder / _DATA


def stored_names() -> list[str]:
    """Names of all local data sets, damaged ones too: each folder that is named as one.

    Raises:
        RcdError: as `datasets_root`.
    """
    root = datasets_root()
    return sorted(_names_below(root, "", {root.resolve()}))


def read_metadata(name: str, folder: Path) -> Metadata:
    """The metadata in the data folder of data set `name`.

    Raises:
        RcdError: they are missing, are not JSON, or an entry that is used here is of another kind than expected.
    """
    try:
        content: object = json.loads((folder / _METADATA).read_bytes())
        return Metadata.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        entry = ".".join(map(str, first["loc"])) or "all of it"
        reason = f"'{entry}' of its metadata is {str(first['input'])[:60]!r}: {first['msg']}"
        if first["type"] == "missing":
            reason = f"its metadata lack '{entry}'"
    except OSError as error:
        reason = f"its {_METADATA} cannot be read: {error.strerror}"
    except (ValueError, RecursionError):  # not text, not JSON, nested too deeply
        reason = f"its {_METADATA} is not JSON"
    raise damaged(name, folder, reason)


def remove(name: str) -> None:
    """Remove the data set of that name, which may be damaged.

    Raises:
        RcdError: there is none, it holds more than a data set's files, or it cannot be removed.
    """
    known = stored_names()
    if name not in known:
        raise RcdError(f"there is no local data set '{name}'{did_you_mean(name, known)}; see `rcd data list`")
    check_replaceable(name)
    folder = dataset_folder(name)
    try:
        if folder.is_symlink():
            folder.unlink()
        else:
            shutil.rmtree(folder)
    except OSError as error:
        raise RcdError(f"data set '{name}' cannot be deleted: {error.strerror}: '{error.filename}'") from error


def check_replaceable(name: str) -> None:
    """Check that the folder of a data set, which may be damaged, holds nothing but a data set.

    What is only named like a data set may be anything, where `MINARI_DATASETS_PATH` names a folder of others.

    Raises:
        RcdError: it holds something else, or cannot be looked into.
    """
    folder = dataset_folder(name)
    try:
        entries = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
        foreign = [entry for entry in entries if entry != _DATA]
        is_dataset = not foreign or (folder / _DATA / _METADATA).exists()
    except OSError as error:
        raise RcdError(f"'{folder}' cannot be replaced nor deleted: {error.strerror}") from error
    if not is_dataset:
        raise RcdError(
            f"'{folder}' is neither replaced nor deleted: it holds '{foreign[0]}', which is no part of a data set"
        )


def damaged(name: str, folder: Path, reason: str) -> RcdError:
    """What to raise for a data set that cannot be read."""
    return RcdError(f"data set '{name}' in {folder} is damaged ({reason}): make or fetch it again")


def _names_below(folder: Path, prefix: str, seen: set[Path]) -> Iterator[str]:
    try:
        below = sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    except OSError:  # another user's folder
        return
    for child in below:
        name = f"{prefix}{child.name}"
        if is_name(name):
            yield name
        elif not (child / _DATA).exists() and (real := child.resolve()) not in seen:
            seen.add(real)
            yield from _names_below(child, f"{name}/", seen)
