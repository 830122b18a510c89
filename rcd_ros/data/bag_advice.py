"""What to do about a bag that cannot be read, by what its files turn out to be."""

from __future__ import annotations

from pathlib import Path

from rosbags.rosbag2 import Reader

_MCAP, _SQLITE, _ROS_1, _ZSTD = b"\x89MCAP0\r\n", b"SQLite format 3\0", b"#ROSBAG V", b"\x28\xb5\x2f\xfd"
_HEAD = 64
"""Bytes that tell what a file is."""
_SHOWN = 3


def advice_on_opening(path: Path) -> str:
    """For a bag, a folder or a single file, that cannot be opened."""
    if not path.is_dir():
        return _advice_on_file(path)
    files = storage_files(path)
    whole = [file for file in files if _opens(file)]
    if whole:
        names = ", ".join(f"'{file}'" for file in whole[:_SHOWN])
        more = f" and {len(whole) - _SHOWN} more" if len(whole) > _SHOWN else ""
        return f"files of a bag are read without its metadata.yaml, too: name {names}{more}"
    if files:
        return _advice_on_file(files[0])
    others = sorted((*path.glob("*.bag"), *path.glob("*.zstd")))
    return _advice_on_file(others[0]) if others else "it holds neither .mcap nor .db3: copy it again"


def advice_on_content(path: Path) -> str:
    """For a bag that can be opened, but whose messages cannot all be read."""
    files = storage_files(path) if path.is_dir() else [path]
    return _advice_on_file(files[0]) if files else "copy it again"


def storage_files(folder: Path) -> list[Path]:
    """The MCAP and SQLite files of a bag, by name."""
    return sorted((*folder.glob("*.mcap"), *folder.glob("*.db3")))


def _opens(file: Path) -> bool:
    try:
        with Reader(file):
            return True
    except Exception:  # whatever is wrong with it: it is not one to name
        return False


def _advice_on_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        return f"'{path}' cannot be opened ({error.strerror})"
    if head.startswith(_ROS_1):
        return f"'{path}' is a bag of ROS 1: `rosbags-convert --src {path} --dst FOLDER` makes one of ROS 2 of it"
    if head.startswith(_ZSTD):
        return f"'{path}' is compressed: `unzstd {path}` first"
    for magic, suffix, recover in (
        (_MCAP, ".mcap", f"`mcap recover {path} -o saved.mcap`"),
        (_SQLITE, ".db3", f"`sqlite3 {path} .recover | sqlite3 saved.db3`"),
    ):
        if head.startswith(magic):
            if path.suffix != suffix:
                return f"'{path}' is a file of the kind {suffix}: name it so"
            if magic == _MCAP and len(head) == _HEAD and _profile(head) != b"ros2":
                return f"'{path}' does not hold messages of ROS 2: convert what it was made from by `rosbags-convert`"
            return f"what was written of '{path}' before it was cut off or damaged may be saved by {recover}"
    return f"'{path}' is {'neither MCAP nor SQLite' if head else 'empty'}: copy or record it again"


def _profile(head: bytes) -> bytes:
    """What kind of messages an MCAP file holds: the first text of its first record, after magic, opcode and length."""
    return head[21 : 21 + int.from_bytes(head[17:21], "little")]
