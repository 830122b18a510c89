"""MuJoCo's own viewer beside a simulation, on machines with a screen."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    import mujoco


class PassiveViewer:
    """A window that shows a model's state; it changes nothing unless a person pulls at a body."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Open the window; raises `RcdError` where there is no screen."""
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise RcdError("no viewer: there is no screen here (DISPLAY is not set)")
        try:
            import mujoco.viewer

            self._viewer = mujoco.viewer.launch_passive(model, data, show_left_ui=False, show_right_ui=False)
        # What a broken screen raises depends on the window system: RuntimeError, mujoco.FatalError, glfw's own.
        except Exception as error:
            raise RcdError(f"no viewer: {error}") from error

    def show(self) -> None:
        """Show the present state, unless the window was closed."""
        if self._viewer.is_running():
            self._viewer.sync()

    def close(self) -> None:
        """Close the window."""
        self._viewer.close()
