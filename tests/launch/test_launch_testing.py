"""ROS 2's own launch tests, as its users run them; skipped where there is no ROS 2 with this package in it."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

LAUNCH_TEST = shutil.which("launch_test")


def has_package() -> bool:
    if importlib.util.find_spec("ament_index_python") is None:
        return False
    from ament_index_python.packages import get_packages_with_prefixes

    return "rcd_ros" in get_packages_with_prefixes()


@pytest.mark.skipif(LAUNCH_TEST is None or not has_package(), reason="needs a sourced ROS 2 workspace with rcd_ros")
def test_the_kitchen_launches(domain: int) -> None:
    """In a process of its own: launch_testing's plug-ins for pytest do not load into every pytest."""
    assert LAUNCH_TEST is not None
    test = Path(__file__).with_name("kitchen_sim_launch_test.py")
    result = subprocess.run([LAUNCH_TEST, str(test)], capture_output=True, text=True, timeout=240.0)
    assert result.returncode == 0, result.stdout + result.stderr
