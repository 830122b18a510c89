"""From named columns to a task's episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.episodes import Episode
from rcd_ros.data.imports.columns import ColumnMap, Columns, column_map
from rcd_ros.data.imports.derivatives import differences
from rcd_ros.data.imports.ingest import IngestRules, Kept, Refused, ingest, notes
from rcd_ros.errors import RcdError
from rcd_ros.formats.recording import FloatArray, RecordedEpisode, Recording
from rcd_ros.planning.channels import CommandChannel, ObservationChannel
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.planning.transforms import to_world
from tests.planning.tiny import tiny_spec

SPEC = tiny_spec()
NO_RULES = IngestRules()


def recording(
    episodes: Sequence[RecordedEpisode], period: float | None = None, names: dict[str, tuple[str, ...]] | None = None
) -> Recording:
    return Recording("lerobot", Path("set"), lambda: iter(episodes), len(episodes), period, names or {})


def rows(length: int, width: int, first: float = 0.0) -> FloatArray:
    return first + np.arange(float(length * width)).reshape(length, width)


def made(
    source: Recording, columns: ColumnMap, rules: IngestRules = NO_RULES, spec: TaskSpec = SPEC
) -> tuple[list[Episode], list[Refused]]:
    found = list(ingest(source, spec, columns, rules))
    kept = [each.episode for each in found if isinstance(each, Kept)]
    return kept, [each for each in found if isinstance(each, Refused)]


DEGREES = ColumnMap(
    observe={
        "position": Columns("q", (1, 0), (np.pi / 180.0,)),
        "velocity": Columns("dq", (1, 0)),
        "door": Columns("door", None, (1.0,), (0.5,)),
    },
    command=Columns("u", (0, 2)),
)


def test_columns_are_taken_by_place_and_unit() -> None:
    arrays = {"q": rows(4, 2), "dq": rows(4, 2, 20.0), "door": rows(4, 1), "u": rows(4, 3)}
    (episode,), _ = made(recording([RecordedEpisode("a", arrays)]), DEGREES)
    assert len(episode) == 3, "the last action has no observation after it"
    assert episode.observations[1].tolist() == pytest.approx([np.radians(3), np.radians(2), 23, 22, 1.5])
    assert episode.actions == pytest.approx(arrays["u"][:3][:, [0, 2]] / 2.0), "data set's units"
    assert (episode.total_reward, episode.terminated, episode.truncated) == (0.0, False, True)


def test_an_observation_after_the_last_action_keeps_it() -> None:
    arrays = {"q": rows(3, 2), "dq": rows(3, 2), "door": rows(3, 1), "u": rows(3, 3)}
    last = {"q": np.array([7.0, 8.0]), "dq": np.array([1.0, 2.0]), "door": np.array([9.0])}
    (episode,), _ = made(recording([RecordedEpisode("a", arrays, last, rewards=np.arange(3.0))]), DEGREES)
    assert len(episode) == 3
    assert episode.observations[-1].tolist() == pytest.approx([np.radians(8), np.radians(7), 2, 1, 9.5])
    assert episode.rewards.tolist() == [0.0, 1.0, 2.0]


def test_each_episode_is_kept_or_refused_with_its_reason() -> None:
    good = {"q": rows(3, 2), "dq": rows(3, 2), "door": rows(3, 1), "u": rows(3, 3)}
    episodes = [
        RecordedEpisode("good", good),
        RecordedEpisode("damaged", problem="it is damaged"),
        RecordedEpisode("nan", good | {"q": np.full((3, 2), np.nan)}),
        RecordedEpisode("narrow", good | {"u": rows(3, 2)}),
        RecordedEpisode("short", {key: values[:2] for key, values in good.items()}),
        RecordedEpisode("single", {key: values[:1] for key, values in good.items()}),
        RecordedEpisode("silent", {key: values for key, values in good.items() if key != "door"}),
    ]
    kept, refused = made(recording(episodes), DEGREES, IngestRules(min_steps=2))
    assert len(kept) == 1
    assert [each.name for each in refused] == [each.name for each in episodes[1:]]
    assert all(each.reason for each in refused)


def test_rewards_come_from_the_source_a_label_or_the_task() -> None:
    arrays = {"q": rows(5, 2), "dq": rows(5, 2), "door": rows(5, 1), "u": rows(5, 3), "won": np.eye(5)[:, 3:4]}
    plain = RecordedEpisode("a", arrays)

    def gained(rules: IngestRules, columns: ColumnMap = DEGREES, episode: RecordedEpisode = plain) -> list[float]:
        (found,), _ = made(recording([episode]), columns, rules)
        assert found.terminated == (found.total_reward > 0.0)
        return found.rewards.tolist()

    assert gained(NO_RULES) == [0.0] * 4
    assert gained(IngestRules(success=lambda seen: seen[:, 4] >= 2.0)) == [0.0, 1.0, 0.0, 0.0]
    assert gained(IngestRules(success=lambda seen: seen[:, 4] >= 99.0)) == [0.0] * 4
    assert gained(IngestRules(labels=frozenset({0}))) == [0.0, 0.0, 0.0, 1.0]
    assert gained(IngestRules(labels=frozenset({1}), success=lambda seen: seen[:, 4] > 0)) == [0.0] * 4
    assert gained(NO_RULES, ColumnMap(DEGREES.observe, DEGREES.command, success=Columns("won"))) == [0.0, 0.0, 0.0, 1.0]
    assert gained(NO_RULES, episode=RecordedEpisode("a", arrays, success=True)) == [0.0, 0.0, 0.0, 1.0]


def test_velocities_that_were_not_recorded_are_differences() -> None:
    columns = ColumnMap({"position": Columns("q"), "door": Columns("door")}, Columns("u"))
    q = np.array([[0.0, 0.0], [0.1, 0.0], [0.3, -0.2], [0.3, -0.2]])
    source = recording([RecordedEpisode("a", {"q": q, "door": rows(4, 1), "u": rows(4, 2)})])
    (episode,), _ = made(source, columns)
    assert episode.observations[:, 2:4] == pytest.approx(np.array([[1, 0], [1, 0], [2, -2], [0, 0]]), abs=1e-6)
    assert len(notes(source, SPEC, columns)) == 1
    (refused,) = made(source, ColumnMap({"door": Columns("door")}, Columns("u")))[1]
    assert "position" in refused.reason


def body_spec() -> TaskSpec:
    def channel(name: str, kind: str, units: tuple[str, ...], begin: int) -> ObservationChannel:
        columns = tuple(range(begin, begin + len(units)))
        return ObservationChannel(name=name, kind=kind, topic="b", joints=("b",), units=units, columns=columns)

    pose = channel("pose", "body_pose", ("m",) * 3 + ("1",) * 4, 0)
    twist = channel("twist", "body_twist", ("m/s",) * 3 + ("rad/s",) * 3, 7)
    return SPEC.model_copy(update={"observations": (pose, twist)})


def test_twists_are_differences_of_poses_whatever_the_sign_of_their_quaternions() -> None:
    """Turning by 0.2 rad a period about an axis of the body, while the quaternion's sign flips."""
    axis, rate, period = np.array([0.6, 0.0, 0.8]), 2.0, 0.1
    first = np.array([0.5, 0.5, -0.5, 0.5])
    poses = []
    for step in range(6):
        half = 0.5 * rate * period * step
        turn = np.array([np.cos(half), *(np.sin(half) * axis)])
        w, v, u, s = first[0], first[1:], turn[0], turn[1:]
        product = np.array([w * u - v @ s, *(w * s + u * v + np.cross(v, s))])
        poses.append([0.1 * step, 0.0, -0.2 * step, *(product * (-1.0) ** step)])
    seen = np.hstack((np.array(poses), np.full((6, 6), np.nan)))
    twists = differences(body_spec(), seen, period)[:, 7:]
    assert twists == pytest.approx(np.tile([1.0, 0.0, -2.0, *(rate * axis)], (6, 1)))
    assert to_world(first, axis) != pytest.approx(axis), "the body's frame is not the world's here"


def position_spec() -> TaskSpec:
    fields = SPEC.command.model_dump() | {"interface": "position", "units": ("rad", "rad"), "scale": (1.0, 1.0)}
    return SPEC.model_copy(update={"command": CommandChannel(**fields)})


def test_without_a_command_the_next_observation_was_commanded() -> None:
    columns = ColumnMap({"position": Columns("q"), "door": Columns("door")}, None)
    q = np.array([[0.0, 0.0], [0.1, 0.0], [0.3, -0.2], [0.3, -0.2]])
    source = recording([RecordedEpisode("a", {"q": q, "door": rows(4, 1)})])
    (episode,), _ = made(source, columns, spec=position_spec())
    assert episode.actions == pytest.approx(q[1:])
    (episode,), _ = made(source, columns)
    assert episode.actions * 2.0 == pytest.approx(np.diff(q, axis=0) / 0.1)


def test_a_source_of_twice_the_rate_is_thinned_and_any_other_refused() -> None:
    columns = ColumnMap({"position": Columns("q"), "door": Columns("door")}, Columns("u"))
    arrays = {"q": rows(7, 2), "door": rows(7, 1), "u": rows(7, 2)}
    source = recording([RecordedEpisode("a", arrays, rewards=np.ones(7))], period=0.05)
    (episode,), _ = made(source, columns)
    assert episode.observations[:, 0].tolist() == [0.0, 4.0, 8.0, 12.0]
    assert episode.actions[:, 0] * 2.0 == pytest.approx([1.0, 5.0, 9.0]), "the mean of two velocities"
    assert episode.total_reward == 7.0
    (episode,), _ = made(source, columns, spec=position_spec())
    assert episode.actions[:, 0] == pytest.approx([2.0, 6.0, 10.0]), "the position at the end of the period"
    with pytest.raises(RcdError, match=r"\b0\.03 s.*\b0\.1 s"):
        made(recording([RecordedEpisode("a", arrays)], period=0.03), columns)


def test_the_map_is_the_declared_one_that_fits_else_by_number_or_by_name() -> None:
    def chosen(arrays: dict[str, FloatArray], names: dict[str, tuple[str, ...]] | None = None) -> ColumnMap:
        source = recording([RecordedEpisode("bad", problem="x"), RecordedEpisode("a", arrays)], names=names)
        return column_map(source, SPEC, [DEGREES])

    assert chosen({"q": rows(3, 2), "dq": rows(3, 2), "door": rows(3, 1), "u": rows(3, 3)}) is DEGREES
    same = chosen({"observations": rows(3, 5), "actions": rows(3, 2)})
    assert same.command == Columns("actions", (0, 1), (2.0, 2.0))
    both = {f"{key}{end}": rows(3, width) for key, width in (("observation", 5), ("action", 2)) for end in ("s", "")}
    both["observation.state"] = both.pop("observation")
    source = recording([RecordedEpisode("a", both)])
    for own, key in (("lerobot", "action"), ("d4rl", "actions"), ("robomimic", "actions"), ("npz", "action")):
        command = column_map(replace(source, format=own), SPEC, []).command
        assert command is not None
        assert command.key == key, "a format's own keys come first"
    named = chosen(
        {"observation.state": rows(3, 3), "action": rows(3, 3)},
        {"observation.state": ("wrist.pos", "door.pos", "elbow.pos"), "action": ("wrist", "x", "elbow")},
    )
    assert named == ColumnMap(
        {"position": Columns("observation.state", (2, 0)), "door": Columns("observation.state", (1,))},
        Columns("action", (2, 0)),
    )
    with pytest.raises(RcdError, match="under columns: lerobot"):
        chosen({"observations": rows(3, 4), "actions": rows(3, 2)})
    narrow = ColumnMap({"position": Columns("q")}, Columns("u"), width=3)
    assert "3" in narrow.misfit(RecordedEpisode("a", {"q": rows(2, 2), "u": rows(2, 2)}), SPEC)
