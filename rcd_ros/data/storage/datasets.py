"""Data sets on disk: Minari's format and place (`MINARI_DATASETS_PATH`, or ~/.minari/datasets)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gymnasium
import minari
import numpy as np
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage
from minari.namespace import create_namespace, list_local_namespaces

from rcd_ros.data.episodes import Dataset, Episode, hash_episodes
from rcd_ros.data.storage import folders
from rcd_ros.data.storage.folders import dataset_folder, datasets_root
from rcd_ros.data.storage.minari_reader import read_episodes
from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.tasks.file.reading import is_task_file


@dataclass(frozen=True)
class Listed:
    """A data set as `rcd data list` shows it; where `problem` says why it cannot be read, the rest is empty."""

    task: str = ""
    episodes: int = 0
    steps: int = 0
    problem: str = ""


def check_new_name(name: str, force: bool = False) -> None:
    """Check, before any work, that a data set can be stored under a name.

    Raises:
        RcdError: Minari does not take the name; there is a data set of that name (unless `force`), or `force` would
            replace something else; or the data sets' folder cannot be written to.
    """
    # Minari refuses namespaces of one letter.
    if not folders.is_name(name) or len(name.rpartition("/")[0]) == 1:
        raise RcdError(f"'{name}' is no data set name; it must look like rcd/kitchen/complete-v0 and end in -v<number>")
    if dataset_folder(name).exists():
        if not force:
            raise RcdError(f"data set '{name}' exists already; choose another name or replace it with --force")
        folders.check_replaceable(name)
    folders.check_writable()


def list_datasets() -> dict[str, Listed]:
    """Task, number of episodes and steps of every local data set, by name; damaged ones with their problem.

    Raises:
        RcdError: the folder of the data sets cannot be used.
    """
    return {name: _listed(name) for name in folders.stored_names()}


def _listed(name: str) -> Listed:
    try:
        metadata = folders.read_metadata(name, folders.data_folder(name))
    except RcdError as error:
        return Listed(problem=str(error))
    return Listed(metadata.task or "", metadata.total_episodes, metadata.total_steps)


def save_dataset(
    name: str,
    episodes: Sequence[Episode],
    *,
    task: str | TaskSpec | None,
    origin: dict[str, object],
    description: str,
    force: bool = False,
) -> Dataset:
    """Store episodes under a name, all or nothing: an interrupted call leaves no trace.

    Args:
        name: Minari id; an existing one is replaced only with `force`.
        episodes: one or more, all of the same widths.
        task: the task they belong to, if any: its name, a task file, or a specification. What a task file says is
            stored with the data.
        origin: how they were made (JSON values): command, source, seed, settings.
        description: one or two sentences for people, license included.
        force: replace an existing data set of that name.

    Raises:
        RcdError: as `check_new_name`; there is no episode; the task file cannot be used; or the disk is full or gone.
    """
    check_new_name(name, force)
    if not episodes:
        raise RcdError(f"there is no episode to store as '{name}'")
    if isinstance(task, str) and is_task_file(task):
        task = get_task(task).spec
    metadata: dict[str, object] = {
        "task": task.name if isinstance(task, TaskSpec) else task,
        "origin": origin,
        "description": description,
    }
    if isinstance(task, TaskSpec) and task.source is not None:
        metadata["task_spec"] = task.model_dump_json()
    content_hash = hash_episodes(episodes)
    try:
        _write(name, episodes, {"content_hash": content_hash, **metadata})
    except OSError as error:
        raise RcdError(
            f"data set '{name}' cannot be written below '{datasets_root()}' ({error.strerror or error}): make room, or "
            "set MINARI_DATASETS_PATH to another folder"
        ) from error
    return Dataset(name, metadata, content_hash, list(episodes))


def _write(name: str, episodes: Sequence[Episode], metadata: dict[str, object]) -> None:
    # Not minari.create_dataset_from_buffers: it writes in the final place, where an interruption leaves half a set.
    # Minari does not list hidden folders, so that a half-written set is never seen.
    staging = Path(tempfile.mkdtemp(prefix=".rcd-writing-", dir=datasets_root()))
    try:
        storage = MinariStorage.new(
            staging / "data",
            observation_space=_box(episodes[0].observations),
            action_space=_box(episodes[0].actions),
        )
        storage.update_metadata({"dataset_id": name, "minari_version": minari.__version__, **metadata})
        storage.update_episodes(_to_buffer(episode) for episode in episodes)
        storage.update_episode_metadata([dict(episode.info) for episode in episodes])
        finished = staging / "finished"
        finished.mkdir()
        (staging / "data").rename(finished / "data")
        publish(finished, name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def publish(folder: Path, name: str) -> None:
    """Move a complete data set's folder to where Minari finds it by `name`, replacing what is there.

    Args:
        folder: inside a hidden folder of the data sets' root (same file system, so that the move is atomic).
        name: Minari id.
    """
    namespace = name.rpartition("/")[0]
    if namespace and namespace not in list_local_namespaces():
        create_namespace(namespace)
    target = dataset_folder(name)
    if target.exists():
        target.rename(Path(tempfile.mkdtemp(dir=folder.parent)) / "replaced")
    folder.rename(target)


def load_dataset(name: str) -> Dataset:
    """The named local data set, read whole; see `minari_reader.read_episodes` for observations that are dicts.

    Raises:
        RcdError: there is no such data set; it cannot be read; it is not vectors of finite numbers; or its episodes
            are not those that it was written with (SHA-256).
    """
    folder = folders.data_folder(name)
    metadata = folders.read_metadata(name, folder)
    episodes = read_episodes(name, folder, metadata)
    content_hash = hash_episodes(episodes)
    if (metadata.content_hash or content_hash) != content_hash:
        raise RcdError(f"data set '{name}' in {folder} was changed after it was written; make it again")
    return Dataset(name, metadata.model_dump(), content_hash, episodes)


def delete_dataset(name: str) -> None:
    """Remove a local data set, which may be damaged.

    Raises:
        RcdError: there is none of that name, or it cannot be removed.
    """
    folders.remove(name)


def _box(array: np.ndarray) -> gymnasium.spaces.Box:
    return gymnasium.spaces.Box(-np.inf, np.inf, shape=array.shape[1:], dtype=np.float32)


def _to_buffer(episode: Episode) -> EpisodeBuffer:
    """An episode as Minari writes it: its end is the last entry of `terminations` or `truncations`."""
    before = [False] * (len(episode) - 1)
    return EpisodeBuffer(
        seed=episode.seed,
        observations=list(episode.observations),
        actions=list(episode.actions),
        rewards=episode.rewards.tolist(),
        terminations=[*before, episode.terminated],
        truncations=[*before, episode.truncated],
    )
