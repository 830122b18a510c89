"""What `rcd bench loop` writes, and what its nodes hand over for it."""

from __future__ import annotations

from rcd_ros.evaluation.results import Record
from rcd_ros.nodes.planner.report import PlannerReport


class Swaps(Record):
    """Hot swaps of a planner's checkpoint while it plans.

    Attributes:
        seconds: that each took, s.
        refusals: the planner's reasons.
    """

    seconds: tuple[float, ...]
    refusals: tuple[str, ...]


class Said(Record):
    """What a planner said of itself last.

    Attributes:
        planner: its report; None where it made no plan.
        diagnostics: all entries of its diagnostics.
    """

    planner: PlannerReport | None
    diagnostics: dict[str, str]


class LoopRow(Record):
    """A planner between sensor and receiver at one rate. Times are from the sensor's stamp to the received trajectory.

    Attributes:
        rate_hz: observations a second.
        seconds: that were measured.
        e2e_p50_ms: over the trajectories that came; likewise the others. None where none came.
        missed: observations whose trajectory had not come within one period, those included for which none ever came.
        periods: observations.
        holds: whether the rate was held (`times.LoopTimes`).
        floor_p50_ms: as `e2e_p50_ms`, of a plain rclpy node in the planner's place; likewise the others.
        rmw: the middleware.
        rclpy: its version.
        ros_distro: ROS 2's distribution.
        complete: whether the run came to its end.
        rss_start_mb: resident memory of the planner's process (10^6 bytes) after a minute, or, in a shorter run, after
            the warm-up; None where the system does not tell.
        rss_end_mb: at the end.
        engine: that ran the planner's network.
        threads: of the engine.
        trigger: when the node plans.
        realtime_priority: SCHED_FIFO priority that was asked for; 0: none.
        lock_memory: whether the planner's memory was kept from paging.
        keep_awake: whether the machine's cores were kept from sleeping.
        cpu_affinity: cores that the planner's process kept to; empty: any.
        shape: whether trajectories were shaped.
        swap_every_s: from one hot swap to the next, s; 0: none.
        swaps: the hot swaps; None where none was asked for.
        planner: the planner's report of itself.
        diagnostics: all entries of its last diagnostics.
    """

    rate_hz: float
    seconds: float
    e2e_p50_ms: float | None
    e2e_p95_ms: float | None
    e2e_p99_ms: float | None
    e2e_max_ms: float | None
    missed: int
    periods: int
    holds: bool
    floor_p50_ms: float | None
    floor_p95_ms: float | None
    floor_p99_ms: float | None
    floor_missed: int
    floor_periods: int
    rmw: str
    rclpy: str
    ros_distro: str
    complete: bool
    rss_start_mb: float | None
    rss_end_mb: float | None
    engine: str
    threads: int
    trigger: str
    realtime_priority: int
    lock_memory: bool
    keep_awake: bool
    cpu_affinity: tuple[int, ...]
    shape: bool
    swap_every_s: float
    swaps: Swaps | None
    planner: PlannerReport | None
    diagnostics: dict[str, str]
