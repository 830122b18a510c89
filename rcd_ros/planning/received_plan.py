"""A trajectory as a robot receives it, in plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.planning.spec import Interface

Rows = Sequence[Sequence[float]] | NDArray[np.float64]
"""Per point one value for each joint, or none."""


@dataclass(frozen=True)
class ReceivedPlan:
    """A trajectory as it arrived, not yet checked.

    Attributes:
        names: joint names, in any order; of some joints only, the others go on as they are.
        stamp: of the observation it was made from, ns.
        time_from_start: (points,) ns at which each point's period ends.
        commands: per point one value per name, in the field that the command's interface reads; of the interface
            `state`, positions, then velocities.
        slopes: of positions, the points' velocities in the same order, where every point has them.
        positions: of velocities, the points' positions likewise.
        accelerations: likewise; read only with positions and velocities.
        lasting: whether the last command stays in force until another one comes, as a forwarding controller has it.
    """

    names: Sequence[str]
    stamp: int
    time_from_start: ArrayLike
    commands: Rows
    slopes: Rows | None = None
    positions: Rows | None = None
    accelerations: Rows | None = None
    lasting: bool = False


@dataclass(frozen=True)
class PointFields:
    """The fields of the points of a `trajectory_msgs/JointTrajectory`, each per point one value per name, or none."""

    positions: Rows
    velocities: Rows
    accelerations: Rows
    efforts: Rows

    def of(self, interface: Interface) -> Rows:
        """The field that an interface reads; of `state` the positions."""
        return {"velocity": self.velocities, "effort": self.efforts}.get(interface, self.positions)


def received_plan(
    names: Sequence[str],
    stamp: int,
    time_from_start: ArrayLike,
    fields: PointFields,
    interfaces: Mapping[str, Interface],
) -> ReceivedPlan:
    """A trajectory's values, each in the field that its joint's interface reads.

    Joints that are not among the `interfaces` are read from any field: such a plan is refused anyway. States are read
    from two: positions, then velocities.

    Args:
        names: of the joints.
        stamp: ns; what 0 means is the receiver's to say.
        time_from_start: (points,) ns.
        fields: of the points.
        interfaces: of each joint of the robot.
    """
    kinds: list[Interface] = [interfaces.get(name, "position") for name in names]
    known = set(kinds) if "state" not in interfaces.values() else {"state"}
    count, size = len(fields.positions), len(names)
    if known == {"state"}:
        commands: Rows = [[*fields.positions[i], *fields.velocities[i]] for i in range(count)]
    elif len(known) == 1:
        commands = fields.of(kinds[0])
    else:
        commands = [_mixed(fields, kinds, i) for i in range(count)]
    alike = len(known) == 1
    return ReceivedPlan(
        names=names,
        stamp=stamp,
        time_from_start=time_from_start,
        commands=commands,
        slopes=fields.velocities if alike and known == {"position"} and _whole(fields.velocities, size) else None,
        positions=fields.positions if alike and known == {"velocity"} and _whole(fields.positions, size) else None,
        accelerations=fields.accelerations if alike and _whole(fields.accelerations, size) else None,
    )


def _whole(rows: Rows, size: int) -> bool:
    return all(len(row) == size for row in rows)


def _mixed(fields: PointFields, kinds: Sequence[Interface], point: int) -> Sequence[float]:
    """One value for each joint; what a field holds, where it holds a wrong number of them."""
    columns = {kind: fields.of(kind)[point] for kind in kinds}
    misfit = next((column for column in columns.values() if len(column) != len(kinds)), None)
    return [columns[kind][i] for i, kind in enumerate(kinds)] if misfit is None else misfit
