"""Largest values of options that take whole numbers: what is beyond is a slip of the keyboard, not a wish."""

from __future__ import annotations

from rcd_ros.planning.noise import LARGEST_SEED

__all__ = ["LARGEST_SEED", "MOST_EPISODES", "MOST_STEPS", "MOST_THREADS", "MOST_WORKERS"]

MOST_EPISODES = 1_000_000
MOST_STEPS = 1_000_000_000
MOST_WORKERS = 1_024
MOST_THREADS = 1_024
