"""Checkpoint folders: written whole or not at all, verified before anything in them is used.

`manifest.yaml` holds the SHA-256 of every other file and `manifest.sha256` that of the manifest itself
(`sha256sum -c manifest.sha256` checks it by hand), so that any flipped byte is detected.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from rcd_ros.errors import RcdError
from rcd_ros.planning.manifest import Manifest, is_of_newer_format, model_card
from rcd_ros.planning.spec import MotionSpec, TaskSpec
from rcd_ros.planning.throttling import pause

MANIFEST = "manifest.yaml"
SEAL = "manifest.sha256"
CARD = "README.md"
PIECE_BYTES = 1 << 20
"""How much of a file is hashed before others may go first."""
COMPACT = "Compact: the student's weights are in student.onnx alone, the teacher's are in half precision."

Tensors = Mapping[str, NDArray[Any]]
PathLike = str | os.PathLike[str]


def write_checkpoint(
    folder: PathLike,
    manifest: Manifest,
    tensors: Mapping[str, Tensors],
    files: Mapping[str, bytes | Path] | None = None,
    force: bool = False,
) -> Manifest:
    """Write a checkpoint folder atomically.

    Args:
        folder: where; its parents are made.
        manifest: its `files` are filled in here.
        tensors: stem ("student", "teacher", "critic", "reference") -> tensors of `<stem>.safetensors`.
        files: further files, as bytes or as a path to copy ("student.onnx"); README.md is made from the manifest
            unless given.
        force: replace a checkpoint that is there already; it is lost only once the new one is complete.

    Returns:
        The manifest as written.

    Raises:
        RcdError: the folder is occupied and `force` is false, or it is no checkpoint.
    """
    target = Path(folder)
    check_target(target, force)
    contents: dict[str, bytes] = {
        f"{stem}.safetensors": safetensors.numpy.save({k: np.ascontiguousarray(v) for k, v in group.items()})
        for stem, group in tensors.items()
    }
    for name, content in (files or {}).items():
        contents[name] = content.read_bytes() if isinstance(content, Path) else content
    contents.setdefault(CARD, model_card(manifest).encode())
    return _write(target, manifest, contents)


def add_files(
    folder: PathLike,
    files: Mapping[str, bytes | Path] | None = None,
    tensors: Mapping[str, Tensors] | None = None,
    scores: tuple[dict[str, object], ...] | None = None,
    motion: MotionSpec | None = None,
) -> Manifest:
    """Add files, tensors, measured scores or motion limits to a checkpoint, as atomically as it was written.

    Files of the same name and limits are replaced, `scores` are appended to the manifest's, the model card is
    rewritten.

    Raises:
        RcdError: the checkpoint does not verify.
    """
    target = Path(folder)
    manifest = read_manifest(target)
    contents = {name: read_file(target, manifest, name) for name in manifest.files}
    for name, content in (files or {}).items():
        contents[name] = content.read_bytes() if isinstance(content, Path) else content
    for stem, group in (tensors or {}).items():
        contents[f"{stem}.safetensors"] = safetensors.numpy.save({k: np.ascontiguousarray(v) for k, v in group.items()})
    manifest = manifest.model_copy(update={"scores": (*manifest.scores, *(scores or ()))})
    if motion is not None:
        task = TaskSpec.model_validate(manifest.task.model_dump() | {"motion": motion.model_dump()})
        manifest = manifest.model_copy(update={"task": task})
    if CARD not in (files or {}):
        contents[CARD] = model_card(manifest).encode()
    return _write(target, manifest, contents)


def write_compact(folder: PathLike, target: PathLike, notes: str = "", force: bool = False) -> Manifest:
    """Write a copy of a checkpoint that is half as large, for shipping.

    What a robot runs, student.onnx, is the same file. The student's weights beside it are left out (PyTorch's engines
    and more than one evaluation per plan need them), and the teacher is kept in half precision.

    Args:
        folder: the checkpoint.
        target: where the copy goes.
        notes: text of its card, before the list of what was left out; empty: the notes of the checkpoint.
        force: replace a checkpoint that is there already.

    Raises:
        RcdError: the checkpoint does not verify or holds no graph, or the target is occupied.
    """
    manifest = read_manifest(folder)
    graph = {"student.onnx": read_file(folder, manifest, "student.onnx")}
    stems = [Path(name).stem for name in manifest.files if name.endswith(".safetensors")]
    tensors = {stem: load_tensors(folder, stem, manifest) for stem in stems if stem != "student"}
    if "teacher" in tensors:
        tensors["teacher"] = {name: value.astype(np.float16) for name, value in tensors["teacher"].items()}
    said = " ".join(filter(None, (notes or manifest.provenance.notes, COMPACT)))
    provenance = manifest.provenance.model_copy(update={"notes": said})
    return write_checkpoint(target, manifest.model_copy(update={"provenance": provenance}), tensors, graph, force)


def read_manifest(folder: PathLike) -> Manifest:
    """The manifest of a checkpoint, checked against its SHA-256.

    Raises:
        RcdError: no checkpoint there, or its manifest is damaged, of a newer format or has a wrong field.
    """
    return Manifest.from_yaml(_sealed_text(folder), f"'{Path(folder) / MANIFEST}'")


def _sealed_text(folder: PathLike) -> str:
    """The text of a manifest that matches its SHA-256, or of a newer format."""
    path = Path(folder) / MANIFEST
    if not Path(folder).is_dir():
        raise RcdError(f"there is no checkpoint folder '{folder}': name one that training or a download has left")
    if not path.is_file():
        raise RcdError(f"'{folder}' is not a checkpoint: it holds no {MANIFEST}; name the folder that does")
    content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise RcdError(f"'{path}' is not text: it is damaged, copy the checkpoint again") from error
    seal = Path(folder) / SEAL
    if not seal.is_file():
        raise RcdError(f"checkpoint '{folder}' is incomplete: {SEAL} is missing, copy it again")
    intact = seal.read_text(errors="replace").split()[:1] == [_sha256(content)]
    if not intact and not is_of_newer_format(text):
        raise RcdError(f"'{path}' does not match its SHA-256 in {SEAL}: it was truncated or altered, copy it again")
    return text


def verify(folder: PathLike) -> Manifest:
    """Check every file of a checkpoint against the manifest, and return it.

    Raises:
        RcdError: the first thing found wrong.
    """
    manifest = read_manifest(folder)
    for name in manifest.files:
        read_file(folder, manifest, name)
    return manifest


def read_file(folder: PathLike, manifest: Manifest, name: str) -> bytes:
    """The verified content of one file of a checkpoint.

    Raises:
        RcdError: the manifest does not list it, it is missing, or its SHA-256 differs.
    """
    if name not in manifest.files:
        raise RcdError(f"checkpoint '{folder}' has no {name}; it has: {', '.join(manifest.files)}")
    path = Path(folder) / name
    if not path.is_file():
        raise RcdError(f"checkpoint '{folder}' is incomplete: {name} is missing, copy it again")
    content = path.read_bytes()
    if _sha256(content) != manifest.files[name]:
        raise RcdError(f"'{path}' does not match its SHA-256 in {MANIFEST}: it was truncated or altered, copy it again")
    return content


def load_tensors(folder: PathLike, stem: str, manifest: Manifest | None = None) -> dict[str, NDArray[Any]]:
    """The verified tensors of `<stem>.safetensors`.

    Raises:
        RcdError: as `read_file`, or the file is not in safetensors format.
    """
    name = f"{stem}.safetensors"
    content = read_file(folder, manifest or read_manifest(folder), name)
    try:
        tensors: dict[str, NDArray[Any]] = safetensors.numpy.load(content)
    except SafetensorError as error:
        raise RcdError(f"'{Path(folder) / name}' is not a safetensors file ({error})") from error
    return tensors


def checkpoint_sha256(folder: PathLike) -> str:
    """The checkpoint's identity: the SHA-256 of its manifest, which holds those of all other files."""
    return _sha256(_sealed_text(folder).encode())


def _sha256(content: bytes) -> str:
    digest = hashlib.sha256()
    view = memoryview(content)
    for begin in range(0, len(content), PIECE_BYTES):
        digest.update(view[begin : begin + PIECE_BYTES])
        pause()
    return digest.hexdigest()


def check_target(target: Path, force: bool) -> None:
    """Make sure that a checkpoint can be written to a folder, before the work begins that makes it.

    Raises:
        RcdError: it is occupied and `force` is false, or by something other than a checkpoint.
    """
    if not os.path.lexists(target) or (target.is_dir() and not any(target.iterdir())):
        return
    if not force:
        raise RcdError(f"'{target}' exists already: choose another folder or pass --force to replace it")
    if not (target / MANIFEST).is_file():
        raise RcdError(f"'{target}' holds something other than a checkpoint: it is not replaced, even with --force")


def _write(target: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> Manifest:
    """Write into a sibling folder, then put that in the target's place."""
    fields = manifest.model_dump(exclude={"files"}) | {"files": {n: _sha256(c) for n, c in contents.items()}}
    manifest = Manifest.model_validate(fields)
    sealed = manifest.to_yaml().encode()
    everything = {**contents, MANIFEST: sealed, SEAL: f"{_sha256(sealed)}  {MANIFEST}\n".encode()}
    target.parent.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        new, old = room / "new", room / "old"
        new.mkdir()
        for name, content in everything.items():
            with open(new / name, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except BaseException:
            if old.exists():
                old.rename(target)
            raise
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return manifest
