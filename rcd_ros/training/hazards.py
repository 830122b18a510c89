"""Settings at which students are known to exploit their critic, each with the measurement that says so."""

from __future__ import annotations

from rcd_ros.training.recipe import Recipe

KNOWN_PULL = 0.1
"""Largest `pull` that raised the score on both Hopper data sets tried; at 0.22 it lowered it on one of them."""


def pull(recipe: Recipe, unit: float, executed_weight: float) -> float:
    """The reward's weight, in standard deviations of the return, beside that of DSM on an executed step.

    Args:
        recipe: with `student.dsm` above 0.
        unit: weight of the standardised return that `student.reward` = 1 stands for.
        executed_weight: how much an executed step counts in DSM where the mean over the chunk is 1.
    """
    return recipe.student.reward * unit / (recipe.student.dsm * executed_weight)


def hazards(recipe: Recipe, unit: float, executed_weight: float) -> list[str]:
    """One sentence for each setting that is known to be exploited: which one, what was measured, what to do.

    Args:
        recipe: to be trained.
        unit: as for `pull`.
        executed_weight: likewise.
    """
    student, steps = recipe.student, min(recipe.critic.chunk_steps, recipe.horizon)
    if not student.reward:
        return []
    found = []
    if steps > 1 and not student.trust_region:
        found.append(
            f"student.reward {student.reward:g} follows the gradient of a critic that sees {steps} commands "
            f"(critic.chunk_steps), which students exploit: on Hopper 2.2 points with 16, 28.3 with 1; set "
            "critic.chunk_steps=1, or student.reward=0 and student.advantage"
        )
    if not student.dsm:
        found.append(
            "student.dsm 0 leaves nothing to hold a rewarded student near the data: the paper measured 1.5 points in "
            "place of 108; set student.dsm=1"
        )
    elif (found_pull := pull(recipe, unit, executed_weight)) > KNOWN_PULL:
        largest = KNOWN_PULL / found_pull * student.reward
        found.append(
            f"student.reward {student.reward:g} pulls an executed step {found_pull:.2g} times as hard as student.dsm "
            "holds it, which students may exploit: on Hopper 33.9 points at 0.066, 15.1 at 0.22, 18.6 without reward; "
            f"set student.reward={largest:.2g} or less"
        )
    return found
