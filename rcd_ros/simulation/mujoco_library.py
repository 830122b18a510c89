"""MuJoCo, imported after its OpenGL is chosen: MuJoCo reads `MUJOCO_GL` once, when it is imported."""

from __future__ import annotations

import ctypes.util
import logging
import os
from pathlib import Path


def has_gpu() -> bool:
    """Whether this machine has a GPU that draws."""
    return any(Path("/dev").glob("nvidia[0-9]*")) or any(Path("/dev/dri").glob("renderD*"))


def _choose_gl() -> None:
    """Sets `MUJOCO_GL`, unless it is set.

    A GPU draws through EGL. Without one EGL mostly fails, and OSMesa draws in software.
    """
    # PyOpenGL reports the absence of an optional accelerator at INFO.
    logging.getLogger("OpenGL").setLevel(logging.WARNING)
    if "MUJOCO_GL" in os.environ or os.name != "posix" or os.uname().sysname != "Linux":
        return
    has_egl = ctypes.util.find_library("EGL") is not None
    if has_gpu() and has_egl:
        os.environ["MUJOCO_GL"] = "egl"
    elif ctypes.util.find_library("OSMesa") is not None:
        os.environ["MUJOCO_GL"] = "osmesa"
    elif has_egl:
        os.environ["MUJOCO_GL"] = "egl"


_choose_gl()

import mujoco  # noqa: E402  # after the choice

__all__ = ["has_gpu", "mujoco"]
