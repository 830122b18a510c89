"""`python -m rcd_ros.nodes NAME --ros-args ...` runs a node of this package; the supervisor starts nodes this way.

Loading one takes about a second. Until its runtime handles signals, an interrupt ends the process without a word
instead of with a traceback through whatever was being imported.
"""

from __future__ import annotations

import importlib
import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(importlib.import_module(f"rcd_ros.nodes.{sys.argv[1]}").main())
