"""What the three stages learn from: a recipe's data set as normalised windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rcd_ros.data.episodes import Episode, best_episodes, split_episodes, steps_to_see
from rcd_ros.data.storage.dataset_task import check_same_task
from rcd_ros.data.storage.datasets import load_dataset
from rcd_ros.data.windows.batches import Windows
from rcd_ros.data.windows.cut import canonical_histories, cut_outcomes, cut_windows, first_actions
from rcd_ros.data.windows.hindsight import goal_places, returns_by_arrival
from rcd_ros.data.windows.tracks import IntArray, Tracks, join_tracks
from rcd_ros.errors import RcdError
from rcd_ros.planning.manifest import NormalizerSpec
from rcd_ros.planning.representation import Canonical, Normalizer, fit_canonical
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.training.recipe import Recipe

OBSERVATION_FLOOR = 0.01
"""Smallest standard deviation of an observed value, in its unit: what never moves in the data must not be magnified."""
COMMAND_FLOOR = 0.02
"""The same for an action."""


@dataclass(frozen=True)
class Material:
    """What the three stages share: normalised windows of one data set, and how they were normalised.

    Attributes:
        spec: of the task, with the observed channels.
        normalizer: of observations and actions.
        training: windows that planners learn from, `horizon` steps long: of the episodes that they imitate.
        held_out: those of other episodes, or None.
        scored: windows that the critic learns from, as long as it sees.
        scored_held_out: those of other episodes, or None.
        return_mean: by which the returns were standardised.
        return_std: likewise.
        return_range: the least and the largest return, standardised.
        dataset_hash: of the data set.
        episodes: how many it has.
        too_short: how many of them have no window of a planner.
    """

    spec: TaskSpec
    normalizer: NormalizerSpec
    training: Windows
    held_out: Windows | None
    scored: Windows
    scored_held_out: Windows | None
    return_mean: float
    return_std: float
    return_range: tuple[float, float]
    dataset_hash: str
    episodes: int
    too_short: int = 0

    @property
    def bounds(self) -> Tensor:
        """(2, A) smallest and largest admissible action, normalised."""
        limits = np.asarray([self.spec.command.lower, self.spec.command.upper])
        return torch.from_numpy(Normalizer(self.normalizer).normalize_command(limits))


@dataclass(frozen=True)
class _Side:
    """The episodes of one side of the split, and where their windows begin.

    Attributes:
        tracks: of these episodes.
        planned: (N,), rows where windows of planners can begin.
        imitated: those of them in the episodes that planners imitate.
        scored: (M,), rows where windows of the critic begin: as long as it sees, with complete returns.
    """

    tracks: Tracks
    planned: IntArray
    imitated: IntArray
    scored: IntArray


def prepare(recipe: Recipe) -> Material:
    """Load the recipe's data set, cut it into windows and normalise them by the training episodes.

    Raises:
        RcdError: no such task, data set or channel, or the data do not fit the task.
    """
    task = get_task(recipe.task, **recipe.task_options)
    dataset = load_dataset(recipe.dataset)
    check_same_task(dataset, task.spec)
    spec = task.spec.select(recipe.observations)
    _check_lengths(recipe, spec)
    if spec.goal_channels and recipe.critic.target != "returns":
        raise RcdError(f"critic.target={recipe.critic.target} is not for tasks with goals: set critic.target=returns")
    episodes = dataset.episodes
    kept, held = split_episodes(len(episodes), recipe.held_out, recipe.seed)
    if not len(kept):
        raise RcdError(f"held_out={recipe.held_out:g} holds all {len(held)} episodes out: lower it, or add episodes")
    ours = _locate(episodes, kept, recipe, spec)
    others = _locate(episodes, held, recipe, spec) if len(held) else None
    _check_windows(recipe, spec, episodes, {"kept for training": (kept, ours), "held out": (held, others)})
    canonical = fit_canonical(spec, ours.tracks.histories(ours.planned, recipe.history))
    normalizer = fit_normalizer(ours.tracks, ours.planned, spec, recipe.history, canonical)

    def cut(side: _Side, starts: IntArray, steps: int) -> Windows:
        returns = side.tracks.returns[starts]
        if spec.goal_channels:
            returns = returns_by_arrival(spec.episode_steps, recipe.discount)
        lengths = (recipe.history, steps)
        return cut_windows(side.tracks, starts, spec, *lengths, canonical, normalizer, returns, recipe.goals.own)

    def judge(side: _Side) -> Windows:
        steps, moments = critic_steps(recipe), (mean, std)
        if recipe.critic.target == "returns":
            return cut(side, side.scored, steps).standardised(mean, std)
        starts = side.tracks.inside(steps)
        lengths = (recipe.history, steps)
        outcome = cut_outcomes(side.tracks, starts, *lengths, recipe.discount, canonical, normalizer, moments)
        return replace(cut(side, starts, steps).standardised(mean, std), outcome=outcome)

    scored = cut(ours, ours.scored, critic_steps(recipe))
    mean, std = scored.return_moments(recipe.seed)
    training = replace(
        cut(ours, ours.imitated, recipe.horizon).standardised(mean, std), observation_noise=recipe.observation_noise
    )
    low, high = ((float(bound) - mean) / std for bound in (scored.returns.min(), scored.returns.max()))
    sides = [ours] if others is None else [ours, others]
    return Material(
        spec=spec,
        normalizer=normalizer,
        training=training,
        held_out=cut(others, others.imitated, recipe.horizon).standardised(mean, std) if others else None,
        scored=judge(ours),
        scored_held_out=judge(others) if others else None,
        return_mean=mean,
        return_std=std,
        return_range=(low, high),
        dataset_hash=dataset.content_hash,
        episodes=len(episodes),
        too_short=len(episodes) - sum(len(np.unique(side.tracks.lasts[side.planned])) for side in sides),
    )


def critic_steps(recipe: Recipe) -> int:
    """Actions of a chunk that the recipe's critic sees."""
    return min(recipe.critic.chunk_steps, recipe.horizon)


def fit_normalizer(
    tracks: Tracks, starts: IntArray, spec: TaskSpec, history: int, canonical: Canonical
) -> NormalizerSpec:
    """Means and standard deviations of observations and actions, with floors under the latter.

    They are those of the windows' newest observations and first actions. Where goals are chosen in hindsight every row
    counts, and an observed goal is normalised by what was achieved.
    """
    observations: NDArray[np.floating]
    actions: NDArray[np.floating]
    if spec.goal_channels:
        rows = np.arange(len(tracks.lasts))
        observations = canonical_histories(tracks, rows, 1, canonical)[:, 0].astype(np.float64)
        observations[:, goal_places(spec)] = tracks.achieved
        actions = tracks.actions.astype(np.float64)
    else:
        histories = canonical_histories(tracks, starts, history, canonical)
        observations, actions = histories[:, -1], first_actions(tracks, starts, histories, canonical)
    return NormalizerSpec(
        observation_mean=tuple(observations.mean(axis=0).tolist()),
        observation_std=tuple(np.maximum(observations.std(axis=0), OBSERVATION_FLOOR).tolist()),
        command_mean=tuple(actions.mean(axis=0).tolist()),
        command_std=tuple(np.maximum(actions.std(axis=0), COMMAND_FLOOR).tolist()),
    )


def _locate(episodes: Sequence[Episode], chosen: IntArray, recipe: Recipe, spec: TaskSpec) -> _Side:
    tracks = join_tracks(episodes, chosen, spec, recipe.discount)
    scored = tracks.starts(critic_steps(recipe), spec)
    planned = tracks.starts(recipe.horizon, spec)
    ends = np.unique(tracks.lasts[planned])  # of the episodes that are long enough
    long_enough = chosen[np.isin(np.unique(tracks.lasts), ends)]
    best = best_episodes([episodes[index] for index in long_enough], recipe.imitated)
    imitated = planned[np.isin(tracks.lasts[planned], ends[best])]
    return _Side(tracks, planned, imitated, scored[tracks.complete[scored]])


def _check_lengths(recipe: Recipe, spec: TaskSpec) -> None:
    """Refuse chunks and histories that are longer than an episode of the task."""
    for key, steps in (("horizon", recipe.horizon), ("history", recipe.history)):
        if steps > spec.episode_steps:
            raise RcdError(
                f"{key}={steps} is longer than an episode of task '{spec.name}', which has {spec.episode_steps} steps: "
                "lower it"
            )


def _check_windows(
    recipe: Recipe,
    spec: TaskSpec,
    episodes: Sequence[Episode],
    sides: dict[str, tuple[IntArray, _Side | None]],
) -> None:
    """Refuse data, or a split of them, that leave nothing to learn from or nothing to validate on."""
    located = [side for _, side in sides.values() if side is not None]
    if not any(len(side.planned) for side in located):
        longest = max(len(episode) for episode in episodes)
        raise RcdError(
            f"no episode is long enough for horizon {recipe.horizon}; the longest has {longest} steps: lower it"
        )
    if not any(len(side.scored) for side in located):
        raise RcdError(
            f"task '{spec.name}' goes on without end, and every episode ran out of time within "
            f"{steps_to_see(recipe.discount)} steps: no return is known well enough to train a critic; lower discount"
        )
    for name, (chosen, side) in sides.items():
        if side is not None and not (len(side.planned) and len(side.scored)):
            raise RcdError(
                f"none of the {len(chosen)} episodes that are {name} is long enough for horizon {recipe.horizon}: "
                f"change held_out ({recipe.held_out:g}) or seed ({recipe.seed}), lower horizon, or add episodes"
            )
