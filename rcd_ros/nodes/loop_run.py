"""One run of `rcd bench loop`: three processes over the middleware, and what they have measured."""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rcd_ros.errors import RcdError
from rcd_ros.evaluation.loop import LoopTimes, loop_times
from rcd_ros.launching.bringup import NodeProcess
from rcd_ros.launching.supervisor import Supervisor, node_command
from rcd_ros.nodes.loop_receiver_node import DIAGNOSTICS, RECEIVED
from rcd_ros.nodes.loop_sensor_node import BEGUN, SENT
from rcd_ros.nodes.loop_swapper_node import SWAPS
from rcd_ros.nodes.ros.free_domain import free_domain
from rcd_ros.nodes.ros.installation import LOCAL_DISCOVERY
from rcd_ros.planning.manifest import Manifest

NAMESPACE = "rcd_bench"
"""With a ROS domain of its own besides: nothing of this may reach a robot."""
WARM_UP_S = 2.0
"""Observations before the measurement: first plans touch memory and fill caches."""
SETTLED_S = 60.0
"""A planner's memory counts as settled after this time."""
SHAPING = {"shape": True, "limits.acceleration": [20.0], "limits.jerk": [400.0]}
"""What `shape` asks for; the figures hardly depend on the limits."""
_PLANNER = "planner"


@dataclass(frozen=True)
class LoopSettings:
    """What to run: `rate` observations a second for `seconds`."""

    checkpoint: Path
    rate: float
    seconds: float
    engine: str = "auto"
    threads: int = 1
    trigger: str = "on_observation"
    realtime_priority: int = 0
    lock_memory: bool = False
    keep_awake: bool = False
    swap_every: float = 0.0
    """s between two exchanges of the planner for itself, loaded anew; 0: none."""
    shape: bool = False
    """Whether trajectories are shaped, within limits that the checkpoint need not have."""
    cpus: tuple[int, ...] = ()
    """Cores that the planner's process keeps to; empty: any."""

    @property
    def periods(self) -> int:
        """Observations that count."""
        return max(round(self.rate * self.seconds), 1)


@dataclass(frozen=True)
class LoopRun:
    """What came of it.

    Attributes:
        settings: what was run.
        times: sensor stamp to trajectory received.
        rss_start_mb: resident memory of the planner's process (10^6 bytes) after a minute, or, in a shorter run, after
            the warm-up; None where the system does not tell.
        rss_end_mb: at the end.
        planner: the planner's report on itself.
        diagnostics: all it said last.
        swaps: exchanges of the planner that were made, how long each took (s), and what was refused; None: none asked.
    """

    settings: LoopSettings
    times: LoopTimes
    rss_start_mb: float | None
    rss_end_mb: float | None
    planner: dict[str, Any] | None
    diagnostics: dict[str, str]
    swaps: dict[str, Any] | None = None

    @property
    def complete(self) -> bool:
        """Whether it came to its end."""
        return self.times.periods == self.settings.periods

    def as_json(self) -> dict[str, Any]:
        """For a JSON file."""
        settings = self.settings
        return {
            "rate_hz": settings.rate,
            "seconds": round(self.times.periods / settings.rate, 3),
            **asdict(self.times),
            "holds": self.times.holds,
            "complete": self.complete,
            "rss_start_mb": self.rss_start_mb,
            "rss_end_mb": self.rss_end_mb,
            "engine": self.planner["engine"] if self.planner else settings.engine,
            "threads": settings.threads,
            "trigger": settings.trigger,
            "realtime_priority": settings.realtime_priority,
            "lock_memory": settings.lock_memory,
            "keep_awake": settings.keep_awake,
            "cpu_affinity": list(settings.cpus),
            "shape": settings.shape,
            "swap_every_s": settings.swap_every,
            "swaps": self.swaps,
            "planner": self.planner,
            "diagnostics": self.diagnostics,
        }


def run_loop(settings: LoopSettings, manifest: Manifest, progress: Callable[[float], None]) -> LoopRun:
    """Run it to its end, or until SIGINT.

    Args:
        settings: what to run.
        manifest: of the checkpoint.
        progress: told the measured seconds now and then, from another thread.

    Raises:
        RcdError: a node could not run; its last words are in it.
    """
    output = io.StringIO()
    with tempfile.TemporaryDirectory(prefix="rcd-bench-") as name:
        folder = Path(name)
        supervisor = Supervisor(output, environment={"ROS_DOMAIN_ID": str(free_domain()), **LOCAL_DISCOVERY})
        for process in _processes(settings, manifest, folder):
            supervisor.add(process.name, node_command(process), process.required)
        watch = _Watch(folder / BEGUN, lambda: supervisor.process_id(_PLANNER), progress)
        watch.start()
        try:
            code = supervisor.run()
        finally:
            watch.stop()
        if code != 0:
            raise RcdError(f"the bench's nodes could not run: {_last_words(output.getvalue())}")
        return _result(settings, folder, watch)


def _processes(settings: LoopSettings, manifest: Manifest, folder: Path) -> list[NodeProcess]:
    checkpoint, output = str(settings.checkpoint), str(folder)
    planner = {
        "checkpoint": checkpoint,
        "engine": settings.engine,
        "threads": settings.threads,
        "trigger": settings.trigger,
        "rate": settings.rate,
        "realtime_priority": settings.realtime_priority,
        "lock_memory": settings.lock_memory,
        "keep_awake": settings.keep_awake,
    }
    if settings.cpus:
        planner["cpu_affinity"] = list(settings.cpus)
    sensor = {
        "checkpoint": checkpoint,
        "output": output,
        "rate": settings.rate,
        "periods": settings.periods,
        "warm_up": WARM_UP_S,
    }
    if settings.shape:
        planner |= SHAPING
    swapper = {"output": output, "every": settings.swap_every, "planner": _PLANNER}
    capacity = 2 * settings.periods + round(2.0 * WARM_UP_S * settings.rate)
    receiver = {"topic": manifest.task.command.topic, "output": output, "capacity": capacity}
    return [
        NodeProcess("planner_node", _PLANNER, planner, namespace=NAMESPACE),
        NodeProcess("loop_receiver_node", "receiver", receiver, namespace=NAMESPACE),
        *([NodeProcess("loop_swapper_node", "swapper", swapper, namespace=NAMESPACE)] if settings.swap_every else []),
        NodeProcess("loop_sensor_node", "sensor", sensor, namespace=NAMESPACE, required=True),
    ]


def _result(settings: LoopSettings, folder: Path, watch: _Watch) -> LoopRun:
    try:
        sent, received = np.load(folder / SENT), np.load(folder / RECEIVED)
        said = json.loads((folder / DIAGNOSTICS).read_text())
    except FileNotFoundError as error:
        raise KeyboardInterrupt("nothing was measured") from error
    times = loop_times(sent, received[:, 0], received[:, 1], 1.0 / settings.rate)
    swaps = json.loads((folder / SWAPS).read_text()) if settings.swap_every else None
    return LoopRun(settings, times, watch.rss_start_mb, watch.rss_end_mb, said["planner"], said["diagnostics"], swaps)


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


def _last_words(output: str) -> str:
    """What the first process that failed wrote last."""
    words: dict[str, str] = {}
    for line in output.splitlines():
        found = re.match(r"\S+ (\S+) *\| (.*)", line)
        if found is None:
            continue
        speaker, text = found.groups()
        failed = re.match(r"(\S+) exited with code", text) if speaker == "launch" else None
        if failed:
            return f"{text}: {words.get(failed[1], 'it said nothing')}"
        words[speaker] = text
    return words.get("launch", "they said nothing")
