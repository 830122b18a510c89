"""The simulation of a task file: a user's own MuJoCo model, observed and commanded as the file says."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.planning.spec import TaskSpec
from rcd_ros.planning.transforms import multiply_quaternions
from rcd_ros.simulation.interface import StepResult
from rcd_ros.simulation.mujoco_library import mujoco
from rcd_ros.simulation.worlds.model_simulation import ModelSimulation
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.file.model import NamedModel
from rcd_ros.tasks.file.reading import LoadedTaskFile
from rcd_ros.tasks.file.schema import RandomStart


class FileSimulation(ModelSimulation):
    """A model file behind the `Simulation` interface.

    An episode begins in the keyframe, with joints and bodies moved at random as the file says; it ends when all goals
    of `success` have been reached, when its time is over, or when the physics diverges. Each goal newly reached is
    rewarded with 1.
    """

    def __init__(self, spec: TaskSpec, file: LoadedTaskFile) -> None:
        """Compile the model of `file`, which `spec` was made from, and find in it what the task names.

        Raises:
            RcdError: the file has no simulation, or the model lacks a joint, body, actuator, sensor or keyframe.
        """
        self.named = NamedModel(spec, file)
        self._reads = [self.named.reader(channel) for channel in spec.observations]
        actuators = [self.named.actuator(joint, spec.command.interface) for joint in spec.command.joints]
        super().__init__(spec, self.named.world, self.named.layout, actuators)
        self.camera = self.named.entry.camera or None
        self._start = _Start(self.named)
        self._done: set[str] = set()
        self._world.reset(0)

    def reset(self, seed: int) -> NDArray[np.float64]:
        """Begins an episode whose start follows from `seed`; returns the first observation vector."""
        self._world.reset(seed)
        self._randomize(np.random.default_rng(seed))
        mujoco.mj_forward(self.model, self.data)
        return self._begin()

    def step(self, command: ArrayLike) -> StepResult:
        """Commands (n_cmd,) in the units of the specification for one control period.

        Raises:
            RcdError: the command has the wrong shape or is not finite.
        """
        _, diverged = self._advance(command)
        # A step moves the state past the poses that it has computed.
        mujoco.mj_kinematics(self.model, self.data)
        observation = self._observe()
        newly = tuple(goal for goal in self.achieved(observation) if goal not in self._done)
        self._done.update(newly)
        goals = self.spec.score.goals if self.spec.success else ()
        return StepResult(
            observation=observation,
            reward=float(len(newly)),
            completed=newly,
            terminated=diverged or (bool(goals) and self._done.issuperset(goals)),
            truncated=self._steps >= self.spec.episode_steps,
        )

    def drive(self, action: ArrayLike) -> StepResult:
        """An action of the task's data sets, which are in SI units: the same as a command."""
        return self.step(np.asarray(action, np.float64) * np.asarray(self.spec.command.scale))

    def achieved(self, observation: ArrayLike) -> tuple[str, ...]:
        """Goals of which all conditions hold in an observation vector."""
        return achieved_goals(self.spec, np.asarray(observation, np.float64))

    def _begin(self) -> NDArray[np.float64]:
        self._done = set()
        return super()._begin()

    def _observe(self) -> NDArray[np.float64]:
        return np.concatenate([read() for read in self._reads], dtype=np.float64)

    def _restore(self, state: NDArray[np.float64]) -> None:
        for channel, places in self.spec.placed():
            self.named.put(channel, state[places.start : places.stop])

    def _randomize(self, random: np.random.Generator) -> None:
        """Changes the state that an episode begins in."""
        data, command = self.data, self.spec.command
        for name, index, scale in zip(command.joints, self._actuators, self._scale, strict=True):
            joint = self.named.joints[self.named.called(name)]
            moved = data.qpos[joint.position] + random.uniform(-self._start.spread, self._start.spread)
            data.qpos[joint.position] = np.clip(moved, joint.lower, joint.upper)
            if command.interface == "position":  # servos begin at rest
                data.ctrl[index] = data.qpos[joint.position] / scale
        for place, start in self._start.bodies:
            for axis, name in enumerate("xyz"):
                interval = getattr(start, name)
                if interval is not None:
                    data.qpos[place + axis] = random.uniform(*interval)
            if start.yaw is not None:
                half = 0.5 * random.uniform(*start.yaw)
                turn = np.array([np.cos(half), 0.0, 0.0, np.sin(half)])
                data.qpos[place + 3 : place + 7] = multiply_quaternions(turn, data.qpos[place + 3 : place + 7])


class _Start:
    """`simulation.random` of a task file.

    Attributes:
        spread: largest deviation of each commanded joint, rad or m.
        bodies: where each free body's position begins in qpos, and its intervals.
    """

    def __init__(self, named: NamedModel) -> None:
        self.spread = 0.0
        self.bodies: list[tuple[int, RandomStart]] = []
        for name, given in named.entry.random.items():
            where = ("simulation", "random", name)
            if name == "joints":
                if isinstance(given, RandomStart) or given < 0.0:
                    raise named.file.error("joints need one number, 0 or more (rad, m)", *where)
                self.spread = given
                continue
            free = named.free_bodies.get(named.called(name))
            if free is None:
                known = ["joints", *named.free_bodies]
                near = did_you_mean(name, known)
                raise named.file.error(f"the model has no free body '{name}'{near}; it has: {known[1:]}", *where)
            if not isinstance(given, RandomStart):
                raise named.file.error("a body needs intervals, e.g. {x: [0.4, 0.5], yaw: [-1, 1]}", *where)
            self.bodies.append((free.position, given))


def achieved_goals(spec: TaskSpec, observation: NDArray[np.float64]) -> tuple[str, ...]:
    """Goals of a task with conditions of which all hold in an observation vector (n_obs,)."""
    places = {channel.name: (channel, begin.start) for channel, begin in spec.placed()}
    failed, named = set(), set()
    for condition in spec.success:
        channel, begin = places[condition.channel]
        named.add(condition.goal)
        if not condition.holds(observation[begin + channel.value_names.index(condition.value)]):
            failed.add(condition.goal)
    return tuple(goal for goal in spec.score.goals if goal in named - failed)
