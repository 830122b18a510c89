"""Drawing MuJoCo scenes on machines without a screen."""

from __future__ import annotations

import ctypes.util
import logging
import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.suggest import did_you_mean

if TYPE_CHECKING:
    import mujoco


def choose_gl() -> None:
    """Picks MuJoCo's OpenGL, unless `MUJOCO_GL` says which; call it before the first `import mujoco`.

    A GPU draws through EGL. Without one EGL mostly fails, and OSMesa draws in software.
    """
    # PyOpenGL reports the absence of an optional accelerator at INFO.
    logging.getLogger("OpenGL").setLevel(logging.WARNING)
    if "MUJOCO_GL" in os.environ or os.name != "posix" or os.uname().sysname != "Linux":
        return
    has_egl = ctypes.util.find_library("EGL") is not None
    if _has_gpu() and has_egl:
        os.environ["MUJOCO_GL"] = "egl"
    elif ctypes.util.find_library("OSMesa") is not None:
        os.environ["MUJOCO_GL"] = "osmesa"
    elif has_egl:
        os.environ["MUJOCO_GL"] = "egl"


def _has_gpu() -> bool:
    return any(Path("/dev").glob("nvidia[0-9]*")) or any(Path("/dev/dri").glob("renderD*"))


class SceneRenderer:
    """An off-screen view of a MuJoCo model through one camera."""

    def __init__(self, model: mujoco.MjModel, camera: dict[str, Any] | str | None, width: int, height: int) -> None:
        """Opens an OpenGL context.

        Args:
            model: what to draw.
            camera: a free one with `lookat`, `distance`, `azimuth`, `elevation`; the name of one of the model's; or
                None for the free one that the model itself suggests.
            width: of the image.
            height: of the image.

        Raises:
            RcdError: no OpenGL works on this machine, or the model has no such camera.
        """
        import mujoco

        self._camera = _camera(model, camera)
        model.vis.global_.offwidth = max(width, model.vis.global_.offwidth)
        model.vis.global_.offheight = max(height, model.vis.global_.offheight)
        if not _has_gpu():
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
        if not _has_gpu():
            # In software, anti-aliasing, shadows and reflections take forty times as long as the scene itself.
            for effect in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
                self._renderer.scene.flags[effect] = False

    def draw(self, data: mujoco.MjData) -> NDArray[np.uint8]:
        """The scene in this state: (height, width, 3)."""
        self._renderer.update_scene(data, camera=self._camera)
        return self._renderer.render()

    def close(self) -> None:
        """Closes the OpenGL context."""
        self._close()


def _camera(model: mujoco.MjModel, chosen: dict[str, Any] | str | None) -> mujoco.MjvCamera:
    import mujoco

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
