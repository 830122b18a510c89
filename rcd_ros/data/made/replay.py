"""Demonstrations replayed with tracking feedback: data of any quality from few demonstrations.

At step k the demonstration's clock stands at v * k and the arm is given, in the data set's action units,

    u = v * a_demo(v k) + K (q_demo(v k) + offset - q) + noise,

with `a_demo` and `q_demo` interpolated linearly. Noise is a stationary first-order autoregressive process. Once
the demonstration is over, or the replay is aborted, its last pose is held until the episode ends.

Recording the executed action gives mixed-quality data: slow replays run out of time, noisy ones fail. Recording the
corrective action without the noise gives data for robust imitation (DART, Laskey et al. 2017, arXiv 1703.09327).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.episodes import Episode, EpisodeLog
from rcd_ros.data.imports.completions import check_widths
from rcd_ros.errors import RcdError
from rcd_ros.parallel import map_in_order
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.tasks.task import Task


@dataclass(frozen=True)
class ReplaySettings:
    """What all replays of a run have in common.

    Attributes:
        gain: K, in action units per rad (or m) of tracking error.
        label: record the action that was executed, or the expert's: the same without the noise.
        noise_correlation: correlation of the noise from one control period to the next, in [0, 1).
        offset: standard deviation (rad) of a constant offset, drawn per episode and turning joint.
        abort_probability: chance that an episode's demonstration stops early, at a uniformly drawn moment.
        seed: all randomness follows from it.
    """

    gain: float = 3.0
    label: Literal["executed", "expert"] = "executed"
    noise_correlation: float = 0.9
    offset: float = 0.0
    abort_probability: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            RcdError: a value is out of its range.
        """
        if not (np.isfinite(self.gain) and self.gain >= 0.0):
            raise RcdError(f"gain must be a number >= 0, got {self.gain}")
        if self.label not in ("executed", "expert"):
            raise RcdError(f"label must be executed or expert, got '{self.label}'")
        if not 0.0 <= self.noise_correlation < 1.0:
            raise RcdError(f"noise correlation must be in [0, 1), got {self.noise_correlation}")
        if not (np.isfinite(self.offset) and self.offset >= 0.0):
            raise RcdError(f"offset must be a number >= 0 rad, got {self.offset}")
        if not 0.0 <= self.abort_probability <= 1.0:
            raise RcdError(f"abort probability must be in [0, 1], got {self.abort_probability}")
        if self.seed < 0:
            raise RcdError(f"seed must be >= 0, got {self.seed}")


@dataclass(frozen=True)
class ReplayJob:
    """One episode to be made.

    Attributes:
        index: counts the jobs and, with the seed, determines all randomness of the episode.
        source: place of the demonstration.
        speed: v, demonstration steps a control period.
        noise: standard deviation, in action units.
        repeat: which of several episodes with the same settings.
    """

    index: int
    source: int
    speed: float
    noise: float
    repeat: int


def replay_jobs(demonstrations: int, speeds: Sequence[float], noises: Sequence[float], repeats: int) -> list[ReplayJob]:
    """Every (repeat, speed, noise, demonstration) once.

    Raises:
        RcdError: a speed is not positive, a noise negative, or `repeats` less than 1.
    """
    for speed in speeds:
        if not (np.isfinite(speed) and speed > 0.0):
            raise RcdError(f"speed must be a number > 0, got {speed}")
    for noise in noises:
        if not (np.isfinite(noise) and noise >= 0.0):
            raise RcdError(f"noise must be a number >= 0, got {noise}")
    if repeats < 1:
        raise RcdError(f"repeats must be at least 1, got {repeats}")
    combinations = itertools.product(range(repeats), speeds, noises, range(demonstrations))
    return [ReplayJob(i, source, speed, noise, repeat) for i, (repeat, speed, noise, source) in enumerate(combinations)]


def replay(
    task: Task, demonstrations: Sequence[Episode], jobs: Sequence[ReplayJob], settings: ReplaySettings, workers: int
) -> Iterator[Episode]:
    """Replay the jobs in several processes; yields the episodes in the order of the jobs, whatever `workers` is.

    Raises:
        RcdError: the task does not observe the joints that it commands, or the demonstrations are not of its shape.
    """
    tracked_columns(task.spec)
    check_widths(task, demonstrations)
    return map_in_order(_MakeReplayer(task, tuple(demonstrations), settings), jobs, workers)


def tracked_columns(spec: TaskSpec) -> list[int]:
    """Columns of the observation vector that hold the positions of the commanded joints.

    Raises:
        RcdError: the task does not observe them, or does not command actions.
    """
    if spec.command.source == "action":
        for channel in spec.observations:
            if channel.kind == "joint_position" and channel.joints == spec.command.joints:
                return list(channel.columns)
    raise RcdError(
        f"task '{spec.name}' cannot be replayed: it does not observe the positions of the joints it commands"
    )


@dataclass(frozen=True)
class _MakeReplayer:
    task: Task
    demonstrations: tuple[Episode, ...]
    settings: ReplaySettings

    def __call__(self) -> Replayer:
        return Replayer(self.task, self.demonstrations, self.settings)


class Replayer:
    """Replays one job after another in its own simulation."""

    def __init__(self, task: Task, demonstrations: Sequence[Episode], settings: ReplaySettings) -> None:
        """Make the simulation."""
        self._spec = task.spec
        self._simulation = task.make_simulation()
        self._demonstrations = demonstrations
        self._settings = settings
        command = task.spec.command
        self._scale = np.array(command.scale)
        self._lower, self._upper = np.array(command.lower) / self._scale, np.array(command.upper) / self._scale
        self._turning = np.array([unit.startswith("rad") for unit in command.units])

    def __call__(self, job: ReplayJob) -> Episode:
        """Replay one job from a reset to the end of the episode."""
        settings = self._settings
        random = np.random.default_rng([settings.seed, job.index])
        reset_seed = int(random.integers(2**31))
        offset = settings.offset * random.standard_normal(self._scale.size) * self._turning
        demonstration = self._demonstrations[job.source]
        end = float(len(demonstration))
        if random.random() < settings.abort_probability:
            end *= random.random()
        noise = coloured_noise(
            random, self._spec.episode_steps, self._scale.size, job.noise, settings.noise_correlation
        )

        log = EpisodeLog(self._simulation.reset(reset_seed))
        joints = tracked_columns(self._spec)
        reference = _Reference(demonstration, joints, end)
        for step in range(self._spec.episode_steps):
            action, position = reference.at(job.speed * step)
            expert = job.speed * action + settings.gain * (position + offset - log.observations[-1][joints])
            executed = np.clip(expert + noise[step], self._lower, self._upper)
            recorded = executed if settings.label == "executed" else np.clip(expert, self._lower, self._upper)
            log.add(recorded, self._simulation.step(executed * self._scale))
            if log.is_over():
                break
        return log.episode(
            reset_seed, {"source": job.source, "speed": job.speed, "noise": job.noise, "repeat": job.repeat}
        )


class _Reference:
    """A demonstration as a function of time: what was commanded and where the joints were."""

    def __init__(self, demonstration: Episode, joints: list[int], end: float) -> None:
        self._actions = demonstration.actions.astype(np.float64)
        self._positions = demonstration.observations[:, joints].astype(np.float64)
        self._end = end

    def at(self, time: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Action and joint positions at `time` in demonstration steps; no action once it is over."""
        position = _interpolate(self._positions, min(time, self._end))
        if time >= self._end:
            return np.zeros(self._actions.shape[1]), position
        return _interpolate(self._actions, time), position


def _interpolate(values: NDArray[np.float64], time: float) -> NDArray[np.float64]:
    interpolated: NDArray[np.float64]
    last = len(values) - 1
    before = min(int(time), last)
    after = min(before + 1, last)
    fraction = time - before
    interpolated = (1.0 - fraction) * values[before] + fraction * values[after] if after > before else values[last]
    return interpolated


def coloured_noise(
    random: np.random.Generator, steps: int, size: int, std: float, correlation: float
) -> NDArray[np.float64]:
    """A stationary first-order autoregressive process: (steps, size), each value of standard deviation `std`.

    x_0 = w_0 and x_k = c x_{k-1} + sqrt(1 - c^2) w_k with white noise w and the correlation c in [0, 1).
    """
    white = random.standard_normal((steps, size))
    noise = np.empty_like(white)
    noise[0] = white[0]
    for step in range(1, steps):
        noise[step] = correlation * noise[step - 1] + np.sqrt(1.0 - correlation**2) * white[step]
    return std * noise
