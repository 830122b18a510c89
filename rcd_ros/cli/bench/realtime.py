"""`rcd bench realtime`: what a planner's latency does to a task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.cli.bounds import LARGEST_SEED, MOST_EPISODES, MOST_WORKERS
from rcd_ros.cli.evaluate import ModeChoice
from rcd_ros.cli.given import only_for
from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rcd_ros.planning.manifest import Manifest


def realtime(
    context: typer.Context,
    checkpoint: Annotated[
        Path | None, typer.Argument(help="Checkpoint folder with its teacher (default: the shipped one).")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="What is simulated: a task or a task file (default: the checkpoint's; kitchen).")
    ] = None,
    planners: Annotated[
        str, typer.Option(help="Who plans: student, teacher:NFE (Heun), with commas between them.")
    ] = "student,teacher:20,teacher:80",
    speed: Annotated[str, typer.Option(help="Simulated seconds a second, with commas between them.")] = "1,2,4,8",
    episodes: Annotated[int, typer.Option(min=1, max=MOST_EPISODES, help="Episodes per planner and speed.")] = 20,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of the first episode; the others count up from it.")
    ] = 0,
    mode: Annotated[ModeChoice, typer.Option(help="How chunks follow each other.")] = ModeChoice.chunk,
    execute: Annotated[
        int | None, typer.Option(min=1, help="chunk: periods a plan is followed at least (default: the checkpoint's).")
    ] = None,
    shape: Annotated[
        bool, typer.Option("--shape/--no-shape", help="Shape trajectories within the robot's motion limits.")
    ] = False,
    engine: Annotated[str, typer.Option(help="Runs the student.")] = "auto",
    episode_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps per episode (default: the checkpoint's; kitchen: 280).")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=MOST_WORKERS, help="Processes that drive the lockstep episodes.")
    ] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Keep the rows in this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw score against control rate into this picture.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the rows that --json holds already.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing output files.")] = False,
) -> None:
    """Score planners in a simulation that runs on the wall clock and does not wait for them.

    For each planner and speed a simulator and a planner run in processes of their own: at 1x the kitchen's 12.5 control
    periods a second, at 8x 100. Late plans are entered late, where none is due the robot holds its position. The
    teacher plans in eager torch on one thread. Each planner is also scored in lockstep, as a reference.

    Examples:

      rcd bench realtime --json realtime.json --plot realtime.png

      rcd bench realtime --planners student --mode splice --shape

      rcd bench realtime --planners student,teacher:80 --speed 8 --episodes 2
    """
    import mujoco  # noqa: F401  reports a missing simulator before any node starts
    from rich.console import Console

    from rcd_ros.cli.bench.realtime_runs import Runs
    from rcd_ros.evaluation.machine import describe_machine
    from rcd_ros.evaluation.realtime import RealtimeResults, parse_contenders, parse_speeds, realtime_table
    from rcd_ros.evaluation.rollout import Drive
    from rcd_ros.planning.checkpoint import checkpoint_sha256
    from rcd_ros.planning.engines.choose import check_engine
    from rcd_ros.planning.execution.stream import StreamSettings
    from rcd_ros.tasks.catalogue import DEFAULT_TASK, planner_of, task_of

    only_for(context, "--mode chunk", mode is ModeChoice.chunk, "execute")
    contenders, speeds = parse_contenders(planners), parse_speeds(speed)
    planning = any(contender.kind == "student" for contender in contenders)
    only_for(context, "the planner student", planning, "engine")
    check_engine(engine)
    folder = planner_of(task or DEFAULT_TASK, checkpoint) if task or not checkpoint else checkpoint
    manifest = _checked_manifest(folder, any(contender.kind == "teacher" for contender in contenders))
    name, task_file = manifest.task.name, task
    outputs = [output for output in (json_file, plot) if output is not None]
    _claim(json_file, plot, [folder, task_file], resume, force)

    machine = describe_machine(threads=1)
    simulated = task_of(manifest.task, episode_steps)
    settings = StreamSettings(mode=mode.value, execute=execute or manifest.execute, shape=shape)
    drive = Drive.simulated(simulated.spec, settings)
    runs = Runs(folder, simulated, engine, seed, episodes, drive, workers)
    setting = {
        "task": name,
        "checkpoint_sha256": checkpoint_sha256(folder),
        "episodes": episodes,
        "horizon_steps": runs.task.spec.episode_steps,
        "seed": seed,
        "mode": mode.value,
        "execute": drive.settings.execute,
        "shape": shape,
        "engine": engine,
    }
    results = RealtimeResults(json_file, setting, machine.as_json())
    if resume:
        results.resume()
    typer.echo("\n".join(machine.lines()), err=True)
    try:
        runs.run(contenders, speeds, results)
    except KeyboardInterrupt:
        kept = f"in {json_file}, go on with --resume" if json_file is not None else "gone: --json would keep them"
        raise KeyboardInterrupt(f"{len(results.rows)} finished rows are {kept}") from None
    if plot is not None:
        from rcd_ros.evaluation.realtime_plot import plot_realtime

        plot_realtime(plot, name, results.rows)
    Console(width=max(Console().width, 130)).print(realtime_table(results.rows))
    for output in outputs:
        typer.echo(f"wrote {output}")


def _checked_manifest(folder: Path, with_teacher: bool) -> Manifest:
    """The manifest of a checkpoint, with its teacher where that is needed.

    Raises:
        RcdError: the checkpoint does not verify, or lacks its teacher.
    """
    from rcd_ros.planning.checkpoint import verify

    manifest = verify(folder)
    if with_teacher:
        import torch  # noqa: F401  reports a missing PyTorch now

        if "teacher.safetensors" not in manifest.files:
            raise RcdError(f"checkpoint '{folder}' holds no teacher: name one with it, or --planners student")
    return manifest


def _claim(
    json_file: Path | None, plot: Path | None, inputs: list[str | Path | None], resume: bool, force: bool
) -> None:
    """Refuse output files that exist, unless they are continued or replaced, and those that are read."""
    from rcd_ros.outputs import claim_all

    if resume and (force or json_file is None):
        raise RcdError("--resume goes on with the file that --json names, and does not go with --force")
    if plot is not None:
        from rcd_ros.evaluation.plots import check_picture_name

        check_picture_name(plot)
    remedy = "pass --resume to go on with it or --force to replace it"
    claim_all({"--json": json_file, "--plot": plot}, inputs, force or resume, remedy)
