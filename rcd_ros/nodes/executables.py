"""The package's executables, as `ros2 run`, launch files and pip's scripts start them.

Loading a node takes about a second. Until rclpy handles signals, an interrupt ends the process without a word instead
of with a traceback through whatever was being imported. A missing ROS 2 is one sentence.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Callable
from functools import partial

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.installation import check_installation

MODULES = {
    "planner_node": "rcd_ros.nodes.planner.planner_node",
    "teacher_node": "rcd_ros.nodes.planner.teacher_node",
    "kitchen_bridge_node": "rcd_ros.nodes.bridge.kitchen_bridge_node",
    "mujoco_bridge_node": "rcd_ros.nodes.bridge.mujoco_bridge_node",
    "bag_recorder_node": "rcd_ros.nodes.recorder.bag_recorder_node",
    "lifecycle_manager_node": "rcd_ros.nodes.lifecycle_manager_node",
    "loop_sensor_node": "rcd_ros.benchmarks.loop.loop_sensor_node",
    "loop_floor_node": "rcd_ros.benchmarks.loop.loop_floor_node",
    "loop_receiver_node": "rcd_ros.benchmarks.loop.loop_receiver_node",
    "loop_swapper_node": "rcd_ros.benchmarks.loop.loop_swapper_node",
}
"""Each executable's module: a string, as in an entry point, because some rooms are above this one."""


def run_executable(name: str) -> int:
    """Load and run the node `name`, one of `MODULES`; returns the process's exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        check_installation()
    except RcdError as error:
        sys.stderr.write(f"[FATAL] {error}\n")
        return 2
    code: int = importlib.import_module(MODULES[name]).main()
    return code


def _executable(name: str) -> Callable[[], int]:
    return partial(run_executable, name)


planner_node = _executable("planner_node")
teacher_node = _executable("teacher_node")
kitchen_bridge_node = _executable("kitchen_bridge_node")
mujoco_bridge_node = _executable("mujoco_bridge_node")
bag_recorder_node = _executable("bag_recorder_node")
lifecycle_manager_node = _executable("lifecycle_manager_node")
loop_sensor_node = _executable("loop_sensor_node")
loop_floor_node = _executable("loop_floor_node")
loop_receiver_node = _executable("loop_receiver_node")
loop_swapper_node = _executable("loop_swapper_node")
