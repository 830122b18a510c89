"""Planners of others beside ours: the same observations, cores and number of threads, in turns within one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from rcd_ros.benchmarks.other_environment import OtherEnvironment, Worker, run_worker
from rcd_ros.benchmarks.timing import rehearsal, summarize_times, take_turns, time_calls, varied_observations
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.results import Record
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
    settings: Mapping[str, str | int]


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
Times = NDArray[np.int64]


class PeerTimes(Record):
    """Wall times of one planner's plans: percentiles and maximum, ms.

    Attributes:
        planner: whose they are, for people.
        nfe: network evaluations a plan.
        parameters: of the peer's network; None for ours.
        p50_ms: likewise the others.
        plans: how many were timed.
        times_ours: its median over that of our planner in its fastest engine.
    """

    planner: str
    nfe: int
    parameters: int | None
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    plans: int
    times_ours: float


def check_peers(names: Sequence[str]) -> dict[str, Peer]:
    """The named peers, all of them where none is named.

    Raises:
        RcdError: there is no such peer.
    """
    for name in names:
        if name not in PEERS:
            raise RcdError(f"there is no peer '{name}'{did_you_mean(name, PEERS)}; known: {', '.join(PEERS)}")
    return {name: PEERS[name] for name in names or PEERS}


class _Build(Record):
    """The first question to the worker."""

    observations: list[list[float]]
    commands: int
    horizon: int
    threads: int
    peers: dict[str, dict[str, str | int]]


class _Built(Record):
    """Its answer: the number of parameters of each peer, and versions."""

    ready: dict[str, int]
    lerobot: str
    torch: str


class _Turn(Record):
    """Each question after it."""

    peer: str
    plans: int


class _Timed(Record):
    """The answer to that."""

    durations_ns: list[int]


@dataclass(frozen=True)
class _Side:
    """A planner that is timed.

    Attributes:
        label: for people.
        nfe: network evaluations a plan.
        parameters: of a peer's network.
        warm_up: plans before those that count.
        turn: plans in a row whenever it is its turn.
        time: makes some plans; returns their durations (n,), ns.
    """

    label: str
    nfe: int
    parameters: int | None
    warm_up: int
    turn: int
    time: Callable[[int], Times]


def time_peers(
    checkpoint: Path,
    engines: Sequence[str],
    peers: Mapping[str, Peer],
    python: Path,
    threads: int,
    rounds: int,
    tick: Callable[[], object],
) -> tuple[list[PeerTimes], dict[str, str]]:
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
        A row for each, ours first, and the versions of the peers' libraries.

    Raises:
        RcdError: checkpoint or engine cannot be used, or the worker cannot build a peer for this horizon.
    """
    manifest = verify(checkpoint)
    observations = varied_observations(manifest)
    planners = {p.engine.name: p for p in (Planner.load(checkpoint, e, threads=threads) for e in engines)}
    question = _Build(
        observations=observations[:, -1].tolist(),
        commands=manifest.task.command.size,
        horizon=manifest.horizon,
        threads=threads,
        peers={name: dict(peer.settings) for name, peer in peers.items()},
    )
    sides = []
    for name, planner in planners.items():
        timed = partial(_time, planner, rehearsal(planner, observations))
        sides.append(_Side(f"ours, {name}", 1, None, OUR_WARM_UP, OUR_TURN, timed))
    try:
        with run_worker(python, "lerobot_worker", (), threads) as worker:
            built = worker.ask(question, _Built)
            for name, peer in peers.items():
                timed = partial(_time_peer, worker, name)
                sides.append(_Side(peer.label, peer.nfe, built.ready[name], PEER_WARM_UP, peer.turn, timed))
            for side in sides:
                side.time(side.warm_up)
            times = take_turns([partial(side.time, side.turn) for side in sides], rounds, tick)
    finally:
        for planner in planners.values():
            planner.close()
    fastest = min(summarize_times(each).p50_ms for each in times[: len(planners)])
    rows = [_row(side, each, fastest) for side, each in zip(sides, times, strict=True)]
    return rows, {"lerobot": built.lerobot, "torch": built.torch}


def _time(planner: Planner, plan: Callable[[], object], plans: int) -> Times:
    times = np.zeros(plans, np.int64)
    time_calls(plan, times, prepare=planner.prepare)
    return times


def _time_peer(worker: Worker, peer: str, plans: int) -> Times:
    return np.asarray(worker.ask(_Turn(peer=peer, plans=plans), _Timed).durations_ns, np.int64)


def _row(side: _Side, times: Times, fastest_ms: float) -> PeerTimes:
    latency = summarize_times(times)
    return PeerTimes(
        planner=side.label,
        nfe=side.nfe,
        parameters=side.parameters,
        **latency._asdict(),
        times_ours=latency.p50_ms / fastest_ms,
    )


def peers_table(rows: Sequence[PeerTimes]) -> Table:
    """The rows for people, times in ms."""
    table = Table("planner", "NFE", "parameters", "p50 ms", "p95 ms", "p99 ms", "plans", "p50 / ours", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(
            row.planner,
            str(row.nfe),
            "-" if row.parameters is None else f"{row.parameters / 1e6:.1f} M",
            *map(_three_digits, (row.p50_ms, row.p95_ms, row.p99_ms)),
            str(row.plans),
            f"{_three_digits(row.times_ours)}x",
        )
    return table


def _three_digits(value: float) -> str:
    """At least three digits, none of them after an exponent."""
    return f"{value:.{2 if value >= 1.0 else 3}f}" if value < 10.0 else f"{value:,.{1 if value < 100.0 else 0}f}"
