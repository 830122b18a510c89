"""`rcd data import` and `rcd data export` as a user meets them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rcd_ros.cli.parse import episode_numbers
from rcd_ros.data.storage.datasets import list_datasets, load_dataset
from rcd_ros.errors import RcdError
from rcd_ros.formats.registry import written
from tests.data.imports.test_source import pushes, stored

Rcd = Callable[..., int]
IMPORT = ("data", "import")
TASK = ("--task", "push", "--name", "rcd/test/new-v0")


@pytest.fixture
def pushed(datasets_root: Path) -> str:
    return stored(pushes())


def test_a_data_set_goes_out_and_comes_back(
    pushed: str, tmp_path: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rcd("data", "export", pushed, "--to", "act", "--output", tmp_path / "act") == 0
    assert "observations/qpos: shoulder_pan_joint.pos" in capsys.readouterr().out
    assert rcd(*IMPORT, tmp_path / "act", *TASK, "--strict") == 0
    told = capsys.readouterr().out
    for words in ("act, 3 episodes", "block <- observations/env_state", "kept: 3 episodes", "2 of 3 episodes have one"):
        assert words in told
    again = load_dataset("rcd/test/new-v0")
    assert again.content_hash == load_dataset(pushed).content_hash
    assert again.metadata["task_spec"]


def test_refused_episodes_are_named_and_kept_in_mind(
    datasets_root: Path, tmp_path: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]
) -> None:
    state = np.full((9, 14), 0.1)
    state[4, 2] = np.nan
    np.savez(tmp_path / "a.npz", state=state, action=np.zeros((9, 7)), episode_ends=np.array([3, 6, 9]))
    assert rcd(*IMPORT, tmp_path / "a.npz", *TASK) == 0
    assert re.search(r"REFUSED: episode_1 .*NaN", capsys.readouterr().out)
    dataset = load_dataset("rcd/test/new-v0")
    assert len(dataset.episodes) == 2
    (refused,) = dataset.metadata["origin"]["refused"]
    assert "row 1" in refused


def test_strict_stores_nothing_where_something_looks_wrong(
    datasets_root: Path, tmp_path: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]
) -> None:
    action = np.zeros((30, 7))
    action[7, 0] = 1e30
    np.savez(tmp_path / "a.npz", state=np.full((30, 14), 0.1), action=action, episode_ends=np.array([30]))
    assert rcd(*IMPORT, tmp_path / "a.npz", *TASK, "--strict") == 2
    told = capsys.readouterr()
    assert "SUSPICION" in told.out
    assert told.err.count("\n") == 1
    assert list(list_datasets()) == []
    assert rcd(*IMPORT, tmp_path / "a.npz", *TASK) == 0
    assert len(load_dataset("rcd/test/new-v0").metadata["origin"]["suspicions"]) == 2


def test_the_help_of_export_names_every_format(rcd: Rcd, capsys: pytest.CaptureFixture[str]) -> None:
    assert rcd("data", "export", "--help") == 0
    assert set(written()) <= {word.strip(".,;()") for word in capsys.readouterr().out.split()}


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_nothing_is_overwritten(pushed: str, there: str, tmp_path: Path, rcd: Rcd) -> None:
    output = tmp_path / "out.npz"
    if there == "file":
        output.write_text("two hours of work")
    elif there == "folder":
        output.mkdir()
    else:
        output.symlink_to(tmp_path / "nowhere")
    assert rcd("data", "export", pushed, "--to", "npz", "--output", output) == 2
    assert not (tmp_path / "nowhere").exists()
    assert there != "file" or output.read_text() == "two hours of work"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize(
    ("to", "output", "said"),
    [
        ("lerobt", "a", "did you mean 'lerobot'"),
        ("npz", "a.hdf5", ".npz"),
        ("d4rl", "a", ".hdf5"),
        ("npz", "datasets/rcd/test/pushes-v0/a.npz", "inside"),
    ],
)
def test_what_cannot_be_written_is_said(
    to: str, output: str, said: str, pushed: str, tmp_path: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rcd("data", "export", pushed, "--to", to, "--output", tmp_path / output) == 2
    assert said in capsys.readouterr().err
    assert load_dataset(pushed).episodes


def test_a_bag_is_read_as_from_bag_reads_it(
    datasets_root: Path, tmp_path: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bag.mcap").touch()
    assert rcd(*IMPORT, tmp_path / "bag.mcap", *TASK) == 2
    assert "the bag" in capsys.readouterr().err


def test_episodes_by_number(tmp_path: Path) -> None:
    assert episode_numbers("0,3,5:8") == {0, 3, 5, 6, 7}
    (tmp_path / "good.txt").write_text("2\n4\n")
    assert episode_numbers(str(tmp_path / "good.txt")) == {2, 4}
    for text in ("", "x", "-1", "5:5", "1:", "9" * 20, "0:999999999999"):
        with pytest.raises(RcdError):
            episode_numbers(text)
