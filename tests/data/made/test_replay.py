from dataclasses import replace

import numpy as np
import pytest

from rcd_ros.data.episodes import Episode, hash_episodes
from rcd_ros.data.made.replay import ReplaySettings, coloured_noise, replay, replay_jobs, tracked_columns
from rcd_ros.errors import RcdError
from tests.data.demonstrations import SHORT_KITCHEN, STEPS, scripted_demonstration, synthetic_episodes


@pytest.fixture(scope="module")
def demonstrations() -> list[Episode]:
    return [scripted_demonstration(seed) for seed in range(2)]


def run(
    demonstrations: list[Episode],
    settings: ReplaySettings,
    workers: int = 1,
    speeds: tuple[float, ...] = (1.0,),
    noises: tuple[float, ...] = (0.0,),
) -> list[Episode]:
    jobs = replay_jobs(len(demonstrations), speeds, noises, repeats=1)
    return list(replay(SHORT_KITCHEN, demonstrations, jobs, settings, workers))


def test_every_combination_is_replayed_once() -> None:
    jobs = replay_jobs(3, [1.0, 0.5], [0.1, 0.2], repeats=2)
    assert len({(job.source, job.speed, job.noise, job.repeat) for job in jobs}) == len(jobs) == 24
    assert [job.index for job in jobs] == list(range(24))


def test_an_undisturbed_replay_follows_the_demonstration(demonstrations: list[Episode]) -> None:
    for episode, demonstration in zip(run(demonstrations, ReplaySettings()), demonstrations, strict=True):
        assert len(episode) == STEPS
        np.testing.assert_allclose(episode.observations[:, :9], demonstration.observations[:, :9], atol=0.02)


def test_feedback_counters_noise(demonstrations: list[Episode]) -> None:
    """Fails if the feedback had the wrong sign or read the wrong columns."""

    def error(gain: float) -> float:
        episode = run(demonstrations[:1], ReplaySettings(gain=gain, seed=1), noises=(0.3,))[0]
        return float(np.abs(episode.observations[:, :7] - demonstrations[0].observations[:, :7]).mean())

    assert error(3.0) < 0.6 * error(0.0)


def test_half_speed_is_where_the_demonstration_was_at_half_time(demonstrations: list[Episode]) -> None:
    episode = run(demonstrations[:1], ReplaySettings(), speeds=(0.5,))[0]
    half = demonstrations[0].observations[STEPS // 2, :7]
    np.testing.assert_allclose(episode.observations[-1, :7], half, atol=0.06)
    assert episode.info["speed"] == 0.5


def test_labels_differ_by_the_noise_and_nothing_else(demonstrations: list[Episode]) -> None:
    """DART: the arm is disturbed alike; only what is recorded differs."""
    executed, expert = (
        run(demonstrations, ReplaySettings(label=label, seed=2), noises=(0.1,))[0] for label in ("executed", "expert")
    )
    np.testing.assert_array_equal(executed.observations, expert.observations)
    correction = demonstrations[0].actions[0] + 3.0 * (
        demonstrations[0].observations[0, :9] - expert.observations[0, :9]
    )
    np.testing.assert_allclose(expert.actions[0], correction, atol=1e-5)
    assert 0.03 < (executed.actions - expert.actions).std() < 0.3


def test_the_demonstration_over_its_last_pose_is_held(demonstrations: list[Episode]) -> None:
    early = replace(
        demonstrations[0],
        observations=demonstrations[0].observations[:5],
        actions=demonstrations[0].actions[:4],
        rewards=demonstrations[0].rewards[:4],
    )
    episode = run([early], ReplaySettings(gain=2.0))[0]
    assert len(episode) == STEPS
    expected = 2.0 * (early.observations[-1, :9] - episode.observations[-2, :9])
    np.testing.assert_allclose(episode.actions[-1], expected, atol=1e-5)


def test_offsets_and_aborts_change_where_the_arm_goes(demonstrations: list[Episode]) -> None:
    plain = run(demonstrations, ReplaySettings())
    shifted = run(demonstrations, ReplaySettings(offset=0.3))
    aborted = run(demonstrations, ReplaySettings(abort_probability=1.0))
    for other in (shifted, aborted):
        assert np.abs(other[0].observations[-1, :7] - plain[0].observations[-1, :7]).max() > 0.05


def test_replays_follow_from_their_seed_whatever_the_workers(demonstrations: list[Episode]) -> None:
    settings = ReplaySettings(seed=7, abort_probability=0.5, offset=0.05)
    alone = run(demonstrations, settings, speeds=(1.0, 0.5), noises=(0.2,))
    shared = run(demonstrations, settings, workers=2, speeds=(1.0, 0.5), noises=(0.2,))
    other = run(demonstrations, replace(settings, seed=8), speeds=(1.0, 0.5), noises=(0.2,))
    assert hash_episodes(alone) == hash_episodes(shared) != hash_episodes(other)
    assert [e.info for e in alone] == [e.info for e in shared]


def test_noise_has_its_standard_deviation_and_correlation() -> None:
    noise = coloured_noise(np.random.default_rng(0), 20_000, 3, std=0.2, correlation=0.9)
    assert noise.std() == pytest.approx(0.2, rel=0.05)
    assert noise[0].std() > 0.0
    assert (noise[1:] * noise[:-1]).mean() / noise.var() == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"gain": -1.0}, "gain"),
        ({"gain": float("nan")}, "gain"),
        ({"label": "expret"}, "label"),
        ({"noise_correlation": 1.0}, "noise correlation"),
        ({"offset": -0.1}, "offset"),
        ({"abort_probability": 1.5}, "abort probability"),
        ({"seed": -1}, "seed"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict, said: str) -> None:
    with pytest.raises(RcdError, match=said):
        ReplaySettings(**settings)


@pytest.mark.parametrize(
    ("speeds", "noises", "repeats", "said"),
    [([0.0], [0.1], 1, "speed"), ([1.0], [-0.1], 1, "noise"), ([1.0], [0.1], 0, "repeats")],
)
def test_job_lists_out_of_range_are_refused(speeds: list[float], noises: list[float], repeats: int, said: str) -> None:
    with pytest.raises(RcdError, match=said):
        replay_jobs(1, speeds, noises, repeats)


def test_demonstrations_of_another_shape_are_refused() -> None:
    with pytest.raises(RcdError, match=r"\b59\b.*\b9\b"):
        run(synthetic_episodes(), ReplaySettings())


def test_a_task_blind_to_its_own_joints_cannot_be_replayed() -> None:
    with pytest.raises(RcdError, match="kitchen"):
        tracked_columns(SHORT_KITCHEN.spec.select(["object_position"]))
