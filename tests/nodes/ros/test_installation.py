"""One ROS 2, or a sentence that says what is wrong."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros import installation
from rcd_ros.nodes.ros.installation import check_installation, is_sourced, load_interface, ros_versions


def test_the_versions_are_those_that_run() -> None:
    versions = ros_versions()
    assert set(versions) == {"rmw", "rclpy", "ros_distro"}
    assert versions["rmw"].startswith("rmw_")


def test_a_sourced_ros_2_under_the_wheels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lib" / "python3.12" / "site-packages" / "rclpy").mkdir(parents=True)
    monkeypatch.setenv("AMENT_PREFIX_PATH", os.pathsep.join(("", sys.prefix, str(tmp_path))))
    monkeypatch.setattr(installation, "version", lambda name: "9.1.2")
    assert is_sourced()
    with pytest.raises(RcdError) as refusal:
        check_installation()
    assert str(tmp_path) in str(refusal.value) and "9.1.2" in str(refusal.value)

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(installation, "version", missing)
    check_installation()


def test_without_ros_2_three_ways_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RcdError) as refusal:
        check_installation()
    assert all(way in str(refusal.value) for way in ("apt", "RoboStack", "rcd_ros[ros]"))


def test_the_command_line_names_them_too(tmp_path: Path) -> None:
    """`rcd record` imports rclpy; here it is hidden."""
    program = (
        "import sys; sys.modules['rclpy'] = None; sys.argv = ['rcd', 'record']; from rcd_ros.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "rcd_ros[ros]" in done.stderr and "Traceback" not in done.stderr


def test_an_interface_that_is_not_there_is_an_import_error() -> None:
    for name in ("sensor_msgs/msg/JointStates", "no_such_msgs/msg/JointState"):
        with pytest.raises(ImportError):
            load_interface(name)
