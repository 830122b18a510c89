"""A `Bringup` as a ROS 2 launch description. Needs ROS 2: only the files under launch/ import it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from launch.actions import DeclareLaunchArgument, EmitEvent, OpaqueFunction, RegisterEventHandler, Shutdown
from launch.event_handlers import OnProcessStart
from launch.events import matches_action
from launch.logging import get_logger
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState, StateTransition
from lifecycle_msgs.msg import Transition

from launch import LaunchDescription
from rcd_ros.launching.bringup import Bringup, starts_nodes_itself
from rcd_ros.launching.node_process import NodeProcess, waiting
from rcd_ros.nodes.ros.launcher_watch import LAUNCHER_VARIABLE
from rcd_ros.suggest import did_you_mean

if TYPE_CHECKING:
    from launch import Event, LaunchContext, LaunchDescriptionEntity

FAILED = {
    ("configuring", "unconfigured"),
    ("activating", "inactive"),
    ("errorprocessing", "unconfigured"),
    ("errorprocessing", "finalized"),
}


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


def _start(context: LaunchContext, bringup: Bringup) -> list[LaunchDescriptionEntity]:
    given: Mapping[str, str] = {
        argument.name: LaunchConfiguration(argument.name).perform(context) for argument in bringup.arguments
    }
    for name in context.launch_configurations:
        # A launch file that includes this one has its own arguments: warn only of what looks mistyped.
        if name not in given and (meant := did_you_mean(name, given)):
            get_logger(bringup.name).warning(f"there is no argument '{name}'{meant}")
    values = bringup.resolve(given)
    drive = starts_nodes_itself(values)
    processes = bringup.nodes(values)
    return [action for process in processes for action in _actions(process, drive and process.lifecycle)]


def _actions(process: NodeProcess, drive: bool) -> list[LaunchDescriptionEntity]:
    process = waiting(process) if drive else process
    node = (LifecycleNode if process.lifecycle else Node)(
        package="rcd_ros",
        executable=process.executable,
        name=process.name,
        namespace=process.namespace,
        parameters=[*(str(path) for path in process.parameter_files), dict(process.parameters)],
        remappings=list(process.remappings),
        output="screen",
        additional_env={LAUNCHER_VARIABLE: str(os.getpid())},
        on_exit=_end(f"{process.name} has ended") if process.required else None,
    )
    # The handlers come first, so that they are there when the node is.
    return [*(_drive(node, process.name) if drive else ()), node]


def _drive(node: LifecycleNode, name: str) -> list[LaunchDescriptionEntity]:
    """Configure the node when it has started, activate it when it is configured, end the launch when that fails."""

    def has_failed(event: Event) -> bool:
        return (
            isinstance(event, StateTransition)
            and event.action is node
            and (event.start_state, event.goal_state) in FAILED
        )

    configure, activate = (
        EmitEvent(event=ChangeState(lifecycle_node_matcher=matches_action(node), transition_id=transition))
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
    )
    return [
        RegisterEventHandler(OnProcessStart(target_action=node, on_start=[configure])),
        RegisterEventHandler(
            OnStateTransition(
                target_lifecycle_node=node, start_state="configuring", goal_state="inactive", entities=[activate]
            )
        ),
        RegisterEventHandler(OnStateTransition(matcher=has_failed, entities=[_end(f"{name} could not be started")])),
    ]


def _end(reason: str) -> OpaqueFunction:
    """End the launch; a second Shutdown while it ends already would be an error of launch_ros."""
    return OpaqueFunction(function=lambda context: [] if context.is_shutdown else [Shutdown(reason=reason)])
