"""The kitchen bridge as a planner meets it: lockstep and realtime episodes, services, a rival bridge."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.episodes import GAP
from rcd_ros.nodes.bridge.mujoco_bridge_node import BEGIN_AT
from rcd_ros.nodes.ros.messages import joint_trajectory, nanoseconds
from rcd_ros.planning.checkpoint import checkpoint_sha256
from rcd_ros.planning.execution.trajectory import TrajectoryPoints
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.resources import find_resource
from tests.nodes.conftest import Peer, Process
from tests.planning.tiny import tiny_manifest, write_tiny

pytest.importorskip("gymnasium_robotics")
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.tasks.kitchen import ROBOT_JOINTS, SCENE_JOINTS, kitchen_spec

PERIOD = 80_000_000
RESTARTED = BEGIN_AT + GAP
"""When the first episode of a realtime run begins: the first plan restarts it."""
Start = Callable[..., Process]


@pytest.fixture
def kitchen_planner(tmp_path: Path) -> Path:
    """A planner for the kitchen that waves the arm about, with planning noise."""
    manifest = tiny_manifest(kitchen_spec(), history=2, horizon=16, execute=8)
    write_tiny(tmp_path / "planner", manifest, gain=0.02, noise_gain=1.0)
    return tmp_path / "planner"


def listen(peer: Peer) -> None:
    peer.listen(JointState, "joint_states", "object_states")
    peer.listen(Odometry, "kettle/odometry")
    peer.listen(ClockMessage, "clock")
    peer.listen(JointTrajectory, "joint_trajectory")


def arm_by_stamp(peer: Peer) -> dict[int, tuple[list[float], list[float]]]:
    """Arm positions and velocities; an observation that was shown twice must not have changed."""
    states: dict[int, tuple[list[float], list[float]]] = {}
    for message in peer.received["joint_states"]:
        state = (list(message.position), list(message.velocity))
        assert states.setdefault(nanoseconds(message.header.stamp), state) == state
    return states


def call(peer: Peer, kind: Any, service: str, **fields: object) -> Any:
    return peer.call(kind, f"/kitchen_bridge/{service}", **fields)


def test_lockstep_episodes_repeat_exactly(start: Start, peer: Peer, kitchen_planner: Path, tmp_path: Path) -> None:
    """The same seeds give the same episodes to the last bit, through two processes and the middleware.

    And the arm did what the plans in hand said: points 0 to 3 of every fourth one.
    """
    listen(peer)
    runs = []
    for run in range(2):
        results = tmp_path / f"run{run}" / "results.json"
        bridge = start(
            "kitchen_bridge_node",
            episodes=2,
            episode_steps=20,
            execute=4,
            seed=5,
            shutdown_when_done=True,
            results=results,
        )
        peer.until(lambda: peer.received["joint_states"], "the first observation, which stays until it is answered")
        planner = start("planner_node", checkpoint=kitchen_planner, use_sim_time=True, seed=1, autostart=False)
        for label in ("configure", "activate"):
            assert peer.call(ChangeState, "/planner/change_state", transition=Transition(label=label)).success
            peer.until(lambda: peer.count_publishers("joint_trajectory"), "the planner's publisher")
        peer.until(results.exists, "the results")
        assert bridge.wait() == 0, bridge.output
        assert planner.interrupt() == 0
        summary = json.loads(results.read_text())
        assert bridge.output.count("of 4 tasks in 20 steps") == 2
        peer.until(lambda: len(arm_by_stamp(peer)) == 40 == len(peer.trajectories()), "all messages")
        runs.append((arm_by_stamp(peer), peer.trajectories()))
        for messages in peer.received.values():
            messages.clear()

    assert (summary["complete"], summary["mode"], summary["horizon_steps"]) == (True, "lockstep", 20)
    assert [(row["seed"], row["steps"], row["held_steps"]) for row in summary["episode_results"]] == [
        (5, 20, 0),
        (6, 20, 0),
    ]
    (first, plans), (second, _) = runs
    second_episode = BEGIN_AT + 20 * PERIOD + GAP
    expected = [begin + k * PERIOD for begin in (BEGIN_AT, second_episode) for k in range(20)]
    assert sorted(first) == expected
    assert first == second
    assert sorted(plans) == expected, "every observation is planned on, also while an older plan is followed"

    kitchen = get_task("kitchen", episode_steps=20).make_simulation()
    observation = kitchen.reset(5)
    for step in range(20):
        position, velocity = first[BEGIN_AT + step * PERIOD]
        assert [*position, *velocity] == observation[:18].tolist()
        plan = plans[BEGIN_AT + step // 4 * 4 * PERIOD][0]
        observation = kitchen.step(list(plan.points[step % 4].velocities)).observation
    kitchen.close()


def test_what_the_bridge_shows_is_what_the_simulator_observes(start: Start, peer: Peer) -> None:
    listen(peer)
    start("kitchen_bridge_node", seed=3)
    peer.until(lambda: all(peer.received[t] for t in ("joint_states", "object_states", "kettle/odometry")), "a scene")
    arm, scene, kettle = (peer.received[topic][0] for topic in ("joint_states", "object_states", "kettle/odometry"))
    assert tuple(arm.name) == ROBOT_JOINTS and tuple(scene.name) == tuple(SCENE_JOINTS)
    assert (kettle.header.frame_id, kettle.child_frame_id) == ("world", "kettle")
    pose, twist = kettle.pose.pose, kettle.twist.twist
    assembler = ObservationAssembler(kitchen_spec(), history=1)
    assembler.joint_state("joint_states", 0, arm.name, arm.position, arm.velocity)
    assembler.joint_state("object_states", 0, scene.name, scene.position, scene.velocity)
    observation = assembler.odometry(
        "kettle/odometry",
        0,
        (pose.position.x, pose.position.y, pose.position.z),
        (pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w),
        (twist.linear.x, twist.linear.y, twist.linear.z),
        (twist.angular.x, twist.angular.y, twist.angular.z),
    )
    kitchen = get_task("kitchen").make_simulation()
    assert observation is not None
    assert observation.history[0] == pytest.approx(kitchen.reset(3)[kitchen.spec.observation_columns], abs=1e-12)
    kitchen.close()


def test_pause_step_and_reset(start: Start, peer: Peer) -> None:
    listen(peer)
    publisher = peer.create_publisher(JointTrajectory, "joint_trajectory", 10)
    start("kitchen_bridge_node", episodes=1, episode_steps=50)

    def stamp() -> int:
        clocks = peer.received["clock"]
        return nanoseconds(clocks[-1].clock) if clocks else -1

    def plan(names: tuple[str, ...] = ROBOT_JOINTS) -> None:
        nothing = np.empty((4, 0))
        points = TrajectoryPoints(PERIOD * np.arange(1, 5), nothing, np.full((4, 9), 0.1), nothing)
        publisher.publish(joint_trajectory(stamp(), names, points))

    peer.until(lambda: stamp() == BEGIN_AT and publisher.get_subscription_count(), "the bridge")
    refused = call(peer, Trigger, "step")
    assert not refused.success and "not paused" in refused.message
    plan()
    peer.until(lambda: stamp() == BEGIN_AT + PERIOD, "the first step")
    assert call(peer, SetBool, "pause", data=True).success
    assert "has not arrived yet" in call(peer, Trigger, "step").message
    plan()
    peer.until(lambda: call(peer, Trigger, "step").success, "a step while paused")
    peer.until(lambda: stamp() == BEGIN_AT + 2 * PERIOD, "the second step")
    plan()
    assert stamp() == BEGIN_AT + 2 * PERIOD
    peer.until(lambda: "not arrived" not in call(peer, Trigger, "step").message, "a step while paused")
    assert call(peer, SetBool, "pause", data=False).success
    assert call(peer, Trigger, "reset").success
    peer.until(lambda: stamp() == RESTARTED + 3 * PERIOD, "the restarted episode")
    plan(names=("panda0_joint1",))
    plan()
    peer.until(lambda: stamp() == RESTARTED + 4 * PERIOD, "a step after a refused plan")


class RealtimeRun:
    """One bridge in realtime mode; the test is its planner."""

    def __init__(self, start: Start, peer: Peer, tmp_path: Path, episodes: int = 1, speed: float = 1) -> None:
        listen(peer)
        self._peer = peer
        self._publisher = peer.create_publisher(JointTrajectory, "joint_trajectory", 10)
        self._results = tmp_path / "results.json"
        how = {"mode": "realtime", "speed": speed, "episodes": episodes, "episode_steps": 25}
        self.bridge = start("kitchen_bridge_node", **how, shutdown_when_done=True, results=self._results)
        peer.until(lambda: peer.received["clock"] and self._publisher.get_subscription_count(), "the bridge")

    def answer(self, stamp: int, velocity: float, points: int = 4) -> None:
        """Send a plan of `points` periods for the observation of `stamp`."""
        nothing = np.empty((points, 0))
        plan = TrajectoryPoints(PERIOD * np.arange(1, points + 1), nothing, np.full((points, 9), velocity), nothing)
        self._publisher.publish(joint_trajectory(stamp, ROBOT_JOINTS, plan))

    def begin(self) -> None:
        """Send the plan that makes time run."""
        self.answer(BEGIN_AT, 0.0)
        self._peer.until(lambda: RESTARTED in self.stamps(), "the first episode")

    def stamps(self) -> list[int]:
        return [nanoseconds(message.clock) for message in self._peer.received["clock"]]

    def summary(self) -> dict[str, Any]:
        """The results, when it has ended."""
        assert self.bridge.wait() == 0, self.bridge.output
        summary: dict[str, Any] = json.loads(self._results.read_text())
        return summary


def test_time_stands_still_until_a_planner_is_there(start: Start, peer: Peer, tmp_path: Path) -> None:
    """A planner that still loads has not failed. The plan that it wakes the bridge with is not followed."""
    run = RealtimeRun(start, peer, tmp_path)
    peer.until(lambda: len(run.stamps()) >= 3, "the same observation again")
    assert set(run.stamps()) == {BEGIN_AT}
    run.begin()
    row = run.summary()["episode_results"][0]
    assert (row["steps"], row["held_steps"]) == (25, 25)
    peer.until(lambda: len(set(run.stamps())) == 26, "all observations")
    assert sorted(set(run.stamps())) == [BEGIN_AT, *(RESTARTED + k * PERIOD for k in range(25))]


def test_missing_plans_mean_holding_the_position(start: Start, peer: Peer, tmp_path: Path) -> None:
    run = RealtimeRun(start, peer, tmp_path)
    run.begin()
    summary = run.summary()
    assert summary["episode_results"][0]["held_steps"] == 25
    assert summary["planner"] is None
    peer.until(lambda: len(arm_by_stamp(peer)) == 26, "all observations")
    states = arm_by_stamp(peer)
    moved = np.array(states[RESTARTED + 24 * PERIOD][0]) - np.array(states[RESTARTED][0])
    assert np.abs(moved).max() < 0.05, "the arm sags as far as its servos let it, no further"


def test_a_late_plan_is_entered_late_and_used_up_on_time(start: Start, peer: Peer, tmp_path: Path) -> None:
    """Sent six periods late, a plan of 16 drives for the rest of its time only, and not a period longer."""
    run = RealtimeRun(start, peer, tmp_path, speed=0.5)
    run.begin()
    peer.until(lambda: RESTARTED + 6 * PERIOD in run.stamps(), "the time that planning took")
    run.answer(RESTARTED, 0.5, points=16)
    summary = run.summary()
    assert 25 - 10 <= summary["episode_results"][0]["held_steps"] < 25
    assert summary["plans_refused"] == {}


def test_a_plan_of_the_last_episode_is_not_followed(start: Start, peer: Peer, tmp_path: Path) -> None:
    """The planner was at work when the episode ended: its plan is refused in the next one."""
    run = RealtimeRun(start, peer, tmp_path, episodes=2)
    run.begin()
    second = RESTARTED + 25 * PERIOD + GAP
    peer.until(lambda: second in run.stamps(), "the second episode")
    run.answer(RESTARTED + 24 * PERIOD, 0.5, points=16)
    summary = run.summary()
    assert [row["held_steps"] for row in summary["episode_results"]] == [25, 25]
    assert summary["plans_refused"] == {"stale": 1}


def test_realtime_beside_a_planner(start: Start, peer: Peer, kitchen_planner: Path, tmp_path: Path) -> None:
    """Nothing waits, so some steps may be held. The results name the planner and its pace, as it told them."""
    start("planner_node", checkpoint=kitchen_planner, use_sim_time=True)
    results = tmp_path / "results.json"
    how = {"mode": "realtime", "episodes": 1, "episode_steps": 25}
    bridge = start("kitchen_bridge_node", **how, shutdown_when_done=True, results=results)
    assert bridge.wait() == 0, bridge.output
    summary = json.loads(results.read_text())
    row = summary["episode_results"][0]
    assert row["steps"] == 25 and row["held_steps"] < 10
    assert row["wall_s"] > 0.8 * 25 * 0.08
    assert summary["planner"]["checkpoint_sha256"] == checkpoint_sha256(kitchen_planner)
    assert summary["planner"]["plan_ms_p99"] >= summary["planner"]["plan_ms_p50"] > 0.0
    assert summary["pace"]["periods"] == 25
    assert 0.0 < summary["pace"]["speed_reached"] < 1.1


def test_a_machine_too_slow_for_the_speed_says_so(start: Start, peer: Peer, tmp_path: Path) -> None:
    """At 10,000 times life a step takes far longer than its period: the results count it, the log says it."""
    run = RealtimeRun(start, peer, tmp_path, speed=10_000)
    run.answer(BEGIN_AT, 0.0)
    summary = run.summary()
    assert summary["pace"]["overruns"] > 10
    assert summary["pace"]["speed_reached"] < 9_000
    assert "choose a lower speed" in run.bridge.output


def test_realtime_pauses_and_goes_on(start: Start, peer: Peer, tmp_path: Path) -> None:
    run = RealtimeRun(start, peer, tmp_path, speed=0.5)
    run.begin()
    assert call(peer, SetBool, "pause", data=True).success
    for step in (1, 2):
        peer.received["clock"].clear()
        assert call(peer, Trigger, "step").success
        peer.until(lambda: run.stamps(), f"paused step {step}")
        assert len(run.stamps()) == 1
    assert call(peer, SetBool, "pause", data=False).success
    summary = run.summary()
    assert summary["episode_results"][0]["steps"] == 25
    assert summary["pace"]["periods"] < 25, "time stood still during the pause"


def test_a_second_bridge_leaves(start: Start, peer: Peer, tmp_path: Path) -> None:
    listen(peer)
    first = start("kitchen_bridge_node", results=tmp_path / "results.json")
    peer.until(lambda: peer.received["clock"], "the first bridge")
    second = start("kitchen_bridge_node")
    assert second.wait() == 2
    assert "another node publishes '/clock' already" in second.output
    assert "Traceback" not in second.output
    before = len(peer.received["clock"])
    peer.until(lambda: len(peer.received["clock"]) > before, "the first bridge, undisturbed")
    assert first.interrupt() == 0
    assert json.loads((tmp_path / "results.json").read_text())["complete"] is False


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"results": "{tmp}/precious.json"}, r"/precious\.json'.*overwrite"),
        ({"mode": "warp"}, "'mode'.*'lockstep'.*'realtime'.*'warp'"),
        ({"goals": "[kettle, microwaves]"}, "'microwaves'.*'microwave'"),
        ({"episodes": -1}, "'episodes'.* 0 .*-1"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    start: Start, tmp_path: Path, parameters: dict[str, object], named: str
) -> None:
    (tmp_path / "precious.json").write_text("{}")
    process = start("kitchen_bridge_node", **{k: str(v).format(tmp=tmp_path) for k, v in parameters.items()})
    assert process.wait() == 2
    assert re.search(named, process.output)
    assert len(process.output.splitlines()) == 1
    assert (tmp_path / "precious.json").read_text() == "{}"


def test_no_planner_is_reported(start: Start, domain: int) -> None:
    bridge = start("kitchen_bridge_node", plan_timeout=1.0, shutdown_when_done=True)
    assert bridge.wait() == 2
    assert "no plan arrived on '/joint_trajectory' within 1 s" in bridge.output


def test_the_shipped_planner_does_its_tasks(start: Start, peer: Peer, tmp_path: Path) -> None:
    try:
        checkpoint = find_resource("models/kitchen-complete")
    except RcdError:
        pytest.skip("no shipped planner")
    peer.listen(String, "task_completions")
    results = tmp_path / "results.json"
    bridge = start("kitchen_bridge_node", episodes=1, execute=8, shutdown_when_done=True, results=results)
    peer.until(lambda: peer.count_publishers("task_completions"), "the bridge, which waits for a planner")
    start("planner_node", checkpoint=checkpoint, use_sim_time=True)
    peer.until(results.exists, "the episode's end")
    assert bridge.wait() == 0
    row = json.loads(results.read_text())["episode_results"][0]
    assert len(row["completed_at"]) >= 3
    assert [message.data for message in peer.received["task_completions"]] == list(row["completed_at"])
