"""A `Bringup` as a ROS 2 launch description. Needs ROS 2: only the files under launch/ import it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription
from rcd_ros.ros.bringup import Bringup, NodeProcess


def launch_description(bringup: Bringup) -> LaunchDescription:
    """What `generate_launch_description` of a launch file returns."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(
                    argument.name,
                    default_value=argument.default,
                    description=argument.description,
                    choices=["", *argument.choices] if argument.choices else None,
                )
                for argument in bringup.arguments
            ),
            OpaqueFunction(function=_start, args=[bringup]),
        ]
    )


def _start(context: Any, bringup: Bringup) -> list[Node]:
    given: Mapping[str, str] = {
        argument.name: LaunchConfiguration(argument.name).perform(context) for argument in bringup.arguments
    }
    return [_action(process) for process in bringup.nodes(bringup.resolve(given))]


def _action(process: NodeProcess) -> Node:
    return Node(
        package="rcd_ros",
        executable=process.executable,
        name=process.name,
        namespace=process.namespace,
        parameters=[*(str(path) for path in process.parameter_files), dict(process.parameters)],
        remappings=list(process.remappings),
        output="screen",
        on_exit=Shutdown(reason=f"{process.name} has ended") if process.required else None,
    )
