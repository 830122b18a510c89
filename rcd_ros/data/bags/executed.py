"""Which command a robot executed in each control period of a bag, decided as `TrajectoryReceiver` decides it live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.bags.stretches import Arrived, Moment, Stretches
from rcd_ros.planning.execution.receiver import TrajectoryReceiver
from rcd_ros.planning.spec import TaskSpec

_OFTEN = 0.75
"""Part of a control period: what comes more often than that is a signal, not one command a period."""


class ExecutedCommands:
    """Feeds the commands of a bag to a receiver in the order in which they came, and executes one each period.

    Attributes:
        refused: commands that could not be followed, by reason.
    """

    def __init__(self, spec: TaskSpec, found: Stretches, mode: str, receiver: TrajectoryReceiver) -> None:
        """Prepare for a bag.

        Args:
            spec: of the task.
            found: all of the bag.
            mode: of the bridge that took the commands, "lockstep" or "realtime"; empty: a robot took them.
            receiver: with the settings of the robot or bridge.
        """
        self.refused: Counter[str] = Counter()
        self._receiver, self._mode = receiver, mode
        self._signals = _signals(found, round(spec.control_period * 1e9))

    def begin(self, first: Moment) -> None:
        """Begin a stretch of the bag with its first observation: only what is in force then is known."""
        self._receiver.reset()
        for arrived in first.in_force:
            self._receiver.accept(arrived.plan, arrived.moment, first.values)

    def over(self, run: Sequence[Moment]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The commands (T, n_cmd) of the periods between T + 1 observations, and whether each only held the robot (T,).

        Args:
            run: two or more observations one control period apart, all after those of earlier calls.
        """
        receiver = self._receiver
        executed = [self._execute(now, after) for now, after in pairwise(run)]
        for arrived in run[-1].commands:  # what is missing behind it may be a single observation
            receiver.accept(arrived.plan, self._moment_of(arrived), run[-1].values)
        self.refused += receiver.refused
        receiver.refused.clear()
        return np.array([command for command, _ in executed]), np.array([holds for _, holds in executed])

    def _execute(self, now: Moment, after: Moment) -> tuple[NDArray[np.float64], bool]:
        """The command of the period that begins with `now`, and whether it only held the position."""
        receiver, bridged = self._receiver, bool(self._mode)
        until = after.time if self._mode == "lockstep" else now.time + (after.time - now.time) // 2
        begin, late = now.stamp, []
        for arrived in now.commands:
            moment = self._moment_of(arrived)
            one_a_period = bridged or self._is_one_a_period(arrived, moment)
            if one_a_period and arrived.time > until:
                late.append((arrived.plan, moment))
                continue
            receiver.accept(arrived.plan, moment, now.values)
            if one_a_period and not arrived.plan.lasting:  # it may have been made from an observation within the period
                begin = max(begin, arrived.plan.stamp)
        executed = receiver.execute(begin, now.values)
        for plan, moment in late:
            receiver.accept(plan, moment, now.values)
        return executed.command, executed.holds

    def _moment_of(self, arrived: Arrived) -> int:
        """When a command reached the robot, on the clock of the stamps (ns); a bridge's time moves by periods."""
        return arrived.seen if self._mode else arrived.moment

    def _is_one_a_period(self, arrived: Arrived, moment: int) -> bool:
        """Whether a robot takes a command for a whole control period, as one that this package plans for."""
        if arrived.plan.lasting:
            return arrived.topic not in self._signals
        return self._receiver.are_steps(arrived.plan, moment)


def _signals(found: Stretches, period: int) -> set[str]:
    """Topics of commands that come more often than once a control period (ns)."""
    times: dict[str, list[int]] = {}
    for stretch in found.stretches:
        for moment in stretch.moments:
            for arrived in moment.commands:
                times.setdefault(arrived.topic, []).append(arrived.time)
    return {topic for topic, known in times.items() if len(known) > 1 and np.median(np.diff(known)) < _OFTEN * period}
