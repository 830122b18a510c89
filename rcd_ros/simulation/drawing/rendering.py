"""Views of a MuJoCo scene: off-screen images, and MuJoCo's own viewer in a window.

Nothing here imports MuJoCo before a view is opened.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.suggest import did_you_mean

if TYPE_CHECKING:
    import mujoco

Camera = Mapping[str, float | tuple[float, float, float]] | str | None
"""A free camera by `lookat`, `distance`, `azimuth`, `elevation`; one of the model's by name; None: the free camera that
the model suggests."""


class SceneRenderer:
    """An off-screen view of a MuJoCo model through one camera."""

    def __init__(self, model: mujoco.MjModel, camera: Camera, width: int, height: int) -> None:
        """Opens an OpenGL context.

        Args:
            model: what to draw.
            camera: through which.
            width: of the image, pixels.
            height: of the image, pixels.

        Raises:
            RcdError: no OpenGL works on this machine, or the model has no such camera.
        """
        from rcd_ros.simulation.mujoco_library import has_gpu, mujoco

        self._camera = _camera(model, camera)
        model.vis.global_.offwidth = max(width, model.vis.global_.offwidth)
        model.vis.global_.offheight = max(height, model.vis.global_.offheight)
        if not has_gpu():
            model.vis.quality.offsamples = 0
        try:
            self._renderer = mujoco.Renderer(model, height=height, width=width)
        # What a missing or broken OpenGL raises depends on the binding: ImportError, RuntimeError, AttributeError,
        # mujoco.FatalError, OpenGL.error.GLError.
        except Exception as error:
            raise RcdError(
                f"cannot render: no OpenGL works here (MUJOCO_GL={os.environ.get('MUJOCO_GL', 'unset')}: {error}); "
                "install a software one with `apt install libosmesa6` and set MUJOCO_GL=osmesa"
            ) from error
        # Also at exit: the binding's own destructor comes too late for the OpenGL library and complains.
        self._close = weakref.finalize(self, self._renderer.close)
        if not has_gpu():
            # In software, anti-aliasing, shadows and reflections take forty times as long as the scene itself.
            for effect in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
                self._renderer.scene.flags[effect] = False

    def draw(self, data: mujoco.MjData) -> NDArray[np.uint8]:
        """The scene in this state: (height, width, 3)."""
        self._renderer.update_scene(data, camera=self._camera)
        return np.asarray(self._renderer.render(), np.uint8)

    def close(self) -> None:
        """Closes the OpenGL context."""
        self._close()


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


def _camera(model: mujoco.MjModel, chosen: Camera) -> mujoco.MjvCamera:
    from rcd_ros.simulation.mujoco_library import mujoco

    camera = mujoco.MjvCamera()
    if isinstance(chosen, str):
        index = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, chosen)
        names = [model.camera(each).name for each in range(model.ncam)]
        if index < 0:
            has = f"it has: {', '.join(names)}" if names else "it has none; free is always there"
            raise RcdError(f"the model has no camera '{chosen}'{did_you_mean(chosen, names)}; {has}")
        camera.type, camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, index
        return camera
    mujoco.mjv_defaultFreeCamera(model, camera)
    for name, value in (chosen or {}).items():
        setattr(camera, name, value)
    return camera
