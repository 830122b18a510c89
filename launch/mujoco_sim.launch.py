"""ros2 launch rcd_ros mujoco_sim.launch.py model:=arm.xml: any MuJoCo world behind ROS topics."""

from launch import LaunchDescription
from rcd_ros.launching.launch_file import launch_description
from rcd_ros.launching.launches import MUJOCO_SIM


def generate_launch_description() -> LaunchDescription:
    return launch_description(MUJOCO_SIM)
