"""`rcd eval`: drives seeded episodes and scores them, or compares plans with recorded actions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rcd_ros.cli.evaluate_options import Driving, Execution, Offline, Outputs, Planning
from rcd_ros.cli.given import not_with, only_for
from rcd_ros.cli.options import Checkpoint, grouped
from rcd_ros.cli.output import print_table, say_written
from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rcd_ros.evaluation.results import Evaluation
    from rcd_ros.evaluation.rollout import EpisodeResult
    from rcd_ros.evaluation.trial import Trial
    from rcd_ros.tasks.task import Task


@grouped
def evaluate(
    context: typer.Context,
    checkpoint: Checkpoint,
    driving: Driving,
    planning: Planning,
    execution: Execution,
    offline: Offline,
    outputs: Outputs,
) -> None:
    """Drive seeded episodes with a checkpoint's planner and score them.

    Examples:

      rcd eval models/kitchen-complete --episodes 100 --json eval.json

      rcd eval models/kitchen-complete --mode splice --shape

      rcd eval runs/my-planner --policy teacher --nfe 35 --sampler heun

      rcd eval models/hopper-medium-replay --gradient-steps 1

      rcd eval runs/my-planner --policy replay --dataset rcd/kitchen/complete-v0

      rcd eval models/maze-large --policy behaviour --option goal=random

      rcd eval runs/push/checkpoint --offline rcd/push-v0 --plot offline.png
    """
    _check_offline(context, offline.offline is not None)
    if offline.offline is not None:
        _evaluate_offline(checkpoint, offline.offline, offline.plans, driving.seed, outputs)
        return
    import mujoco  # noqa: F401  reports a missing simulator before any worker starts

    from rcd_ros.evaluation.report import summarize
    from rcd_ros.evaluation.trial import Trial
    from rcd_ros.planning.checkpoint import verify

    planning.check()
    manifest = verify(checkpoint)
    task = driving.task(manifest.task)
    _check_fit(context, driving, planning, execution, outputs, task)
    outputs.claim([checkpoint, driving.task_name, _folder_of(planning.dataset)])
    trial = Trial.prepare(
        planning.policy,
        task,
        planning.source(checkpoint, task.spec),
        execution.drive(task.spec, manifest.execute if planning.dataset is None else task.spec.episode_steps),
        checkpoint=checkpoint,
        seed=driving.seed,
        options=driving.option or (),
    )
    discount = None if manifest.critic is None else manifest.critic.discount
    _watch(trial, outputs)
    results = _drive(trial, driving, outputs, discount)
    _report(trial, results, summarize(task.spec, results, trial.setting, discount), outputs, checkpoint)


def _folder_of(dataset: str | None) -> Path | None:
    from rcd_ros.data.storage.folders import dataset_folder

    return None if dataset is None else dataset_folder(dataset)


def _watch(trial: Trial, outputs: Outputs) -> None:
    from rcd_ros.evaluation.watch import film_episode, show_episode

    if outputs.video is not None:
        film_episode(outputs.video, trial.task, trial.policy, trial.setting.seed, trial.drive)
    if outputs.rerun_file is not None:
        show_episode(outputs.rerun_file, trial.task, trial.policy, trial.setting.seed, trial.drive)


def _drive(trial: Trial, driving: Driving, outputs: Outputs, discount: float | None) -> list[EpisodeResult]:
    """Drive all episodes under a progress bar; an interruption stores those that are finished."""
    from rcd_ros.evaluation.report import summarize
    from rcd_ros.progress import progress_bar

    spec, count = trial.task.spec, driving.episodes
    results: list[EpisodeResult] = []
    try:
        with progress_bar(total=count, unit="episode") as bar:
            for result in trial.episodes(count, driving.workers):
                results.append(result)
                bar.update()
                scores = [spec.score.score(each.value(spec)) for each in results]
                bar.set_postfix(score=f"{sum(scores) / len(scores):.1f}")
    except KeyboardInterrupt:
        if results and outputs.json_file is not None:
            setting = trial.setting.model_copy(update={"interrupted": True})
            outputs.write_json(summarize(spec, results, setting, discount).as_json())
            raise KeyboardInterrupt(f"{len(results)} of {count} episodes are in {outputs.json_file}") from None
        raise KeyboardInterrupt(f"{len(results)} of {count} episodes were driven, none was stored") from None
    return results


def _report(
    trial: Trial, results: Sequence[EpisodeResult], evaluation: Evaluation, outputs: Outputs, checkpoint: Path
) -> None:
    from rcd_ros.evaluation.report import card_entry, overestimate, results_table
    from rcd_ros.planning.checkpoint import add_files

    outputs.write_json(evaluation.as_json())
    if outputs.record:
        add_files(checkpoint, scores=(card_entry(evaluation, f"{datetime.now():%Y-%m-%d}"),))
    if outputs.plot is not None:
        from rcd_ros.evaluation.plots import plot_results

        plot_results(outputs.plot, trial.task.spec, results, trial.task.picture)
    print_table(results_table(evaluation))
    if (sentence := overestimate(evaluation)) is not None:
        typer.echo(f"warning: {sentence}", err=True)
    say_written(outputs.json_file, outputs.plot, outputs.video, outputs.rerun_file)


def _evaluate_offline(checkpoint: Path, dataset: str, plans: int, seed: int, outputs: Outputs) -> None:
    """Compare plans with the recorded actions of a data set, and print how far they are from each other."""
    from rcd_ros.data.storage.datasets import load_dataset
    from rcd_ros.data.storage.folders import dataset_folder
    from rcd_ros.evaluation.offline import evaluate_offline, offline_table
    from rcd_ros.planning.checkpoint import verify
    from rcd_ros.progress import progress_bar

    manifest = verify(checkpoint)
    outputs.claim([checkpoint, dataset_folder(dataset)])
    data = load_dataset(dataset)
    with progress_bar(unit="plan") as bar:

        def show(name: str, done: int, total: int) -> None:
            bar.set_description(name)
            bar.total = total
            bar.update(done - bar.n)

        result = evaluate_offline(checkpoint, manifest, data, seed=seed, most=plans, progress=show)
    outputs.write_json(result.summary(manifest.task) | {"checkpoint": str(checkpoint)})
    if outputs.plot is not None:
        from rcd_ros.evaluation.plots import plot_offline

        plot_offline(outputs.plot, manifest, result)
    typer.echo(f"{dataset}: {result.episodes} episodes ({result.unseen}), {result.plans} plans")
    print_table(offline_table(manifest, result))
    for line in result.lines():
        typer.echo(line)
    say_written(outputs.json_file, outputs.plot)


_OFFLINE = ("checkpoint", "offline", "plans", "seed", "json_file", "plot", "force", "help")
"""Parameters that have an effect without a simulation."""
_STREAMED = ("mode", "execute", "decay", "overlap", "delay", "shape", "loss", "command_timeout", "enforce_limits")
"""Parameters of how a planner's trajectories are executed."""


def _check_offline(context: typer.Context, offline: bool) -> None:
    """Refuse what has no effect with, or without, --offline."""
    only_for(context, "--offline", offline, "plans")
    names = [str(parameter.name) for parameter in context.command.params]
    not_with(context, "--offline", offline, *(name for name in names if name not in _OFFLINE))


def _check_fit(
    context: typer.Context, driving: Driving, planning: Planning, execution: Execution, outputs: Outputs, task: Task
) -> None:
    """Refuse a policy that the task has not, and options that have no effect for it."""
    from rcd_ros.evaluation.trial import check_policy, check_success

    if driving.option and outputs.record:
        raise RcdError("--record keeps scores of the task as it was trained for: leave it or --option away")
    check_success(task)
    policy = planning.policy
    check_policy(policy, task)
    controlled, planned = policy in task.controllers, f"--policy {policy}"
    if controlled and (outputs.video or outputs.rerun_file or outputs.record):
        raise RcdError(
            f"--video, --rerun and --record are for a checkpoint's planners, not for the controller '{policy}'"
        )
    not_with(context, planned, controlled, *_STREAMED, "nfe", "sampler", "engine")
    not_with(context, planned, policy == "replay", "nfe", "sampler", "engine", "mode", "execute")
    only_for(context, "--policy teacher", policy == "teacher", "sampler")
    not_with(context, planned, policy == "teacher", "engine")
    not_with(context, f"--nfe {planning.nfe}", policy == "student" and planning.nfe not in (None, 1), "engine")
    execution.check(context)
