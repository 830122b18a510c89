"""What plans: observations in, a chunk of commands out, physical units.

`Policy` is the one protocol for a student, a teacher, replayed demonstrations and what a user brings; `Planner` is the
policy of a checkpoint, which the planner node and the benchmarks run.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import PathLike, checkpoint_sha256, verify
from rcd_ros.planning.engines.base import Engine
from rcd_ros.planning.engines.choose import load_engine
from rcd_ros.planning.limits import CommandLimits
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.noise import standard_normal
from rcd_ros.planning.representation import Canonical
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.planning.throttling import pause


class Policy(Protocol):
    """Plans chunks of commands from observations, everything in physical units.

    Attributes:
        spec: the task it plans for, with the channels that it observes.
        history: number of observations that it plans from (n_obs_steps).
        horizon: number of control periods in a chunk.
        nfe: network evaluations per plan.
    """

    spec: TaskSpec
    history: int
    horizon: int
    nfe: int

    def reset(self, seed: int) -> None:
        """Starts an episode; all randomness of its plans follows from `seed`."""

    def plan(self, history: NDArray[np.float64]) -> NDArray[np.float64]:
        """Observations (history, n_obs), oldest first -> commands (horizon, n_cmd)."""


class Planner:
    """Plans chunks; a plan depends only on (checkpoint, observations, seed, counter).

    The engine runs the one-step student on a robot, or a teacher's whole sampling where the two are compared. One
    thread at a time may call it.

    Attributes:
        spec: the task of the checkpoint.
        history: number of observations that it plans from (n_obs_steps).
        horizon: number of control periods in a chunk.
        execute: control periods executed before replanning, by default (n_action_steps).
        nfe: network evaluations per plan.
    """

    def __init__(self, manifest: Manifest, engine: Engine, seed: int = 0, sha256: str = "", nfe: int = 1) -> None:
        """Plan for `manifest` by `engine`; `sha256` identifies the checkpoint in diagnostics."""
        self.nfe = nfe
        self.spec = manifest.task
        self.history = manifest.history
        self.horizon = manifest.horizon
        self.execute = manifest.execute
        self.normalizer = manifest.normalizer
        self.engine = engine
        self.sha256 = sha256
        limits = CommandLimits(manifest.task.command)
        # Of a whole chunk: broadcasting would take longer than the comparisons.
        self._lower, self._upper = (np.tile(limit, (manifest.horizon, 1)) for limit in (limits.lower, limits.upper))
        self._mean = np.tile(manifest.normalizer.observation_mean, (manifest.history, 1))
        canonical = Canonical(manifest.task, manifest.normalizer.observation_mean)
        self._canonical = canonical if canonical.is_needed else None
        self._drawn: deque[NDArray[np.float32]] = deque()
        self.reset(seed)

    @classmethod
    def load(cls, checkpoint: PathLike, engine: str = "auto", seed: int = 0, threads: int = 1) -> Planner:
        """Load and verify a checkpoint folder.

        Raises:
            RcdError: the checkpoint does not verify, the engine cannot be used or is off the reference plans, or the
                seed is out of range.
        """
        manifest = verify(checkpoint)
        loaded = load_engine(engine, checkpoint, manifest, threads)
        return cls(manifest, loaded, seed, checkpoint_sha256(checkpoint))

    def reset(self, seed: int) -> None:
        """Restart the noise from counter 0 of a seed.

        Raises:
            RcdError: the seed is negative or has more than 128 bits.
        """
        if not 0 <= seed < 2**128:
            raise RcdError(f"a planner's seed must not be negative nor exceed 128 bits, got {seed}")
        self.seed = seed
        self.counter = 0

    @property
    def counter(self) -> int:
        """Counter of the next plan's noise."""
        return self._counter

    @counter.setter
    def counter(self, value: int) -> None:
        self._counter = value
        self._drawn.clear()

    def prepare(self, plans: int = 1) -> None:
        """Draw the noise of the next plans ahead of time; `plan` draws the same where this was not called."""
        while len(self._drawn) < plans:
            self._drawn.append(standard_normal(self.seed, self._counter + len(self._drawn), self.engine.noise.shape))

    def warm_up(self, plans: int | None = None) -> None:
        """Plan from the mean observation until plan times settle; seed and counter keep their values.

        Args:
            plans: how many; None: 20, or 2 where each makes several evaluations.
        """
        counter = self.counter
        for _ in range(plans or (20 if self.nfe == 1 else 2)):
            self.plan(self._mean)
            pause()
        self.counter = counter

    def rehearse(self) -> None:
        """Evaluate a one-step planner on its current inputs and discard the result, to warm the caches.

        With several evaluations per plan the first one warms the caches for the others: nothing is done.
        """
        if self.nfe == 1:
            self.engine.run()

    def plan(self, history: ArrayLike) -> NDArray[np.float64]:
        """Plan from the last observations.

        Args:
            history: (history, n_obs) in physical units, oldest first.

        Returns:
            (horizon, n_cmd) commands in physical units, inside the command's limits.

        Raises:
            RcdError: the history has another shape, or is not finite, or the network's answer is not.
        """
        engine = self.engine
        observed = np.asarray(history)
        if observed.shape != engine.history.shape:
            raise RcdError(f"this planner needs observations of shape {engine.history.shape}, got {observed.shape}")
        canonical = observed if self._canonical is None else self._canonical.histories(observed)
        engine.history[...] = canonical
        if not _is_finite(engine.history):
            raise RcdError("the observations to plan from hold NaN or infinity")
        self.prepare()
        self._counter += 1
        engine.noise[...] = self._drawn.popleft()
        engine.run()
        if not _is_finite(engine.commands):
            raise RcdError(f"the planned chunk holds NaN or infinity (seed {self.seed}, counter {self._counter - 1})")
        commands: NDArray[np.float64] = engine.commands.astype(np.float64)
        if self._canonical is not None:
            self._canonical.commands(commands, observed, canonical)
        np.maximum(commands, self._lower, out=commands)
        np.minimum(commands, self._upper, out=commands)
        return commands

    def close(self) -> None:
        """Release the engine."""
        self.engine.close()


def _is_finite(values: NDArray[np.float32]) -> bool:
    """Whether all values are finite: the sum of squares is a fast check, unless it overflows."""
    flat = values.ravel()
    return math.isfinite(flat.dot(flat)) or bool(np.isfinite(flat).all())


def check_hot_swap(running: TaskSpec, other: TaskSpec, history: tuple[int, int]) -> None:
    """Check that a planner for `other` can continue the motion of one for `running`.

    Topics, joints, limits and the control period must be the same, for the messages in flight and the motion under way
    belong to them; so must `history`, the numbers of observations that the two plan from. The horizon may differ.

    Raises:
        RcdError: the first thing that differs.
    """
    remedy = "deactivate and clean up the planner, then configure it with this checkpoint"
    if other.name != running.name:
        raise RcdError(f"the checkpoint is of task '{other.name}', the running planner of '{running.name}': {remedy}")
    if other.command.joints != running.command.joints:
        raise RcdError(
            f"the checkpoint commands joints {list(other.command.joints)}, the running planner "
            f"{list(running.command.joints)}: {remedy}"
        )
    parts = {
        "another control period": (running.control_period, other.control_period),
        "other observations": (running.observations, other.observations),
        "another command topic, interface or range": (running.command, other.command),
        "other motion limits": (running.motion, other.motion),
    }
    for what, (ours, theirs) in parts.items():
        if ours != theirs:
            raise RcdError(f"the checkpoint of task '{other.name}' has {what} than the running planner: {remedy}")
    before, after = history
    if before != after:
        raise RcdError(f"the checkpoint plans from {after} observations, the running planner from {before}: {remedy}")
