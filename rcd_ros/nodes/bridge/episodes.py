"""Seeded episodes of a simulation on one simulated clock; no ROS is needed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.evaluation.results import BridgeResults, EpisodeScore, scores_of
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.interface import Keyframed, Simulation
from rcd_ros.suggest import did_you_mean

GAP = 10_000_000_000
"""Simulated time (ns) between episodes. The clock never jumps back, so a plan for one episode is stale in the next; a
planner whose history spans less than this starts each episode with a new one."""

SEED_PREFIX = "seed:"


@dataclass(frozen=True)
class EpisodeStart:
    """Where an episode begins on request: from a seed, from a keyframe, or (neither) where it began before."""

    seed: int | None = None
    keyframe: str = ""

    @classmethod
    def from_text(cls, text: str) -> EpisodeStart:
        """What a request says: a keyframe's name, or `seed:7`, or nothing.

        Raises:
            RcdError: what follows `seed:` is no whole number.
        """
        if not text.startswith(SEED_PREFIX):
            return cls(keyframe=text)
        number = text.removeprefix(SEED_PREFIX).strip()
        if not number.isdecimal():
            raise RcdError(f"'{text}' is no seed: write {SEED_PREFIX} and a whole number, such as {SEED_PREFIX}7")
        return cls(seed=int(number))


@dataclass
class EpisodeRecord:
    """The record of one episode."""

    episode: int
    seed: int
    completed_at: dict[str, int] = field(default_factory=dict)
    """Goal -> step (from 0) at which it was completed."""
    total_reward: float = 0.0
    steps: int = 0
    held_steps: int = 0
    """Steps without a valid plan: the robot held its position."""
    wall_s: float = 0.0
    keyframe: str = ""
    """The state from which it began, where a request named one."""


class Episodes:
    """Runs `count` episodes with seeds `seed`, `seed + 1`, ...; 0 means without end."""

    def __init__(self, simulation: Simulation, count: int, seed: int, begin_at: int = 0) -> None:
        """Be ready to `begin` the first one, at `begin_at` ns of simulated time."""
        self.simulation = simulation
        self.spec: TaskSpec = simulation.spec
        self.now = begin_at
        """Simulated time, ns."""
        self.finished: list[EpisodeRecord] = []
        self.running: EpisodeRecord | None = None
        self.observation: NDArray[np.float64] = np.empty(0)
        """The newest observation vector, in the data set's columns."""
        self._count = count
        self._seed = seed
        self.period = round(self.spec.control_period * 1e9)
        """Of a step, ns."""
        self._begun = 0.0

    @property
    def all_done(self) -> bool:
        """Whether no episode is left."""
        return self._count > 0 and len(self.finished) >= self._count

    def begin(self, start: EpisodeStart | None = None) -> None:
        """Start the next episode, or restart the running one, from another seed or a keyframe where `start` has one.

        Raises:
            RcdError: there is no such keyframe; nothing has changed then.
        """
        start = start or EpisodeStart()
        index = len(self.finished)
        seed = self._seed + index if start.seed is None else start.seed
        observation = self._reset_to(start.keyframe) if start.keyframe else self.simulation.reset(seed)
        if self.observation.size:
            self.now += GAP
        self.running = EpisodeRecord(episode=index, seed=seed, keyframe=start.keyframe)
        self.observation = observation
        self._begun = time.monotonic()

    def advance(self, command: NDArray[np.float64], held: bool) -> tuple[str, ...]:
        """Apply a command (n_cmd,) for one period; returns the goals it completed.

        When that ended the episode, `running` is None afterwards and the episode is the last of `finished`.
        """
        record = self.running
        if record is None:
            raise RuntimeError("no episode is running: begin one first")
        result = self.simulation.step(command)
        self.now += self.period
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

    def summary(self) -> dict[str, object]:
        """Scores over the finished episodes, as `evaluation.results.BridgeResults` reads them."""
        episodes = [
            EpisodeScore(
                seed=record.seed,
                steps=record.steps,
                held_steps=record.held_steps,
                score=self._score(record),
                return_=record.total_reward,
                completed_at=dict(record.completed_at),
                wall_s=record.wall_s,
            )
            for record in self.finished
        ]
        scores = BridgeResults(**scores_of(self.spec, episodes), seed=self._seed, complete=self.all_done)
        return scores.as_json()

    def _reset_to(self, keyframe: str) -> NDArray[np.float64]:
        known = self.simulation.keyframes if isinstance(self.simulation, Keyframed) else ()
        if not isinstance(self.simulation, Keyframed) or keyframe not in known:
            has = f"it has: {', '.join(known)}" if known else f"it has none; {SEED_PREFIX}7 begins from a seed"
            raise RcdError(f"'{self.spec.name}' has no keyframe '{keyframe}'{did_you_mean(keyframe, known)}; {has}")
        return self.simulation.reset_to(keyframe)

    def _score(self, record: EpisodeRecord) -> float:
        counted = self.spec.score.kind == "completions"
        return self.spec.score.score(len(record.completed_at) if counted else record.total_reward)


def describe(record: EpisodeRecord, spec: TaskSpec) -> str:
    """One line about a finished episode."""
    held = f", {record.held_steps} steps without a plan" if record.held_steps else ""
    if spec.score.kind == "return":
        how = f"return {record.total_reward:.4g} in {record.steps} steps, {record.wall_s:.1f} s{held}"
        return f"episode {record.episode + 1} (seed {record.seed}): {how}"
    goals = ", ".join(f"{goal} in step {step}" for goal, step in record.completed_at.items()) or "none"
    done = f"{len(record.completed_at)} of {len(spec.score.goals)} tasks"
    seeded = f"episode {record.episode + 1} (seed {record.seed})"
    return f"{seeded}: {done} in {record.steps} steps, {record.wall_s:.1f} s ({goals}{held})"
