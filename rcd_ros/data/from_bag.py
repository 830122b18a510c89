"""From bags to episodes: what a robot observed, what it was commanded, and what that achieved."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.bags import DIAGNOSTICS, STRING, Bag, TaskTopics, assemble, nanoseconds, status_values
from rcd_ros.data.episodes import Episode
from rcd_ros.errors import RcdError
from rcd_ros.planning.observation import ObservationAssembler
from rcd_ros.planning.received_plan import PointFields, ReceivedPlan, received_plan
from rcd_ros.planning.receiver import TrajectoryReceiver
from rcd_ros.planning.spec import TaskSpec

_FIELDS = ("positions", "velocities", "accelerations", "effort")


@dataclass
class BagEpisodes:
    """What a bag gave.

    Attributes:
        episodes: in recorded order.
        observed: complete observations in the bag.
        splits: places where control periods are missing, between two episodes or within one.
        held: steps in which no plan was due, so that the command was to hold the position.
        dropped: observations that are in no episode, by reason.
        unusable: messages that could not be used, by reason.
        refused: plans that could not be followed, by reason.
        execute: control periods for which a plan is kept.
        command_timeout: s after a trajectory until the robot held; 0: until its last point had passed.
        enforces_limits: whether the robot limited the rate of its commands.
        mode: of the bridge, "lockstep" or "realtime"; empty where the bag does not say, which means real time.
        has_completions: whether the bag says which goals were completed; without that, all rewards are zero.
        checkpoint_sha256: of the planner that was recorded; empty where its diagnostics are not in the bag.
    """

    episodes: list[Episode] = field(default_factory=list)
    observed: int = 0
    splits: int = 0
    held: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    unusable: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    execute: int = 1
    command_timeout: float = 0.0
    enforces_limits: bool = False
    mode: str = ""
    has_completions: bool = False
    checkpoint_sha256: str = ""

    @property
    def steps(self) -> int:
        """Of all episodes."""
        return sum(len(episode) for episode in self.episodes)


@dataclass
class _Observed:
    """An observation (n_obs,) taken at `stamp`, in the bag at `time` (ns), and what came in until the next one.

    With a plan go its time and the stamp of the newest observation then.
    """

    time: int
    stamp: int
    values: NDArray[np.float64]
    plans: list[tuple[int, int, ReceivedPlan]] = field(default_factory=list)
    goals: list[str] = field(default_factory=list)


def read_episodes(bag: Bag, spec: TaskSpec, topics: TaskTopics, execute: int | None = None) -> BagEpisodes:
    """Episodes of a recorded run in the layout of the task's data sets, one step a control period.

    An action is the command that the robot executed, as `TrajectoryReceiver` decides it with the settings that the
    bridge reports in its diagnostics: the newest valid plan's point, or a hold. In real time a plan counts for a
    period when it arrived in the period's first half; in lockstep, whenever it arrived. Without diagnostics real time
    is assumed. An episode starts with the first plan.

    Episodes are split where the clock began anew and where periods are missing. The state after the last command is
    not recorded, so that an episode ends with the last observation, and what its last period completed counts for the
    one before (as with D4RL's data).

    Args:
        bag: the recorded run.
        spec: all channels of the task.
        topics: where they are in the bag.
        execute: periods that the robot kept a plan for; None: as a bridge's diagnostics say, else 1.

    Raises:
        RcdError: the bag holds no episode; the sentence says what is there instead.
    """
    if spec.command.source != "action":
        raise RcdError(f"task '{spec.name}' plans what is observed, not actions: a bag holds no actions for it")
    planner, bridge = _told(bag, topics)
    result = BagEpisodes(
        execute=execute or _whole_number(bridge.get("execute", "")) or 1,
        command_timeout=_seconds(bridge.get("command_timeout", "")),
        enforces_limits=bridge.get("enforce_command_limits") == "True",
        mode=bridge.get("mode", ""),
        has_completions=bag.types.get(topics.full("task_completions")) == STRING,
        checkpoint_sha256=planner.get("checkpoint_sha256", ""),
    )
    period = round(spec.control_period * 1e9)
    maker = _EpisodeMaker(spec, result)
    observed = _observations(bag, spec, topics, result)
    for stretch in observed:
        for run in _runs(stretch, period, result):
            maker.add(run)
    if not result.episodes:
        raise RcdError(f"the bag '{bag.path}' holds no episode of '{spec.name}': {_why(observed, spec, result)}")
    return result


def _told(bag: Bag, topics: TaskTopics) -> tuple[dict[str, str], dict[str, str]]:
    """What planner and bridge said of themselves, the newest of each value."""
    reports = topics.full("diagnostics")
    planner: dict[str, str] = {}
    bridge: dict[str, str] = {}
    for recorded in bag.messages([reports if bag.types.get(reports) == DIAGNOSTICS else "/diagnostics"]):
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


def _observations(bag: Bag, spec: TaskSpec, topics: TaskTopics, result: BagEpisodes) -> list[list[_Observed]]:
    """Everything in order, split where the clock began anew."""
    assembler = ObservationAssembler(spec, history=1)
    stretches: list[list[_Observed]] = [[]]
    before = _Observed(0, 0, np.empty(0))
    completions = topics.full("task_completions")
    for recorded in bag.messages([topics.trajectories, completions, *topics.observations]):
        newest = stretches[-1][-1] if stretches[-1] else before
        if recorded.topic == topics.trajectories:
            newest.plans.append((recorded.time, newest.stamp, _received_plan(recorded.message, spec)))
        elif recorded.topic == completions:
            newest.goals += [recorded.message.data] if result.has_completions else []
        else:
            restarts = assembler.restarts
            observation = assemble(assembler, topics.observations[recorded.topic], recorded)
            if assembler.restarts > restarts:
                stretches.append([])
            if observation is not None:
                stretches[-1].append(_Observed(recorded.time, observation.stamp, observation.history[-1]))
    result.observed = sum(len(stretch) for stretch in stretches)
    result.unusable = assembler.dropped
    if not result.observed and assembler.missing_joints():
        raise RcdError(f"'{bag.path}' cannot be used: {'; '.join(assembler.missing_joints().values())}")
    return stretches


def _runs(stretch: Sequence[_Observed], period: int, result: BagEpisodes) -> list[list[_Observed]]:
    """Observations one control period apart: of those that a robot publishes more often, the nearest ones."""
    runs: list[list[_Observed]] = []
    index = 0
    while index < len(stretch):
        now = stretch[index]
        if not runs or runs[-1][-1] is not now:
            result.splits += bool(runs)
            runs.append([now])
        following = _nearest(stretch, index, now.stamp + period)
        fits = following < len(stretch) and abs(stretch[following].stamp - now.stamp - period) <= period // 4
        following = following if fits else index + 1
        for skipped in stretch[index + 1 : following]:
            now.plans += skipped.plans
            now.goals += skipped.goals
        result.dropped["between control periods"] += following - index - 1
        if fits:
            runs[-1].append(stretch[following])
        index = following
    return runs


def _nearest(stretch: Sequence[_Observed], index: int, due: int) -> int:
    """Index of the observation after `index` that was taken nearest to `due` (ns); the length where there is none."""
    following = bisect_left(stretch, due, lo=index + 1, key=lambda each: each.stamp)
    before = following - 1
    if before > index and (following == len(stretch) or due - stretch[before].stamp < stretch[following].stamp - due):
        return before
    return following


class _EpisodeMaker:
    """Turns runs of periods into episodes."""

    def __init__(self, spec: TaskSpec, result: BagEpisodes) -> None:
        self._spec = spec
        self._lockstep = result.mode == "lockstep"
        self._result = result
        self._receiver = TrajectoryReceiver(
            spec, result.execute, timeout=result.command_timeout, enforces_limits=result.enforces_limits
        )

    def add(self, run: Sequence[_Observed]) -> None:
        """Make an episode of a run, if it is long enough for one."""
        spec, dropped = self._spec, self._result.dropped
        self._receiver.reset()
        commands = [self._command(now, after) for now, after in pairwise(run)]
        self._result.refused += self._receiver.refused
        self._receiver.refused.clear()
        first = next((step for step, (_, held) in enumerate(commands) if not held), len(commands))
        if first == len(commands):
            dropped["no plan"] += len(run)
            return
        dropped["before the first plan"] += first
        columns = spec.observation_columns
        observations = np.zeros((len(run) - first, max(columns) + 1), np.float32)
        observations[:, columns] = [each.values for each in run[first:]]
        actions = np.zeros((len(run) - first - 1, max(spec.command.columns) + 1), np.float32)
        chosen = np.array([command for command, _ in commands[first:]])
        actions[:, list(spec.command.columns)] = chosen / np.asarray(spec.command.scale)
        rewards, terminated = self._rewards(run[first:])
        held = sum(held for _, held in commands[first:])
        self._result.held += held
        self._result.episodes.append(
            Episode(observations, actions, rewards, terminated, not terminated, info={"held_steps": held})
        )

    def _command(self, now: _Observed, after: _Observed) -> tuple[NDArray[np.float64], bool]:
        """The command of the period that begins with `now`, and whether it only held the position."""
        until = after.time if self._lockstep else now.time + (after.time - now.time) // 2
        receiver = self._receiver
        for _, seen, plan in (each for each in now.plans if each[0] <= until):
            receiver.accept(plan, seen, now.values)
        # A plan may have been made from an observation within the period.
        moment = now.stamp if receiver.stamp is None else max(now.stamp, receiver.stamp)
        executed = receiver.execute(moment, now.values)
        for _, seen, plan in (each for each in now.plans if each[0] > until):
            receiver.accept(plan, seen, now.values)
        return executed.command, executed.holds

    def _rewards(self, run: Sequence[_Observed]) -> tuple[NDArray[np.float32], bool]:
        """One for each goal of the task newly completed, and whether all of them were."""
        rewards = np.zeros(len(run) - 1, np.float32)
        left = set(self._spec.score.goals)
        for step, period in enumerate(run):
            newly = left & set(period.goals)
            left -= newly
            rewards[min(step, len(rewards) - 1)] += len(newly)
        return rewards, bool(self._spec.score.goals) and not left


def _received_plan(message: Any, spec: TaskSpec) -> ReceivedPlan:
    points = message.points
    fields = PointFields(*([getattr(point, name) for point in points] for name in _FIELDS))
    ends = [nanoseconds(point.time_from_start) for point in points]
    interfaces = dict.fromkeys(spec.command.joints, spec.command.interface)
    return received_plan(list(message.joint_names), nanoseconds(message.header.stamp), ends, fields, interfaces)


def _why(stretches: Sequence[Sequence[_Observed]], spec: TaskSpec, result: BagEpisodes) -> str:
    """Why there is no episode, in half a sentence."""
    if result.observed == 0:
        lost = ", ".join(f"{count} {reason}" for reason, count in result.unusable.items())
        return f"not one complete observation ({lost or 'its topics never agree in their stamps'})"
    steps = np.concatenate([np.diff([each.stamp for each in stretch]) for stretch in stretches if stretch])
    if steps.size and 1e-9 * float(np.median(steps)) > 1.25 * spec.control_period:
        return (
            f"observations came every {1e-9 * float(np.median(steps)):.3g} s, its control period is "
            f"{spec.control_period:g} s"
        )
    refused = ", ".join(f"{count} {reason}" for reason, count in result.refused.items())
    return f"no plan was due at any of its {result.observed} observations" + (
        f" (refused: {refused})" if refused else ""
    )
