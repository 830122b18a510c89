from dataclasses import replace

import numpy as np

from rcd_ros.data.episodes import Dataset, Episode, best_episodes
from rcd_ros.data.summary import histogram, summarize
from tests.data.demonstrations import SHORT_KITCHEN, STEPS, scripted_demonstration, synthetic_episodes


def test_a_known_task_is_summarised_by_its_channels() -> None:
    episode = scripted_demonstration()
    summary = summarize(Dataset("a-v0", {}, "", [episode, replace(episode, terminated=True)]), SHORT_KITCHEN.spec)
    assert (summary.episodes, summary.steps, summary.terminated) == (2, 2 * STEPS, 1)
    arm = summary.observations[0]
    assert (arm.name, arm.unit) == ("robot_position", "rad")
    seen = episode.observations[:, :7].astype(np.float64)
    np.testing.assert_allclose([arm.low, arm.mean, arm.high], [seen.min(), seen.mean(), seen.max()])
    assert [each.name for each in summary.actions] == list(SHORT_KITCHEN.spec.command.joints)
    assert summary.actions[1].mean == np.float32(0.3)


def test_an_unknown_task_is_summarised_by_columns() -> None:
    summary = summarize(Dataset("a-v0", {}, "", synthetic_episodes()), None)
    assert (summary.shortest, summary.longest) == (2, 4)
    assert [each.name for each in summary.observations] == ["[0]", "[1]", "[2]", "[3]"]


def test_completions_are_counted_one_by_one_and_returns_by_intervals() -> None:
    assert histogram(np.array([4.0, 2.0, 4.0])) == [("2", 1), ("3", 0), ("4", 2)]
    bars = histogram(np.linspace(0.0, 99.5, 200), bins=4)
    assert [count for _, count in bars] == [50, 50, 50, 50]


def test_the_best_episodes_have_a_tenth_of_the_steps() -> None:
    def episode(length: int, reward: float) -> Episode:
        observations, actions = np.zeros((length + 1, 1), np.float32), np.zeros((length, 1), np.float32)
        return Episode(observations, actions, np.full(length, reward, np.float32), terminated=True, truncated=False)

    episodes = [episode(10, reward) for reward in (1, 5, 3)] + [episode(100, 0.0)]
    assert best_episodes(episodes).tolist() == [1, 2]
    assert best_episodes(episodes[:1]).tolist() == [0]
    assert sorted(best_episodes(episodes, 1.0)) == [0, 1, 2, 3]
