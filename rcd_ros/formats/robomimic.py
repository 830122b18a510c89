"""robomimic's HDF5 layout: a group `data/demo_<number>` for each episode, with `actions`, `obs/...`, `next_obs/...`.

`actions` (T, n), all arrays below `obs` and `next_obs` (T, ...), `rewards` (T,) and `dones` (T,) have a row for each
step. The attribute `env_args` of `data`, JSON, has the rate of the simulator, `control_freq`, in Hz.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rcd_ros.errors import RcdError
from rcd_ros.formats.hdf5 import array, check_heaps, is_hdf5, is_image, open_hdf5
from rcd_ros.formats.recording import Export, FloatArray, RecordedEpisode, Recording, matrix

if TYPE_CHECKING:
    import h5py

FORMAT = "robomimic"


def read(path: Path) -> Recording:
    """The episodes of a file; keys are `actions` and the names below `obs`, images left out.

    The last row of `next_obs` is what was observed last. A demonstration that lacks `obs` or `actions`, or is damaged,
    has a `problem`.

    Raises:
        RcdError: the file cannot be read, or has no group `data/demo_<number>`.
    """
    with open_hdf5(path) as file:
        check_heaps(path)
        data = file.get("data")
        demos = sorted((key for key in data if _number(key) is not None), key=_order) if data is not None else []
        if not demos:
            raise RcdError(f"{path} holds no group data/demo_<number>")
        notes = []
        observed = data[demos[0]].get("obs")
        images = [key for key in observed if is_image(observed, key)] if observed is not None else []
        if images:
            notes.append(f"images are left out: {', '.join(images)}")
        period = _period(data.attrs.get("env_args"))
    return Recording(FORMAT, path, partial(_episodes, path, demos), len(demos), period, notes=notes)


def is_robomimic(path: Path) -> bool:
    """Whether a file has this layout.

    Raises:
        RcdError: it has the name of an HDF5 file and cannot be read.
    """
    if not is_hdf5(path):
        return False
    with open_hdf5(path) as file:
        data = file.get("data")
        return hasattr(data, "keys") and any(_number(key) is not None for key in data)


def write(path: Path, export: Export) -> None:
    """Write a file; its numbers have 32 bits. Rewards that an episode lacks are zeros.

    An episode has `next_obs` of the keys of which it has what was observed last.

    Raises:
        RcdError: the file cannot be written.
    """
    episodes = export.episodes
    with open_hdf5(path, "w") as file:
        data = file.create_group("data")
        for number, episode in enumerate(episodes):
            demo = data.create_group(f"demo_{number}")
            demo.attrs["num_samples"] = len(episode)
            demo["actions"] = episode.arrays["actions"].astype(np.float32)
            for key, values in episode.arrays.items():
                if key == "actions":
                    continue
                demo[f"obs/{key}"] = values.astype(np.float32)
                if key in episode.last:
                    demo[f"next_obs/{key}"] = np.vstack((values[1:], episode.last[key])).astype(np.float32)
            demo["rewards"] = (np.zeros(len(episode)) if episode.rewards is None else episode.rewards).astype(
                np.float32
            )
            demo["dones"] = (np.arange(len(episode)) == len(episode) - 1).astype(np.int64) * bool(episode.terminated)
        data.attrs["total"] = sum(len(episode) for episode in episodes)
        kwargs = {} if export.period is None else {"control_freq": round(1.0 / export.period, 6)}
        data.attrs["env_args"] = json.dumps({"env_name": "", "env_type": 1, "env_kwargs": kwargs})


def _episodes(path: Path, demos: Sequence[str]) -> Iterator[RecordedEpisode]:
    with open_hdf5(path) as file:
        for name in demos:
            try:
                episode = _read(name, file["data"][name])
            except RcdError as error:
                episode = RecordedEpisode(name, problem=str(error))
            except (KeyError, RuntimeError, ValueError, OSError, TypeError) as error:
                episode = RecordedEpisode(name, problem=f"it is damaged: {' '.join(str(error).split())}")
            yield replace(episode, number=_number(name))


def _read(name: str, demo: h5py.Group) -> RecordedEpisode:
    if "obs" not in demo:
        return RecordedEpisode(name, problem="it has no observations: add them by robomimic's dataset_states_to_obs.py")
    actions = array(demo, "actions")
    if actions is None:
        return RecordedEpisode(name, problem="it has no actions")
    observed = demo["obs"]
    keys = [key for key in observed if not is_image(observed, key)]
    arrays = {"actions": matrix(actions)} | {key: _matrix(observed, key) for key in keys}
    following = demo.get("next_obs", {})
    last = {key: values[-1] for key in keys if key in following and len(values := _matrix(following, key))}
    rewards, dones = array(demo, "rewards"), array(demo, "dones")
    return RecordedEpisode(
        name,
        arrays,
        last,
        rewards=None if rewards is None else rewards.reshape(-1).astype(np.float64),
        terminated=None if dones is None or not dones.size else bool(dones.reshape(-1)[-1]),
    )


def _matrix(group: h5py.Group, key: str) -> FloatArray:
    found = array(group, key)
    assert found is not None  # it was listed
    return matrix(found)


def _number(key: str) -> int | None:
    found = re.fullmatch(r"demo_(\d+)", key)
    return int(found[1]) if found else None


def _order(key: str) -> int:
    return _number(key) or 0


def _period(env_args: object) -> float | None:
    """s between two rows by the simulator's `control_freq`, where the file has it."""
    if not isinstance(env_args, (str, bytes)):
        return None
    try:
        frequency = float(json.loads(env_args)["env_kwargs"]["control_freq"])
    except (TypeError, ValueError, KeyError):
        return None
    return 1.0 / frequency if frequency > 0.0 else None
