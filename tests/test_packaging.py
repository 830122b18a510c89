"""What an installed package brings along, and what the robot's part must never load."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import rcd_ros
from rcd_ros.launching.launches import MUJOCO_SIM
from rcd_ros.nodes.__main__ import ENTRY_POINTS
from rcd_ros.planning.checkpoint import verify
from rcd_ros.resources import find_resource

ROOT = Path(__file__).parents[1]
PART_OF_THE_ROBOT = (
    "rcd_ros.planning.planner",
    "rcd_ros.planning.observation.assembler",
    "rcd_ros.planning.execution.receiver",
    "rcd_ros.planning.engines.onnx_engine",
    "rcd_ros.nodes.planner.planner_node",
    "rcd_ros.launching.supervisor",
    "rcd_ros.cli.launch",
)


def test_planner_node_loads_no_training_or_simulation() -> None:
    program = f"import sys, {', '.join(PART_OF_THE_ROBOT)}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {
        "torch",
        "mujoco",
        "gymnasium",
        "gymnasium_robotics",
        "minari",
        "h5py",
        "matplotlib",
        "omegaconf",
    }


def test_colcon_can_read_the_options_of_setup_cfg() -> None:
    """colcon evaluates them as Python literals; a version range, which setuptools makes an object of, fails there."""
    options = configparser.ConfigParser()
    options.read(ROOT / "setup.cfg")
    assert "python_requires" not in options["options"]


def test_colcon_finds_out_that_pytest_runs_the_tests() -> None:
    """It looks among the extras of these names; otherwise it calls unittest, which finds no test and is content."""
    options = configparser.ConfigParser()
    options.read(ROOT / "setup.cfg")
    assert re.search(r"^pytest\b", options["options.extras_require"]["test"], re.MULTILINE)


@pytest.mark.slow
def test_wheel_brings_launch_files_config_and_models(tmp_path: Path) -> None:
    """Installs the wheel away from the source tree and looks for the data as an installed program does."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    source = tmp_path / "source"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("the source tree is not a git checkout")
    for name in filter(None, tracked.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    installed = tmp_path / "installed"
    build = [*pip, "install", "--no-deps", "--no-build-isolation", "--target", str(installed), str(source)]
    subprocess.run(build, check=True)
    program = (
        "import sys, rcd_ros\nfrom rcd_ros.resources import find_resource\n"
        "print(rcd_ros.__file__)\n"
        "for name in ('launch/kitchen_sim.launch.py', 'config/kitchen_sim.yaml', 'models/README.md', 'models'):\n"
        "    print(find_resource(name))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path.insert(0, {str(installed)!r})\n{program}"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "AMENT_PREFIX_PATH"},  # as without ROS 2
        capture_output=True,
        text=True,
        check=True,
    )
    found = [Path(line) for line in done.stdout.splitlines()]
    assert len(found) == 5
    assert all(installed in path.parents for path in found)
    scripts = next(installed.glob("rcd_ros-*.dist-info")) / "entry_points.txt"
    assert {"rcd", "planner_node", "kitchen_bridge_node"} <= set(re.findall(r"^(\w+) =", scripts.read_text(), re.M))


def test_every_node_is_installed_as_a_ros_executable() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert setup["install"]["install_scripts"] == "$base/lib/rcd_ros"
    scripts = setup["options.entry_points"]["console_scripts"]
    nodes = {path.stem for path in (ROOT / "rcd_ros").rglob("*_node.py")} - {"managed_node"}
    modules = {target.partition(":")[0].rpartition(".")[2] for target in ENTRY_POINTS.values()}
    assert nodes == modules
    assert set(ENTRY_POINTS) == set(re.findall(r"^(\w+_node) =", scripts, re.M))


def test_package_xml_agrees_with_the_python_package() -> None:
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    assert package.findtext("name") == "rcd_ros"
    assert package.findtext("version") == rcd_ros.__version__
    assert package.findtext("export/build_type") == "ament_python"
    assert (ROOT / "resource" / "rcd_ros").is_file()


@pytest.mark.parametrize("maze", ["maze-umaze", "maze-medium", "maze-large"])
def test_planners_of_mazes_ship_small_and_whole(maze: str) -> None:
    folder = find_resource(f"models/{maze}")
    manifest = verify(folder)
    assert (manifest.task.name, manifest.provenance.seed) == (maze, 0)
    assert {"teacher.safetensors", "critic.safetensors", "student.onnx", "README.md"} <= set(manifest.files)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10_000_000
    planner, _ = MUJOCO_SIM.nodes(MUJOCO_SIM.resolve({"task": maze}))
    assert planner.parameters["checkpoint"] == str(folder)
