"""The planner as a node: observations come in by joint name, joint trajectories go out.

Everything that decides something is in `rcd_ros.planning`; this file connects it to topics.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from functools import partial

from rcd_ros.errors import RcdError
from rcd_ros.nodes.messages import diagnostics, joint_trajectory, nanoseconds
from rcd_ros.nodes.parameters import declare
from rcd_ros.nodes.planner_report import PlannerReport
from rcd_ros.planning.observation import Observation, ObservationAssembler
from rcd_ros.planning.planner import Planner
from rcd_ros.planning.trajectory import trajectory_points
from rcd_ros.ros import Clock, ClockType, Node, run_node
from rcd_ros.ros.messages import DiagnosticArray, JointState, JointTrajectory, Odometry

TRIGGERS = ("on_observation", "timer")
QUEUE = 10


class PlannerNode(Node):
    """Plans on every new observation, or on the newest one at a fixed rate.

    An observation that is repeated is answered by repeating its plan: whoever missed the plan (a bridge that waits
    for it, say) can ask again without disturbing the sequence of plans.
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
        rate = declare(
            self, "rate", 0.0, "plans a second by timer, 0: one a period", lambda r: r >= 0, "0 or more (Hz)"
        )
        tolerance = declare(
            self, "stamp_tolerance", 0.0, "s between the messages of one observation", lambda s: s >= 0, "0 or more (s)"
        )
        max_age = declare(
            self,
            "max_age",
            0.0,
            "s after which an observation is stale, 0: a horizon",
            lambda s: s >= 0,
            "0 or more (s)",
        )

        self._planner = self.make_planner()
        spec = self._planner.spec
        self._assembler = ObservationAssembler(spec, self._planner.history, tolerance)
        self._max_age = round((max_age or self._planner.horizon * spec.control_period) * 1e9)
        self._waiting: Observation | None = None
        self._last: JointTrajectory | None = None
        self._last_stamp = -1
        self._dropped: Counter[str] = Counter()
        self._plan_ms: deque[float] = deque(maxlen=1000)
        self._plans = 0

        self._trajectories = self.create_publisher(JointTrajectory, spec.command.topic, QUEUE)
        self._diagnostics = self.create_publisher(DiagnosticArray, "diagnostics", QUEUE)
        self._plan_at_once = trigger == "on_observation"
        self._lead_topic = spec.observations[0].topic
        for topic, kind in {channel.topic: channel.kind for channel in spec.observations}.items():
            if kind in ("joint_position", "joint_velocity"):
                self.create_subscription(JointState, topic, partial(self._on_joint_state, topic), QUEUE)
            else:
                self.create_subscription(Odometry, topic, partial(self._on_odometry, topic), QUEUE)
        if not self._plan_at_once:
            self.create_timer(1.0 / rate if rate else spec.control_period, self._plan_newest)
        self.create_timer(1.0, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(
            f"planning '{spec.name}' from {self.checkpoint} ({self._planner.sha256[:12]}): {self._planner.horizon} "
            f"steps of {spec.control_period:g} s, engine {self._planner.engine.name}, seed {self.seed}"
        )

    def make_planner(self) -> Planner:
        """The planner that the parameters `checkpoint`, `engine`, `threads` and `seed` ask for.

        A node that plans by other means overrides this one method; more parameters may be declared here.

        Raises:
            RcdError: the checkpoint or the engine cannot be used.
        """
        return Planner.load(self.checkpoint, self.engine, self.seed, self.threads)

    def _on_joint_state(self, topic: str, message: JointState) -> None:
        stamp = nanoseconds(message.header.stamp)
        observation = self._assembler.joint_state(topic, stamp, message.name, message.position, message.velocity)
        self._on_observation(topic, stamp, observation)

    def _on_odometry(self, topic: str, message: Odometry) -> None:
        stamp = nanoseconds(message.header.stamp)
        pose, twist = message.pose.pose, message.twist.twist
        observation = self._assembler.odometry(
            topic,
            stamp,
            (pose.position.x, pose.position.y, pose.position.z),
            (pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w),
            (twist.linear.x, twist.linear.y, twist.linear.z),
            (twist.angular.x, twist.angular.y, twist.angular.z),
        )
        self._on_observation(topic, stamp, observation)

    def _on_observation(self, topic: str, stamp: int, observation: Observation | None) -> None:
        if observation is None:
            if topic == self._lead_topic and stamp == self._last_stamp and self._last is not None:
                self._trajectories.publish(self._last)
            return
        if self._waiting is not None:
            self._dropped["overtaken"] += 1
        self._waiting = observation
        if self._plan_at_once:
            self._plan_newest()

    def _plan_newest(self) -> None:
        observation, self._waiting = self._waiting, None
        if observation is None or self._is_stale(observation):
            return
        begin = time.perf_counter()
        try:
            chunk = self._planner.plan(observation.history)
        except RcdError as error:
            self._dropped["no plan"] += 1
            self.get_logger().error(f"no plan: {error}", throttle_duration_sec=5.0)
            return
        self._plan_ms.append(1e3 * (time.perf_counter() - begin))
        self._plans += 1
        points = trajectory_points(self._planner.spec, chunk, observation.history[-1])
        self._last = joint_trajectory(observation.stamp, self._planner.spec.command.joints, points)
        self._last_stamp = observation.stamp
        self._trajectories.publish(self._last)

    def _is_stale(self, observation: Observation) -> bool:
        age = self.get_clock().now().nanoseconds - observation.stamp
        if age <= self._max_age:
            return False
        self._dropped["stale"] += 1
        self.get_logger().warning(
            f"an observation is {age * 1e-9:.3g} s old and not planned on; with a simulator set use_sim_time:=true",
            throttle_duration_sec=5.0,
        )
        return True

    def _report(self) -> None:
        dropped = self._assembler.dropped + self._dropped
        planner = self._planner
        report = PlannerReport.of(planner.sha256, planner.engine.name, planner.seed, self._plans, self._plan_ms)
        problem = "" if self._plans else "no plan yet: waiting for a complete observation"
        values = {
            **report.values(),
            "counter": planner.counter,
            "dropped": sum(dropped.values()),
            **{f"dropped: {reason}": count for reason, count in sorted(dropped.items())},
            "clock_restarts": self._assembler.restarts,
        }
        now = self.get_clock().now().nanoseconds
        self._diagnostics.publish(diagnostics(now, self.get_fully_qualified_name(), problem, values))


def main(args: list[str] | None = None) -> int:
    """Entry point of the `planner_node` executable."""
    return run_node(PlannerNode, args)


if __name__ == "__main__":
    sys.exit(main())
