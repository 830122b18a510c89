import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from rcd_ros.errors import RcdError
from rcd_ros.simulation.worlds.kitchen import Kitchen
from rcd_ros.tasks.kitchen import kitchen_spec

MICROWAVE_COLUMN = 31
MICROWAVE_OPEN = -0.75


@pytest.fixture(scope="module")
def kitchen() -> Iterator[Kitchen]:
    simulation = Kitchen(kitchen_spec(goals=("microwave", "kettle"), episode_steps=30))
    yield simulation
    simulation.close()


def test_channels_read_the_joints_they_name() -> None:
    """The specification's joint names against MuJoCo's, each joint at a different position."""
    import gymnasium
    import mujoco

    environment = gymnasium.make("FrankaKitchen-v1", object_noise_ratio=0.0, robot_noise_ratio=0.0).unwrapped
    environment.reset(seed=0)
    model, data = environment.model, environment.data
    data.qpos[:] = np.arange(model.nq) + 0.5
    data.qvel[:] = -np.arange(model.nv) - 0.5
    observation = environment._get_obs(environment.robot_env._get_obs())["observation"]
    for channel in kitchen_spec().observations:
        for i, joint in enumerate(channel.joints):
            number = max(
                mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, prefix + joint) for prefix in ("", "robot:")
            )
            assert number >= 0, joint
            position, velocity = model.jnt_qposadr[number], model.jnt_dofadr[number]
            slides = model.jnt_type[number] == mujoco.mjtJoint.mjJNT_SLIDE
            columns = list(channel.columns)
            if channel.kind == "joint_position":
                assert observation[columns[i]] == data.qpos[position], joint
                assert channel.units[i] == ("m" if slides else "rad"), joint
            elif channel.kind == "joint_velocity":
                assert observation[columns[i]] == data.qvel[velocity], joint
                assert channel.units[i] == ("m/s" if slides else "rad/s"), joint
            elif channel.kind == "body_pose":
                assert observation[columns].tolist() == data.qpos[position : position + 7].tolist()
            else:
                assert observation[columns].tolist() == data.qvel[velocity : velocity + 6].tolist()
    environment.close()


def test_a_command_is_a_velocity_in_physical_units(kitchen: Kitchen) -> None:
    """Fails if a command were passed on as a normalised action: the environment's 0.3 means 0.6 rad/s."""
    import gymnasium

    environment = gymnasium.make("FrankaKitchen-v1", disable_env_checker=True)
    expected, _ = environment.reset(seed=4)
    np.testing.assert_array_equal(kitchen.reset(seed=4), expected["observation"])
    for _ in range(5):
        expected, *_ = environment.step(np.full(9, 0.3))
        np.testing.assert_array_equal(kitchen.step(np.full(9, 0.6)).observation, expected["observation"])
    environment.close()


def test_an_episode_follows_from_its_seed(kitchen: Kitchen) -> None:
    def episode(seed: int) -> np.ndarray:
        return np.array([kitchen.reset(seed), *(kitchen.step(np.full(9, 0.3)).observation for _ in range(5))])

    first = episode(1)
    np.testing.assert_array_equal(episode(1), first)
    assert (episode(2) != first).any()


def test_time_runs_out_after_the_episodes_steps(kitchen: Kitchen) -> None:
    kitchen.reset(seed=0)
    ends = [kitchen.step(np.zeros(9)) for _ in range(30)]
    assert [end.truncated for end in ends] == [False] * 29 + [True]
    assert not any(end.terminated for end in ends)


def test_a_goal_is_rewarded_once_and_the_last_one_ends_the_episode() -> None:
    simulation = Kitchen(kitchen_spec(goals=("microwave",), episode_steps=30))
    opened = simulation.reset(seed=0)
    assert simulation.achieved(opened) == ()
    opened[MICROWAVE_COLUMN] = MICROWAVE_OPEN
    assert simulation.achieved(opened) == ("microwave",)
    simulation.set_state(opened)
    first = simulation.step(np.zeros(9))
    assert (first.reward, first.completed, first.terminated) == (1.0, ("microwave",), True)
    second = simulation.step(np.zeros(9))
    assert (second.reward, second.completed) == (0.0, ())
    simulation.close()


def test_a_stored_state_is_taken_up_again(kitchen: Kitchen) -> None:
    """Replay continues from a recorded observation as the simulator did from the state itself, up to sensor noise."""
    kitchen.reset(seed=0)
    before = [kitchen.step(np.full(9, 0.5)).observation for _ in range(6)]
    kitchen.reset(seed=0)
    np.testing.assert_allclose(kitchen.set_state(before[-2]), before[-2], atol=2.5e-3)
    np.testing.assert_allclose(kitchen.step(np.full(9, 0.5)).observation[:9], before[-1][:9], atol=0.02)


@pytest.mark.parametrize("command", [np.zeros(8), np.full(9, np.nan), np.zeros((1, 9))])
def test_a_wrong_command_is_refused(kitchen: Kitchen, command: np.ndarray) -> None:
    with pytest.raises(RcdError, match="9 finite"):
        kitchen.step(command)


def test_a_wrong_state_is_refused(kitchen: Kitchen) -> None:
    with pytest.raises(RcdError, match="59 finite"):
        kitchen.set_state(np.zeros(60))


RENDER = """
from rcd_ros.errors import RcdError
from rcd_ros.tasks.catalogue import get_task
simulation = get_task("kitchen").make_simulation()
simulation.image_size = (64, 48)
simulation.reset(0)
try:
    print(simulation.render().shape)
except RcdError as error:
    print(error)
simulation.close()
"""


@pytest.mark.parametrize("gl", [None, "glfw"])
def test_rendering_gives_an_image_or_says_what_to_install(gl: str | None) -> None:
    """`glfw` without a display fails on any machine; run as a process, as GL is chosen once."""
    environment = {key: value for key, value in os.environ.items() if key not in ("MUJOCO_GL", "DISPLAY")}
    if gl is not None:
        environment["MUJOCO_GL"] = gl
    done = subprocess.run([sys.executable, "-c", RENDER], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(48, 64, 3)" or "apt install libosmesa6" in done.stdout
    if gl == "glfw":
        assert "apt install libosmesa6" in done.stdout
