"""Whether a recipe and its data go together, checked before anything is trained."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.windows import Windows
from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.training.recipe import Recipe


def check_lengths(recipe: Recipe, spec: TaskSpec) -> None:
    """Refuse chunks and histories that are longer than an episode of the task.

    Raises:
        RcdError: as said.
    """
    for key, steps in (("horizon", recipe.horizon), ("history", recipe.history)):
        if steps > spec.episode_steps:
            raise RcdError(
                f"{key}={steps} is longer than an episode of task '{spec.name}', which has {spec.episode_steps} steps: "
                "lower it"
            )


def check_split(windows: Windows, kept: NDArray[np.int64], held: NDArray[np.int64], recipe: Recipe) -> None:
    """Refuse a division of the episodes that leaves nothing to learn from, or nothing to validate on.

    Raises:
        RcdError: no episode on one of the sides is long enough for a window.
    """
    for part, side in ((kept, "kept for training"), (held, "held out")):
        if len(part) and not len(windows.of_episodes(part)):
            raise RcdError(
                f"none of the {len(part)} episodes that are {side} is long enough for horizon {recipe.horizon}: change "
                f"held_out ({recipe.held_out:g}) or seed ({recipe.seed}), lower horizon, or add episodes"
            )
