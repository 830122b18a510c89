"""Faults of checkpoints and parameters: missing, damaged, of another robot, out of range."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rcd_ros.nodes.faults.checks import exits, in_one_line, plans_on, says
from rcd_ros.nodes.faults.fault import Action, Fault
from rcd_ros.nodes.faults.stage import Stage
from rcd_ros.planning.checkpoint import MANIFEST, read_manifest, verify, write_checkpoint
from rcd_ros.planning.spec import TaskSpec

GROUP = "checkpoints"
GUEST = "guest"
"""The planner that is started with something wrong, beside the one that drives the robot."""


def checkpoint_faults(spec: TaskSpec) -> list[Fault]:
    """Faults of what a planner is started with."""

    def refused(name: str, parameters: Callable[[Stage], dict[str, Any]], sentence: str, quick: bool = False) -> Fault:
        expected = f"the planner ends with code 2 and one line, '... {sentence} ...'; the one that drives goes on"
        checks = (exits(GUEST, 2), says(sentence, GUEST), in_one_line(GUEST), plans_on)
        return Fault(name, GROUP, expected, _starts(parameters), checks, seconds=0.0, ends=(GUEST,), quick=quick)

    return [
        refused(
            "a damaged checkpoint at start",
            lambda stage: {"checkpoint": str(damaged_copy(stage))},
            "does not match its SHA-256",
            quick=True,
        ),
        refused(
            "a checkpoint that is not there",
            lambda stage: {"checkpoint": str(stage.folder / "nowhere")},
            "there is no checkpoint folder",
        ),
        refused(
            "a checkpoint without its manifest",
            lambda stage: {"checkpoint": str(torn_copy(stage))},
            "holds no manifest",
        ),
        refused("a parameter out of range at start", lambda stage: {"rate": -1.0}, "0 or more"),
        refused("a parameter of the wrong type at start", lambda stage: {"seed": "many"}, "parameter 'seed'"),
        refused("an engine that does not exist", lambda stage: {"engine": "abacus"}, "unknown engine 'abacus'"),
        Fault(
            "a checkpoint of another robot",
            GROUP,
            "the planner says which joints it misses and ends with code 2 before it has planned",
            _starts(lambda stage: {"checkpoint": str(foreign_copy(stage))}),
            (exits(GUEST, 2), says("missing ['other_", GUEST), plans_on),
            seconds=0.0,
            ends=(GUEST,),
        ),
    ]


def damaged_copy(stage: Stage) -> Path:
    """The checkpoint with one bit of its student flipped."""
    folder = _copy(stage, "damaged")
    path = folder / "student.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return folder


def torn_copy(stage: Stage) -> Path:
    """The checkpoint without its manifest."""
    folder = _copy(stage, "torn")
    (folder / MANIFEST).unlink(missing_ok=True)
    return folder


def foreign_copy(stage: Stage) -> Path:
    """The same planner for a robot whose joints have other names."""
    folder = stage.folder / "foreign"
    if folder.exists():
        return folder
    original = stage.settings.checkpoint
    manifest = verify(original)
    task = manifest.task
    joints = {joint: f"other_{joint}" for joint in task.command.joints}
    observations = tuple(
        channel.model_copy(update={"joints": tuple(joints.get(joint, joint) for joint in channel.joints)})
        for channel in task.observations
    )
    command = task.command.model_copy(update={"joints": tuple(joints.values())})
    renamed = task.model_copy(update={"observations": observations, "command": command})
    files = {name: original / name for name in read_manifest(original).files}
    write_checkpoint(folder, manifest.model_copy(update={"task": renamed}), {}, files)
    return folder


def _copy(stage: Stage, name: str) -> Path:
    folder = stage.folder / name
    shutil.copytree(stage.settings.checkpoint, folder, dirs_exist_ok=True)
    return folder


def _starts(parameters: Callable[[Stage], dict[str, Any]]) -> Action:
    """Starts a planner beside the one that drives, and waits for its end."""

    def begin(stage: Stage) -> None:
        stage.start(stage.planner(GUEST, **parameters(stage)))
        stage.wait(lambda: stage.processes.exit_code(GUEST) is not None)

    return begin
