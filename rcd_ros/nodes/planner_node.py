"""The planner as a node: observations come in by joint name, joint trajectories go out.

Everything that decides something is in `rcd_ros.planning`; this file connects it to topics. Callbacks gather
observations; a thread of its own plans on the newest one and publishes at once.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial

import numpy as np

from rcd_ros.errors import RcdError
from rcd_ros.nodes.messages import diagnostics
from rcd_ros.nodes.node_planner import NodePlanner
from rcd_ros.nodes.observation_reader import JointStateReader, OdometryReader
from rcd_ros.nodes.parameters import declare
from rcd_ros.nodes.planner_report import PlannerReport
from rcd_ros.nodes.planning_thread import PlanningThread
from rcd_ros.nodes.realtime import QuietCollector, Realtime
from rcd_ros.nodes.serialized_trajectory import TrajectoryWriter
from rcd_ros.nodes.timing import WINDOW_S, Period, PeriodTimes, RateWatch, Summary
from rcd_ros.planning.observation import Observation, ObservationAssembler
from rcd_ros.planning.planner import Planner
from rcd_ros.planning.trajectory import TrajectoryMaker
from rcd_ros.ros import Clock, ClockType, Node, run_node
from rcd_ros.ros.messages import DiagnosticArray, JointTrajectory

TRIGGERS = ("on_observation", "timer")
QUEUE = 10
STOP_PATIENCE_S = 5.0
"""How long the plan in work may take when the node ends."""


@dataclass(frozen=True)
class _Task:
    """An observation to plan on, and the moment (ns of the node's clock) from which its deadline counts."""

    observation: Observation
    begun: int


class PlannerNode(Node):
    """Plans on every new observation, or on the newest one at a fixed rate.

    An observation that a newer one overtakes before its planning began is dropped. One that is repeated is answered by
    repeating its plan: whoever missed the plan (a bridge that waits for it, say) can ask again without disturbing the
    sequence of plans.
    """

    def __init__(self) -> None:
        """Load the checkpoint and connect.

        Raises:
            RcdError: a parameter or the checkpoint cannot be used.
        """
        super().__init__("planner")
        self.checkpoint = declare(
            self, "checkpoint", "", "folder of the planner's checkpoint", bool, "a checkpoint folder"
        )
        self.engine = declare(self, "engine", "auto", "inference engine")
        self.threads = declare(self, "threads", 1, "threads of the engine", lambda n: n >= 1, "at least 1")
        self.seed = declare(self, "seed", 0, "seed of the planning noise", lambda n: n >= 0, "0 or more")
        trigger = declare(
            self, "trigger", "on_observation", "when to plan", TRIGGERS.__contains__, " or ".join(TRIGGERS)
        )
        rate = _not_negative(self, "rate", "plans a second that are expected, by timer: made; 0: one a period", "Hz")
        deadline = _not_negative(self, "deadline", "s from an observation's stamp to its plan, 0: until the next plan")
        tolerance = _not_negative(self, "stamp_tolerance", "s between the messages of one observation")
        max_age = _not_negative(self, "max_age", "s after which an observation is stale, 0: a horizon")
        rehearses = declare(self, "rehearse", True, "evaluate once more just before an observation is expected")
        self._realtime = _declare_realtime(self)

        self._planner = self.make_planner()
        self._planner.warm_up()
        spec = self._planner.spec
        self._assembler = ObservationAssembler(spec, self._planner.history, tolerance)
        self._nothing = np.zeros((self._planner.horizon, spec.command.size)), np.zeros(spec.observation_size)
        self._maker = TrajectoryMaker(spec)
        self._writer = TrajectoryWriter(spec.command.joints, self._maker.points(*self._nothing))
        self._max_age = round((max_age or self._planner.horizon * spec.control_period) * 1e9)
        self._rate = rate or 1.0 / spec.control_period
        self._deadline = deadline or 1.0 / self._rate
        self._times = PeriodTimes(self._deadline)
        self._rate_watch = RateWatch()
        self._collector = QuietCollector()
        self._refused: dict[str, str] = {}
        rehearse = self._rehearse if rehearses else None
        self._thread: PlanningThread[_Task] = PlanningThread(self._plan, rehearse, 1.0 / self._rate)
        self._waiting: Observation | None = None
        self._last: tuple[int, bytes] | None = None
        # Every key is there from the start: the planning thread counts while the executor's thread reads.
        self._dropped = Counter({"overtaken": 0, "stale": 0, "no plan": 0})
        self._plans = 0

        self._trajectories = self.create_publisher(JointTrajectory, spec.command.topic, QUEUE)
        self._diagnostics = self.create_publisher(DiagnosticArray, "diagnostics", QUEUE)
        self._plan_at_once = trigger == "on_observation"
        self._lead_topic = spec.observations[0].topic
        for topic, kind in {channel.topic: channel.kind for channel in spec.observations}.items():
            read = JointStateReader if kind in ("joint_position", "joint_velocity") else OdometryReader
            reader = read(self._assembler, topic)
            callback = partial(self._on_message, reader, topic)
            self.create_subscription(reader.message_type, topic, callback, QUEUE, raw=True)
        if not self._plan_at_once:
            self.create_timer(1.0 / self._rate, self._plan_newest)
        self.create_timer(1.0, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._start()

    def make_planner(self) -> NodePlanner:
        """The planner that the parameters `checkpoint`, `engine`, `threads` and `seed` ask for.

        A node that plans by other means overrides this one method; more parameters may be declared here.

        Raises:
            RcdError: the checkpoint or the engine cannot be used.
        """
        return Planner.load(self.checkpoint, self.engine, self.seed, self.threads)

    def destroy_node(self) -> None:
        """End the planning thread, then leave the graph."""
        if self._thread.close(STOP_PATIENCE_S):
            self._planner.close()
        else:
            self.get_logger().error(f"the plan in work has not ended within {STOP_PATIENCE_S:g} s: leaving it behind")
        self._collector.release()
        super().destroy_node()

    def _start(self) -> None:
        """Begin to plan."""
        planner = self._planner
        self.get_logger().info(
            f"planning '{planner.spec.name}' from {self.checkpoint} ({planner.sha256[:12]}): {planner.horizon} steps "
            f"of {planner.spec.control_period:g} s, engine {planner.engine.name}, seed {planner.seed}"
        )
        self._thread.start()
        self._refused = self._realtime.apply()
        for sentence in self._refused.values():
            self.get_logger().warning(sentence)
        self._collector.freeze()

    def _on_message(self, reader: JointStateReader | OdometryReader, topic: str, data: bytes) -> None:
        stamp, observation = reader.read(data)
        if observation is None:
            last = self._last
            if topic == self._lead_topic and last is not None and stamp == last[0]:
                self._trajectories.publish(last[1])
        elif self._plan_at_once:
            self._offer(_Task(observation, observation.stamp))
        else:
            self._dropped["overtaken"] += self._waiting is not None
            self._waiting = observation

    def _plan_newest(self) -> None:
        observation, self._waiting = self._waiting, None
        if observation is not None:
            self._offer(_Task(observation, self._now()))

    def _offer(self, task: _Task) -> None:
        if self._thread.offer(task):
            self._dropped["overtaken"] += 1
            self._times.overtaken()

    def _plan(self, task: _Task) -> None:
        """Plan and publish: the planning thread's work."""
        observation, planner = task.observation, self._planner
        started = self._now()
        if self._is_stale(observation, started):
            return
        begin = time.perf_counter_ns()
        try:
            chunk = planner.plan(observation.history)
        except RcdError as error:
            self._dropped["no plan"] += 1
            self.get_logger().error(f"no plan: {error}", throttle_duration_sec=5.0)
            return
        planned = time.perf_counter_ns()
        points = self._maker.points(chunk, observation.history[-1])
        message = self._writer.write(observation.stamp, points)
        self._last = observation.stamp, message
        self._trajectories.publish(message)
        end = time.perf_counter_ns()
        self._plans += 1
        self._times.planned(Period(observation.stamp, task.begun, started, self._now(), planned - begin, end - planned))
        planner.prepare()

    def _rehearse(self) -> None:
        """What the planning thread does shortly before an observation is due: all but publishing."""
        self._planner.rehearse()
        self._writer.write(0, self._maker.points(*self._nothing))

    def _is_stale(self, observation: Observation, now: int) -> bool:
        age = now - observation.stamp
        if age <= self._max_age:
            return False
        self._dropped["stale"] += 1
        self.get_logger().warning(
            f"an observation is {age * 1e-9:.3g} s old and not planned on; with a simulator set use_sim_time:=true",
            throttle_duration_sec=5.0,
        )
        return True

    def _now(self) -> int:
        """The node's clock, ns."""
        return int(self.get_clock().now().nanoseconds)

    def _report(self) -> None:
        self._thread.check()
        planner, summary = self._planner, self._times.summary()
        dropped = self._assembler.dropped + self._dropped
        report = PlannerReport.of(planner, self._plans, self._times.missed, summary)
        choice = planner.engine.choice or {}
        values = {
            **report.values(),
            **summary.milliseconds,
            "deadline_ms": round(1e3 * self._deadline, 3),
            f"missed in the last {WINDOW_S:g} s": f"{summary.missed} of {summary.periods}",
            "rate_asked_hz": round(self._rate, 2),
            "counter": planner.counter,
            "plan_stamp": self._last[0] if self._last else -1,
            "dropped": sum(dropped.values()),
            **{f"dropped: {reason}": count for reason, count in sorted(dropped.items())},
            "clock_restarts": self._assembler.restarts,
            **{f"measured: {name}": f"{p50:.3f} ms p50, {p99:.3f} ms p99" for name, (p50, p99) in choice.items()},
            **{f"refused: {name}": sentence for name, sentence in self._refused.items()},
        }
        problems = [*self._problems(summary), *self._refused.values()]
        self._diagnostics.publish(
            diagnostics(self._now(), self.get_fully_qualified_name(), "; ".join(problems), values)
        )
        self._collector.collect()

    def _problems(self, summary: Summary) -> list[str]:
        """What a person should know; that the rate does not hold is logged, too, whenever that is news."""
        if self._rate_watch.update(summary):
            age, plan = (summary.milliseconds[key] for key in ("age_ms_p99", "plan_ms_p99"))
            self.get_logger().warning(
                f"{self._rate:g} plans a second cannot be held: {summary.rate_hz:g} are reached, an observation is "
                f"{age:.3g} ms old when its planning begins and a plan takes {plan:.3g} ms (p99): lower the rate or "
                "choose a faster engine"
            )
        if self._plans == 0:
            return ["no plan yet: waiting for a complete observation"]
        if summary.missed == 0:
            return []
        within = f"within {1e3 * self._deadline:g} ms in the last {WINDOW_S:g} s"
        return [f"{summary.missed} of {summary.periods} observations had no plan {within}"]


def _not_negative(node: Node, name: str, description: str, unit: str = "s") -> float:
    """Declare a number that is 0 unless it is given."""
    return declare(node, name, 0.0, description, lambda value: value >= 0.0, f"0 or more ({unit})")


def _declare_realtime(node: Node) -> Realtime:
    all_cores: list[int] = []
    cores = declare(
        node,
        "cpu_affinity",
        all_cores,
        "cores to run on, none: any",
        lambda numbers: all(type(number) is int for number in numbers),
        "a list of core numbers",
    )
    priority = declare(node, "realtime_priority", 0, "1 to 99: scheduled by SCHED_FIFO, 0: as usual")
    lock_memory = declare(node, "lock_memory", False, "keep all memory from being paged out")
    keep_awake = declare(node, "keep_awake", False, "keep the machine's cores from sleeping while they wait")
    wishes = Realtime(tuple(cores), priority, lock_memory, keep_awake)
    wishes.check()
    return wishes


def main(args: list[str] | None = None) -> int:
    """Entry point of the `planner_node` executable."""
    return run_node(PlannerNode, args)


if __name__ == "__main__":
    sys.exit(main())
