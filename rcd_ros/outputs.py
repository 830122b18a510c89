"""Output files and folders: kept apart from inputs, overwritten only when asked to, and written atomically."""

from __future__ import annotations

import itertools
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from rcd_ros.errors import RcdError

Outputs = Mapping[str, Path | None]
"""Option of an output, as the user writes it (`--json`) -> its path; None where it is not asked for."""


def claim_all(
    outputs: Outputs,
    inputs: Iterable[str | Path | None] = (),
    force: bool = False,
    remedy: str = "pass --force to replace it",
) -> None:
    """Check that result files can be written, before the work starts; makes their folders.

    Raises:
        RcdError: as `keep_apart` and `claim` say.
    """
    keep_apart(outputs, inputs)
    for path in outputs.values():
        if path is not None:
            claim(path, force, remedy)


def keep_apart(outputs: Outputs, inputs: Iterable[str | Path | None] = ()) -> None:
    """Check that no output overwrites an input or another output.

    Paths are compared as they are on disk: links are followed, and spellings such as `a/../b` do not matter.

    Args:
        outputs: files, and folders as far as their content is replaced.
        inputs: files and folders that are read; what does not exist is left out, such as a task's name.

    Raises:
        RcdError: an output is an input, lies inside one or holds one, or two outputs have the same path or one lies
            inside the other.
    """
    written = {option: (path, _real(path)) for option, path in outputs.items() if path is not None}
    read = [(path, _real(path)) for path in inputs if path is not None and os.path.lexists(path)]
    for (option, (path, place)), (source, origin) in itertools.product(written.items(), read):
        if place == origin or _same_file(place, origin):
            raise RcdError(f"{option} '{path}' is what is read: name another path")
        if origin in place.parents:
            raise RcdError(f"{option} '{path}' lies inside '{source}', which is read: name a path outside of it")
        if place in origin.parents:
            raise RcdError(f"{option} '{path}' holds '{source}', which is read: name another path")
    for (one, (path, place)), (other, (_, second)) in itertools.combinations(written.items(), 2):
        if place == second or _same_file(place, second):
            raise RcdError(f"{one} and {other} are both '{path}': name two different paths")
        if place in second.parents or second in place.parents:
            raise RcdError(f"one of {one} and {other} lies inside the other ('{path}'): name two separate paths")


def refuse_twice(what: str, inputs: Iterable[str | Path]) -> None:
    """Check that no input is named twice; `what` names the kind of input in the message.

    Raises:
        RcdError: two of the inputs are the same file or folder, if only by links or another spelling.
    """
    places: set[Path] = set()
    for path in inputs:
        if (place := _real(path)) in places:
            raise RcdError(f"the {what} '{path}' comes twice: each counts once, name it once")
        places.add(place)


def claim(path: Path, force: bool, remedy: str = "pass --force to replace it") -> None:
    """Check that a result can be written to `path`, before the work starts; makes its folder.

    Raises:
        RcdError: there is something at `path` and `force` is false, it is a folder, a device or a pipe, or its folder
            cannot be written.
    """
    if os.path.isdir(path):
        raise RcdError(f"'{path}' is a folder: name a file")
    if os.path.exists(path) and not os.path.isfile(path):
        raise RcdError(f"'{path}' is a device or a pipe: name a file")
    if os.path.lexists(path) and not force:
        raise RcdError(f"'{path}' exists already: choose another file or {remedy}")
    check_folder(path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _partial(path).touch()
        _partial(path).unlink()
    except OSError as error:
        raise RcdError(f"cannot write '{path}' ({error.strerror}): choose another file") from error


def check_folder(path: Path) -> None:
    """Check that files can be written into a folder, which need not exist yet; makes nothing.

    Raises:
        RcdError: it is no folder, or it cannot be made or written.
    """
    nearest = path
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    reason = "it is no folder"
    if os.path.isdir(nearest):
        try:
            # Permission bits do not tell: a file system may be read-only, and root may write anywhere.
            with tempfile.TemporaryFile(prefix=".rcd-", dir=nearest):
                pass
            if len(os.fsencode(path.name)) <= os.pathconf(nearest, "PC_NAME_MAX"):
                return
            reason = "its name is too long"
        except OSError as error:
            reason = error.strerror or str(error)
    raise RcdError(f"cannot write to '{path}' ({reason}): choose another folder")


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON file, replacing what is there.

    Raises:
        RcdError: it cannot be written.
    """
    text = json.dumps(content, indent=2) + "\n"
    partial = _partial(path)
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError as error:
        raise RcdError(f"cannot write '{path}' ({error.strerror}): choose another file") from error


def claim_new(path: Path) -> None:
    """Check that a new file or folder can be made at `path`; makes the folder that it lies in.

    Raises:
        RcdError: there is something, if only a link to nowhere, or its folder cannot be written.
    """
    if os.path.lexists(path):
        raise RcdError(f"'{path}' exists already: choose another name or remove it first")
    claim(path, force=False)


def _partial(path: Path) -> Path:
    """Where a file is written before it takes its place, in the same folder."""
    return path.with_name(f".{path.name}.partial")


def _real(path: str | Path) -> Path:
    return Path(os.path.realpath(path))


def _same_file(one: Path, other: Path) -> bool:
    """Whether two paths are one file under two names (hard links)."""
    try:
        return one.samefile(other)
    except OSError:
        return False
