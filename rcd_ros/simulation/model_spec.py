"""The task specification of a MuJoCo model that brings none: all it shows is observed, all it takes is commanded."""

from __future__ import annotations

import re
from itertools import count

from rcd_ros.planning.spec import CommandChannel, MotionSpec, ObservationChannel, ScoreSpec, TaskSpec
from rcd_ros.simulation.model_layout import ModelLayout

JOINT_TOPIC, COMMAND_TOPIC = "joint_states", "joint_trajectory"
_POSE_UNITS, _TWIST_UNITS = ("m",) * 3 + ("1",) * 4, ("m/s",) * 3 + ("rad/s",) * 3


def model_spec(layout: ModelLayout, name: str, control_period: float, episode_steps: int) -> TaskSpec:
    """A task over everything in `layout`, with columns as `ModelLayout.observe` has them.

    Args:
        layout: of the compiled model.
        name: of the task.
        control_period: s between two commands.
        episode_steps: control periods in an episode. Its rewards, if any, are summed; the score is that sum.
    """
    kinds = {actuator.interface for actuator in layout.actuators}
    return TaskSpec(
        name=name,
        control_period=control_period,
        episode_steps=episode_steps,
        observations=_observations(layout),
        command=CommandChannel(
            topic=COMMAND_TOPIC,
            interface=kinds.pop() if len(kinds) == 1 else "effort",
            joints=tuple(actuator.name for actuator in layout.actuators),
            units=tuple(actuator.unit for actuator in layout.actuators),
            lower=tuple(actuator.lower for actuator in layout.actuators),
            upper=tuple(actuator.upper for actuator in layout.actuators),
            scale=tuple(actuator.scale for actuator in layout.actuators),
            columns=tuple(range(len(layout.actuators))),
        ),
        score=ScoreSpec(kind="return", reference_high=100.0),
        motion=_motion(layout),
    )


def topic_of(body: str) -> str:
    """The topic that a free body's odometry is published on: its name, as far as ROS allows."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", body)
    return f"{'_' if name[:1].isdigit() else ''}{name}/odometry"


def _observations(layout: ModelLayout) -> tuple[ObservationChannel, ...]:
    column = count()
    names = tuple(joint.name for joint in layout.joints)
    units = tuple(joint.unit for joint in layout.joints)
    rates = tuple(f"{unit}/s" for unit in units)

    def take(number: int) -> tuple[int, ...]:
        return tuple(next(column) for _ in range(number))

    channels = []
    if names:
        for kind, its_units in (("joint_position", units), ("joint_velocity", rates)):
            channels.append(
                ObservationChannel(
                    name=kind, kind=kind, topic=JOINT_TOPIC, joints=names, units=its_units, columns=take(len(names))
                )
            )
    for body in layout.bodies:
        for kind, its_units in (("body_pose", _POSE_UNITS), ("body_twist", _TWIST_UNITS)):
            channels.append(
                ObservationChannel(
                    name=f"{body.name}_{kind.removeprefix('body_')}",
                    kind=kind,
                    topic=topic_of(body.name),
                    joints=(body.name,),
                    units=its_units,
                    columns=take(len(its_units)),
                )
            )
    return tuple(channels)


def _motion(layout: ModelLayout) -> MotionSpec | None:
    """The position limits of the commanded joints; None where no joint has any."""
    joints = [actuator.joint for actuator in layout.actuators]
    lower = tuple(-float("inf") if joint is None else joint.lower for joint in joints)
    upper = tuple(float("inf") if joint is None else joint.upper for joint in joints)
    if not any(abs(value) < float("inf") for value in (*lower, *upper)):
        return None
    return MotionSpec(position_lower=lower, position_upper=upper)
