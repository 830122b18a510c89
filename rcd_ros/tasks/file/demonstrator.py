"""A scripted demonstrator: inverse kinematics move a site of the robot along waypoints.

It makes data before there are recordings of the real robot. Its command depends on the observation alone, as that of
the planner that learns from it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.mujoco_library import mujoco
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.file.reading import LoadedTaskFile
from rcd_ros.tasks.file.simulation import FileSimulation

_ITERATIONS = 8
_DAMPING = 1e-3
"""Of the least squares, rad^2 and m^2."""


class Demonstrator:
    """Moves a site of the model as `simulation.demonstrate` of the task file says: a `Controller`."""

    def __init__(self, spec: TaskSpec, file: LoadedTaskFile, noise: float | None = None) -> None:
        """Move in the simulation of `spec`; `noise`: standard deviation (m) of the deviation from the path.

        Raises:
            RcdError: the file has no `demonstrate`, its site or body is not in the model, positions are not what is
                commanded, or the noise is negative.
        """
        entry = None if file.content.simulation is None else file.content.simulation.demonstrate
        if entry is None:
            raise RcdError(f"task '{spec.name}' has no simulation.demonstrate in its file: import recordings instead")
        if spec.command.interface != "position":
            raise file.error("demonstrations are made by positions, the task commands others", "simulation")
        self._entry = entry
        self._noise = entry.noise if noise is None else noise
        if self._noise < 0.0:
            raise RcdError(f"noise must be 0 or more (m), got {self._noise:g}")
        self._simulation = FileSimulation(spec, file)
        model = self._simulation.model
        sites = [model.site(index).name for index in range(model.nsite)]
        if entry.site not in sites:
            raise file.error(
                f"the model has no site '{entry.site}'{did_you_mean(entry.site, sites)}",
                *("simulation", "demonstrate", "site"),
            )
        self._site = sites.index(entry.site)
        joints = [self._simulation.named.joint(name, "command") for name in spec.command.joints]
        self._qpos = np.array([joint.position for joint in joints], np.intp)
        self._dofs = np.array([joint.velocity for joint in joints], np.intp)
        self._lower, self._upper = np.asarray(spec.command.lower), np.asarray(spec.command.upper)
        self._fixed = np.array([name in entry.joints for name in spec.command.joints])
        self._values = np.array([entry.joints.get(name, 0.0) for name in spec.command.joints])
        for name in entry.joints:
            if name not in spec.command.joints:
                near = did_you_mean(name, spec.command.joints)
                raise file.error(f"no joint '{name}' is commanded{near}", *("simulation", "demonstrate", "joints"))
        self._targets = [(self._simulation.named.body(each.body, "demonstrate"), each) for each in entry.way]
        self._step = entry.speed * spec.control_period
        self._upright: NDArray[np.float64] | None = None
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start at the first waypoint; the noise follows from `seed`."""
        self._random = np.random.default_rng(seed)
        self._beside = np.zeros(3)

    def act(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The commanded positions (n_cmd,), rad or m, for an observation vector (n_obs,)."""
        simulation = self._simulation
        if self._upright is None:
            simulation.reset_to(self._entry.pose) if self._entry.pose else simulation.set_state(observation)
            self._upright = simulation.data.site_xmat[self._site].reshape(3, 3).copy()
        simulation.set_state(observation)
        now = simulation.data.site_xpos[self._site].copy()
        goal = self._goal(now)
        keep = 0.9
        self._beside = keep * self._beside + np.sqrt(1.0 - keep**2) * self._random.normal(0.0, self._noise, 3)
        way = goal - now
        length = float(np.linalg.norm(way))
        lead = self._step * self._entry.lead
        target = now + way * min(1.0, lead / length if length else 0.0) + self._beside
        return self._reach(target)

    def _goal(self, now: NDArray[np.float64]) -> NDArray[np.float64]:
        """The position (3,) of the last waypoint whose predecessors have been reached, m."""
        data = self._simulation.data
        place = now
        for index, (body, point) in enumerate(self._targets):
            place = data.xpos[body] + np.asarray(point.offset)
            for axis, value in point.at.items():
                place["xyz".index(axis)] = value
            last = index == len(self._targets) - 1
            across = np.abs(now - place)[[i for i, axis in enumerate("xyz") if axis in point.within]]
            if last or (across > [point.within[axis] for axis in "xyz" if axis in point.within]).any():
                break
        return np.asarray(place)

    def _reach(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        """Joint positions that bring the site to a point (3,), oriented as at the start (damped least squares)."""
        simulation = self._simulation
        model, data = simulation.model, simulation.data
        linear, angular = np.zeros((3, model.nv)), np.zeros((3, model.nv))
        free = ~self._fixed
        for _ in range(_ITERATIONS):
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            mujoco.mj_jacSite(model, data, linear, angular, self._site)
            turned = data.site_xmat[self._site].reshape(3, 3)
            axis = 0.5 * np.cross(turned.T, np.asarray(self._upright).T).sum(axis=0)
            error = np.concatenate((target - data.site_xpos[self._site], axis))
            jacobian = np.concatenate((linear, angular))[:, self._dofs[free]]
            squares = jacobian @ jacobian.T + _DAMPING * np.eye(6)
            data.qpos[self._qpos[free]] += jacobian.T @ np.linalg.solve(squares, error)
        wanted = np.where(self._fixed, self._values, data.qpos[self._qpos])
        return np.clip(wanted, self._lower, self._upper)
