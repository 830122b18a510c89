"""Episodes: how they are split into those to learn from and those held out."""

from __future__ import annotations

import numpy as np

from rcd_ros.data.episodes import split_episodes


def test_whole_episodes_are_held_out_and_the_split_follows_from_the_seed() -> None:
    kept, held = split_episodes(20, 0.1, seed=4)
    assert len(held) == 2
    assert sorted([*kept, *held]) == list(range(20))
    assert np.array_equal(held, split_episodes(20, 0.1, seed=4)[1])
    assert not np.array_equal(held, split_episodes(20, 0.1, seed=5)[1])
    assert len(split_episodes(20, 0.0, seed=4)[1]) == 0
