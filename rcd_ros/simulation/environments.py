"""Gymnasium with the environments of gymnasium-robotics, ready to be made on machines without a screen."""

from __future__ import annotations

import contextlib
import io

from rcd_ros.simulation.rendering import choose_gl

choose_gl()

# MuJoCo reads MUJOCO_GL when it is imported, hence the order here; Farama prints notices about other environments.
import gymnasium  # noqa: E402

with contextlib.redirect_stderr(io.StringIO()):
    import gymnasium_robotics

gymnasium.register_envs(gymnasium_robotics)

__all__ = ["gymnasium"]
