"""A simulation that costs nothing: a point in a corridor, pushed by velocity commands, with doors to reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.planning.channels import CommandChannel, ObservationChannel
from rcd_ros.planning.spec import ScoreSpec, TaskSpec
from rcd_ros.simulation.interface import StepResult
from rcd_ros.tasks.task import Task

DOORS = {"first door": 1.0, "second door": 2.0}


def corridor_spec(episode_steps: int = 20) -> TaskSpec:
    """One joint; column 0 of the observation vector is noise that no channel reads, column 1 the position."""
    return TaskSpec(
        name="corridor",
        control_period=0.5,
        episode_steps=episode_steps,
        observations=(
            ObservationChannel(
                name="position",
                kind="joint_position",
                topic="joint_states",
                joints=("cart",),
                units=("m",),
                columns=(1,),
            ),
        ),
        command=CommandChannel(
            topic="joint_trajectory",
            interface="velocity",
            joints=("cart",),
            units=("m/s",),
            lower=(-1.0,),
            upper=(1.0,),
            scale=(1.0,),
            columns=(0,),
        ),
        score=ScoreSpec(kind="completions", goals=tuple(DOORS), reference_high=2.0),
    )


class Corridor:
    """Starts at a position that follows from the seed; ends when every door was reached."""

    def __init__(self, spec: TaskSpec) -> None:
        self.spec = spec

    def reset(self, seed: int) -> NDArray[np.float64]:
        self.random = np.random.default_rng(seed)
        self.position = 0.1 * self.random.standard_normal()
        self.steps = 0
        self.reached: set[str] = set()
        return self._observe()

    def set_state(self, observation: ArrayLike) -> NDArray[np.float64]:
        self.position = float(np.asarray(observation)[1])
        return self._observe()

    def step(self, command: ArrayLike) -> StepResult:
        self.position += float(np.asarray(command)[0]) * self.spec.control_period
        self.steps += 1
        new = tuple(door for door, at in DOORS.items() if self.position >= at and door not in self.reached)
        self.reached.update(new)
        done = len(self.reached) == len(DOORS)
        return StepResult(self._observe(), float(len(new)), new, done, self.steps >= self.spec.episode_steps)

    def achieved(self, observation: ArrayLike) -> tuple[str, ...]:
        return tuple(door for door, at in DOORS.items() if float(np.asarray(observation)[1]) >= at)

    def render(self) -> NDArray[np.uint8]:
        return np.zeros((2, 2, 3), np.uint8)

    def close(self) -> None:
        pass

    def _observe(self) -> NDArray[np.float64]:
        return np.array([self.random.standard_normal(), self.position])


@dataclass(frozen=True)
class MakeCorridor:
    """Picklable, as worker processes need it."""

    spec: TaskSpec

    def __call__(self) -> Corridor:
        return Corridor(self.spec)


def corridor_task(episode_steps: int = 20) -> Task:
    """The corridor as a task."""
    spec = corridor_spec(episode_steps)
    return Task(spec, MakeCorridor(spec))


class Pusher:
    """Drives ahead at a speed drawn from its seed; remembers what it was shown."""

    def __init__(self, history: int = 3, horizon: int = 4) -> None:
        self.spec = corridor_spec()
        self.history = history
        self.horizon = horizon
        self.nfe = 1
        self.seen: list[NDArray[np.float64]] = []
        self.reset(0)

    def reset(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def plan(self, history: NDArray[np.float64]) -> NDArray[np.float64]:
        self.seen.append(history)
        return self.random.uniform(0.1, 0.6, size=(self.horizon, 1))


@dataclass(frozen=True)
class LoadPusher:
    """Picklable, as worker processes need it."""

    history: int = 3

    def load(self) -> Pusher:
        return Pusher(self.history)

    def load_critic(self) -> None:
        return None
