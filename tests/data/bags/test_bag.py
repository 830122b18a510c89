"""What is advised for bags that cannot be read: only what mends them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rosbags.rosbag2 import StoragePlugin, Writer

from rcd_ros.data.bags.bag import Bag
from rcd_ros.errors import RcdError
from tests.data.bags.bag_files import PERIOD, STORE, Event, observe, write_bag

RECOVERY = ("mcap recover", ".recover")


def events() -> list[Event]:
    return [event for step in range(20) for event in observe(step * PERIOD, step * PERIOD, [0.0] * 5)]


def said(path: Path) -> str:
    """The sentence by which a bag is refused."""
    with pytest.raises(RcdError) as caught:
        bag = Bag(path)
        list(bag.messages(bag.types))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def replaced(old: str, new: str) -> Callable[[Path], None]:
    """Changes the metadata."""

    def change(folder: Path) -> None:
        text = (folder / "metadata.yaml").read_text()
        assert old in text
        (folder / "metadata.yaml").write_text(text.replace(old, new))

    return change


def renamed(folder: Path) -> None:
    (folder / "bag.mcap").rename(folder / "run7.mcap")


def compressed(folder: Path) -> None:
    replaced("compression_format: ''", "compression_format: zstd")(folder)
    replaced("compression_mode: ''", "compression_mode: FILE")(folder)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(replaced("version: 9", "version: 12"), id="newer metadata"),
        pytest.param(replaced("storage_identifier: mcap", "storage_identifier: ''"), id="no storage id"),
        pytest.param(replaced("storage_identifier: mcap", "storage_identifier: sqlite3"), id="another storage id"),
        pytest.param(replaced("rosbag2_bagfile_information:", "- {["), id="no YAML"),
        pytest.param(compressed, id="a compression that the file has not"),
        pytest.param(renamed, id="renamed file"),
        pytest.param(lambda folder: (folder / "metadata.yaml").unlink(), id="no metadata"),
    ],
)
def test_a_whole_file_beside_wrong_metadata_is_named(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    folder = write_bag(tmp_path / "bag", events())
    spoil(folder)
    file = next(folder.glob("*.mcap"))
    refusal = said(folder)
    assert f"name '{file}'" in refusal
    assert not any(words in refusal for words in RECOVERY)
    assert_whole(file)


def test_a_database_is_read_without_metadata(tmp_path: Path) -> None:
    folder = write_bag(tmp_path / "bag", events(), StoragePlugin.SQLITE3)
    (folder / "metadata.yaml").unlink()
    assert f"name '{folder / 'bag.db3'}'" in said(folder)
    assert_whole(folder / "bag.db3")


def assert_whole(file: Path) -> None:
    bag = Bag(file)
    assert len(list(bag.messages(bag.types))) == len(events())


@pytest.mark.parametrize(
    ("name", "content", "advice"),
    [
        ("a.bag", b"#ROSBAG V2.0\n" + bytes(100), "rosbags-convert"),
        ("a.mcap", b"#ROSBAG V2.0\n" + bytes(100), "rosbags-convert"),
        ("a.mcap", b"\x89MCAP0\r\n\x01" + (64).to_bytes(8, "little") + b"\4\0\0\0ros1" + bytes(100), "rosbags-convert"),
        ("a.mcap.zstd", b"\x28\xb5\x2f\xfd" + bytes(100), "unzstd"),
        ("a.mcap", b"", "empty"),
        ("a.db3", b"", "empty"),
        ("a.db3", b"neither", "neither"),
        ("a.yaml", b"neither", "neither"),
    ],
)
def test_what_is_no_bag_of_ros_2_is_called_what_it_is(tmp_path: Path, name: str, content: bytes, advice: str) -> None:
    (tmp_path / name).write_bytes(content)
    refusal = said(tmp_path / name)
    assert advice in refusal
    assert not any(words in refusal for words in RECOVERY)


def test_a_folder_with_a_bag_of_ros_1_is_called_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.bag").write_bytes(b"#ROSBAG V2.0\n")
    assert "rosbags-convert" in said(tmp_path)


@pytest.mark.parametrize(
    ("storage", "words"), [(StoragePlugin.MCAP, "mcap recover"), (StoragePlugin.SQLITE3, ".recover")]
)
def test_of_a_file_that_was_cut_off_its_own_recovery_is_named(
    tmp_path: Path, storage: StoragePlugin, words: str
) -> None:
    folder = write_bag(tmp_path / "bag", events(), storage)
    file = next(folder.glob("bag.*"))
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    assert words in said(file)
    assert words in said(folder)


def test_a_file_with_the_other_ending_is_to_be_renamed(tmp_path: Path) -> None:
    file = write_bag(tmp_path / "bag", events()) / "bag.mcap"
    assert ".mcap" in said(file.rename(tmp_path / "run.db3"))


def test_a_message_that_is_not_of_its_type_is_named_by_its_topic(tmp_path: Path) -> None:
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/joint_states", "sensor_msgs/msg/JointState", typestore=STORE)
        writer.write(connection, 0, b"\0\1\0\0torn")
    refusal = said(tmp_path / "bag")
    assert "/joint_states" in refusal
    assert not any(words in refusal for words in RECOVERY)
