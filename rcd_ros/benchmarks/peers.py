"""Planners of others beside ours: the same observations, cores and number of threads, in turns within one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from rcd_ros.benchmarks.other_environment import OtherEnvironment, Worker, run_worker
from rcd_ros.benchmarks.timing import rehearsal, resting_collector, summarize_times, time_calls, varied_observations
from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import verify
from rcd_ros.planning.planner import Planner
from rcd_ros.suggest import did_you_mean

LEROBOT = OtherEnvironment(
    name="peers",
    module="lerobot",
    requirements=("lerobot[diffusion]==0.6.1",),
    oldest=(3, 12),
    why="LeRobot pins torch below ours",
)


@dataclass(frozen=True)
class Peer:
    """A policy of LeRobot.

    Attributes:
        label: for people.
        nfe: network evaluations a plan.
        turn: plans in a row whenever it is its turn.
        settings: what differs from the defaults of its configuration, and which policy it is.
    """

    label: str
    nfe: int
    turn: int
    settings: Mapping[str, Any]


PEERS = {
    "act": Peer("LeRobot ACT", 1, 5, {"policy": "act"}),
    "diffusion": Peer("LeRobot DiffusionPolicy, DDPM", 100, 1, {"policy": "diffusion"}),
    "diffusion-ddim": Peer(
        "LeRobot DiffusionPolicy, DDIM",
        10,
        1,
        {"policy": "diffusion", "noise_scheduler_type": "DDIM", "num_inference_steps": 10},
    ),
}
OUR_TURN, OUR_WARM_UP, PEER_WARM_UP = 50, 200, 1


def check_peers(names: Sequence[str]) -> dict[str, Peer]:
    """The named peers, all of them where none is named.

    Raises:
        RcdError: there is no such peer.
    """
    for name in names:
        if name not in PEERS:
            raise RcdError(f"there is no peer '{name}'{did_you_mean(name, PEERS)}; known: {', '.join(PEERS)}")
    return {name: PEERS[name] for name in names or PEERS}


def time_peers(
    checkpoint: Path,
    engines: Sequence[str],
    peers: Mapping[str, Peer],
    python: Path,
    threads: int,
    rounds: int,
    tick: Callable[[], object],
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Time a checkpoint's student and the peers in turns.

    Args:
        checkpoint: the folder; its horizon is the peers' too.
        engines: that the student runs in.
        peers: by name.
        python: interpreter that has LeRobot.
        threads: of each side.
        rounds: turns of each.
        tick: is called after every round.

    Returns:
        A row for each (percentiles of a plan's wall time, ms), and the versions of the peers' libraries.

    Raises:
        RcdError: checkpoint or engine cannot be used, or the worker cannot build a peer for this horizon.
    """
    manifest = verify(checkpoint)
    observations = varied_observations(manifest)
    planners = {p.engine.name: p for p in (Planner.load(checkpoint, e, threads=threads) for e in engines)}
    calls = {name: rehearsal(planner, observations) for name, planner in planners.items()}
    setting = {
        "observations": observations[:, -1].tolist(),
        "commands": manifest.task.command.size,
        "horizon": manifest.horizon,
        "threads": threads,
        "peers": {name: dict(peer.settings) for name, peer in peers.items()},
    }
    ours: dict[str, list[NDArray[np.int64]]] = {name: [] for name in planners}
    theirs: dict[str, list[int]] = {name: [] for name in peers}
    try:
        with run_worker(python, "lerobot_worker", (), threads) as worker:
            built = worker.ask(setting)
            for name, planner in planners.items():
                time_calls(calls[name], np.zeros(0, np.int64), OUR_WARM_UP, prepare=planner.prepare)
            for name in peers:
                _turn(worker, name, PEER_WARM_UP)
            with resting_collector():
                for _ in range(rounds):
                    for name, planner in planners.items():
                        times = np.zeros(OUR_TURN, np.int64)
                        time_calls(calls[name], times, prepare=planner.prepare)
                        ours[name].append(times)
                    for name, peer in peers.items():
                        theirs[name] += _turn(worker, name, peer.turn)
                    tick()
    finally:
        for planner in planners.values():
            planner.close()
    rows = [_row(f"ours, {name}", 1, None, np.concatenate(times)) for name, times in ours.items()]
    for name, peer in peers.items():
        rows.append(_row(peer.label, peer.nfe, built["ready"][name], np.asarray(theirs[name], np.int64)))
    fastest = min(row["p50_ms"] for row in rows[: len(ours)])
    for row in rows:
        row["times_ours"] = row["p50_ms"] / fastest
    return rows, {name: str(built[name]) for name in ("lerobot", "torch")}


def _turn(worker: Worker, name: str, plans: int) -> list[int]:
    durations: list[int] = worker.ask({"peer": name, "plans": plans})["durations_ns"]
    return durations


def _row(label: str, nfe: int, parameters: int | None, times: NDArray[np.int64]) -> dict[str, Any]:
    return {"planner": label, "nfe": nfe, "parameters": parameters, **summarize_times(times)._asdict()}


def peers_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The rows for people, times in ms."""
    table = Table("planner", "NFE", "parameters", "p50 ms", "p95 ms", "p99 ms", "plans", "p50 / ours", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        size = row["parameters"]
        table.add_row(
            row["planner"],
            str(row["nfe"]),
            "-" if size is None else f"{size / 1e6:.1f} M",
            *(_three_digits(row[name]) for name in ("p50_ms", "p95_ms", "p99_ms")),
            str(row["plans"]),
            f"{_three_digits(row['times_ours'])}x",
        )
    return table


def _three_digits(value: float) -> str:
    """At least three digits, none of them after an exponent."""
    return f"{value:.{2 if value >= 1.0 else 3}f}" if value < 10.0 else f"{value:,.{1 if value < 100.0 else 0}f}"
