"""The kitchen task: what FrankaKitchen's observation vector and actions mean, in ROS names and physical units."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import CommandChannel
from rcd_ros.planning.spec import MotionSpec, ScoreSpec, TaskSpec
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.file.columns import Column, FileColumns
from rcd_ros.tasks.file.conversion import POSE_UNITS, TWIST_UNITS
from rcd_ros.tasks.task import TaskEntry, channels_in_order, rates

CONTROL_PERIOD = 0.08  # s
EPISODE_STEPS = 280  # D4RL's protocol
MAX_EPISODE_STEPS = 10_000

# A normalised action of 1 asks for this speed (rad/s; m/s for the fingers).
ACTION_SCALE = 2.0

GOALS = ("bottom burner", "top burner", "light switch", "slide cabinet", "hinge cabinet", "microwave", "kettle")
DEFAULT_GOALS = ("microwave", "kettle", "light switch", "slide cabinet")

ARM_JOINTS = tuple(f"panda0_joint{i}" for i in range(1, 8))
FINGER_JOINTS = ("panda0_finger_joint1", "panda0_finger_joint2")
ROBOT_JOINTS = ARM_JOINTS + FINGER_JOINTS
ROBOT_UNITS = ("rad",) * 7 + ("m",) * 2

# Franka Emika, "Robot and interface specifications" of the Franka Control Interface, section "Limits for Panda"
# (frankaemika.github.io/docs/control_parameters.html): what a commanded motion must keep, or the arm stops. None for
# the fingers: the hand is no part of that interface, its own controller keeps to its travel (0 to 40 mm) and speed
# (50 mm/s), and a grip is a command beyond both: the demonstrations close at 0.4 m/s to hold something.
FRANKA = MotionSpec(
    position_lower=(-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973, -math.inf, -math.inf),
    position_upper=(2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973, math.inf, math.inf),
    velocity=(2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61, math.inf, math.inf),
    acceleration=(15.0, 7.5, 10.0, 12.5, 15.0, 20.0, 20.0, math.inf, math.inf),
    jerk=(7500.0, 3750.0, 5000.0, 6250.0, 7500.0, 10000.0, 10000.0, math.inf, math.inf),
)

# The model's own joint names, in qpos order, with the unit of each: knobs and doors turn, burners and drawers slide.
SCENE_JOINTS: dict[str, str] = {
    "knob_Joint_1": "rad",
    "bottom_right_burner": "m",
    "knob_Joint_2": "rad",
    "bottom_left_burner": "m",
    "knob_Joint_3": "rad",
    "top_right_burner": "m",
    "knob_Joint_4": "rad",
    "top_left_burner": "m",
    "light_switch": "rad",
    "light_joint": "m",
    "slide_cabinet": "m",
    "left_hinge_cabinet": "rad",
    "right_hinge_cabinet": "rad",
    "microwave": "rad",
}

KITCHEN_COLUMNS = {
    "d4rl": (
        FileColumns(
            observe={
                "robot_position": Column(key="observations", columns=tuple(range(9))),
                "object_position": Column(key="observations", columns=tuple(range(9, 23))),
                "kettle_pose": Column(key="observations", columns=tuple(range(23, 30))),
            },
            command=Column(key="actions", scale=ACTION_SCALE),
            width=60,
        ),
    )
}
"""D4RL's original layout (kitchen-*-v0): positions of robot (9) and objects (21), then 30 columns of the goal."""


def kitchen_spec(goals: Sequence[str] = DEFAULT_GOALS, episode_steps: int = EPISODE_STEPS) -> TaskSpec:
    """The kitchen as a task: all 59 observed values, nine joint velocities commanded.

    Args:
        goals: what to complete, in any order, each at most once.
        episode_steps: control periods in an episode (D4RL's protocol: 280).

    Raises:
        RcdError: an unknown, repeated or missing goal, or an episode length out of range.
    """
    if isinstance(goals, str) or not isinstance(goals, Sequence):
        raise RcdError(f"kitchen's goals are a list of names, such as [kettle, microwave], got {goals!r}")
    goals = tuple(goals)
    for goal in goals:
        if goal not in GOALS:
            raise RcdError(f"kitchen has no goal '{goal}'{did_you_mean(goal, GOALS)}; it has: {', '.join(GOALS)}")
    if not goals or len(set(goals)) != len(goals):
        raise RcdError(f"kitchen needs one or more different goals, got: {', '.join(goals) or 'none'}")
    if not 1 <= episode_steps <= MAX_EPISODE_STEPS:
        raise RcdError(f"episode_steps must be between 1 and {MAX_EPISODE_STEPS}, got {episode_steps}")

    objects, object_units = tuple(SCENE_JOINTS), tuple(SCENE_JOINTS.values())
    limit = (ACTION_SCALE,) * 9
    return TaskSpec(
        name="kitchen",
        control_period=CONTROL_PERIOD,
        episode_steps=episode_steps,
        observations=channels_in_order(
            ("robot_position", "joint_position", "joint_states", ROBOT_JOINTS, ROBOT_UNITS),
            ("robot_velocity", "joint_velocity", "joint_states", ROBOT_JOINTS, rates(ROBOT_UNITS)),
            ("object_position", "joint_position", "object_states", objects, object_units),
            ("kettle_pose", "body_pose", "kettle/odometry", ("kettle",), POSE_UNITS),
            ("object_velocity", "joint_velocity", "object_states", objects, rates(object_units)),
            ("kettle_twist", "body_twist", "kettle/odometry", ("kettle",), TWIST_UNITS),
        ),
        command=CommandChannel(
            topic="joint_trajectory",
            interface="velocity",
            joints=ROBOT_JOINTS,
            units=rates(ROBOT_UNITS),
            lower=tuple(-value for value in limit),
            upper=limit,
            scale=limit,
            columns=tuple(range(9)),
        ),
        score=ScoreSpec(kind="completions", goals=goals, reference_high=float(len(goals))),
        motion=FRANKA,
    )


ENTRIES = {
    "kitchen": TaskEntry(
        kitchen_spec,
        "rcd_ros.simulation.worlds.kitchen:Kitchen",
        bridge="kitchen_bridge_node",
        planner="models/kitchen-complete",
        columns=KITCHEN_COLUMNS,
    )
}
