"""`rcd eval`: drives seeded episodes and scores them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rcd_ros.cli.bounds import LARGEST_SEED, MOST_EPISODES, MOST_WORKERS
from rcd_ros.cli.evaluate_options import check_driven, check_offline, task_options
from rcd_ros.errors import RcdError
from rcd_ros.planning.execution.stream import StreamSettings
from rcd_ros.suggest import did_you_mean

if TYPE_CHECKING:
    from rcd_ros.evaluation.rollout import Drive, EpisodeResult
    from rcd_ros.planning.planner import Policy
    from rcd_ros.tasks.task import Task


POLICIES = ("student", "teacher", "replay")


class ModeChoice(str, Enum):
    """How chunks follow each other (`planning.modes`)."""

    first_action = "first_action"
    chunk = "chunk"
    temporal_ensemble = "temporal_ensemble"
    splice = "splice"


def evaluate(
    context: typer.Context,
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder.")],
    episodes: Annotated[int, typer.Option(min=1, max=MOST_EPISODES, help="Episodes to drive.")] = 100,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of the first episode; the others count up from it.")
    ] = 0,
    policy: Annotated[
        str,
        typer.Option(
            help="student, its teacher, replay (the demonstrations open loop), or one of the task's own controllers "
            "(mazes: waypoints, behaviour)."
        ),
    ] = "student",
    dataset: Annotated[str | None, typer.Option(help="Data set that --policy replay plays back.")] = None,
    nfe: Annotated[
        int | None, typer.Option(min=1, help="Network evaluations per plan (default: student 1, teacher 35).")
    ] = None,
    sampler: Annotated[str, typer.Option(help="How the teacher samples: heun, ddim or dpm_solver_pp.")] = "heun",
    gradient_steps: Annotated[
        int,
        typer.Option(
            min=0, max=10_000, help="Steps by which the checkpoint's critic improves each plan before it is sent."
        ),
    ] = 0,
    step_size: Annotated[
        float | None,
        typer.Option(min=0.0, help="--gradient-steps: std of a command for a slope of 1 std of the return (0.5)."),
    ] = None,
    mode: Annotated[
        ModeChoice,
        typer.Option(help="How chunks follow each other; real time plans while it executes, as splice does."),
    ] = ModeChoice.chunk,
    execute: Annotated[
        int | None, typer.Option(min=1, help="chunk: commands executed of each plan (default: the checkpoint's).")
    ] = None,
    decay: Annotated[
        float,
        typer.Option(help="temporal_ensemble: weight exp(decay * age in periods); below 0 the newest counts most."),
    ] = StreamSettings.decay,
    overlap: Annotated[
        int, typer.Option(min=0, help="splice: control periods over which the old plan gives way.")
    ] = StreamSettings.overlap,
    delay: Annotated[
        int | None,
        typer.Option(
            min=0, help="Control periods until a plan is there; splice commits as many (default: 0; splice: 1)."
        ),
    ] = None,
    shape: Annotated[
        bool, typer.Option("--shape/--no-shape", help="Shape trajectories within the robot's motion limits.")
    ] = False,
    loss: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of trajectories that never arrive.")] = 0.0,
    command_timeout: Annotated[
        float, typer.Option(min=0.0, help="s without a trajectory until the robot holds; 0: until its last point.")
    ] = 0.0,
    enforce_limits: Annotated[
        bool,
        typer.Option("--enforce-limits", help="Limit the rate of commands, as the bridge's enforce_command_limits."),
    ] = False,
    engine: Annotated[
        str, typer.Option(help="Runs the student's one-step plans: onnxruntime, openvino, torch ... or auto.")
    ] = "onnxruntime",
    episode_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps per episode (default: the checkpoint's; kitchen: 280).")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="key=value of the task, e.g. goal=random, goal=[1,-2] or start=[0,1].")
    ] = None,
    task_name: Annotated[
        str | None,
        typer.Option("--task", help="Task file whose simulation is driven, where the stored one has moved or changed."),
    ] = None,
    offline: Annotated[
        str | None,
        typer.Option(help="No simulation: compare plans with the recorded actions of this data set's unseen episodes."),
    ] = None,
    plans: Annotated[int, typer.Option(min=1, help="--offline: plans of each policy, about.")] = 300,
    workers: Annotated[
        int, typer.Option(min=1, max=MOST_WORKERS, help="Processes; changes nothing but the time it takes.")
    ] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw progress and plan times into this picture.")] = None,
    video: Annotated[Path | None, typer.Option(help="Film the first episode (mp4).")] = None,
    rerun_file: Annotated[
        Path | None,
        typer.Option("--rerun", help="Write the first episode, planned against executed, for Rerun (.rrd)."),
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Add the score to the checkpoint's card.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing output files.")] = False,
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
    check_offline(context, offline is not None)
    if offline is not None:
        from rcd_ros.cli.offline import evaluate_offline

        evaluate_offline(checkpoint, offline, seed=seed, plans=plans, json_file=json_file, plot=plot, force=force)
        return
    import mujoco  # noqa: F401  reports a missing simulator before any worker starts

    from rcd_ros.data.dataset_folders import dataset_folder
    from rcd_ros.evaluation.policy import STEP_SIZE, CheckpointPolicy, PolicySource, ReplayPolicy
    from rcd_ros.evaluation.rollout import Drive, check_fit, run_controlled, run_episodes
    from rcd_ros.planning.checkpoint import checkpoint_sha256, verify
    from rcd_ros.planning.planner import Planner
    from rcd_ros.tasks.catalogue import check_same_robot, get_task, task_of

    if (policy == "replay") != (dataset is not None):
        raise RcdError("--policy replay and --dataset NAME go together: give both or neither")
    if step_size is not None and not gradient_steps:
        raise RcdError("--step-size is of --gradient-steps: give both or neither")
    if step_size is not None and not step_size < math.inf:
        raise RcdError(f"--step-size {step_size:g}: give a finite number of 0 or more")
    if gradient_steps and policy not in ("student", "teacher"):
        raise RcdError(f"--gradient-steps improve a checkpoint's student or teacher, not --policy {policy}")
    manifest = verify(checkpoint)
    outputs = _Outputs(json_file, plot, video, rerun_file, checkpoint if record else None)
    spec = manifest.task
    if task_name is not None:
        spec = check_same_robot(spec, get_task(task_name).spec)
    task = task_of(spec, episode_steps, **task_options(option or []))
    if option:
        task.make_simulation().close()  # where goals and starts can be is checked by the simulator
        if record:
            raise RcdError("--record keeps scores of the task as it was trained for: leave it or --option away")
    _check_success(task)
    _check_policy(policy, task, outputs)
    check_driven(context, policy, policy in task.controllers, mode.value, nfe)
    outputs.claim(force, [checkpoint, task_name, None if dataset is None else dataset_folder(dataset)])
    source: PolicySource
    if dataset is not None:
        source = ReplayPolicy(dataset, task.spec)
    else:
        source = CheckpointPolicy(checkpoint, "teacher" if policy == "teacher" else "student", nfe, sampler, engine)
    loaded = source.load()
    used_engine = loaded.engine.name if isinstance(loaded, Planner) else None
    if isinstance(source, CheckpointPolicy) and used_engine is not None:
        source = replace(source, engine=used_engine)  # "auto" chooses once, not in every worker
    if isinstance(source, CheckpointPolicy) and gradient_steps:
        source = replace(source, gradient_steps=gradient_steps, step_size=STEP_SIZE if step_size is None else step_size)
        loaded = source.load()
    kept = loaded.horizon if dataset is not None else execute or manifest.execute
    settings = StreamSettings(mode=mode.value, execute=kept, decay=decay, overlap=overlap, shape=shape)
    drive = replace(
        Drive.simulated(task.spec, settings, delay),
        loss=loss,
        command_timeout=command_timeout,
        enforces_limits=enforce_limits,
    )
    check_fit(loaded, task, drive)
    seeds = range(seed, seed + episodes)
    setting: dict[str, Any] = {
        "policy": policy,
        "seed": seed,
        "nfe": loaded.nfe,
        "sampler": sampler if policy == "teacher" else None,
        "engine": used_engine,
        **_drive_setting(drive),
        "gradient_steps": gradient_steps,
        "step_size": source.step_size if isinstance(source, CheckpointPolicy) and gradient_steps else None,
        "dataset": dataset,
        "checkpoint": str(checkpoint),
        "checkpoint_sha256": checkpoint_sha256(checkpoint),
        **({"options": option} if option else {}),
    }
    if policy in task.controllers:
        setting |= {"nfe": 0, "engine": None, "execute": 1}
        driven = run_controlled(task, policy, seeds, workers)
    else:
        driven = run_episodes(task, source, seeds, drive, workers)
    if video is not None:
        _film(video, task, loaded, seed, drive)
    if rerun_file is not None:
        from rcd_ros.evaluation.rerun_episode import show_episode

        show_episode(rerun_file, task, loaded, seed, drive)
    discount = None if manifest.critic is None else manifest.critic.discount
    outputs.write(task, _drive(task, driven, episodes, outputs, setting, discount), setting, discount)


@dataclass(frozen=True)
class _Outputs:
    """Files that the figures go to; `card` is the checkpoint whose card gets the score."""

    json_file: Path | None
    plot: Path | None
    video: Path | None
    rerun: Path | None
    card: Path | None

    @property
    def files(self) -> list[Path]:
        return [file for file in (self.json_file, self.plot, self.video, self.rerun) if file is not None]

    def claim(self, force: bool, inputs: Sequence[str | Path | None]) -> None:
        """Refuse files that exist, unless `force`, that are among the inputs, and pictures of an unknown kind."""
        from rcd_ros.outputs import claim_all

        if self.plot is not None:
            from rcd_ros.evaluation.plots import check_picture_name

            check_picture_name(self.plot)
        if self.rerun is not None:
            from rcd_ros.data.rerun_log import check_rrd

            check_rrd(self.rerun)
        named = {"--json": self.json_file, "--plot": self.plot, "--video": self.video, "--rerun": self.rerun}
        claim_all(named, inputs, force)

    def write(
        self, task: Task, results: Sequence[EpisodeResult], setting: dict[str, Any], discount: float | None
    ) -> None:
        """Write all files and print the table."""
        from rich.console import Console

        from rcd_ros.evaluation.report import card_entry, overestimate, results_table, summarize
        from rcd_ros.outputs import write_json
        from rcd_ros.planning.checkpoint import add_files

        summary = summarize(task.spec, results, setting, discount)
        if self.json_file is not None:
            write_json(self.json_file, summary)
        if self.card is not None:
            add_files(self.card, scores=(card_entry(summary, f"{datetime.now():%Y-%m-%d}"),))
        if self.plot is not None:
            from rcd_ros.evaluation.plots import plot_results

            plot_results(self.plot, task.spec, results, task.picture)
        Console().print(results_table(summary))
        if (sentence := overestimate(summary)) is not None:
            typer.echo(f"warning: {sentence}", err=True)
        for output in self.files:
            typer.echo(f"wrote {output}")


def _check_success(task: Task) -> None:
    """Refuse a task file that does not say what success is."""
    if task.file is not None and not task.spec.success and task.spec.score.kind == "completions":
        raise RcdError(
            f"task '{task.spec.name}' does not say what success is: add e.g. `success: {{block.x: '>= 0.6'}}` to its "
            "file and pass it by --task, or compare with recorded episodes by --offline"
        )


def _check_policy(policy: str, task: Task, outputs: _Outputs) -> None:
    """Refuse an unknown policy, and outputs that it cannot give."""
    known = (*POLICIES, *task.controllers)
    if policy not in known:
        raise RcdError(f"there is no policy '{policy}'{did_you_mean(policy, known)}; known: {', '.join(known)}")
    if policy in task.controllers and (outputs.video or outputs.rerun or outputs.card):
        raise RcdError(
            f"--video, --rerun and --record are for a checkpoint's planners, not for the controller '{policy}'"
        )


def _drive_setting(drive: Drive) -> dict[str, Any]:
    """How plans were executed, for the results; options that had no effect are null."""
    settings = drive.settings
    return {
        "mode": settings.mode,
        "execute": settings.execute,
        "decay": settings.decay if settings.mode == ModeChoice.temporal_ensemble.value else None,
        "overlap": settings.overlap if settings.mode == ModeChoice.splice.value else None,
        "delay": drive.latency,
        "loss": drive.loss,
        "command_timeout": drive.command_timeout,
        "enforce_limits": drive.enforces_limits,
        "shape": settings.shape,
    }


def _drive(
    task: Task,
    driven: Iterator[EpisodeResult],
    count: int,
    outputs: _Outputs,
    setting: dict[str, Any],
    discount: float | None,
) -> list[EpisodeResult]:
    """The episodes as they finish, under a progress bar; an interruption stores those that are finished."""
    from rcd_ros.evaluation.report import summarize
    from rcd_ros.outputs import write_json
    from rcd_ros.progress import progress_bar

    results: list[EpisodeResult] = []
    try:
        with progress_bar(total=count, unit="episode") as bar:
            for result in driven:
                results.append(result)
                bar.update()
                scores = [task.spec.score.score(each.value(task.spec)) for each in results]
                bar.set_postfix(score=f"{sum(scores) / len(scores):.1f}")
    except KeyboardInterrupt:
        if results and outputs.json_file is not None:
            write_json(outputs.json_file, summarize(task.spec, results, {**setting, "interrupted": True}, discount))
            raise KeyboardInterrupt(f"{len(results)} of {count} episodes are in {outputs.json_file}") from None
        raise KeyboardInterrupt(f"{len(results)} of {count} episodes were driven, none was stored") from None
    return results


def _film(path: Path, task: Task, policy: Policy, seed: int, drive: Drive) -> None:
    """Films an episode of its own, so that drawing does not count as planning."""
    from rcd_ros.evaluation.rollout import run_episode
    from rcd_ros.simulation.drawing.video import VideoWriter

    simulation = task.make_simulation()
    writer = VideoWriter(path, 1.0 / task.spec.control_period)
    try:
        run_episode(simulation, policy, seed, drive, watch=lambda shown: writer.append(shown.render()))
    finally:
        writer.close()
        simulation.close()
