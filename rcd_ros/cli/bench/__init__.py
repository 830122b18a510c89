"""`rcd bench ...`: how long plans take, against what, over which path, and what that does to a task."""

from __future__ import annotations

from rcd_ros.cli.lazy import LazyGroup, Subcommand, lazy_app

SUBCOMMANDS = {
    "latency": Subcommand("bench.latency", "latency", "Time whole plans, engine by engine."),
    "speedup": Subcommand("bench.speedup", "speedup", "Time the student against its diffusion teacher."),
    "loop": Subcommand("bench.loop", "loop", "Time sensor to trajectory over the middleware, at a rate."),
    "realtime": Subcommand("bench.realtime", "realtime", "Score planners in a simulation that does not wait."),
    "peers": Subcommand("bench.peers", "peers", "Time LeRobot's policies beside ours."),
    "baselines": Subcommand("bench.baselines", "baselines", "Train and score d3rlpy's BC, TD3+BC and IQL."),
    "report": Subcommand("bench.report", "report", "Put results into one table and figure, seeds pooled."),
}


class Benches(LazyGroup):
    """All of `rcd bench`."""

    subcommands = SUBCOMMANDS


app = lazy_app(Benches, help="Measure: every bench says on which machine, with which versions, threads and date.")
