"""The formats of data sets that are read and written: one record each, which every other room reads.

Task files take the names, `rcd data import` the readers and `rcd data export` the writers from here. Bags are no such
format: they are read by topic, see `rcd_ros.data.imports.bags`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from rcd_ros.errors import RcdError
from rcd_ros.formats import aloha, d4rl, hdf5, lerobot, lerobot_writer, npz, robomimic
from rcd_ros.formats.recording import Export, Recording
from rcd_ros.suggest import did_you_mean

Read = Callable[[Path], Recording]
"""Reads a file or folder. What cannot be read is an `RcdError`; an episode that cannot be used has a `problem`."""
Write = Callable[[Path, Export], None]
"""Writes a new file or folder. What cannot be written is an `RcdError` or an `OSError`."""


@dataclass(frozen=True)
class DataFormat:
    """A format of data sets.

    A format imports the libraries that it needs when it reads or writes: this module is loaded with every task.

    Attributes:
        name: as the key of a task file's `columns` and as `--to` have it.
        state: key of a whole observation, where a task file says nothing.
        action: key of the commands, likewise.
        detect: whether a file or folder is in this format. `FORMATS` are asked in their order.
        read: its reader.
        write: its writer; None where it is only read.
        versions: writers of older layouts, by what `--to` adds to the name.
        suffixes: of the file that is written; empty: a folder is.
        keeps_last: of what an observation after the last action has a place: of nothing, of `state`, or of every key.
        keeps_rewards: whether rewards and how an episode ended have a place.
        folder_mark: what a folder in this format is known by, to be listed where none is found; empty: it is a file.
    """

    name: str
    state: str
    action: str
    detect: Callable[[Path], bool]
    read: Read
    write: Write | None = None
    versions: Mapping[str, Write] = field(default_factory=dict)
    suffixes: tuple[str, ...] = ()
    keeps_last: Literal["nothing", "state", "every key"] = "nothing"
    keeps_rewards: bool = True
    folder_mark: str = ""


FORMATS = (
    DataFormat(
        lerobot.FORMAT,
        state="observation.state",
        action="action",
        detect=lerobot.is_lerobot,
        read=lerobot.read,
        write=lerobot_writer.write,
        versions={"v2.1": partial(lerobot_writer.write, version="v2.1")},
        folder_mark="LeRobot has meta/info.json",
    ),
    DataFormat(
        robomimic.FORMAT,
        state="state",
        action="actions",
        detect=robomimic.is_robomimic,
        read=robomimic.read,
        write=robomimic.write,
        suffixes=hdf5.SUFFIXES,
        keeps_last="every key",
    ),
    DataFormat(
        aloha.FORMAT,
        state="observations/qpos",
        action="action",
        detect=aloha.is_aloha,
        read=aloha.read,
        write=aloha.write,
        keeps_rewards=False,
        folder_mark="ACT episode_<number>.hdf5",
    ),
    # Of HDF5 files, those that are in no other format.
    DataFormat(
        d4rl.FORMAT,
        state="observations",
        action="actions",
        detect=hdf5.is_hdf5,
        read=d4rl.read,
        write=d4rl.write,
        suffixes=hdf5.SUFFIXES,
        keeps_last="state",
    ),
    DataFormat(
        npz.FORMAT,
        state="state",
        action="action",
        detect=npz.is_npz,
        read=npz.read,
        write=npz.write,
        suffixes=(".npz",),
    ),
)
"""All formats of files and folders, in the order in which they are detected."""
BAG = "bag"
_BY_NAME = {each.name: each for each in FORMATS}


def written() -> dict[str, DataFormat]:
    """What can be written, by the name that the user gives: each format, and each of its versions as a format."""
    found: dict[str, DataFormat] = {}
    for each in FORMATS:
        if each.write is not None:
            found[each.name] = each
        found |= {f"{each.name}-{version}": replace(each, write=write) for version, write in each.versions.items()}
    return found


def detect(path: Path) -> str:
    """The name of a file's or folder's format, `BAG` among them.

    Raises:
        RcdError: there is nothing, it is in no format known here, or it is an HDF5 file that cannot be read.
    """
    if not path.exists():
        looks_remote = len(path.parts) == 2 and not path.is_absolute() and not path.suffix
        hint = (
            f": of a data set on the Hugging Face hub, `hf download --repo-type dataset {path} --local-dir DIR` first"
        )
        raise RcdError(f"there is no '{path}'{hint if looks_remote else ''}")
    found = next((each.name for each in FORMATS if each.detect(path)), None)
    if found is not None:
        return found
    if _is_bag(path):
        return BAG
    if path.is_dir():
        marks = ", ".join(each.folder_mark for each in FORMATS if each.folder_mark)
        raise RcdError(f"the folder '{path}' is in no format known here: {marks}, a bag metadata.yaml")
    if path.suffix == ".bag":
        raise RcdError(f"'{path}' is a bag of ROS 1: `rosbags-convert --src {path} --dst DIR` makes one of ROS 2 of it")
    raise RcdError(f"'{path}' is in no format known here; these are read: {', '.join([*_BY_NAME, BAG])}")


def open_recording(path: Path, name: str | None = None) -> Recording:
    """The episodes of a file or folder, in the named format or, with None, in the one that it has.

    Raises:
        RcdError: there is no such format or it is a bag's, or the source is not in it.
    """
    name = name or detect(path)
    if name not in _BY_NAME:
        raise RcdError(f"there is no format '{name}'{did_you_mean(name, _BY_NAME)}; known: {', '.join(_BY_NAME)}")
    return _BY_NAME[name].read(path)


def _is_bag(path: Path) -> bool:
    """Whether a path is a bag, or a folder with bags in it."""
    if not path.is_dir():
        return path.suffix in (".mcap", ".db3")
    folders = [path, *path.iterdir()]
    return any((folder / "metadata.yaml").is_file() for folder in folders) or any(
        any(path.glob(f"*{suffix}")) for suffix in (".mcap", ".db3")
    )
