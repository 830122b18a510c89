"""What is drawn of an episode: each plan, the newest plan's word on each step, and what was executed."""

from __future__ import annotations

import numpy as np

from rcd_ros.data.episodes import Episode
from rcd_ros.evaluation.rollout import EpisodeResult
from rcd_ros.evaluation.watch import RecordedPolicy, log_plans
from rcd_ros.tasks.catalogue import get_task
from tests.data.test_view import Kept

SPEC = get_task("kitchen").spec


def chunk(value: float, steps: int = 4) -> np.ndarray:
    return np.full((steps, 9), value)


def test_every_plan_is_drawn_beside_what_was_executed() -> None:
    actions = np.full((5, 9), 0.5, np.float32)
    episode = Episode(np.zeros((6, 59), np.float32), actions, np.zeros(5, np.float32), terminated=True, truncated=False)
    result = EpisodeResult(episode, {"kettle": 3}, (0, 2), (0.001, 0.002))
    kept = Kept()
    log_plans(kept, SPEC, result, [chunk(1.0), chunk(2.0)])  # type: ignore[arg-type]
    view = "commands/panda0_joint1 (rad/s)"
    executed, newest = kept.lines[f"{view}/executed"], kept.lines[f"{view}/planned"]
    assert [executed[step][0] for step in range(5)] == [1.0] * 5, "physical units"
    assert [newest[step][0] for step in range(5)] == [1.0, 1.0, 2.0, 2.0, 2.0]
    assert list(kept.lines[f"{view}/plan_001"]) == [2, 3, 4, 5]
    assert [step for step, _, _ in kept.events] == [0, 2, 3]
    assert len({path.rpartition("/")[0] for path in kept.lines}) == 9


class Steady:
    spec, history, horizon, nfe = SPEC, 1, 4, 1

    def reset(self, seed: int) -> None:
        self.seed = seed

    def plan(self, history: np.ndarray) -> np.ndarray:
        return chunk(float(history[0, 0]))


def test_plans_are_kept_until_the_next_episode() -> None:
    policy = RecordedPolicy(Steady())
    policy.reset(3)
    policy.plan(np.ones((1, 59)))
    policy.plan(np.zeros((1, 59)))
    assert [plan[0, 0] for plan in policy.chunks] == [1.0, 0.0]
    policy.reset(4)
    assert policy.chunks == []
