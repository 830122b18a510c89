"""`rcd bench realtime`: what a planner's latency does to a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.choices import ModeName
from rcd_ros.cli.given import only_for
from rcd_ros.cli.options import (
    Episodes,
    EpisodeSteps,
    FirstSeed,
    Force,
    Shape,
    Workers,
    grouped,
)
from rcd_ros.cli.output import print_table, say_written
from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rcd_ros.benchmarks.realtime.contenders import Contender
    from rcd_ros.benchmarks.realtime.rows import RealtimeResults
    from rcd_ros.planning.execution.stream import StreamSettings
    from rcd_ros.planning.manifest import Manifest


@dataclass(frozen=True)
class Driving:
    """What is simulated, and how plans are executed."""

    task: Annotated[
        str | None, typer.Option(help="What is simulated: a task or a task file (default: the checkpoint's; kitchen).")
    ] = None
    episodes: Episodes = 20
    seed: FirstSeed = 0
    episode_steps: EpisodeSteps = None
    mode: Annotated[ModeName, typer.Option(help="How chunks follow each other.")] = "chunk"
    execute: Annotated[
        int | None, typer.Option(min=1, help="chunk: periods a plan is followed at least (default: the checkpoint's).")
    ] = None
    shape: Shape = False
    engine: Annotated[str, typer.Option(help="Runs the student.")] = "auto"
    workers: Workers = 2

    def settings(self, manifest: Manifest) -> StreamSettings:
        """How plans of a checkpoint are executed."""
        from rcd_ros.planning.execution.stream import StreamSettings

        return StreamSettings(mode=self.mode, execute=self.execute or manifest.execute, shape=self.shape)


@dataclass(frozen=True)
class Outputs:
    """Where the rows go."""

    json_file: Annotated[Path | None, typer.Option("--json", help="Keep the rows in this file.")] = None
    plot: Annotated[Path | None, typer.Option(help="Draw score against control rate into this picture.")] = None
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the rows that --json holds already.")] = False
    force: Force = False

    def claim(self, inputs: Sequence[str | Path | None]) -> None:
        """Make sure that all files can be written.

        Raises:
            RcdError: a file exists and is neither continued nor replaced, or is read.
        """
        from rcd_ros.outputs import claim_all

        if self.resume and (self.force or self.json_file is None):
            raise RcdError("--resume goes on with the file that --json names, and does not go with --force")
        if self.plot is not None:
            from rcd_ros.evaluation.plots import check_picture_name

            check_picture_name(self.plot)
        remedy = "pass --resume to go on with it or --force to replace it"
        claim_all({"--json": self.json_file, "--plot": self.plot}, inputs, self.force or self.resume, remedy)


@grouped
def realtime(
    context: typer.Context,
    outputs: Outputs,
    driving: Driving,
    checkpoint: Annotated[
        Path | None, typer.Argument(help="Checkpoint folder with its teacher (default: the shipped one).")
    ] = None,
    planners: Annotated[
        str, typer.Option(help="What plans: student, teacher:NFE (Heun), with commas between them.")
    ] = "student,teacher:20,teacher:80",
    speed: Annotated[str, typer.Option(help="Simulated seconds a second, with commas between them.")] = "1,2,4,8",
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

    from rcd_ros.benchmarks.realtime.contenders import parse_contenders, parse_speeds
    from rcd_ros.benchmarks.realtime.rows import RealtimeResults
    from rcd_ros.benchmarks.realtime.runs import Runs
    from rcd_ros.evaluation.machine import describe_machine
    from rcd_ros.evaluation.rollout import Drive
    from rcd_ros.planning.engines.choose import check_engine
    from rcd_ros.tasks.catalogue import DEFAULT_TASK, planner_of, task_of

    contenders, speeds = parse_contenders(planners), parse_speeds(speed)
    _check_options(context, driving, contenders)
    check_engine(driving.engine)
    named = driving.task is not None or checkpoint is None
    folder = checkpoint if checkpoint and not named else planner_of(driving.task or DEFAULT_TASK, checkpoint)
    manifest = _checked_manifest(folder, contenders)
    outputs.claim([folder, driving.task])

    machine = describe_machine(threads=1)
    task = task_of(manifest.task, driving.episode_steps)
    drive = Drive.simulated(task.spec, driving.settings(manifest))
    runs = Runs(folder, task, driving.engine, driving.seed, driving.episodes, drive, driving.workers)
    results = RealtimeResults(outputs.json_file, runs.setting(), machine)
    if outputs.resume:
        results.resume()
    typer.echo("\n".join(machine.lines()), err=True)
    try:
        runs.run(contenders, speeds, results)
    except KeyboardInterrupt:
        file = outputs.json_file
        kept = f"in {file}, go on with --resume" if file is not None else "gone: --json would keep them"
        raise KeyboardInterrupt(f"{len(results.rows)} finished rows are {kept}") from None
    _report(results, manifest.task.name, outputs)


def _report(results: RealtimeResults, task: str, outputs: Outputs) -> None:
    from rcd_ros.benchmarks.realtime.rows import realtime_table

    if outputs.plot is not None:
        from rcd_ros.benchmarks.realtime.plot import plot_realtime

        plot_realtime(outputs.plot, task, results.rows)
    print_table(realtime_table(results.rows), 130)
    say_written(outputs.json_file, outputs.plot)


def _check_options(context: typer.Context, driving: Driving, contenders: Sequence[Contender]) -> None:
    only_for(context, "--mode chunk", driving.mode == "chunk", "execute")
    only_for(context, "the planner student", any(each.kind == "student" for each in contenders), "engine")


def _checked_manifest(folder: Path, contenders: Sequence[Contender]) -> Manifest:
    """The manifest of a checkpoint, with its teacher where one of the contenders is.

    Raises:
        RcdError: the checkpoint does not verify, or lacks its teacher.
    """
    from rcd_ros.planning.checkpoint import verify

    manifest = verify(folder)
    if any(contender.kind == "teacher" for contender in contenders):
        import torch  # noqa: F401  reports a missing PyTorch now

        if "teacher.safetensors" not in manifest.files:
            raise RcdError(f"checkpoint '{folder}' holds no teacher: name one with it, or --planners student")
    return manifest
