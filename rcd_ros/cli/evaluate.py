"""`rcd eval`: drives seeded episodes and scores them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rcd_ros.errors import RcdError
from rcd_ros.planning.stream import StreamSettings
from rcd_ros.suggest import did_you_mean

if TYPE_CHECKING:
    from rcd_ros.evaluation.policy import Policy, PolicySource
    from rcd_ros.evaluation.rollout import Drive, EpisodeResult
    from rcd_ros.simulation.tasks import Task


POLICIES = ("student", "teacher", "replay")


class ModeChoice(str, Enum):
    """How chunks follow each other (`planning.modes`)."""

    first_action = "first_action"
    chunk = "chunk"
    temporal_ensemble = "temporal_ensemble"
    splice = "splice"


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder.")],
    episodes: Annotated[int, typer.Option(min=1, help="Episodes to drive.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first episode; the others count up from it.")] = 0,
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
    engine: Annotated[
        str, typer.Option(help="Runs the student's one-step plans: onnxruntime, openvino, torch ... or auto.")
    ] = "onnxruntime",
    episode_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps per episode (default: the checkpoint's; kitchen: 280).")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="key=value of the task, e.g. goal=random, goal=[1,-2] or start=[0,1].")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; changes nothing but the time it takes.")] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw progress and plan times into this picture.")] = None,
    video: Annotated[Path | None, typer.Option(help="Film the first episode (mp4).")] = None,
    record: Annotated[bool, typer.Option("--record", help="Add the score to the checkpoint's card.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing output files.")] = False,
) -> None:
    """Drive seeded episodes with a checkpoint's planner and score them.

    Examples:

      rcd eval models/kitchen-complete --episodes 100 --json eval.json

      rcd eval models/kitchen-complete --mode splice --shape

      rcd eval runs/my-planner --policy teacher --nfe 35 --sampler heun

      rcd eval runs/my-planner --policy replay --dataset rcd/kitchen/complete-v0

      rcd eval models/maze-large --policy behaviour --option goal=random
    """
    import mujoco  # noqa: F401  a missing simulator is said here, before any worker starts

    from rcd_ros.evaluation.policy import CheckpointPolicy, ReplayPolicy
    from rcd_ros.evaluation.report import card_entry, results_table, summarize
    from rcd_ros.evaluation.rollout import Drive, check_fit, run_controlled, run_episodes
    from rcd_ros.outputs import claim, write_json
    from rcd_ros.planning.checkpoint import add_files, checkpoint_sha256, verify
    from rcd_ros.planning.planner import Planner
    from rcd_ros.simulation.tasks import task_of

    if execute is not None and mode is not ModeChoice.chunk:
        raise RcdError(f"--execute is for --mode chunk: {mode.value} plans in every control period")
    if (policy == "replay") != (dataset is not None):
        raise RcdError("--policy replay and --dataset NAME go together: give both or neither")

    manifest = verify(checkpoint)
    if plot is not None:
        from rcd_ros.evaluation.plots import check_picture_name, plot_results

        check_picture_name(plot)
    for output in (json_file, plot, video):
        if output is not None:
            claim(output, force)
    task = task_of(manifest.task, episode_steps, **_task_options(option or []))
    if policy not in (*POLICIES, *task.controllers):
        known = (*POLICIES, *task.controllers)
        raise RcdError(f"there is no policy '{policy}'{did_you_mean(policy, known)}; known: {', '.join(known)}")
    if policy in task.controllers and (video is not None or record):
        raise RcdError(f"--video and --record are for a checkpoint's planners, not for the controller '{policy}'")
    source: PolicySource
    if dataset is not None:
        source = ReplayPolicy(dataset, task.spec)
    else:
        source = CheckpointPolicy(checkpoint, "teacher" if policy == "teacher" else "student", nfe, sampler, engine)
    loaded = source.load()
    if isinstance(source, CheckpointPolicy) and isinstance(loaded, Planner):
        source = replace(source, engine=loaded.engine.name)  # "auto" chooses once, not in every worker
    kept = loaded.horizon if dataset is not None else execute or manifest.execute
    settings = StreamSettings(mode=mode.value, execute=kept, decay=decay, overlap=overlap, shape=shape)
    drive = Drive.simulated(task.spec, settings, delay)
    check_fit(loaded, task, drive)
    setting: dict[str, Any] = {
        "policy": policy,
        "seed": seed,
        "nfe": loaded.nfe,
        "sampler": sampler if policy == "teacher" else None,
        "engine": loaded.engine.name if isinstance(loaded, Planner) else None,
        "mode": mode.value,
        "execute": drive.settings.execute,
        "decay": decay if mode is ModeChoice.temporal_ensemble else None,
        "overlap": overlap if mode is ModeChoice.splice else None,
        "delay": drive.latency,
        "shape": shape,
        "dataset": dataset,
        "checkpoint": str(checkpoint),
        "checkpoint_sha256": checkpoint_sha256(checkpoint),
        **({"options": option} if option else {}),
    }
    seeds = range(seed, seed + episodes)
    episodes_driven: Iterator[EpisodeResult]
    if policy in task.controllers:
        setting |= {"nfe": 0, "engine": None, "execute": 1}
        episodes_driven = run_controlled(task, policy, seeds, workers)
    else:
        episodes_driven = run_episodes(task, source, seeds, drive, workers)
    if video is not None:
        _film(video, task, loaded, seed, drive)

    discount = None if manifest.critic is None else manifest.critic.discount
    results: list[EpisodeResult] = []
    try:
        _drive(task, episodes_driven, episodes, results)
    except KeyboardInterrupt:
        if results and json_file is not None:
            summary = summarize(task.spec, results, {**setting, "interrupted": True}, discount)
            write_json(json_file, summary)
            raise KeyboardInterrupt(f"{len(results)} of {episodes} episodes are in {json_file}") from None
        raise KeyboardInterrupt(f"{len(results)} of {episodes} episodes were driven, none was stored") from None

    from rich.console import Console

    summary = summarize(task.spec, results, setting, discount)
    if json_file is not None:
        write_json(json_file, summary)
    if record:
        add_files(checkpoint, scores=(card_entry(summary, f"{datetime.now():%Y-%m-%d}"),))
    if plot is not None:
        plot_results(plot, task.spec, results, task.draw_ground())
    Console().print(results_table(summary))
    for output in (json_file, plot, video):
        if output is not None:
            typer.echo(f"wrote {output}")


def _task_options(options: Sequence[str]) -> dict[str, Any]:
    """`key=value` pairs, the values read as YAML."""
    import yaml

    chosen: dict[str, Any] = {}
    for each in options:
        key, separator, value = each.partition("=")
        if not separator:
            raise RcdError(f"cannot read --option '{each}': write it as key=value, e.g. goal=random")
        try:
            chosen[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise RcdError(f"cannot read --option '{each}' ({' '.join(str(error).split())})") from error
    return chosen


def _drive(task: Task, driven: Iterator[EpisodeResult], count: int, results: list[EpisodeResult]) -> None:
    """Appends the episodes to `results` as they finish, so that an interruption loses none of them."""
    from tqdm import tqdm

    with tqdm(total=count, unit="episode") as bar:
        for result in driven:
            results.append(result)
            bar.update()
            bar.set_postfix(
                score=f"{sum(task.spec.score.score(r.value(task.spec)) for r in results) / len(results):.1f}"
            )


def _film(path: Path, task: Task, policy: Policy, seed: int, drive: Drive) -> None:
    """Films an episode of its own, so that drawing does not count as planning."""
    from rcd_ros.evaluation.rollout import run_episode
    from rcd_ros.simulation.video import VideoWriter

    simulation = task.make_simulation()
    writer = VideoWriter(path, 1.0 / task.spec.control_period)
    try:
        run_episode(simulation, policy, seed, drive, watch=lambda shown: writer.append(shown.render()))
    finally:
        writer.close()
        simulation.close()
