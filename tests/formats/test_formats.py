"""Each format: what is written comes back, and files as others write them are read or refused with a reason."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rcd_ros.errors import RcdError
from rcd_ros.formats import aloha, d4rl, lerobot_writer, npz, robomimic
from rcd_ros.formats.lerobot import Version
from rcd_ros.formats.recording import Export, RecordedEpisode, Recording
from rcd_ros.formats.registry import detect, open_recording, written

PERIOD = 0.05
LABELS = ("next.", "reward", "terminated")
NAMES = {"observation.state": ("a", "b", "c"), "action": ("a", "b")}


def made(keys: Sequence[str], last: bool = False, rewards: bool = False) -> list[RecordedEpisode]:
    """Episodes of 4, 2 and 7 steps; the last of `keys` are the actions."""
    random = np.random.default_rng(0)
    episodes = []
    for number, length in enumerate((4, 2, 7)):
        arrays = {key: random.normal(size=(length, 2 if key == keys[-1] else 3)) for key in keys}
        arrays = {key: values.astype(np.float32).astype(np.float64) for key, values in arrays.items()}
        gained = np.zeros(length)
        gained[-1] = 1.0
        episodes.append(
            RecordedEpisode(
                f"{number}",
                arrays,
                {key: np.full(3, 9.0 + number) for key in keys[:-1]} if last else {},
                rewards=gained if rewards else None,
                terminated=number == 1 if rewards else None,
            )
        )
    return episodes


def assert_same(read: Recording, episodes: Sequence[RecordedEpisode]) -> None:
    found = list(read)
    assert len(read) == len(found) == len(episodes)
    for before, after in zip(episodes, found, strict=True):
        assert after.problem == ""
        assert set(before.arrays) == {key for key in after.arrays if not key.startswith(LABELS)}
        for key, values in before.arrays.items():
            np.testing.assert_array_equal(after.arrays[key], values)
        assert set(after.last) == set(before.last)
        for key, values in before.last.items():
            np.testing.assert_array_equal(after.last[key], values)
        if before.rewards is not None:
            assert after.rewards is not None
            np.testing.assert_array_equal(after.rewards, before.rewards)
        assert (after.terminated, after.success) == (before.terminated, before.success)


@pytest.mark.parametrize("name", written())
def test_what_a_format_writes_is_detected_and_comes_back(tmp_path: Path, name: str) -> None:
    """Every format; what it has a place for."""
    chosen = written()[name]
    assert chosen.write is not None
    last, path = chosen.keeps_last != "nothing", tmp_path / f"set{chosen.suffixes[0] if chosen.suffixes else ''}"
    episodes = made([chosen.state, chosen.action], last=last, rewards=chosen.keeps_rewards)
    if name.startswith("lerobot"):  # says of the end only whether it is a success
        episodes = [replace(each, success=each.terminated) for each in episodes]
    chosen.write(path, Export(episodes, period=PERIOD, task="push"))
    assert detect(path) == chosen.name
    assert path.is_dir() == (not chosen.suffixes)
    read = open_recording(path)
    assert read.format == chosen.name
    assert read.period in (None, pytest.approx(PERIOD))
    assert_same(read, episodes)


def test_formats_load_their_libraries_when_they_read() -> None:
    """Every task loads the registry, on a robot, too."""
    program = "import sys, rcd_ros.formats.registry\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in done.stdout.split()} & {"h5py", "pyarrow", "pandas", "torch"}


@pytest.mark.parametrize(
    ("stamps", "period", "said"),
    [
        ([0.0, 0.05, 0.1, 0.17], PERIOD, ""),
        ([0.0, 0.05, 0.4, 0.45], PERIOD, "frames 1 and 2 lie 0.35 s apart"),
        ([0.0, 0.05, 0.05, 0.1], PERIOD, "frames 1 and 2 lie 0 s apart"),
        ([0.1, 0.05, 0.1, 0.15], PERIOD, "frames 0 and 1 lie -0.05 s apart"),
        ([0.0, np.nan, 0.1, 0.15], PERIOD, "frames 0 and 1"),
        ([0.0, 0.05, 0.4, 0.45], None, ""),
        ([0.0, np.nan, 0.1, 0.15], None, "stamps holds NaN"),
        ([0.0, 0.05, 0.1], PERIOD, "different lengths"),
    ],
)
def test_gaps_between_stamps_are_found_in_every_format(stamps: list[float], period: float | None, said: str) -> None:
    episode = RecordedEpisode("a", {"state": np.zeros((4, 2))}, stamps=np.array(stamps))
    (found,) = Recording("any", Path("set"), lambda: iter([episode]), 1, period)
    assert said in found.problem
    assert (found.problem != "", len(found)) == ((True, 0) if said else (False, 4))


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
@pytest.mark.parametrize("labelled", [False, True])
def test_lerobot_comes_back(tmp_path: Path, version: Version, labelled: bool) -> None:
    episodes = made(["observation.state", "action"], rewards=labelled)
    episodes = [replace(e, success=e.terminated) for e in episodes]
    lerobot_writer.write(tmp_path / "set", Export(episodes, NAMES, PERIOD, "push"), version)
    assert detect(tmp_path / "set") == "lerobot"
    read = open_recording(tmp_path / "set")
    assert_same(read, episodes)
    assert (read.period, dict(read.names), read.notes) == (PERIOD, NAMES, [])
    layouts = {"v2.1": "data/chunk-000/episode_000002.parquet", "v3.0": "data/chunk-000/file-000.parquet"}
    assert (tmp_path / "set" / layouts[version]).is_file()


def test_lerobot_needs_whole_frames_a_second(tmp_path: Path) -> None:
    with pytest.raises(RcdError, match=r"12\.5"):
        episodes = made(["observation.state", "action"])
        lerobot_writer.write(tmp_path / "set", Export(episodes, {}, 0.08, "push"))


def edit_info(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    info = json.loads((folder / "meta/info.json").read_text())
    change(info)
    (folder / "meta/info.json").write_text(json.dumps(info))


def lerobot_set(folder: Path, version: Version = "v2.1") -> Path:
    lerobot_writer.write(folder, Export(made(["observation.state", "action"]), NAMES, PERIOD, "push"), version)
    return folder


def test_lerobot_leaves_videos_images_and_words_out(tmp_path: Path) -> None:
    folder = lerobot_set(tmp_path / "set")

    def add(info: dict[str, Any]) -> None:
        info["features"]["observation.images.top"] = {"dtype": "video", "shape": [4, 4, 3], "names": None}
        info["features"]["observation.state"]["names"] = {"motors": ["x", "y", "z"]}
        info["features"]["action"]["names"] = None

    edit_info(folder, add)
    read = open_recording(folder)
    assert len(read.notes) == 1
    assert "observation.images.top" in read.notes[0]
    assert dict(read.names) == {"observation.state": ("x", "y", "z")}
    assert_same(read, made(["observation.state", "action"]))


def rewrite(folder: Path, number: int, change: Callable[[pa.Table], pa.Table]) -> None:
    file = folder / f"data/chunk-000/episode_{number:06d}.parquet"
    pq.write_table(change(pq.read_table(file)), file)


def test_one_bad_lerobot_episode_leaves_the_others(tmp_path: Path) -> None:
    def problems(change: Callable[[Path], object]) -> list[str]:
        folder = lerobot_set(tmp_path / str(len(list(tmp_path.iterdir()))))
        change(folder)
        return [episode.problem for episode in open_recording(folder)]

    assert problems(lambda folder: rewrite(folder, 1, lambda t: t.slice(1)))[1].startswith("it has 1 rows")
    assert problems(lambda f: (f / "data/chunk-000/episode_000001.parquet").unlink())[-1].startswith("its rows are in")
    spoiled = problems(lambda f: (f / "data/chunk-000/episode_000001.parquet").write_bytes(b"PAR1 nonsense PAR1"))
    assert "cannot be read as parquet" in spoiled[1]
    assert (spoiled[0], spoiled[2]) == ("", "")

    def gap(table: pa.Table) -> pa.Table:
        stamps = np.array([0.0, 0.05, 0.4, 0.45], np.float32)
        return table.set_column(table.column_names.index("timestamp"), "timestamp", pa.array(stamps))

    assert "lie 0.35 s apart" in problems(lambda folder: rewrite(folder, 0, gap))[0]

    def nan(table: pa.Table) -> pa.Table:
        column = pa.array([[1.0, 2.0], [np.nan, 0.0]], pa.list_(pa.float32()))
        return table.set_column(table.column_names.index("action"), "action", column)

    assert problems(lambda folder: rewrite(folder, 1, nan))[1] == "action holds NaN or infinite values, first in row 1"

    def ragged(table: pa.Table) -> pa.Table:
        column = pa.array([[1.0, 2.0], [0.0]], pa.list_(pa.float32()))
        return table.set_column(table.column_names.index("action"), "action", column)

    assert "rows of different lengths" in problems(lambda folder: rewrite(folder, 1, ragged))[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda info: info.update(codebase_version="v1.6"),
        lambda info: info.update(fps=0),
        lambda info: info.update(fps="fast"),
        lambda info: info.pop("features"),
        lambda info: info.update(features=[1]),
        lambda info: info["features"].update(action=3),
    ],
)
def test_lerobot_descriptions_that_cannot_be_used(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    folder = lerobot_set(tmp_path / "set")
    edit_info(folder, change)
    with pytest.raises(RcdError):
        open_recording(folder)


def test_robomimic_comes_back(tmp_path: Path) -> None:
    episodes = made(["robot0_joint_pos", "object", "actions"], last=True, rewards=True)
    robomimic.write(tmp_path / "d.hdf5", Export(episodes, period=PERIOD))
    with h5py.File(tmp_path / "d.hdf5", "a") as file:
        file["data/demo_0/obs/agentview_image"] = np.zeros((4, 8, 8, 3), np.uint8)
    assert detect(tmp_path / "d.hdf5") == "robomimic"
    read = open_recording(tmp_path / "d.hdf5")
    assert read.period == pytest.approx(PERIOD)
    assert len(read.notes) == 1
    assert_same(read, episodes)


def test_robomimic_is_read_in_the_order_of_its_numbers_and_bad_ones_are_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "d.hdf5", "w") as file:
        for number in (10, 2, 0):
            file[f"data/demo_{number}/actions"] = np.full((3, 2), float(number))
            file[f"data/demo_{number}/obs/object"] = np.zeros((3 if number else 4, 3))
        file["data/demo_11/states"] = np.zeros((3, 2))
    found = list(open_recording(tmp_path / "d.hdf5"))
    assert [each.name for each in found] == ["demo_0", "demo_2", "demo_10", "demo_11"]
    assert "different lengths" in found[0].problem
    assert "dataset_states_to_obs" in found[3].problem
    assert found[2].arrays["actions"][0, 0] == 10.0
    assert (found[1].rewards, found[1].terminated) == (None, None)


def test_aloha_comes_back(tmp_path: Path) -> None:
    episodes = made(["observations/qpos", "observations/qvel", "action"])
    aloha.write(tmp_path / "set", Export(episodes))
    with h5py.File(tmp_path / "set/episode_0.hdf5", "a") as file:
        file["observations/images/top"] = np.zeros((4, 6, 6, 3), np.uint8)
    (tmp_path / "set/episode_3.hdf5").write_bytes(b"nothing")
    assert detect(tmp_path / "set") == detect(tmp_path / "set/episode_1.hdf5") == "act"
    read = open_recording(tmp_path / "set")
    assert len(read.notes) == 1
    found = list(read)
    assert "cannot be read as HDF5" in found[3].problem
    assert_same(replace(read, begin=lambda: iter(found[:3]), total=3), episodes)


@pytest.mark.parametrize("last", [False, True])
def test_d4rl_comes_back(tmp_path: Path, last: bool) -> None:
    episodes = made(["observations", "actions"], last=last, rewards=True)
    d4rl.write(tmp_path / "d.hdf5", Export(episodes))
    assert detect(tmp_path / "d.hdf5") == "d4rl"
    assert_same(open_recording(tmp_path / "d.hdf5"), episodes)


def test_npz_comes_back_and_leaves_out_what_has_other_rows(tmp_path: Path) -> None:
    episodes = made(["state", "action"])
    npz.write(tmp_path / "a.npz", Export(episodes))
    assert_same(open_recording(tmp_path / "a.npz"), episodes)
    np.savez(tmp_path / "b.npz", state=np.zeros((5, 2)), note=np.array("words"), episode_ends=np.array([5]))
    read = open_recording(tmp_path / "b.npz")
    assert [set(episode.arrays) for episode in read] == [{"state"}]
    assert len(read.notes) == 1


@pytest.mark.parametrize(
    "ends",
    [np.array([9, 5], np.uint64), np.array([0, 5]), np.array([5.0]), np.array([[5]]), np.array([], int), np.array([4])],
)
def test_ends_that_are_no_ends(tmp_path: Path, ends: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", state=np.zeros((5, 2)), episode_ends=ends)
    with pytest.raises(RcdError):
        open_recording(tmp_path / "a.npz")


def test_links_to_other_files_are_not_followed(tmp_path: Path) -> None:
    d4rl.write(tmp_path / "d.hdf5", Export(made(["observations", "actions"], rewards=True)))
    with h5py.File(tmp_path / "d.hdf5", "a") as file:
        del file["rewards"]
        file["rewards"] = h5py.ExternalLink("other.hdf5", "/rewards")
    with pytest.raises(RcdError, match=r"'rewards'"):
        open_recording(tmp_path / "d.hdf5")


def linked(file: h5py.File, key: str) -> None:
    del file[key]
    file[key] = h5py.ExternalLink("other.hdf5", "/there")


def kept_elsewhere(file: h5py.File, key: str) -> None:
    layout = h5py.VirtualLayout(shape=file[key].shape, dtype=file[key].dtype)
    layout[:] = h5py.VirtualSource("other.hdf5", "there", shape=file[key].shape)
    del file[key]
    file.create_virtual_dataset(key, layout)


def in_a_raw_file(file: h5py.File, key: str) -> None:
    shape = file[key].shape
    del file[key]
    file.create_dataset(key, shape, "f8", external=[("other.raw", 0, h5py.h5f.UNLIMITED)])


def never_written(file: h5py.File, key: str) -> None:
    del file[key]
    file.create_dataset(key, (10**12, 3), "f8", chunks=(1024, 3))


def nowhere(file: h5py.File, key: str) -> None:
    del file[key]
    file[key] = h5py.SoftLink("/there/is/nothing")


@pytest.mark.parametrize("spoil", [linked, kept_elsewhere, in_a_raw_file, never_written, nowhere])
@pytest.mark.parametrize(
    ("write", "keys"),
    [
        ("d4rl", ("observations", "next_observations", "rewards")),
        ("robomimic", ("data", "data/demo_0", "data/demo_0/obs", "data/demo_0/obs/object", "data/demo_0/actions")),
        ("act", ("observations", "observations/qpos", "action")),
    ],
)
def test_values_that_are_not_in_the_file_are_not_made_up(
    tmp_path: Path, spoil: Callable[[h5py.File, str], None], write: str, keys: Sequence[str]
) -> None:
    """HDF5 gives zeros for what lies in another file that is not there."""
    for number, key in enumerate(keys):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / "episode_0.hdf5"
        if write == "d4rl":
            hdf5(path)
        elif write == "robomimic":
            hdf5_of_robomimic(path)
        else:
            aloha.write(folder, Export(made(["observations/qpos", "action"])[:1]))
        with h5py.File(path, "a") as file:
            if isinstance(file[key], h5py.Group) and spoil in (kept_elsewhere, in_a_raw_file, never_written):
                continue
            spoil(file, key)
        try:
            found = list(open_recording(path))
        except RcdError as error:
            assert "\n" not in str(error)
        else:
            assert found[0].problem, key


def test_archives_that_are_no_archives(tmp_path: Path) -> None:
    with (tmp_path / "array.npz").open("wb") as file:
        np.save(file, np.zeros((5, 2)))
    with zipfile.ZipFile(tmp_path / "plain.npz", "w") as archive:
        archive.writestr("state", b"no array")
        archive.writestr("episode_ends", b"no array either")
    np.savez(tmp_path / "objects.npz", state=np.array([{}]), episode_ends=np.array([1]))
    (tmp_path / "folder.npz").mkdir()
    for name in ("array", "plain", "objects", "folder"):
        with pytest.raises(RcdError) as error:
            open_recording(tmp_path / f"{name}.npz", "npz")
        assert "\n" not in str(error.value)


def test_sources_of_no_known_format(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.txt").touch()
    (tmp_path / "a.bag").touch()
    for path in (
        tmp_path / "none",
        tmp_path / "folder",
        tmp_path / "a.txt",
        tmp_path / "a.bag",
        Path("lerobot/pusht"),
    ):
        with pytest.raises(RcdError) as error:
            detect(path)
        assert "\n" not in str(error.value)
    with pytest.raises(RcdError, match="did you mean 'lerobot'"):
        open_recording(tmp_path, "lerobt")


def archive(path: Path) -> None:
    npz.write(path, Export(made(["state", "action"])))


def plain_archive(path: Path) -> None:
    np.savez(path, state=np.zeros((5, 2)), action=np.zeros((5, 2)), episode_ends=np.array([2, 5]))


def dense_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        for key, values in {"state": np.ones((50, 2)), "episode_ends": np.array([20, 50])}.items():
            with file.open(f"{key}.npy", "w") as member:
                np.save(member, values)


def hdf5(path: Path) -> None:
    d4rl.write(path, Export(made(["observations", "actions"], last=True, rewards=True)))


def hdf5_of_robomimic(path: Path) -> None:
    robomimic.write(path, Export(made(["object", "actions"], last=True, rewards=True)))


def parquet(path: Path) -> None:
    lerobot_set(path.parents[2])


@pytest.mark.parametrize(
    ("write", "name", "tries"),
    [
        (archive, "a.npz", 150),
        (plain_archive, "b.npz", 150),
        (dense_archive, "e.npz", 150),
        (hdf5, "c.hdf5", 200),
        (hdf5_of_robomimic, "d.hdf5", 100),
        (parquet, "set/data/chunk-000/episode_000000.parquet", 100),
    ],
)
def test_flipped_bytes_end_in_a_sentence(tmp_path: Path, write: Callable[[Path], None], name: str, tries: int) -> None:
    """Whatever is flipped, reading either gives episodes, or says in one sentence that it cannot."""
    path = tmp_path / name
    write(path)
    source = tmp_path / "set" if path.suffix == ".parquet" else path
    content = path.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(tries):
        spoiled = bytearray(content)
        for place in random.integers(len(content), size=random.integers(1, 4)):
            spoiled[place] ^= 1 << int(random.integers(8))
        path.write_bytes(spoiled)
        try:
            list(open_recording(source))
        except RcdError as error:
            assert "\n" not in str(error)
