from pathlib import Path

import h5py
import numpy as np
import pytest

from rcd_ros.data.importers import read_recording
from rcd_ros.errors import RcdError
from tests.data.demonstrations import synthetic_episodes, write_archive


def test_an_archive_is_cut_at_its_episode_ends(tmp_path: Path) -> None:
    demonstrations = synthetic_episodes()
    read = read_recording(write_archive(tmp_path / "a.npz", demonstrations))
    assert [len(episode) for episode in read] == [2, 3, 4]
    for before, after in zip(demonstrations, read, strict=True):
        np.testing.assert_array_equal(after.observations[:-1], before.observations[:-1])
        np.testing.assert_array_equal(after.actions, before.actions)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"state": np.zeros((8, 4))}, "different lengths: state 8, action 9"),
        ({"state": np.zeros(9)}, "state must be numbers of shape"),
        ({"action": np.zeros((0, 2))}, "action must be numbers of shape"),
        ({"action": np.full((9, 2), np.nan)}, "action holds NaN or infinite values, first in row 0"),
        ({"state": np.where(np.arange(36).reshape(9, 4) == 14, np.inf, 0)}, "state holds NaN.*row 3"),
        ({"state": np.full((9, 4), "x")}, "state must be numbers"),
        ({"episode_ends": np.array([2, 2, 9])}, "episode_ends must increase.*2, 2, 9"),
        ({"episode_ends": np.array([2, 5, 8])}, "to the number of rows, 9"),
        ({"episode_ends": np.array([2.0, 9.0])}, "list of integers"),
        ({"episode_ends": np.array([], dtype=int)}, "list of integers"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, changed: dict[str, np.ndarray], said: str) -> None:
    path = write_archive(tmp_path / "a.npz", synthetic_episodes(), **changed)
    with pytest.raises(RcdError, match=said) as caught:
        read_recording(path)
    assert "\n" not in str(caught.value)


def test_missing_arrays_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", state=np.zeros((2, 4)))
    with pytest.raises(RcdError, match="lacks action, episode_ends"):
        read_recording(tmp_path / "a.npz")


def test_unusable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RcdError, match="is not there"):
        read_recording(tmp_path / "none.npz")
    for name, said in (("a.csv", "neither .npz nor .hdf5"), ("a.npz", "NumPy archive"), ("a.hdf5", "as HDF5")):
        (tmp_path / name).write_bytes(b"not what it seems")
        with pytest.raises(RcdError, match=said):
            read_recording(tmp_path / name)
    np.savez(tmp_path / "pickled.npz", state=np.array([{}]), action=np.zeros((1, 1)), episode_ends=np.array([1]))
    with pytest.raises(RcdError, match="NumPy archive"):
        read_recording(tmp_path / "pickled.npz")


def write_d4rl(path: Path, rows: int = 7, **changed: np.ndarray | None) -> Path:
    """Rows 0-2 end at a terminal, 3-4 at a timeout, 5-6 at the end of the file."""
    arrays: dict[str, np.ndarray | None] = {
        "observations": np.arange(rows * 3.0).reshape(rows, 3),
        "actions": np.arange(rows * 2.0).reshape(rows, 2),
        "rewards": np.arange(float(rows)),
        "terminals": np.arange(rows) == 2,
        "timeouts": np.arange(rows) == 4,
    }
    arrays |= changed
    with h5py.File(path, "w") as file:
        for key, array in arrays.items():
            if array is not None:
                file[key] = array
    return path


def test_d4rl_episodes_end_at_terminals_and_timeouts(tmp_path: Path) -> None:
    """Fails if an episode were given the first observation of the next one as its last."""
    read = read_recording(write_d4rl(tmp_path / "d.hdf5"))
    assert [(len(e), e.terminated, e.truncated) for e in read] == [(2, True, False), (1, False, True), (1, False, True)]
    np.testing.assert_array_equal(read[0].observations, np.arange(9.0).reshape(3, 3))
    np.testing.assert_array_equal(read[1].actions, [[6.0, 7.0]])
    assert [e.total_reward for e in read] == [3.0, 7.0, 11.0]


def test_d4rl_next_observations_keep_the_last_action(tmp_path: Path) -> None:
    following = np.arange(21.0).reshape(7, 3) + 0.5
    read = read_recording(write_d4rl(tmp_path / "d.hdf5", next_observations=following))
    assert [len(episode) for episode in read] == [3, 2, 2]
    np.testing.assert_array_equal(read[0].observations[-1], following[2])
    np.testing.assert_array_equal(read[0].rewards, [0.0, 1.0, 2.0])


def test_d4rl_without_timeouts_or_with_columns_for_flags(tmp_path: Path) -> None:
    read = read_recording(write_d4rl(tmp_path / "d.h5", timeouts=None, terminals=(np.arange(7) == 2)[:, None]))
    assert [len(episode) for episode in read] == [2, 3]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rewards": None}, "lacks rewards"),
        ({"rewards": np.full(7, np.nan)}, "rewards hold NaN"),
        ({"timeouts": np.zeros(6, dtype=bool)}, "different lengths.*timeouts 6"),
        ({"observations": np.full((7, 3), np.inf)}, "observations holds NaN"),
        ({"next_observations": np.zeros((7, 2))}, "next_observations .* differ"),
        ({"terminals": np.ones(7, dtype=bool)}, "no episode of more than one step"),
    ],
)
def test_wrong_d4rl_arrays_are_refused(tmp_path: Path, changed: dict[str, np.ndarray | None], said: str) -> None:
    with pytest.raises(RcdError, match=said):
        read_recording(write_d4rl(tmp_path / "d.hdf5", **changed))
