"""Gymnasium with the environments of gymnasium-robotics, ready to be made on machines without a screen."""

from __future__ import annotations

import contextlib
import io

from rcd_ros.simulation.mujoco_library import mujoco

import gymnasium  # isort: skip  # after MuJoCo

with contextlib.redirect_stderr(io.StringIO()):  # Farama prints notices about other environments
    import gymnasium_robotics

gymnasium.register_envs(gymnasium_robotics)

__all__ = ["gymnasium", "gymnasium_robotics", "mujoco"]
