"""`rcd demo`: the shipped planner drives the simulated kitchen through the nodes, and shows how it went."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.cli.options import Episodes, FirstSeed
from rcd_ros.cli.output import print_table, say_written

if TYPE_CHECKING:
    from rich.table import Table

    from rcd_ros.evaluation.results import BridgeResults
    from rcd_ros.launching.bringup import Bringup


def demo(
    task: Annotated[
        str | None, typer.Option(help="What to show: a task or a task file (default: the checkpoint's, else kitchen).")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Planner to show (default: the shipped one).")] = None,
    episodes: Episodes = 2,
    seed: FirstSeed = 0,
    output: Annotated[Path | None, typer.Option(help="Folder for the results (default: runs/demo-<time>).")] = None,
    video: Annotated[bool, typer.Option(help="Film the episodes where this machine can draw.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Replace results in the folder.")] = False,
) -> None:
    """Watch a planner, in a process of its own, drive the simulated arm of FrankaKitchen.

    The same as `rcd launch kitchen_sim`, with a table and a picture of the results at the end.

    Example:

      rcd demo --episodes 5
    """
    import mujoco  # noqa: F401  reports a missing simulator before any node starts

    from rcd_ros.launching.launches import find_bringup
    from rcd_ros.outputs import claim_all
    from rcd_ros.planning.checkpoint import verify
    from rcd_ros.tasks.catalogue import DEFAULT_TASK, planner_of, spec_as_named, task_of
    from rcd_ros.tasks.task import GENERAL_BRIDGE

    folder = output or Path("runs") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    results, film, picture = folder / "results.json", folder / "episodes.mp4", folder / "progress.png"
    planner = planner_of(task or DEFAULT_TASK) if checkpoint is None else checkpoint
    manifest = verify(planner)
    trained = spec_as_named(manifest.task, task)
    simulated = task_of(trained)
    outputs = {f"--output ({file.name})": file for file in (results, film, picture)}
    claim_all(outputs, [planner, task], force)
    for file in outputs.values():
        file.unlink(missing_ok=True)

    own = simulated.bridge != GENERAL_BRIDGE
    bringup = find_bringup(f"{simulated.spec.name}_sim" if own else "mujoco_sim")
    given = {"checkpoint": planner, "episodes": episodes, "seed": seed, "mode": "lockstep", "results": results}
    given |= {} if own else {"task": planner if trained is manifest.task else str(task)}
    arguments = {name: str(value) for name, value in given.items()} | ({"video": str(film)} if video else {})
    driven = _drive(bringup, arguments, results)
    if not driven.complete:
        raise KeyboardInterrupt(f"{driven.episodes} of {episodes} episodes are in {results}")

    from rcd_ros.evaluation.plots import plot_completions

    spec = task_of(trained, driven.horizon_steps).spec
    plot_completions(picture, spec, [result.completed_at for result in driven.episode_results])
    print_table(_table(driven, spec.control_period))
    say_written(results, picture)
    if film.exists():
        say_written(film)
    elif video:
        typer.echo("no video: this machine has no OpenGL to draw with; apt install libosmesa6, then try again")


def _drive(bringup: Bringup, arguments: dict[str, str], results: Path) -> BridgeResults:
    """Run the nodes of a launch to their end, on this machine alone, and read what the bridge wrote."""
    from rcd_ros.evaluation.results import BridgeResults
    from rcd_ros.launching.supervisor import run_nodes
    from rcd_ros.nodes.ros.installation import LOCAL_DISCOVERY

    os.environ.update(LOCAL_DISCOVERY)
    code = run_nodes(bringup.nodes(bringup.resolve(arguments)))
    if code:
        raise typer.Exit(code)
    if not results.exists():
        raise KeyboardInterrupt("no episode was begun")
    return BridgeResults.read(results, "run the demo again")


def _table(driven: BridgeResults, control_period: float) -> Table:
    """One row per episode: when each goal was completed, in seconds."""
    from rich.table import Table

    goals = list(driven.per_task)
    table = Table("seed", *goals, "tasks", "steps", "wall time", title="Completed after", title_justify="left")
    for result in driven.episode_results:
        at = result.completed_at
        times = (f"{(at[goal] + 1) * control_period:.1f} s" if goal in at else "-" for goal in goals)
        done = f"{len(at)} of {len(goals)}"
        table.add_row(str(result.seed), *times, done, str(result.steps), f"{result.wall_s:.1f} s")
    table.caption = f"{driven.task}: score {driven.score_mean:.1f} over {driven.episodes} episodes"
    if planner := driven.planner:
        table.caption += (
            f"\none plan ({planner.engine}): {planner.plan_ms_p50:.2f} ms (p50), "
            f"{planner.plan_ms_p99:.2f} ms (p99) of {planner.plans}"
        )
    table.caption_justify = "left"
    return table
