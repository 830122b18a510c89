"""Bags as robots record them: drivers of their own for arm and gripper, late cameras, controllers of every kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin

from rcd_ros.data.bags.bag import Bag
from rcd_ros.data.bags.episodes import BagEpisode, BagEpisodes, read_episodes
from rcd_ros.data.bags.layout import bag_layout
from rcd_ros.data.bags.topics import TaskTopics
from rcd_ros.data.bags.writer import TRIGGER_EVENT
from rcd_ros.data.imports.bags import BagSettings, read_bags
from rcd_ros.data.imports.ingest import IngestRules, Kept, Refused, ingest
from rcd_ros.data.imports.source import ImportSettings, import_source
from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSource
from rcd_ros.tasks.file.reading import parse_task_file
from rcd_ros.tasks.file.spec import spec_of
from rcd_ros.tasks.task import Task
from tests.data.bags.bag_files import STORE, Event, array, joint_state, make, points, pose, write_bag

MS = 1_000_000
PERIOD = 50 * MS
START = 1_700_000_000 * 10**9
ARM = ["shoulder", "elbow"]
JOINT_STATE, POSE = "sensor_msgs/msg/JointState", "geometry_msgs/msg/PoseStamped"
ARRAY, TRAJECTORY = "std_msgs/msg/Float64MultiArray", "trajectory_msgs/msg/JointTrajectory"

TASK = """
task: place
rate: 20
clock: arm
observe:
  arm:     {topic: /joint_states, position: [shoulder, elbow], velocity: [shoulder, elbow]}
  gripper: {topic: /joint_states, position: [finger], align: hold, max_age: 0.2}
  block:   {topic: /camera/block, pose: block, frame: base, align: hold, max_age: 0.3}
command:
  - {topic: /arm/joint_trajectory, joints: [shoulder, elbow], limits: [-3, 3]}
  - {topic: /gripper/commands, type: Float64MultiArray, joints: [finger], limits: [0, 0.03], unit: mm}
success: {block.x: ">= 0.6"}
"""


def task(bag: str = "") -> Task:
    source = TaskSource(text=TASK + (f"columns:\n  bag: {bag}\n" if bag else ""), folder=".")
    file = parse_task_file(source, "place.yaml")
    return Task(spec_of(file), make_simulation=lambda: None, file=file)  # type: ignore[arg-type,return-value]


def arm_at(seconds: float) -> np.ndarray:
    return np.array([np.sin(seconds), 0.5 * np.cos(2.0 * seconds)])


def observed(seconds: float, base: bool = True) -> list[Event]:
    """Joints at 100 Hz without velocities, the gripper by its own driver, the block at 10 Hz and 35 ms late."""
    events: list[Event] = []
    for tick in range(round(seconds * 100)):
        time = START + 10 * MS * tick
        if base:  # comes first on the topic, and is nobody's business
            events.append((time, "/joint_states", JOINT_STATE, joint_state(time, ["wheel"], [9.0], [9.0])))
        state = joint_state(time, ARM, arm_at(0.01 * tick), [])
        events.append((time + 1 * MS, "/joint_states", JOINT_STATE, state))
        if tick % 2 == 0:
            grip = joint_state(time - 3 * MS, ["finger"], [0.001 * (tick % 20)], [])
            events.append((time + 2 * MS, "/joint_states", JOINT_STATE, grip))
        if tick % 10 == 0:
            events.append((time + 3 * MS, "/camera/block", POSE, pose(time - 35 * MS, [0.01 * tick, 0, 0], "base")))
    return events


def grips(seconds: float, every: int = PERIOD) -> list[Event]:
    """The gripper's commands (mm), each just after the observation that it was decided on."""
    times = range(START, START + round(seconds * 1e9), every)
    return [(t + 8 * MS, "/gripper/commands", ARRAY, array([float(i % 30)])) for i, t in enumerate(times)]


def read(tmp_path: Path, events: Sequence[Event], bag: str = "", **options: Any) -> BagEpisodes:
    chosen = task(bag)
    recorded = Bag(write_bag(tmp_path / "bag", sorted(events, key=lambda event: event[0])))
    layout = bag_layout(chosen)
    return read_episodes(recorded, chosen.spec, TaskTopics(recorded, chosen.spec, layout=layout), layout, **options)


def one(found: BagEpisodes) -> BagEpisode:
    (episode,) = found.episodes
    assert episode.problem == ""
    return episode


def moments(episode: BagEpisode) -> np.ndarray:
    """When the observations of an episode were taken, s, by the block's driver: every 100 ms, 35 ms before."""
    return np.arange(len(episode.observations)) * 0.05


def test_observations_are_gathered_from_drivers_of_their_own(tmp_path: Path) -> None:
    found = read(tmp_path, [*observed(2.0), *grips(2.0)])
    episode = one(found)
    first = episode.observations[0, 0]
    seconds = moments(episode) + np.arcsin(first)
    assert len(episode) >= 36
    assert episode.observations[:, :2] == pytest.approx(np.array([arm_at(s) for s in seconds]), abs=1e-9)
    expected = np.stack((np.cos(seconds), -np.sin(2.0 * seconds)), axis=1)
    assert episode.observations[2:, 2:4] == pytest.approx(expected[2:], abs=0.02), "from the positions"
    held = np.floor(seconds * 10.0 + 1e-6) * 0.1
    assert np.abs(episode.observations[:, 5] - held).max() <= 0.1 + 1e-9
    assert found.unusable == {"other joints": 200}
    assert found.derived == ("/joint_states",)


def test_a_trajectory_from_time_zero_is_driven_through_its_way_points(tmp_path: Path) -> None:
    """MoveIt's: one trajectory, without a stamp, its first point where the arm is."""
    goal = points(0, ARM, [0, 800 * MS, 1600 * MS], [[0.0, 0.5], [0.8, 0.1], [0.8, 0.1]])
    command = (START + 204 * MS, "/arm/joint_trajectory", TRAJECTORY, goal)
    episode = one(read(tmp_path, [*observed(2.0), command]))
    assert episode.commands is not None and episode.held <= 4, "behind its last point it holds"
    # The first period begins before the trajectory comes, so the ends of periods are counted from its arrival.
    begin = np.arcsin(episode.observations[0, 0])
    ends = np.clip(begin + 0.05 * (1 + np.arange(len(episode))) - 0.204, 0.0, None)
    assert episode.commands[:, 0] == pytest.approx(np.minimum(ends, 0.8), abs=2e-3)
    assert episode.commands[:, 2] == pytest.approx(episode.commands[0, 2]), "the gripper rests"


def test_splines_are_stored_as_what_the_controller_drives(tmp_path: Path) -> None:
    """A trajectory every 40 ms, its knots anywhere: the action is where the cubic is at the period's end."""
    events = [*observed(2.0), *grips(2.0)]
    for tick in range(45):
        time = START + 40 * MS * tick
        ends = [0, 13 * MS, 57 * MS, 111 * MS, 190 * MS]
        seconds = (time - START) * 1e-9 + np.array(ends) * 1e-9
        rows = np.stack((np.sin(3.0 * seconds), np.cos(3.0 * seconds)), axis=1)
        rates = 3.0 * np.stack((np.cos(3.0 * seconds), -np.sin(3.0 * seconds)), axis=1)
        events.append((time + 4 * MS, "/arm/joint_trajectory", TRAJECTORY, points(time, ARM, ends, rows, rates)))
    episode = one(read(tmp_path, events))
    assert episode.commands is not None
    ends = np.arcsin(episode.observations[0, 0]) + 0.05 * (1 + np.arange(len(episode)))
    driven = np.stack((np.sin(3.0 * ends), np.cos(3.0 * ends)), axis=1)
    worst = np.abs(episode.commands[:, :2] - driven)[:-3].max()
    assert worst < 2e-4, "cubics between knots 80 ms apart"


def test_commands_of_several_topics_and_of_some_of_the_joints_go_together(tmp_path: Path) -> None:
    events = [*observed(2.0), *grips(2.0)]
    for tick in range(40):
        time = START + PERIOD * tick + 5 * MS
        joint, value = (("shoulder", 0.01 * tick), ("elbow", -0.01 * tick))[tick % 2]
        events.append((time, "/arm/joint_trajectory", TRAJECTORY, points(0, [joint], [0], [[value]])))
    episode = one(read(tmp_path, events))
    assert episode.commands is not None
    steps = np.diff(episode.commands[3:], axis=0)
    assert (np.abs(steps[:, :2]) > 0.0).sum(axis=1).tolist() == [1] * len(steps), "one joint in each period"
    assert steps[:, 2] == pytest.approx([0.001 if s > 0 else -0.029 for s in steps[:, 2]]), "mm, every period"


def test_a_leader_arm_that_is_read_often_is_followed_to_the_periods_end(tmp_path: Path) -> None:
    """Degrees, other names, a joint that is not ours, and 100 Hz, which is no clock of the follower."""
    bag = (
        "{command: [{topic: /leader/joint_states, type: JointState, joints: [shoulder, elbow], unit: deg, "
        "prefix: lead_}, {topic: /gripper/commands, type: Float64MultiArray, joints: [finger], unit: mm}]}"
    )
    events = [*observed(2.0), *grips(2.0)]
    for tick in range(200):
        time = START + 10 * MS * tick + 4 * MS
        names, values = ["lead_extra", "lead_elbow", "lead_shoulder"], [0.0, *np.degrees(arm_at(0.01 * tick)[::-1])]
        events.append((time, "/leader/joint_states", JOINT_STATE, joint_state(time, names, values, [])))
    episode = one(read(tmp_path, events, bag))
    assert episode.commands is not None
    lead = np.arcsin(episode.observations[0, 0]) + 0.05 * (1 + np.arange(len(episode))) - 0.01
    assert episode.commands[:, :2] == pytest.approx(np.array([arm_at(s) for s in lead]), abs=0.011)


def test_without_any_command_the_next_observation_is_taken(tmp_path: Path) -> None:
    chosen = task("{command: next_observation}")
    path = write_bag(tmp_path / "bag", sorted(observed(2.0), key=lambda event: event[0]))
    source = read_bags([path], chosen.spec, bag_layout(chosen), BagSettings())
    (kept,) = ingest(source.recording, chosen.spec, source.columns, IngestRules())
    assert isinstance(kept, Kept)
    arm = kept.episode.observations[1:, :2]
    assert kept.episode.actions[:, :2] == pytest.approx(arm)
    with pytest.raises(RcdError, match="columns: bag: command:"):
        bag = Bag(path)
        TaskTopics(bag, chosen.spec)


Cut = Callable[[int], Event]


def begins(value: bool) -> Cut:
    kind = "std_msgs/msg/Bool"
    return lambda tick: (START + 10 * MS * tick + 5 * MS, "/episode", kind, make(kind, data=value))


def test_episodes_are_cut_by_a_topic_and_labelled(tmp_path: Path) -> None:
    kind = "std_msgs/msg/Bool"
    labels: list[Event] = [
        (START + 1400 * MS, "/good", kind, make(kind, data=True)),
        (START + 2950 * MS, "/good", kind, make(kind, data=False)),
    ]
    cuts = [begins(True)(20), begins(False)(130), begins(True)(160), begins(False)(290)]
    bag = "{command: next_observation, episodes: {topic: /episode}, success: /good}"
    found = read(tmp_path, [*observed(3.0), *cuts, *labels], bag)
    assert [(len(episode), episode.success) for episode in found.episodes] == [(22, True), (26, False)]
    assert found.dropped["between episodes"] > 40


def test_episodes_are_cut_by_requests_of_a_service_each_once(tmp_path: Path) -> None:
    """Introspection tells of the request twice, where it was sent and where it came, and of two answers."""
    events = observed(3.0)
    time = make("builtin_interfaces/msg/Time", sec=0, nanosec=0)
    for tick in (20, 150):
        for order, kind in enumerate((0, 1, 2, 3)):
            fields = {"stamp": time, "client_gid": np.zeros(16, np.uint8), "sequence_number": tick}
            info = make("service_msgs/msg/ServiceEventInfo", event_type=kind, **fields)
            event = STORE.types[TRIGGER_EVENT](info=info, request=[], response=[])
            moment = START + 10 * MS * tick + (5 + order) * MS
            events.append((moment, "/planner/begin_episode/_service_event", TRIGGER_EVENT, event))
    bag = "{command: next_observation, episodes: {service: /planner/begin_episode}}"
    found = read(tmp_path, events, bag)
    assert [len(episode) for episode in found.episodes] == [26, 29]


def test_episodes_are_cut_by_silence(tmp_path: Path) -> None:
    quiet = [event for event in observed(3.0) if not 1000 * MS <= event[0] - START < 2000 * MS]
    found = read(tmp_path, quiet, "{command: next_observation, episodes: {silence: 0.5}}")
    assert [len(episode) for episode in found.episodes] == [19, 19]
    assert found.splits == 0
    parts = read(tmp_path / "parts", quiet, "{command: next_observation}")
    assert parts.splits == 1, "periods are missing, so it cannot be one episode, and that is said"


def test_one_bad_bag_does_not_discard_the_others_and_each_is_told(tmp_path: Path) -> None:
    chosen = task("{command: next_observation}")
    events = sorted(observed(1.0), key=lambda event: event[0])
    folder = tmp_path / "bags"
    write_bag(folder / "a", events)
    write_bag(folder / "b", events, StoragePlugin.SQLITE3)
    (write_bag(folder / "c", events) / "c.mcap").write_bytes(b"rubbish")
    write_bag(folder / "d", [event for event in events if event[1] != "/camera/block"])
    write_bag(folder / "e", events[:30])
    source = read_bags([folder], chosen.spec, bag_layout(chosen), BagSettings())
    found = list(ingest(source.recording, chosen.spec, source.columns, IngestRules(min_steps=5)))
    assert [each.name for each in found] == ["a", "b", "c", "d", "e"]
    assert [type(each) for each in found] == [Kept, Kept, Refused, Refused, Refused]
    first, second = (each.episode for each in found[:2] if isinstance(each, Kept))
    assert np.array_equal(first.observations, second.observations), "of both kinds of storage the same"
    reasons = [each.reason for each in found[2:] if isinstance(each, Refused)]
    assert "cannot be read" in reasons[0] and "/camera/block" in reasons[1] and "steps" in reasons[2]


def test_a_single_file_of_either_storage_is_read(tmp_path: Path) -> None:
    events = sorted(observed(0.5), key=lambda event: event[0])
    for storage, suffix in ((StoragePlugin.MCAP, "mcap"), (StoragePlugin.SQLITE3, "db3")):
        folder = write_bag(tmp_path / suffix, events, storage)
        (folder / "metadata.yaml").unlink()
        (file,) = folder.glob(f"*.{suffix}")
        assert len(list(Bag(file).messages(["/camera/block"]))) == 5


def test_stamps_apart_are_said_with_the_tolerance_that_cures_it(tmp_path: Path) -> None:
    text = TASK.replace("align: hold, max_age: 0.3", "tolerance: 0.0").replace(
        "align: hold, max_age: 0.2", "align: hold"
    )
    file = parse_task_file(
        TaskSource(text=text + "columns:\n  bag: {command: next_observation}\n", folder="."), "p.yaml"
    )
    chosen = Task(spec_of(file), make_simulation=lambda: None, file=file)  # type: ignore[arg-type,return-value]
    recorded = Bag(write_bag(tmp_path / "bag", sorted(observed(1.0), key=lambda event: event[0])))
    layout = bag_layout(chosen)
    topics = TaskTopics(recorded, chosen.spec, layout=layout)
    with pytest.raises(RcdError, match=r"125 ms behind.*stamp_tolerance to 0\.125"):
        read_episodes(recorded, chosen.spec, topics, layout)
    assert read_episodes(recorded, chosen.spec, topics, layout, tolerance=0.126).observed > 50


@pytest.mark.parametrize(("seconds", "seen"), [(0.5, False), (1.5, True)])
def test_a_recording_that_ends_before_the_success_is_seen_is_suspicious(
    tmp_path: Path, seconds: float, seen: bool
) -> None:
    """Pins: a planner trained on such recordings stopped where they did, and nothing had been said."""
    chosen = task("{command: next_observation}")
    path = write_bag(tmp_path / "bag", sorted(observed(seconds), key=lambda event: event[0]))
    source = read_bags([path], chosen.spec, bag_layout(chosen), BagSettings())
    imported = import_source(source.recording, chosen, ImportSettings(), lambda what, done, total: None, source.columns)
    assert any("success" in suspicion for suspicion in imported.suspicions) != seen
    assert (imported.episodes[0].total_reward > 0.0) == seen
