"""The teacher's node: the planner node in everything but who plans."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray

from tests.nodes.conftest import Peer, Process
from tests.nodes.planner.test_planner_node import FIRST, PERIOD, SECOND, Robot
from tests.planning.tiny import tiny_manifest

pytest.importorskip("torch")
from rcd_ros.training.policies import load_policy
from tests.training.tiny_teacher import write_tiny_with_teacher

Start = Callable[..., Process]


@pytest.fixture
def taught(tmp_path: Path) -> Path:
    """The checkpoint of a tiny planner with its teacher."""
    write_tiny_with_teacher(tmp_path / "taught", tiny_manifest())
    return tmp_path / "taught"


def test_it_publishes_the_teachers_plans_and_says_how_many_evaluations_they_take(
    start: Start, peer: Peer, taught: Path
) -> None:
    """Heun's method cannot make 8 evaluations; seed and counter are those of the first plan after warming up."""
    process = start("teacher_node", checkpoint=taught, seed=7, nfe=8, use_sim_time=True)
    robot = Robot(peer)
    peer.listen(DiagnosticArray, "diagnostics")
    planner = load_policy(taught, "teacher", nfe=8, seed=7)
    for stamp, values, history in ((PERIOD, FIRST, [FIRST, FIRST]), (2 * PERIOD, SECOND, [FIRST, SECOND])):
        robot.show(stamp, values)
        peer.until(lambda at=stamp: at in peer.trajectories(), f"the plan for {stamp}")
        (message,) = peer.trajectories()[stamp]
        planned = np.array([list(point.velocities) for point in message.points])
        assert planned == pytest.approx(planner.plan(history), abs=1e-5)

    def status() -> dict[str, str]:
        messages = peer.received["diagnostics"]
        return {value.key: value.value for value in messages[-1].status[0].values} if messages else {}

    peer.until(lambda: status().get("plans") == "2", "diagnostics")
    assert (status()["engine"], status()["nfe"], status()["counter"]) == ("torch", "7", "2")
    assert process.interrupt() == 0


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"nfe": 0}, r"'nfe'.*\b1\b.*\b0\b"),
        ({"sampler": "huen"}, "'sampler'.*'heun'.*'huen'"),
        ({"engine": "onnxruntime"}, "engine 'onnxruntime'"),
        ({"checkpoint": "{tmp}/tiny"}, "/tiny'.*teacher"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    start: Start, taught: Path, tiny: Path, tmp_path: Path, parameters: dict[str, object], named: str
) -> None:
    given = {name: str(value).format(tmp=tmp_path) for name, value in parameters.items()}
    process = start("teacher_node", **{"checkpoint": taught, **given})
    assert process.wait() == 2
    assert re.search(named, process.output)
    assert len(process.output.splitlines()) == 1
