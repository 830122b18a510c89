"""One run of `rcd bench loop`: three processes over the middleware, and what they have measured.

Machines change their speed from minute to minute. So a plain rclpy node in the planner's place is measured between
slices of the planner's own time, by the same sensor and receiver: `floor` in the results.
"""

from __future__ import annotations

import io
import itertools
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rcd_ros.benchmarks.loop.loop_receiver_node import DIAGNOSTICS, RECEIVED
from rcd_ros.benchmarks.loop.loop_sensor_node import BEGUN, SENT
from rcd_ros.benchmarks.loop.loop_swapper_node import SWAPS
from rcd_ros.benchmarks.loop.results import LoopRow, Said, Swaps
from rcd_ros.benchmarks.loop.times import LoopTimes, loop_times
from rcd_ros.choices import Trigger
from rcd_ros.errors import RcdError
from rcd_ros.launching.node_process import NodeProcess
from rcd_ros.launching.supervisor import Supervisor
from rcd_ros.nodes.ros.free_domain import free_domain
from rcd_ros.nodes.ros.installation import LOCAL_DISCOVERY, ros_versions
from rcd_ros.planning.manifest import Manifest

NAMESPACE = "rcd_bench"
"""With a ROS domain of its own besides: nothing of this may reach a robot."""
WARM_UP_S = 2.0
"""Observations before the measurement: first plans touch memory and fill caches."""
SETTLED_S = 60.0
"""A planner's memory counts as settled after this time."""
SLICE_S = 120.0
"""Of a long measurement, after which the floor is measured again."""
FLOOR_SHARE, FLOOR_S = 0.25, (2.0, 30.0)
"""Of a slice's time that the floor is measured for, within these bounds (s)."""
SHAPING: dict[str, object] = {"shape": True, "limits.acceleration": [20.0], "limits.jerk": [400.0]}
"""What `shape` asks for; the figures hardly depend on the limits."""
_PLANNER = "planner"


@dataclass(frozen=True)
class LoopSettings:
    """What to run.

    Attributes:
        checkpoint: folder of the planner.
        rate: observations a second, Hz.
        seconds: to measure, s.
        engine: of the planner.
        threads: of the engine.
        trigger: when the node plans.
        realtime_priority: SCHED_FIFO priority of the planner's process; 0: none.
        lock_memory: whether its memory is kept from paging.
        keep_awake: whether the machine's cores are kept from sleeping.
        swap_every: from one hot swap of the checkpoint for itself to the next, s; 0: none.
        shape: whether trajectories are shaped, within limits that the checkpoint need not have.
        cpus: cores that the planner's process keeps to; empty: any.
    """

    checkpoint: Path
    rate: float
    seconds: float
    engine: str = "auto"
    threads: int = 1
    trigger: Trigger = "on_observation"
    realtime_priority: int = 0
    lock_memory: bool = False
    keep_awake: bool = False
    swap_every: float = 0.0
    shape: bool = False
    cpus: tuple[int, ...] = ()

    @property
    def periods(self) -> int:
        """Observations that count."""
        return max(round(self.rate * self.seconds), 1)


@dataclass(frozen=True)
class _Slice:
    """What one set of processes has measured."""

    sent: NDArray[np.int64]
    received: NDArray[np.int64]
    said: Said
    swaps: Swaps | None
    rss_start_mb: float | None
    rss_end_mb: float | None


def run_loop(settings: LoopSettings, manifest: Manifest, progress: Callable[[float], None]) -> LoopRow:
    """Run it to its end, or until SIGINT: slices of the planner, with the floor between them.

    Args:
        settings: what to run.
        manifest: of the checkpoint.
        progress: called with the planner's measured seconds now and then, from another thread.

    Raises:
        RcdError: a node could not run; its last words are in it.
    """
    count = max(round(settings.seconds / SLICE_S), 1)
    part = replace(settings, seconds=settings.seconds / count)
    least, most = FLOOR_S
    floor_part = replace(part, seconds=min(max(FLOOR_SHARE * part.seconds, least), most), swap_every=0.0)
    slices: list[_Slice] = []
    floors: list[_Slice] = []
    for number in range(count):
        with suppress(_Nothing):
            floors.append(_run_slice(floor_part, manifest, lambda seconds: None, floor=True))
            slices.append(_run_slice(part, manifest, partial(_onward, progress, number * part.seconds)))
        if len(slices) <= number or len(slices[-1].sent) < part.periods:
            break  # interrupted
    if not slices:
        raise KeyboardInterrupt("nothing was measured")
    return _row(settings, slices, floors)


def _row(settings: LoopSettings, slices: Sequence[_Slice], floors: Sequence[_Slice]) -> LoopRow:
    times, floor, last = _times(slices, settings.rate), _times(floors, settings.rate), slices[-1]
    return LoopRow(
        rate_hz=settings.rate,
        seconds=round(times.periods / settings.rate, 3),
        **asdict(times),
        holds=times.holds,
        floor_p50_ms=floor.e2e_p50_ms,
        floor_p95_ms=floor.e2e_p95_ms,
        floor_p99_ms=floor.e2e_p99_ms,
        floor_missed=floor.missed,
        floor_periods=floor.periods,
        **ros_versions(),
        complete=times.periods == settings.periods,
        rss_start_mb=slices[0].rss_start_mb,
        rss_end_mb=last.rss_end_mb,
        engine=last.said.planner.engine if last.said.planner else settings.engine,
        threads=settings.threads,
        trigger=settings.trigger,
        realtime_priority=settings.realtime_priority,
        lock_memory=settings.lock_memory,
        keep_awake=settings.keep_awake,
        cpu_affinity=settings.cpus,
        shape=settings.shape,
        swap_every_s=settings.swap_every,
        swaps=_all_swaps(slices) if settings.swap_every else None,
        planner=last.said.planner,
        diagnostics=last.said.diagnostics,
    )


def _onward(progress: Callable[[float], None], before: float, seconds: float) -> None:
    progress(before + seconds)


class _Nothing(Exception):
    """A slice was interrupted before it had measured anything."""


def _run_slice(
    settings: LoopSettings, manifest: Manifest, progress: Callable[[float], None], floor: bool = False
) -> _Slice:
    output = io.StringIO()
    with tempfile.TemporaryDirectory(prefix="rcd-bench-") as name:
        folder = Path(name)
        supervisor = Supervisor(output, environment={"ROS_DOMAIN_ID": str(free_domain()), **LOCAL_DISCOVERY})
        supervisor.add_nodes(_processes(settings, manifest, folder, floor))
        watch = _Watch(folder / BEGUN, lambda: supervisor.process_id(_PLANNER), progress)
        watch.start()
        try:
            supervisor.run()
        finally:
            watch.stop()
        if failure := supervisor.failure:
            raise RcdError(f"the bench's nodes could not run: {failure.name} {failure.ending}: {failure.last_line}")
        try:
            sent, received = np.load(folder / SENT), np.load(folder / RECEIVED)
            said = Said.model_validate_json((folder / DIAGNOSTICS).read_text())
            swaps = Swaps.model_validate_json((folder / SWAPS).read_text()) if settings.swap_every else None
        except FileNotFoundError as error:
            raise _Nothing from error
        return _Slice(sent, received, said, swaps, watch.rss_start_mb, watch.rss_end_mb)


def _times(slices: Sequence[_Slice], rate: float) -> LoopTimes:
    sent = np.concatenate([part.sent for part in slices])
    received = np.concatenate([part.received for part in slices])
    return loop_times(sent, received[:, 0], received[:, 1], 1.0 / rate)


def _all_swaps(slices: Sequence[_Slice]) -> Swaps:
    parts = [part.swaps for part in slices if part.swaps is not None]
    return Swaps(
        seconds=tuple(itertools.chain.from_iterable(part.seconds for part in parts)),
        refusals=tuple(itertools.chain.from_iterable(part.refusals for part in parts)),
    )


def _processes(settings: LoopSettings, manifest: Manifest, folder: Path, floor: bool) -> list[NodeProcess]:
    checkpoint, output = str(settings.checkpoint), str(folder)
    sensor = {
        "checkpoint": checkpoint,
        "output": output,
        "rate": settings.rate,
        "periods": settings.periods,
        "warm_up": WARM_UP_S,
    }
    swapper = {"output": output, "every": settings.swap_every, "planner": _PLANNER}
    capacity = 2 * settings.periods + round(2.0 * WARM_UP_S * settings.rate)
    receiver = {"topic": manifest.task.command.topic, "output": output, "capacity": capacity}
    planner = (
        NodeProcess("loop_floor_node", _PLANNER, {"checkpoint": checkpoint}, namespace=NAMESPACE)
        if floor
        else NodeProcess("planner_node", _PLANNER, _planner_parameters(settings), namespace=NAMESPACE)
    )
    return [
        planner,
        NodeProcess("loop_receiver_node", "receiver", receiver, namespace=NAMESPACE),
        *([NodeProcess("loop_swapper_node", "swapper", swapper, namespace=NAMESPACE)] if settings.swap_every else []),
        NodeProcess("loop_sensor_node", "sensor", sensor, namespace=NAMESPACE, required=True),
    ]


def _planner_parameters(settings: LoopSettings) -> dict[str, object]:
    return {
        "checkpoint": str(settings.checkpoint),
        "engine": settings.engine,
        "threads": settings.threads,
        "trigger": settings.trigger,
        "rate": settings.rate,
        "realtime_priority": settings.realtime_priority,
        "lock_memory": settings.lock_memory,
        "keep_awake": settings.keep_awake,
        **({"cpu_affinity": list(settings.cpus)} if settings.cpus else {}),
        **(SHAPING if settings.shape else {}),
    }


class _Watch(threading.Thread):
    """Looks twice a second how far the measurement is and how much memory the planner holds."""

    def __init__(self, begun: Path, planner: Callable[[], int | None], progress: Callable[[float], None]) -> None:
        super().__init__(name="bench-watch", daemon=True)
        self.rss_start_mb: float | None = None
        self.rss_end_mb: float | None = None
        self._begun, self._planner, self._progress = begun, planner, progress
        self._ended = threading.Event()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join()

    def run(self) -> None:
        beginning: float | None = None
        settled = False
        while not self._ended.wait(0.5):
            if beginning is None and self._begun.exists():
                beginning = time.monotonic()
            if beginning is None:
                continue
            elapsed = time.monotonic() - beginning
            self._progress(elapsed)
            rss = _resident_mb(self._planner())
            if rss is None:
                continue
            if self.rss_start_mb is None or (elapsed >= SETTLED_S and not settled):
                self.rss_start_mb, settled = rss, elapsed >= SETTLED_S
            self.rss_end_mb = rss


def _resident_mb(process: int | None) -> float | None:
    """None where it has ended, or the system does not tell."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 2) if pages else None
