"""What a compiled model is found to observe and command, and the task specification made of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("rcd_ros.simulation.mujoco_library")

from rcd_ros.simulation.model_layout import ModelLayout
from rcd_ros.simulation.mujoco_library import mujoco
from rcd_ros.tasks.models import model_spec, topic_of

MODEL = """
<mujoco>
  <compiler angle="radian" autolimits="true"/>
  <worldbody>
    <body name="arm">
      <joint name="pan" axis="0 0 1" range="-1 2"/><joint name="lift" axis="0 1 0"/><geom size=".1"/>
      <body><joint type="slide"/><joint name="wrist" type="ball"/><geom size=".1"/></body>
    </body>
    <body name="red box" pos="1 0 1"><freejoint/><geom size=".1"/></body>
  </worldbody>
  <tendon><fixed name="both"><joint joint="pan" coef="1"/><joint joint="lift" coef="1"/></fixed></tendon>
  <actuator>
    ACTUATORS
  </actuator>
</mujoco>
"""


def layout(*actuators: str) -> ModelLayout:
    return ModelLayout.of(mujoco.MjModel.from_xml_string(MODEL.replace("ACTUATORS", "".join(actuators))))


def test_hinges_slides_and_free_bodies_are_observed_under_their_names() -> None:
    found = layout()
    assert [(joint.name, joint.unit, joint.lower, joint.upper) for joint in found.joints] == [
        ("pan", "rad", -1.0, 2.0),
        ("lift", "rad", -math.inf, math.inf),
        ("joint_2", "m", -math.inf, math.inf),
    ]
    assert [body.name for body in found.bodies] == ["red box"]
    spec = model_spec(found, "toy", 0.02, 100)
    assert [(channel.kind, channel.topic, channel.size) for channel in spec.observations] == [
        ("joint_position", "joint_states", 3),
        ("joint_velocity", "joint_states", 3),
        ("body_pose", "red_box/odometry", 7),
        ("body_twist", "red_box/odometry", 6),
    ]
    assert spec.observation_columns == list(range(19))
    assert spec.observations[1].units == ("rad/s", "rad/s", "m/s")


@pytest.mark.parametrize(
    ("actuator", "name", "interface", "unit", "scale", "limits"),
    [
        ('<motor joint="pan" gear="5" ctrlrange="-1 1"/>', "pan", "effort", "N m", 5.0, (-5.0, 5.0)),
        ('<motor joint="pan" gear="-5" ctrlrange="-1 2"/>', "pan", "effort", "N m", -5.0, (-10.0, 5.0)),
        ('<motor joint="pan" forcerange="-3 3"/>', "pan", "effort", "N m", 1.0, (-3.0, 3.0)),
        ('<position joint="pan" kp="7"/>', "pan", "position", "rad", 1.0, (-1.0, 2.0)),
        ('<position joint="lift" kp="7" gear="2" ctrlrange="-1 1"/>', "lift", "position", "rad", 0.5, (-0.5, 0.5)),
        ('<velocity joint="lift" kv="3" ctrlrange="-2 2"/>', "lift", "velocity", "rad/s", 1.0, (-2.0, 2.0)),
        ('<intvelocity joint="lift" kp="3" actrange="-1 1"/>', "lift", "velocity", "rad/s", 1.0, (-math.inf, math.inf)),
        ('<damper name="brake" joint="lift" ctrlrange="0 1"/>', "lift", "effort", "1", 1.0, (0.0, 1.0)),
        ('<position tendon="both" kp="7" ctrlrange="0 1"/>', "both", "position", "m", 1.0, (0.0, 1.0)),
        ('<motor name="push" joint="wrist"/>', "push", "effort", "N", 1.0, (-math.inf, math.inf)),
    ],
)
def test_an_actuator_is_commanded_by_what_its_gains_make_of_its_control(
    actuator: str, name: str, interface: str, unit: str, scale: float, limits: tuple[float, float]
) -> None:
    (found,) = layout(actuator).actuators
    assert (found.name, found.interface, found.unit) == (name, interface, unit)
    assert found.scale == pytest.approx(scale)
    assert (found.lower, found.upper) == pytest.approx(limits)


def test_actuators_that_share_a_joint_go_by_their_own_names() -> None:
    found = layout('<position name="stiff" joint="pan"/>', '<velocity joint="pan"/>', '<motor joint="lift"/>')
    assert [actuator.name for actuator in found.actuators] == ["stiff", "actuator_1", "lift"]


def test_commanded_joints_limits_become_motion_limits() -> None:
    spec = model_spec(layout('<motor joint="pan"/>', '<motor joint="lift"/>'), "toy", 0.02, 100)
    assert spec.motion is not None
    assert spec.motion.position_lower == (-1.0, -math.inf) and spec.motion.position_upper == (2.0, math.inf)
    assert model_spec(layout('<motor joint="lift"/>'), "toy", 0.02, 100).motion is None


def test_a_state_is_restored_as_it_was_observed() -> None:
    model = mujoco.MjModel.from_xml_string(MODEL.replace("ACTUATORS", ""))
    found, data = ModelLayout.of(model), mujoco.MjData(model)
    state = np.arange(19.0)
    found.restore(data, state)
    assert found.observe(data).tolist() == state.tolist()


def test_topics_of_bodies_are_ros_names() -> None:
    assert [topic_of(name) for name in ("kettle", "red box", "3rd", "a/b")] == [
        "kettle/odometry",
        "red_box/odometry",
        "_3rd/odometry",
        "a_b/odometry",
    ]
