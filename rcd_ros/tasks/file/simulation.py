"""The simulation of a task file: a user's own MuJoCo model, observed and commanded as the file says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning import rotations
from rcd_ros.planning.spec import QUATERNION, Interface, ObservationChannel, TaskSpec
from rcd_ros.simulation.drawing.rendering import SceneRenderer
from rcd_ros.simulation.interface import StepResult
from rcd_ros.simulation.model_layout import Actuator, ModelLayout, name_of
from rcd_ros.simulation.mujoco_library import mujoco
from rcd_ros.simulation.worlds.model_file import ModelFile
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.file.reading import LoadedTaskFile
from rcd_ros.tasks.file.schema import RandomStart, SimulationEntry

IMAGE_SIZE = (640, 480)
_CONJUGATE = np.array([1.0, -1.0, -1.0, -1.0])
Read = Callable[[], NDArray[np.float64]]


class FileSimulation:
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
        told = file.content.simulation
        if told is None:
            raise RcdError(
                f"task '{spec.name}' has no simulation: add `simulation: {{model: arm.xml}}` to its file, or use "
                "--offline with recorded episodes"
            )
        self.spec = spec
        self._file, self._told = file, told
        try:
            self._world = ModelFile(file.path(told.model), spec.control_period, told.keyframe)
        except RcdError as error:
            raise file.error(str(error), "simulation") from error
        self._layout = ModelLayout.of(self.model)
        self._joints = {joint.name: joint for joint in self._layout.joints}
        self._free = {body.name: body for body in self._layout.bodies}
        self._bodies = {name_of(self.model, mujoco.mjtObj.mjOBJ_BODY, i): i for i in range(self.model.nbody)}
        self._reads = [self._reader(channel) for channel in spec.observations]
        self._actuators = [self._actuator(joint) for joint in spec.command.joints]
        self._scale = np.array([self._layout.actuators[index].scale for index in self._actuators])
        self._places = {channel.name: (channel, places) for channel, places in spec.placed()}
        self._start = _Start(self)
        limited = self.model.actuator_ctrllimited.astype(bool)
        self._lower = np.where(limited, self.model.actuator_ctrlrange[:, 0], -np.inf)
        self._upper = np.where(limited, self.model.actuator_ctrlrange[:, 1], np.inf)
        self._steps = 0
        self._done: set[str] = set()
        self._renderer: SceneRenderer | None = None
        self._world.reset(0)

    @property
    def model(self) -> mujoco.MjModel:
        """The compiled model."""
        return self._world.model

    @property
    def data(self) -> mujoco.MjData:
        """Its present state."""
        return self._world.data

    @property
    def mesh_folders(self) -> tuple[Path, ...]:
        """Where the model's meshes are."""
        return self._world.mesh_folders

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """How each commanded joint is commanded."""
        return (self.spec.command.interface,) * self.spec.command.size

    @property
    def keyframes(self) -> tuple[str, ...]:
        """Names of the model's keyframes."""
        return tuple(name_of(self.model, mujoco.mjtObj.mjOBJ_KEY, index) for index in range(self.model.nkey))

    def reset(self, seed: int) -> NDArray[np.float64]:
        """Begins an episode whose start follows from `seed`; returns the first observation vector."""
        self._world.reset(seed)
        self._start.randomize(np.random.default_rng(seed))
        return self._begin()

    def reset_to(self, keyframe: str) -> NDArray[np.float64]:
        """Begins an episode from a keyframe of the model, without anything random."""
        mujoco.mj_resetDataKeyframe(self.model, self.data, self.keyframes.index(keyframe))
        return self._begin()

    def set_state(self, observation: ArrayLike) -> NDArray[np.float64]:
        """Puts joints and free bodies where an observation vector says; the rest stays. Returns it as observed now.

        Raises:
            RcdError: the vector has the wrong length or is not finite.
        """
        state = np.asarray(observation, np.float64)
        size = self.spec.observation_size
        if state.shape != (size,) or not np.isfinite(state).all():
            raise RcdError(f"a state of '{self.spec.name}' is {size} finite values, got shape {state.shape}")
        for channel, places in self.spec.placed():
            self._put(channel, state[places.start : places.stop])
        mujoco.mj_forward(self.model, self.data)
        return self._observe()

    def step(self, command: ArrayLike) -> StepResult:
        """Commands (n_cmd,) in the units of the specification for one control period."""
        values = np.asarray(command, np.float64)
        if values.shape != self._scale.shape or not np.isfinite(values).all():
            raise RcdError(f"a command of '{self.spec.name}' is {self._scale.size} finite values, got {values}")
        control = self.data.ctrl.copy()
        control[self._actuators] = values / self._scale
        _, diverged = self._world.step(np.clip(control, self._lower, self._upper))
        # A step moves the state past the poses that it has computed.
        mujoco.mj_kinematics(self.model, self.data)
        self._steps += 1
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

    def render(self) -> NDArray[np.uint8]:
        """The model through the file's camera, else its free one: (height, width, 3)."""
        if self._renderer is None:
            self._renderer = SceneRenderer(self.model, self._told.camera or None, *IMAGE_SIZE)
        return self._renderer.draw(self.data)

    def close(self) -> None:
        """Frees the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
        self._world.close()

    def _begin(self) -> NDArray[np.float64]:
        mujoco.mj_forward(self.model, self.data)
        self._steps, self._done = 0, set()
        return self._observe()

    def _observe(self) -> NDArray[np.float64]:
        return np.concatenate([read() for read in self._reads], dtype=np.float64)

    def called(self, name: str) -> str:
        """What the model calls a joint or body of the task file."""
        return self._told.names.get(name, name)

    def _reader(self, channel: ObservationChannel) -> Read:
        """What reads a channel from the state."""
        data = self.data
        if channel.kind in ("joint_position", "joint_velocity", "joint_effort"):
            joints = [self._joint(name, channel.name) for name in channel.joints]
            if channel.kind == "joint_position":
                positions = np.array([joint.position for joint in joints], np.intp)
                return lambda: data.qpos[positions]
            velocities = np.array([joint.velocity for joint in joints], np.intp)
            if channel.kind == "joint_velocity":
                return lambda: data.qvel[velocities]
            return lambda: data.qfrc_actuator[velocities]
        if channel.kind == "values":
            sensors = [self._sensor(name, channel.name) for name in channel.joints]
            return lambda: data.sensordata[sensors]
        if channel.kind == "goal_position":
            raise self._file.error("a goal that is told has no place in a model: use a Python task", "simulation")
        body = self._body(channel.joints[0], channel.name)
        if channel.kind == "body_twist":
            return lambda: self._twist(body)
        frame = self._bodies.get(self.called(channel.frame), 0)
        return lambda: self._pose(body, frame)

    def _pose(self, body: int, frame: int) -> NDArray[np.float64]:
        """Position and orientation (7,) of a body in the frame of another one (0: the world's)."""
        data = self.data
        back = data.xquat[frame] * _CONJUGATE
        position = rotations.turn(back, data.xpos[body] - data.xpos[frame])
        return np.concatenate((position, rotations.multiply(back, data.xquat[body])))

    def _twist(self, body: int) -> NDArray[np.float64]:
        """Linear velocity in the world's frame, angular in the body's (6,)."""
        local, world = np.empty(6), np.empty(6)
        kind = mujoco.mjtObj.mjOBJ_XBODY
        mujoco.mj_objectVelocity(self.model, self.data, kind, body, local, 1)
        mujoco.mj_objectVelocity(self.model, self.data, kind, body, world, 0)
        return np.concatenate((world[3:], local[:3]))

    def _put(self, channel: ObservationChannel, values: NDArray[np.float64]) -> None:
        data = self.data
        if channel.kind == "joint_position":
            data.qpos[[self._joint(name, channel.name).position for name in channel.joints]] = values
        elif channel.kind == "joint_velocity":
            data.qvel[[self._joint(name, channel.name).velocity for name in channel.joints]] = values
        elif channel.kind in ("body_pose", "body_twist"):
            free = self._free.get(self.called(channel.joints[0]))
            if free is None:
                return
            if channel.kind == "body_twist":
                data.qvel[free.velocity : free.velocity + 6] = values
                return
            frame = self._bodies.get(self.called(channel.frame), 0)
            turn = data.xquat[frame]
            data.qpos[free.position : free.position + 3] = data.xpos[frame] + rotations.turn(turn, values[:3])
            data.qpos[free.position + 3 : free.position + 7] = rotations.multiply(turn, values[QUATERNION])

    def _joint(self, name: str, entry: str):  # type: ignore[no-untyped-def]
        return self._joints[self._known(name, self._joints, "joint (hinge or slide)", entry)]

    def _body(self, name: str, entry: str) -> int:
        return self._bodies[self._known(name, self._bodies, "body", entry)]

    def _sensor(self, name: str, entry: str) -> int:
        sensors = {name_of(self.model, mujoco.mjtObj.mjOBJ_SENSOR, i): i for i in range(self.model.nsensor)}
        index = sensors[self._known(name, sensors, "sensor", entry)]
        if self.model.sensor_dim[index] != 1:
            raise self._file.error(f"sensor '{name}' gives {self.model.sensor_dim[index]} numbers, not one", "observe")
        return int(self.model.sensor_adr[index])

    def _known(self, name: str, known: object, what: str, entry: str) -> str:
        """The model's name of something that a channel or command names, if the model has it."""
        names = list(known)  # type: ignore[call-overload]
        called = self.called(name)
        if called not in names:
            raise self._file.error(
                f"the model has no {what} '{called}', which '{entry}' needs{did_you_mean(called, names)}; it has: "
                f"{', '.join(names) or 'none'}. Where only the names differ, use simulation.names",
                "simulation",
                "model",
            )
        return called

    def _actuator(self, joint: str) -> int:
        driven = [actuator.name for actuator in self._layout.actuators]
        index = driven.index(self._known(joint, driven, "actuator of its own for", "command"))
        actuator: Actuator = self._layout.actuators[index]
        if actuator.interface != self.spec.command.interface:
            raise self._file.error(
                f"the actuator of '{joint}' takes {actuator.interface}, the task commands "
                f"{self.spec.command.interface}: change one of them",
                "simulation",
                "model",
            )
        return index


class _Start:
    """Puts joints and bodies at random where the task file lets them begin."""

    def __init__(self, simulation: FileSimulation) -> None:
        self._simulation = simulation
        self._told: SimulationEntry = simulation._told
        self._spread = 0.0
        self._bodies: list[tuple[int, RandomStart]] = []
        for name, given in self._told.random.items():
            where = ("simulation", "random", name)
            if name == "joints":
                if isinstance(given, RandomStart) or given < 0.0:
                    raise simulation._file.error("joints need one number, 0 or more (rad, m)", *where)
                self._spread = given
                continue
            free = simulation._free.get(simulation.called(name))
            if free is None:
                known = ["joints", *simulation._free]
                near = did_you_mean(name, known)
                raise simulation._file.error(f"the model has no free body '{name}'{near}; it has: {known[1:]}", *where)
            if not isinstance(given, RandomStart):
                raise simulation._file.error("a body needs intervals, e.g. {x: [0.4, 0.5], yaw: [-1, 1]}", *where)
            self._bodies.append((free.position, given))

    def randomize(self, random: np.random.Generator) -> None:
        """Change the state that an episode begins in."""
        simulation, data = self._simulation, self._simulation.data
        for name, index, scale in zip(
            simulation.spec.command.joints, simulation._actuators, simulation._scale, strict=True
        ):
            joint = simulation._joints[simulation.called(name)]
            moved = data.qpos[joint.position] + random.uniform(-self._spread, self._spread)
            data.qpos[joint.position] = np.clip(moved, joint.lower, joint.upper)
            if simulation.spec.command.interface == "position":  # servos begin at rest
                data.ctrl[index] = data.qpos[joint.position] / scale
        for place, start in self._bodies:
            for axis, name in enumerate("xyz"):
                interval = getattr(start, name)
                if interval is not None:
                    data.qpos[place + axis] = random.uniform(*interval)
            if start.yaw is not None:
                half = 0.5 * random.uniform(*start.yaw)
                turn = np.array([np.cos(half), 0.0, 0.0, np.sin(half)])
                data.qpos[place + 3 : place + 7] = rotations.multiply(turn, data.qpos[place + 3 : place + 7])


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
