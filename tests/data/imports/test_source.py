"""From files of other formats to a task's episodes: what is used, what is refused, what looks wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from rcd_ros.data.episodes import Episode
from rcd_ros.data.export_dataset import convert, export_dataset
from rcd_ros.data.imports.declared import declared
from rcd_ros.data.imports.source import Imported, ImportSettings, import_source
from rcd_ros.data.storage.dataset_task import check_same_task
from rcd_ros.data.storage.datasets import load_dataset, save_dataset
from rcd_ros.errors import RcdError
from rcd_ros.formats import d4rl
from rcd_ros.formats.recording import Export, RecordedEpisode
from rcd_ros.formats.registry import open_recording, written
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.tasks.task import Task

PUSH = get_task("push")
NOTHING_SPECIAL = ImportSettings()
WRITTEN = written()
FILES = {name: f"a{each.suffixes[0]}" if each.suffixes else "set" for name, each in WRITTEN.items()}


def unseen(what: str, done: int, total: int) -> None:
    """Shows no progress."""


def read(path: Path, task: Task = PUSH, settings: ImportSettings = NOTHING_SPECIAL) -> Imported:
    return import_source(open_recording(path), task, settings, unseen)


def pushes(count: int = 3, steps: int = 8) -> list[Episode]:
    """Numbers within the limits; the block of all but the first episode is over the line in the end."""
    random = np.random.default_rng(0)
    made = []
    for number in range(count):
        seen = random.uniform(-0.3, 0.3, size=(steps + number + 1, 14))
        seen[:, 6] = np.abs(seen[:, 6]) * 0.05
        seen[:, 7] = np.linspace(0.4, 0.7 if number else 0.5, len(seen))
        seen[:, 10:] = [1.0, 0.0, 0.0, 0.0]
        succeeded = bool(seen[-1, 7] >= 0.6)
        end = int(np.argmax(seen[:, 7] >= 0.6)) if succeeded else len(seen) - 1
        actions = random.uniform(-0.3, 0.3, size=(end, 7))
        actions[:, 6] = 0.01
        rewards = np.zeros(end, np.float32)
        rewards[-1] = succeeded
        observations, actions = seen[: end + 1].astype(np.float32), actions.astype(np.float32)
        made.append(Episode(observations, actions, rewards, terminated=succeeded, truncated=not succeeded))
    return made


def stored(episodes: list[Episode], task: Task = PUSH, name: str = "rcd/test/pushes-v0") -> str:
    save_dataset(name, episodes, task=task.spec, origin={}, description="")
    return name


def assert_same(found: list[Episode], made: list[Episode]) -> None:
    assert len(found) == len(made)
    for before, after in zip(made, found, strict=True):
        np.testing.assert_array_equal(after.observations, before.observations)
        np.testing.assert_array_equal(after.actions, before.actions)
        np.testing.assert_array_equal(after.rewards, before.rewards)
        assert (after.terminated, after.truncated) == (before.terminated, before.truncated)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_exported_comes_back_as_it_was(name: str, tmp_path: Path, datasets_root: Path) -> None:
    made = pushes()
    export_dataset(load_dataset(stored(made)), PUSH, WRITTEN[name], tmp_path / FILES[name])
    imported = read(tmp_path / FILES[name])
    assert_same(imported.episodes, made)
    assert (imported.refused, imported.suspicions) == ([], [])
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize("name", WRITTEN)
def test_a_task_that_is_no_file_comes_back_too(name: str, tmp_path: Path, datasets_root: Path) -> None:
    """The layout of the data set itself, and commands in its own units."""
    maze = get_task("maze-umaze")
    random = np.random.default_rng(0)
    seen = random.uniform(-1, 1, size=(6, 8)).astype(np.float32)
    seen[:, 4:6] = 0.0  # what has been achieved is read from the first columns
    made = [Episode(seen, seen[1:, :2], np.ones(5, np.float32), terminated=False, truncated=True)]
    dataset = load_dataset(stored(made, maze))
    export_dataset(dataset, maze, WRITTEN[name], tmp_path / FILES[name])
    if name != "act":
        assert_same(read(tmp_path / FILES[name], maze).episodes, made)


def test_a_format_that_is_only_read_is_not_written(tmp_path: Path, datasets_root: Path) -> None:
    with pytest.raises(RcdError, match="npz"):
        export_dataset(load_dataset(stored(pushes())), PUSH, replace(WRITTEN["npz"], write=None), tmp_path / "a.npz")
    assert list(tmp_path.glob("a.npz")) == []


def test_units_and_places_are_the_inverse_of_those_read(tmp_path: Path, datasets_root: Path) -> None:
    text = PUSH.file.source.text if PUSH.file else ""
    for file in ("models/mjcf/arm6.xml",):
        text = text.replace(f"../../{file}", str(Path(__file__).parents[3] / file))
    text = text.replace("arm:     {key: observation.state, columns: 0:6}", DEGREES)
    (tmp_path / "push.yaml").write_text(text)
    task = get_task(str(tmp_path / "push.yaml"))
    made = pushes()
    export = convert(load_dataset(stored(made, task)), task, WRITTEN["lerobot"])
    state = export.episodes[1].arrays["observation.state"]
    assert state[:-1, 7] == pytest.approx(np.degrees(made[1].observations[:-1, 0]), abs=1e-4)
    assert (export.names["observation.state"][6], export.names["observation.state"][7]) == (
        "gripper_joint.pos",
        "shoulder_pan_joint.pos",
    )
    export_dataset(load_dataset("rcd/test/pushes-v0"), task, WRITTEN["lerobot"], tmp_path / "set")
    for before, after in zip(made, read(tmp_path / "set", task).episodes, strict=True):
        np.testing.assert_allclose(after.observations, before.observations, atol=1e-6)


DEGREES = "arm:     {key: observation.state, columns: [7, 8, 9, 10, 11, 12], unit: deg}"


def recorded(arrays: dict[str, np.ndarray], **more: object) -> RecordedEpisode:
    episode = RecordedEpisode("a", {key: values.astype(np.float64) for key, values in arrays.items()})
    return replace(episode, **more)  # type: ignore[arg-type]


def push_rows(rows: int = 8, **changed: float) -> dict[str, np.ndarray]:
    (episode,) = pushes(1, rows - 1)
    arrays = {"observations": episode.observations.astype(np.float64), "actions": np.zeros((rows, 7))}
    for key, value in changed.items():
        name, column = key.rsplit("_", 1)
        arrays[name][rows // 2, int(column)] = value
    return arrays


def test_a_bad_episode_leaves_the_others(tmp_path: Path) -> None:
    good, bad = push_rows(), push_rows(observations_3=np.nan)
    too_large = push_rows(actions_0=1e39)
    d4rl.write(tmp_path / "a.hdf5", Export([recorded(good), recorded(bad)]))
    imported = read(tmp_path / "a.hdf5")
    assert [len(each.episode) for each in imported.kept] == [7]
    assert [each.number for each in imported.refused] == [1]
    assert "NaN" in imported.refused[0].reason
    for arrays in (bad, too_large):
        with h5py.File(tmp_path / "b.hdf5", "w") as file:
            file.update(arrays)
            file["rewards"], file["terminals"] = np.zeros(8), np.arange(8) == 7
        with pytest.raises(RcdError, match=r"b\.hdf5"):
            read(tmp_path / "b.hdf5")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"actions_6": 3.0}, "limits"),
        ({"actions_0": 1e30}, "1e+30"),
        ({"observations_1": 1e30}, "1e+30"),
        ({"observations_2": 90.0}, "degrees"),
    ],
)
def test_suspicions_are_said(changed: dict[str, float], said: str, tmp_path: Path) -> None:
    d4rl.write(tmp_path / "a.hdf5", Export([recorded(push_rows(40)), recorded(push_rows(40, **changed))]))
    assert said in " ".join(read(tmp_path / "a.hdf5").suspicions)


def test_a_value_far_from_all_others_is_a_suspicion(tmp_path: Path) -> None:
    quiet, spike = push_rows(60), push_rows(60)
    for rows in (quiet, spike):
        rows["observations"][:, 8] = np.random.default_rng(1).normal(0.0, 1e-3, 60)
    d4rl.write(tmp_path / "a.hdf5", Export([recorded(quiet), recorded(spike)]))
    assert read(tmp_path / "a.hdf5").suspicions == []
    spike["observations"][30, 8] = 0.4
    d4rl.write(tmp_path / "b.hdf5", Export([recorded(quiet), recorded(spike)]))
    (told,) = read(tmp_path / "b.hdf5").suspicions
    assert "block.y" in told
    assert "standard deviations" in told


def test_missing_ends_are_a_suspicion(tmp_path: Path) -> None:
    """One episode of 899 steps for a task of 280: the ends are not there."""
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["observations"], file["actions"] = np.zeros((899, 59)), np.zeros((899, 9))
        file["rewards"], file["terminals"] = np.zeros(899), np.zeros(899, bool)
    told = read(tmp_path / "a.hdf5", get_task("kitchen")).suspicions
    assert any("one episode" in each for each in told)
    assert any("899" in each or "898" in each for each in told)


def test_rewards_that_are_no_completions_are_a_suspicion(tmp_path: Path) -> None:
    d4rl.write(tmp_path / "a.hdf5", Export([recorded(push_rows(), rewards=np.arange(8.0))]))
    assert any("goals" in each for each in read(tmp_path / "a.hdf5").suspicions)
    counted = read(tmp_path / "a.hdf5", settings=ImportSettings(recount=True))
    assert counted.suspicions == []
    assert counted.episodes[0].total_reward == 0.0


def kitchen_v0(path: Path, rows: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """D4RL's first layout: robot 9, objects 21, goal 30."""
    random = np.random.default_rng(0)
    observations = random.normal(scale=0.01, size=(rows, 60)).astype(np.float32)
    observations[:, 26] = 1.0  # the kettle's orientation
    actions = random.uniform(-1, 1, size=(rows, 9)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file["observations"], file["actions"] = observations, actions
        file["rewards"], file["terminals"] = np.ones(rows), np.arange(rows) == rows - 1
    return observations, actions


def test_the_kitchens_first_layout_has_no_velocities(tmp_path: Path) -> None:
    observations, actions = kitchen_v0(tmp_path / "kitchen.hdf5")
    (episode,) = read(tmp_path / "kitchen.hdf5", get_task("kitchen")).episodes
    assert episode.observations.shape == (6, 59)
    np.testing.assert_allclose(episode.observations[:, :9], observations[:, :9])
    np.testing.assert_allclose(episode.observations[:, 18:32], observations[:, 9:23])
    np.testing.assert_allclose(episode.observations[:, 32:39], observations[:, 23:30])
    speeds = np.diff(observations[:, :9], axis=0) / 0.08
    np.testing.assert_allclose(episode.observations[1:, 9:18], speeds, atol=1e-5)
    np.testing.assert_array_equal(episode.actions, actions[:-1])


def test_data_that_do_not_say_their_task_are_not_trained_on_in_another_layout(datasets_root: Path) -> None:
    seen = np.zeros((4, 60), np.float32)
    episode = Episode(seen, np.zeros((3, 9), np.float32), np.zeros(3, np.float32), terminated=False, truncated=True)
    save_dataset("rcd/test/old-v0", [episode], task=None, origin={}, description="")
    with pytest.raises(RcdError, match="--task"):
        check_same_task(load_dataset("rcd/test/old-v0"), get_task("kitchen").spec)


def test_success_comes_from_a_person_the_data_or_the_task(tmp_path: Path, datasets_root: Path) -> None:
    made = pushes()
    export_dataset(load_dataset(stored(made)), PUSH, WRITTEN["act"], tmp_path / "act")
    seen = read(tmp_path / "act")
    assert [episode.total_reward for episode in seen.episodes] == [0.0, 1.0, 1.0]
    by_hand = read(tmp_path / "act", settings=ImportSettings(labels=frozenset({0})))
    assert [episode.total_reward for episode in by_hand.episodes] == [1.0, 0.0, 0.0]
    assert [episode.terminated for episode in by_hand.episodes] == [True, False, False]
    assert seen.rewards != by_hand.rewards
    with pytest.raises(RcdError, match="episode 7"):
        read(tmp_path / "act", settings=ImportSettings(labels=frozenset({7})))


def test_rewards_of_nothing_but_zeros_say_nothing(tmp_path: Path) -> None:
    """robomimic's files have rewards even where nobody gave any."""
    (_, won) = pushes(2)
    arrays = {"observations": won.observations, "actions": np.zeros((len(won) + 1, 7))}
    d4rl.write(tmp_path / "a.hdf5", Export([recorded(arrays)]))
    assert read(tmp_path / "a.hdf5").episodes[0].total_reward == 1.0


def test_without_success_there_are_no_rewards(tmp_path: Path, datasets_root: Path) -> None:
    spec = PUSH.spec.model_copy(update={"success": ()})
    export_dataset(load_dataset(stored(pushes())), PUSH, WRITTEN["act"], tmp_path / "act")
    imported = read(tmp_path / "act", replace(PUSH, spec=spec))
    assert imported.rewards == "none"
    assert [episode.total_reward for episode in imported.episodes] == [0.0] * 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("observe: {arm: qpos, gripper: g}", "block"),
        ("observe: {arm: qpos, gripper: g, blok: o}", "did you mean 'block'"),
        ("observe: {arm: {key: qpos, columns: 0:5}, gripper: g, block: o}", "6 values"),
        ("observe: {arm: {key: qpos, unit: mm}, gripper: g, block: o}", "quantity"),
        ("observe: {arm: q, gripper: g, block: {key: o, unit: deg}}", "length"),
        ("{observe: {arm: q, gripper: g, block: o}, command: {key: a, columns: 0:3}}", "7 values"),
    ],
)
def test_columns_that_do_not_fit_the_task_are_told_with_their_line(line: str, said: str, tmp_path: Path) -> None:
    assert PUSH.file is not None
    text = PUSH.file.source.text.replace("../../models", str(Path(__file__).parents[3] / "models"))
    begin, end = text.index("  robomimic:"), text.index("  act:")
    entry = f"  robomimic: {line if line.startswith('{') else '{' + line + '}'}\n"
    (tmp_path / "push.yaml").write_text(text[:begin] + entry + text[end:])
    with pytest.raises(RcdError, match=r"line \d+: columns\.robomimic") as error:
        declared(get_task(str(tmp_path / "push.yaml")), "robomimic")
    assert said in str(error.value)


def test_a_source_that_is_not_of_the_task_says_what_it_has(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", state=np.zeros((5, 4)), action=np.zeros((4, 2)), episode_ends=np.array([5]))
    with pytest.raises(RcdError) as error:
        read(tmp_path / "a.npz")
    for word in ("state (4)", "'action' is left out", "columns: npz"):
        assert word in str(error.value)
