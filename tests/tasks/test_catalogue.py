import importlib.metadata
import pickle
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from rcd_ros.errors import RcdError
from rcd_ros.resources import find_resource
from rcd_ros.tasks import catalogue as tasks
from rcd_ros.tasks.catalogue import get_task, task_names, task_of
from rcd_ros.tasks.kitchen import kitchen_spec


def test_kitchen_observes_every_column_once() -> None:
    spec = get_task("kitchen").spec
    assert sorted(spec.observation_columns) == list(range(59))
    assert spec.control_period == 0.08
    assert spec.episode_steps == 280


def test_kitchen_score_is_the_completed_share_of_its_goals() -> None:
    spec = get_task("kitchen", goals=("kettle", "microwave")).spec
    assert spec.score.goals == ("kettle", "microwave")
    assert spec.score.score(1.0) == 50.0


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [
        ("kitchn", {}, r"'kitchn'.*'kitchen'"),
        ("kitchen", {"episode_step": 10}, r"'episode_step'.*'episode_steps'"),
        ("kitchen", {"goals": ("microwav",)}, r"'microwav'.*'microwave'"),
        ("kitchen", {"goals": ()}, "none"),
        ("kitchen", {"goals": ("kettle", "kettle")}, "kettle, kettle"),
        ("kitchen", {"episode_steps": 0}, "episode_steps.* 0"),
    ],
)
def test_a_wrong_task_or_option_is_named(name: str, options: dict, named: str) -> None:
    with pytest.raises(RcdError, match=named):
        get_task(name, **options)


def test_looking_a_task_up_loads_no_simulator() -> None:
    program = (
        "import sys; from rcd_ros.tasks.catalogue import get_task; get_task('kitchen'); "
        "print([m for m in ('mujoco', 'gymnasium', 'gymnasium_robotics') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_tasks_travel_to_worker_processes() -> None:
    task = get_task(task_names()[0], episode_steps=7)
    assert pickle.loads(pickle.dumps(task)).spec == task.spec


def test_a_checkpoints_task_gets_all_observations_back_and_keeps_its_goals() -> None:
    full = get_task("kitchen", goals=("kettle",), episode_steps=450).spec
    trained = full.select(["robot_position"])
    assert task_of(trained).spec == full
    assert task_of(trained, episode_steps=12).spec == full.model_copy(update={"episode_steps": 12})


def test_a_checkpoint_that_commands_otherwise_has_no_simulator_here() -> None:
    spec = get_task("kitchen").spec
    reordered = spec.command.model_copy(update={"joints": spec.command.joints[::-1]})
    with pytest.raises(RcdError, match="'kitchen'"):
        task_of(spec.model_copy(update={"command": reordered}))
    with pytest.raises(RcdError, match="'garage'"):
        task_of(spec.model_copy(update={"name": "garage"}))


def test_a_task_of_another_package_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("garden", "rcd_ros.tasks.catalogue:_TASKS", tasks.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: tasks.TaskEntry(kitchen_spec, "nowhere:Garden"))
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point] if group == tasks.GROUP else [])
    assert "garden" in tasks.task_names()
    assert get_task("garden", episode_steps=5).spec.episode_steps == 5


def test_an_entry_point_that_is_no_task_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("garden", "rcd_ros.errors:RcdError", tasks.GROUP),
        EntryPoint("lawn", "rcd_ros.nowhere:LAWN", tasks.GROUP),
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    for name in ("garden", "lawn"):
        with pytest.raises(RcdError, match=name):
            get_task(name)


def test_a_checkpoint_names_the_task_that_it_was_trained_for() -> None:
    folder = find_resource("models/kitchen-complete")
    assert get_task(str(folder)).spec == get_task("kitchen").spec
    assert tasks.planner_of("kitchen") == folder
    with pytest.raises(RcdError, match="kitchen"):
        tasks.planner_of("maze-large", folder)
    with pytest.raises(RcdError, match="push"):
        tasks.planner_of("push")
