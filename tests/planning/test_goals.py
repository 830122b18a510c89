"""Goals that are observed and states that are planned: one message kind more, one interface more, no special path."""

import numpy as np
import pytest
from pydantic import ValidationError

from rcd_ros.planning.channels import CommandChannel, ObservationChannel
from rcd_ros.planning.execution.follower import TrajectoryFollower
from rcd_ros.planning.execution.received_plan import ReceivedPlan
from rcd_ros.planning.execution.receiver import PositionHold
from rcd_ros.planning.execution.trajectory import TrajectoryMaker
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.tasks.mazes import maze_spec

SPEC = maze_spec("maze-large")
NAMES = ("ball_y", "ball_x")  # in another order than the task's


@pytest.fixture
def assembler() -> ObservationAssembler:
    return ObservationAssembler(SPEC, history=2)


def test_nothing_is_observed_before_there_is_a_goal(assembler: ObservationAssembler) -> None:
    assert assembler.joint_state("joint_states", 0, NAMES, [1.0, 2.0], [0.1, 0.2]) is None
    observation = assembler.goal_pose("goal_pose", (3.0, -3.0, 0.0))
    assert observation is not None
    assert observation.stamp == 0
    assert observation.history.tolist() == [[2.0, 1.0, 0.2, 0.1, 3.0, -3.0]] * 2


def test_a_goal_stays_until_another_comes_and_counts_for_the_whole_history(assembler: ObservationAssembler) -> None:
    assembler.goal_pose("goal_pose", (3.0, -3.0, 0.0))
    first = assembler.joint_state("joint_states", 0, NAMES, [1.0, 2.0], [0.0, 0.0])
    second = assembler.joint_state("joint_states", 10_000_000, NAMES, [1.5, 2.5], [0.0, 0.0])
    assert first is not None and second is not None
    assert second.history[:, 4:].tolist() == [[3.0, -3.0]] * 2
    moved = assembler.goal_pose("goal_pose", (-1.0, 0.0, 0.0))
    assert moved is not None
    assert moved.stamp == second.stamp
    assert moved.history[:, :2].tolist() == [[2.0, 1.0], [2.5, 1.5]]
    assert moved.history[:, 4:].tolist() == [[-1.0, 0.0]] * 2
    assert second.history[:, 4:].tolist() == [[3.0, -3.0]] * 2  # what was handed out does not change


def test_the_same_goal_again_is_nothing_new(assembler: ObservationAssembler) -> None:
    assembler.goal_pose("goal_pose", (3.0, -3.0, 0.0))
    assembler.joint_state("joint_states", 0, NAMES, [1.0, 2.0], [0.0, 0.0])
    assert assembler.goal_pose("goal_pose", (3.0, -3.0, 7.0)) is None  # z is not asked for
    assert not assembler.dropped


def test_a_goal_that_is_not_finite_is_dropped(assembler: ObservationAssembler) -> None:
    assert assembler.goal_pose("goal_pose", (float("nan"), 0.0, 0.0)) is None
    assert assembler.dropped == {"not finite": 1}


def test_a_restarted_clock_keeps_the_goal(assembler: ObservationAssembler) -> None:
    assembler.goal_pose("goal_pose", (3.0, -3.0, 0.0))
    assembler.joint_state("joint_states", 5_000_000_000, NAMES, [1.0, 2.0], [0.0, 0.0])
    observation = assembler.joint_state("joint_states", 0, NAMES, [1.0, 2.0], [0.0, 0.0])
    assert observation is not None
    assert observation.history[-1, 4:].tolist() == [3.0, -3.0]


def goal_channel(**changes: object) -> dict[str, object]:
    channel = {"name": "goal", "kind": "goal_position", "topic": "goal_pose", "joints": ("x", "y"), "units": ("m", "m")}
    return {**channel, "columns": (6, 7), "achieved": (0, 1), **changes}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"achieved": ()}, r"goal.*2.*0"),
        ({"joints": ("x", "yaw")}, "yaw"),
        ({"kind": "joint_position"}, r"goal.*0.*2"),
    ],
)
def test_a_goal_channel_says_what_is_achieved_of_it(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        ObservationChannel.model_validate(goal_channel(**changes))


def test_a_channel_without_goal_is_written_as_ever() -> None:
    fields = SPEC.model_dump(mode="json")
    assert ["achieved" in channel for channel in fields["observations"]] == [False, False, True]
    assert TaskSpec.model_validate(fields) == SPEC


def test_states_need_a_position_and_a_velocity_of_every_joint() -> None:
    fields = SPEC.command.model_dump() | {"joints": ("ball_x",)}
    with pytest.raises(ValidationError, match=r"joint_trajectory.*4"):
        CommandChannel.model_validate(fields)


def test_planned_states_fill_positions_and_velocities() -> None:
    chunk = np.arange(8.0).reshape(2, 4)
    points = TrajectoryMaker(SPEC).points(chunk, np.zeros(6))
    assert points.positions.tolist() == [[0.0, 1.0], [4.0, 5.0]]
    assert points.velocities.tolist() == [[2.0, 3.0], [6.0, 7.0]]
    assert points.efforts.shape == (2, 0)
    assert points.time_from_start.tolist() == [10_000_000, 20_000_000]


def test_the_follower_puts_states_into_the_robots_order_of_joints() -> None:
    follower = TrajectoryFollower(SPEC.command, 10_000_000)
    plan = ReceivedPlan(NAMES, 0, [10_000_000], [[1.0, 2.0, 0.1, 0.2]])
    assert follower.accept(plan, 0) is None
    due = follower.due(0)
    assert due is not None
    assert due.command.tolist() == [2.0, 1.0, 0.2, 0.1]


def test_a_velocity_outside_its_limits_is_named_with_its_unit() -> None:
    follower = TrajectoryFollower(SPEC.command, 10_000_000)
    plan = ReceivedPlan(NAMES, 0, [10_000_000], [[1.0, 2.0, 0.1, 9.0]])
    assert follower.accept(plan, 0) == "outside the limits: ball_x = 9 m/s at point 0, allowed -5 to 5"


def test_a_hold_of_states_stands_still_where_it_began() -> None:
    hold = PositionHold(SPEC)
    moving = np.array([1.0, 2.0, 3.0, -3.0, 0.0, 0.0])
    assert hold.command(moving).tolist() == [1.0, 2.0, 0.0, 0.0]
    assert hold.command(moving + 0.1).tolist() == [1.0, 2.0, 0.0, 0.0]
