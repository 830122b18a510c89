"""From a data set to normalised windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.episodes import Episode
from rcd_ros.data.storage.datasets import save_dataset
from rcd_ros.data.windows.batches import Windows
from rcd_ros.planning.representation import Canonical, Normalizer
from rcd_ros.training.material import COMMAND_FLOOR, OBSERVATION_FLOOR, Material, fit_normalizer, prepare
from rcd_ros.training.recipe_file import load_recipe
from tests.data.windows.made_episodes import MAZE, joined, wander
from tests.training.tiny_recipe import RECIPE

RETURNS = (1.0, 5.0, 3.0, 0.0, 4.0)
"""Of episodes whose every action is a tenth of their place in this tuple."""


def material_of(folder: Path, *overrides: str, lengths: tuple[int, ...] = (12,) * 5) -> Material:
    random = np.random.default_rng(0)
    episodes = [
        Episode(
            observations=random.normal(size=(length + 1, 59)).astype(np.float32),
            actions=np.full((length, 9), place / 10, np.float32),
            rewards=np.full(length, total / length, np.float32),
            terminated=False,
            truncated=True,
        )
        for place, (total, length) in enumerate(zip(RETURNS, lengths, strict=True))
    ]
    save_dataset("rcd/kitchen/tiny-v0", episodes, task="kitchen", origin={}, description="")
    (folder / "recipe.yaml").write_text(RECIPE)
    return prepare(load_recipe(folder / "recipe.yaml", overrides))


def sources(material: Material, windows: Windows | None) -> set[int]:
    """Places in `RETURNS` of the episodes that windows are drawn from."""
    assert windows is not None
    chunks = Normalizer(material.normalizer).denormalize_command(windows.draw(slice(None)).chunk.numpy())
    scale = material.spec.command.scale[0]
    return set(np.round(10 * chunks[:, :, 0] / scale).astype(int).flatten().tolist())


def test_goals_are_normalised_by_what_is_reached_not_by_what_was_asked() -> None:
    tracks = joined([wander(10), wander(3, number=5)], MAZE)
    fitted = fit_normalizer(tracks, tracks.starts(4, MAZE), MAZE, 1, Canonical(MAZE, (0.0,) * 6))
    assert fitted.observation_mean[4:] == pytest.approx(fitted.observation_mean[:2])
    assert fitted.observation_std[4:] == pytest.approx(fitted.observation_std[:2])


def test_what_never_changes_is_not_magnified() -> None:
    tracks = joined([wander(10)], MAZE)
    fitted = fit_normalizer(tracks, tracks.starts(4, MAZE), MAZE, 1, Canonical(MAZE, (0.0,) * 6))
    assert fitted.observation_std[3] == OBSERVATION_FLOOR
    assert fitted.command_std[3] == COMMAND_FLOOR


def test_planners_imitate_the_best_episodes_and_the_critic_learns_from_all(datasets_root: Path, tmp_path: Path) -> None:
    material = material_of(tmp_path, "imitated=0.4", "held_out=0")
    assert sources(material, material.training) == {1, 4}
    assert sources(material, material.scored) == {0, 1, 2, 3, 4}


def test_whole_data_are_imitated_unless_a_share_is_named(datasets_root: Path, tmp_path: Path) -> None:
    material = material_of(tmp_path, "held_out=0")
    assert sources(material, material.training) == {0, 1, 2, 3, 4}


def test_a_share_of_what_is_imitated_leaves_the_critics_numbers_alone(datasets_root: Path, tmp_path: Path) -> None:
    """So that one critic, and one scale of observations, serves planners of every share."""
    whole = material_of(tmp_path, "held_out=0")
    part = prepare(load_recipe(tmp_path / "recipe.yaml", ["imitated=0.2", "held_out=0"]))
    assert part.normalizer == whole.normalizer
    assert (part.return_mean, part.return_std) == (whole.return_mean, whole.return_std)


def test_a_planner_is_validated_on_the_best_of_the_held_out_episodes(datasets_root: Path, tmp_path: Path) -> None:
    material = material_of(tmp_path, "imitated=0.2", "held_out=0.4")
    held = sources(material, material.scored_held_out)
    assert len(held) == 2
    assert sources(material, material.held_out) == {max(held, key=lambda place: RETURNS[place])}


def test_the_best_are_chosen_among_episodes_that_are_long_enough(datasets_root: Path, tmp_path: Path) -> None:
    material = material_of(tmp_path, "imitated=0.2", "held_out=0", lengths=(12, 3, 12, 12, 12))
    assert sources(material, material.training) == {4}


def test_only_what_planners_learn_from_is_noisy(datasets_root: Path, tmp_path: Path) -> None:
    material = material_of(tmp_path, "observation_noise=0.3", "held_out=0.4")
    quiet = [material.held_out, material.scored, material.scored_held_out]
    assert material.training.observation_noise == 0.3
    assert [windows.observation_noise for windows in quiet if windows is not None] == [0.0, 0.0, 0.0]
