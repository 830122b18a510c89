import itertools
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rcd_ros.cli.data import app
from rcd_ros.data.episodes import Episode, hash_episodes
from rcd_ros.data.made.controllers import make_runs, runs_of
from rcd_ros.data.storage.datasets import load_dataset
from rcd_ros.errors import RcdError
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.tasks.task import Task


@pytest.fixture
def task() -> Task:
    return get_task("maze-umaze", goal="random")


def make(task: Task, steps: int, workers: int = 1, **settings: float) -> list[Episode]:
    return [e for run in make_runs(task, "behaviour", runs_of(steps, 7), workers, settings) for e in run]


def test_runs_have_as_many_steps_as_were_asked_for() -> None:
    assert [run.steps for run in runs_of(4500, 0)] == [2000, 2000, 500]
    with pytest.raises(RcdError, match=r"\b0\b"):
        runs_of(0, 0)


def test_an_episode_ends_where_its_goal_is_reached_and_the_next_one_begins_there(task: Task) -> None:
    episodes = make(task, 600)
    assert sum(len(episode) for episode in episodes) == 600
    for before, after in itertools.pairwise(episodes):
        assert before.rewards.sum() == before.rewards[-1] == 1.0
        assert np.array_equal(before.observations[-1, :4], after.observations[0, :4])
        assert not np.array_equal(before.observations[-1, 6:], after.observations[0, 6:])
        assert not before.terminated


def test_the_same_seed_gives_the_same_data_in_any_number_of_processes(task: Task) -> None:
    assert hash_episodes(make(task, 2400)) == hash_episodes(make(task, 2400, workers=2))


def test_noise_can_be_chosen(task: Task) -> None:
    calm = make(task, 300, noise=0.0)
    assert np.abs(np.diff(calm[0].actions[5:15], axis=0)).max() < 0.3


def test_a_task_without_controllers_makes_no_data() -> None:
    with pytest.raises(RcdError, match=r"kitchen.*'behaviour'"):
        next(make_runs(get_task("kitchen"), "behaviour", runs_of(10, 0), 1))


def test_the_command_stores_what_it_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    done = CliRunner().invoke(app, ["make", "maze-umaze", "--steps", "500", "--workers", "1", "--seed", "3"])
    assert done.exit_code == 0, done.output
    dataset = load_dataset("rcd/maze-umaze-v0")
    assert dataset.metadata["task"] == "maze-umaze"
    assert sum(len(episode) for episode in dataset.episodes) == 500
