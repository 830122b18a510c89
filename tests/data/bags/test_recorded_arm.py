"""Bags of the example arm as a robot records it: what is stored is what its controller drove."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin

pytest.importorskip("mujoco")
from rcd_ros.data.bags.bag import Bag
from rcd_ros.data.bags.episodes import BagEpisode, read_episodes
from rcd_ros.data.bags.layout import bag_layout
from rcd_ros.data.bags.topics import TaskTopics
from rcd_ros.tasks.catalogue import get_task
from tests.data.bags.recorded_arm import TICK, Demonstration, demonstrate

TASK = get_task("push")
PERIOD = round(TASK.spec.control_period * 1e9)


@pytest.fixture(scope="module")
def demonstration() -> Demonstration:
    (made,) = demonstrate(TASK, range(7, 8))
    assert made.succeeded
    return made


def read(bag: Path) -> BagEpisode:
    recorded, layout = Bag(bag), bag_layout(TASK)
    (episode,) = read_episodes(recorded, TASK.spec, TaskTopics(recorded, TASK.spec, layout=layout), layout).episodes
    assert not episode.problem
    return episode


@pytest.mark.parametrize("storage", list(StoragePlugin))
def test_the_action_is_what_the_controller_drove(
    demonstration: Demonstration, tmp_path: Path, storage: StoragePlugin
) -> None:
    episode = read(demonstration.write(tmp_path / "bag", storage, commands=True))
    assert episode.commands is not None and episode.held == 0
    assert len(episode) > 0.8 * len(demonstration.commanded) * TICK / PERIOD
    first = next(
        stamp
        for stamp, place in demonstration.commanded.items()
        if np.abs(episode.commands[0, :6] - place).max() < 1e-9
    )
    driven = np.array([demonstration.commanded[first + k * PERIOD] for k in range(len(episode))])
    assert np.abs(driven - episode.commands[:, :6]).max() < 1e-9
    moved = np.abs(np.diff(driven, axis=0)).max()
    assert moved > 0.01, "an error of a period would be seen"
