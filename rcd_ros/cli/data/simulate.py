"""`rcd data replay` and `rollout`: episodes of the simulator, from demonstrations and from a planner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rcd_ros.cli.data.options import NewDataset
from rcd_ros.cli.options import (
    MOST_EPISODES,
    Checkpoint,
    Episodes,
    EpisodeSteps,
    FirstSeed,
    Seed,
    TaskOfData,
    Workers,
    grouped,
)
from rcd_ros.cli.parse import numbers
from rcd_ros.errors import RcdError
from rcd_ros.progress import progress_bar

if TYPE_CHECKING:
    from rcd_ros.data.episodes import Dataset, Episode
    from rcd_ros.data.made.replay import ReplayJob, ReplaySettings
    from rcd_ros.tasks.task import Task


@dataclass(frozen=True)
class Replaying:
    """How demonstrations are replayed (`data.replay`)."""

    noise: Annotated[str, typer.Option(help="Standard deviations of the noise, action units.")] = "0.1"
    speed: Annotated[str, typer.Option(help="Speeds, as parts of the demonstration's.")] = "1"
    gain: Annotated[float, typer.Option(help="Tracking gain K, action units per rad.")] = 3.0
    repeats: Annotated[
        int, typer.Option(help="Episodes per demonstration, speed and noise.", min=1, max=MOST_EPISODES)
    ] = 1
    label: Annotated[
        Literal["executed", "expert"], typer.Option(help="Record the executed action, or the expert's (no noise).")
    ] = "executed"
    offset: Annotated[float, typer.Option(help="Standard deviation of constant joint offsets, rad.")] = 0.0
    abort_probability: Annotated[float, typer.Option(help="Chance that an episode's demonstration stops early.")] = 0.0
    noise_correlation: Annotated[float, typer.Option(help="Of the noise, from step to step.")] = 0.9

    @property
    def speeds(self) -> list[float]:
        """As parts of the demonstration's."""
        return numbers("--speed", self.speed)

    @property
    def noises(self) -> list[float]:
        """Standard deviations, action units."""
        return numbers("--noise", self.noise)

    def settings(self, seed: int) -> ReplaySettings:
        """What all replays have in common.

        Raises:
            RcdError: a value is out of its range.
        """
        from rcd_ros.data.made.replay import ReplaySettings

        return ReplaySettings(self.gain, self.label, self.noise_correlation, self.offset, self.abort_probability, seed)

    def as_origin(self) -> dict[str, object]:
        """For the data set's metadata."""
        return {
            "speed": self.speeds,
            "noise": self.noises,
            "repeats": self.repeats,
            "gain": self.gain,
            "label": self.label,
            "offset": self.offset,
            "abort_probability": self.abort_probability,
            "noise_correlation": self.noise_correlation,
        }


@grouped
def replay(
    source: Annotated[str, typer.Argument(help="Data set of demonstrations.")],
    new: NewDataset,
    replaying: Replaying,
    task: TaskOfData = None,
    episode_steps: EpisodeSteps = None,
    keep_completed: Annotated[int, typer.Option(help="Keep episodes with at least so many goals.", min=0)] = 0,
    workers: Workers = 1,
    seed: Seed = 0,
) -> None:
    """Replay demonstrations with tracking feedback and noise, at several speeds.

    Example: rcd data replay rcd/kitchen/complete-v0 --noise 0.05 --speed 1,0.6 --name rcd/kitchen/mixed-v0
    """
    from rcd_ros.data.made.replay import replay_jobs
    from rcd_ros.data.storage.dataset_task import task_of_dataset
    from rcd_ros.data.storage.datasets import load_dataset, save_dataset
    from rcd_ros.data.storage.folders import dataset_folder
    from rcd_ros.tasks.catalogue import get_task, task_of

    new.claim([dataset_folder(source), task])
    settings, speeds, noises = replaying.settings(seed), replaying.speeds, replaying.noises
    dataset = load_dataset(source)
    known = get_task(task) if task else task_of_dataset(dataset)
    if known is None:
        raise RcdError(f"data set '{source}' does not say which task it belongs to; name one with --task")
    chosen = task_of(known.spec, episode_steps)
    jobs = replay_jobs(len(dataset.episodes), speeds, noises, replaying.repeats)
    episodes = _replay(chosen, dataset, jobs, settings, workers)
    _print_replay_returns(episodes)
    kept = [episode for episode in episodes if episode.total_reward >= keep_completed]
    if not kept:
        raise RcdError(f"none completed {keep_completed} goals or more, nothing was stored: lower --keep-completed")
    origin = {
        "command": "replay",
        "source": source,
        "source_hash": dataset.content_hash,
        **replaying.as_origin(),
        "episode_steps": chosen.spec.episode_steps,
        "keep_completed": keep_completed,
        "seed": seed,
    }
    description = f"Replays of {source} with tracking feedback; {settings.label} actions recorded."
    save_dataset(new.name, kept, task=chosen.spec, origin=origin, description=description, force=new.force)
    typer.echo(f"stored {len(kept)} of {len(episodes)} episodes as {new.name}")


def _replay(
    task: Task, dataset: Dataset, jobs: Sequence[ReplayJob], settings: ReplaySettings, workers: int
) -> list[Episode]:
    from rcd_ros.data.made.replay import replay

    episodes: list[Episode] = []
    results = replay(task, dataset.episodes, jobs, settings, workers)
    with progress_bar(results, total=len(jobs), desc="replaying", unit="episode") as progress:
        for episode in progress:
            episodes.append(episode)
            progress.set_postfix_str(f"mean return {sum(e.total_reward for e in episodes) / len(episodes):.2f}")
    return episodes


def _print_replay_returns(episodes: list[Episode]) -> None:
    groups: dict[tuple[int | float | str, int | float | str], list[float]] = {}
    for episode in episodes:
        groups.setdefault((episode.info["speed"], episode.info["noise"]), []).append(episode.total_reward)
    for (speed, noise), returns in groups.items():
        typer.echo(f"speed {speed:g}, noise {noise:g}: mean return {sum(returns) / len(returns):.2f} of {len(returns)}")


@grouped
def rollout(
    checkpoint: Checkpoint,
    new: NewDataset,
    episodes: Episodes = 20,
    execute: Annotated[int | None, typer.Option(help="Steps executed before planning again.", min=1)] = None,
    workers: Workers = 1,
    seed: FirstSeed = 0,
) -> None:
    """Record a planner's own episodes in the simulator.

    Example: rcd data rollout models/kitchen-complete --episodes 20 --name rcd/kitchen/rollout-v0
    """
    from rcd_ros.data.storage.datasets import save_dataset
    from rcd_ros.evaluation.policy import CheckpointPolicy
    from rcd_ros.evaluation.rollout import Drive, check_fit, run_episodes
    from rcd_ros.planning.checkpoint import checkpoint_sha256, verify
    from rcd_ros.tasks.catalogue import task_of

    new.claim([checkpoint])
    manifest = verify(checkpoint)
    task, source = task_of(manifest.task), CheckpointPolicy(checkpoint, judged=False)
    execute = execute or manifest.execute
    drive = Drive.chunks(execute)
    check_fit(source.load(), task, drive)
    results = run_episodes(task, source, range(seed, seed + episodes), drive, workers)
    with progress_bar(results, total=episodes, desc="acting", unit="episode") as progress:
        made = [result.episode for result in progress]
    origin = {
        "command": "rollout",
        "checkpoint": checkpoint.name,
        "checkpoint_sha256": checkpoint_sha256(checkpoint),
        "execute": execute,
        "seed": seed,
    }
    description = f"Episodes of the planner {checkpoint.name} in its own simulator."
    save_dataset(new.name, made, task=task.spec, origin=origin, description=description, force=new.force)
    mean = sum(episode.total_reward for episode in made) / len(made)
    typer.echo(f"stored {len(made)} episodes as {new.name}, mean return {mean:.2f}")
