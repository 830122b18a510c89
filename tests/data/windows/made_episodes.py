"""Small episodes and windows whose every value says where it comes from."""

from __future__ import annotations

import numpy as np

from rcd_ros.data.episodes import Episode
from rcd_ros.data.windows.batches import Windows
from rcd_ros.data.windows.cut import cut_windows
from rcd_ros.data.windows.hindsight import returns_by_arrival
from rcd_ros.data.windows.tracks import Tracks, join_tracks
from rcd_ros.planning.channels import CommandChannel, ObservationChannel
from rcd_ros.planning.manifest import NormalizerSpec
from rcd_ros.planning.representation import Canonical
from rcd_ros.planning.spec import ScoreSpec, TaskSpec
from rcd_ros.tasks.mazes import maze_spec

MAZE = maze_spec("maze-umaze", episode_steps=20)
SCALE = 1024.0
"""Standard deviation of everything: a power of two, so that physical values come back to the bit, and unclipped."""


def spec(
    interface: str = "velocity", source: str = "action", continuing: bool = False, turning: bool = False
) -> TaskSpec:
    """Reads columns 2 and 0 of three; commands one joint, twice the data's value."""
    return TaskSpec(
        name="slide",
        control_period=0.1,
        episode_steps=10,
        continuing=continuing,
        observations=(
            ObservationChannel(
                name="position", kind="joint_position", topic="joint_states", joints=("a", "b"), columns=(2, 0),
                units=("rad", "m") if turning else ("m", "m"), continuous=("a",) if turning else (),
            ),
        ),
        command=CommandChannel(
            topic="joint_trajectory", interface=interface, joints=("a",), units=("m/s",), lower=(-2.0,), upper=(2.0,),
            scale=(2.0,), columns=(0,), source=source,
        ),
        score=ScoreSpec(kind="return", reference_high=1.0),
    )  # fmt: skip


def episode(steps: int, terminated: bool, number: int = 0) -> Episode:
    """Observed: three numbers that count up; done: the step from 1 on, plus 100 times the episode's number."""
    observations = np.arange((steps + 1) * 3, dtype=np.float32).reshape(steps + 1, 3)
    actions = 100.0 * number + np.arange(1, steps + 1, dtype=np.float32)[:, None]
    rewards = np.linspace(-1.0, 1.0, steps, dtype=np.float32)
    return Episode(observations, actions.astype(np.float32), rewards, terminated, not terminated)


def wander(steps: int, number: int = 0, came: bool = False) -> Episode:
    """A ball in a maze: x counts the steps, y is the episode's number; its own goal is (900, 800)."""
    x = np.arange(steps + 1, dtype=np.float32)
    y, one = np.full_like(x, number), np.ones_like(x)
    rewards = np.zeros(steps, np.float32)
    rewards[-1] = came
    observations = np.stack((x, y, one, 0.0 * one, x, y, 900.0 * one, 800.0 * one), axis=1)
    return Episode(observations, np.zeros((steps, 2), np.float32), rewards, False, True)


def cut(
    tracks: Tracks, task: TaskSpec, history: int = 1, horizon: int = 3, own: float = 0.0, discount: float = 1.0
) -> Windows:
    """Every window of the tracks, in multiples of `SCALE`."""
    starts, sizes = tracks.starts(horizon, task), (task.observation_size, task.command.size)
    zero, scale = [(0.0,) * size for size in sizes], [(SCALE,) * size for size in sizes]
    normalizer = NormalizerSpec(
        observation_mean=zero[0], observation_std=scale[0], command_mean=zero[1], command_std=scale[1]
    )
    returns = returns_by_arrival(task.episode_steps, discount) if task.goal_channels else tracks.returns[starts]
    return cut_windows(tracks, starts, task, history, horizon, Canonical(task, zero[0]), normalizer, returns, own)


def joined(episodes: list[Episode], task: TaskSpec, discount: float = 1.0) -> Tracks:
    return join_tracks(episodes, range(len(episodes)), task, discount)
