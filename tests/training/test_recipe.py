"""Recipes: every mistake is one sentence that names the key and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from rcd_ros.errors import RcdError
from rcd_ros.training.recipe import Recipe, TemporalUnetRecipe, load_recipe

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
        (MINIMAL + "horizn: 8\n", [], r"unknown key 'horizn' \(did you mean 'horizon'"),
        (MINIMAL, ["student.rewrad=1"], r"unknown key 'student.rewrad' \(did you mean 'student.reward'"),
        (MINIMAL, ["network.kind=residual_mlp", "network.widht=8"], r"did you mean 'network.width'"),
        (MINIMAL, ["network.kind=temporal_unet", "network.kernel=4"], r"network.*kernel' is 4: .*odd, e.g. 5"),
        (MINIMAL, ["network.kind=temporal_unet", "network.widths=[3]"], r"multiple of 8"),
        (MINIMAL, ["network.kind=temporal_unet", "network.widths=[]"], r"at least 1 item"),
        (MINIMAL, ["horizon=eight"], r"'horizon' is 'eight'"),
        (MINIMAL, ["student.optimizer.steps=-1"], r"'student.optimizer.steps' is -1"),
        (MINIMAL, ["execute=99"], r"execute \(99\) is longer than horizon \(16\)"),
        (MINIMAL, ["seed"], r"write it as key=value"),
        ("name: tiny\n", [], r"the key 'task' is missing"),
        ("- a\n- b\n", [], r"not a mapping"),
        ("name: [", [], r"cannot be read"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, overrides: list[str], sentence: str) -> None:
    with pytest.raises(RcdError, match=sentence):
        load_recipe(written(tmp_path, text), overrides)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(RcdError, match=r"no recipe at '.*absent.yaml'"):
        load_recipe(tmp_path / "absent.yaml")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid_and_survive_a_round_trip(path: Path) -> None:
    recipe = load_recipe(path)
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
