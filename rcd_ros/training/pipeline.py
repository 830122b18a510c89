"""From a recipe to a checkpoint: data set -> windows -> teacher -> critic -> student -> checkpoint folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rcd_ros.data.episodes import Dataset
from rcd_ros.data.storage import check_same_task, load_dataset
from rcd_ros.data.windows import Windows, cut_scored_windows, cut_windows, split_episodes
from rcd_ros.errors import RcdError
from rcd_ros.networks.build import build_network, start_from
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.planning.manifest import CriticSpec, NormalizerSpec
from rcd_ros.planning.representation import Canonical, Normalizer, fit_canonical
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.training.bootstrap import transition_batch
from rcd_ros.training.checks import check_lengths, check_split
from rcd_ros.training.critic import CriticObjective
from rcd_ros.training.hazards import hazards
from rcd_ros.training.hindsight import (
    HindsightWindows,
    Tracks,
    cut_in_hindsight,
    fit_tracks,
    has_goals,
    join_tracks,
    returns_by_arrival,
)
from rcd_ros.training.loop import train
from rcd_ros.training.objective import Batch, Objective
from rcd_ros.training.processes import Processes
from rcd_ros.training.recipe import OptimizerRecipe, Recipe
from rcd_ros.training.state import read_tensors, save_tensors
from rcd_ros.training.student import StudentObjective
from rcd_ros.training.teacher import TeacherObjective

NetworkT = TypeVar("NetworkT", bound=nn.Module)

OBSERVATION_FLOOR = 0.01
"""Smallest standard deviation of an observed value, in its unit: what never moves in the data must not be magnified."""
COMMAND_FLOOR = 0.02
"""The same for a commanded value."""
SAMPLED = 4096
"""Windows with goals chosen in hindsight that the return is standardised by, and that a planner is validated on."""


@dataclass(frozen=True)
class Material:
    """What the three stages share: normalised windows of one data set, and how they were normalised.

    Attributes:
        spec: of the task, with the observed channels.
        normalizer: of observations and commands.
        training: windows that planners learn from, `horizon` steps long.
        held_out: those of other episodes, or None.
        scored: windows that the critic learns from, as long as it sees.
        scored_held_out: those of other episodes, or None.
        return_mean: by which the returns were standardised.
        return_std: likewise.
        return_range: the least and the largest return, standardised.
        dataset_hash: of the data set.
        episodes: how many it has.
        too_short: how many of them are shorter than the horizon, so that no planner learns from them.
    """

    spec: TaskSpec
    normalizer: NormalizerSpec
    training: Batch | HindsightWindows
    held_out: Batch | None
    scored: Batch | HindsightWindows
    scored_held_out: Batch | None
    return_mean: float
    return_std: float
    return_range: tuple[float, float]
    dataset_hash: str
    episodes: int
    too_short: int = 0

    @property
    def bounds(self) -> Tensor:
        """(2, A) smallest and largest admissible command, normalised."""
        limits = np.asarray([self.spec.command.lower, self.spec.command.upper])
        return torch.from_numpy(Normalizer(self.normalizer).normalize_command(limits))


def prepare(recipe: Recipe) -> Material:
    """Load the recipe's data set, cut it into windows and normalise them by the training episodes.

    Raises:
        RcdError: no such task, data set or channel, or the data do not fit the task.
    """
    task = get_task(recipe.task, **recipe.task_options)
    dataset = load_dataset(recipe.dataset)
    check_same_task(dataset, task.spec)
    spec = task.spec.select(recipe.observations)
    check_lengths(recipe, spec)
    kept, held = split_episodes(len(dataset.episodes), recipe.held_out, recipe.seed)
    if not len(kept):
        raise RcdError(f"held_out={recipe.held_out:g} holds all {len(held)} episodes out: lower it, or add episodes")
    if has_goals(spec):
        return _prepare_with_goals(recipe, spec, dataset)
    cut = (dataset.episodes, spec, recipe.history)
    windows = cut_windows(*cut, recipe.horizon, recipe.discount)
    scored = cut_scored_windows(*cut, critic_steps(recipe), recipe.discount)
    for part in (windows, scored):
        check_split(part, kept, held, recipe)
    canonical = fit_canonical(spec, windows.of_episodes(kept).histories)
    windows, scored = in_canonical_form(windows, canonical), in_canonical_form(scored, canonical)
    training, judged = windows.of_episodes(kept), scored.of_episodes(kept)
    normalizer = fit_normalizer(training)
    returns = judged.returns
    mean, std = float(returns.mean()), float(max(returns.std(), 1e-6))
    low, high = ((float(bound) - mean) / std for bound in (returns.min(), returns.max()))

    def scored_part(chosen: NDArray[np.int64]) -> Batch:
        if recipe.critic.target == "returns":
            return _normalise(scored.of_episodes(chosen), normalizer, mean, std)
        return transition_batch(
            [dataset.episodes[i] for i in chosen],
            spec,
            history=recipe.history,
            periods=critic_steps(recipe),
            discount=recipe.discount,
            canonical=canonical,
            normalizer=normalizer,
            return_mean=mean,
            return_std=std,
        )

    return Material(
        spec=spec,
        normalizer=normalizer,
        training=_normalise(training, normalizer, mean, std),
        held_out=_normalise(windows.of_episodes(held), normalizer, mean, std) if len(held) else None,
        scored=scored_part(kept),
        scored_held_out=scored_part(held) if len(held) else None,
        return_mean=mean,
        return_std=std,
        return_range=(low, high),
        dataset_hash=dataset.content_hash,
        episodes=len(dataset.episodes),
        too_short=len(dataset.episodes) - len(np.unique(windows.episodes)),
    )


def critic_steps(recipe: Recipe) -> int:
    """Commands of a chunk that the recipe's critic sees."""
    return min(recipe.critic.chunk_steps, recipe.horizon)


def _prepare_with_goals(recipe: Recipe, spec: TaskSpec, dataset: Dataset) -> Material:
    """The windows of a task that observes its goal are cut when they are drawn: there are as many as pairs of steps."""
    if recipe.critic.target != "returns":
        raise RcdError(f"critic.target={recipe.critic.target} is not for tasks with goals: set critic.target=returns")
    kept, held = split_episodes(len(dataset.episodes), recipe.held_out, recipe.seed)
    tracks = join_tracks([dataset.episodes[i] for i in kept], spec)
    canonical = fit_canonical(spec, tracks.observations[:, None])
    tracks = _tracks_in_canonical_form(tracks, canonical)
    normalizer = fit_tracks(tracks, spec, (OBSERVATION_FLOOR, COMMAND_FLOOR))
    returns = torch.from_numpy(returns_by_arrival(spec.episode_steps, recipe.discount))

    def cut(part: Tracks) -> HindsightWindows:
        return cut_in_hindsight(part, spec, normalizer, recipe.history, recipe.horizon, recipe.goals.own, returns)

    training = cut(tracks)
    gained = training.sample(SAMPLED, recipe.seed).returns
    mean, std = float(gained.mean()), float(gained.std().clamp(min=1e-6))
    returns = (returns - mean) / std
    training = replace(training, returns=returns)
    held_out = None
    if len(held):
        others = join_tracks([dataset.episodes[i] for i in held], spec)
        held_out = cut(_tracks_in_canonical_form(others, canonical)).sample(SAMPLED, recipe.seed)
    return Material(
        spec=spec,
        normalizer=normalizer,
        training=training,
        held_out=held_out,
        scored=training,
        scored_held_out=held_out,
        return_mean=mean,
        return_std=std,
        return_range=(float(returns.min()), float(returns.max())),
        dataset_hash=dataset.content_hash,
        episodes=len(dataset.episodes),
    )


def _tracks_in_canonical_form(tracks: Tracks, canonical: Canonical) -> Tracks:
    if not canonical.is_needed:
        return tracks
    observations = canonical.histories(tracks.observations[:, None])[:, 0].astype(np.float32)
    return replace(tracks, observations=observations)


def in_canonical_form(windows: Windows, canonical: Canonical) -> Windows:
    """The same windows, with quaternions and turning joints in one representation."""
    if not canonical.is_needed:
        return windows
    histories = canonical.histories(windows.histories)
    chunks = np.asarray(canonical.chunks(windows.chunks, histories), np.float32)
    return replace(windows, histories=histories.astype(np.float32), chunks=chunks)


def fit_normalizer(windows: Windows) -> NormalizerSpec:
    """Means and standard deviations of observations and commands, with floors under the latter."""
    observations = windows.histories[:, -1]
    commands = windows.chunks[:, 0]
    return NormalizerSpec(
        observation_mean=tuple(observations.mean(axis=0).tolist()),
        observation_std=tuple(np.maximum(observations.std(axis=0), OBSERVATION_FLOOR).tolist()),
        command_mean=tuple(commands.mean(axis=0).tolist()),
        command_std=tuple(np.maximum(commands.std(axis=0), COMMAND_FLOOR).tolist()),
    )


def refuse_occupied(folder: Path, stages: Sequence[str]) -> None:
    """Nothing that an earlier training left is overwritten unasked.

    Raises:
        RcdError: one of the stages has been trained, wholly or in part, in `folder`.
    """
    checkpoint = ("checkpoint",) if "student" in stages else ()
    for name in (*stages, *checkpoint):
        if (folder / name).exists():
            raise RcdError(
                f"'{folder / name}' holds an earlier training: pass --resume to continue it, --force to train anew, "
                "or another --output"
            )


def train_stage(
    stage: str, recipe: Recipe, material: Material, folder: Path, processes: Processes, resume: bool
) -> None:
    """Train one stage into `folder/<stage>/` and write its averaged weights to `folder/<stage>.safetensors`.

    Raises:
        RcdError: a stage that this one builds on has not been trained, or training fails.
    """
    torch.manual_seed(recipe.seed)
    objective, options = _objective(stage, recipe, material, folder)
    stage_folder = folder / stage
    stage_folder.mkdir(parents=True, exist_ok=True)
    judged = stage == "critic"
    kept = train(
        objective,
        material.scored if judged else material.training,
        material.scored_held_out if judged else material.held_out,
        options,
        stage_folder,
        seed=recipe.seed,
        fingerprint=fingerprint(stage, recipe, material),
        label=stage,
        processes=processes,
        resume=resume,
    )
    if processes.leads:
        save_tensors(folder / f"{stage}.safetensors", kept.state_dict(), {})
    processes.wait()


def build_planner_network(recipe: Recipe, spec: TaskSpec, jumps: bool) -> nn.Module:
    """The recipe's network F for the task's chunks; with `jumps`, a student's."""
    try:
        return build_network(
            recipe.network.model_dump(),
            horizon=recipe.horizon,
            commands=spec.command.size,
            condition=recipe.history * spec.observation_size,
            jumps=jumps,
        )
    except ValueError as error:
        raise RcdError(f"recipe '{recipe.name}', network: {error}") from error


def build_critic(recipe: Recipe, spec: TaskSpec) -> CriticEnsemble:
    """The recipe's critic ensemble, untrained."""
    condition = recipe.history * spec.observation_size
    return CriticEnsemble(condition, spec.command.size, **critic_spec(recipe).architecture())


def critic_spec(recipe: Recipe) -> CriticSpec:
    """The recipe's critic as a manifest describes it."""
    critic = recipe.critic
    return CriticSpec(
        members=critic.members,
        steps=critic_steps(recipe),
        stride=critic.chunk_stride,
        widths=critic.widths,
        dropout=critic.dropout,
        discount=recipe.discount,
    )


def load_stage(folder: Path, stage: str, network: NetworkT) -> NetworkT:
    """Load what an earlier stage left in `folder`.

    Raises:
        RcdError: it left nothing, or something of another shape.
    """
    path = folder / f"{stage}.safetensors"
    if not path.is_file():
        raise RcdError(f"no {stage} in '{folder}': run `rcd train {stage}` with this recipe first")
    tensors, _ = read_tensors(path)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise RcdError(f"the {stage} in '{folder}' was made by another recipe: {reason}") from error
    return network.eval()


def fingerprint(stage: str, recipe: Recipe, material: Material) -> str:
    """Identifies what a stage's weights follow from: its part of the recipe, the stages below it and the data."""
    below = recipe.stages[: recipe.stages.index(stage) + 1]
    above = {s for s in recipe.stages if s not in below}
    unused = {"name", "notes", *above}
    if stage != "student" or recipe.student.executed_share is None:
        unused.add("execute")
    sections = recipe.model_dump(mode="json", exclude=unused)
    return hashlib.sha256(json.dumps([sections, material.dataset_hash], sort_keys=True).encode()).hexdigest()


def _objective(stage: str, recipe: Recipe, material: Material, folder: Path) -> tuple[Objective, OptimizerRecipe]:
    if stage == "teacher":
        network = build_planner_network(recipe, material.spec, jumps=False)
        weigher = None
        if recipe.teacher.advantage:
            weigher = load_stage(folder, "critic", build_critic(recipe, material.spec))
        return TeacherObjective(network, recipe.noise, weigher, recipe.teacher.advantage), recipe.teacher.optimizer
    if stage == "critic":
        critic = build_critic(recipe, material.spec)
        critic.calibrate(material.return_mean, material.return_std)
        return CriticObjective(critic, recipe.critic), recipe.critic.optimizer
    teacher = load_stage(folder, "teacher", build_planner_network(recipe, material.spec, jumps=False))
    judge = None
    if recipe.student.reward or recipe.student.advantage or (folder / "critic.safetensors").is_file():
        judge = load_stage(folder, "critic", build_critic(recipe, material.spec))
    student = build_planner_network(recipe, material.spec, jumps=True)
    start_from(student, teacher)
    return (
        StudentObjective(
            student,
            teacher,
            judge,
            recipe.student,
            recipe.noise,
            material.bounds,
            step_weights(recipe),
            reward_unit(recipe, material.return_range),
        ),
        recipe.student.optimizer,
    )


def step_weights(recipe: Recipe) -> Tensor | None:
    """(H,) of mean 1: the executed steps of a chunk have `student.executed_share` of the whole; None: all alike."""
    share, executed, horizon = recipe.student.executed_share, recipe.execute, recipe.horizon
    if share is None or executed == horizon:
        return None
    weights = torch.full((horizon,), (1.0 - share) * horizon / (horizon - executed))
    weights[:executed] = share * horizon / executed
    return weights


def reward_unit(recipe: Recipe, return_range: tuple[float, float]) -> float:
    """Weight of the standardised return that `student.reward` = 1 stands for.

    RACTD scales returns to [-1, 1] and squares distances. A pseudo-Huber distance is |d|^2 / 2c near zero: 1/2c as
    steep.
    """
    if recipe.student.reward_scale == "std":
        return 1.0
    low, high = return_range
    return 2.0 / max(high - low, 1e-6) / (2.0 * recipe.student.huber)


def known_hazards(recipe: Recipe, material: Material) -> list[str]:
    """What is known to go wrong with a recipe's student on these data, one sentence each (`training.hazards`)."""
    weights = step_weights(recipe)
    executed = 1.0 if weights is None else float(weights[0])
    return hazards(recipe, reward_unit(recipe, material.return_range), executed)


def _normalise(windows: Windows, spec: NormalizerSpec, return_mean: float, return_std: float) -> Batch:
    normalizer = Normalizer(spec)
    return Batch(
        condition=torch.from_numpy(normalizer.normalize_observation(windows.histories)).flatten(1),
        chunk=torch.from_numpy(normalizer.normalize_command(windows.chunks)),
        returns=torch.from_numpy((windows.returns - return_mean) / return_std),
    )
