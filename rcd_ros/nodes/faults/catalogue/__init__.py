"""All faults of the campaign, in the order in which they are injected."""

from __future__ import annotations

from rcd_ros.nodes.faults.catalogue.checkpoints import checkpoint_faults
from rcd_ros.nodes.faults.catalogue.machine import machine_faults
from rcd_ros.nodes.faults.catalogue.observations import observation_faults
from rcd_ros.nodes.faults.catalogue.operation import operation_faults
from rcd_ros.nodes.faults.catalogue.processes import process_faults
from rcd_ros.nodes.faults.catalogue.time import time_faults
from rcd_ros.nodes.faults.catalogue.trajectories import trajectory_faults
from rcd_ros.nodes.faults.fault import Fault
from rcd_ros.planning.spec import TaskSpec


def all_faults(spec: TaskSpec) -> list[Fault]:
    """The faults that can happen to a planner of the task `spec`."""
    return [
        *observation_faults(spec),
        *time_faults(spec),
        *trajectory_faults(spec),
        *process_faults(spec),
        *checkpoint_faults(spec),
        *operation_faults(spec),
        *machine_faults(spec),
    ]
