"""A whole sweep on Ray: two methods that share a training and one that fails, started twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs Ray: pip install 'rcd_ros[sweep]'")
pytest.importorskip("rliable", reason="needs rliable: pip install 'rcd_ros[sweep]'")

from tests.training.tiny_recipe import RECIPE, save_random_episodes

SWEEP = """
output: {room}/out
datasets:
  tiny: {{dataset: rcd/kitchen/tiny-v0, recipe: {room}/recipe.yaml}}
methods:
  student: {{}}
  teacher: {{evaluate: student, evaluation: {{policy: teacher, nfe: 3}}}}
  broken: {{overrides: [teacher.optimizer.learning_rate=1e30]}}
seeds: [0]
evaluation: {{episodes: 1, episode_steps: 4}}
"""


def test_a_sweep_makes_a_table_lists_failures_and_goes_on(
    tmp_path: Path, datasets_root: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    save_random_episodes()
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    description = tmp_path / "sweep.yaml"
    description.write_text(SWEEP.format(room=tmp_path))
    assert rcd("sweep", description, "--dry-run") == 0
    assert capsys.readouterr().out.count("rcd train all") == 2
    assert not (tmp_path / "out").exists()

    assert rcd("sweep", description) == 1
    table = (tmp_path / "out" / "report.md").read_text()
    assert table.splitlines()[0] == "| data set | student | teacher |"
    assert "- tiny, broken, seed 0: rcd train ended with exit code 2: teacher: the loss at step" in table
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"tiny", "report.md", "report.csv", "report.png"}
    capsys.readouterr()

    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "tiny" / "student").rglob("*")}
    description.write_text(SWEEP.format(room=tmp_path).replace("  broken", "#  broken"))
    assert rcd("sweep", description) == 0
    assert "2 cells, 2 of them are there already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "tiny" / "student").rglob("*")} == made
