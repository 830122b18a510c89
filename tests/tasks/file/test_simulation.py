from pathlib import Path

import numpy as np
import pytest

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSource
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.tasks.file.demonstrator import Demonstrator
from rcd_ros.tasks.file.reading import load_task_file, parse_task_file
from rcd_ros.tasks.file.simulation import FileSimulation, achieved_goals
from rcd_ros.tasks.file.spec import spec_of

PUSH = Path(__file__).parents[3] / "config" / "tasks" / "push.yaml"
TEXT = PUSH.read_text()


def _simulation(text: str = TEXT) -> FileSimulation:
    file = parse_task_file(TaskSource(text=text, folder=str(PUSH.parent)), "push.yaml")
    return FileSimulation(spec_of(file), file)


@pytest.fixture
def simulation() -> FileSimulation:
    return _simulation()


def test_starts_follow_from_their_seed_and_stay_in_their_intervals(simulation):
    starts = np.stack([simulation.reset(seed) for seed in range(20)])
    np.testing.assert_array_equal(starts[7], simulation.reset(7))
    assert np.unique(starts[:, 7]).size == 20
    assert (starts[:, 7] >= 0.40).all() and (starts[:, 7] <= 0.48).all()
    home = np.array([0.0, 0.327, 2.264, 0.55, 0.0, 0.0])
    assert np.abs(starts[:, :6] - home).max() <= 0.05 + 1e-9


def test_a_state_is_put_back_and_a_command_moves_the_joint_it_names(simulation):
    before = simulation.reset(3)
    after = simulation.step(np.array([0.3, 0.327, 2.264, 0.55, 0.0, 0.0, 0.0])).observation
    assert after[0] > before[0] + 0.02
    np.testing.assert_allclose(simulation.set_state(before), before, atol=1e-9)


def test_success_ends_the_episode_and_is_rewarded_once(simulation):
    start = simulation.reset(0)
    assert achieved_goals(simulation.spec, start) == ()
    pushed = start.copy()
    pushed[7] = 0.61
    simulation.set_state(pushed)
    result = simulation.step(start[:7])
    assert result.completed == ("success",)
    assert result.terminated
    assert result.reward == 1.0
    assert simulation.step(start[:7]).reward == 0.0


def test_a_pose_is_given_in_the_tasks_frame():
    moved = TEXT.replace("frame: base", "frame: hand")
    in_hand, in_base = _simulation(moved), _simulation()
    here, there = in_hand.reset(1)[7:10], in_base.reset(1)[7:10]
    hand = in_base.data.body("hand")
    np.testing.assert_allclose(hand.xmat.reshape(3, 3).T @ (there - hand.xpos), here, atol=1e-9)
    state = in_hand.reset(1)
    np.testing.assert_allclose(in_hand.set_state(state), state, atol=1e-6)


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("position: [gripper_joint]", "position: [gripper]", "'gripper_joint'"),
        ("pose: block", "pose: blok", "'block'"),
        ("keyframe: home", "keyframe: hom", "'home'"),
        ("block: {x: [0.40", "cube: {x: [0.40", "'cube'"),
        ("arm6.xml\n  keyframe", "arm7.xml\n  keyframe", "arm7.xml"),
        ("rate: 20 ", "rate: 30 ", "time step"),
    ],
)
def test_what_the_model_lacks_is_named(right, wrong, named):
    assert right in TEXT
    with pytest.raises(RcdError) as caught:
        _simulation(TEXT.replace(right, wrong))
    assert named in str(caught.value)


def test_names_of_the_model_may_differ():
    text = TEXT.replace("pose: block,", "pose: cube,").replace("block: {x: [0.40", "cube: {x: [0.40")
    renamed = _simulation(text.replace("  seconds: 10", "  names: {cube: block}\n  seconds: 10"))
    np.testing.assert_array_equal(renamed.reset(2), _simulation().reset(2))


def test_the_demonstrator_solves_the_task_from_unseen_starts():
    file = load_task_file(PUSH)
    simulation, leader = _simulation(), Demonstrator(spec_of(file), file)
    solved = 0
    for seed in range(5):
        observation = simulation.reset(seed)
        leader.reset(seed)
        for _ in range(simulation.spec.episode_steps):
            result = simulation.drive(leader.act(observation))
            observation = result.observation
            if result.terminated:
                solved += bool(result.completed)
                break
    assert solved == 5


def test_a_task_file_of_the_package_is_known_by_its_name():
    task = get_task("push")
    assert task.spec.name == "push"
    assert list(task.controllers) == ["demonstrate"]
