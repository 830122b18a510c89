"""`rcd bench loop`: how long it takes from a sensor's stamp to the trajectory, across processes and at a rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rcd_ros.cli.options import MOST_THREADS, Force, JsonFile, grouped
from rcd_ros.cli.output import say_written
from rcd_ros.cli.parse import positive
from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rcd_ros.benchmarks.loop.results import LoopRow, Swaps
    from rcd_ros.benchmarks.loop.run import LoopSettings
    from rcd_ros.planning.manifest import Manifest


@dataclass(frozen=True)
class PlannerOptions:
    """How the planner's process runs."""

    engine: Annotated[str, typer.Option(help="Inference engine.")] = "auto"
    threads: Annotated[int, typer.Option(min=1, max=MOST_THREADS, help="Threads of the engine.")] = 1
    trigger: Annotated[Literal["on_observation", "timer"], typer.Option(help="When the node plans.")] = "on_observation"
    realtime_priority: Annotated[
        int, typer.Option(min=0, max=99, help="SCHED_FIFO priority of the planner's process; 0: none.")
    ] = 50
    lock_memory: Annotated[bool, typer.Option("--lock-memory", help="Keep the planner's memory from paging.")] = False
    keep_awake: Annotated[bool, typer.Option(help="Keep the machine's cores from sleeping while they wait.")] = True
    cpu_affinity: Annotated[
        str, typer.Option(help="Cores that the planner's process keeps to, with commas between them; empty: any.")
    ] = ""
    shape: Annotated[bool, typer.Option("--shape", help="Shape the trajectories.")] = False
    swap_every: Annotated[float, typer.Option(help="s from one hot swap of the checkpoint to the next; 0: none.")] = 0.0

    def settings(self, checkpoint: Path, seconds: float, rates: Sequence[float]) -> list[LoopSettings]:
        """Of a run at each rate (Hz).

        Raises:
            RcdError: a value cannot be used.
        """
        from rcd_ros.benchmarks.loop.run import LoopSettings

        cpus = _cores(self.cpu_affinity)
        if not (math.isfinite(seconds) and seconds > 0.0):
            raise RcdError(f"--seconds {seconds:g}: measure for more than 0 seconds")
        if not (math.isfinite(self.swap_every) and self.swap_every >= 0.0):
            raise RcdError(f"--swap-every {self.swap_every:g}: give 0 or more seconds")
        process = (self.realtime_priority, self.lock_memory, self.keep_awake, self.swap_every, self.shape, cpus)
        return [
            LoopSettings(checkpoint, rate, seconds, self.engine, self.threads, self.trigger, *process) for rate in rates
        ]


@grouped
def loop(
    planner: PlannerOptions,
    checkpoint: Annotated[Path | None, typer.Argument(help="Checkpoint folder (default: the shipped one).")] = None,
    rate: Annotated[str, typer.Option(help="Observations a second; several with commas between them.")] = "125",
    seconds: Annotated[float, typer.Option(help="How long to measure at each rate.")] = 60.0,
    json_file: JsonFile = None,
    force: Force = False,
) -> None:
    """Run a sensor, the planner node and a receiver as processes of their own, and time each trajectory.

    The planner's process asks for real time, as on a robot computer; where the system refuses, its diagnostics in the
    JSON file say so, and the figures are those of an ordinary process.

    The time is from the sensor's stamp, taken before its first message is sent, until the receiver has read the
    trajectory's numbers. A period is missed when that took longer than one period, or the trajectory never came.

    Between slices of the planner's time a plain rclpy node is measured in its place, which answers without planning:
    machines change their speed, so compare the two, not figures of different hours.

    Examples:

      rcd bench loop --rate 125 --seconds 600

      rcd bench loop --rate 125 --realtime-priority 0 --no-keep-awake      # an ordinary process

      rcd bench loop --rate 125,250,500,1000 --seconds 30

      rcd bench loop --swap-every 2 --cpu-affinity 1      # swapped every two seconds while the node plans
    """
    from rcd_ros.evaluation.machine import describe_machine
    from rcd_ros.outputs import claim_all, write_json
    from rcd_ros.planning.checkpoint import verify
    from rcd_ros.planning.engines.choose import check_engine
    from rcd_ros.resources import find_resource

    folder = checkpoint or find_resource("models/kitchen-complete")
    settings = planner.settings(folder, seconds, positive("--rate", rate))
    check_engine(planner.engine)
    claim_all({"--json": json_file}, [folder], force)
    manifest = verify(folder)
    machine = describe_machine(planner.threads)
    rows: list[LoopRow] = []
    try:
        for each in settings:
            rows.append(_run(each, manifest))
            if not rows[-1].complete:
                break
    finally:
        if json_file is not None and rows:
            write_json(json_file, _content(rows) | {"machine": machine.as_json()})
        if rows:
            _show(rows, machine.lines())
    say_written(json_file)
    if not rows[-1].complete:
        raise KeyboardInterrupt(f"{rows[-1].periods} of {each.periods} periods were measured")


def _cores(text: str) -> tuple[int, ...]:
    from rcd_ros.nodes.ros.realtime import Realtime

    try:
        cores = tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise RcdError(f"--cpu-affinity {text}: give core numbers with commas between them") from error
    Realtime(cpus=cores).check()
    return cores


def _run(settings: LoopSettings, manifest: Manifest) -> LoopRow:
    from rcd_ros.benchmarks.loop.run import run_loop
    from rcd_ros.progress import progress_bar

    layout = "{l_bar}{bar}| {n:.0f}/{total:.0f} s"
    with progress_bar(total=settings.seconds, desc=f"{settings.rate:g} Hz", bar_format=layout) as bar:

        def progress(elapsed: float) -> None:
            bar.update(min(elapsed, settings.seconds) - bar.n)

        return run_loop(settings, manifest, progress)


def _content(rows: Sequence[LoopRow]) -> dict[str, object]:
    """One row as it is; several with the highest rate that holds."""
    if len(rows) == 1:
        return rows[0].as_json()
    highest = max((row.rate_hz for row in rows if row.holds), default=None)
    return {"rows": [row.as_json() for row in rows], "highest_rate_hz": highest}


def _show(rows: Sequence[LoopRow], machine: list[str]) -> None:
    """One column per rate."""
    from rich.console import Console
    from rich.table import Table

    title = f"Sensor stamp to trajectory received, engine {rows[0].engine}"
    table = Table("", *(f"{row.rate_hz:g} Hz" for row in rows), title=title, title_justify="left")
    for name in ("p50", "p95", "p99", "max"):
        table.add_row(name, *(_milliseconds(getattr(row, f"e2e_{name}_ms")) for row in rows))
    table.add_row("missed periods", *(f"{100.0 * row.missed / max(row.periods, 1):.2f} %" for row in rows))
    table.add_row("the rate holds", *("yes" if row.holds else "no" for row in rows))
    for name in ("p50", "p99"):
        table.add_row(f"a plain node, {name}", *(_milliseconds(getattr(row, f"floor_{name}_ms")) for row in rows))
    for name in ("p50", "p99"):
        times = (getattr(row.planner, f"plan_ms_{name}", None) for row in rows)
        table.add_row(f"one plan, {name}", *map(_milliseconds, times))
    if rows[0].swaps is not None:
        table.add_row("hot swaps", *(_swaps(row.swaps) for row in rows if row.swaps is not None))
    table.add_row("planner's memory", *(_growth(row.rss_start_mb, row.rss_end_mb) for row in rows))
    console = Console()
    console.print(table)
    refused = (said for row in rows for key, said in row.diagnostics.items() if key.startswith("refused: "))
    for line in (*dict.fromkeys(refused), *machine):
        console.print(line, highlight=False, soft_wrap=True)


def _swaps(swaps: Swaps) -> str:
    seconds, refusals = swaps.seconds, swaps.refusals
    taken = f", {max(seconds):.2f} s at most" if seconds else ""
    return f"{len(seconds)}{taken}" + (f", {len(refusals)} refused: {refusals[0]}" if refusals else "")


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} ms"


def _growth(start: float | None, end: float | None) -> str:
    return "-" if start is None or end is None else f"{end:.1f} MB ({end - start:+.1f})"
