"""`rcd demo`: the shipped planner drives the simulated kitchen through the nodes, and shows how it went."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from rcd_ros.cli.bounds import LARGEST_SEED, MOST_EPISODES
from rcd_ros.errors import RcdError


def demo(
    task: Annotated[
        str | None, typer.Option(help="What to show: a task or a task file (default: the checkpoint's, else kitchen).")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Planner to show (default: the shipped one).")] = None,
    episodes: Annotated[int, typer.Option(min=1, max=MOST_EPISODES, help="Episodes to drive.")] = 2,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of the first episode.")] = 0,
    output: Annotated[Path | None, typer.Option(help="Folder for the results (default: runs/demo-<time>).")] = None,
    video: Annotated[bool, typer.Option(help="Film the episodes where this machine can draw.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Replace results in the folder.")] = False,
) -> None:
    """Watch a planner, in a process of its own, drive the simulated arm of FrankaKitchen.

    The same as `rcd launch kitchen_sim`, with a table and a picture of the results at the end.

    Example:

      rcd demo --episodes 5
    """
    import mujoco  # noqa: F401  a missing simulator is said here, before any node starts

    from rcd_ros.launching.launches import find_bringup
    from rcd_ros.launching.supervisor import run_nodes
    from rcd_ros.nodes.ros.installation import LOCAL_DISCOVERY
    from rcd_ros.outputs import claim_all
    from rcd_ros.planning.checkpoint import verify
    from rcd_ros.tasks.catalogue import DEFAULT_TASK, planner_of, spec_as_named, task_of
    from rcd_ros.tasks.task import GENERAL_BRIDGE

    folder = output or Path("runs") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    results, film, picture = folder / "results.json", folder / "episodes.mp4", folder / "progress.png"
    planner = planner_of(task or DEFAULT_TASK) if checkpoint is None else checkpoint
    manifest = verify(planner)
    if task is not None:
        planner_of(task, planner)
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
    os.environ.update(LOCAL_DISCOVERY)
    code = run_nodes(bringup.nodes(bringup.resolve(arguments)))
    if code:
        raise typer.Exit(code)
    summary = _read(results)
    if not summary.get("complete"):
        raise KeyboardInterrupt(f"{summary['episodes']} of {episodes} episodes are in {results}")

    from rich.console import Console

    from rcd_ros.evaluation.plots import plot_completions

    spec = task_of(trained, summary["horizon_steps"]).spec
    plot_completions(picture, spec, [result["completed_at"] for result in summary["episode_results"]])
    Console().print(_table(summary, spec.control_period))
    typer.echo(f"wrote {results} and {picture}")
    if film.exists():
        typer.echo(f"wrote {film}")
    elif video:
        typer.echo("no video: this machine has no OpenGL to draw with; apt install libosmesa6, then try again")


def _read(results: Path) -> dict[str, Any]:
    try:
        summary: dict[str, Any] = json.loads(results.read_text())
    except FileNotFoundError as error:
        raise KeyboardInterrupt("no episode was begun") from error
    except (OSError, ValueError) as error:
        raise RcdError(f"the results in '{results}' cannot be read: {error}") from error
    return summary


def _table(summary: dict[str, Any], control_period: float) -> Any:
    """One row per episode: when each goal was completed, in seconds."""
    from rich.table import Table

    goals = list(summary["per_task"])
    table = Table("seed", *goals, "tasks", "steps", "wall time", title="Completed after", title_justify="left")
    for result in summary["episode_results"]:
        at = result["completed_at"]
        times = (f"{(at[goal] + 1) * control_period:.1f} s" if goal in at else "-" for goal in goals)
        done = f"{len(at)} of {len(goals)}"
        table.add_row(str(result["seed"]), *times, done, str(result["steps"]), f"{result['wall_s']:.1f} s")
    table.caption = f"{summary['task']}: score {summary['score_mean']:.1f} over {summary['episodes']} episodes"
    if planner := summary["planner"]:
        table.caption += (
            f"\none plan ({planner['engine']}): {planner['plan_ms_p50']:.2f} ms (p50), "
            f"{planner['plan_ms_p99']:.2f} ms (p99) of {planner['plans']}"
        )
    table.caption_justify = "left"
    return table
