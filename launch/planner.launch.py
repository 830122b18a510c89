"""ros2 launch rcd_ros planner.launch.py checkpoint:=FOLDER: the planner alone, for a robot that is there."""

from launch import LaunchDescription
from rcd_ros.launching.launch_file import launch_description
from rcd_ros.launching.launches import PLANNER


def generate_launch_description() -> LaunchDescription:
    return launch_description(PLANNER)
