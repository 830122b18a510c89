"""Finds the package's data (launch/, config/, models/) in a source tree, a wheel or a ROS 2 workspace."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rcd_ros.errors import RcdError

PACKAGE = "rcd_ros"


def find_resource(relative: str | Path) -> Path:
    """The file or folder that ships as `relative`, e.g. `models/kitchen-complete` or `config/kitchen_sim.yaml`.

    Raises:
        RcdError: it is in none of the places where the package's data may lie.
    """
    roots = list(_roots())
    for root in roots:
        if (root / relative).exists():
            return root / relative
    places = ", ".join(str(root) for root in roots)
    raise RcdError(f"'{relative}' was not found in {places}: install {PACKAGE} again, or give a path of your own")


def _roots() -> Iterator[Path]:
    package = Path(__file__).resolve().parent
    if (package.parent / "package.xml").is_file():
        yield package.parent
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix:
            yield Path(prefix) / "share" / PACKAGE
    # A wheel puts the data under the prefix that site-packages belongs to: the environment's, or the user's own.
    for parent in package.parents:
        if (parent / "share" / PACKAGE).is_dir():
            yield parent / "share" / PACKAGE
    yield Path(sys.prefix) / "share" / PACKAGE
