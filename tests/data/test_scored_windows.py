"""The critic's windows of continuing tasks: falls are seen, time limits are not taken for the end."""

from __future__ import annotations

import numpy as np
import pytest

from rcd_ros.data.episodes import Episode
from rcd_ros.data.windows import cut_scored_windows, cut_windows
from rcd_ros.errors import RcdError
from tests.data.test_windows import episode, spec


def rewarded(steps: int, terminated: bool) -> Episode:
    whole = episode(steps, terminated)
    return Episode(whole.observations, whole.actions, np.ones(steps, np.float32), terminated, not terminated)


RUNNING = spec().model_copy(update={"continuing": True})


def test_nothing_follows_a_fall_and_the_critic_sees_its_last_steps() -> None:
    fallen = [rewarded(8, terminated=True)]
    assert len(cut_windows(fallen, RUNNING, 1, 4, 0.5)) == 5
    assert len(cut_windows(fallen, spec(), 1, 4, 0.5)) == 8
    scored = cut_scored_windows(fallen, RUNNING, 1, 1, 0.5)
    assert len(scored) == 8
    assert scored.returns[-1] == 1.0


def test_steps_close_to_a_time_limit_are_left_out() -> None:
    # 0.5^5 < 0.05 <= 0.5^4: five rewards from a step on tell its return
    scored = cut_scored_windows([rewarded(8, terminated=False)], RUNNING, 1, 1, 0.5)
    assert len(scored) == 4
    assert (scored.returns >= 0.95 * 2.0).all()


def test_data_in_which_no_return_is_known_are_refused() -> None:
    with pytest.raises(RcdError, match="ran out of time"):
        cut_scored_windows([rewarded(4, terminated=False)], RUNNING, 1, 1, 0.5)


def test_other_tasks_keep_every_window() -> None:
    episodes = [rewarded(8, terminated=False), rewarded(6, terminated=True)]
    ours, usual = cut_scored_windows(episodes, spec(), 1, 4, 0.5), cut_windows(episodes, spec(), 1, 4, 0.5)
    np.testing.assert_array_equal(ours.chunks, usual.chunks)
    np.testing.assert_array_equal(ours.returns, usual.returns)
