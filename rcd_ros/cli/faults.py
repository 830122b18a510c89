"""`rcd faults`: what planner and robot do when something goes wrong, one fault after another."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rcd_ros.cli.given import not_with
from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rcd_ros.faults.fault import Fault, Verdict
    from rcd_ros.faults.harness import HarnessSettings


def faults(
    context: typer.Context,
    task: Annotated[str, typer.Argument(help="Task whose simulated robot is driven: kitchen, a task file.")],
    checkpoint: Annotated[Path | None, typer.Argument(help="Checkpoint folder (default: the shipped one).")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only the faults whose name or group holds this text; repeatable."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Only a short selection.")] = False,
    list_only: Annotated[bool, typer.Option("--list", help="Print the faults and what is expected of each.")] = False,
    speed: Annotated[float, typer.Option(help="How much faster than life the simulated world runs.")] = 2.0,
    engine: Annotated[str, typer.Option(help="Inference engine of the planner.")] = "onnxruntime",
    shape: Annotated[
        bool,
        typer.Option("--shape/--no-shape", help="Let the planner shape its trajectories within the motion limits."),
    ] = True,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all verdicts and figures to this file.")
    ] = None,
    logs: Annotated[Path | None, typer.Option(help="Keep the nodes' logs in this new folder.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Inject faults into a running planner and its simulated robot, and judge what comes of each.

    The planner node, the bridge and whoever else takes part are processes of their own, in a ROS domain of their own.
    Whatever the fault: the executed commands stay inside the limits and do not jump, no log holds a traceback, no
    process ends that should not, and where recovery is possible the robot follows the planner again. The exit code is
    1 when a fault did otherwise.

    Examples:

      rcd faults kitchen --json faults.json

      rcd faults kitchen --only killed --only NaN --logs runs/faults

      rcd faults kitchen --list
    """
    from rcd_ros.faults.catalogue import all_faults
    from rcd_ros.faults.harness import HarnessSettings
    from rcd_ros.outputs import check_folder, claim_all, keep_apart
    from rcd_ros.planning.checkpoint import verify
    from rcd_ros.planning.engines.choose import check_engine
    from rcd_ros.tasks.catalogue import planner_of, spec_as_named, task_of

    not_with(context, "--list", list_only, "speed", "engine", "shape", "json_file", "logs", "force")
    if not 0.0 < speed < math.inf:
        raise RcdError(f"--speed {speed:g}: must be a finite number above 0")
    folder = planner_of(task, checkpoint)
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
    chosen = _chosen(all_faults(spec), only or [], quick)
    if list_only:
        _show_list(chosen)
        return
    check_engine(engine)
    if logs is not None and os.path.lexists(logs):
        raise RcdError(f"'{logs}' exists already: choose a new folder for the logs")
    if logs is not None:
        check_folder(logs)
    keep_apart({"--json": json_file, "--logs": logs}, [folder, task])
    claim_all({"--json": json_file}, force=force)
    settings = HarnessSettings(folder, spec, simulated.bridge, speed, engine, shape, options)
    if logs is None:
        with tempfile.TemporaryDirectory(prefix="rcd-faults-") as room:
            verdicts = _run(settings, Path(room), chosen, json_file)
    else:
        logs.mkdir(parents=True)
        verdicts = _run(settings, logs, chosen, json_file)
    if len(verdicts) < len(chosen):
        raise KeyboardInterrupt(f"{len(verdicts)} of {len(chosen)} faults were injected")
    if not all(verdict.passed for verdict in verdicts):
        raise typer.Exit(1)


def _chosen(known: list[Fault], only: list[str], quick: bool) -> list[Fault]:
    for text in only:
        if not any(_matches(fault, text) for fault in known):
            raise RcdError(f"--only {text}: no fault is called so; see rcd faults TASK --list")
    chosen = [fault for fault in known if not only or any(_matches(fault, text) for text in only)]
    chosen = [fault for fault in chosen if fault.quick or not quick]
    if not chosen:
        raise RcdError("--quick and --only leave no fault over: drop one of them")
    return chosen


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
        content: dict[str, Any] = {
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
        _show(verdicts)
    if json_file is not None and verdicts:
        typer.echo(f"wrote {json_file}")
    return verdicts


def _show(verdicts: list[Verdict]) -> None:
    from rich.console import Console
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
    Console().print(table)


def _show_list(chosen: list[Fault]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "group", "fault", "expected", title=f"{len(chosen)} faults", title_justify="left")
    for number, fault in enumerate(chosen, 1):
        table.add_row(str(number), fault.group, fault.name, fault.expected)
    Console().print(table)
