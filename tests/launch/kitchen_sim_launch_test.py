"""For `launch_test`, ROS 2's runner of launch tests: `ros2 launch rcd_ros kitchen_sim.launch.py` drives an episode.

`tests/launch/test_launch_testing.py` runs it where there is ROS 2.
"""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

import launch_testing.actions
import launch_testing.asserts
import launch_testing.markers
from ament_index_python.packages import get_package_share_directory
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

from launch import LaunchDescription

STEPS = 40


@launch_testing.markers.keep_alive
def generate_test_description() -> tuple[LaunchDescription, dict[str, Any]]:
    results = Path(tempfile.mkdtemp()) / "results.json"
    source = Path(get_package_share_directory("rcd_ros"), "launch", "kitchen_sim.launch.py")
    arguments = {"engine": "onnxruntime", "episodes": "1", "episode_steps": str(STEPS), "results": str(results)}
    included = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(source)), launch_arguments=list(arguments.items())
    )
    return LaunchDescription([included, launch_testing.actions.ReadyToTest()]), {"results": results}


class WhileItRuns(unittest.TestCase):
    """Tests beside the running nodes."""

    def test_the_planner_tells_what_it_plans(self, proc_output: Any) -> None:
        proc_output.assertWaitFor("planning 'kitchen' from", timeout=60.0)

    def test_an_episode_is_driven(self, proc_output: Any) -> None:
        proc_output.assertWaitFor(f"in {STEPS} steps", timeout=120.0)


@launch_testing.post_shutdown_test()
class AfterItsEnd(unittest.TestCase):
    """Tests of what the launch has left behind."""

    def test_every_node_ended_with_0(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)

    def test_the_results_are_complete(self, results: Path) -> None:
        content = json.loads(results.read_text())
        assert content["complete"]
        assert [row["steps"] for row in content["episode_results"]] == [STEPS]
