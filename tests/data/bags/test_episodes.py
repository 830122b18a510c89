"""Bags that are as they should be, and bags that are not: reading, and episodes from what a robot did."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.bags.bag import Bag
from rcd_ros.data.bags.episodes import BagEpisodes, read_episodes
from rcd_ros.data.bags.topics import TaskTopics
from rcd_ros.errors import RcdError
from tests.data.bags.bag_files import PERIOD, Event, completed, joint_state, observe, report, trajectory, write_bag
from tests.planning.tiny import tiny_spec

SPEC = tiny_spec()
LOCKSTEP = report(0, mode="lockstep", episodes_done=0)


def values(step: int) -> list[float]:
    """The observation at a step: every number tells which it is."""
    return [step + 0.1, step + 0.2, step + 0.3, step + 0.4, step + 0.5]


def plan(step: int) -> list[list[float]]:
    """Four points whose commands tell step and point."""
    return [[0.01 * step + 0.1 * point, -0.01 * step] for point in range(4)]


def driven(steps: Sequence[int], begin: int = 0, delay: int = PERIOD // 4) -> list[Event]:
    """Observation and plan at each step, on a wall clock that begins at `begin`; a plan comes after `delay`."""
    events: list[Event] = []
    for step in steps:
        time = begin + step * PERIOD
        events += [*observe(time, step * PERIOD, values(step)), trajectory(time + delay, step * PERIOD, plan(step))]
    return events


def episodes(tmp_path: Path, events: Sequence[Event], execute: int | None = None) -> BagEpisodes:
    bag = Bag(write_bag(tmp_path / "bag", events))
    return read_episodes(bag, SPEC, TaskTopics(bag, SPEC), execute=execute)


def test_steps_hold_what_was_observed_and_what_was_due(tmp_path: Path) -> None:
    found = episodes(tmp_path, [*driven(range(5)), completed(4 * PERIOD + 3, "door")])
    (episode,) = found.episodes
    assert episode.observations == pytest.approx(np.array([values(step) for step in range(5)]))
    assert episode.commands == pytest.approx(np.array([plan(step)[0] for step in range(4)]))
    assert episode.rewards is not None and episode.rewards.tolist() == [0, 0, 0, 1], (
        "the last period's completion counts for the one before"
    )
    assert episode.terminated
    assert (found.observed, found.steps, found.held, found.has_completions) == (5, 4, 0, True)


def test_a_late_plan_counts_from_the_next_period_except_in_lockstep(tmp_path: Path) -> None:
    late = driven(range(4), delay=PERIOD * 3 // 4)
    (episode,) = episodes(tmp_path / "a", late).episodes
    assert episode.commands[:, 0] == pytest.approx([plan(0)[1][0], plan(1)[1][0]])
    (episode,) = episodes(tmp_path / "b", [LOCKSTEP, *late]).episodes
    assert episode.commands[:, 0] == pytest.approx([plan(step)[0][0] for step in range(3)])


def test_what_the_planner_says_is_not_taken_for_the_bridges_words(tmp_path: Path) -> None:
    """Pins: both have a value `mode`, and a run in lockstep was read as one in real time, by who had spoken last."""
    planner = report(1, mode="first_action", execute=3, checkpoint_sha256="ab12")
    found = episodes(tmp_path, [LOCKSTEP, planner, *driven(range(4))])
    assert (found.mode, found.execute, found.checkpoint_sha256) == ("lockstep", 1, "ab12")


def test_plans_are_kept_as_long_as_the_robot_kept_them(tmp_path: Path) -> None:
    for execute, told in ((2, None), (None, report(0, execute=2, episodes_done=0))):
        events = [*([told] if told else []), *driven(range(5))]
        (episode,) = episodes(tmp_path / str(execute), events, execute).episodes
        expected = [plan(0)[0], plan(0)[1], plan(2)[0], plan(2)[1]]
        assert episode.commands == pytest.approx(np.array(expected))


def test_episodes_end_where_periods_are_missing_or_the_clock_begins_anew(tmp_path: Path) -> None:
    first = driven([100, 101, 102, 105, 106, 107, 108])
    found = episodes(tmp_path, [*first, *driven(range(3), begin=120 * PERIOD)])
    assert [len(episode) for episode in found.episodes] == [2, 3, 2]
    assert found.episodes[1].observations[0] == pytest.approx(values(105))
    assert found.episodes[2].observations[0] == pytest.approx(values(0))
    assert found.splits == 1


def test_where_no_plan_was_due_the_arm_was_held(tmp_path: Path) -> None:
    """Plans at 2 only: nothing before it, its four points, then the hold, which begins by braking."""
    events = [event for step in range(9) for event in observe(step * PERIOD, step * PERIOD, values(0))]
    found = episodes(tmp_path, [*events, trajectory(2 * PERIOD + 10, 2 * PERIOD, plan(2))])
    (episode,) = found.episodes
    assert len(episode) == 6
    assert episode.commands[:4] == pytest.approx(np.array(plan(2)))
    assert episode.commands[4:] == pytest.approx(np.outer([0.8, 0.6], episode.commands[3]), abs=1e-6)
    assert (found.held, episode.held) == (2, 2)
    assert found.dropped["before the first command"] == 2


def test_a_robot_that_publishes_more_often_is_taken_at_the_control_period(tmp_path: Path) -> None:
    events: list[Event] = []
    for tick in range(13):
        time = tick * PERIOD // 4
        events += observe(time, time, [tick, 0.0, 0.0, 0.0, 0.0])
        if tick % 4 == 1:
            events.append(trajectory(time + 5, time, plan(tick // 4)))
    found = episodes(tmp_path, events)
    (episode,) = found.episodes
    assert episode.observations[:, 0].tolist() == [0.0, 4.0, 8.0, 12.0]
    assert found.dropped["between control periods"] == 9


def test_names_decide_not_order_and_what_is_not_finite_is_left_out(tmp_path: Path) -> None:
    events = driven(range(6))
    events[3:5] = observe(PERIOD, PERIOD, values(1), backwards=True)
    events[12:14] = observe(4 * PERIOD, 4 * PERIOD, [np.nan, *values(4)[1:]])
    found = episodes(tmp_path, events)
    (episode,) = found.usable
    assert found.episodes[1].problem == "it is a single observation"
    assert episode.observations == pytest.approx(np.array([values(step) for step in range(4)]))
    assert found.unusable == {"not finite": 1}


def test_plans_that_no_robot_would_follow_are_counted(tmp_path: Path) -> None:
    wild = trajectory(PERIOD + 5, PERIOD, [[9.0, 0.0]] * 4)
    found = episodes(tmp_path, [*driven([0]), *observe(PERIOD, PERIOD, values(1)), wild, *driven([2, 3])])
    assert found.refused == {"outside the limits": 1}
    assert found.episodes[0].commands[1] == pytest.approx(plan(0)[1]), "the plan in hand goes on"


def test_messages_are_read_in_the_order_of_their_times(tmp_path: Path) -> None:
    """A recorder takes topics in turns: what it writes is not in order."""
    events = driven(range(5))
    (expected,) = episodes(tmp_path / "a", events).episodes
    (shuffled,) = episodes(tmp_path / "b", [*events[1::2], *events[::2]]).episodes
    assert np.array_equal(shuffled.commands, expected.commands)


def test_bags_that_cannot_be_used_are_one_sentence(tmp_path: Path) -> None:
    def refusal(path: Path) -> str:
        with pytest.raises(RcdError) as error:
            bag = Bag(path)
            found = read_episodes(bag, SPEC, TaskTopics(bag, SPEC))
            assert not found.usable
            raise RcdError(found.episodes[0].problem)
        return str(error.value)

    assert "there is no bag" in refusal(tmp_path / "none")
    (tmp_path / "folder").mkdir()
    assert "no metadata.yaml" in refusal(tmp_path / "folder")
    (tmp_path / "text.mcap").write_text("not a bag at all")
    assert "cannot be read" in refusal(tmp_path / "text.mcap")
    (tmp_path / "a.txt").touch()
    assert "cannot be read" in refusal(tmp_path / "a.txt")
    assert "is empty" in refusal(write_bag(tmp_path / "empty", []))
    arm_only = [event for event in driven(range(3)) if event[1] != "/object_states"]
    assert "lacks topic '/object_states' of task 'tiny'; it holds" in refusal(write_bag(tmp_path / "arm", arm_only))
    words = [(time, topic.replace("object_states", "door"), kind, message) for time, topic, kind, message in arm_only]
    other = [*words, (5, "/object_states", completed(5, "door")[2], completed(5, "door")[3])]
    assert "is std_msgs/msg/String" in refusal(write_bag(tmp_path / "type", other))
    unseen = [event for step in range(3) for event in observe(step, step * PERIOD, values(0))]
    assert "lacks topic '/joint_trajectory'" in refusal(write_bag(tmp_path / "unseen", unseen))
    old = [*unseen, trajectory(5, -0, [[9.0, 0.0]] * 4)]
    assert "no command was due" in refusal(write_bag(tmp_path / "unplanned", old))
    slow = [event for step in range(3) for event in driven([4 * step])]
    assert "they come every 0.4 s" in refusal(write_bag(tmp_path / "slow", slow))
    stranger = [(0, "/joint_states", slow[0][2], joint_state(0, ["shoulder"], [0.0], [0.0]))]
    other_arm = [*stranger, *(event for event in driven([1, 2]) if event[1] != "/joint_states")]
    assert "missing ['elbow', 'wrist']" in refusal(write_bag(tmp_path / "stranger", other_arm))
    bag = Bag(write_bag(tmp_path / "both", [*stranger, *driven(range(1, 4))]))
    assert read_episodes(bag, SPEC, TaskTopics(bag, SPEC)).unusable == {"other joints": 1}


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95, 0.999])
def test_a_bag_that_was_cut_off_says_how_to_save_it(tmp_path: Path, kept: float) -> None:
    folder = write_bag(tmp_path / "bag", driven(range(50)))
    file = folder / "bag.mcap"
    content = file.read_bytes()
    file.write_bytes(content[: int(kept * len(content))])
    for path in (folder, file):
        with pytest.raises(RcdError, match=f"{re.escape(str(path))}.*mcap recover"):
            Bag(path)
    (folder / "metadata.yaml").unlink()
    with pytest.raises(RcdError, match=r"metadata\.yaml"):
        Bag(folder)


def test_flipped_bytes_are_no_traceback(tmp_path: Path) -> None:
    folder = write_bag(tmp_path / "bag", driven(range(5)))
    file = folder / "bag.mcap"
    content = file.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(60):
        spoiled = bytearray(content)
        spoiled[random.integers(len(content))] ^= 1 << int(random.integers(8))
        file.write_bytes(spoiled)
        try:
            bag = Bag(folder)
            read_episodes(bag, SPEC, TaskTopics(bag, SPEC))
        except RcdError:
            continue


def test_a_namespace_is_found_and_a_choice_is_asked_for(tmp_path: Path) -> None:
    def robot(namespace: str) -> list[Event]:
        return [
            *observe(0, 0, values(0), namespace),
            trajectory(5, 0, plan(0), namespace=namespace),
            *observe(PERIOD, PERIOD, values(1), namespace),
        ]

    bag = Bag(write_bag(tmp_path / "one", robot("/left")))
    topics = TaskTopics(bag, SPEC)
    assert (topics.namespace, topics.trajectories) == ("/left", "/left/joint_trajectory")
    assert read_episodes(bag, SPEC, topics).steps == 1
    both = Bag(write_bag(tmp_path / "two", [*robot("/left"), *robot("/right")]))
    with pytest.raises(RcdError, match="--namespace /left"):
        TaskTopics(both, SPEC, None, {})
    assert TaskTopics(both, SPEC, "right", {}).trajectories == "/right/joint_trajectory"
    renamed = TaskTopics(both, SPEC, "left", {"joint_states": "/right/joint_states"})
    assert renamed.observations["/right/joint_states"] == "joint_states"
    with pytest.raises(RcdError, match="'joint_states'"):
        TaskTopics(both, SPEC, "left", {"joint_stats": "/x"})
