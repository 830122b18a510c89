"""Checks a commanded motion against the joint limits and for jumps from one period to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.channels import CommandChannel
from rcd_ros.planning.limits import MotionLimits

SLACK = 1e-3
"""Share of a limit by which rounding may pass it."""


@dataclass(frozen=True)
class MotionAudit:
    """Result of checking executed commands.

    Attributes:
        periods: number of commands checked.
        largest_change: from one control period to the next, as a share of what is allowed; NaN where no joint has
            such a limit.
        problems: for each joint that passed a limit one sentence with its worst value.
    """

    periods: int
    largest_change: float
    problems: tuple[str, ...]


def audit_commands(
    channel: CommandChannel,
    limits: MotionLimits,
    period: int,
    stamps: NDArray[np.int64],
    commands: NDArray[np.float64],
) -> MotionAudit:
    """Check the commands (n, n_cmd) of the control periods of `period` ns that began at `stamps` (n,) ns.

    Velocities and efforts may change by `limits.acceleration` times the period, positions by the velocity's limits
    times the period. Where the stamps are not one period apart the simulation has restarted: nothing is compared there.
    """
    is_position = channel.interface == "position"
    slowest, fastest = (
        (limits.velocity_lower, limits.velocity_upper) if is_position else (-limits.acceleration, limits.acceleration)
    )
    lower, upper = (
        (limits.position_lower, limits.position_upper)
        if is_position
        else (limits.velocity_lower, limits.velocity_upper)
    )
    seconds = period * 1e-9
    consecutive = np.abs(np.diff(stamps) - period) < 0.5 * period
    changes = np.diff(commands, axis=0)[consecutive]
    allowed = np.where(changes < 0.0, -slowest, fastest) * seconds
    shares = np.abs(changes) / allowed
    reach = SLACK * (np.asarray(channel.upper) - channel.lower)
    problems = []
    for i, (joint, unit) in enumerate(zip(channel.joints, channel.units, strict=True)):
        values = commands[:, i]
        outside = values[~((values >= lower[i] - reach[i]) & (values <= upper[i] + reach[i]))]
        if outside.size:
            worst = outside[np.argmax(np.abs(outside))]
            problems.append(f"{joint} was commanded {worst:g} {unit}, allowed {lower[i]:g} to {upper[i]:g}")
        if np.max(shares[:, i], initial=0.0) > 1.0 + SLACK:
            at = int(np.argmax(shares[:, i]))
            problems.append(
                f"{joint} jumped by {abs(changes[at, i]):.3g} {unit} in one control period, allowed "
                f"{allowed[at, i]:.3g}"
            )
    limited = np.isfinite([slowest, fastest]).any()
    largest = float(np.max(shares, initial=0.0)) if limited else float("nan")
    return MotionAudit(len(commands), largest, tuple(problems))
