"""LeRobot's data sets, v2.1 (a parquet file an episode) and v3.0 (files of many episodes).

Both have `meta/info.json`, which lists the features, and below `data/` tables with a row a frame: the features'
columns, `timestamp` (s), `frame_index`, `episode_index`, `index`, `task_index`. Videos lie in files of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.formats.recording import FloatArray, RecordedEpisode, Recording, matrix
from rcd_ros.errors import RcdError

FORMAT = "lerobot"
Version = Literal["v2.1", "v3.0"]

_INFO = "meta/info.json"
_BOOKKEEPING = ("timestamp", "frame_index", "episode_index", "index", "task_index")
_REWARD, _DONE, _SUCCESS = "next.reward", "next.done", "next.success"
_EPISODES_A_CHUNK = 1000
_DATA = {
    "v2.1": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
    "v3.0": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
}


@dataclass(frozen=True)
class _Info:
    """What `meta/info.json` says, as far as it is read here."""

    version: str
    rate: float
    features: Mapping[str, Mapping[str, Any]]
    episodes: int

    @property
    def numbers(self) -> list[str]:
        """Features that are numbers in the tables."""
        return [
            key
            for key, feature in self.features.items()
            if key not in _BOOKKEEPING and feature.get("dtype") not in ("image", "video", "string", "language")
        ]

    @property
    def images(self) -> list[str]:
        return [key for key, feature in self.features.items() if feature.get("dtype") in ("image", "video")]


def is_lerobot(path: Path) -> bool:
    """Whether a folder is such a data set."""
    return (path / _INFO).is_file()


def read(path: Path) -> Recording:
    """The episodes of a data set's folder; images are left out.

    Raises:
        RcdError: it is no such data set, is of an older version, or its description cannot be read.
    """
    info = _read_info(path)
    files = sorted((path / "data").glob("*/*.parquet"))
    if not files:
        raise RcdError(f"{path} holds no data/*/*.parquet: download the whole data set")
    lengths = _lengths(path, info)
    notes = [f"images are left out: {', '.join(info.images)}"] if info.images else []
    return Recording(
        FORMAT,
        path,
        partial(_episodes, files, info, lengths),
        len(lengths) or info.episodes,
        period=1.0 / info.rate,
        names={key: names for key in info.numbers if (names := _names(info.features[key]))},
        notes=notes,
    )


def write(
    folder: Path,
    episodes: Sequence[RecordedEpisode],
    period: float,
    *,
    names: Mapping[str, Sequence[str]],
    task: str,
    robot: str | None = None,
    version: Version = "v3.0",
) -> None:
    """Write a data set; every key of the episodes' arrays becomes a feature.

    Args:
        folder: a new one.
        episodes: one or more, of the same keys and widths.
        period: s between two rows.
        names: by key, of its columns.
        task: what was done, in words: LeRobot stores it with each frame.
        robot: kind of robot.
        version: of the layout.

    Raises:
        RcdError: it cannot be written, or the period is no whole number of frames a second (LeRobot's `fps`).
    """
    rate = 1.0 / period
    if abs(rate - round(rate)) > 1e-6 * rate:
        raise RcdError(f"LeRobot counts whole frames a second, this data set has {rate:.6g} of them")
    _Writer(folder, names, task, robot, round(rate), version).write(episodes)


class _Writer:
    def __init__(
        self,
        folder: Path,
        names: Mapping[str, Sequence[str]],
        task: str,
        robot: str | None,
        rate: int,
        version: Version,
    ) -> None:
        self._folder, self._names, self._task, self._robot = folder, names, task, robot
        self._rate, self._version = rate, version

    def write(self, episodes: Sequence[RecordedEpisode]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        first = 0
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
                    pq.write_table(table, self._place(episode_chunk=number // _EPISODES_A_CHUNK, episode_index=number))
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
        place = self._folder / _DATA[self._version].format(**numbers)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _columns(self, episode: RecordedEpisode, number: int, first: int) -> dict[str, NDArray[Any]]:
        rows = np.arange(len(episode))
        columns: dict[str, NDArray[Any]] = {k: values.astype(np.float32) for k, values in episode.arrays.items()}
        if episode.rewards is not None:
            columns[_REWARD] = episode.rewards.astype(np.float32)
            columns[_DONE] = rows == len(episode) - 1
        if episode.success is not None:
            columns[_SUCCESS] = (rows == len(episode) - 1) & episode.success
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
            "total_chunks": 1 + (total - 1) // _EPISODES_A_CHUNK,
        }
        newer = {"data_files_size_in_mb": 100, "video_files_size_in_mb": 200}
        info = {
            "codebase_version": self._version,
            "robot_type": self._robot,
            "total_episodes": total,
            "total_frames": frames,
            "total_tasks": 1,
            **(older if self._version == "v2.1" else newer),
            "chunks_size": _EPISODES_A_CHUNK,
            "fps": self._rate,
            "splits": {"train": f"0:{total}"},
            "data_path": _DATA[self._version],
            "video_path": None,
            "features": features,
        }
        _write_json(self._folder / _INFO, info)

    def _episode(self, number: int, length: int) -> dict[str, Any]:
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

    def _lines(self, name: str, entries: Sequence[Mapping[str, Any]]) -> None:
        text = "".join(json.dumps(entry) + "\n" for entry in entries)
        (self._folder / f"meta/{name}.jsonl").write_text(text)


def _arrow(values: NDArray[Any]) -> Any:
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


def _task_table(task: str) -> Any:
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


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=4) + "\n")


def _read_info(path: Path) -> _Info:
    file = path / _INFO
    if not file.is_file():
        raise RcdError(f"{path} is no LeRobot data set, it has no {_INFO}")
    try:
        content = json.loads(file.read_text())
        info = _Info(
            version=str(content["codebase_version"]),
            rate=float(content["fps"]),
            features={str(key): dict(feature) for key, feature in content["features"].items()},
            episodes=int(content["total_episodes"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RcdError(f"{file} cannot be used: {type(error).__name__} {error}") from error
    if not info.version.startswith(("v2.", "v3.")):
        raise RcdError(f"{path} is of LeRobot's version {info.version}, read are v2.0 to v3: convert it with LeRobot")
    if not info.rate > 0.0:
        raise RcdError(f"{file}: fps must be above 0, got {info.rate:g}")
    return info


def _lengths(path: Path, info: _Info) -> dict[int, int]:
    """Rows of each episode by `meta/episodes...`; empty where it is not there."""
    try:
        if info.version.startswith("v2."):
            lines = (path / "meta/episodes.jsonl").read_text().splitlines()
            return {int(entry["episode_index"]): int(entry["length"]) for entry in map(json.loads, filter(None, lines))}
        found: dict[int, int] = {}
        for file in sorted((path / "meta/episodes").glob("*/*.parquet")):
            table = _table(file, ["episode_index", "length"])
            found |= dict(zip(table["episode_index"].to_pylist(), table["length"].to_pylist(), strict=True))
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RcdError(f"{path}/meta: the list of episodes cannot be read: {error}") from error


def _names(feature: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of a feature's columns: a list, or a list under a word such as `motors`, `axes`."""
    names = feature.get("names")
    if isinstance(names, Mapping):
        names = next((each for each in names.values() if isinstance(each, list)), None)
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _table(file: Path, columns: Sequence[str]) -> Any:
    """Columns of a parquet file.

    Raises:
        RcdError: the file cannot be read, or lacks a column.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise RcdError(f"LeRobot's data need pyarrow ({error}); pip install 'rcd_ros[data]'") from error
    try:
        opened = pq.ParquetFile(file)
        missing = [column for column in columns if column not in opened.schema_arrow.names]
        if missing:
            raise RcdError(f"{file} lacks columns {', '.join(missing)}")
        return opened.read(columns=list(columns))
    except (OSError, ValueError, TypeError, MemoryError, pa.ArrowException) as error:
        raise RcdError(f"{file} cannot be read as parquet: {' '.join(str(error).split())}") from error


def _episodes(files: Sequence[Path], info: _Info, lengths: Mapping[int, int]) -> Iterator[RecordedEpisode]:
    seen: set[int] = set()
    for file in files:
        try:
            table = _table(file, [*info.numbers, "timestamp", "frame_index", "episode_index"])
            columns = {key: _column(key, table[key]) for key in table.column_names}
        except RcdError as error:
            numbered = re.fullmatch(r"episode_(\d+)", file.stem)
            yield RecordedEpisode(file.stem, problem=str(error), number=int(numbered[1]) if numbered else None)
            continue
        index = columns["episode_index"][:, 0].astype(np.int64)
        ends = [*(np.flatnonzero(np.diff(index)) + 1).tolist(), len(index)] if len(index) else []
        for begin, end in zip([0, *ends[:-1]], ends, strict=True):
            number = int(index[begin])
            part = {key: values[begin:end] for key, values in columns.items() if key != "episode_index"}
            yield replace(_episode(number, part, info, lengths.get(number), number in seen), number=number)
            seen.add(number)
    for number in sorted(set(lengths) - seen):
        yield RecordedEpisode(_name(number), problem="its rows are in no file below data/", number=number)


def _episode(
    number: int, columns: dict[str, FloatArray], info: _Info, length: int | None, twice: bool
) -> RecordedEpisode:
    name = _name(number)
    frames, stamps = columns.pop("frame_index")[:, 0], columns.pop("timestamp")[:, 0]
    if twice:
        return RecordedEpisode(name, problem="its rows are in two places")
    if length is not None and length != len(frames):
        return RecordedEpisode(name, problem=f"it has {len(frames)} rows, its description says {length}")
    if not np.array_equal(frames, np.arange(len(frames))):
        return RecordedEpisode(name, problem="its frames are not numbered from 0 without a gap")
    late = np.flatnonzero(~(np.abs(np.diff(stamps) * info.rate - 1.0) <= 0.5))
    if late.size:
        step = float(stamps[late[0] + 1] - stamps[late[0]])
        return RecordedEpisode(
            name,
            problem=f"frames {late[0]} and {late[0] + 1} lie {step:.3g} s apart, a period is {1 / info.rate:.3g} s",
        )
    rewards, success = columns.get(_REWARD), columns.get(_SUCCESS)
    achieved = None if success is None else bool(success.any())
    return RecordedEpisode(
        name,
        columns,
        rewards=None if rewards is None else rewards[:, 0],
        terminated=achieved,
        success=achieved,
    )


def _name(number: int) -> str:
    return f"episode_{number:06d}"


def _column(key: str, column: Any) -> FloatArray:
    """A table's column as (rows, n).

    Raises:
        RcdError: it holds no numbers, or rows of different lengths.
    """
    import pyarrow as pa

    column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    rows = len(column)
    if column.null_count:
        raise RcdError(f"column '{key}' has empty entries")
    while isinstance(column.type, pa.ExtensionType):
        column = column.storage
    while (
        pa.types.is_list(column.type) or pa.types.is_large_list(column.type) or pa.types.is_fixed_size_list(column.type)
    ):
        column = column.flatten()
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)):
        raise RcdError(f"column '{key}' holds {column.type}, not numbers")
    values = column.to_numpy(zero_copy_only=False)
    if rows == 0 or len(values) % rows:
        raise RcdError(f"column '{key}' has rows of different lengths")
    return matrix(values.reshape(rows, -1))
