"""Seeded episodes of a simulation on one simulated clock: what a bridge runs, without ROS."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.simulation import Simulation

GAP = 10_000_000_000
"""Simulated time (ns) between episodes. The clock never jumps back, so a plan for one episode cannot be taken for one
of the next; and a planner whose history spans less than this starts each episode with a fresh one."""


@dataclass
class EpisodeRecord:
    """One episode, as it is reported."""

    episode: int
    seed: int
    completed_at: dict[str, int] = field(default_factory=dict)
    """Goal -> step (from 0) at which it was completed."""
    total_reward: float = 0.0
    steps: int = 0
    held_steps: int = 0
    """Steps without a valid plan: the robot held its position."""
    wall_s: float = 0.0


class Episodes:
    """Runs `count` episodes with seeds `seed`, `seed + 1`, ...; 0 means without end."""

    def __init__(self, simulation: Simulation, count: int, seed: int) -> None:
        """Be ready to `begin` the first one."""
        self.simulation = simulation
        self.spec: TaskSpec = simulation.spec
        self.now = 0
        """Simulated time, ns."""
        self.finished: list[EpisodeRecord] = []
        self.running: EpisodeRecord | None = None
        self.observation: NDArray[np.float64] = np.empty(0)
        """The newest observation vector, in the data set's columns."""
        self._count = count
        self._seed = seed
        self._period = round(self.spec.control_period * 1e9)
        self._begun = 0.0

    @property
    def all_done(self) -> bool:
        """Whether no episode is left."""
        return self._count > 0 and len(self.finished) >= self._count

    def begin(self) -> None:
        """Start the next episode, or the running one anew."""
        if self.observation.size:
            self.now += GAP
        index = len(self.finished)
        self.running = EpisodeRecord(episode=index, seed=self._seed + index)
        self.observation = self.simulation.reset(self.running.seed)
        self._begun = time.monotonic()

    def advance(self, command: NDArray[np.float64], held: bool) -> tuple[str, ...]:
        """Apply a command (n_cmd,) for one period; returns the goals it completed.

        When that ended the episode, `running` is None afterwards and the episode is the last of `finished`.
        """
        record = self.running
        if record is None:
            raise RuntimeError("no episode is running: begin one first")
        result = self.simulation.step(command)
        self.now += self._period
        self.observation = result.observation
        record.completed_at.update(dict.fromkeys(result.completed, record.steps))
        record.steps += 1
        record.held_steps += held
        record.total_reward += result.reward
        if result.terminated or result.truncated:
            record.wall_s = time.monotonic() - self._begun
            self.finished.append(record)
            self.running = None
        return result.completed

    def summary(self) -> dict[str, Any]:
        """Scores over the finished episodes, under the names that `rcd eval` uses (`evaluation.report`)."""
        goals = self.spec.score.goals
        results: list[dict[str, Any]] = [
            {
                "seed": record.seed,
                "steps": record.steps,
                "held_steps": record.held_steps,
                "score": self._score(record),
                "return": record.total_reward,
                "completed_at": record.completed_at,
                "wall_s": record.wall_s,
            }
            for record in self.finished
        ]
        count = len(results)
        return {
            "task": self.spec.name,
            "episodes": count,
            "horizon_steps": self.spec.episode_steps,
            "seed": self._seed,
            "complete": self.all_done,
            "score_mean": sum(result["score"] for result in results) / count if count else None,
            "tasks_completed_mean": sum(len(result["completed_at"]) for result in results) / count if count else None,
            "per_task": {g: sum(g in r["completed_at"] for r in results) / count for g in goals} if count else {},
            "episode_results": results,
        }

    def _score(self, record: EpisodeRecord) -> float:
        counted = self.spec.score.kind == "completions"
        return self.spec.score.score(len(record.completed_at) if counted else record.total_reward)


def describe(record: EpisodeRecord, spec: TaskSpec) -> str:
    """One line about a finished episode."""
    goals = ", ".join(f"{goal} in step {step}" for goal, step in record.completed_at.items()) or "none"
    held = f", {record.held_steps} steps without a plan" if record.held_steps else ""
    done = f"{len(record.completed_at)} of {len(spec.score.goals)} tasks"
    seeded = f"episode {record.episode + 1} (seed {record.seed})"
    return f"{seeded}: {done} in {record.steps} steps, {record.wall_s:.1f} s ({goals}{held})"
