"""Runs each planner in lockstep, then beside a simulator on the wall clock."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rcd_ros.benchmarks.realtime.contenders import LOCKSTEP, Contender, Speed
from rcd_ros.benchmarks.realtime.progress import Progress
from rcd_ros.benchmarks.realtime.rows import RealtimeResults, RealtimeSetting, lockstep_row, realtime_row
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.policy import CheckpointPolicy
from rcd_ros.evaluation.results import BridgeResults
from rcd_ros.evaluation.rollout import Drive, check_fit, run_episodes
from rcd_ros.launching.node_process import NodeProcess
from rcd_ros.launching.supervisor import Supervisor
from rcd_ros.nodes.ros.free_domain import free_domain
from rcd_ros.planning.checkpoint import checkpoint_sha256
from rcd_ros.tasks.task import Task

PLAN_TIMEOUT_S = 180.0
"""How long a bridge waits for the planner to load, compile and measure what it needs."""
STEP_S = 0.004
"""Guess for a simulated step in lockstep; only the progress bar's expectation depends on it."""


@dataclass(frozen=True)
class Runs:
    """Lockstep episodes and runs on the wall clock of one checkpoint, and what they share.

    Attributes:
        checkpoint: folder of student and teacher.
        task: what is simulated.
        engine: of the student.
        seed: of the first episode, and of the planning noise.
        episodes: per planner and speed.
        drive: how plans are executed; its latency is that of the lockstep episodes.
        workers: processes that drive the lockstep episodes.
    """

    checkpoint: Path
    task: Task
    engine: str
    seed: int
    episodes: int
    drive: Drive
    workers: int

    def setting(self) -> RealtimeSetting:
        """What the rows share."""
        return RealtimeSetting(
            task=self.task.spec.name,
            checkpoint_sha256=checkpoint_sha256(self.checkpoint),
            episodes=self.episodes,
            horizon_steps=self.task.spec.episode_steps,
            seed=self.seed,
            mode=self.drive.settings.mode,
            execute=self.drive.settings.execute,
            shape=self.drive.settings.shape,
            engine=self.engine,
        )

    def run(self, contenders: Sequence[Contender], speeds: Sequence[float], results: RealtimeResults) -> None:
        """Add the rows that `results` still lacks.

        Raises:
            RcdError: a planner cannot be loaded, does not fit the task, or a node ended with an error.
            KeyboardInterrupt: the run was interrupted; the finished rows are in `results`.
        """
        asked: list[Speed] = [LOCKSTEP, *speeds]
        missing: dict[Contender, list[Speed]] = {}
        loaded: dict[Contender, tuple[int, float]] = {}
        for contender in contenders:
            missing[contender] = [speed for speed in asked if results.find(contender, speed) is None]
            if missing[contender]:
                loaded[contender] = self._load(contender)
        expected = {
            (contender, speed): self._expected_s(speed, plan_s)
            for contender, (_, plan_s) in loaded.items()
            for speed in missing[contender]
        }
        with Progress(self.episodes * sum(expected.values())) as progress:
            for (contender, speed), expected_s in expected.items():
                nfe, _ = loaded[contender]
                progress.begin(f"{contender.name}, {speed if speed == LOCKSTEP else f'{speed:g}x'}", expected_s)
                if speed == LOCKSTEP:
                    row = lockstep_row(contender, nfe, self._drive_lockstep(contender, progress), self.seed)
                else:
                    reference = results.find(contender, LOCKSTEP)
                    assert reference is not None
                    driven = self._drive_realtime(contender, speed, progress)
                    row = realtime_row(contender, nfe, speed, self.task.spec.control_period, driven, reference)
                results.add(row)

    def _source(self, contender: Contender) -> CheckpointPolicy:
        kind, nfe = contender.kind, contender.nfe
        return CheckpointPolicy(self.checkpoint, kind, nfe, engine=self.engine, judged=False)

    def _load(self, contender: Contender) -> tuple[int, float]:
        """Evaluations per plan that are really made, and about how long a plan takes (s)."""
        policy = self._source(contender).load()
        check_fit(policy, self.task, self.drive)
        for _ in range(2):  # the first is slow
            begin = time.perf_counter()
            policy.plan(np.zeros((policy.history, policy.spec.observation_size)))
        return policy.nfe, time.perf_counter() - begin

    def _expected_s(self, speed: Speed, plan_s: float) -> float:
        """Wall time of an episode that takes all its steps (s)."""
        steps = self.task.spec.episode_steps
        if speed == LOCKSTEP:
            return steps * (plan_s + STEP_S) / self.workers
        return steps * self.task.spec.control_period / speed

    def _drive_lockstep(self, contender: Contender, progress: Progress) -> list[float]:
        """The scores of the episodes when the world waits for each plan."""
        seeds = range(self.seed, self.seed + self.episodes)
        scores: list[float] = []
        for result in run_episodes(self.task, self._source(contender), seeds, self.drive, self.workers):
            scores.append(self.task.spec.score.score(result.value(self.task.spec)))
            progress.reach(len(scores), sum(scores) / len(scores))
        return scores

    def _drive_realtime(self, contender: Contender, speed: float, progress: Progress) -> BridgeResults:
        """What the bridge wrote of its episodes, with the planner in a process of its own."""
        with tempfile.TemporaryDirectory(prefix="rcd-bench-") as room:
            file = Path(room) / "results.json"
            supervisor = Supervisor(io.StringIO(), environment={"ROS_DOMAIN_ID": str(free_domain())})
            supervisor.add_nodes(self._nodes(contender, speed, file))
            with progress.following(file):
                supervisor.run()
            results = BridgeResults.read(file) if file.exists() else None
        if failure := supervisor.failure:
            # What ended first ended the others, and one that was still importing may have failed by that.
            raise RcdError(
                f"{contender.name} at {speed:g}x ended with exit code {failure.exit_code}: {failure.last_line}"
            )
        if results is None or not results.complete:
            raise KeyboardInterrupt
        return results

    def _nodes(self, contender: Contender, speed: float, results: Path) -> list[NodeProcess]:
        spec = self.task.spec
        planner = {"checkpoint": str(self.checkpoint), "use_sim_time": True, "threads": 1, "seed": self.seed}
        settings = self.drive.settings
        planner |= {name: getattr(settings, name) for name in ("mode", "execute", "delay", "shape", "anchor")}
        planner |= {"engine": self.engine} if contender.kind == "student" else {"nfe": contender.nfe}
        bridge = {
            "mode": "realtime",
            "speed": speed,
            "episodes": self.episodes,
            "episode_steps": spec.episode_steps,
            **({"task": str(self.checkpoint)} if self.task.bridge_options is None else self.task.bridge_options),
            "seed": self.seed,
            "plan_timeout": PLAN_TIMEOUT_S,
            "results": str(results),
            "shutdown_when_done": True,
        }
        executable = "planner_node" if contender.kind == "student" else "teacher_node"
        return [
            NodeProcess(executable, "planner", planner),
            NodeProcess(self.task.bridge, "bridge", bridge, required=True),
        ]
