"""What a bridge publishes is what a planner reads, whatever the messages, units, frames, rates and delays."""

from __future__ import annotations

import types
from typing import Any
from unittest import mock

import numpy as np
import pytest
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge import scene_publisher
from rcd_ros.nodes.bridge.scene_publisher import ScenePublisher
from rcd_ros.nodes.bridge.sensors import ImitatedSensors, SensorSettings
from rcd_ros.nodes.planner.observation_reader import reader_type
from rcd_ros.nodes.ros.messages import nanoseconds
from rcd_ros.nodes.ros.raw import serialize
from rcd_ros.planning.channels import POSE_VALUES
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.spec import TaskSource, TaskSpec
from rcd_ros.tasks.file.reading import parse_task_file
from rcd_ros.tasks.file.spec import spec_of
from tests.nodes.conftest import Peer
from tests.planning.tiny import tiny_spec

MS = 1_000_000
TEXT = """
task: everything
rate: 20
clock: arm
observe:
  arm:     {topic: joint_states, position: [pan, lift], velocity: [pan, lift], prefix: left_}
  hand:    {topic: joint_states, position: [finger], unit: mm, offset: 0.01}
  pull:    {topic: efforts, effort: [pan]}
  block:   {topic: block, type: PoseStamped, pose: block, frame: base, unit: mm}
  cart:    {topic: cart, type: Odometry, pose: cart, twist: cart, frame: map}
  force:   {topic: force, values: [fz, fx], layout: [fx, fy, fz], unit: N, align: hold}
  angles:  {topic: angles, type: Float64MultiArray, position: [tilt], unit: deg, align: hold}
command:
  - {joints: [pan], topic: pan, limits: [-3, 3]}
"""


def spec_from(text: str) -> TaskSpec:
    return spec_of(parse_task_file(TaskSource(text=text, folder="/nowhere"), "everything.yaml"))


def vector_of(spec: TaskSpec) -> NDArray[np.float64]:
    """An observation in which all quaternions are some."""
    vector = np.random.default_rng(0).uniform(0.1, 1.0, spec.observation_size)
    for channel, places in spec.placed():
        if channel.value_names == POSE_VALUES:
            vector[places.start + 3 : places.stop] /= np.linalg.norm(vector[places.start + 3 : places.stop])
    return vector


def test_every_channel_comes_back_as_it_was_observed(peer: Peer) -> None:
    spec = spec_from(TEXT)
    assembler = ObservationAssembler(spec, history=1)
    readers = {c.topic: reader_type(c)(assembler, c.topic, lambda: 5 * MS) for c in spec.observations}
    vector = vector_of(spec)
    told = ScenePublisher(peer, spec, 10).messages(5 * MS, vector)
    answers = [readers[topic].read(serialize(message))[1] for topic, message in told]
    observation = next(answer for answer in answers if answer is not None)
    assert observation.history[-1] == pytest.approx(vector, abs=1e-9)
    assert not assembler.dropped

    messages = {(topic, tuple(getattr(message, "name", ()))): message for topic, message in told}
    assert list(messages["joint_states", ("left_pan", "left_lift")].velocity)
    assert messages["joint_states", ("finger",)].position[0] == pytest.approx(1000.0 * (vector[4] - 0.01))
    assert messages["block", ()].header.frame_id == "base" and messages["cart", ()].header.frame_id == "map"
    assert messages["force", ()].layout.dim[0].label == "fx,fy,fz" and len(messages["force", ()].data) == 3


def test_velocities_can_be_left_out(peer: Peer) -> None:
    told = dict(ScenePublisher(peer, tiny_spec(), 10, velocities=False).messages(0, np.zeros(5)))
    assert list(told["joint_states"].position) == [0.0, 0.0] and not told["joint_states"].velocity


TF_TEXT = TEXT.replace("{topic: block, type: PoseStamped,", "{type: tf,").replace(
    "frame: base, unit: mm", "frame: base"
)


def test_a_frame_of_tf_needs_its_messages(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(scene_publisher, "load_interface", missing)
    with pytest.raises(RcdError, match="tf2_msgs"):
        ScenePublisher(peer, spec_from(TF_TEXT), 10)


def test_a_frame_of_tf_is_told_as_a_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no wheel of tf2_msgs: a message class of the same fields, and a node that publishes nothing."""
    node = mock.Mock()
    monkeypatch.setattr(scene_publisher, "load_interface", lambda name: types.SimpleNamespace)
    spec = spec_from(TF_TEXT)
    scene = ScenePublisher(node, spec, 10)
    vector = vector_of(spec)
    (transform,) = dict(scene.messages(7 * MS, vector))["tf:block"].transforms
    place = next(places for channel, places in spec.placed() if channel.name == "block")
    assert (transform.header.frame_id, transform.child_frame_id) == ("base", "block")
    assert transform.transform.translation.x == pytest.approx(vector[place.start])
    assert transform.transform.rotation.w == pytest.approx(vector[place.start + 3])
    assert "/tf" in [call.args[1] for call in node.create_publisher.call_args_list]
    assert "tf:block" not in scene.topics and scene.frames == ["block"]


class Heard:
    """A scene of one number whose messages are (stamp, number), and when each was published."""

    sensors = ("joint_states", "object_states")

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []

    def messages(self, stamp: int, observation: NDArray[np.float64]) -> list[tuple[str, int]]:
        return [(topic, stamp // MS) for topic in self.sensors]

    def send(self, told: list[tuple[str, int]]) -> None:
        self.sent += told

    def publish(self, stamp: int, observation: NDArray[np.float64]) -> None:
        self.send(self.messages(stamp, observation))

    def take(self, topic: str) -> list[int]:
        return [stamp for name, stamp in self.sent if name == topic]


def imitated(rates: list[str], delays: list[str]) -> tuple[Heard, ImitatedSensors, int]:
    """The tiny task has a control period of 100 ms."""
    scene, spec = Heard(), tiny_spec()
    settings = SensorSettings.parse(spec, rates, delays, True)
    return scene, ImitatedSensors(scene, spec, settings), settings.ticks(spec)  # type: ignore[arg-type]


def test_each_topic_has_its_own_rate_and_delay() -> None:
    scene, sensors, ticks = imitated(["joint_states=50", "object_states=5"], ["object_states=0.035"])
    assert ticks == 5
    sensors.begin()
    heard: dict[int, int] = {}
    for half in range(0, 101):  # ticks of 20 ms, and their middles
        now = (1000 + 10 * half) * MS
        sensors.deliver(now)
        if half % 2 == 0:
            sensors.show(now, np.zeros(5))
        for stamp in scene.take("object_states"):
            heard.setdefault(stamp, now // MS)
    assert scene.take("joint_states") == list(range(1000, 2001, 20))
    assert heard == {1000: 1000, 1200: 1240, 1400: 1440, 1600: 1640, 1800: 1840}, "by a clock that ticks every 10 ms"


def test_an_episode_begins_with_everything_and_ends_what_was_on_its_way() -> None:
    scene, sensors, _ = imitated(["object_states=5"], ["object_states=0.15"])
    for step in range(3):
        sensors.show(step * 100 * MS, np.zeros(5))
    sensors.begin()
    scene.sent.clear()
    sensors.show(10_000 * MS, np.zeros(5))
    sensors.deliver(11_000 * MS)
    assert scene.sent == [("joint_states", 10_000), ("object_states", 10_000)]


def test_the_last_messages_are_published_again_for_a_node_that_has_missed_them() -> None:
    scene, sensors, _ = imitated(["joint_states=10", "object_states=5"], [])
    for step in range(2):
        sensors.show(step * 100 * MS, np.zeros(5))
    scene.sent.clear()
    sensors.show(100 * MS, np.zeros(5))
    assert sorted(scene.sent) == [("joint_states", 100), ("object_states", 0)]


@pytest.mark.parametrize(
    ("rates", "delays", "named"),
    [
        (["joint_stats=100"], [], "sensor_rates.*'joint_states'"),
        (["joint_states=0"], [], "sensor_rates.*'joint_states=0'"),
        (["joint_states"], [], "sensor_rates.*'joint_states'"),
        ([], ["object_states=-1"], "sensor_delays.*'object_states=-1'"),
        (["joint_states=25"], [], "sensor_rates.*'joint_states=25'.* 20$"),
    ],
)
def test_what_cannot_be_is_refused(rates: list[str], delays: list[str], named: str) -> None:
    with pytest.raises(RcdError, match=named):
        imitated(rates, delays)


def test_slower_topics_alone_do_not_divide_the_control_period() -> None:
    assert imitated(["joint_states=3"], [])[2] == 1


def test_stamps_are_those_of_the_values(peer: Peer) -> None:
    told = dict(ScenePublisher(peer, tiny_spec(), 10).messages(1234 * MS, np.zeros(5)))
    assert nanoseconds(told["joint_states"].header.stamp) == 1234 * MS
