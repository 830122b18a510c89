"""What would end a training, or keep its checkpoint from being written, is said before its first step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.episodes import Episode
from rcd_ros.data.storage.datasets import save_dataset
from rcd_ros.errors import RcdError
from rcd_ros.training.material import prepare
from rcd_ros.training.preflight import check_output, check_training
from rcd_ros.training.recipe_file import load_recipe
from tests.training.tiny_recipe import RECIPE, save_random_episodes

STAGES = ("teacher", "critic", "student")


@pytest.fixture
def recipe(tmp_path: Path, datasets_root: Path) -> Path:
    save_random_episodes()
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path / "recipe.yaml"


def check(recipe: Path, *overrides: str) -> None:
    chosen = load_recipe(recipe, overrides)
    check_training(chosen, prepare(chosen), STAGES, recipe.parent / "out")


def store(lengths: list[int], commands: int = 9) -> None:
    rng = np.random.default_rng(0)
    episodes = [
        Episode(
            rng.normal(size=(steps + 1, 59)).astype(np.float32),
            rng.uniform(-1, 1, size=(steps, commands)).astype(np.float32),
            rng.integers(0, 2, size=steps).astype(np.float32),
            terminated=False,
            truncated=True,
        )
        for steps in lengths
    ]
    save_dataset("rcd/kitchen/odd-v0", episodes, task="kitchen", origin={}, description="odd")


def test_a_recipe_that_can_be_trained_passes(recipe: Path) -> None:
    check(recipe)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("noise.sigma_min=100", "sigma_max"),
        ("seed=-1", "seed"),
        ("seed=99999999999999999999", "seed"),
        ("observations=[]", "observations"),
        ("observations=[kettle_pose,kettle_pose]", "kettle_pose"),
        ("student.optimizer.betas=[2,3]", "betas"),
        ("critic.widths=[-1]", "widths"),
        ("teacher.optimizer.learning_rate=.inf", "learning_rate"),
        ("name=../away", "name"),
        ("horizon=1000000000", "horizon"),
        ("history=1000", "history"),
        ("held_out=0.99", "held_out"),
        ("network.width=60000", "parameters"),
        ("task_options.goals=7", "goals"),
        ("notes=" + "[" * 5000, "nested"),
    ],
)
def test_what_the_recipe_cannot_be_is_said_at_once(recipe: Path, override: str, said: str) -> None:
    with pytest.raises(RcdError, match=said):
        check(recipe, override)


def test_a_recipe_that_is_nested_without_end_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "deep.yaml").write_text("[" * 100_000)
    with pytest.raises(RcdError, match="nested"):
        load_recipe(tmp_path / "deep.yaml")


def test_a_network_that_gives_no_finite_loss_is_refused(recipe: Path) -> None:
    with pytest.raises(RcdError, match=r"teacher.*\bnan\b"):
        check(
            recipe, "network={kind: spline_mlp, stride: 2, width: 8, blocks: 1, frequencies: 4}", "noise.log_mean=300"
        )


@pytest.mark.parametrize(("lengths", "held_out"), [([20, 3, 3], 0.99), ([20, 3, 3, 3], 0.7), ([3, 20, 20, 20], 0.2)])
def test_both_sides_of_the_division_hold_a_window(recipe: Path, lengths: list[int], held_out: float) -> None:
    store(lengths)
    said = set()
    for seed in range(6):
        try:
            check(recipe, "dataset=rcd/kitchen/odd-v0", "horizon=10", f"held_out={held_out}", f"seed={seed}")
        except RcdError as error:
            said.add("held_out" in str(error))
    assert said == {True}


def test_data_with_fewer_actions_than_the_task_commands_are_refused(recipe: Path) -> None:
    store([20, 20, 20, 20], commands=4)
    with pytest.raises(RcdError, match="action"):
        check(recipe, "dataset=rcd/kitchen/odd-v0")


@pytest.mark.parametrize(
    ("made", "resume", "force", "said"),
    [
        ("file", False, True, "out"),
        ("teacher/", False, False, "--resume"),
        ("teacher", False, True, "teacher"),
        ("critic.safetensors/", False, True, r"critic\.safetensors"),
        ("checkpoint/notes.txt", False, True, "checkpoint"),
        ("checkpoint/notes.txt", True, False, "checkpoint"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(
    tmp_path: Path, made: str, resume: bool, force: bool, said: str
) -> None:
    out = tmp_path / "out"
    if made == "file":
        out.write_text("mine")
    else:
        path = out / made
        (path if made.endswith("/") else path.parent).mkdir(parents=True)
        if not made.endswith("/"):
            path.write_text("mine")
    with pytest.raises(RcdError, match=said):
        check_output(out, STAGES, [], resume, force)


def test_an_output_over_the_recipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "teacher").mkdir()
    (tmp_path / "teacher" / "recipe.yaml").write_text(RECIPE)
    with pytest.raises(RcdError, match=r"recipe\.yaml|teacher"):
        check_output(tmp_path, STAGES, [tmp_path / "teacher" / "recipe.yaml"], False, True)


def test_a_student_without_a_teacher_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RcdError, match="rcd train teacher"):
        check_output(tmp_path / "out", ("student",), [], False, False)
