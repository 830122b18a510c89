"""Data sets on disk: Minari's format and place (`MINARI_DATASETS_PATH`, or ~/.minari/datasets)."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import minari
import numpy as np
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage
from minari.namespace import create_namespace, list_local_namespaces
from minari.storage import get_dataset_path
from pydantic import ValidationError

from rcd_ros.data.episodes import Dataset, Episode, hash_episodes
from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.task_file import is_task_file
from rcd_ros.simulation.tasks import Task, get_task, stored_task
from rcd_ros.suggest import did_you_mean

logger = logging.getLogger(__name__)

_NAME = re.compile(r"([-_\w]+/)*[-_\w]+-v\d+")


def check_new_name(name: str, force: bool = False) -> None:
    """Refuses a name that Minari would not take, or that is taken already (unless `force`).

    Raises:
        RcdError: as said.
    """
    if not _NAME.fullmatch(name) or len(name.rpartition("/")[0]) == 1:  # Minari refuses one-letter namespaces
        raise RcdError(f"'{name}' is no data set name; it must look like rcd/kitchen/complete-v0 and end in -v<number>")
    if get_dataset_path(name).exists() and not force:
        raise RcdError(f"data set '{name}' exists already; choose another name or replace it with --force")


def list_datasets() -> dict[str, dict[str, Any]]:
    """Metadata of every local data set, by name; broken ones are left out with a warning in the log."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = minari.list_local_datasets()
    for warning in caught:
        logger.warning("%s", warning.message)
    return {name: dict(metadata) for name, metadata in found.items()}


def save_dataset(
    name: str,
    episodes: Sequence[Episode],
    *,
    task: str | TaskSpec | None,
    origin: dict[str, Any],
    description: str,
    force: bool = False,
) -> Dataset:
    """Stores episodes under a name, all or nothing: an interrupted call leaves no trace.

    Args:
        name: Minari id; an existing one is replaced only with `force`.
        episodes: one or more, all of the same widths.
        task: the task they belong to, if any: its name, a task file, or a specification. What a task file says is
            stored with the data.
        origin: how they were made (JSON values): command, source, seed, settings.
        description: one or two sentences for people, license included.
        force: replace an existing data set of that name.

    Raises:
        RcdError: a bad or occupied name, or nothing to store.
    """
    check_new_name(name, force)
    if not episodes:
        raise RcdError(f"there is no episode to store as '{name}'")
    if isinstance(task, str) and is_task_file(task):
        task = get_task(task).spec
    metadata: dict[str, Any] = {
        "task": task.name if isinstance(task, TaskSpec) else task,
        "origin": origin,
        "description": description,
    }
    if isinstance(task, TaskSpec) and task.source is not None:
        metadata["task_spec"] = task.model_dump_json()
    # Not minari.create_dataset_from_buffers: it writes in the final place, where an interruption leaves half a set.
    # Minari does not list hidden folders, so that a half-written set is never seen.
    staging = Path(tempfile.mkdtemp(prefix=".rcd-writing-", dir=get_dataset_path()))
    try:
        content_hash = hash_episodes(episodes)
        storage = MinariStorage.new(
            staging / "data",
            observation_space=_box(episodes[0].observations),
            action_space=_box(episodes[0].actions),
        )
        storage.update_metadata(
            {
                "dataset_id": name,
                "minari_version": minari.__version__,
                "content_hash": content_hash,
                **metadata,
            }
        )
        storage.update_episodes(_to_buffer(episode) for episode in episodes)
        storage.update_episode_metadata([dict(episode.info) for episode in episodes])
        finished = staging / "finished"
        finished.mkdir()
        (staging / "data").rename(finished / "data")
        publish(finished, name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Dataset(name, metadata, content_hash, list(episodes))


def publish(folder: Path, name: str) -> None:
    """Moves a complete data set's folder to where Minari finds it by `name`, replacing what is there.

    Args:
        folder: inside a hidden folder of the data sets' root (same file system, so that the move is atomic).
        name: Minari id.
    """
    namespace = name.rpartition("/")[0]
    if namespace and namespace not in list_local_namespaces():
        create_namespace(namespace)
    target = get_dataset_path(name)
    if target.exists():
        target.rename(Path(tempfile.mkdtemp(dir=folder.parent)) / "replaced")
    folder.rename(target)


def load_dataset(name: str) -> Dataset:
    """The named local data set, read whole.

    Observations that are dicts are flattened: their "observation" entry, then, where these are plain vectors
    (`D4RL/pointmaze/large-v2`, not `D4RL/kitchen/complete-v2`), "achieved_goal" and "desired_goal".

    Raises:
        RcdError: no such data set, or one whose content cannot be read or used.
    """
    path = get_dataset_path(name) / "data"
    if not _NAME.fullmatch(name) or not path.is_dir():
        known = list(list_datasets())
        raise RcdError(
            f"there is no local data set '{name}'{did_you_mean(name, known)}; "
            "see `rcd data list`, or get one with `rcd data import` or `rcd data fetch`"
        )
    try:
        storage = MinariStorage.read(path)
        metadata = storage.metadata
        infos = list(storage.get_episode_metadata(range(storage.total_episodes)))
        stored = list(storage.get_episodes(range(storage.total_episodes)))
    except (OSError, ValueError, KeyError, AssertionError) as error:
        raise RcdError(f"data set '{name}' in {path} is damaged ({error}): make or fetch it again") from error
    episodes = [_from_stored(name, entry, info) for entry, info in zip(stored, infos, strict=True)]
    if not episodes:
        raise RcdError(f"data set '{name}' holds no episode")
    content_hash = hash_episodes(episodes)
    if metadata.get("content_hash", content_hash) != content_hash:
        raise RcdError(f"data set '{name}' in {path} was changed after it was written; make it again")
    return Dataset(name, metadata, content_hash, episodes)


def task_of_dataset(dataset: Dataset) -> Task | None:
    """The task that a data set says it belongs to: as it is stored in it, else the one of that name, else None.

    Raises:
        RcdError: the stored specification cannot be read, or there is no task of that name.
    """
    stored, name = dataset.metadata.get("task_spec"), dataset.metadata.get("task")
    if stored is None:
        return get_task(name) if name else None
    try:
        spec = TaskSpec.model_validate_json(stored)
    except ValidationError as error:
        raise RcdError(f"data set '{dataset.name}' stores a task that cannot be read: make it again") from error
    return stored_task(spec)


def check_same_task(dataset: Dataset, spec: TaskSpec) -> None:
    """Refuse data of another task. Data sets that do not say what they belong to pass where they have its columns.

    Topics, limits and success may differ; what each column means may not.

    Raises:
        RcdError: the data set is of another task, or its task observes or commands something else.
    """
    name, stored = dataset.metadata.get("task"), dataset.metadata.get("task_spec")
    if name and name != spec.name:
        raise RcdError(
            f"data set '{dataset.name}' belongs to task '{name}', not to '{spec.name}': name data of this task"
        )
    if not name and stored is None:
        width = dataset.episodes[0].observations.shape[1]
        if width > spec.stored_width:
            raise RcdError(
                f"data set '{dataset.name}' does not say which task it belongs to and has {width} observed columns, "
                f"task '{spec.name}' {spec.stored_width}: which are which is not known; import it again with --task"
            )
    if stored is None:
        return
    task = task_of_dataset(dataset)
    assert task is not None
    if task.spec.control_period != spec.control_period:
        raise RcdError(
            f"data set '{dataset.name}' was made at {1.0 / task.spec.control_period:g} Hz, task '{spec.name}' plans at "
            f"{1.0 / spec.control_period:g} Hz: make or import the data again"
        )
    theirs, ours = _meanings(task.spec), _meanings(spec)
    for column in sorted(theirs.keys() | ours.keys()):
        if theirs.get(column) != ours.get(column):
            kind, number = column
            raise RcdError(
                f"data set '{dataset.name}' was made for another version of task '{spec.name}': its {kind} column "
                f"{number} is {theirs.get(column, 'nothing')}, the task's is {ours.get(column, 'nothing')}; import the "
                "data again"
            )


def _meanings(spec: TaskSpec) -> dict[tuple[str, int], str]:
    """What stands in each column of a task's data sets."""
    meanings = {}
    for channel in spec.observations:
        for column, value, unit in zip(channel.columns, channel.value_names, channel.units, strict=True):
            body = f"{channel.joints[0]}." if channel.kind in ("body_pose", "body_twist") else ""
            meanings["observation", column] = f"{channel.kind.replace('_', ' ')} of '{body}{value}' ({unit})"
    if spec.command.source == "action":
        names = [f"{joint} ({unit})" for joint, unit in zip(spec.command.joints, spec.command.units, strict=True)]
        for column, joint in zip(spec.command.columns, names, strict=True):
            meanings["action", column] = f"{spec.command.interface} of {joint}"
    return meanings


def delete_dataset(name: str) -> None:
    """Removes a local data set.

    Raises:
        RcdError: there is none of that name.
    """
    known = list(list_datasets())
    if name not in known:
        raise RcdError(f"there is no local data set '{name}'{did_you_mean(name, known)}; see `rcd data list`")
    shutil.rmtree(get_dataset_path(name))


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


_MINARI_ATTRIBUTES = {"id", "seed", "total_steps", "options"}


def _from_stored(name: str, stored: dict[str, Any], metadata: dict[str, Any]) -> Episode:
    observations = stored["observations"]
    if isinstance(observations, dict):
        if "observation" not in observations:
            raise RcdError(f"data set '{name}' has dict observations without an 'observation' entry")
        goals = (observations.get(entry) for entry in ("achieved_goal", "desired_goal"))
        vectors = [goal for goal in goals if isinstance(goal, np.ndarray) and goal.ndim == 2]
        observations = np.concatenate([np.asarray(observations["observation"]), *vectors], axis=1)
    observations = np.asarray(observations, dtype=np.float32)
    actions = np.asarray(stored["actions"], dtype=np.float32)
    rewards = np.asarray(stored["rewards"], dtype=np.float32)
    if observations.ndim != 2 or actions.ndim != 2 or len(observations) != len(actions) + 1:
        raise RcdError(
            f"data set '{name}', episode {stored['id']}: observations {observations.shape} and actions "
            f"{actions.shape} are not (T + 1, n) and (T, m)"
        )
    if not (np.isfinite(observations).all() and np.isfinite(actions).all() and np.isfinite(rewards).all()):
        raise RcdError(f"data set '{name}', episode {stored['id']} holds NaN or infinite values: make it again")
    seed = metadata.get("seed")
    return Episode(
        observations=observations,
        actions=actions,
        rewards=rewards,
        terminated=bool(stored["terminations"][-1]),
        truncated=bool(stored["truncations"][-1]),
        seed=None if seed is None else int(seed),
        info={key: _plain(value) for key, value in metadata.items() if key not in _MINARI_ATTRIBUTES},
    )


def _plain(value: Any) -> Any:
    """HDF5 gives NumPy scalars back."""
    return value.item() if isinstance(value, np.generic) else value
