"""Writes LeRobot's data sets, v2.1 and v3.0; the inverse of `lerobot.read`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.formats.lerobot import DATA, DONE, EPISODES_A_CHUNK, INFO, REWARD, SUCCESS, Version
from rcd_ros.formats.recording import Export, RecordedEpisode

if TYPE_CHECKING:
    import pyarrow as pa


def write(folder: Path, export: Export, version: Version = "v3.0") -> None:
    """Write a data set; every key of the episodes' arrays becomes a feature of numbers of 32 bits.

    The word for the task is stored with each frame. Rewards and success have features where an episode has them.

    Args:
        folder: a new one.
        export: of a known period.
        version: of the layout.

    Raises:
        RcdError: it cannot be written, the period is not known or no whole number of frames a second (LeRobot's `fps`).
    """
    if export.period is None:
        raise RcdError("LeRobot needs a rate, and this data set does not say which task it belongs to")
    rate = 1.0 / export.period
    if abs(rate - round(rate)) > 1e-6 * rate:
        raise RcdError(f"LeRobot counts whole frames a second, this data set has {rate:.6g} of them")
    _Writer(folder, export, round(rate), version).write()


class _Writer:
    """Writes one data set; `rate` in Hz."""

    def __init__(self, folder: Path, export: Export, rate: int, version: Version) -> None:
        self._folder, self._episodes, self._names, self._task = folder, export.episodes, export.names, export.task
        self._rate, self._version = rate, version

    def write(self) -> None:
        """Tables, then what describes them.

        Raises:
            RcdError: a file cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        first, episodes = 0, self._episodes
        tables, described = [], []
        for number, episode in enumerate(episodes):
            columns = self._columns(episode, number, first)
            tables.append(pa.table({key: _arrow(values) for key, values in columns.items()}))
            stats = {key: _statistics(values) for key, values in columns.items()}
            described.append((number, first, len(episode), stats))
            first += len(episode)
        whole = {key: _statistics(np.concatenate([self._columns(e, 0, 0)[key] for e in episodes])) for key in columns}
        try:
            (self._folder / "meta").mkdir(parents=True, exist_ok=True)
            self._write_info(episodes[0], len(episodes), first)
            if self._version == "v2.1":
                for number, table in enumerate(tables):
                    pq.write_table(table, self._place(episode_chunk=number // EPISODES_A_CHUNK, episode_index=number))
                self._lines("episodes", [self._episode(n, length) for n, _, length, _ in described])
                self._lines("episodes_stats", [{"episode_index": n, "stats": stats} for n, _, _, stats in described])
                self._lines("tasks", [{"task_index": 0, "task": self._task}])
            else:
                with pq.ParquetWriter(self._place(chunk_index=0, file_index=0), tables[0].schema) as writer:
                    for table in tables:
                        writer.write_table(table)  # a row group an episode
                rows = [self._described(*each) for each in described]
                target = self._folder / "meta/episodes/chunk-000/file-000.parquet"
                target.parent.mkdir(parents=True)
                pq.write_table(pa.Table.from_pylist(rows), target)
                pq.write_table(_task_table(self._task), self._folder / "meta/tasks.parquet")
                _write_json(self._folder / "meta/stats.json", whole)
        except OSError as error:
            raise RcdError(f"cannot write '{self._folder}' ({error.strerror})") from error

    def _place(self, **numbers: int) -> Path:
        place = self._folder / DATA[self._version].format(**numbers)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _columns(self, episode: RecordedEpisode, number: int, first: int) -> dict[str, NDArray[Any]]:
        rows = np.arange(len(episode))
        columns: dict[str, NDArray[Any]] = {k: values.astype(np.float32) for k, values in episode.arrays.items()}
        if episode.rewards is not None:
            columns[REWARD] = episode.rewards.astype(np.float32)
            columns[DONE] = rows == len(episode) - 1
        if episode.success is not None:
            columns[SUCCESS] = (rows == len(episode) - 1) & episode.success
        return columns | {
            "timestamp": (rows / self._rate).astype(np.float32),
            "frame_index": rows,
            "episode_index": np.full(len(episode), number),
            "index": rows + first,
            "task_index": np.zeros(len(episode), np.int64),
        }

    def _write_info(self, example: RecordedEpisode, total: int, frames: int) -> None:
        features = {
            key: {
                "dtype": str(values.dtype),
                "shape": list(values.shape[1:]) or [1],
                "names": list(self._names[key]) if key in self._names else None,
            }
            for key, values in self._columns(example, 0, 0).items()
        }
        older = {
            "total_videos": 0,
            "total_chunks": 1 + (total - 1) // EPISODES_A_CHUNK,
        }
        newer = {"data_files_size_in_mb": 100, "video_files_size_in_mb": 200}
        info = {
            "codebase_version": self._version,
            "robot_type": None,
            "total_episodes": total,
            "total_frames": frames,
            "total_tasks": 1,
            **(older if self._version == "v2.1" else newer),
            "chunks_size": EPISODES_A_CHUNK,
            "fps": self._rate,
            "splits": {"train": f"0:{total}"},
            "data_path": DATA[self._version],
            "video_path": None,
            "features": features,
        }
        _write_json(self._folder / INFO, info)

    def _episode(self, number: int, length: int) -> dict[str, object]:
        return {"episode_index": number, "tasks": [self._task], "length": length}

    def _described(self, number: int, first: int, length: int, stats: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **self._episode(number, length),
            "data/chunk_index": 0,
            "data/file_index": 0,
            "dataset_from_index": first,
            "dataset_to_index": first + length,
            **{f"stats/{key}/{name}": value for key, values in stats.items() for name, value in values.items()},
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
        }

    def _lines(self, name: str, entries: Sequence[Mapping[str, object]]) -> None:
        text = "".join(json.dumps(entry) + "\n" for entry in entries)
        (self._folder / f"meta/{name}.jsonl").write_text(text)


def _arrow(values: NDArray[Any]) -> pa.Array:
    """A table's column: numbers, or lists of a fixed length."""
    import pyarrow as pa

    if values.ndim == 1 or values.shape[1] == 1:  # LeRobot stores the shape [1] as plain numbers
        return pa.array(values.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _statistics(values: NDArray[Any]) -> dict[str, list[float]]:
    """What LeRobot keeps of a column to normalise it, one value a column."""
    table = values.reshape(len(values), -1).astype(np.float64)
    quantiles = {f"q{100 * share:02.0f}": np.quantile(table, share, axis=0) for share in (0.01, 0.1, 0.5, 0.9, 0.99)}
    found = {"min": table.min(0), "max": table.max(0), "mean": table.mean(0), "std": table.std(0), **quantiles}
    return {name: each.tolist() for name, each in found.items()} | {"count": [len(values)]}


def _task_table(task: str) -> pa.Table:
    """`meta/tasks.parquet`: LeRobot reads it with pandas, which takes the index's column from the schema's notes."""
    import pyarrow as pa

    columns = [
        {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"},
        {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object"},
    ]
    about = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [{**column, "metadata": None} for column in columns],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.0.0",
    }
    table = pa.table({"task_index": pa.array([0], pa.int64()), "task": pa.array([task], pa.string())})
    return table.replace_schema_metadata({"pandas": json.dumps(about)})


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=4) + "\n")
