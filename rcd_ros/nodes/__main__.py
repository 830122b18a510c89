"""`python -m rcd_ros.nodes NAME --ros-args ...` runs a node of this package; the supervisor starts nodes this way."""

from __future__ import annotations

import sys

from rcd_ros.nodes.executables import run_executable

if __name__ == "__main__":
    sys.exit(run_executable(sys.argv[1]))
