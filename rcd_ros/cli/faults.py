"""`rcd faults`: what planner and robot do when something goes wrong, one fault after another."""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.cli.given import not_with
from rcd_ros.cli.options import Force, JsonFile, grouped
from rcd_ros.cli.output import print_table, say_written
from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rcd_ros.faults.fault import Fault, Verdict
    from rcd_ros.faults.harness import HarnessSettings


@dataclass(frozen=True)
class Selection:
    """Which faults are injected."""

    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only the faults whose name or group holds this text; repeatable."),
    ] = None
    quick: Annotated[bool, typer.Option("--quick", help="Only a short selection.")] = False
    list_only: Annotated[bool, typer.Option("--list", help="Print the faults and what is expected of each.")] = False

    def of(self, known: Sequence[Fault]) -> list[Fault]:
        """The chosen ones of the known faults.

        Raises:
            RcdError: a text matches none, or none is left.
        """
        texts = self.only or []
        for text in texts:
            if not any(_matches(fault, text) for fault in known):
                raise RcdError(f"--only {text}: no fault is called so; see rcd faults TASK --list")
        chosen = [fault for fault in known if not texts or any(_matches(fault, text) for text in texts)]
        chosen = [fault for fault in chosen if fault.quick or not self.quick]
        if not chosen:
            raise RcdError("--quick and --only leave no fault over: drop one of them")
        return chosen


@dataclass(frozen=True)
class Running:
    """How planner and simulated robot run."""

    speed: Annotated[float, typer.Option(help="Simulated seconds a second.")] = 2.0
    engine: Annotated[str, typer.Option(help="Inference engine of the planner.")] = "onnxruntime"
    shape: Annotated[
        bool,
        typer.Option("--shape/--no-shape", help="Let the planner shape its trajectories within the motion limits."),
    ] = True

    def settings(self, task: str, folder: Path) -> HarnessSettings:
        """Of the harness, for a task and the checkpoint that plans for it.

        Raises:
            RcdError: the checkpoint does not verify or fit the task, or the task has several controllers.
        """
        from rcd_ros.faults.harness import HarnessSettings
        from rcd_ros.planning.checkpoint import verify
        from rcd_ros.tasks.catalogue import spec_as_named, task_of

        stored = verify(folder).task
        spec = spec_as_named(stored, task)
        if len(controllers := spec.command.controllers) > 1:
            topics = ", ".join(controller.topic for controller in controllers)
            raise RcdError(
                f"faults are injected into the trajectories of one controller, the task '{spec.name}' has "
                f"{len(controllers)} ({topics}): choose a task with one"
            )
        simulated = task_of(spec)
        place = folder if spec is stored else Path(task)
        options = {"task": str(place.resolve())} if simulated.bridge_options is None else simulated.bridge_options
        return HarnessSettings(folder, spec, simulated.bridge, self.speed, self.engine, self.shape, options)


@dataclass(frozen=True)
class Outputs:
    """Where verdicts and logs go."""

    json_file: JsonFile = None
    logs: Annotated[Path | None, typer.Option(help="Keep the nodes' logs in this new folder.")] = None
    force: Force = False

    def claim(self, inputs: Sequence[str | Path]) -> None:
        """Make sure that file and folder can be written.

        Raises:
            RcdError: one of them exists or is read.
        """
        from rcd_ros.outputs import check_folder, claim_all, keep_apart

        if self.logs is not None:
            if os.path.lexists(self.logs):
                raise RcdError(f"'{self.logs}' exists already: choose a new folder for the logs")
            check_folder(self.logs)
        keep_apart({"--json": self.json_file, "--logs": self.logs}, inputs)
        claim_all({"--json": self.json_file}, force=self.force)

    @contextlib.contextmanager
    def room(self) -> Iterator[Path]:
        """A folder for the logs, which is removed where they are not to be kept."""
        if self.logs is None:
            with tempfile.TemporaryDirectory(prefix="rcd-faults-") as room:
                yield Path(room)
        else:
            self.logs.mkdir(parents=True)
            yield self.logs


@grouped
def faults(
    context: typer.Context,
    task: Annotated[str, typer.Argument(help="Task whose simulated robot is driven: kitchen, a task file.")],
    selection: Selection,
    running: Running,
    outputs: Outputs,
    checkpoint: Annotated[Path | None, typer.Argument(help="Checkpoint folder (default: the shipped one).")] = None,
) -> None:
    """Inject faults into a running planner and its simulated robot, and judge the outcome of each.

    Planner node, bridge and other participants are separate processes in a ROS domain of their own.
    Whatever the fault: the executed actions stay inside the limits and do not jump, no log holds a traceback, no
    process ends that should not, and where recovery is possible the robot follows the planner again. The exit code is
    1 when a fault did otherwise.

    Examples:

      rcd faults kitchen --json faults.json

      rcd faults kitchen --only killed --only NaN --logs runs/faults

      rcd faults kitchen --list
    """
    from rcd_ros.faults.catalogue import all_faults
    from rcd_ros.planning.engines.choose import check_engine
    from rcd_ros.tasks.catalogue import planner_of

    not_with(context, "--list", selection.list_only, "speed", "engine", "shape", "json_file", "logs", "force")
    if not 0.0 < running.speed < math.inf:
        raise RcdError(f"--speed {running.speed:g}: must be a finite number above 0")
    folder = planner_of(task, checkpoint)
    settings = running.settings(task, folder)
    chosen = selection.of(all_faults(settings.spec))
    if selection.list_only:
        _print_list(chosen)
        return
    check_engine(running.engine)
    outputs.claim([folder, task])
    with outputs.room() as room:
        verdicts = _run(settings, room, chosen, outputs.json_file)
    if len(verdicts) < len(chosen):
        raise KeyboardInterrupt(f"{len(verdicts)} of {len(chosen)} faults were injected")
    if not all(verdict.passed for verdict in verdicts):
        raise typer.Exit(1)


def _matches(fault: Fault, text: str) -> bool:
    return text.lower() in fault.name.lower() or text.lower() == fault.group


def _run(settings: HarnessSettings, room: Path, chosen: list[Fault], json_file: Path | None) -> list[Verdict]:
    """The verdicts, fewer than there are faults where it was interrupted; they are shown and written in any case."""
    from rcd_ros.evaluation.machine import describe_machine
    from rcd_ros.faults.campaign import Campaign
    from rcd_ros.faults.harness import Harness
    from rcd_ros.nodes.ros.installation import ros_versions
    from rcd_ros.outputs import write_json
    from rcd_ros.planning.limits import MotionLimits
    from rcd_ros.progress import progress_bar

    machine = describe_machine(1)
    verdicts: list[Verdict] = []
    try:
        with Harness(settings, room) as harness, progress_bar(total=len(chosen), unit="fault") as bar:
            bar.set_description("starting")
            for verdict in Campaign(harness, MotionLimits.of(settings.spec)).run(chosen, bar.set_description):
                verdicts.append(verdict)
                bar.update()
                if not verdict.passed:
                    bar.write(f"FAILED {verdict.fault.name}: {'; '.join(verdict.problems)}")
    except KeyboardInterrupt:
        pass
    if json_file is not None and verdicts:
        content = {
            "task": settings.spec.name,
            "checkpoint": str(settings.checkpoint),
            **ros_versions(),
            "speed": settings.speed,
            "shape": settings.shape,
            "faults": len(verdicts),
            "passed": sum(verdict.passed for verdict in verdicts),
            "complete": len(verdicts) == len(chosen),
            "verdicts": [verdict.as_json() for verdict in verdicts],
            "machine": machine.as_json(),
        }
        write_json(json_file, content)
    if verdicts:
        _print_verdicts(verdicts)
        say_written(json_file)
    return verdicts


def _print_verdicts(verdicts: list[Verdict]) -> None:
    from rich.markup import escape
    from rich.table import Table

    passed = sum(verdict.passed for verdict in verdicts)
    table = Table(
        "fault",
        "expected",
        "observed",
        "",
        title=f"{passed} of {len(verdicts)} faults as expected",
        title_justify="left",
    )
    for verdict in verdicts:
        observed = (
            verdict.observed
            if verdict.passed
            else f"{verdict.observed}\nNOT AS EXPECTED: {'; '.join(verdict.problems)}"
        )
        table.add_row(
            *map(escape, (verdict.fault.name, verdict.fault.expected, observed)), "ok" if verdict.passed else "FAILED"
        )
    print_table(table)


def _print_list(chosen: list[Fault]) -> None:
    from rich.table import Table

    table = Table("", "group", "fault", "expected", title=f"{len(chosen)} faults", title_justify="left")
    for number, fault in enumerate(chosen, 1):
        table.add_row(str(number), fault.group, fault.name, fault.expected)
    print_table(table)
