"""`rcd data ...` as a person types it: exit codes, one sentence for what was wrong, nothing half written."""

import os
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from rcd_ros.cli import app
from rcd_ros.data.storage.datasets import list_datasets, load_dataset, save_dataset
from rcd_ros.planning.checkpoint import checkpoint_sha256
from rcd_ros.tasks.catalogue import get_task
from tests.cli.processes import RCD, interrupt_rcd
from tests.data.demonstrations import STEPS, scripted_demonstration, synthetic_episodes, write_archive
from tests.planning.tiny import tiny_manifest, write_tiny

pytestmark = pytest.mark.slow

DEMONSTRATIONS = "rcd/test/demonstrations-v0"


def rcd(*arguments: str | int | Path) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


def assert_refused(done: Result, said: str) -> None:
    assert done.exit_code == 2, done.stderr
    assert done.stderr.startswith("rcd: error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert said in done.stderr


@pytest.fixture
def demonstrations(datasets_root: Path) -> str:
    episodes = [scripted_demonstration()]
    save_dataset(DEMONSTRATIONS, episodes, task="kitchen", origin={}, description="Scripted.")
    return DEMONSTRATIONS


def test_import_replay_show_and_delete(datasets_root: Path, tmp_path: Path) -> None:
    file = write_archive(tmp_path / "a.npz", [scripted_demonstration()])
    done = rcd("import", file, "--task", "kitchen", "--name", DEMONSTRATIONS)
    assert done.exit_code == 0, done.stderr
    assert "completions recorded: 0.00" in done.stdout

    grid = ("--noise", "0.1,0.2", "--speed", "1,0.5", "--episode-steps", STEPS)
    done = rcd("replay", DEMONSTRATIONS, "--name", "rcd/test/replays-v0", *grid)
    assert done.exit_code == 0, done.stderr
    dataset = load_dataset("rcd/test/replays-v0")
    assert [(e.info["speed"], e.info["noise"]) for e in dataset.episodes] == [
        (1.0, 0.1),
        (1.0, 0.2),
        (0.5, 0.1),
        (0.5, 0.2),
    ]
    assert dataset.metadata["origin"]["source_hash"] == load_dataset(DEMONSTRATIONS).content_hash

    shown = rcd("show", "rcd/test/replays-v0")
    assert f"4 episodes of {STEPS} to {STEPS} steps" in shown.stdout
    assert "panda0_joint1" in shown.stdout
    assert "rcd/test/replays-v0" in rcd("list").stdout
    assert rcd("delete", "rcd/test/replays-v0").exit_code == 0
    assert list(list_datasets()) == [DEMONSTRATIONS]


def test_rollout_stores_a_planners_own_episodes(datasets_root: Path, tmp_path: Path) -> None:
    spec = get_task("kitchen", episode_steps=STEPS).spec.select(["robot_position"])
    write_tiny(tmp_path / "planner", tiny_manifest(spec))
    done = rcd("rollout", tmp_path / "planner", "--episodes", 2, "--seed", 7, "--name", "rcd/test/rollouts-v0")
    assert done.exit_code == 0, done.stderr
    dataset = load_dataset("rcd/test/rollouts-v0")
    assert [(len(episode), episode.seed) for episode in dataset.episodes] == [(STEPS, 7), (STEPS, 8)]
    assert dataset.metadata["task"] == "kitchen"
    assert dataset.metadata["origin"]["checkpoint_sha256"] == checkpoint_sha256(tmp_path / "planner")
    assert_refused(
        rcd("rollout", tmp_path / "planner", "--execute", 5, "--name", "rcd/test/other-v0"),
        "execute must be between 1 and the planned horizon 4",
    )


def test_wrong_arguments_are_one_sentence_and_change_nothing(datasets_root: Path, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "a.npz", synthetic_episodes())
    name = ("--name", "rcd/test/new-v0")
    assert_refused(rcd("import", archive, *name), "--task")
    assert_refused(rcd("import", archive, "--task", "kitchn", *name), "did you mean 'kitchen'")
    assert_refused(rcd("replay", "rcd/test/none-v0", *name), "no local data set")
    assert_refused(rcd("replay", "rcd/test/none-v0", "--speed", "1,fast", *name), "--speed takes numbers")
    assert list(datasets_root.iterdir()) == []


def test_an_occupied_name_is_refused_before_the_work(demonstrations: str) -> None:
    before = load_dataset(demonstrations).content_hash
    assert_refused(rcd("replay", demonstrations, "--name", demonstrations), "exists already")
    assert load_dataset(demonstrations).content_hash == before


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_with_one_line_and_leaves_nothing(demonstrations: str, datasets_root: Path, workers: int) -> None:
    """Neither traces of workers nor half a data set."""
    command = ("data", "replay", demonstrations, "--name", "rcd/test/replays-v0", "--episode-steps", 40)
    code, output = interrupt_rcd(*command, "--repeats", 10000, "--workers", workers, when="mean return")
    assert code == 130
    assert "Traceback" not in output
    assert output.splitlines()[-1] == "rcd: interrupted"
    assert list(list_datasets()) == [demonstrations]
    assert not list(datasets_root.glob(".rcd*"))


def test_workers_end_with_a_killed_parent(demonstrations: str) -> None:
    command = [*RCD, "data", "replay", demonstrations, "--name", "rcd/test/replays-v0", "--episode-steps", "40"]
    process = subprocess.Popen(
        [*command, "--repeats", "10000", "--workers", "2"], stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stderr is not None
    seen = b""
    while b"mean return" not in seen:
        seen += os.read(process.stderr.fileno(), 4096)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while _group_is_alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _group_is_alive(process.pid)


def _group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
