"""A recipe for a task that has none yet, chosen from its rate, its joints and the size of the data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import yaml

from rcd_ros.data.episodes import Dataset
from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec

LOOK_AHEAD_S = 0.8
"""Length of a chunk: far enough to commit to one way, near enough to be learned from few episodes."""
SHORTEST, LONGEST = 8, 64
"""Steps of a chunk."""
LEFT_OUT = ("joint_velocity", "joint_effort", "body_twist")
"""Kinds that a planner does without: from what moves already it learns to go on moving, and drivers often lack them."""


def default_recipe(task: str, spec: TaskSpec, dataset: Dataset) -> dict[str, object]:
    """The keys of a recipe (`training.recipe.Recipe`) that differ from its defaults.

    - chunk: `LOOK_AHEAD_S` of the task's rate in multiples of 4, at most half the median episode; a quarter executed.
    - observed: positions, poses, goals and other values; velocities and efforts only where there is nothing else.
    - networks and steps: more for more windows and more commanded values.
    - reward: none where all episodes return the same; there is nothing to choose between.

    Args:
        task: what the recipe names: a task or a task file.
        spec: its specification.
        dataset: what is to be learned from.

    Raises:
        RcdError: the episodes are too short for any chunk.
    """
    lengths = np.array([len(episode) for episode in dataset.episodes])
    steps = int(lengths.sum())
    middle = int(np.median(lengths))
    horizon = 4 * math.ceil(LOOK_AHEAD_S / spec.control_period / 4 - 1e-9)
    horizon = min(max(horizon, SHORTEST), LONGEST)
    if middle < 2:
        raise RcdError(f"the episodes of '{dataset.name}' have {middle} steps: there is nothing to learn from them")
    horizon = max(1, min(horizon, middle // 2))
    observed = [channel.name for channel in spec.observations if channel.kind not in LEFT_OUT]
    observed = observed or [channel.name for channel in spec.observations]
    values = horizon * spec.command.size
    width = 256 if steps < 50_000 and values <= 256 else 512
    updates = 3_000 if steps < 20_000 else 6_000 if steps < 200_000 else 12_000
    alike = bool(np.ptp(dataset.returns) < 1e-6)
    return {
        "name": f"{spec.name}-{dataset.name.rpartition('/')[2]}",
        "task": task,
        "dataset": dataset.name,
        "observations": observed,
        "history": 1,
        "horizon": horizon,
        "execute": max(1, horizon // 4),
        "held_out": 0.1 if len(lengths) >= 10 else 0.0,
        "network": {"kind": "residual_mlp", "width": width, "blocks": 3, "dropout": 0.1 if steps < 20_000 else 0.0},
        "teacher": {"optimizer": {"steps": updates, "learning_rate": 1e-3}},
        "critic": {
            "chunk_steps": horizon,
            "optimizer": {
                "steps": 100 if alike else max(500, updates // 4),
                "learning_rate": 1e-3,
                "keep": "best",
                "validate_every": 100,
            },
        },
        "student": {
            "advantage": 0.0 if alike else 0.2,
            "optimizer": {"steps": updates, "learning_rate": 1e-3},
        },
    }


def describe_choice(spec: TaskSpec, dataset: Dataset, recipe: dict[str, Any]) -> str:
    """The recipe as a YAML file that can be saved and changed, with why it is so in its head."""
    steps = sum(len(episode) for episode in dataset.episodes)
    alike = not recipe["student"]["advantage"]
    lines = [
        f"Default recipe for '{spec.name}': {len(dataset.episodes)} episodes, {steps} steps at "
        f"{1.0 / spec.control_period:g} Hz, {spec.command.size} commanded values.",
        f"A chunk of {recipe['horizon']} steps is {recipe['horizon'] * spec.control_period:.2g} s; a quarter of it is "
        "executed before the next plan.",
    ]
    if alike:
        lines.append(
            "All episodes return the same: the planner imitates them. For reward, add episodes of other quality, or "
            "rewards."
        )
    head = "".join(f"# {line}\n" for line in lines)
    return head + str(yaml.safe_dump(recipe, sort_keys=False, default_flow_style=None, width=110))
