"""Which ROS 2 this process runs on; a missing or mixed installation is refused in one sentence."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rcd_ros.errors import RcdError

MISSING = (
    "ROS 2 is not installed: source one (apt, docs.ros.org), use RoboStack (conda), or, on Linux x86_64, install the "
    "wheels by pip install 'rcd_ros[ros]'"
)
_DISTRIBUTIONS = {3: "humble", 5: "iron", 7: "jazzy", 9: "kilted"}
"""ROS 2 distributions by the major version of their rclpy."""
_WHEEL = "ros-rclpy"
_DISCOVERY = "ROS_AUTOMATIC_DISCOVERY_RANGE"


def check_installation() -> None:
    """Check that there is exactly one ROS 2.

    Raises:
        RcdError: rclpy cannot be found, or the wheels of PyPI are installed under a sourced ROS 2: two sets of shared
            libraries in one process crash or corrupt messages.
    """
    if importlib.util.find_spec("rclpy") is None:
        raise RcdError(MISSING)
    sourced = _sourced_prefix()
    if sourced is not None and _installed(_WHEEL):
        raise RcdError(
            f"two ROS 2 are mixed: {sourced} is sourced, and this Python has the wheels of {_WHEEL} "
            f"{_installed(_WHEEL)}: use a shell in which no ROS 2 is sourced, or an environment without the wheels"
        )


LOCAL_DISCOVERY = {_DISCOVERY: "LOCALHOST"}
"""Environment in which nodes find each other on this machine only."""


def keep_discovery_local() -> None:
    """Limit discovery to this machine unless the environment says otherwise; child processes inherit it."""
    os.environ.setdefault(_DISCOVERY, LOCAL_DISCOVERY[_DISCOVERY])


def is_sourced() -> bool:
    """Whether the rclpy that is imported belongs to a sourced ROS 2."""
    return _sourced_prefix() is not None


def ros_versions() -> dict[str, str]:
    """The middleware, the version of rclpy and the distribution, under the keys that results carry them."""
    from rclpy.utilities import get_rmw_implementation_identifier

    rclpy_version = _installed(_WHEEL) or _installed("rclpy") or "unknown"
    major = rclpy_version.partition(".")[0]
    guessed = _DISTRIBUTIONS.get(int(major), "unknown") if major.isdigit() else "unknown"
    return {
        "rmw": str(get_rmw_implementation_identifier()),
        "rclpy": rclpy_version,
        "ros_distro": os.environ.get("ROS_DISTRO") or guessed,
    }


def load_interface(type_name: str) -> Any:
    """The class of a message or service by its full name, such as `sensor_msgs/msg/JointState`.

    That of a service's events is the service's name with `_Event` appended.

    Raises:
        ImportError: this ROS 2 has no such package, or the package has no such type.
    """
    package, kind, name = type_name.split("/")
    service = name.removesuffix("_Event") if kind == "srv" else name
    try:
        found = getattr(importlib.import_module(f"{package}.{kind}"), service)
        return found if service == name else found.Event
    except AttributeError as error:
        raise ImportError(f"{package} has no {kind} '{name}'") from error


def _sourced_prefix() -> Path | None:
    """The first sourced prefix that holds an rclpy; not this Python's own, where the wheels are."""
    prefixes = map(Path, filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)))
    for prefix in prefixes:
        if prefix.resolve() == Path(sys.prefix).resolve():
            continue
        if any(any(prefix.glob(f"{lib}/python3*/*-packages/rclpy")) for lib in ("lib", "local/lib")):
            return prefix
    return None


def _installed(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
