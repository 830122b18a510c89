"""Which ROS runtime this process uses: `rclpy` where it can be imported, else `embedded`."""

from __future__ import annotations

import importlib.util
import os
from typing import Literal

from rcd_ros.errors import RcdError

Runtime = Literal["rclpy", "embedded"]


def choose_runtime() -> Runtime:
    """The runtime named by `RCD_ROS_RUNTIME`, or the best one there is.

    Raises:
        RcdError: the variable names no runtime, or asks for ROS 2's where it is not installed.
    """
    installed = importlib.util.find_spec("rclpy") is not None
    wanted = os.environ.get("RCD_ROS_RUNTIME", "")
    if wanted not in ("", "rclpy", "embedded"):
        raise RcdError(f"RCD_ROS_RUNTIME is '{wanted}': use rclpy or embedded")
    if wanted == "rclpy" and not installed:
        raise RcdError("RCD_ROS_RUNTIME is 'rclpy', but rclpy cannot be imported: source ROS 2's setup file first")
    return "rclpy" if installed and wanted != "embedded" else "embedded"


RUNTIME: Runtime = choose_runtime()
