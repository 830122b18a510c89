"""All faults of the campaign, in the order in which they are injected."""

from __future__ import annotations

from rcd_ros.faults.catalogue.checkpoints import checkpoint_faults
from rcd_ros.faults.catalogue.clocks import clock_faults
from rcd_ros.faults.catalogue.observations import observation_faults
from rcd_ros.faults.catalogue.operation import operation_faults
from rcd_ros.faults.catalogue.processes import machine_faults, process_faults
from rcd_ros.faults.catalogue.trajectories import trajectory_faults
from rcd_ros.faults.fault import Fault
from rcd_ros.planning.spec import TaskSpec


def all_faults(spec: TaskSpec) -> list[Fault]:
    """The faults that can happen to a planner of the task `spec`."""
    return [
        *observation_faults(spec),
        *clock_faults(spec),
        *trajectory_faults(spec),
        *process_faults(spec),
        *checkpoint_faults(spec),
        *operation_faults(spec),
        *machine_faults(spec),
    ]
