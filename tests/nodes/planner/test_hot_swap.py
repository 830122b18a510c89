"""Another checkpoint takes over between two plans, or the answer says why it does not; nothing is missed meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rcd_ros.planning.checkpoint import checkpoint_sha256
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.planner import Planner
from tests.nodes.planner.planner_scene import HOME, PERIOD, PlannerScene
from tests.planning.tiny import tiny_manifest, tiny_spec, write_tiny

Make = Callable[..., PlannerScene]
AGELESS = "max_age:=1.0e+10"


def velocities(message: Any) -> list[list[float]]:
    return [list(point.velocities) for point in message.points]


def test_every_observation_gets_a_plan_while_another_checkpoint_takes_over(planner_scene: Make, tmp_path: Path) -> None:
    write_tiny(tmp_path / "other", tiny_manifest(horizon=6), gain=0.3)
    here = planner_scene(AGELESS, "seed:=5")
    here.connect()
    before, count = here.plan(PERIOD), 1
    assert here.set(checkpoint=str(tmp_path / "other")).successful
    answer = here.load()
    while not answer.done() or count < 20:
        count += 1
        here.plan(count * PERIOD)
    assert here.answer(answer) == (True, f"planning from {tmp_path / 'other'}")
    planner = Planner.load(tmp_path / "other", "onnxruntime", seed=5)
    for _ in range(3):
        count += 1
        last = here.plan(count * PERIOD)
    sizes = [len(trajectories[0].points) for trajectories in here.peer.trajectories().values()]
    assert (len(before.points), len(last.points)) == (4, 6)
    assert sizes == sorted(sizes), "one planner after the other"
    new = [messages[0] for messages in here.peer.trajectories().values() if len(messages[0].points) == 6]
    for message in new:
        assert velocities(message) == planner.plan(np.array([HOME, HOME])).tolist(), "noise from its beginning"
    here.until(lambda: here.value("exchanges") == "1", "the diagnostics")
    assert here.value("checkpoint_sha256") == planner.sha256
    assert here.value("checkpoint") == str(tmp_path / "other")


def other(**changes: Any) -> Manifest:
    return tiny_manifest(tiny_spec().model_copy(update=changes))


def flip(folder: Path) -> None:
    content = bytearray((folder / "student.onnx").read_bytes())
    content[100] ^= 1
    (folder / "student.onnx").write_bytes(content)


def other_joints() -> Manifest:
    return other(command=tiny_spec().command.model_copy(update={"joints": ("elbow", "hand")}))


@pytest.mark.parametrize(
    ("write", "named"),
    [
        (lambda folder: None, "/other'"),
        (lambda folder: (write_tiny(folder), flip(folder)), r"student\.onnx'.*SHA-256"),
        (lambda folder: write_tiny(folder, reference_error=0.1), "onnxruntime.*reference"),
        (lambda folder: write_tiny(folder, other(name="maze")), "'maze'.*'tiny'"),
        (lambda folder: write_tiny(folder, other_joints()), "elbow.*hand"),
        (lambda folder: write_tiny(folder, other(control_period=0.05)), "control period"),
        (lambda folder: write_tiny(folder, tiny_manifest(history=1)), r"\b1\b.*\b2\b"),
    ],
    ids=["missing", "tampered", "off its references", "task", "joints", "period", "history"],
)
def test_a_checkpoint_that_cannot_take_over_is_refused_and_the_old_one_goes_on(
    planner_scene: Make, tmp_path: Path, write: Callable[[Path], object], named: str
) -> None:
    write(tmp_path / "other")
    here = planner_scene(AGELESS)
    here.connect()
    here.plan(PERIOD)
    sha256 = checkpoint_sha256(here.checkpoint)
    here.set(checkpoint=str(tmp_path / "other"))
    done, message = here.answer(here.load())
    assert not done
    assert re.search(named, message)
    here.plan(2 * PERIOD)
    here.until(lambda: here.value("plans") == "2", "the diagnostics")
    assert (here.value("checkpoint_sha256"), here.value("exchanges"), here.value("counter")) == (sha256, "0", "2")


def test_a_node_that_is_not_configured_has_nothing_to_exchange(planner_scene: Make) -> None:
    here = planner_scene("autostart:=false")
    assert here.answer(here.load())[1] == (
        "not loaded, nothing has changed: the planner is not configured; configuring it loads the checkpoint"
    )


def test_an_inactive_planner_can_be_exchanged_too(planner_scene: Make, tmp_path: Path) -> None:
    write_tiny(tmp_path / "other", gain=0.3)
    here = planner_scene("autostart:=false", AGELESS)
    here.node.trigger_configure()
    here.set(checkpoint=str(tmp_path / "other"))
    assert here.answer(here.load())[0]
    here.node.trigger_activate()
    here.connect()
    planned = here.plan(PERIOD)
    assert velocities(planned) == Planner.load(tmp_path / "other", "onnxruntime").plan([HOME, HOME]).tolist()
