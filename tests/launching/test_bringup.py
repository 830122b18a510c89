"""The one description of a launch, and `rcd launch` on top of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rcd_ros.cli import app
from rcd_ros.errors import RcdError
from rcd_ros.launching.bringup import starts_nodes_itself
from rcd_ros.launching.launches import KITCHEN_SIM, MUJOCO_SIM, PLANNER, RECORDER_S
from rcd_ros.launching.node_process import NodeProcess, lifecycle_manager, waiting
from rcd_ros.resources import find_resource
from rcd_ros.tasks.catalogue import get_task
from tests.planning.tiny import tiny_manifest, write_tiny


def test_a_launch_needs_nothing_that_pip_has_installed() -> None:
    """Pins: `ros2 launch` runs under ROS 2's own Python, and a launch file that imported safetensors did not load."""
    program = (
        "import sys, yaml\nimport rcd_ros\nbefore = set(sys.modules)\nimport rcd_ros.launching.launches\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) <= {"rcd_ros"}


def test_arguments_become_typed_parameters_of_the_nodes_they_concern(tmp_path: Path) -> None:
    parameters = tmp_path / "p.yaml"
    parameters.touch()
    given = {
        "checkpoint": str(tmp_path),
        "params_file": str(parameters),
        "speed": "2",
        "goals": "kettle,microwave",
        "seed": "7",
    }
    planner, bridge = KITCHEN_SIM.nodes(KITCHEN_SIM.resolve(given))
    assert planner.parameters == {"checkpoint": str(tmp_path), "seed": 7}
    assert bridge.parameters == {"speed": 2.0, "goals": ["kettle", "microwave"], "seed": 7}
    assert isinstance(bridge.parameters["speed"], float)
    assert (planner.required, bridge.required) == (True, True)


def test_the_kitchens_launch_is_of_the_catalogues_planner_and_bridge() -> None:
    """The launch cannot look them up: under ROS 2's own Python there need be no catalogue to import."""
    task = get_task("kitchen")
    planner, bridge = KITCHEN_SIM.nodes(KITCHEN_SIM.resolve({}))
    assert planner.parameters["checkpoint"] == str(find_resource(task.planner))
    assert bridge.executable == task.bridge


@pytest.mark.parametrize(("episodes", "ends"), [("2", True), ("0", False), ("", False)])
def test_a_launch_ends_with_its_last_episode_whatever_the_parameter_file_says(
    tmp_path: Path, episodes: str, ends: bool
) -> None:
    """Pins: started from the planner's dumped parameters, a launch of one episode did not end."""
    parameters = tmp_path / "p.yaml"
    parameters.touch()
    _, bridge = KITCHEN_SIM.nodes(KITCHEN_SIM.resolve({"params_file": str(parameters), "episodes": episodes}))
    assert bridge.parameters.get("shutdown_when_done", False) is ends


def test_a_planner_hears_the_clock_of_the_namespace_that_it_is_in() -> None:
    planner, _ = KITCHEN_SIM.nodes(KITCHEN_SIM.resolve({"namespace": "left"}))
    assert planner.remappings == (("/clock", "clock"),)


@pytest.mark.parametrize(
    ("given", "itself"), [({}, False), ({"autostart": "true"}, False), ({"autostart": "false"}, True)]
)
def test_who_starts_managed_nodes_is_an_argument(given: dict[str, str], itself: bool) -> None:
    values = KITCHEN_SIM.resolve(given)
    assert starts_nodes_itself(values) == itself
    planner, bridge = (waiting(process) for process in KITCHEN_SIM.nodes(values))
    assert planner.parameters["autostart"] is False
    assert "autostart" not in bridge.parameters
    assert lifecycle_manager([planner, bridge]).parameters == {"node_names": ["planner"]}


def test_any_world_is_bridged_and_driven_where_there_is_a_planner_for_it(tmp_path: Path) -> None:
    (alone,) = MUJOCO_SIM.nodes(MUJOCO_SIM.resolve({"model": "arm.xml", "keyframe": "home", "speed": "2"}))
    assert (alone.executable, alone.name, alone.required) == ("mujoco_bridge_node", "mujoco_bridge", True)
    assert alone.parameters == {
        "mode": "realtime",
        "wait_for_planner": False,
        "episodes": 0,
        "model": "arm.xml",
        "keyframe": "home",
        "speed": 2.0,
    }
    checkpoint = str(tmp_path / "planner")
    given = {"task": "kitchen", "checkpoint": checkpoint, "record": str(tmp_path / "bag"), "episodes": "3"}
    recorder, planner, bridge = MUJOCO_SIM.nodes(MUJOCO_SIM.resolve(given))
    assert recorder.executable == "bag_recorder_node"
    assert planner.parameters == {"checkpoint": checkpoint}
    assert bridge.parameters == {
        "task": "kitchen",
        "episodes": 3,
        "shutdown_when_done": True,
        "wait_for_recorder": RECORDER_S,
    }


def test_a_tasks_shipped_planner_drives_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "share" / "rcd_ros" / "models" / "toy").mkdir(parents=True)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    planner, _ = MUJOCO_SIM.nodes(MUJOCO_SIM.resolve({"task": "toy"}))
    assert planner.parameters == {"checkpoint": str(tmp_path / "share" / "rcd_ros" / "models" / "toy")}


def test_a_nodes_command_line_carries_its_parameters_unchanged() -> None:
    parameters = {"rate": 2.0, "label": "12", "empty": "", "goals": ["slide cabinet", "kettle"], "loop": False}
    process = NodeProcess("planner_node", "planner", parameters, namespace="left", remappings=(("a", "b"),))
    arguments = process.command()[3:]
    program = (
        "import sys, json, rclpy\nrclpy.init(args=sys.argv)\n"
        "node = rclpy.create_node('x', automatically_declare_parameters_from_overrides=True)\n"
        f"values = {{name: node.get_parameter(name).value for name in {list(parameters)}}}\n"
        "print(json.dumps([node.get_fully_qualified_name(), node.resolve_topic_name('a'), values]))"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["/left/planner", "/left/b", parameters]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["kitchen_sim", "sped:=2"], "'speed'"),
        (["kitchen_sin"], "'kitchen_sim'"),
        (["kitchen_sim", "speed:=fast"], "speed:=fast"),
        (["kitchen_sim", "mode:=lokstep"], "'lockstep'"),
        (["kitchen_sim", "speed=2"], "name:=value"),
        (["kitchen_sim", "params_file:=nowhere.yaml"], r"params_file:=nowhere\.yaml"),
        (["mujoco_sim"], "task:=.*model:=.*env:=.*suite:=.*none"),
        (["mujoco_sim", "task:=kitchen", "env:=Hopper-v5"], "task and env"),
    ],
)
def test_wrong_arguments_are_refused_with_the_nearest_right_one(arguments: list[str], named: str) -> None:
    result = CliRunner().invoke(app, ["launch", *arguments])
    assert result.exit_code == 2
    assert re.search(named, result.output)


def test_launches_and_their_arguments_are_listed() -> None:
    assert "kitchen_sim" in CliRunner().invoke(app, ["launch"]).output
    assert "episodes" in CliRunner().invoke(app, ["launch", "kitchen_sim", "--show-args"]).output


def test_resources_are_found_in_a_workspace_and_their_absence_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "share" / "rcd_ros" / "config" / "only_here.yaml"
    shared.parent.mkdir(parents=True)
    shared.touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    assert find_resource("config/only_here.yaml") == shared
    with pytest.raises(RcdError, match=r"nowhere\.yaml"):
        find_resource("config/nowhere.yaml")


@pytest.fixture
def own_robot(tmp_path: Path) -> Path:
    """A planner of a task file's robot."""
    write_tiny(tmp_path / "push", tiny_manifest(get_task("push").spec, history=1))
    return tmp_path / "push"


def test_a_planner_of_an_own_robot_drives_as_it_was_evaluated(own_robot: Path) -> None:
    as_evaluated = {"trigger": "paced", "mode": "chunk", "execute": 0}
    (alone,) = PLANNER.nodes(PLANNER.resolve({"checkpoint": str(own_robot)}))
    assert alone.parameters == {"checkpoint": str(own_robot), **as_evaluated}
    (told,) = PLANNER.nodes(PLANNER.resolve({"checkpoint": str(own_robot), "mode": "splice", "trigger": "timer"}))
    assert (told.parameters["mode"], told.parameters["trigger"]) == ("splice", "timer")
    shipped = str(find_resource("models/kitchen-complete"))
    (kitchen,) = PLANNER.nodes(PLANNER.resolve({"checkpoint": shipped}))
    assert kitchen.parameters == {"checkpoint": shipped, "trigger": "paced"}

    simulated = {"task": "push", "checkpoint": str(own_robot), "sensor_rates": "joint_states=100,camera/block=10"}
    planner, bridge = MUJOCO_SIM.nodes(MUJOCO_SIM.resolve({**simulated, "sensor_velocities": "false"}))
    assert planner.parameters == {"checkpoint": str(own_robot), **as_evaluated}
    assert bridge.parameters["sensor_rates"] == ["joint_states=100", "camera/block=10"]
    assert bridge.parameters["sensor_velocities"] is False


def test_a_parameter_file_says_how_a_planner_drives(own_robot: Path, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.touch()
    (planner,) = PLANNER.nodes(PLANNER.resolve({"checkpoint": str(own_robot), "params_file": str(file)}))
    assert planner.parameters == {"checkpoint": str(own_robot)}
