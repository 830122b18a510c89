"""The options of `rcd eval`, in groups: what is simulated, what plans, how plans are executed, where figures go."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.choices import ModeName, SamplerName
from rcd_ros.cli.given import only_for
from rcd_ros.cli.options import (
    Episodes,
    EpisodeSteps,
    FirstSeed,
    Force,
    JsonFile,
    Shape,
    Workers,
)
from rcd_ros.errors import RcdError
from rcd_ros.planning.execution.stream import StreamSettings

if TYPE_CHECKING:
    from rcd_ros.evaluation.policy import PolicySource
    from rcd_ros.evaluation.rollout import Drive
    from rcd_ros.planning.spec import TaskSpec
    from rcd_ros.tasks.task import Task


@dataclass(frozen=True)
class Driving:
    """What is simulated."""

    episodes: Episodes = 100
    seed: FirstSeed = 0
    episode_steps: EpisodeSteps = None
    option: Annotated[
        list[str] | None, typer.Option(help="key=value of the task, e.g. goal=random, goal=[1,-2] or start=[0,1].")
    ] = None
    task_name: Annotated[
        str | None,
        typer.Option("--task", help="Task file whose simulation is driven, where the stored one has moved or changed."),
    ] = None
    workers: Workers = 2

    def task(self, trained: TaskSpec) -> Task:
        """The task to drive a planner of the task `trained` on.

        Raises:
            RcdError: there is no such task or option, or the task has another robot.
        """
        from rcd_ros.tasks.catalogue import spec_as_named, task_of

        task = task_of(spec_as_named(trained, self.task_name), self.episode_steps, **_task_options(self.option or []))
        if self.option:
            task.make_simulation().close()  # the simulator checks where goals and starts can be
        return task


@dataclass(frozen=True)
class Planning:
    """What plans."""

    policy: Annotated[
        str,
        typer.Option(
            help="student, its teacher, replay (the demonstrations open loop), or one of the task's own controllers "
            "(mazes: waypoints, behaviour)."
        ),
    ] = "student"
    dataset: Annotated[str | None, typer.Option(help="Data set that --policy replay plays back.")] = None
    nfe: Annotated[
        int | None, typer.Option(min=1, help="Network evaluations per plan (default: student 1, teacher 35).")
    ] = None
    sampler: Annotated[SamplerName, typer.Option(help="How the teacher samples.")] = "heun"
    gradient_steps: Annotated[
        int,
        typer.Option(
            min=0, max=10_000, help="Steps by which the checkpoint's critic improves each plan before it is sent."
        ),
    ] = 0
    step_size: Annotated[
        float | None,
        typer.Option(min=0.0, help="--gradient-steps: std of an action for a slope of 1 std of the return (0.5)."),
    ] = None
    engine: Annotated[
        str, typer.Option(help="Runs the student's one-step plans: onnxruntime, openvino, torch ... or auto.")
    ] = "onnxruntime"

    def check(self) -> None:
        """Refuse options that do not go together.

        Raises:
            RcdError: as said.
        """
        if (self.policy == "replay") != (self.dataset is not None):
            raise RcdError("--policy replay and --dataset NAME go together: give both or neither")
        if self.step_size is not None and not self.gradient_steps:
            raise RcdError("--step-size is of --gradient-steps: give both or neither")
        if self.step_size is not None and not self.step_size < math.inf:
            raise RcdError(f"--step-size {self.step_size:g}: give a finite number of 0 or more")
        if self.gradient_steps and self.policy not in ("student", "teacher"):
            raise RcdError(f"--gradient-steps improve a checkpoint's student or teacher, not --policy {self.policy}")

    def source(self, checkpoint: Path, spec: TaskSpec) -> PolicySource:
        """How the policy is loaded; a controller stands beside the student, which it replaces."""
        from rcd_ros.evaluation.policy import STEP_SIZE, CheckpointPolicy, ReplayPolicy

        if self.dataset is not None:
            return ReplayPolicy(self.dataset, spec)
        return CheckpointPolicy(
            checkpoint,
            "teacher" if self.policy == "teacher" else "student",
            self.nfe,
            self.sampler,
            self.engine,
            gradient_steps=self.gradient_steps,
            step_size=STEP_SIZE if self.step_size is None else self.step_size,
        )


@dataclass(frozen=True)
class Execution:
    """How plans are executed."""

    mode: Annotated[
        ModeName,
        typer.Option(help="How chunks follow each other; real time plans while it executes, as splice does."),
    ] = "chunk"
    execute: Annotated[
        int | None, typer.Option(min=1, help="chunk: actions executed of each plan (default: the checkpoint's).")
    ] = None
    decay: Annotated[
        float,
        typer.Option(help="temporal_ensemble: weight exp(decay * age in periods); below 0 the newest counts most."),
    ] = StreamSettings.decay
    overlap: Annotated[int, typer.Option(min=0, help="splice: control periods over which the old plan gives way.")] = (
        StreamSettings.overlap
    )
    delay: Annotated[
        int | None,
        typer.Option(
            min=0, help="Control periods until a plan is there; splice commits as many (default: 0; splice: 1)."
        ),
    ] = None
    shape: Shape = False
    loss: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of trajectories that never arrive.")] = 0.0
    command_timeout: Annotated[
        float, typer.Option(min=0.0, help="s without a trajectory until the robot holds; 0: until its last point.")
    ] = 0.0
    enforce_limits: Annotated[
        bool,
        typer.Option("--enforce-limits", help="Limit the rate of actions, as the bridge's enforce_command_limits."),
    ] = False

    def check(self, context: typer.Context) -> None:
        """Refuse options of another mode.

        Raises:
            RcdError: as said.
        """
        only_for(context, "--mode chunk", self.mode == "chunk", "execute")
        only_for(context, "--mode temporal_ensemble", self.mode == "temporal_ensemble", "decay")
        only_for(context, "--mode splice", self.mode == "splice", "overlap")

    def drive(self, spec: TaskSpec, execute: int) -> Drive:
        """How plans are executed on a task; `execute` actions of each where no other number is asked for."""
        from rcd_ros.evaluation.rollout import Drive

        settings = StreamSettings(
            mode=self.mode,
            execute=self.execute or execute,
            decay=self.decay,
            overlap=self.overlap,
            shape=self.shape,
        )
        return replace(
            Drive.simulated(spec, settings, self.delay),
            loss=self.loss,
            command_timeout=self.command_timeout,
            enforces_limits=self.enforce_limits,
        )


@dataclass(frozen=True)
class Offline:
    """Comparison with recorded actions in place of a simulation."""

    offline: Annotated[
        str | None,
        typer.Option(help="No simulation: compare plans with the recorded actions of this data set's unseen episodes."),
    ] = None
    plans: Annotated[int, typer.Option(min=1, help="--offline: plans of each policy, about.")] = 300


@dataclass(frozen=True)
class Outputs:
    """Where the figures go."""

    json_file: JsonFile = None
    plot: Annotated[Path | None, typer.Option(help="Draw progress and plan times into this picture.")] = None
    video: Annotated[Path | None, typer.Option(help="Film the first episode (mp4).")] = None
    rerun_file: Annotated[
        Path | None,
        typer.Option("--rerun", help="Write the first episode, planned against executed, for Rerun (.rrd)."),
    ] = None
    record: Annotated[bool, typer.Option("--record", help="Add the score to the checkpoint's card.")] = False
    force: Force = False

    def claim(self, inputs: Sequence[str | Path | None]) -> None:
        """Make sure that all files can be written, before any work.

        Raises:
            RcdError: a file exists and is not to be replaced, is among the inputs, or is of an unknown kind.
        """
        from rcd_ros.outputs import claim_all

        if self.plot is not None:
            from rcd_ros.evaluation.plots import check_picture_name

            check_picture_name(self.plot)
        if self.rerun_file is not None:
            from rcd_ros.data.view import check_rrd

            check_rrd(self.rerun_file)
        files = {"--json": self.json_file, "--plot": self.plot, "--video": self.video, "--rerun": self.rerun_file}
        claim_all(files, inputs, self.force)

    def write_json(self, content: Mapping[str, object]) -> None:
        """Write the figures, if a file was asked for."""
        from rcd_ros.outputs import write_json

        if self.json_file is not None:
            write_json(self.json_file, content)


def _task_options(options: Sequence[str]) -> dict[str, object]:
    """`key=value` pairs, the values read as YAML.

    Raises:
        RcdError: one is not written so, comes twice, or has an option of its own.
    """
    import yaml

    chosen: dict[str, object] = {}
    for each in options:
        key, separator, value = each.partition("=")
        if not separator or not key:
            raise RcdError(f"cannot read --option '{each}': write it as key=value, e.g. goal=random")
        if key == "episode_steps":
            raise RcdError(f"--option {each}: give the length of episodes by --episode-steps")
        if key in chosen:
            raise RcdError(f"--option {key} comes twice: give it once")
        try:
            chosen[key] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise RcdError(f"cannot read --option '{each}' ({' '.join(str(error).split())})") from error
    return chosen
