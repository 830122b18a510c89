"""The walk-through in docs/own_robot.md: every command is run as it stands there."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from rcd_ros.planning.spec import TaskSource
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.tasks.file.conversion import Section
from rcd_ros.tasks.file.reading import parse_task_file
from rcd_ros.tasks.file.schema import TaskFile
from rcd_ros.tasks.file.spec import spec_of

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "own_robot.md").read_text()
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", GUIDE, re.DOTALL) for line in block.splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_commands_lead_from_a_task_file_to_a_planner_that_solves_the_task(tmp_path: Path, domain: int) -> None:
    for folder in ("config", "models"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "rcd").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rcd_ros.cli "$@"\n')
    (tools / "rcd").chmod(0o755)
    environment = os.environ | {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "MINARI_DATASETS_PATH": str(tmp_path / "datasets"),
        "COLUMNS": "150",
    }
    (tmp_path / "datasets").mkdir()
    outputs: dict[str, str] = {}
    for command in COMMANDS:
        if command.startswith("rcd data view") and find_spec("rerun") is None:
            continue  # an extra
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        outputs[command] = done.stdout

    offline = json.loads((tmp_path / "runs/push/offline.json").read_text())
    errors = {name: policy["rmse_by_step_in_standard_deviations"] for name, policy in offline["policies"].items()}
    assert offline["episodes_chosen"] == "held out in training"
    assert errors["student"][-1] < 0.7 * errors["repeat"][-1]
    assert (tmp_path / "runs/push/offline.png").stat().st_size > 10_000
    driven = json.loads((tmp_path / "runs/push/eval.json").read_text())
    assert driven["score_mean"] >= 70.0  # trained for a fraction of the steps
    over_topics = json.loads((tmp_path / "runs/push/topics.json").read_text())
    assert (over_topics["episodes"], over_topics["step_s"]) == (10, 0.01)
    assert over_topics["score_mean"] >= 60.0


def test_the_example_in_the_text_is_the_shipped_task() -> None:
    text = next(block for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL) if block.startswith("task:"))
    source = TaskSource(text=text, folder=str(ROOT / "config" / "tasks"))
    shown, shipped = spec_of(parse_task_file(source, "own_robot.md")), get_task("push").spec
    assert shown.observations == shipped.observations
    assert shown.command == shipped.command
    assert shown.success == shipped.success


def _sections(model: type[Section]) -> set[type[Section]]:
    return {model}.union(*(_sections(each) for each in model.__subclasses__()))


def test_every_key_of_a_task_file_is_explained() -> None:
    keys = {name for model in _sections(Section) for name in model.model_fields}
    assert set(TaskFile.model_fields) < keys
    assert not {key for key in keys if f"`{key}`" not in GUIDE and f"{key}: " not in GUIDE and f", {key}" not in GUIDE}
