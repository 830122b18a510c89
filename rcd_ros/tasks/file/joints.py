"""Joints of a task file, with its model files: whether they turn, their command range and their motion limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import JOINT_UNITS, CommandChannel
from rcd_ros.planning.spec import MotionSpec
from rcd_ros.simulation.joint_limits import JointLimits, model_joints, urdf_joints
from rcd_ros.tasks.file.conversion import UNITS, OnTopic, each, each_unit, first_line
from rcd_ros.tasks.file.reading import LoadedTaskFile


class FileJoints:
    """The joints of a task file."""

    def __init__(self, file: LoadedTaskFile) -> None:
        """Read the model files that a task file names.

        Raises:
            RcdError: one of them cannot be read.
        """
        self.file = file
        self.joints: dict[str, JointLimits] = {}
        self._read_models()

    def units(self, quantity: str, joints: Sequence[str]) -> tuple[str, ...]:
        """SI unit of each joint's position, velocity or effort."""
        return tuple(JOINT_UNITS[quantity][self._turns(joint)] for joint in joints)

    def bounds(self, index: int, interface: str, continuous: Sequence[str]) -> list[tuple[float, float]]:
        """Smallest and largest command of each joint of controller `index`.

        Raises:
            RcdError: no limit is given.
        """
        entry, limits = self.file.content.command[index], self.file.content.limits
        if entry.limits is not None and entry.interface == interface:
            given = entry.limits
            pairs = list(given) if isinstance(given[0], tuple) else [given]
            if len(pairs) not in (1, len(entry.joints)):
                raise RcdError(f"limits needs one pair, or {len(entry.joints)}, got {len(pairs)}")
            pairs *= len(entry.joints) if len(pairs) == 1 else 1
            return [(float(low), float(high)) for low, high in pairs]
        positions = self._positions(self._all_joints())
        speeds = each(limits.velocity, self._all_joints(), math.nan, "limits.velocity")
        bounds = []
        for joint in entry.joints:
            known, place = self.joints.get(joint, JointLimits()), self._all_joints().index(joint)
            if interface == "position":
                if joint in continuous:
                    bounds.append((-math.inf, math.inf))
                    continue
                low, high = positions[place]
                if known.command is not None and not math.isfinite(low) and not math.isfinite(high):
                    low, high = known.command
            elif interface == "velocity":
                high = speeds[place] if not math.isnan(speeds[place]) else known.velocity or math.inf
                low = -high
            else:
                high = known.effort or math.inf
                low = -high
            if known.command is not None and interface != "position" and not math.isfinite(high):
                low, high = known.command
            if not (math.isfinite(low) and math.isfinite(high)):
                raise RcdError(
                    f"nothing says how far '{joint}' may be commanded ({interface}): give limits: [low, high] here, or "
                    "a model that has them under limits.urdf or limits.mjcf; a joint without ends is `continuous`"
                )
            bounds.append((low, high))
        return bounds

    def motion(self, command: CommandChannel) -> MotionSpec | None:
        """Motion limits of the commanded joints; None where none are given, or where states are planned.

        Raises:
            RcdError: a limit does not fit the joints.
        """
        if command.interface == "state":
            return None
        limits, joints = self.file.content.limits, command.joints
        positions = self._positions(joints)
        fields: dict[str, tuple[float, ...] | None] = {}
        if any(math.isfinite(value) for pair in positions for value in pair):
            fields["position_lower"] = tuple(low for low, _ in positions)
            fields["position_upper"] = tuple(high for _, high in positions)
        known = tuple(self.joints.get(joint, JointLimits()).velocity or math.inf for joint in joints)
        for name, default in (("velocity", known), ("acceleration", ()), ("jerk", ())):
            given = getattr(limits, name)
            try:
                values = each(given, joints, math.nan, name)
            except RcdError as error:
                raise self.file.error(str(error), "limits", name) from error
            usual = np.asarray(default) if default else np.full(len(joints), math.inf)
            values = np.where(np.isnan(values), usual, values)
            if np.isfinite(values).any():
                fields[name] = tuple(values.tolist())
        if not fields:
            return None
        try:
            return MotionSpec(**fields)
        except ValueError as error:
            raise self.file.error(first_line(error), "limits") from error

    def _read_models(self) -> None:
        """Joints of the files that are named, those of `limits` before the simulation's."""
        content = self.file.content
        if content.simulation is not None and not content.limits.mjcf:
            path = self.file.path(content.simulation.model)
            called = {theirs: ours for ours, theirs in content.simulation.names.items()}
            # A robot's computer may have neither MuJoCo nor the model; limits that are then missing are reported below.
            if path.is_file():
                try:
                    self.joints = {called.get(name, name): limits for name, limits in model_joints(path).items()}
                except RcdError as error:
                    raise self.file.error(str(error), "simulation", "model") from error
        for key, read in (("mjcf", model_joints), ("urdf", urdf_joints)):
            name = getattr(content.limits, key)
            if name:
                try:
                    self.joints |= read(self.file.path(name))
                except RcdError as error:
                    raise self.file.error(str(error), "limits", key) from error

    def _turns(self, joint: str) -> bool:
        """Whether a joint's position is an angle: by the model files, else by a unit given anywhere in the file."""
        if joint in self.joints:
            return self.joints[joint].turns
        content = self.file.content
        groups: list[tuple[OnTopic, tuple[str, ...]]] = [(entry, entry.joints) for entry in content.command]
        groups += [(e, names) for e in content.observe.values() for names in (e.position, e.velocity, e.effort)]
        for entry, names in groups:
            if joint in names:
                unit = each_unit(entry.unit, names)[names.index(joint)]
                if UNITS.get(unit or "", ("", 0.0))[0] in ("m", "m/s", "N"):
                    return False
        return True

    def _positions(self, joints: Sequence[str]) -> list[tuple[float, float]]:
        """Position range of each commanded joint; infinite where none is given."""
        given = self.file.content.limits.position
        ranges = [self.joints.get(joint, JointLimits()) for joint in joints]
        positions = [
            (-math.inf if known.lower is None else known.lower, math.inf if known.upper is None else known.upper)
            for known in ranges
        ]
        if isinstance(given, Mapping):
            for joint, pair in given.items():
                if joint not in joints:
                    raise self.file.error(f"no joint '{joint}' is commanded", "limits", "position", joint)
                positions[joints.index(joint)] = pair
        elif given is not None:
            if len(given) != len(joints):
                raise self.file.error(f"needs {len(joints)} pairs, got {len(given)}", "limits", "position")
            positions = list(given)
        return positions

    def _all_joints(self) -> tuple[str, ...]:
        return tuple(joint for entry in self.file.content.command for joint in entry.joints)
