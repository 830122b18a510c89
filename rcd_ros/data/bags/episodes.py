"""From bags to episodes: what a robot observed, what it executed in each control period, and what that achieved."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.bags.bag import DIAGNOSTICS, Bag, status_values
from rcd_ros.data.bags.executed import ExecutedCommands
from rcd_ros.data.bags.layout import BagLayout
from rcd_ros.data.bags.stretches import Moment, Stretch, Stretches, read_stretches
from rcd_ros.data.bags.topics import TaskTopics
from rcd_ros.errors import RcdError
from rcd_ros.planning.execution.receiver import TrajectoryReceiver
from rcd_ros.planning.spec import TaskSpec


@dataclass(frozen=True)
class BagEpisode:
    """One episode of a bag, in physical units.

    Attributes:
        name: where it is in the bag, for people.
        observations: (T + 1, n_obs) a control period apart; none where it cannot be used.
        commands: (T, n_cmd) executed from each observation on, which data sets call actions; None: not recorded.
        rewards: (T,) number of goals newly completed; None: the bag does not say.
        terminated: whether all goals were completed.
        success: what the bag says; None: nothing.
        held: steps in which no command was due, so that the robot held.
        problem: why it cannot be used, in half a sentence.
    """

    name: str
    observations: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    commands: NDArray[np.float64] | None = None
    rewards: NDArray[np.float64] | None = None
    terminated: bool = False
    success: bool | None = None
    held: int = 0
    problem: str = ""

    def __len__(self) -> int:
        """Number of steps."""
        return max(0, len(self.observations) - 1)


@dataclass
class BagEpisodes:
    """What a bag gave.

    Attributes:
        episodes: in recorded order, each usable or with its problem.
        observed: complete observations in the bag.
        splits: places where control periods are missing within what would be one episode.
        dropped: observations that are in no episode, by reason.
        unusable: messages that could not be used, by reason.
        refused: commands that could not be followed, by reason.
        derived: topics whose velocities are differences of positions.
        execute: control periods for which a plan is kept.
        command_timeout: s after a trajectory until the robot held; 0: until its last point had passed.
        enforces_limits: whether the robot limited the rate of its commands.
        mode: of the bridge, "lockstep" or "realtime"; empty where the bag does not say.
        has_completions: whether the bag says which goals were completed.
        checkpoint_sha256: of the planner that was recorded; empty where its diagnostics are not in the bag.
    """

    episodes: list[BagEpisode] = field(default_factory=list)
    observed: int = 0
    splits: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    unusable: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    derived: tuple[str, ...] = ()
    execute: int = 1
    command_timeout: float = 0.0
    enforces_limits: bool = False
    mode: str = ""
    has_completions: bool = False
    checkpoint_sha256: str = ""

    @property
    def usable(self) -> list[BagEpisode]:
        """Episodes without a problem."""
        return [episode for episode in self.episodes if not episode.problem]

    @property
    def steps(self) -> int:
        """Of all usable episodes."""
        return sum(len(episode) for episode in self.usable)

    @property
    def held(self) -> int:
        """Steps of all usable episodes in which no command was due."""
        return sum(episode.held for episode in self.usable)


def read_episodes(
    bag: Bag,
    spec: TaskSpec,
    topics: TaskTopics,
    layout: BagLayout | None = None,
    execute: int | None = None,
    tolerance: float = 0.0,
) -> BagEpisodes:
    """Episodes of a recorded run, one step a control period.

    A command is what the robot executed over the period, as `TrajectoryReceiver` decides it with the settings that a
    bridge reports in its diagnostics: the newest valid trajectory, or a hold. Waypoints and signals (a leader arm's
    joints) count from when they came. Where commands are one a period, a command counts for a period when it came in
    the period's first half; of a bridge in lockstep, whenever it came. An episode starts with the first command.

    Bags are cut into episodes as the layout says, where the clock was reset, and where periods are missing. The state
    after the last command is not recorded, so that an episode ends with the last observation, and what its last period
    completed counts for the one before (as with D4RL's data).

    Args:
        bag: the recorded run.
        spec: all channels of the task.
        topics: where they are in the bag.
        layout: where commands are and what cuts episodes; None: the usual.
        execute: periods that the robot kept a plan for; None: as a bridge's diagnostics say, else 1.
        tolerance: s that stamps of one observation may differ, at least.

    Raises:
        RcdError: the bag cannot be read, or has no complete observation; the sentence says what is there instead.
    """
    layout = layout or BagLayout.usual(spec)
    planner, bridge = _told(bag, topics)
    result = BagEpisodes(
        execute=execute or _whole_number(bridge.get("execute", "")) or 1,
        command_timeout=_seconds(bridge.get("command_timeout", "")),
        enforces_limits=bridge.get("enforce_command_limits") == "True",
        mode=bridge.get("mode", ""),
        checkpoint_sha256=planner.get("checkpoint_sha256", ""),
    )
    found = read_stretches(bag, spec, layout, topics, tolerance, bool(result.mode))
    result.observed, result.unusable, result.derived = found.observed, found.unusable, found.derived
    result.has_completions = found.has_completions
    result.dropped["between episodes"] += found.outside
    if not found.observed:
        lost = ", ".join(f"{count} {reason}" for reason, count in found.unusable.items())
        told = "; ".join(text for text in (found.missing, lost) if text)
        raise RcdError(f"the bag '{bag.path}' has not one complete observation of '{spec.name}': {told}")
    maker = _EpisodeMaker(spec, layout, found, result)
    for stretch in found.stretches:
        maker.add(stretch)
    if not result.episodes:
        result.episodes.append(BagEpisode(bag.path.name, problem="nothing in it begins an episode"))
    return result


def _told(bag: Bag, topics: TaskTopics) -> tuple[dict[str, str], dict[str, str]]:
    """What planner and bridge said of themselves, the newest of each value."""
    reports = topics.full("diagnostics")
    reports = reports if bag.types.get(reports) == DIAGNOSTICS else "/diagnostics"
    planner: dict[str, str] = {}
    bridge: dict[str, str] = {}
    for recorded in bag.messages([reports] if bag.types.get(reports) == DIAGNOSTICS else []):
        planner |= status_values(recorded.message, "checkpoint_sha256") or {}
        bridge |= status_values(recorded.message, "episodes_done") or {}
    return planner, bridge


def _whole_number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _seconds(text: str) -> float:
    """A duration from a diagnostic value; 0 where it is absent or unreadable."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0.0 <= value < float("inf") else 0.0


class _EpisodeMaker:
    """Turns stretches into episodes."""

    def __init__(self, spec: TaskSpec, layout: BagLayout, found: Stretches, result: BagEpisodes) -> None:
        self._spec, self._layout, self._result = spec, layout, result
        self._period = round(spec.control_period * 1e9)
        receiver = TrajectoryReceiver(
            spec, result.execute, timeout=result.command_timeout, enforces_limits=result.enforces_limits
        )
        self._executed = ExecutedCommands(spec, found, result.mode, receiver)
        result.refused = self._executed.refused

    def add(self, stretch: Stretch) -> None:
        """Make the episodes of a stretch: one, where no control period is missing in it."""
        self._executed.begin(stretch.moments[0])
        runs = self._runs(stretch.moments)
        self._result.splits += len(runs) - 1
        for number, run in enumerate(runs):
            name = stretch.why if len(runs) == 1 else f"{stretch.why}, part {number + 1}"
            self._result.episodes.append(self._episode(name, run, stretch))

    def _runs(self, moments: Sequence[Moment]) -> list[list[Moment]]:
        """Observations one control period apart: of those that a robot publishes more often, the nearest ones."""
        runs: list[list[Moment]] = []
        index = 0
        while index < len(moments):
            now = moments[index]
            if not runs or runs[-1][-1] is not now:
                runs.append([now])
            following = _nearest(moments, index, now.stamp + self._period)
            fits = following < len(moments) and self._fits(now, moments[following])
            if not fits:  # what is left before the missing one begins no episode of its own
                late = now.stamp + self._period + self._period // 4
                following = bisect_right(moments, late, lo=index + 1, key=lambda each: each.stamp)
            for skipped in moments[index + 1 : following]:
                now.commands += skipped.commands
                now.goals += skipped.goals
            self._result.dropped["between control periods"] += following - index - 1
            if fits:
                runs[-1].append(moments[following])
            index = following
        return runs

    def _fits(self, now: Moment, following: Moment) -> bool:
        """Whether one observation is a control period after another."""
        return abs(following.stamp - now.stamp - self._period) <= self._period // 4

    def _episode(self, name: str, run: Sequence[Moment], stretch: Stretch) -> BagEpisode:
        dropped = self._result.dropped
        if len(run) < 2:
            dropped["alone"] += len(run)
            return BagEpisode(name, problem=self._alone(stretch.moments))
        first, held, commands = 0, 0, None
        if self._layout.commands is not None:
            commands, holds = self._executed.over(run)
            if holds.all():
                dropped["no command"] += len(run)
                return BagEpisode(name, problem=f"no command was due at any of its {len(run)} observations")
            first = int(np.flatnonzero(~holds)[0])
            dropped["before the first command"] += first
            commands, held = commands[first:], int(holds[first:].sum())
        rewards, terminated = self._rewards(run[first:])
        return BagEpisode(
            name,
            np.array([each.values for each in run[first:]]),
            commands,
            rewards if self._result.has_completions else None,
            terminated,
            stretch.success,
            held,
        )

    def _alone(self, moments: Sequence[Moment]) -> str:
        """Why an observation has no other one a control period later."""
        steps = np.diff([each.stamp for each in moments]) * 1e-9
        text = "it is a single observation"
        if steps.size and float(np.median(steps)) > 1.25 * self._spec.control_period:
            text += f": they come every {float(np.median(steps)):.3g} s, the control period is "
            text += f"{self._spec.control_period:g} s"
        return text

    def _rewards(self, run: Sequence[Moment]) -> tuple[NDArray[np.float64], bool]:
        """One for each goal of the task newly completed, and whether all of them were."""
        rewards = np.zeros(len(run) - 1)
        left = set(self._spec.score.goals)
        for step, period in enumerate(run):
            newly = left & set(period.goals)
            left -= newly
            rewards[min(step, len(rewards) - 1)] += len(newly)
        return rewards, bool(self._spec.score.goals) and not left


def _nearest(moments: Sequence[Moment], index: int, due: int) -> int:
    """Index of the observation after `index` that was taken nearest to `due` (ns); the length where there is none."""
    following = bisect_left(moments, due, lo=index + 1, key=lambda each: each.stamp)
    before = following - 1
    if before > index and (following == len(moments) or due - moments[before].stamp < moments[following].stamp - due):
        return before
    return following
