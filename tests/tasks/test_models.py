"""Model files, environments and suite tasks as simulations, and errors of those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rcd_ros.simulation.worlds.gymnasium_world")

from rcd_ros.errors import RcdError
from rcd_ros.resources import find_resource
from rcd_ros.tasks.models import ENDLESS, environment_task, model_file_task, suite_task

ARM = str(find_resource("models/mjcf/small_arm.xml"))


def test_the_small_arm_follows_its_servos_within_its_limits() -> None:
    task = model_file_task(ARM, keyframe="home")
    arm = task.make_simulation()
    assert (task.spec.name, task.spec.control_period, task.spec.episode_steps) == ("small_arm", 0.02, ENDLESS)
    assert task.spec.command.joints == ("shoulder_pan", "shoulder_lift", "elbow", "finger")
    assert arm.interfaces == ("position", "position", "position", "effort")
    start = arm.reset(0)
    assert start[:3].tolist() == [0.0, 0.4, 1.2]
    for _ in range(150):
        result = arm.step([0.5, 0.2, 0.8, -2.0])
    assert result.observation[:3] == pytest.approx([0.5, 0.2, 0.8], abs=0.03)
    assert result.observation[3] == pytest.approx(0.0, abs=0.003), "the gripper is pressed shut"
    for _ in range(150):
        result = arm.step([99.0, 0.2, 0.8, 0.0])
    assert result.observation[0] == pytest.approx(2.6, abs=0.03)
    with pytest.raises(RcdError, match="4 finite"):
        arm.step([0.0, np.nan, 0.0, 0.0])


def test_keyframes_seeds_and_stored_states_put_the_arm_where_they_say() -> None:
    arm = model_file_task(ARM).make_simulation()
    assert arm.keyframes == ("home", "up")
    assert arm.reset_to("up")[:4].tolist() == [0.0, 0.0, 0.0, 0.03]
    assert arm.reset(5)[:3].tolist() == [0.0, 0.0, 0.0]
    state = arm.reset_to("home") + 0.01
    assert arm.set_state(state)[:10] == pytest.approx(state[:10])


@pytest.mark.parametrize(
    ("make", "name", "period", "steps", "joints"),
    [
        (environment_task, "Hopper-v5", 0.008, 1000, 6),
        (environment_task, "PointMaze_Large-v3", 0.01, 800, 2),
        (suite_task, "walker/walk", 0.025, 1000, 9),
    ],
)
def test_worlds_of_others_are_seeded_and_stepped_as_theirs(
    make: object, name: str, period: float, steps: int, joints: int
) -> None:
    if make is suite_task:
        pytest.importorskip("dm_control")
    task = make(name)
    assert (task.spec.control_period, task.spec.episode_steps) == (period, steps)
    assert len(task.spec.observations[0].joints) == joints
    world = task.make_simulation()
    runs = []
    for seed in (1, 1, 2):
        first = world.reset(seed)
        result = world.step(0.3 * np.array(task.spec.command.upper))
        assert result.observation.shape == first.shape and not result.terminated
        runs.append(np.concatenate((first, result.observation, [result.reward])))
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])
    world.close()


def test_a_hopper_that_falls_ends_its_episode() -> None:
    hopper = environment_task("Hopper-v5", episode_steps=400).make_simulation()
    hopper.reset(0)
    results = [hopper.step([200.0, 0.0, 0.0])]
    while not (results[-1].terminated or results[-1].truncated):
        results.append(hopper.step([200.0, 0.0, 0.0]))
    assert results[-1].terminated and len(results) < 400


def test_what_cannot_be_simulated_is_refused_in_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.xml"
    broken.write_text("<mujoco>\n<worldbody>\n<geom tipe='box'/>\n</worldbody></mujoco>")
    for refused, named in [
        (lambda: model_file_task(str(tmp_path / "none.xml")), r"none\.xml"),
        (lambda: model_file_task(str(broken)), r"broken\.xml.*tipe.*line 3"),
        (lambda: model_file_task(ARM, keyframe="hme"), r"'hme'.*'home'"),
        (lambda: model_file_task(ARM, control_period=0.003), r"0\.002 s.* 0\.003"),
        (lambda: environment_task("Hoper-v5"), r"'Hoper-v5'.*Hopper"),
        (lambda: environment_task("CartPole-v1"), "'CartPole-v1'"),
        (lambda: environment_task("FetchReach-v4"), r"'FetchReach-v4'.* 0 "),
        (lambda: environment_task("HalfCheetah-v2"), r"'HalfCheetah-v2'.*mujoco_py"),
        (lambda: environment_task("FrankaKitchen-v1"), "'FrankaKitchen-v1'"),
    ]:
        with pytest.raises(RcdError, match=named) as error:
            refused()
        assert "\n" not in str(error.value)


def test_unknown_suite_tasks_are_refused_with_the_nearest() -> None:
    pytest.importorskip("dm_control")
    with pytest.raises(RcdError, match=r"'walker/wlk'.*'walker/walk'"):
        suite_task("walker/wlk")


def test_a_model_that_diverges_ends_its_episode(tmp_path: Path) -> None:
    wild = tmp_path / "wild.xml"
    wild.write_text(
        "<mujoco><option integrator='Euler'/><worldbody><body><joint name='j' type='slide'/>"
        "<geom size='.1' mass='1e-3'/></body></worldbody>"
        "<actuator><velocity joint='j' kv='-1e6'/></actuator></mujoco>"
    )
    world = model_file_task(str(wild)).make_simulation()
    world.reset(0)
    assert any(world.step([1.0]).terminated for _ in range(200))
