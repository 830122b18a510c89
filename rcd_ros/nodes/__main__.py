"""The package's executables: `python -m rcd_ros.nodes NAME --ros-args ...`, `ros2 run rcd_ros NAME`, pip's scripts.

Loading a node takes about a second. Until rclpy handles signals, an interrupt ends the process without a traceback
through whatever is being imported. A missing ROS 2 is reported in one sentence.
"""

from __future__ import annotations

import importlib
import signal
import sys
from functools import partial

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.installation import check_installation

ENTRY_POINTS = {
    "planner_node": "rcd_ros.nodes.planner.planner_node:main",
    "teacher_node": "rcd_ros.nodes.planner.teacher_node:main",
    "kitchen_bridge_node": "rcd_ros.nodes.bridge.mujoco_bridge_node:kitchen",
    "mujoco_bridge_node": "rcd_ros.nodes.bridge.mujoco_bridge_node:main",
    "bag_recorder_node": "rcd_ros.nodes.recorder.bag_recorder_node:main",
    "lifecycle_manager_node": "rcd_ros.nodes.lifecycle_manager_node:main",
    "loop_sensor_node": "rcd_ros.benchmarks.loop.loop_sensor_node:main",
    "loop_floor_node": "rcd_ros.benchmarks.loop.loop_floor_node:main",
    "loop_receiver_node": "rcd_ros.benchmarks.loop.loop_receiver_node:main",
    "loop_swapper_node": "rcd_ros.benchmarks.loop.loop_swapper_node:main",
}
"""Module and function of each executable: texts, as in an entry point, because some packages are above this one."""


def run_executable(name: str) -> int:
    """Load and run the node `name`, one of `ENTRY_POINTS`; returns the process's exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        check_installation()
    except RcdError as error:
        sys.stderr.write(f"[FATAL] {error}\n")
        return 2
    module, _, function = ENTRY_POINTS[name].partition(":")
    code: int = getattr(importlib.import_module(module), function)()
    return code


planner_node = partial(run_executable, "planner_node")
teacher_node = partial(run_executable, "teacher_node")
kitchen_bridge_node = partial(run_executable, "kitchen_bridge_node")
mujoco_bridge_node = partial(run_executable, "mujoco_bridge_node")
bag_recorder_node = partial(run_executable, "bag_recorder_node")
lifecycle_manager_node = partial(run_executable, "lifecycle_manager_node")
loop_sensor_node = partial(run_executable, "loop_sensor_node")
loop_floor_node = partial(run_executable, "loop_floor_node")
loop_receiver_node = partial(run_executable, "loop_receiver_node")
loop_swapper_node = partial(run_executable, "loop_swapper_node")

if __name__ == "__main__":
    sys.exit(run_executable(sys.argv[1]))
