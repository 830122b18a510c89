"""The example arm (config/tasks/push.yaml) as a robot that is recorded: its drivers, its controller, its camera.

Everything is made from MuJoCo and rosbags alone, so that nothing of what reads the bags has a part in them: joints at
100 Hz without velocities, a gripper driver of its own, the block's pose at 10 Hz and 35 ms late, and a
joint_trajectory_controller at the physics' 200 Hz, whose way-points are splines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from rosbags.rosbag2 import StoragePlugin

from rcd_ros.planning.execution.trajectory import ShapedPlan, TrajectoryPoints
from rcd_ros.tasks.task import Task
from tests.data.bags.bag_files import Event, array, joint_state, points, pose, write_bag
from tests.planning.controller import Controller

MS = 1_000_000
START = 1_700_000_000 * 10**9
TICK = 5 * MS
"""Of physics and controller."""
AFTER = 60
"""Ticks that are recorded after the success, until the camera has seen it."""
LATE = 35 * MS
TOPICS = {
    "joints": ("/joint_states", "sensor_msgs/msg/JointState"),
    "gripper": ("/gripper/state", "sensor_msgs/msg/JointState"),
    "block": ("/camera/block", "geometry_msgs/msg/PoseStamped"),
    "arm": ("/arm_controller/joint_trajectory", "trajectory_msgs/msg/JointTrajectory"),
    "hand": ("/gripper_controller/commands", "std_msgs/msg/Float64MultiArray"),
}


@dataclass
class Demonstration:
    """A recorded push.

    Attributes:
        events: what goes into the bag.
        commanded: by stamp (ns), the arm's commanded positions (6,), as its controller had them, every 5 ms.
        succeeded: whether the block crossed the line.
    """

    events: list[Event] = field(default_factory=list)
    commanded: dict[int, np.ndarray] = field(default_factory=dict)
    succeeded: bool = False

    def write(self, folder: Path, storage: StoragePlugin, commands: bool) -> Path:
        """A bag, with the commands or without, as of an arm that a person has led."""
        topics = {topic for key, (topic, _) in TOPICS.items() if commands or key not in ("arm", "hand")}
        chosen = [event for event in self.events if event[1] in topics]
        return write_bag(folder, sorted(chosen, key=lambda event: event[0]), storage)


def demonstrate(task: Task, seeds: range) -> Iterator[Demonstration]:
    """One demonstration from each seed's start."""
    simulation: Any = task.make_simulation()
    controller = task.controllers["demonstrate"]()
    for seed in seeds:
        controller.reset(seed)
        yield _Recorder(task, simulation, controller, seed).run()


class _Recorder:
    def __init__(self, task: Task, simulation: Any, controller: Any, seed: int) -> None:
        self._spec, self._simulation, self._demonstrator = task.spec, simulation, controller
        self._observation = simulation.reset(seed)
        self._random = np.random.default_rng(seed)
        self._made = Demonstration()
        self._places = {channel.name: slice(p.start, p.stop) for channel, p in task.spec.placed()}
        self._now = START + int(self._random.integers(1000)) * MS
        arm = self._observation[self._places["arm"]]
        self._arm = Controller.at(self._now, arm, splices=False)
        self._hand = 0.0

    def run(self) -> Demonstration:
        begin, left = self._now, 0
        for tick in range(self._spec.episode_steps * 10):
            self._now = begin + tick * TICK
            if tick % 2 == 0:
                self._observation = self._simulation._observe()
                self._publish(tick // 2)
            if tick % 10 == 0:
                self._command()
            self._step()
            if not left and self._simulation.achieved(self._simulation._observe()):
                self._made.succeeded, left = True, AFTER
            left -= left > 0
            if left == 1:
                break
        return self._made

    def _publish(self, count: int) -> None:
        """Drivers: each with its own delay until its message is recorded."""
        now, add = self._now, self._add
        arm, finger = (self._observation[self._places[name]] for name in ("arm", "gripper"))
        add("joints", now + 1 * MS, joint_state(now, list(self._spec.command.joints[:6]), arm, []))
        if count % 2 == 0:
            add("gripper", now + 2 * MS, joint_state(now - 1 * MS, ["gripper_joint"], finger, []))
        if count % 10 == 0:
            block = self._observation[self._places["block"]]
            sign = 1.0 if self._random.random() < 0.5 else -1.0  # q and -q are the same
            w, x, y, z = sign * block[3:]
            add("block", now + LATE, pose(now, block[:3], "base", (x, y, z, w)))

    def _command(self) -> None:
        """Decide on what is seen, and send it a little later: knots of a cubic from what is commanded."""
        wanted = self._demonstrator.act(self._observation)
        now = self._now + 6 * MS
        (position,), (velocity,) = self._arm.state(np.array([now]))
        ends = np.array([0, 44 * MS, 94 * MS], np.int64)
        rows = np.stack((position, wanted[:6], wanted[:6]))
        rates = np.stack((velocity, 0.5 * (wanted[:6] - position) / 0.044, np.zeros(6)))
        plan = TrajectoryPoints(ends, rows, rates, np.empty((3, 0)))
        self._arm.receive(ShapedPlan(now, plan), now)
        names = list(self._spec.command.joints[:6])
        self._add("arm", now, points(0, names, ends.tolist(), rows, rates))
        self._hand = float(wanted[6])
        self._add("hand", now, array([self._hand]))

    def _step(self) -> None:
        """A tick: the controller commands, the physics follows."""
        simulation = self._simulation
        (position,), _ = self._arm.state(np.array([self._now]))
        self._made.commanded[self._now] = position
        command = np.append(position, self._hand)
        simulation.data.ctrl[simulation._actuators] = command / simulation._scale
        mujoco.mj_step(simulation.model, simulation.data)
        mujoco.mj_kinematics(simulation.model, simulation.data)

    def _add(self, key: str, time: int, message: Any) -> None:
        topic, kind = TOPICS[key]
        self._made.events.append((time, topic, kind, message))
