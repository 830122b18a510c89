"""Copies of the planner's checkpoint with a fault in each."""

from __future__ import annotations

import shutil
from pathlib import Path

from rcd_ros.faults.harness import Harness
from rcd_ros.planning.checkpoint import MANIFEST, verify, write_checkpoint


def damaged_copy(harness: Harness) -> Path:
    """The checkpoint with one bit of its student flipped."""
    folder = _copy(harness, "damaged")
    path = folder / "student.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return folder


def incomplete_copy(harness: Harness) -> Path:
    """The checkpoint without its manifest."""
    folder = _copy(harness, "incomplete")
    (folder / MANIFEST).unlink(missing_ok=True)
    return folder


def foreign_copy(harness: Harness) -> Path:
    """The same planner for a robot whose joints have other names."""
    folder = harness.folder / "foreign"
    if folder.exists():
        return folder
    original = harness.settings.checkpoint
    manifest = verify(original)
    task = manifest.task
    joints = {joint: f"other_{joint}" for joint in task.command.joints}
    observations = tuple(
        channel.model_copy(update={"joints": tuple(joints.get(joint, joint) for joint in channel.joints)})
        for channel in task.observations
    )
    command = task.command.model_copy(update={"joints": tuple(joints.values())})
    renamed = task.model_copy(update={"observations": observations, "command": command})
    files = {name: original / name for name in manifest.files}
    write_checkpoint(folder, manifest.model_copy(update={"task": renamed}), {}, files)
    return folder


def _copy(harness: Harness, name: str) -> Path:
    folder = harness.folder / name
    shutil.copytree(harness.settings.checkpoint, folder, dirs_exist_ok=True)
    return folder
