"""The elements of a MuJoCo model that a task file names: joints, bodies, sensors and actuators."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import QUATERNION, ObservationChannel
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.planning.transforms import conjugate_quaternions, multiply_quaternions, rotate_vectors
from rcd_ros.simulation.model_layout import Joint, ModelLayout, name_of
from rcd_ros.simulation.mujoco_library import mujoco
from rcd_ros.simulation.worlds.model_file import ModelFile
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.file.reading import LoadedTaskFile

Read = Callable[[], NDArray[np.float64]]


class NamedModel:
    """A compiled model, its state, and where in both the names of a task file are found.

    Attributes:
        file: the task file.
        entry: its `simulation`.
        world: steps the model.
        layout: joints, free bodies and actuators of the model.
        joints: hinges and slides by the model's names.
        free_bodies: free bodies by the model's names.
    """

    def __init__(self, spec: TaskSpec, file: LoadedTaskFile) -> None:
        """Compile the model of a task file.

        Raises:
            RcdError: the file has no simulation, or the model cannot be used.
        """
        if file.content.simulation is None:
            raise RcdError(
                f"task '{spec.name}' has no simulation: add `simulation: {{model: arm.xml}}` to its file, or use "
                "--offline with recorded episodes"
            )
        self.file, self.entry = file, file.content.simulation
        try:
            self.world = ModelFile(file.path(self.entry.model), spec.control_period, self.entry.keyframe)
        except RcdError as error:
            raise file.error(str(error), "simulation") from error
        self._model, self._data = self.world.model, self.world.data
        self.layout = ModelLayout.of(self._model)
        self.joints = {joint.name: joint for joint in self.layout.joints}
        self.free_bodies = {body.name: body for body in self.layout.bodies}
        self._bodies = {name_of(self._model, mujoco.mjtObj.mjOBJ_BODY, i): i for i in range(self._model.nbody)}

    def called(self, name: str) -> str:
        """The model's name of a joint or body of the task file."""
        return self.entry.names.get(name, name)

    def joint(self, name: str, needed_by: str) -> Joint:
        """A hinge or slide by the task file's name.

        Raises:
            RcdError: the model has none; `needed_by` names the channel or the command in the message.
        """
        return self.joints[self._known(name, self.joints, "joint (hinge or slide)", needed_by)]

    def body(self, name: str, needed_by: str) -> int:
        """The index of a body by the task file's name.

        Raises:
            RcdError: the model has none.
        """
        return self._bodies[self._known(name, self._bodies, "body", needed_by)]

    def actuator(self, joint: str, interface: str) -> int:
        """The index of the actuator that drives a joint alone, in `layout.actuators`.

        Raises:
            RcdError: there is none, or it takes another interface.
        """
        driven = [actuator.name for actuator in self.layout.actuators]
        index = driven.index(self._known(joint, driven, "separate actuator for", "command"))
        takes = self.layout.actuators[index].interface
        if takes != interface:
            raise self.file.error(
                f"the actuator of '{joint}' takes {takes}, the task commands {interface}: change one of them",
                *("simulation", "model"),
            )
        return index

    def reader(self, channel: ObservationChannel) -> Read:
        """A function that reads a channel's values (n,) from the state.

        Raises:
            RcdError: the model lacks what the channel observes.
        """
        data = self._data
        if channel.kind in ("joint_position", "joint_velocity", "joint_effort"):
            joints = [self.joint(name, channel.name) for name in channel.joints]
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
            raise self.file.error("a goal has no place in a model: use a Python task", "simulation")
        body = self.body(channel.joints[0], channel.name)
        if channel.kind == "body_twist":
            return lambda: self._twist(body)
        frame = self._bodies.get(self.called(channel.frame), 0)
        return lambda: self._pose(body, frame)

    def put(self, channel: ObservationChannel, values: NDArray[np.float64]) -> None:
        """Write a channel's values (n,) into the state; what MuJoCo computes (efforts, sensors) is left out."""
        data = self._data
        if channel.kind == "joint_position":
            data.qpos[[self.joint(name, channel.name).position for name in channel.joints]] = values
        elif channel.kind == "joint_velocity":
            data.qvel[[self.joint(name, channel.name).velocity for name in channel.joints]] = values
        elif channel.kind in ("body_pose", "body_twist"):
            free = self.free_bodies.get(self.called(channel.joints[0]))
            if free is None:
                return
            if channel.kind == "body_twist":
                data.qvel[free.velocity : free.velocity + 6] = values
                return
            frame = self._bodies.get(self.called(channel.frame), 0)
            turn = data.xquat[frame]
            data.qpos[free.position : free.position + 3] = data.xpos[frame] + rotate_vectors(turn, values[:3])
            data.qpos[free.position + 3 : free.position + 7] = multiply_quaternions(turn, values[QUATERNION])

    def _pose(self, body: int, frame: int) -> NDArray[np.float64]:
        """Position and orientation (7,) of a body in the frame of another one (0: the world's)."""
        data = self._data
        back = conjugate_quaternions(data.xquat[frame])
        position = rotate_vectors(back, data.xpos[body] - data.xpos[frame])
        return np.concatenate((position, multiply_quaternions(back, data.xquat[body])))

    def _twist(self, body: int) -> NDArray[np.float64]:
        """Linear velocity in the world's frame, angular in the body's (6,)."""
        local, world = np.empty(6), np.empty(6)
        kind = mujoco.mjtObj.mjOBJ_XBODY
        mujoco.mj_objectVelocity(self._model, self._data, kind, body, local, 1)
        mujoco.mj_objectVelocity(self._model, self._data, kind, body, world, 0)
        return np.concatenate((world[3:], local[:3]))

    def _sensor(self, name: str, needed_by: str) -> int:
        sensors = {name_of(self._model, mujoco.mjtObj.mjOBJ_SENSOR, i): i for i in range(self._model.nsensor)}
        index = sensors[self._known(name, sensors, "sensor", needed_by)]
        if self._model.sensor_dim[index] != 1:
            raise self.file.error(f"sensor '{name}' gives {self._model.sensor_dim[index]} numbers, not one", "observe")
        return int(self._model.sensor_adr[index])

    def _known(self, name: str, known: Iterable[str], what: str, needed_by: str) -> str:
        names, called = list(known), self.called(name)
        if called not in names:
            raise self.file.error(
                f"the model has no {what} '{called}', which '{needed_by}' needs{did_you_mean(called, names)}; it has: "
                f"{', '.join(names) or 'none'}. Where only the names differ, use simulation.names",
                *("simulation", "model"),
            )
        return called
