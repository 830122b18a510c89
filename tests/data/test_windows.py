"""Windows: what a planner learns to do after what it has seen."""

from __future__ import annotations

import numpy as np
import pytest

from rcd_ros.data.episodes import Episode
from rcd_ros.data.windows import cut_windows, planned_values, return_to_go, split_episodes
from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import CommandChannel, ObservationChannel
from rcd_ros.planning.spec import ScoreSpec, TaskSpec


def spec(interface: str = "velocity", source: str = "action") -> TaskSpec:
    """Reads columns 2 and 0 of three; commands one joint, twice the data's value."""
    return TaskSpec(
        name="slide",
        control_period=0.1,
        episode_steps=10,
        observations=(
            ObservationChannel(
                name="position", kind="joint_position", topic="joint_states", joints=("a", "b"), units=("m", "m"),
                columns=(2, 0),
            ),
        ),
        command=CommandChannel(
            topic="joint_trajectory", interface=interface, joints=("a",), units=("m/s",), lower=(-2.0,), upper=(2.0,),
            scale=(2.0,), columns=(0,), source=source,
        ),
        score=ScoreSpec(kind="return", reference_high=1.0),
    )  # fmt: skip


def episode(steps: int, terminated: bool) -> Episode:
    observations = np.arange((steps + 1) * 3, dtype=np.float32).reshape(steps + 1, 3)
    actions = np.arange(1, steps + 1, dtype=np.float32)[:, None]
    rewards = np.zeros(steps, np.float32)
    rewards[-1] = 1.0
    return Episode(observations, actions, rewards, terminated=terminated, truncated=not terminated, seed=None)


def test_history_and_chunk_meet_at_the_same_step() -> None:
    windows = cut_windows([episode(5, terminated=False)], spec(), history=2, horizon=3, discount=0.5)
    assert len(windows) == 3
    assert windows.histories[0].tolist() == [[2.0, 0.0], [2.0, 0.0]], (
        "the first observation is repeated before the start"
    )
    assert windows.histories[2].tolist() == [[5.0, 3.0], [8.0, 6.0]], "columns in the spec's order"
    assert windows.chunks[2].ravel().tolist() == [6.0, 8.0, 10.0], "commands from the newest observation on, scaled"
    assert windows.returns.tolist() == [0.5**4, 0.5**3, 0.5**2]


@pytest.mark.parametrize(("interface", "held"), [("velocity", 0.0), ("effort", 0.0), ("position", 10.0)])
def test_a_finished_episode_is_continued_by_holding_still(interface: str, held: float) -> None:
    windows = cut_windows([episode(5, terminated=True)], spec(interface), history=1, horizon=3, discount=1.0)
    assert len(windows) == 5
    assert windows.chunks[-1].ravel().tolist() == [10.0, held, held]


def test_an_episode_that_ran_out_of_time_is_not_continued() -> None:
    windows = cut_windows([episode(5, terminated=False)], spec(), history=1, horizon=3, discount=1.0)
    assert windows.chunks[-1].ravel().tolist() == [6.0, 8.0, 10.0]


def test_planned_states_are_the_next_observations() -> None:
    values = planned_values(episode(3, terminated=True), spec(source="observation").command)
    assert values.ravel().tolist() == [6.0, 12.0, 18.0]


def test_windows_do_not_mix_episodes() -> None:
    windows = cut_windows([episode(4, True), episode(5, True)], spec(), history=1, horizon=2, discount=1.0)
    kept = windows.of_episodes(np.array([1]))
    assert set(kept.episodes.tolist()) == {1}
    assert len(kept) == 5


def test_return_to_go_discounts_from_each_step() -> None:
    assert return_to_go(np.array([1.0, 0.0, 2.0], np.float32), 0.5).tolist() == [1.5, 1.0, 2.0]


def test_whole_episodes_are_held_out_and_the_split_follows_from_the_seed() -> None:
    kept, held = split_episodes(20, 0.1, seed=4)
    assert len(held) == 2
    assert sorted([*kept, *held]) == list(range(20))
    assert np.array_equal(held, split_episodes(20, 0.1, seed=4)[1])
    assert not np.array_equal(held, split_episodes(20, 0.1, seed=5)[1])
    assert len(split_episodes(20, 0.0, seed=4)[1]) == 0


def test_too_short_episodes_and_too_few_columns_are_refused() -> None:
    with pytest.raises(RcdError, match="longest has 5 steps"):
        cut_windows([episode(5, terminated=False)], spec(), history=1, horizon=9, discount=1.0)
    narrow = Episode(
        np.zeros((6, 2), np.float32), np.zeros((5, 1), np.float32), np.zeros(5, np.float32), True, False, None
    )
    with pytest.raises(RcdError, match="only 2 columns"):
        cut_windows([narrow], spec(), history=1, horizon=3, discount=1.0)
