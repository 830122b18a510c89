"""What the fault campaign's probe sees."""

from __future__ import annotations

import time
from unittest.mock import Mock

from sensor_msgs.msg import JointState

from rcd_ros.faults.probe import Probe
from rcd_ros.tasks.kitchen import kitchen_spec


def test_when_the_arm_comes_to_rest_for_the_first_time_is_kept() -> None:
    """What a planner publishes before is its trajectory to rest, however late a busy machine makes that."""
    node, spec = Mock(), kitchen_spec()
    probe = Probe(node, spec, "planned", "measured", "executed")
    callbacks = {call.args[1]: call.args[2] for call in node.create_subscription.call_args_list}
    joints = list(spec.command.joints)

    def measure(speed: float) -> None:
        callbacks["measured"](JointState(name=joints, velocity=[speed] + [0.0] * (len(joints) - 1)))

    measure(0.5)
    measure(0.01)
    assert probe.seen.rested_at is None, "one observation is an arm that turns round"
    before = time.monotonic()
    measure(-0.01)
    rested = probe.seen.rested_at
    assert rested is not None and before <= rested <= time.monotonic()
    measure(0.5)
    measure(0.0)
    measure(0.0)
    assert probe.seen.rested_at == rested
    probe.forget()
    assert probe.seen.rested_at is None
