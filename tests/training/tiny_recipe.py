"""A recipe of a few steps on a few random numbers, for tests that need a whole training."""

from __future__ import annotations

import numpy as np

from rcd_ros.data.episodes import Episode
from rcd_ros.data.storage.datasets import save_dataset

OPTIMIZER = "{steps: 6, batch: 8, validate_every: 3, save_every: 3}"
RECIPE = f"""
name: tiny
task: kitchen
dataset: rcd/kitchen/tiny-v0
observations: [robot_position, kettle_pose]
history: 2
horizon: 4
execute: 2
held_out: 0.25
network: {{kind: residual_mlp, width: 16, blocks: 1}}
teacher: {{optimizer: {OPTIMIZER}}}
critic: {{optimizer: {OPTIMIZER}, widths: [16], members: 2}}
student: {{optimizer: {OPTIMIZER}, reward: 0.1, trust_region: 1.0}}
"""


def save_random_episodes() -> None:
    """Four short episodes of random kitchen-sized data under the recipe's name."""
    rng = np.random.default_rng(0)
    episodes = [
        Episode(
            rng.normal(size=(13, 59)).astype(np.float32),
            rng.uniform(-1, 1, size=(12, 9)).astype(np.float32),
            rng.integers(0, 2, size=12).astype(np.float32),
            terminated=True,
            truncated=False,
            seed=index,
        )
        for index in range(4)
    ]
    save_dataset("rcd/kitchen/tiny-v0", episodes, task="kitchen", origin={"command": "test"}, description="random")
