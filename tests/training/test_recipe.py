"""Recipes: every mistake is one sentence that names the key and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from rcd_ros.errors import RcdError
from rcd_ros.training.recipe import Recipe, TemporalUnetRecipe
from rcd_ros.training.recipe_file import load_recipe

MINIMAL = "name: tiny\ntask: kitchen\ndataset: rcd/tiny-v0\nobservations: [robot_position]\n"
SHIPPED = sorted((Path(__file__).parents[2] / "config" / "train").glob("*.yaml"))


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def test_overrides_reach_any_depth_and_keep_their_types(tmp_path: Path) -> None:
    overrides = ["student.optimizer.steps=7", "seed=3", "network.kind=temporal_unet", "network.widths=[8,16]"]
    recipe = load_recipe(written(tmp_path, MINIMAL), overrides)
    assert recipe.student.optimizer.steps == 7
    assert recipe.seed == 3
    assert isinstance(recipe.network, TemporalUnetRecipe)
    assert recipe.network.widths == (8, 16)


@pytest.mark.parametrize(
    ("text", "overrides", "sentence"),
    [
        (MINIMAL + "horizn: 8\n", [], r"'horizn'.*'horizon'"),
        (MINIMAL, ["student.rewrad=1"], r"'student.rewrad'.*'student.reward'"),
        (MINIMAL, ["network.kind=residual_mlp", "network.widht=8"], r"network.*widht.*'network.width'"),
        (MINIMAL, ["network.kind=temporal_unet", "network.kernel=4"], r"network.*kernel'.*\b4\b.*\b5\b"),
        (MINIMAL, ["network.kind=temporal_unet", "network.widths=[3]"], r"network.*widths.*\b3\b.*\b8\b"),
        (MINIMAL, ["network.kind=temporal_unet", "network.widths=[]"], r"network.*widths"),
        (MINIMAL, ["horizon=eight"], r"'horizon'.*'eight'"),
        (MINIMAL, ["student.optimizer.steps=-1"], r"'student.optimizer.steps'.*-1"),
        (MINIMAL, ["execute=99"], r"execute.*\b99\b.*horizon.*\b16\b"),
        (MINIMAL, ["seed"], r"'seed'"),
        ("name: tiny\n", [], r"'task'"),
        ("- a\n- b\n", [], r"recipe\.yaml"),
        ("name: [", [], r"recipe\.yaml"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, overrides: list[str], sentence: str) -> None:
    with pytest.raises(RcdError, match=sentence):
        load_recipe(written(tmp_path, text), overrides)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(RcdError, match=r"absent\.yaml"):
        load_recipe(tmp_path / "absent.yaml")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid_and_survive_a_round_trip(path: Path) -> None:
    recipe = load_recipe(path)
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


def test_a_list_of_rewards_is_a_choice_and_one_number_is_none(tmp_path: Path) -> None:
    path = written(tmp_path, MINIMAL + "student: {reward: [0.2, 0.0]}\n")
    recipe = load_recipe(path)
    assert recipe.student.reward_choices == (0.2, 0.0)
    assert recipe.student.reward == 0.0
    assert recipe.most_rewarded.student.reward == 0.2
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
    for given in (load_recipe(path, ["student.reward=0.1"]), recipe.with_reward(0.1)):
        assert given.student.reward == 0.1
        assert given.student.reward_choices == ()
        assert given.most_rewarded == given


@pytest.mark.parametrize(
    ("reward", "sentence"), [("[]", "empty list"), ("[0.1,-1]", "reward_choices.*-1"), ("[a]", "'a'")]
)
def test_rewards_that_cannot_be_chosen_from_are_refused(tmp_path: Path, reward: str, sentence: str) -> None:
    with pytest.raises(RcdError, match=sentence):
        load_recipe(written(tmp_path, MINIMAL), [f"student.reward={reward}"])


def test_a_reward_that_is_weighed_against_nothing_is_refused(tmp_path: Path) -> None:
    """Pins: without DSM a reward of the scale `shift` had no weight, and nobody was told."""
    path, unweighed = written(tmp_path, MINIMAL), ["student.reward_scale=shift", "student.dsm=0"]
    for reward in ("0.1", "[0.0,0.1]"):
        with pytest.raises(RcdError, match="dsm is 0"):
            load_recipe(path, [*unweighed, f"student.reward={reward}"])
    assert load_recipe(path, unweighed).student.dsm == 0.0
