"""Lists what is installed to share/rcd_ros; what can be declared is in setup.cfg.

The metadata lives in setup.cfg rather than in pyproject.toml because the setuptools of ROS 2 Humble
(Ubuntu 22.04: 59.6) does not read the latter, and colcon builds with that one.
"""

from collections.abc import Iterator
from pathlib import Path

from setuptools import setup

PACKAGE = "rcd_ros"
SHARED_FOLDERS = ("launch", "config", "models")


def shared_files() -> Iterator[tuple[str, list[str]]]:
    """Yields each folder of launch/, config/ and models/ with its files, for `share/rcd_ros`."""
    for top in SHARED_FOLDERS:
        for folder in [Path(top), *sorted(path for path in Path(top).rglob("*") if path.is_dir())]:
            files = sorted(str(path) for path in folder.iterdir() if path.is_file() and path.suffix != ".pyc")
            if files:
                yield f"share/{PACKAGE}/{folder.as_posix()}", files


setup(
    # Not in setup.cfg: colcon reads that file's options back from setuptools' printed form, which this one breaks.
    python_requires=">=3.10, <3.14",
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        *shared_files(),
    ],
)
