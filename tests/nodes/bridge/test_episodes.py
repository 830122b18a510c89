"""Episodes on one simulated clock, and their report, with a simulation that needs no simulator."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.episodes import GAP, EpisodeRecord, Episodes, EpisodeStart, describe
from rcd_ros.planning.spec import ScoreSpec
from rcd_ros.simulation.interface import StepResult
from tests.planning.tiny import tiny_spec

PERIOD = 100_000_000


class Door:
    """Opens when the first command says so; an episode lasts five steps at most."""

    spec = tiny_spec()

    def __init__(self) -> None:
        self.seeds: list[int] = []
        self._steps = 0

    def reset(self, seed: int) -> NDArray[np.float64]:
        self.seeds.append(seed)
        self._steps = 0
        return np.zeros(5)

    def set_state(self, observation: ArrayLike) -> NDArray[np.float64]:
        return np.asarray(observation, np.float64)

    def step(self, command: ArrayLike) -> StepResult:
        self._steps += 1
        opened = bool(np.asarray(command)[0] > 1.0)
        done = ("door",) if opened else ()
        return StepResult(np.full(5, float(self._steps)), float(opened), done, opened, self._steps >= 5)

    def achieved(self, observation: ArrayLike) -> tuple[str, ...]:
        return ()

    def render(self) -> NDArray[np.uint8]:
        return np.zeros((4, 4, 3), np.uint8)

    def close(self) -> None:
        pass


def test_episodes_are_seeded_counted_and_scored() -> None:
    door = Door()
    episodes = Episodes(door, count=2, seed=40)
    episodes.begin()
    for command in (0.0, 0.0, 1.5):
        completed = episodes.advance(np.array([command, 0.0]), held=command == 0.0)
    assert completed == ("door",)
    assert (len(episodes.finished), episodes.all_done) == (1, False)
    episodes.begin()
    for _ in range(5):
        episodes.advance(np.zeros(2), held=False)
    assert episodes.all_done and door.seeds == [40, 41]
    summary = episodes.summary()
    assert (summary["episodes"], summary["complete"]) == (2, True)
    assert (summary["score_mean"], summary["tasks_completed_mean"]) == (50.0, 0.5)
    assert summary["per_task"] == {"door": 0.5}
    first, second = summary["episode_results"]
    assert (first["seed"], first["completed_at"], first["steps"], first["held_steps"]) == (40, {"door": 2}, 3, 2)
    assert (second["seed"], second["completed_at"], second["steps"]) == (41, {}, 5)
    assert "1 of 1 tasks in 3 steps" in describe(episodes.finished[0], door.spec)


def test_the_clock_runs_on_between_episodes() -> None:
    """A clock that began anew would make the plan for one episode's first observation fit the next one's."""
    episodes = Episodes(Door(), count=0, seed=0)
    episodes.begin()
    assert episodes.now == 0
    episodes.advance(np.zeros(2), held=False)
    assert episodes.now == PERIOD
    episodes.begin()
    assert episodes.now == PERIOD + GAP


def test_beginning_anew_keeps_the_seed_and_forgets_the_steps() -> None:
    door = Door()
    episodes = Episodes(door, count=1, seed=3)
    episodes.begin()
    episodes.advance(np.zeros(2), held=False)
    episodes.begin()
    assert door.seeds == [3, 3]
    assert episodes.running is not None and episodes.running.steps == 0


def test_nothing_advances_without_an_episode() -> None:
    with pytest.raises(RuntimeError):
        Episodes(Door(), count=1, seed=0).advance(np.zeros(2), held=False)


class Drawer(Door):
    """A door with a state to begin from."""

    keyframes = ("ajar",)

    def reset_to(self, keyframe: str) -> NDArray[np.float64]:
        return np.full(5, 0.3)


def test_an_episode_begins_anew_from_a_seed_or_a_keyframe() -> None:
    episodes = Episodes(Drawer(), count=1, seed=40, begin_at=GAP)
    episodes.begin()
    assert (episodes.now, episodes.running.seed) == (GAP, 40)
    episodes.begin(EpisodeStart.from_text("seed:7"))
    assert (episodes.now, episodes.running.seed, episodes.simulation.seeds) == (2 * GAP, 7, [40, 7])
    episodes.begin(EpisodeStart.from_text("ajar"))
    assert (episodes.running.keyframe, episodes.observation[0]) == ("ajar", 0.3)
    for text, named in (("seed:-1", "'seed:-1'"), ("seed:", "'seed:'"), ("ajr", "'ajr'.*'ajar'")):
        with pytest.raises(RcdError, match=named):
            episodes.begin(EpisodeStart.from_text(text))
        assert (episodes.now, episodes.running.keyframe) == (3 * GAP, "ajar"), "nothing has changed"
    with pytest.raises(RcdError, match="ajar"):
        Episodes(Door(), count=1, seed=0).begin(EpisodeStart(keyframe="ajar"))


def test_a_task_of_rewards_is_described_by_its_return() -> None:
    spec = tiny_spec().model_copy(update={"score": ScoreSpec(kind="return", reference_high=1.0)})
    record = EpisodeRecord(episode=0, seed=3, total_reward=12.5, steps=9, held_steps=2, wall_s=1.0)
    assert describe(record, spec) == "episode 1 (seed 3): return 12.5 in 9 steps, 1.0 s, 2 steps without a plan"
