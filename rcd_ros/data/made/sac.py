"""Soft actor-critic (sbx, JAX) to a wanted score, resumable to the digit: the first half of D4RL's recipe.

The training is evaluated, saved and ended between two episodes only; `sac_agent` has what is saved.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback

from rcd_ros.data.made.actor import Actor, load_actor
from rcd_ros.data.made.d4rl_recipe import Robot, drive_episode, make_environment
from rcd_ros.data.made.sac_agent import (
    ARRAYS,
    actor_of,
    make_agent,
    restore_agent,
    save_agent,
    save_arrays,
    transitions,
)
from rcd_ros.errors import RcdError
from rcd_ros.outputs import write_json

EVALUATION_SEED = 10_000
MEDIUM, EXPERT = 100.0 / 3.0, 100.0
"""Normalised scores that medium and expert level begin at."""


@dataclass(frozen=True)
class SacSettings:
    """How the agent is trained; the rest is sbx's default, with two hidden layers of 256.

    Attributes:
        robot: who learns.
        version: of Gymnasium's environment.
        seed: of everything.
        evaluate_every: control periods from one evaluation, and saved state, to the next.
        evaluation_episodes: driven by the policy's mode, seeds from `EVALUATION_SEED`; their mean return is its level.
        random_steps: of random actions at the beginning.
        buffer_size: transitions kept, at most.
    """

    robot: Robot
    version: str
    seed: int
    evaluate_every: int = 5_000
    evaluation_episodes: int = 10
    random_steps: int = 5_000
    buffer_size: int = 3_000_000

    @property
    def environment(self) -> str:
        """Gymnasium's id."""
        return f"{self.robot.environment}-{self.version}"


@dataclass(frozen=True)
class Milestone:
    """The agent where it first reached a level, or where its budget ended.

    Attributes:
        actor: its policy.
        steps: control periods of training.
        score: normalised, mean over the evaluation episodes.
        reached: whether the level was reached.
    """

    actor: Actor
    steps: int
    score: float
    reached: bool


Report = Callable[[int, float | None], None]
"""Called with the control periods so far and the last evaluation's score, None before the first one."""


def train_to(folder: Path, settings: SacSettings, level: str, limit: int, report: Report) -> Milestone:
    """Train until the level is first reached; goes on with what `folder` holds, and returns at once when it is there.

    Args:
        folder: of this agent; states, milestones (`medium.npz`, `medium.json`, the buffer `medium-replay.npz`).
        settings: must be those that the folder was begun with.
        level: `medium` or `expert`.
        limit: control periods of training, at most.
        report: of the progress.

    Raises:
        RcdError: the folder was begun with other settings or its state cannot be read, or medium level is not reached
            within the limit.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_settings(folder, settings)
    done = read_milestone(folder, level)
    if done is not None and (done.reached or done.steps >= limit):
        report(done.steps, done.score)
        return done
    wanted = MEDIUM if level == "medium" else EXPERT
    watch = _Watch(folder, settings, level, wanted, limit, report)
    environment = make_environment(settings.environment)
    agent = restore_agent(folder, environment)
    if agent is None:
        agent = make_agent(environment, settings.buffer_size, settings.random_steps, settings.seed)
    try:
        if agent.num_timesteps < limit:
            # More steps than are wanted: the watch ends the training between two episodes.
            agent.learn(10 * limit + 10_000, callback=watch, reset_num_timesteps=agent.num_timesteps == 0)
    finally:
        environment.close()
    milestone = read_milestone(folder, level)
    if milestone is None or not (milestone.reached or level == "expert"):
        score = f"{milestone.score:.1f}" if milestone else "none"
        raise RcdError(
            f"SAC has not reached {wanted:.1f} points within {limit} steps (last score {score}): raise --sac-steps, "
            "the training goes on where it is"
        )
    return milestone


def read_milestone(folder: Path, level: str) -> Milestone | None:
    """A milestone that was reached before, if any."""
    told = folder / f"{level}.json"
    if not told.is_file():
        return None
    content = json.loads(told.read_text())
    return Milestone(load_actor(folder / f"{level}.npz"), content["steps"], content["score"], content["reached"])


def read_buffer(folder: Path) -> dict[str, NDArray[Any]]:
    """The replay buffer up to medium level: arrays as `d4rl_recipe.cut_buffer` takes them."""
    with np.load(folder / "medium-replay.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in ARRAYS}


class _Watch(BaseCallback):  # type: ignore[misc]  # its package has no types
    """Evaluates, saves, and ends the training, each between two episodes."""

    def __init__(
        self, folder: Path, settings: SacSettings, level: str, wanted: float, limit: int, report: Report
    ) -> None:
        super().__init__()
        self._folder, self._settings, self._level, self._wanted = folder, settings, level, wanted
        self._limit, self._report = limit, report
        self._score: float | None = None
        self._next = 0
        self._finished = False

    def _on_training_start(self) -> None:
        every = self._settings.evaluate_every
        self._next = min((self.num_timesteps // every + 1) * every, self._limit)

    def _on_rollout_start(self) -> None:
        agent: Any = self.model
        buffer = agent.replay_buffer
        if self.num_timesteps < self._next or not buffer.dones[buffer.pos - 1, 0]:
            return
        self._on_training_start()
        actor = actor_of(agent)
        environment = make_environment(self._settings.environment)
        seeds = range(EVALUATION_SEED, EVALUATION_SEED + self._settings.evaluation_episodes)
        returns = [drive_episode(actor, environment, seed, None, "").total_reward for seed in seeds]
        environment.close()
        self._score = self._settings.robot.score(float(np.mean(returns)))
        _append(self._folder / "scores.jsonl", {"steps": self.num_timesteps, "score": self._score})
        reached = self._score >= self._wanted
        save_agent(self._folder, agent)
        self._finished = reached or self.num_timesteps >= self._limit
        if self._finished:
            actor.save(self._folder / f"{self._level}.npz")
            if self._level == "medium":
                save_arrays(self._folder / "medium-replay.npz", transitions(agent))
            content = {"steps": self.num_timesteps, "score": self._score, "reached": reached}
            write_json(self._folder / f"{self._level}.json", content)

    def _on_step(self) -> bool:
        self._report(self.num_timesteps, self._score)
        return not self._finished


def _check_settings(folder: Path, settings: SacSettings) -> None:
    told = folder / "settings.json"
    wanted = {
        "environment": settings.environment,
        "seed": settings.seed,
        "random_steps": settings.random_steps,
        "evaluate_every": settings.evaluate_every,
        "evaluation_episodes": settings.evaluation_episodes,
    }
    if not told.is_file():
        write_json(told, wanted)
        return
    begun = json.loads(told.read_text())
    for name, value in wanted.items():
        if begun.get(name) != value:
            raise RcdError(
                f"the training in '{folder}' was begun with {name} {begun.get(name)}, not {value}: "
                "name another folder with --workspace"
            )


def _append(path: Path, row: dict[str, object]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")
