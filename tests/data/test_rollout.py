from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.episodes import hash_episodes
from rcd_ros.data.rollout import rollouts
from rcd_ros.errors import RcdError
from rcd_ros.planning.planner import Planner
from rcd_ros.simulation.tasks import get_task
from tests.planning.tiny import tiny_manifest, write_tiny

STEPS = 6


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random linear planner for a kitchen of six steps, which sees positions only; replans every second step."""
    folder = tmp_path_factory.mktemp("checkpoints") / "random"
    spec = get_task("kitchen", episode_steps=STEPS).spec.select(["object_position", "robot_position"])
    write_tiny(folder, tiny_manifest(spec, history=2, horizon=4, execute=2))
    return folder


def test_the_planners_commands_are_recorded_in_the_data_sets_units(checkpoint: Path) -> None:
    """Replans by hand what was recorded: fails for a wrong column order, a wrong history or a wrong scale."""
    task, episodes = rollouts(checkpoint, episodes=1, seed=3)
    (episode,) = episodes
    assert (task.spec.name, len(episode), episode.truncated, episode.seed) == ("kitchen", STEPS, True, 3)
    assert episode.observations.shape == (STEPS + 1, 59)
    planner = Planner.load(checkpoint, seed=3)
    seen = episode.observations[:, planner.spec.observation_columns]
    for step, history in ((0, seen[[0, 0]]), (2, seen[[1, 2]]), (4, seen[[3, 4]])):
        expected = planner.plan(history)[:2] / 2.0
        np.testing.assert_allclose(episode.actions[step : step + 2], expected, atol=1e-4)


def test_episodes_follow_from_their_seeds_whatever_the_workers(checkpoint: Path) -> None:
    alone, shared = (list(rollouts(checkpoint, episodes=2, workers=workers)[1]) for workers in (1, 2))
    assert hash_episodes(alone) == hash_episodes(shared)
    assert [episode.seed for episode in alone] == [0, 1]


def test_numbers_out_of_range_are_refused(checkpoint: Path) -> None:
    with pytest.raises(RcdError, match="execute must be between 1 and the planner's horizon 4, got 5"):
        rollouts(checkpoint, episodes=1, execute=5)
    with pytest.raises(RcdError, match="episodes must be at least 1"):
        rollouts(checkpoint, episodes=0)
