"""Data that say too little for what is asked: no rewards, and episodes that are too short."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.episodes import Episode
from rcd_ros.data.storage.datasets import save_dataset
from rcd_ros.errors import RcdError
from rcd_ros.training.material import prepare
from rcd_ros.training.preflight import check_training
from rcd_ros.training.recipe import Recipe
from rcd_ros.training.recipe_file import load_recipe
from tests.training.tiny_recipe import RECIPE


def recipe_of(lengths: tuple[int, ...], folder: Path, reward: float = 0.1) -> Recipe:
    random = np.random.default_rng(0)
    episodes = [
        Episode(
            random.normal(size=(length + 1, 59)).astype(np.float32),
            random.uniform(-1, 1, size=(length, 9)).astype(np.float32),
            np.zeros(length, np.float32),
            terminated=False,
            truncated=True,
        )
        for length in lengths
    ]
    save_dataset("rcd/kitchen/tiny-v0", episodes, task="kitchen", origin={}, description="")
    (folder / "recipe.yaml").write_text(RECIPE)
    return load_recipe(folder / "recipe.yaml", [f"student.reward={reward}"])


def test_a_reward_that_no_episode_has_is_refused_before_the_training(datasets_root: Path, tmp_path: Path) -> None:
    recipe = recipe_of((12, 12, 12, 12), tmp_path)
    with pytest.raises(RcdError, match=r"student\.reward=0\.1") as error:
        check_training(recipe, prepare(recipe), recipe.stages, tmp_path / "out")
    assert "--success" in str(error.value)


def test_without_reward_such_data_are_imitated(datasets_root: Path, tmp_path: Path) -> None:
    recipe = recipe_of((12, 12, 12, 12), tmp_path, reward=0.0)
    check_training(recipe, prepare(recipe), recipe.stages, tmp_path / "out")


def test_episodes_that_are_too_short_are_counted(datasets_root: Path, tmp_path: Path) -> None:
    material = prepare(recipe_of((12, 2, 12, 3, 12, 12), tmp_path))
    assert (material.episodes, material.too_short) == (6, 2)
