"""What only the embedded runtime can get wrong: its wire format, its parameters, its clocks and names."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication
from cyclonedds.core import Policy
from cyclonedds.idl._support import Endianness

from rcd_ros.errors import RcdError
from rcd_ros.ros import (
    RUNTIME,
    DurabilityPolicy,
    Future,
    Node,
    Parameter,
    ParameterDescriptor,
    ParameterException,
    QoSProfile,
    SetParametersResult,
    init,
    shutdown,
)
from rcd_ros.ros.free_domain import _is_free
from rcd_ros.ros.messages import (
    ClockMessage,
    DiagnosticArray,
    DiagnosticStatus,
    FloatingPointRange,
    JointState,
    JointTrajectory,
    JointTrajectoryPoint,
    Odometry,
    String,
    Trigger,
)

if RUNTIME != "embedded":
    pytest.skip("these are about the embedded runtime", allow_module_level=True)

from rosbags.typesys import Stores, get_typestore

from rcd_ros.ros.embedded import definitions
from rcd_ros.ros.embedded.arguments import parse_ros_arguments, read_parameter_file
from rcd_ros.ros.embedded.context import get_default_context
from rcd_ros.ros.embedded.messages import message_class, service_class
from rcd_ros.ros.embedded.names import expand
from rcd_ros.ros.embedded.topics import make_reader, take_one

MUJOCO_SERVICES = ("ResetWorld", "SetPause", "StepSimulation")
SpinUntil = Callable[[Node, Callable[[], bool]], None]


def test_type_hashes_are_ros_2_jazzys() -> None:
    expected = "RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18"
    assert definitions.type_hash("std_msgs/msg/String") == expected


def test_topics_and_services_have_ros_2s_names_types_and_user_data_on_the_wire(ros: None) -> None:
    node = Node("wire", namespace="/arm")
    node.create_publisher(JointState, "joint_states", 10)
    node.create_service(Trigger, "~/reset", lambda request, response: response)
    endpoints = BuiltinDataReader(get_default_context().participant, BuiltinTopicDcpsPublication).read(N=100)
    written = {endpoint.topic_name: endpoint for endpoint in endpoints}
    topic, reply = written["rt/arm/joint_states"], written["rr/arm/wire/resetReply"]
    assert topic.type_name == "sensor_msgs::msg::dds_::JointState_"
    assert reply.type_name == "std_srvs::srv::dds_::Trigger_Response_"
    user_data = bytes(topic.qos[Policy.Userdata].data).decode()
    assert user_data == f"typehash={definitions.type_hash('sensor_msgs/msg/JointState')};"
    assert bytes(reply.qos[Policy.Userdata].data).decode().startswith("serviceid=")


def test_mujoco_ros2_controls_services_are_known_by_its_names() -> None:
    step = service_class("mujoco_ros2_control_msgs/srv/StepSimulation")
    assert definitions.dds_type_name(step.Request.ros_type_name) == (
        "mujoco_ros2_control_msgs::srv::dds_::StepSimulation_Request_"
    )
    assert [(field.name, field.base) for field in definitions.fields(step.Request.ros_type_name)] == [
        ("steps", "uint32")
    ]
    hashes = {definitions.type_hash(f"mujoco_ros2_control_msgs/srv/{name}_Response") for name in MUJOCO_SERVICES}
    assert len(hashes) == 3 and all(text.startswith("RIHS01_") for text in hashes)


def test_a_services_callback_may_await_what_other_callbacks_bring(ros: None, spin_until: SpinUntil) -> None:
    """Two calls wait at once, each for a message of its own; they are answered in the order of the messages."""
    node = Node("patient")
    waiting: list[Future] = []

    async def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        waiting.append(Future())
        message = await waiting[-1]
        done = Future()
        done.set_result("!")
        response.success, response.message = True, message + await done
        return response

    node.create_service(Trigger, "ask", answer)
    node.create_subscription(String, "word", lambda message: waiting.pop().set_result(message.data), 10)
    publisher, client = node.create_publisher(String, "word", 10), node.create_client(Trigger, "ask")
    spin_until(node, client.service_is_ready)
    first, second = client.call_async(Trigger.Request()), client.call_async(Trigger.Request())
    spin_until(node, lambda: len(waiting) == 2)
    assert not first.done() and not second.done()
    publisher.publish(String(data="two"))
    spin_until(node, second.done)
    assert not first.done() and second.result().message == "two!"
    publisher.publish(String(data="one"))
    spin_until(node, first.done)
    assert first.result().message == "one!"


def test_serialised_messages_read_the_same_by_another_implementation_of_cdr() -> None:
    point = JointTrajectoryPoint(positions=[0.1, 0.2], velocities=[1.0, -1.0])
    point.time_from_start.nanosec = 80_000_000
    status = DiagnosticStatus(level=DiagnosticStatus.WARN, name="planner", message="late")
    odometry = Odometry(child_frame_id="kettle")
    odometry.pose.pose.orientation.w = 0.5
    store = get_typestore(Stores.ROS2_JAZZY)

    def read(message: object) -> object:
        return store.deserialize_cdr(bytes(message.serialize(use_version_2=False)), message.ros_type_name)

    trajectory = read(JointTrajectory(joint_names=["a", "b"], points=[point]))
    assert trajectory.points[0].velocities.tolist() == [1.0, -1.0]
    assert trajectory.points[0].time_from_start.nanosec == 80_000_000
    assert read(DiagnosticArray(status=[status])).status[0].level == 1
    assert read(odometry).pose.pose.orientation.w == 0.5


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (lambda: JointState(position=np.zeros(2)), "position"),
        (lambda: JointState(position=[1]), "position"),
        (lambda: JointState(name="joint"), "name"),
        (lambda: JointState(velocity=[np.float32(1)]), "velocity"),
        (lambda: JointState(effort=array("f", [1.0])), "JointState.effort must be an array of type code 'd', got 'f'"),
        (lambda: JointState(header=JointState().header.stamp), r"JointState\.header must be a std_msgs/msg/Header"),
    ],
)
def test_publishing_refuses_what_ros_2s_message_classes_refuse(
    ros: None, message: Callable[[], JointState], field: str
) -> None:
    publisher = Node("strict").create_publisher(JointState, "joint_states", 10)
    with pytest.raises(TypeError, match=field):
        publisher.publish(message())


def test_a_misfit_deep_inside_is_named_with_its_place(ros: None) -> None:
    publisher = Node("strict").create_publisher(JointTrajectory, "joint_trajectory", 10)
    points = [JointTrajectoryPoint(positions=[0.0]), JointTrajectoryPoint(positions=[0.0, "x"])]
    with pytest.raises(TypeError, match=r"JointTrajectory\.points\[1\]\.positions\[1\] must be a float, got 'x'"):
        publisher.publish(JointTrajectory(points=points))


def test_serialised_messages_and_arrays_are_sent_like_lists(ros: None, spin_until: SpinUntil) -> None:
    node = Node("sender")
    received: list[JointState] = []
    node.create_subscription(JointState, "joint_states", received.append, 10)
    publisher = node.create_publisher(JointState, "joint_states", 10)
    plain = JointState(name=["a"], position=[0.5], velocity=[-1.0])
    packed = JointState(name=["a"], position=array("d", [0.5]), velocity=array("d", [-1.0]))
    for message in (plain, packed, plain.serialize()):
        publisher.publish(message)
    spin_until(node, lambda: len(received) == 3)
    assert received == [plain] * 3


def test_parameters_are_typed_ranged_and_asked_of_callbacks(ros: None) -> None:
    node = Node("typed", parameter_overrides=[Parameter("speed", value=2.0), Parameter("count", value=2.5)])
    unit = ParameterDescriptor(floating_point_range=[FloatingPointRange(from_value=0.0, to_value=3.0)])
    assert node.declare_parameter("speed", 1.0, unit).value == 2.0
    with pytest.raises(ParameterException, match="count"):
        node.declare_parameter("count", 1)
    assert not node.set_parameters([Parameter("speed", value=3.5)])[0].successful
    assert not node.set_parameters([Parameter("speed", value=1)])[0].successful
    node.add_on_set_parameters_callback(lambda parameters: SetParametersResult(successful=False, reason="not now"))
    result = node.set_parameters([Parameter("speed", value=1.5)])[0]
    assert (result.successful, "not now" in result.reason) == (False, True)
    assert node.get_parameter("speed").value == 2.0


def test_timers_follow_simulated_time_and_survive_its_jump_back(ros: None, spin_until: SpinUntil) -> None:
    node = Node("simulated", parameter_overrides=[Parameter("use_sim_time", value=True)])
    clock = node.create_publisher(ClockMessage, "/clock", 10)
    fired: list[int] = []
    node.create_timer(1.0, lambda: fired.append(node.get_clock().now().nanoseconds // 1_000_000))

    def set_time(milliseconds: int) -> None:
        message = ClockMessage()
        message.clock.sec, message.clock.nanosec = milliseconds // 1000, milliseconds % 1000 * 1_000_000
        clock.publish(message)
        spin_until(node, lambda: node.get_clock().now().nanoseconds == milliseconds * 1_000_000)
        spin_until(node, _twice())  # lets a due timer fire

    spin_until(node, lambda: clock.get_subscription_count() == 1)
    for milliseconds in (500, 999, 1000, 5200, 5900, 6000, 100, 1099, 1100):
        set_time(milliseconds)
    # 5200 fires once: missed periods are skipped; after the jump back a whole period passes again.
    assert fired == [1000, 5200, 6000, 1100]


def _twice() -> Callable[[], bool]:
    answers = iter([False, False, True])
    return lambda: next(answers)


def test_after_the_end_the_domain_is_free_for_others(domain: int) -> None:
    for _ in range(2):
        init(args=[])
        assert not _is_free(domain)
        shutdown()
        assert _is_free(domain)


def test_names_expand_as_in_ros_2() -> None:
    assert expand("joint_states", "/arm", "node") == "/arm/joint_states"
    assert expand("~/reset", "/", "node") == "/node/reset"
    assert expand("/clock", "/arm", "node") == "/clock"
    with pytest.raises(RcdError, match="no ROS name"):
        expand("joint states", "/", "node")


def test_wildcards_and_nested_parameters_in_files(tmp_path: Path) -> None:
    file = tmp_path / "parameters.yaml"
    file.write_text("/**/planner:\n  ros__parameters:\n    gains: {kp: 2.0}\n/*:\n  ros__parameters: {a: 1}\n")
    arguments = parse_ros_arguments(["--ros-args", "--params-file", str(file), "-p", "planner:a:=5"])
    assert arguments.parameters_of("/left/arm/planner") == {"gains.kp": 2.0, "a": 5}
    assert arguments.parameters_of("/planner") == {"gains.kp": 2.0, "a": 5}
    assert arguments.parameters_of("/bridge") == {"a": 1}
    assert arguments.parameters_of("/left/bridge") == {}


def test_arguments_that_cannot_be_read_are_refused_in_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("/**:\n  gain: 1.0\n")
    with pytest.raises(RcdError, match="ros__parameters"):
        read_parameter_file(broken)
    with pytest.raises(RcdError, match=r"missing\.yaml"):
        read_parameter_file(tmp_path / "missing.yaml")
    for arguments in (["-p", "gain=1"], ["-r", "ping"], ["--log-level", "loud"], ["--parms-file", "x"]):
        with pytest.raises(RcdError):
            parse_ros_arguments(["--ros-args", *arguments])


def test_publishers_are_counted_under_their_own_names_not_under_remapped_ones(domain: int) -> None:
    """As in rclpy, whose `count_publishers` does not remap: who means a topic of their own resolves its name first."""
    init(args=["--ros-args", "-r", "joint_states:=robot/joint_states"])
    try:
        node = Node("bridge")
        node.create_publisher(JointState, "joint_states", 10)
        assert node.count_publishers("joint_states") == 0
        assert node.count_publishers(node.resolve_topic_name("joint_states")) == 1
    finally:
        shutdown()


def test_ros_2_is_told_which_nodes_there_are_and_what_they_own(ros: None) -> None:
    node = Node("visible", namespace="/arm", start_parameter_services=False)
    node.create_publisher(JointState, "joint_states", 10)
    node.create_service(Trigger, "~/reset", lambda request, response: response)
    participant = get_default_context().participant
    qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    info = message_class("rmw_dds_common/msg/ParticipantEntitiesInfo")
    reader, _ = make_reader(participant, "ros_discovery_info", info, qos, "")
    message = take_one(reader)
    assert bytes(message.gid.data) == participant.guid.bytes
    (announced,) = message.node_entities_info_seq
    assert (announced.node_namespace, announced.node_name) == ("/arm", "visible")
    # Requests come in; the topic, the service's replies and /parameter_events go out.
    assert (len(announced.reader_gid_seq), len(announced.writer_gid_seq)) == (1, 3)


def test_a_logger_keeps_quiet_below_its_level_after_once_and_within_a_throttle(
    ros: None, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = Node("talker", namespace="/left").get_logger()
    for count in range(3):
        logger.info(f"once {count}", once=True)
        logger.warning(f"throttled {count}", throttle_duration_sec=60.0)
        logger.debug("hidden")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("]: ")[1] for line in lines] == ["once 0", "throttled 0"]
    assert "[WARN]" in lines[1] and "[left.talker]" in lines[1]


def test_a_busy_topic_does_not_starve_the_others(ros: None, spin_until: SpinUntil) -> None:
    node = Node("fair")
    heard: list[str] = []
    publishers = {}
    for name in ("busy", "quiet"):
        node.create_subscription(JointState, name, lambda message, name=name: heard.append(name), 50)
        publishers[name] = node.create_publisher(JointState, name, 50)
    for _ in range(20):
        publishers["busy"].publish(JointState())
    publishers["quiet"].publish(JointState())
    spin_until(node, lambda: "quiet" in heard)
    assert len(heard) <= 3


def test_timers_are_served_without_asking_the_readers_which_have_nothing(
    ros: None, spin_until: SpinUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node("waiting")
    heard: list[str] = []
    subscription = node.create_subscription(String, "word", lambda message: heard.append("word"), 10)
    node.create_timer(0.002, lambda: heard.append("tick"))
    take = subscription.take
    asked: list[object] = []
    monkeypatch.setattr(subscription, "take", lambda: (asked.append(None), take())[1])
    spin_until(node, lambda: len(heard) >= 20)
    assert set(heard) == {"tick"} and len(asked) < 5, "once or twice when it was told to look around"
    publisher = node.create_publisher(String, "word", 10)
    spin_until(node, lambda: publisher.get_subscription_count() > 0)
    publisher.publish(String(data="now"))
    spin_until(node, lambda: "word" in heard)


@pytest.mark.parametrize(
    "type_name",
    [
        "sensor_msgs/msg/JointState",
        "nav_msgs/msg/Odometry",
        "trajectory_msgs/msg/JointTrajectory",
        "diagnostic_msgs/msg/DiagnosticArray",
        "rcl_interfaces/msg/ParameterDescriptor",
        "rcl_interfaces/msg/ParameterValue",
        "sensor_msgs/msg/Image",
        "tf2_msgs/msg/TFMessage",
        "visualization_msgs/msg/MarkerArray",
        "mujoco_ros2_control_msgs/srv/StepSimulation_Request",
    ],
)
def test_the_fast_codec_writes_and_reads_what_cyclones_own_does(type_name: str) -> None:
    message = fill(message_class(type_name)())
    by_cyclone = bytes(message.__idl__.serialize(message, use_version_2=False))
    assert message.serialize() == by_cyclone
    assert type(message).deserialize(by_cyclone) == message
    big_endian = bytes(message.__idl__.serialize(message, use_version_2=False, endianness=Endianness.Big))
    assert type(message).deserialize(big_endian) == message


def fill(message: Any) -> Any:
    """Every member with something of odd size, so that an alignment that is wrong shows."""
    examples = {"bool": True, "string": "odd", "float32": 0.5, "float64": -1.25, "byte": b"\x02"}
    for member in definitions.fields(message.ros_type_name):
        example = fill(message_class(member.base)()) if member.is_message else examples.get(member.base, 3)
        if member.base == "byte":
            example = [3] if member.is_sequence else b"\x02" * (member.array_length or 1)
        elif member.is_sequence:
            example = [example] * (member.sequence_bound or 3)
        elif member.array_length is not None:
            example = [example] * member.array_length
        setattr(message, member.name, example)
    return message


def test_a_sample_that_is_cut_short_is_dropped_and_the_next_one_is_read(caplog: pytest.LogCaptureFixture) -> None:
    whole = JointState(name=["a"], position=[1.0]).serialize()
    received = [whole[:-12], whole]

    class Reader:
        topic = SimpleNamespace(name="rt/joint_states")

        def take(self, count: int) -> list[JointState]:
            return [JointState.deserialize(received.pop(0))]

    assert take_one(Reader()).position == [1.0]
    assert "rt/joint_states" in caplog.text
