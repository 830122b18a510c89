"""FrankaKitchen as a robot with ROS topics: joint states, object states, kettle odometry and a clock."""

from __future__ import annotations

import sys

from rcd_ros.nodes.bridge.simulation_bridge import SimulationBridge
from rcd_ros.nodes.ros.parameters import declare
from rcd_ros.nodes.ros.run import run_node
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.tasks.kitchen import DEFAULT_GOALS, EPISODE_STEPS
from rcd_ros.tasks.task import Task


class KitchenBridge(SimulationBridge):
    """The bridge of the kitchen task."""

    def __init__(self) -> None:
        """See `SimulationBridge`."""
        super().__init__("kitchen_bridge")

    def make_task(self) -> Task:
        """The kitchen with its goals and episode length."""
        goals = declare(self, "goals", list(DEFAULT_GOALS), "tasks to complete", bool, "a list of one or more tasks")
        steps = declare(self, "episode_steps", EPISODE_STEPS, "control periods in an episode")
        return get_task("kitchen", goals=goals, episode_steps=steps)


def main(args: list[str] | None = None) -> int:
    """Entry point of the `kitchen_bridge_node` executable."""
    return run_node(KitchenBridge, args)


if __name__ == "__main__":
    sys.exit(main())
