"""Detects the format of a source by its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rcd_ros.data.formats import aloha, d4rl, lerobot, npz, robomimic
from rcd_ros.data.formats.recording import Recording
from rcd_ros.errors import RcdError
from rcd_ros.suggest import did_you_mean

READERS: dict[str, Callable[[Path], Recording]] = {
    each.FORMAT: each.read for each in (lerobot, robomimic, aloha, d4rl, npz)
}
"""Formats of files, and what reads each. Bags are read by topic, see `rcd_ros.data.bags.source`."""
BAG = "bag"
_HDF5 = (".hdf5", ".h5", ".hdf")


def formats() -> list[str]:
    """Names of all formats."""
    return [*READERS, BAG]


def detect(path: Path) -> str:
    """The format of a file or folder.

    Raises:
        RcdError: there is nothing, or it is in no format known here.
    """
    if not path.exists():
        looks_remote = len(path.parts) == 2 and not path.is_absolute() and not path.suffix
        hint = (
            f": of a data set on the Hugging Face hub, `hf download --repo-type dataset {path} --local-dir DIR` first"
        )
        raise RcdError(f"there is no '{path}'{hint if looks_remote else ''}")
    if path.is_dir():
        return _of_folder(path)
    if path.suffix == ".npz":
        return npz.FORMAT
    if path.suffix in (".mcap", ".db3"):
        return BAG
    if path.suffix in _HDF5:
        if robomimic.is_robomimic(path):
            return robomimic.FORMAT
        return aloha.FORMAT if aloha.is_aloha(path) else d4rl.FORMAT
    if path.suffix == ".bag":
        raise RcdError(f"'{path}' is a bag of ROS 1: `rosbags-convert --src {path} --dst DIR` makes one of ROS 2 of it")
    raise RcdError(f"'{path}' is in no format known here; these are read: {', '.join(formats())}")


def open_recording(path: Path, name: str | None = None) -> Recording:
    """The episodes of a file or folder, in the named format or, with None, in the one that it has.

    Raises:
        RcdError: the format is unknown, or the source is not in it.
    """
    name = name or detect(path)
    if name not in READERS:
        raise RcdError(f"there is no format '{name}'{did_you_mean(name, READERS)}; known: {', '.join(READERS)}")
    return READERS[name](path)


def _of_folder(path: Path) -> str:
    if lerobot.is_lerobot(path):
        return lerobot.FORMAT
    if (path / "metadata.yaml").is_file() or any(path.glob("*.mcap")) or any(path.glob("*.db3")):
        return BAG
    if aloha.files_of(path):
        return aloha.FORMAT
    if any((child / "metadata.yaml").is_file() for child in path.iterdir()):
        return BAG
    raise RcdError(
        f"the folder '{path}' is in no format known here: LeRobot has meta/info.json, a bag metadata.yaml, "
        "ACT episode_<number>.hdf5"
    )
