import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import minari
import numpy as np
import pytest
from minari.data_collector import EpisodeBuffer

from rcd_ros.data.episodes import Dataset, Episode, hash_episodes
from rcd_ros.data.storage.datasets import delete_dataset, list_datasets, load_dataset, save_dataset
from rcd_ros.errors import RcdError
from tests.data.demonstrations import synthetic_episodes

pytestmark = pytest.mark.usefixtures("datasets_root")
NAME = "rcd/test/tiny-v0"


def save(name: str = NAME, episodes: list[Episode] | None = None, force: bool = False) -> Dataset:
    chosen = synthetic_episodes() if episodes is None else episodes
    return save_dataset(name, chosen, task="kitchen", origin={"seed": 3}, description="Noise.", force=force)


def test_what_is_saved_is_loaded() -> None:
    saved, loaded = save(), load_dataset(NAME)
    assert loaded.content_hash == saved.content_hash
    assert loaded.metadata["task"] == "kitchen"
    assert loaded.metadata["origin"] == {"seed": 3}
    for before, after in zip(synthetic_episodes(), loaded.episodes, strict=True):
        np.testing.assert_array_equal(after.observations, before.observations)
        np.testing.assert_array_equal(after.actions, before.actions)
        np.testing.assert_array_equal(after.rewards, before.rewards)
        assert (after.terminated, after.truncated, after.seed) == (before.terminated, before.truncated, before.seed)
        assert dict(after.info) == dict(before.info)


def test_minari_itself_reads_it() -> None:
    save()
    dataset = minari.load_dataset(NAME)
    assert dataset.total_episodes == 3
    assert dataset[0].terminations.tolist() == [False, True]


def test_the_hash_depends_on_content_only() -> None:
    episodes = synthetic_episodes()
    changed = episodes[0].rewards.copy()
    changed[0] += 1
    assert hash_episodes(episodes) == save("other-v1", episodes).content_hash
    assert hash_episodes([replace(episodes[0], rewards=changed), *episodes[1:]]) != hash_episodes(episodes)
    assert hash_episodes(episodes[::-1]) != hash_episodes(episodes)


def test_an_existing_name_is_refused_and_kept_without_force() -> None:
    save()
    with pytest.raises(RcdError, match=f"{NAME}.*--force"):
        save(episodes=synthetic_episodes(1))
    assert len(load_dataset(NAME).episodes) == 3
    save(episodes=synthetic_episodes(1), force=True)
    assert len(load_dataset(NAME).episodes) == 1


def test_a_failing_save_leaves_nothing(datasets_root: Path) -> None:
    broken = [*synthetic_episodes(), "no episode"]
    with pytest.raises(AttributeError):
        save(episodes=broken)  # type: ignore[arg-type]
    assert list(datasets_root.iterdir()) == []


def test_a_failing_replacement_keeps_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    save()

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr("minari.dataset._storages.hdf5_storage.HDF5Storage.update_episodes", fail)
        save(episodes=synthetic_episodes(1), force=True)
    assert len(load_dataset(NAME).episodes) == 3


@pytest.mark.parametrize("name", ["no-version", "rcd/../up-v0", "/absolute-v0", "", "space d-v0", "a/b-v0"])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(RcdError, match=re.escape(f"'{name}'")):
        save(name)


def test_a_missing_data_set_names_near_ones() -> None:
    save()
    with pytest.raises(RcdError, match=NAME):
        load_dataset("rcd/test/tinny-v0")


def test_a_truncated_file_is_refused(datasets_root: Path) -> None:
    save()
    file = datasets_root / NAME / "data" / "main_data.hdf5"
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(RcdError, match=NAME):
        load_dataset(NAME)


def test_changed_content_is_refused(datasets_root: Path) -> None:
    import h5py

    save()
    with h5py.File(datasets_root / NAME / "data" / "main_data.hdf5", "a") as file:
        file["episode_0/rewards"][0] = 7.0
    with pytest.raises(RcdError, match=NAME):
        load_dataset(NAME)


BOX_3 = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float64)
OBSERVED = np.arange(12.0).reshape(4, 3)


def _save_dicts(goals: dict[str, Any], spaces: dict[str, gymnasium.Space[Any]]) -> None:
    minari.create_dataset_from_buffers(
        "dict-v0",
        [
            EpisodeBuffer(
                observations={"observation": list(OBSERVED), **goals},
                actions=list(np.zeros((3, 2))),
                rewards=[0.0, 0.0, 1.0],
                terminations=[False, False, False],
                truncations=[False, False, True],
            )
        ],
        observation_space=gymnasium.spaces.Dict({"observation": BOX_3, **spaces}),
        action_space=gymnasium.spaces.Box(-1, 1, (2,), np.float64),
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_of_observations_with_named_goals_the_observation_is_read() -> None:
    """As `D4RL/kitchen/complete-v2` stores them: a goal is a dict with an entry for each kitchen task."""
    _save_dicts(
        {"desired_goal": {"kettle": list(np.ones((4, 3)))}},
        {"desired_goal": gymnasium.spaces.Dict({"kettle": BOX_3})},
    )
    episode = load_dataset("dict-v0").episodes[0]
    np.testing.assert_array_equal(episode.observations, OBSERVED)
    assert (episode.terminated, episode.truncated) == (False, True)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_goals_that_are_vectors_follow_the_observation() -> None:
    """As `D4RL/pointmaze/large-v2` stores them; what was achieved comes before what is desired."""
    _save_dicts(
        {"desired_goal": list(np.full((4, 3), 2.0)), "achieved_goal": list(np.ones((4, 3)))},
        {"desired_goal": BOX_3, "achieved_goal": BOX_3},
    )
    episode = load_dataset("dict-v0").episodes[0]
    np.testing.assert_array_equal(episode.observations, np.hstack((OBSERVED, np.ones((4, 3)), np.full((4, 3), 2.0))))


def test_deleting_removes_one_and_only_that() -> None:
    save()
    save("rcd/test/other-v0")
    delete_dataset(NAME)
    assert list(list_datasets()) == ["rcd/test/other-v0"]
    with pytest.raises(RcdError, match=NAME):
        delete_dataset(NAME)
