"""Protocols of a simulator: physical commands in, observation vectors out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.planning.channels import Interface
from rcd_ros.planning.spec import TaskSpec

if TYPE_CHECKING:
    import mujoco


@dataclass(frozen=True)
class StepResult:
    """The outcome of one control period."""

    observation: NDArray[np.float64]
    """Full observation vector after the step, in the data set's columns."""
    reward: float
    completed: tuple[str, ...]
    """Goals newly completed in this step, in the order of the task's goals."""
    terminated: bool
    """The task is over: every goal completed, or failed for good."""
    truncated: bool
    """The episode has lasted `spec.episode_steps`."""


class Simulation(Protocol):
    """One simulated robot and its scene, advanced by one control period at a time."""

    spec: TaskSpec

    def reset(self, seed: int) -> NDArray[np.float64]:
        """Starts an episode whose randomness follows from `seed`; returns the first observation vector."""
        ...

    def set_state(self, observation: ArrayLike) -> NDArray[np.float64]:
        """Puts robot and scene where a stored observation vector says; returns it as observed now."""
        ...

    def step(self, command: ArrayLike) -> StepResult:
        """Applies a command (n_cmd,) in physical units for one control period.

        Raises:
            RcdError: the command has the wrong shape or is not finite.
        """
        ...

    def achieved(self, observation: ArrayLike) -> tuple[str, ...]:
        """Goals that hold in an observation vector; empty for tasks without goals."""
        ...

    def render(self) -> NDArray[np.uint8]:
        """The scene as an RGB image (height, width, 3).

        Raises:
            RcdError: this machine has no OpenGL to draw with.
        """
        ...

    def close(self) -> None:
        """Frees the simulator and its renderer."""
        ...


class DrivenSimulation(Simulation, Protocol):
    """A simulation that also takes actions of its data sets, and goes on with another goal."""

    def drive(self, action: ArrayLike) -> StepResult:
        """Applies an action (n_act,) in the data set's units for one control period."""
        ...

    def go_on(self) -> NDArray[np.float64]:
        """Starts an episode where the last one ended, with another goal; returns the observation vector."""
        ...


class Controller(Protocol):
    """Solves a task without a planner: makes data, and is compared with planners."""

    def reset(self, seed: int) -> None:
        """Starts an episode whose randomness follows from `seed`."""
        ...

    def act(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The action (n_act,), in the data set's units, for an observation vector."""
        ...


@runtime_checkable
class MujocoScene(Protocol):
    """A simulation with a MuJoCo model and state, which can be drawn, filmed and published as transforms."""

    @property
    def model(self) -> mujoco.MjModel:
        """The compiled model."""
        ...

    @property
    def data(self) -> mujoco.MjData:
        """Its present state; to be read only."""
        ...


@runtime_checkable
class MeshFiles(Protocol):
    """A scene whose meshes were read from files, so that other programs can draw them."""

    @property
    def mesh_folders(self) -> tuple[Path, ...]:
        """Folders below which the files are."""
        ...


@runtime_checkable
class Keyframed(Protocol):
    """A simulation that can begin an episode from named states of its model."""

    @property
    def keyframes(self) -> tuple[str, ...]:
        """Their names."""
        ...

    def reset_to(self, keyframe: str) -> NDArray[np.float64]:
        """Begins an episode from that state; returns the first observation vector."""
        ...


@runtime_checkable
class GoalDirected(Protocol):
    """A simulation with a goal for each episode, observed by a goal channel, that may be moved while it runs."""

    def move_goal(self, goal: ArrayLike) -> None:
        """Puts the goal elsewhere, in the axes of the goal channel; raises `RcdError` where it cannot be."""
        ...


@runtime_checkable
class MixedCommands(Protocol):
    """A simulation whose joints may be commanded by different quantities."""

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """One for each commanded joint."""
        ...
