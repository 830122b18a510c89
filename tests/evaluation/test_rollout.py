"""Closed-loop episodes: what the policy is shown, what is executed, and that processes change nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.episodes import hash_episodes
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.policy import CheckpointPolicy
from rcd_ros.evaluation.rollout import Drive, EpisodeResult, check_fit, run_episode, run_episodes
from rcd_ros.planning.execution.stream import StreamSettings
from rcd_ros.planning.planner import Planner
from rcd_ros.planning.spec import MotionSpec
from rcd_ros.tasks.catalogue import get_task, task_of
from tests.evaluation.corridor import Corridor, LoadPusher, Pusher, corridor_spec, corridor_task
from tests.planning.tiny import tiny_manifest, write_tiny

LIMITED = corridor_spec().model_copy(update={"motion": MotionSpec(acceleration=(0.2,))})


def _same(one: EpisodeResult, other: EpisodeResult) -> bool:
    return (
        hash_episodes([one.episode]) == hash_episodes([other.episode])
        and one.episode.seed == other.episode.seed
        and one.completed_at == other.completed_at
        and one.planned_at == other.planned_at
    )


def test_history_is_oldest_first_and_begins_with_the_first_observation_repeated() -> None:
    policy, simulation = Pusher(history=3), Corridor(corridor_spec())
    run_episode(simulation, policy, seed=1, drive=Drive.chunks(1))
    first, second, third = policy.seen[:3]
    assert first.shape == (3, 1)
    assert np.all(first == first[0])
    assert np.array_equal(second[:2], first[1:])
    assert np.array_equal(third[:2], second[1:])
    assert np.all(np.diff(third.ravel()) > 0)  # the cart moves ahead


def test_only_the_executed_part_of_a_chunk_is_commanded() -> None:
    result = run_episode(Corridor(corridor_spec()), Pusher(horizon=4), seed=1, drive=Drive.chunks(3))
    assert result.planned_at == tuple(range(0, len(result), 3))
    assert len(result.plan_seconds) == len(result.planned_at)


def test_completions_carry_the_step_of_their_reward() -> None:
    result = run_episode(Corridor(corridor_spec()), Pusher(), seed=1, drive=Drive.chunks(2))
    assert set(result.completed_at) == {"first door", "second door"}
    assert [int(np.flatnonzero(result.episode.rewards)[i]) for i in range(2)] == sorted(result.completed_at.values())
    assert result.completed_at["second door"] == len(result) - 1
    assert result.value(corridor_spec()) == 2.0


def test_episode_ends_when_time_runs_out_in_the_middle_of_a_chunk() -> None:
    result = run_episode(Corridor(corridor_spec(episode_steps=3)), Pusher(), seed=1, drive=Drive.chunks(2))
    assert len(result) == 3
    assert result.planned_at == (0, 2)


def test_a_critic_is_asked_about_every_plan() -> None:
    result = run_episode(
        Corridor(corridor_spec()),
        Pusher(),
        seed=1,
        drive=Drive.chunks(2),
        critic=lambda history, chunk: float(history[-1, 0]),
    )
    assert len(result.predicted_returns) == len(result.planned_at)
    assert result.predicted_returns[0] < result.predicted_returns[-1]


def test_number_of_workers_changes_nothing() -> None:
    """Pins that an episode depends on its seed alone, not on what a process ran before."""
    task, seeds = corridor_task(), range(7, 13)
    alone = list(run_episodes(task, LoadPusher(), seeds, Drive.chunks(2), workers=1))
    shared = list(run_episodes(task, LoadPusher(), seeds, Drive.chunks(2), workers=2))
    assert [result.episode.seed for result in alone] == list(seeds)
    assert all(_same(one, other) for one, other in zip(alone, shared, strict=True))
    assert len({len(result) for result in alone}) > 1  # the seeds do matter


def test_planning_in_every_period_is_executing_one_command_of_each_chunk() -> None:
    one = run_episode(Corridor(corridor_spec()), Pusher(), seed=1, drive=Drive.chunks(1))
    for mode, options in (("first_action", {}), ("splice", {"delay": 0, "overlap": 0})):
        drive = Drive(StreamSettings(mode=mode, **options))
        assert _same(run_episode(Corridor(corridor_spec()), Pusher(), seed=1, drive=drive), one)


def test_until_a_late_plan_is_there_the_robot_holds_and_then_enters_it_in_the_middle() -> None:
    policy = Pusher()
    result = run_episode(Corridor(corridor_spec(6)), policy, seed=1, drive=Drive(StreamSettings(), latency=2))
    again = Pusher()
    again.reset(1)
    chunks = [again.plan(history) for history in policy.seen]
    assert result.episode.actions[:2].ravel() == pytest.approx([0.0, 0.0], abs=1e-6)
    expected = [chunks[step - 2][2, 0] for step in range(2, 6)]
    assert result.episode.actions[2:].ravel() == pytest.approx(expected, abs=1e-6)


def test_a_late_chunk_is_planned_once() -> None:
    drive = Drive(StreamSettings(mode="chunk", execute=3), latency=1)
    result = run_episode(Corridor(corridor_spec(8)), Pusher(), seed=1, drive=drive)
    assert result.planned_at == (0, 3, 6)


def test_shaped_commands_change_no_faster_than_the_robot_can() -> None:
    simulation, settings = Corridor(LIMITED), StreamSettings(shape=True, anchor="measured")
    result = run_episode(simulation, Pusher(), seed=1, drive=Drive(settings))
    changes = np.diff(result.episode.actions.ravel(), prepend=0.0)
    assert np.abs(changes).max() <= 0.2 * 0.5 + 1e-6
    assert result.completed_at, "it drives all the same"


def test_a_robot_without_known_limits_is_not_shaped() -> None:
    with pytest.raises(RcdError, match="--shape"):
        check_fit(Pusher(), corridor_task(), Drive(StreamSettings(shape=True)))
    with pytest.raises(RcdError, match="mode"):
        check_fit(Pusher(), corridor_task(), Drive(StreamSettings(mode="slice")))
    with pytest.raises(RcdError, match="latency"):
        Drive(StreamSettings(), latency=-1)


@pytest.mark.parametrize("execute", [0, 5])
def test_executing_more_than_is_planned_is_refused(execute: int) -> None:
    with pytest.raises(RcdError, match="horizon 4"):
        check_fit(Pusher(horizon=4), corridor_task(), Drive.chunks(execute))


def test_policy_of_another_robot_is_refused() -> None:
    other = Pusher()
    command = other.spec.command.model_copy(update={"joints": ("wheel",)})
    other.spec = other.spec.model_copy(update={"command": command})
    with pytest.raises(RcdError, match="'corridor'"):
        check_fit(other, corridor_task(), Drive.chunks(1))


def test_real_kitchen_is_driven_by_a_planner_and_repeats_itself(tmp_path: Path) -> None:
    spec = get_task("kitchen").spec.select(["robot_position", "object_position"])
    write_tiny(tmp_path / "planner", tiny_manifest(spec, history=2, horizon=8, execute=4))
    task = task_of(spec, episode_steps=12)
    source = CheckpointPolicy(tmp_path / "planner")
    simulation, policy = task.make_simulation(), source.load()
    first = run_episode(simulation, policy, seed=3, drive=Drive.chunks(4))
    other = run_episode(simulation, policy, seed=4, drive=Drive.chunks(4))
    again = run_episode(simulation, policy, seed=3, drive=Drive.chunks(4))
    simulation.close()
    assert (len(first), len(other)) == (12, 12)
    assert _same(first, again)


def test_commands_are_recorded_in_the_data_sets_units(tmp_path: Path) -> None:
    """Plans anew from what was recorded: fails for a wrong column order, a wrong history or a wrong scale."""
    task = get_task("kitchen", episode_steps=6)
    trained = task.spec.select(["object_position", "robot_position"])
    write_tiny(tmp_path / "planner", tiny_manifest(trained, history=2, horizon=4, execute=2))
    (result,) = run_episodes(task, CheckpointPolicy(tmp_path / "planner"), range(3, 4), Drive.chunks(2), workers=1)
    episode = result.episode
    assert (len(episode), episode.truncated, episode.terminated, episode.seed) == (6, True, False, 3)
    assert episode.observations.shape == (7, 59)
    planner = Planner.load(tmp_path / "planner", seed=3)
    seen = episode.observations[:, planner.spec.observation_columns]
    for step, history in ((0, seen[[0, 0]]), (2, seen[[1, 2]]), (4, seen[[3, 4]])):
        expected = planner.plan(history)[:2] / 2.0
        np.testing.assert_allclose(episode.actions[step : step + 2], expected, atol=1e-4)
