"""ros2 launch rcd_ros kitchen_sim.launch.py: the planner drives the simulated kitchen arm."""

from launch import LaunchDescription
from rcd_ros.launching.launch_file import launch_description
from rcd_ros.launching.launches import KITCHEN_SIM


def generate_launch_description() -> LaunchDescription:
    return launch_description(KITCHEN_SIM)
