"""MuJoCo, loaded after it is chosen by which OpenGL it draws: it reads that when it is imported."""

from __future__ import annotations

from rcd_ros.simulation.rendering import choose_gl

choose_gl()

import mujoco  # noqa: E402

__all__ = ["mujoco"]
